"""Who acts on the pages and in the admin, for the audit trail. The API and the terminal have code of their own for it."""

import uuid
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

from upgrades.commands import audit, people
from upgrades.core.auditing import Actor, EntryPoint, ObjectKind, Who


@sync_and_async_middleware
def audit_actor(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: the person whose request it is becomes the actor of all audit entries that it writes."""

    def answer(request: HttpRequest) -> Any:
        with audit.as_actor(lambda: actor_of(request)):
            response = get_response(request)
            _note_forbidden(request, response)
            return response

    async def answer_later(request: HttpRequest) -> Any:
        with audit.as_actor_until_written(lambda: actor_of(request)) as scope:
            try:
                response = await get_response(request)
                if _is_forbidden(request, response):
                    await sync_to_async(_note_forbidden)(request, response)
                return response
            finally:
                if scope.refusals:
                    await sync_to_async(audit.write_refusals)(scope)

    return answer_later if iscoroutinefunction(get_response) else answer


def _is_forbidden(request: HttpRequest, response: Any) -> bool:
    """Whether the request tried to change something and was forbidden. Not being allowed to see a page does not count."""
    return response.status_code == 403 and request.method not in ("GET", "HEAD", "OPTIONS")


def _note_forbidden(request: HttpRequest, response: Any) -> None:
    """Write to the audit trail that a signed-in person tried what their account may not do."""
    if not _is_forbidden(request, response) or actor_of(request).who is not Who.PERSON:
        return
    path, message = f"{request.method} {request.path_info}", "The account does not have the permission."
    audit.record_refusal("AccessRefused", ObjectKind.ADDRESS, path, "AuthorizationFailed", message, now=timezone.now())


def actor_of(request: HttpRequest) -> Actor:
    """Who makes this request. Called only when there is something to write: the user costs a query, and may change within the request."""
    user = getattr(request, "user", None)
    is_somebody = user is not None and user.is_authenticated
    who, name, pk = (Who.PERSON, user.get_username(), str(user.pk)) if user and is_somebody else (Who.NOBODY, "", "")
    entry_point = EntryPoint.ADMIN if request.path_info.startswith("/admin/") else EntryPoint.PAGE
    return Actor(who, name, pk, entry_point, address_of(request), request_id_of(request))


def address_of(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def request_id_of(request: HttpRequest) -> str:
    """The request's id, the same for all entries that it writes."""
    found: str = request.META.setdefault("rollgrid.request_id", str(uuid.uuid4()))
    return found


def signed_out_actor(request: HttpRequest) -> Actor:
    """The actor of a request by somebody who has not signed in."""
    return Actor(Who.NOBODY, "", "", EntryPoint.PAGE, address_of(request), request_id_of(request))


class PasswordLength(MinimumLengthValidator):
    """Django's validator, which also writes every change of a password to the audit trail: Django tells validators of all of them."""

    def password_changed(self, password: str, user: AbstractBaseUser) -> None:
        people.password_changed(user.get_username(), user.pk)
