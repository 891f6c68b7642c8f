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

from dashboard.sessions import SessionIdentity
from dashboard.viewers import SIGN_IN, BadTokens, NotLetIn, Viewer, token_in, viewer_with


class ForeignOrigin(Exception):
    """A page of an origin that the link does not name."""


def header(scope: Any, name: bytes) -> str:
    """The header's value, "" where there is none."""
    return next((value.decode("latin1") for header, value in scope["headers"] if header == name), "")


def is_ours(scope: Any) -> bool:
    """Whether the page that asks is one of this server: its Origin has the host and port of the Host header.

    Channels' own validator compares with the allowed hosts, without ports: a page of another program on the same host would pass.
    """
    origin = urlsplit(header(scope, b"origin").lower())
    return bool(origin.netloc) and origin.netloc == header(scope, b"host").lower()


def token_of(scope: Any) -> str | None:
    """The token of a connection; None where it has none. Raises BadTokens where there are several."""
    return token_in(scope["query_string"], header(scope, b"authorization"))


class TokenOrSession:
    """An ASGI application: connections with a token go on as they are, others with their session if a page of ours opened them."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._with_session = AllowedHostsOriginValidator(SameOrigin(AuthMiddlewareStack(application)))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            has_token = token_of(scope) is not None
        except BadTokens:
            has_token = True  # the application refuses it
        await (self._application if has_token else self._with_session)(scope, receive, send)


class SameOrigin:
    """Refuses (403) a socket that no page of this server opens."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._denier: Any = WebsocketDenier()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await (self._application if is_ours(scope) else self._denier)(scope, receive, send)


async def viewer_of(scope: Any) -> Viewer:
    """Who opens this connection. Raises NotLetIn, BadTokens, and ForeignOrigin."""
    token = token_of(scope)
    if token is None:
        return _signed_in(scope)
    may_be_told = is_ours(scope) or not header(scope, b"origin")
    try:
        viewer: Viewer = await database_sync_to_async(viewer_with)(token, timezone.now())
    except NotLetIn as refusal:
        raise refusal if may_be_told else ForeignOrigin from None
    if not may_be_told and header(scope, b"origin").lower() not in viewer.origins:
        raise ForeignOrigin
    return viewer


def _signed_in(scope: Any) -> Viewer:
    user = scope.get("user")
    if user is None or not user.is_authenticated:
        raise NotLetIn("NotSignedIn", SIGN_IN)
    return Viewer(session=SessionIdentity(str(scope["session"].session_key), user.pk, user.password))
