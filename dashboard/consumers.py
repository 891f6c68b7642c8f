"""The sockets of the live feed: who may listen, to which scale sets, from which position on. The relay does the rest."""

import json
import re
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils import timezone

from dashboard.connections import ForeignOrigin, viewer_of
from dashboard.listener import NOT_SIGNED_IN, Listener, Send, positions
from dashboard.relay import Relay
from dashboard.viewers import BadTokens, NotLetIn
from upgrades.feed import frames

BAD_REQUEST = 4400
# The extensions with which a server takes a text, and hands one on, without ASGI's messages (dashboard/uvicorn_channel.py).
WRITE, HEAR = "rollgrid.write", "rollgrid.hear"
ACKNOWLEDGEMENT = re.compile(r'\{"ack": ?([0-9]{1,15})\}')


@cache
def relay() -> Relay:
    """The relay of this process."""
    return Relay(timezone.now)


class FeedConsumer(AsyncWebsocketConsumer):
    """/ws/feed/?sets=rg/name,...&since=rg/name:stream.seq,...: docs/feed.md"""

    listener: Listener | None = None

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels does, without closing old connections to the database first: that is a thread's visit for each acknowledgement."""
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        try:
            viewer = await viewer_of(self.scope)
        except ForeignOrigin:
            await self.close()  # before the socket opens: answered with HTTP status 403
            return
        except (NotLetIn, BadTokens) as refusal:
            await self.accept()
            code = BAD_REQUEST if isinstance(refusal, BadTokens) else NOT_SIGNED_IN
            await self._refuse(code, refusal.code, str(refusal))
            return
        await self.accept()
        try:
            query = parse_qs(self.scope["query_string"].decode())
            self.listener = Listener(sets_in(query), since_in(query), self._sender(), self.close, viewer)
        except ValueError as error:
            await self._refuse(BAD_REQUEST, "BadRequest", str(error))
            return
        if hear := self._extension(HEAR):
            hear(self.hears)
        await relay().join(self.listener)

    async def disconnect(self, code: int) -> None:
        if self.listener:
            relay().leave(self.listener)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.listener is None:
            return
        try:
            acknowledged, since = _understood(json.loads(text_data or ""))
        except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError):
            message = 'a client says {"ack": n} or {"type": "resume", "since": {"rg/name": "stream.seq"}}'
            await self._refuse(BAD_REQUEST, "BadRequest", message)
            return
        if acknowledged is not None:
            await relay().acknowledged(self.listener, acknowledged)
        else:
            await relay().resume(self.listener, since)

    def _extension(self, name: str) -> Any:
        extensions: dict[str, Any] = self.scope.get("extensions") or {}
        return extensions.get(name)

    def hears(self, text: str) -> bool:
        """Take an acknowledgement of a client that is not behind: nothing is to be sent for it. True if it was one."""
        found = ACKNOWLEDGEMENT.fullmatch(text)
        if found is None or self.listener is None or self.listener.is_behind:
            return False
        self.listener.acknowledge(int(found[1]))
        return True

    def _sender(self) -> Send:
        """How a text is sent: past ASGI where the server offers it. The relay sends ten thousand texts a second."""
        write = self._extension(WRITE)

        async def send(text: str) -> None:
            await self.base_send({"type": "websocket.send", "text": text, "bytes": None})

        async def send_at_once(text: str) -> None:
            write(text)

        return send_at_once if write else send

    async def _refuse(self, close: int, code: str, message: str) -> None:
        await self.send(text_data=frames.error(code, message, timezone.now()))
        await self.close(close)


def _understood(message: Any) -> tuple[int | None, dict[str, str]]:
    """(the number of the acknowledged heartbeat, {}), or (None, {scale set: "stream.seq"}) for a resume.

    Nonsense raises whatever it happens to; the caller catches these.
    """
    if "ack" in message:
        return int(message["ack"]), {}
    if message["type"] != "resume":
        raise ValueError("neither an acknowledgement nor a resume")
    since = {str(key).lower(): str(position) for key, position in message["since"].items()}
    positions(since)
    return None, since


def _words(query: dict[str, list[str]], name: str) -> list[str]:
    return [word for given in query.get(name, ()) for word in given.split(",") if word]


def sets_in(query: dict[str, list[str]]) -> frozenset[str] | None:
    return frozenset(word.lower() for word in _words(query, "sets")) or None


def since_in(query: dict[str, list[str]]) -> dict[str, str]:
    """{scale set: "stream.seq"}. Raises ValueError."""
    since = {}
    for word in _words(query, "since"):
        key, colon, position = word.partition(":")
        if not colon:
            raise ValueError(f"since is rg/name:stream.seq,..., not {word[:200]!r}")
        since[key.lower()] = position
    return since
