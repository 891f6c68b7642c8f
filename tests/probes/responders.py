"""Real sockets to probe, and an engine that probes them."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import cast

from upgrades.probes.engine import Engine
from upgrades.probes.targets import ProbeProtocol, ProbeSettings, Result, Target

HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


class Connection(asyncio.Protocol):
    """One accepted connection: says what it is asked, does what the responder's `answer` says."""

    def __init__(self, responder: "Responder") -> None:
        self.responder = responder
        self.asked = b""
        self.lost: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class
        self.responder.made(self)

    def data_received(self, data: bytes) -> None:
        self.asked += data
        is_hello = self.asked.startswith(b"\x16")  # of TLS, which this server does not speak
        if is_hello or self.asked.endswith(b"\r\n\r\n"):
            self.responder.answer(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc
        self.responder.open.discard(self)

    def reset(self) -> None:
        abort = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abort)
        self.transport.abort()

    def trickle(self, left: bytes, every: float) -> None:
        """Sends one byte at a time."""
        if left and not self.transport.is_closing():
            self.transport.write(left[:1])
            asyncio.get_running_loop().call_later(every, self.trickle, left[1:], every)


Answer = Callable[[Connection], None]


class Responder:
    """A server on 127.0.0.1 that remembers all its connections."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.port = 0
        self.connections: list[Connection] = []
        self.open: set[Connection] = set()
        self.most_open = 0
        self.closing = False

    def made(self, connection: Connection) -> None:
        if self.closing:
            connection.transport.abort()
        self.connections.append(connection)
        self.open.add(connection)
        self.most_open = max(self.most_open, len(self.open))


def reply(data: bytes, *, close: bool = False) -> Answer:
    def answer(connection: Connection) -> None:
        connection.transport.write(data)
        if close:
            connection.transport.close()

    return answer


def stall(connection: Connection) -> None:
    """Never answers."""


@contextlib.asynccontextmanager
async def responding(
    answer: Answer, host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Responder]:
    responder = Responder(answer)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(responder), host, 0, backlog=1024, ssl=tls)
    responder.port = server.sockets[0].getsockname()[1]
    try:
        yield responder
    finally:
        responder.closing = True
        for _ in range(10):  # asyncio trips over a server that is closed while a connection is being accepted
            await asyncio.sleep(0)
        server.close()
        for connection in responder.open:
            connection.transport.abort()
        await until(lambda: not responder.open)


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """A port of 127.0.0.1 that is taken but refuses all connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """A port of 127.0.0.1 that drops every attempt to connect, because its backlog is full and nobody accepts."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


class Probing:
    """A running engine and all its results."""

    def __init__(self, max_in_flight: int, max_young: int) -> None:
        self.results: list[Result] = []
        self.engine = Engine(self.results.append, max_in_flight=max_in_flight, max_young=max_young)

    def of(self, *keys: int) -> list[Result]:
        return [result for result in self.results if result.target.key in keys]


@contextlib.asynccontextmanager
async def probing(*, max_in_flight: int = 512, max_young: int = 256) -> AsyncIterator[Probing]:
    running = Probing(max_in_flight, max_young)
    task = asyncio.create_task(running.engine.run())
    try:
        yield running
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Waits for something to become true; raises where it does not in this time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not happen in {seconds} s")
        await asyncio.sleep(0)


async def passed(seconds: float) -> None:
    """Lets the loop run for this long: for what must NOT happen meanwhile."""
    end = time.monotonic() + seconds
    await until(lambda: time.monotonic() >= end, seconds + 5)


def http(port: int, key: int = 1, *, path: str = "/health", interval: float = 5, host: str = "127.0.0.1") -> Target:
    return Target(key, host, port, "disk-1", ProbeSettings(ProbeProtocol.HTTP, path, interval, 2))


def tcp(port: int, key: int = 1, *, interval: float = 5, host: str = "127.0.0.1") -> Target:
    return Target(key, host, port, "disk-1", ProbeSettings(ProbeProtocol.TCP, "", interval, 2))


def https(port: int, key: int = 1, *, path: str = "/health", interval: float = 5, host: str = "127.0.0.1") -> Target:
    return Target(key, host, port, "disk-1", ProbeSettings(ProbeProtocol.HTTPS, path, interval, 2))


def rich(target: Target, *, grace: float = 30) -> Target:
    """The same, probed as version 2 of the Application Health extension does."""
    return replace(target, settings=replace(target.settings, is_rich=True, grace_seconds=grace))


async def first_result(target: Target) -> Result:
    async with probing() as running:
        running.engine.set_targets(1, [target])
        await until(lambda: running.results)
        return running.results[0]
