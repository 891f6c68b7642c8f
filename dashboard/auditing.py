"""Who acts on the pages and in the admin, for the audit trail. The API and the terminal say it themselves."""

import uuid
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

from upgrades.commands import audit
from upgrades.core.auditing import Actor, EntryPoint, Who


@sync_and_async_middleware
def audit_actor(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Has everything that a request does written down as done by the person whose request it is."""

    def answer(request: HttpRequest) -> Any:
        with audit.acting(lambda: actor_of(request)):
            return get_response(request)

    async def answer_later(request: HttpRequest) -> Any:
        with audit.acting_until_written(lambda: actor_of(request)) as scope:
            try:
                return await get_response(request)
            finally:
                if scope.refusals:
                    await sync_to_async(audit.write_refusals)(scope)

    return answer_later if iscoroutinefunction(get_response) else answer


def actor_of(request: HttpRequest) -> Actor:
    """Asked for when there is something to write: who is signed in costs a query, and may change within the request."""
    user = getattr(request, "user", None)
    is_somebody = user is not None and user.is_authenticated
    who, name, pk = (Who.PERSON, user.get_username(), str(user.pk)) if user and is_somebody else (Who.NOBODY, "", "")
    entry_point = EntryPoint.ADMIN if request.path_info.startswith("/admin/") else EntryPoint.PAGE
    return Actor(who, name, pk, entry_point, address_of(request), request_id_of(request))


def address_of(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def request_id_of(request: HttpRequest) -> str:
    """One for all that the request does."""
    found: str = request.META.setdefault("rollgrid.request_id", str(uuid.uuid4()))
    return found
