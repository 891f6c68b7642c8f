"""The clients that a measurement of live messages counts with: bare protocols, which note when each numbered frame came."""

import asyncio
import base64
import contextlib
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench._running import cpu_of

FRAMES = 50
EVERY_SECONDS = 0.1
AT_ONCE = 20  # connections being opened
MARK = b'"health_detail":"'  # followed by the frame's number, eight digits
PAD = "x" * 870
DRAIN_SECONDS = 10.0
TEXT, PING, PONG = 1, 9, 10  # kinds of frames (RFC 6455, 5.2)
Publish = Callable[[int], Awaitable[None]]


@dataclass
class Heard:
    """What all clients of one measurement have heard: when each frame was sent, and how long each took to each client."""

    sent: dict[int, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)


AnyClient = TypeVar("AnyClient", bound="Client")
Join = Callable[[Heard], Awaitable["Client"]]  # opens one more client


class Client(asyncio.Protocol):
    """A websocket that notes when each numbered frame came, acknowledges heartbeats, and answers pings. Peers' protocols are subclasses."""

    def __init__(self, request: bytes, heard: Heard) -> None:
        self.request, self.heard = request, heard
        self.seen, self.frames = -1, 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.is_open = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(error or ConnectionError("closed early"))

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self.buffer += data
        if not self.is_open:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head[:16]:
                self.ready.set_exception(ConnectionError(head[:80].decode()))
                return
            self.is_open, self.buffer = True, rest
            self.opened()
        while (frame := self._next()) is not None:
            self._take(*frame, now)

    def opened(self) -> None:
        """Say what this protocol begins with. It is done when it sets `ready`."""
        self.ready.set_result(None)

    def answer(self, payload: bytes) -> None:
        """Answer what is no numbered frame."""
        if b'"type":"heartbeat"' in payload[:24]:
            self.say(json.dumps({"ack": json.loads(payload)["n"]}).encode())

    def say(self, payload: bytes, kind: int = TEXT) -> None:
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
        self.transport.write(bytes([0x80 | kind]) + size + b"\0\0\0\0" + payload)

    def _next(self) -> tuple[int, bytes] | None:
        have = self.buffer
        if len(have) < 2:
            return None
        length, start = have[1] & 127, 2
        if length == 126:
            length, start = int.from_bytes(have[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(have[2:10], "big"), 10
        if len(have) < start + length:
            return None
        self.buffer = have[start + length :]
        return have[0] & 15, have[start : start + length]

    def _take(self, kind: int, payload: bytes, now: float) -> None:
        if kind == PING:
            self.say(payload, PONG)
        elif (at := payload.rfind(MARK)) < 0:
            self.answer(payload)
        elif (number := _number(payload, at + len(MARK))) > self.seen:
            # Where one frame tells of several changes, it is the answer to all of them.
            self.heard.latencies += [now - self.heard.sent[each] for each in range(self.seen + 1, number + 1)]
            self.seen, self.frames = number, self.frames + 1


def _number(payload: bytes, at: int) -> int:
    digits = payload[at : at + 8]
    return int(digits) if digits.isdigit() else -1


def request_to(port: int, path: str, cookie: str = "") -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Origin: http://127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *([f"Cookie: {cookie}"] if cookie else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def connected(port: int, make: Callable[[], AnyClient]) -> AnyClient:
    """A client that is ready."""
    _, client = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", port)
    await asyncio.wait_for(client.ready, 60)
    return client


async def measure(clients: int, pid: int, join: Join, publish: Publish) -> dict[str, float]:
    """Latencies in ms, CPU of the server with this process id in us for each delivery, and what share of the changes came."""
    heard = Heard()
    opened: list[Client] = []
    began = time.perf_counter()
    for first in range(0, clients, AT_ONCE):
        opened += await asyncio.gather(*(join(heard) for _ in range(min(AT_ONCE, clients - first))))
    per_second = clients / (time.perf_counter() - began)
    await asyncio.sleep(2)
    used, start = cpu_of(pid), time.perf_counter()
    for number in range(FRAMES):
        await asyncio.sleep(max(0.0, start + number * EVERY_SECONDS - time.perf_counter()))
        heard.sent[number] = time.perf_counter()
        await publish(number)
    end = time.perf_counter() + DRAIN_SECONDS
    while len(heard.latencies) < clients * FRAMES and time.perf_counter() < end:
        await asyncio.sleep(0.05)
    cpu = (cpu_of(pid) - used) * 1e6
    for client in opened:
        client.transport.abort()
    return {**_summary(heard, clients, sum(client.frames for client in opened), cpu), "connects": per_second}


def _summary(heard: Heard, clients: int, frames: int, cpu: float) -> dict[str, float]:
    ordered = sorted(heard.latencies) or [float("nan")]
    at = {p: ordered[min(len(ordered) - 1, int(len(ordered) * p))] * 1e3 for p in (0.5, 0.99)}
    came = 100 * len(heard.latencies) / (clients * FRAMES)
    return {"p50": at[0.5], "p99": at[0.99], "cpu": cpu / max(1, frames), "came": came, "frames": frames / clients}


def text_of(number: int) -> str:
    """The ready-made message that a peer sends to all."""
    return f'{{{MARK.decode()}{number:08d}{PAD}"}}'


async def listens(port: int, what: str, seconds: float = 20.0) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{what} does not listen")
