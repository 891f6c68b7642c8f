"""The Content-Security-Policy of answers, and signing in and out, with a throttle against guessing passwords."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy, override

from dashboard.auditing import actor_of, signed_out_actor
from dashboard.content_policy import POLICY
from upgrades import sign_ins
from upgrades.commands import people
from upgrades.core.auditing import Who
from upgrades.sign_ins import CountedTry, TooManyTries


@sync_and_async_middleware
def content_security_policy(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: put POLICY on every answer, the admin's too."""

    def answer(request: HttpRequest) -> Any:
        return _with_policy(get_response(request))

    async def answer_later(request: HttpRequest) -> Any:
        return _with_policy(await get_response(request))

    return answer_later if iscoroutinefunction(get_response) else answer


def _with_policy(response: Any) -> Any:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    return response


class SignInForm(AuthenticationForm):
    """Django's form, with the throttle that all entry points share. A form without name or password does not count as a try."""

    attempt: CountedTry | None = None
    waits: TooManyTries | None = None

    def clean(self) -> dict[str, Any]:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not (name and password):
            return super().clean()
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        try:
            self.attempt = sign_ins.begin(name, address, timezone.now())
        except TooManyTries as waits:
            self.waits = waits
            raise _has_to_wait(waits.seconds) from None
        return self._checked(name, self.attempt)

    def _checked(self, name: str, attempt: CountedTry) -> dict[str, Any]:
        try:
            cleaned = super().clean()
        except ValidationError:
            is_known = get_user_model().objects.filter(username=name).exists()
            sign_ins.failed(attempt, repr(name) if is_known else "an account that there is not", timezone.now())
            raise
        sign_ins.succeeded(attempt, timezone.now())
        return cleaned

    def get_invalid_login_error(self) -> ValidationError:
        left = self.attempt.left if self.attempt else 0
        if not left:
            return ValidationError(_("User name and password do not match. Too many tries: wait before you try again."))
        says = ngettext_lazy(
            "User name and password do not match. %(left)s try left.",
            "User name and password do not match. %(left)s tries left.",
            "left",
        )
        return ValidationError(says, params={"left": left})


def _has_to_wait(seconds: int) -> ValidationError:
    """The refusal of a further try. Minutes are rounded up."""
    if seconds < 60:
        says = ngettext_lazy(
            "Too many tries. Try again in %(count)s second.", "Too many tries. Try again in %(count)s seconds.", "count"
        )
        return ValidationError(says, params={"count": seconds})
    says = ngettext_lazy(
        "Too many tries. Try again in %(count)s minute.", "Too many tries. Try again in %(count)s minutes.", "count"
    )
    return ValidationError(says, params={"count": -(-seconds // 60)})


class SignInView(LoginView):
    """Django's view, which answers 429 with Retry-After where somebody has to wait, and writes to the audit trail."""

    template_name = "login.html"
    authentication_form = SignInForm

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_valid(form)
        people.signed_in(actor_of(self.request), timezone.now())
        return answer

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_invalid(form)
        self._write(form)
        if isinstance(form, SignInForm) and form.waits:
            answer.status_code = 429
            answer.headers["Retry-After"] = str(form.waits.seconds)
        return answer

    def _write(self, form: AuthenticationForm) -> None:
        """Write a refused sign-in to the audit trail, unless the form had no name or no password."""
        name, password = form.cleaned_data.get("username"), form.cleaned_data.get("password")
        if not (name and password):
            return
        is_known = get_user_model().objects.filter(username=name).exists()
        waits = isinstance(form, SignInForm) and form.waits
        code = "TooManyTries" if waits else "InvalidCredentials"
        with override("en"):  # the audit trail has one language
            errors = form.non_field_errors().as_data()
            message = next((error.messages[0] for error in errors if isinstance(error, ValidationError)), "")
        people.sign_in_refused(name if is_known else "", code, message, signed_out_actor(self.request), timezone.now())


class SignOutView(LogoutView):
    """Django's view, which also writes to the audit trail."""

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        by = actor_of(request)
        answer = super().post(request, *args, **options)
        if by.who is Who.PERSON:
            people.signed_out(by, timezone.now())
        return answer
