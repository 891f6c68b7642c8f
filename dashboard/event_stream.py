"""GET /feed/events: the feed as server-sent events, for browsers and programs where websockets do not get through. docs/feed.md

It is served here and not by a view: each of Django's requests would keep a thread, and a connection to the database, for hours.

A client of a stream acknowledges nothing. Instead a heartbeat counts as acknowledged when the server could hand it on to the network: while
the client does not read, the transport's buffer is full, nothing is written, and the relay treats the client as any that is behind
(listener.py). So what waits here has the same bound.
"""

import asyncio
import json
import logging
from collections import deque
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from channels.auth import AuthMiddlewareStack
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from dashboard.connections import ForeignOrigin, has_token, header, is_ours, viewer_of
from dashboard.consumers import relay, sets_in, since_in
from dashboard.cors import FOREIGN_ORIGIN, NAME_IT, cors_headers, refusal_headers
from dashboard.listener import Listener
from dashboard.viewers import BadTokens, NotLetIn, Viewer

PATH = "/feed/events"
FLOW = "rollgrid.flow"  # the extension with which our server says whether the client reads (dashboard/channel.py, uvicorn_channel.py)
MAX_ID_BYTES = 8_000  # browsers send it back in a header, and all headers together have 16 KB
RETRY_MS = 2000
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
)

log = logging.getLogger(__name__)


class EventStreams:
    """An ASGI application that answers GET /feed/events, and hands all other requests to the one that it wraps."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._with_session: Any = AuthMiddlewareStack(answer)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not _is_for_us(scope):
            await self._application(scope, receive, send)
        else:
            let_in: Any = answer if has_token(scope) else self._with_session
            await let_in(scope, receive, send)


def _is_for_us(scope: Any) -> bool:
    """Whether it is a request for events. Those to another host, or that are to be sent on to https, are answered as any other."""
    if scope["type"] != "http" or scope["path"].removeprefix(scope.get("root_path", "")) != PATH:
        return False
    host, _ = split_domain_port(header(scope, b"host"))
    is_safe = scope.get("scheme") == "https" or not settings.SECURE_SSL_REDIRECT
    return (
        scope["method"] == "GET"
        and is_safe
        and bool(host)
        and validate_host(host, settings.ALLOWED_HOSTS or ["localhost"])
    )


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Let the client in and send it events, or refuse it."""
    try:
        viewer = await viewer_of(scope)
        query = parse_qs(scope["query_string"].decode("latin1"))
        since = since_in({"since": [header(scope, b"last-event-id")]} if header(scope, b"last-event-id") else query)
        stream = EventStream(viewer, send, scope.get("extensions", {}).get(FLOW))
        stream.listener = StreamListener(stream, sets_in(query), since, viewer)
    except ForeignOrigin:
        await _refuse(scope, send, 403, FOREIGN_ORIGIN, NAME_IT)
    except NotLetIn as refusal:
        await _refuse(scope, send, 401, refusal.code, str(refusal))
    except (BadTokens, ValueError) as error:
        await _refuse(scope, send, 400, "BadRequest", str(error))
    else:
        await stream.run(receive, _allowed(scope, viewer))


def _allowed(scope: Any, viewer: Viewer) -> list[tuple[bytes, bytes]]:
    origin = "" if is_ours(scope) else header(scope, b"origin")
    return _encoded(cors_headers(origin, viewer.origins))


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def _refuse(scope: Any, send: Any, status: int, code: str, message: str) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    more = refusal_headers() if has_token(scope) else {"Vary": "Origin"}
    headers = _encoded({"Content-Type": "application/json", "Cache-Control": "no-store", **more})
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class StreamListener(Listener):
    """A client of a stream: each heartbeat is followed by a mark in the stream, which acknowledges it when it is reached."""

    def __init__(
        self, stream: "EventStream", keys: frozenset[str] | None, since: dict[str, str], viewer: Viewer
    ) -> None:
        super().__init__(keys, since, stream.take, stream.close, viewer)
        self._stream = stream
        self._reset: dict[str, str] = {}  # why, of each scale set whose snapshot the client may not have yet

    async def send_reset(self, key: str, stream: str, seq: int, reason: str, now: datetime) -> None:
        self._reset[key] = reason
        await super().send_reset(key, stream, seq, reason, now)

    async def send_heartbeat(self, number: int, text: str) -> None:
        await super().send_heartbeat(number, text)
        self._reset = {key: reason for key, reason in self._reset.items() if reason == "gone"}
        self._stream.mark(number)

    def event_id(self) -> str:
        """Its positions, as `since` takes them. The client is told to fetch anew the snapshots of those that are left out.

        These are those that have no room, that are gone, and that were reset since the last heartbeat: a client that was told just now to
        fetch a snapshot, and loses the connection before it could, is told again.
        """
        places = {key: place for key, place in self.positions_now().items() if key not in self._reset}
        text = ",".join(f"{key}:{stream}.{seq}" for key, (stream, seq) in places.items())
        return text if len(text) <= MAX_ID_BYTES else text[:MAX_ID_BYTES].rpartition(",")[0]


class EventStream:
    """What waits to be written to one client: texts of events, and the numbers of heartbeats that all before them was written for."""

    listener: StreamListener

    def __init__(self, viewer: Viewer, send: Any, flow: Any) -> None:
        self._send = send
        self._flow = flow
        self._waiting: deque[bytes | int] = deque()
        self._has_more = asyncio.Event()
        self._is_closed = asyncio.Event()

    async def take(self, text: str) -> None:
        """Keep a message until it can be written. Never waits: the relay serves all its clients in turn."""
        self._waiting.append(f"id: {self.listener.event_id()}\ndata: {text}\n\n".encode())
        self._has_more.set()

    def mark(self, number: int) -> None:
        self._waiting.append(number)
        self._has_more.set()

    async def close(self, code: int) -> None:
        """End the stream. Of what still waits only the last message, which says why, is written, and that only if the client reads."""
        self._is_closed.set()

    async def run(self, receive: Any, more_headers: list[tuple[bytes, bytes]]) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *more_headers]})
        await self._write(f"retry: {RETRY_MS}\n: the feed begins\n\n".encode())
        tasks = [asyncio.create_task(act) for act in (self._serve(), _gone(receive), self._is_closed.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for error in (task.exception() for task in done):
                if error:
                    log.error("a stream of events stumbled", exc_info=error)
        finally:
            relay().leave(self.listener)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._end()

    async def _end(self) -> None:
        if self._flow and self._flow.is_stuck:
            self._flow.cut()
            return
        if self._flow:
            self._flow.end()
        texts = [waiting for waiting in self._waiting if isinstance(waiting, bytes)]
        await self._write(b"".join(texts[-1:]) if self._is_closed.is_set() else b"", more=False)

    async def _serve(self) -> None:
        """Join the relay, and write for ever what it sends."""
        joining = asyncio.create_task(relay().join(self.listener))
        try:
            while True:
                await self._has_more.wait()
                self._has_more.clear()
                while self._waiting:
                    await self._next()
        finally:
            joining.cancel()
            with suppress(asyncio.CancelledError):
                await joining

    async def _next(self) -> None:
        if self._flow:
            await self._flow.wait()
        waiting = self._waiting.popleft()
        if isinstance(waiting, bytes):
            await self._write(waiting)
        else:
            await relay().acknowledged(self.listener, waiting)

    async def _write(self, text: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": more})


async def _gone(receive: Any) -> None:
    """Return when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
