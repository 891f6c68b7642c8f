"""What a page may load, and how often somebody may guess a password."""

import hashlib
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.forms import AuthenticationForm
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

# No inline scripts and styles, nothing from elsewhere. To a browser 'self' covers the feed's socket on our own host too.
POLICY = "default-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

MOST_TRIES = 5  # with one user name from one address
FORGET_SECONDS = 300  # after the first of them


@sync_and_async_middleware
def content_security_policy(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Puts POLICY on every answer, the admin's too."""

    def answer(request: HttpRequest) -> Any:
        return _with_policy(get_response(request))

    async def answer_later(request: HttpRequest) -> Any:
        return _with_policy(await get_response(request))

    return answer_later if iscoroutinefunction(get_response) else answer


def _with_policy(response: Any) -> Any:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    return response


class SignInForm(AuthenticationForm):
    """Django's, with a limit: each try is counted before the password is looked at, so that many at once do not slip through."""

    tries = 0

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username", "")
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        self.tries = _count_try(name, address)
        if self.tries > MOST_TRIES:
            raise ValidationError(f"Too many tries. Wait {FORGET_SECONDS // 60} minutes, then try again.")
        cleaned = super().clean()
        cache.delete(_key(name, address))
        return cleaned

    def get_invalid_login_error(self) -> ValidationError:
        left = MOST_TRIES - self.tries
        rest = f"{left} {'try' if left == 1 else 'tries'} left." if left else "That was the last try for now."
        return ValidationError(f"That user name and password do not match. {rest}")


def _count_try(name: str, address: str) -> int:
    """How many there have been, with this one. They are kept in this process's memory: there is one web server."""
    key = _key(name, address)
    cache.add(key, 0, FORGET_SECONDS)
    try:
        return cache.incr(key)
    except ValueError:  # forgotten just now
        return 1


def _key(name: str, address: str) -> str:
    return "tries:" + hashlib.sha256(f"{address} {name.lower()}".encode()).hexdigest()
