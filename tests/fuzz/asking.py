"""Requests to the whole application in this process, as Daphne hands them on: whatever a socket can say that Daphne lets through."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from asgiref.sync import async_to_sync
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Ask:
    """One request. `target` is the address as it stands in the request line."""

    method: str
    target: str
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    client: str = "127.0.0.1"

    def scope(self) -> dict[str, Any]:
        path, _, query = self.target.partition("?")
        names = {name.lower() for name, _ in self.headers}
        host = [] if b"host" in names else [(b"host", b"localhost")]
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [*host, (b"content-length", str(len(self.body)).encode()), *self.headers],
            "client": [self.client, 50_000],
            "server": ["127.0.0.1", 8000],
        }


@dataclass(frozen=True)
class Said:
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()


def ask(request: Ask) -> Said:
    """Its answer. Raises what the application raises."""
    with connection_stays_open():
        return async_to_sync(_ask)(request)


@contextmanager
def connection_stays_open() -> Iterator[None]:
    """The test's own connection to the database stays open between two requests."""
    ends = (request_started, request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    try:
        yield
    finally:
        for end in ends:
            end.connect(close_old_connections)


async def _ask(request: Ask) -> Said:
    from dashboard import asgi

    application: Any = asgi.application

    said: list[dict[str, Any]] = []
    asked = iter([{"type": "http.request", "body": request.body, "more_body": False}])
    forever = asyncio.Event()

    async def receive() -> dict[str, Any]:
        message = next(asked, None)
        if message is None:
            await forever.wait()
        return message or {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.append(message)

    await application(request.scope(), receive, send)
    start, *rest = said
    headers = [(name.decode("latin1").lower(), value.decode("latin1")) for name, value in start["headers"]]
    cookies = tuple(value for name, value in headers if name == "set-cookie")
    return Said(start["status"], dict(headers), b"".join(part.get("body", b"") for part in rest), cookies)
