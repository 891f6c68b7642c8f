"""How fast, and for how much CPU, does one change reach a thousand listeners? Our relay beside other ways, in one run on one machine.

usage: python bench/feed.py [clients, default 1000]

Ten times a second something changes, and each of the clients gets one frame of about 900 bytes. For Rollgrid that is a real instance's
row, written through the product's own transaction into a whole running Rollgrid, announced on its broker, read by Daphne's relay, sent;
latency is counted from before the transaction. The peers get the text ready-made from the same broker: Channels' group_send with its two
Redis layers on Daphne, and `websockets.broadcast`, which is about the limit of what Python can do. Each client is a bare protocol.
A peer that is not installed is left out (`pip install channels-redis websockets`).
"""

import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._running import Running, cpu_of, free_port, machine, rollgrid

CLIENTS = 1000
FRAMES = 50
EVERY_SECONDS = 0.1
AT_ONCE = 20  # connections being opened
MARK = b'"health_detail":"'  # followed by the frame's number, eight digits
PAD = "x" * 870
DRAIN_SECONDS = 10.0
SET = "bench/feed"
Publish = Callable[[int], Awaitable[None]]


class Client(asyncio.Protocol):
    """Notes when each numbered frame came; acknowledges heartbeats; answers pings."""

    def __init__(self, request: bytes, sent: dict[int, float], latencies: list[float]) -> None:
        self.request, self.sent, self.latencies = request, sent, latencies
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
            self.ready.set_result(None)
        while (frame := self._next()) is not None:
            self._take(*frame, now)

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
        if kind == 9:
            self._say(0x8A, payload)
        elif (at := payload.find(MARK)) >= 0 and (number := _number(payload, at + len(MARK))) > self.seen:
            # Where one frame tells of several changes, it is the answer to all of them.
            self.latencies += [now - self.sent[each] for each in range(self.seen + 1, number + 1)]
            self.seen, self.frames = number, self.frames + 1
        elif b'"type":"heartbeat"' in payload[:24]:
            self._say(0x81, json.dumps({"ack": json.loads(payload)["n"]}).encode())

    def _say(self, kind: int, payload: bytes) -> None:
        self.transport.write(bytes([kind, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)


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


async def measure(clients: int, port: int, pid: int, request: bytes, publish: Publish) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    sent: dict[int, float] = {}
    latencies: list[float] = []
    opened: list[Client] = []
    began = time.perf_counter()
    for first in range(0, clients, AT_ONCE):
        new = [
            (await loop.create_connection(lambda: Client(request, sent, latencies), "127.0.0.1", port))[1]
            for _ in range(min(AT_ONCE, clients - first))
        ]
        await asyncio.wait_for(asyncio.gather(*(listener.ready for listener in new)), 60)
        opened += new
    per_second = clients / (time.perf_counter() - began)
    await asyncio.sleep(2)
    used, start = cpu_of(pid), time.perf_counter()
    for number in range(FRAMES):
        await asyncio.sleep(max(0.0, start + number * EVERY_SECONDS - time.perf_counter()))
        sent[number] = time.perf_counter()
        await publish(number)
    end = time.perf_counter() + DRAIN_SECONDS
    while len(latencies) < clients * FRAMES and time.perf_counter() < end:
        await asyncio.sleep(0.05)
    cpu = (cpu_of(pid) - used) * 1e6 / max(1, sum(listener.frames for listener in opened))
    for listener in opened:
        listener.transport.abort()
    ordered = sorted(latencies) or [float("nan")]
    at = {p: ordered[min(len(ordered) - 1, int(len(ordered) * p))] * 1e3 for p in (0.5, 0.99)}
    came = 100 * len(latencies) / (clients * FRAMES)
    frames = sum(listener.frames for listener in opened) / clients
    return {"p50": at[0.5], "p99": at[0.99], "cpu": cpu, "came": came, "frames": frames, "connects": per_second}


# --- Rollgrid ---------------------------------------------------------------------------------------------------------


def a_machine() -> str:
    """Makes a scale set of one healthy machine. Returns the cookie of somebody who may read its feed."""
    from django.contrib.auth.models import User
    from django.test import Client as Browser

    from upgrades.commands.scale_sets import set_model
    from upgrades.models import Instance

    browser = Browser()
    browser.force_login(User.objects.get(username="admin"))
    row = set_model(SET, _document(1), datetime.now(UTC)).scale_set
    end = time.monotonic() + 60
    while not Instance.objects.filter(scale_set=row, health="healthy").exists():
        if time.monotonic() > end:
            sys.exit("the machine does not become healthy")
        time.sleep(0.1)
    return "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())


def written(number: int) -> None:
    """Changes its row, through the product's own transaction."""
    from upgrades.feed.writing import writing
    from upgrades.models import ScaleSet

    with writing(datetime.now(UTC), ScaleSet.objects.get(key=SET).pk) as writer:
        instance = writer.scale_set.instances.get()
        instance.health_detail = f"{number:08d}{PAD[:400]}"
        instance.save(update_fields=["health_detail"])
        writer.changed(instance)


def ours(clients: int, running: Running) -> dict[str, float]:
    request = request_to(running.port, f"/ws/feed/?sets={SET}", a_machine())

    async def publish(number: int) -> None:
        await asyncio.to_thread(written, number)

    return uvloop.run(measure(clients, running.port, running.pid_of("daphne"), request, publish))


def _document(capacity: int) -> dict[str, Any]:
    image = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "16.04-LTS", "version": "latest"}
    return {
        "location": "westeurope",
        "sku": {"name": "Standard_D2s_v3", "capacity": capacity},
        "properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": image}}},
    }


# --- the peers --------------------------------------------------------------------------------------------------------

LAYERS = {"core": "channels_redis.core.RedisChannelLayer", "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer"}
PEERS = {
    "raw": ("websockets.broadcast, no ASGI", "websockets"),
    "core": ("Channels group_send, Redis layer, Daphne", "channels_redis"),
    "pubsub": ("Channels group_send, Redis pub/sub, Daphne", "channels_redis"),
}


def serve(kind: str, port: int) -> None:
    """One peer's server, until killed."""
    if kind == "raw":
        uvloop.run(_broadcast(port))
        return
    import django
    from django.conf import settings

    settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], CHANNEL_LAYERS={"default": _layer(kind)}, DATABASES={})
    django.setup()
    from channels.generic.websocket import AsyncWebsocketConsumer
    from daphne.server import Server

    class Listening(AsyncWebsocketConsumer):
        async def connect(self) -> None:
            await self.channel_layer.group_add("fleet", self.channel_name)
            await self.accept()

        async def fleet_event(self, event: dict[str, str]) -> None:
            await self.send(text_data=event["text"])

    Server(Listening.as_asgi(), endpoints=[f"tcp:{port}:interface=127.0.0.1:backlog=1024"], verbosity=0).run()


def _layer(kind: str) -> dict[str, Any]:
    more = {"capacity": 100_000} if kind == "core" else {}
    return {"BACKEND": LAYERS[kind], "CONFIG": {"hosts": [os.environ["BENCH_BROKER"]], **more}}


async def _broadcast(port: int) -> None:
    from websockets.asyncio.server import broadcast, serve

    clients: set[Any] = set()

    async def handle(client: Any) -> None:
        clients.add(client)
        await client.wait_closed()
        clients.discard(client)

    async with _redis() as broker, broker.pubsub(ignore_subscribe_messages=True) as news:
        await news.subscribe("bench")
        async with serve(handle, "127.0.0.1", port, compression=None, ping_interval=None):
            async for message in news.listen():
                broadcast(clients, message["data"].decode())


def _redis() -> Any:
    import redis.asyncio

    return redis.asyncio.Redis.from_url(os.environ["BENCH_BROKER"])


@contextlib.asynccontextmanager
async def _publisher(kind: str) -> AsyncIterator[Publish]:
    def text(number: int) -> str:
        return f'{{{MARK.decode()}{number:08d}{PAD}"}}'

    if kind == "raw":
        async with _redis() as broker:

            async def announce(number: int) -> None:
                await broker.publish("bench", text(number))

            yield announce
        return
    layer = _made(kind)

    async def send(number: int) -> None:
        await layer.group_send("fleet", {"type": "fleet.event", "text": text(number)})

    yield send


def _made(kind: str) -> Any:
    from django.utils.module_loading import import_string

    return import_string(LAYERS[kind])(**_layer(kind)["CONFIG"])


def peer(kind: str, clients: int) -> dict[str, float]:
    port = free_port()
    server = subprocess.Popen([sys.executable, __file__, "--serve", kind, str(port)], stderr=subprocess.DEVNULL)

    async def run() -> dict[str, float]:
        await _listens(port)
        async with _publisher(kind) as publish:
            return await measure(clients, port, server.pid, request_to(port, "/"), publish)

    try:
        return uvloop.run(run())
    finally:
        server.kill()
        server.wait()


async def _listens(port: int) -> None:
    for _ in range(400):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    sys.exit("the peer's server does not listen")


def compare(clients: int) -> None:
    print(machine())
    with rollgrid() as running:
        from dashboard import environment

        os.environ["BENCH_BROKER"] = environment.redis_url()
        rows = {"Rollgrid's relay on Daphne": ours(clients, running)}
        for kind, (label, package) in PEERS.items():
            if find_spec(package):
                rows[label] = peer(kind, clients)
            else:
                print(f"{label}: left out, {package} is not installed")
    show(rows, clients)


def show(rows: dict[str, dict[str, float]], clients: int) -> None:
    print(f"{clients} clients, {1 / EVERY_SECONDS:.0f} changes a second, {FRAMES} of them")
    print(
        f"{'way':42} {'p50 ms':>8} {'p99 ms':>8} {'CPU us/delivery':>16} {'CPU ratio':>10} {'came %':>7} {'frames':>7} {'connects/s':>11}"
    )
    base = next(iter(rows.values()))["cpu"]
    for label, row in rows.items():
        figures = f"{row['p50']:8.1f} {row['p99']:8.1f} {row['cpu']:16.1f} {row['cpu'] / base:9.2f}x"
        print(f"{label:42} {figures} {row['came']:7.1f} {row['frames']:7.1f} {row['connects']:11,.0f}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--serve", kind, port]:
            serve(kind, int(port))
        case [clients]:
            compare(int(clients))
        case _:
            compare(CLIENTS)
