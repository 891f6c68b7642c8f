"""Who opens a socket or a stream of the feed, by what the server tells of the connection: its token, else its session.

Browsers send our cookies with a socket, whatever page opens it. So with a session only pages of this server may open one; with a link also
pages of the link's origins, and programs that have no origin.
"""

from typing import Any
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.security.websocket import AllowedHostsOriginValidator, WebsocketDenier
from django.utils import timezone

from dashboard import viewers
from dashboard.sessions import SessionIdentity
from dashboard.viewers import (
    ONE_TOKEN,
    SIGN_IN,
    BadTokens,
    NotLetIn,
    Viewer,
    ticket_in,
    token_in,
    viewer_with,
    viewer_with_ticket,
)


class ForeignOrigin(Exception):
    """A page of an origin that the link does not name, or of another site with our cookie or with nothing."""


def header(scope: Any, name: bytes) -> str:
    """The header's value, "" where there is none."""
    return next((value.decode("latin1") for header, value in scope["headers"] if header == name), "")


def is_ours(scope: Any) -> bool:
    """Whether the page that asks is one of this server: its Origin has the host and port of the Host header.

    Channels' own validator compares with the allowed hosts, without ports: a page of another program on the same host would pass.
    """
    origin = urlsplit(header(scope, b"origin").lower())
    return bool(origin.netloc) and origin.netloc == header(scope, b"host").lower()


def has_token(scope: Any) -> bool:
    return viewers.has_token(scope["query_string"], header(scope, b"authorization"))


def _given(scope: Any) -> tuple[str | None, str | None]:
    """(token, ticket) of a connection, of which at most one is given. Raises BadTokens where there are several."""
    query = scope["query_string"]
    token, ticket = token_in(query, header(scope, b"authorization")), ticket_in(query)
    if token is not None and ticket is not None:
        raise BadTokens(ONE_TOKEN)
    return token, ticket


class TokenOrSession:
    """An ASGI application: connections with a token go on as they are, others with their session if a page of ours opened them."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._with_session = AllowedHostsOriginValidator(SameOrigin(AuthMiddlewareStack(application)))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await (self._application if has_token(scope) else self._with_session)(scope, receive, send)


class SameOrigin:
    """Refuses (403) a socket that no page of this server opens."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._denier: Any = WebsocketDenier()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await (self._application if is_ours(scope) else self._denier)(scope, receive, send)


async def viewer_of(scope: Any) -> Viewer:
    """Who opens this connection. Raises NotLetIn, BadTokens, and ForeignOrigin."""
    token, ticket = _given(scope)
    may_be_told = is_ours(scope) or not header(scope, b"origin")
    if token is None and ticket is None:
        return _signed_in(scope, may_be_told)
    look_up = database_sync_to_async(viewer_with if ticket is None else viewer_with_ticket)
    viewer: Viewer = await look_up(token or ticket or "", timezone.now())
    if not may_be_told and header(scope, b"origin").lower() not in viewer.origins:
        raise ForeignOrigin
    return viewer


def _signed_in(scope: Any, may_be_told: bool) -> Viewer:
    if not may_be_told:
        raise ForeignOrigin
    user = scope.get("user")
    if user is None or not user.is_authenticated:
        raise NotLetIn("NotSignedIn", SIGN_IN)
    return Viewer(session=SessionIdentity(str(scope["session"].session_key), user.pk, user.password))
