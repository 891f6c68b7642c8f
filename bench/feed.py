"""How fast, and for how much CPU, does one change reach a thousand listeners? Our relay beside other ways, in one run on one machine.

usage: python bench/feed.py [clients, default 1000]

Ten times a second something changes, and each of the clients gets one frame of about 900 bytes. For Rollgrid that is a real instance's
row, written through the product's own transaction into a whole running Rollgrid, announced on its broker, read by the relay, sent, on each
of the web servers that Rollgrid runs on; latency is counted from before the transaction. The peers get the text ready-made from the same
broker: Channels' group_send with its two Redis layers on Daphne, and `websockets.broadcast`, which is about the limit of what Python can
do. Dashboards get it in their own ways, and show it as their own pages would (_node_red.py). Each client is a bare protocol. What is not
installed is left out (`pip install channels-redis uvicorn websockets`); dashboards are installed for the occasion, each in an environment
of its own.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import _node_red
from bench._environments import CannotBeHad
from bench._listeners import (
    EVERY_SECONDS,
    FRAMES,
    PAD,
    Client,
    Join,
    Publish,
    connected,
    listens,
    measure,
    request_to,
    text_of,
)
from bench._running import ROOT, free_port, machine, rollgrid

CLIENTS = 1000
SET = "bench/feed"


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


OURS = {
    "Rollgrid's relay on Daphne": ("dashboard.server", "daphne"),
    "Rollgrid's relay on uvicorn": ("dashboard.uvicorn_server", "uvicorn"),
}


def ours(module: str, clients: int, cookie: str) -> dict[str, float]:
    """A web server of its own on the running Rollgrid, so that no other has clients meanwhile."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", module, "--http-port", str(port)], cwd=ROOT)
    request = request_to(port, f"/ws/feed/?sets={SET}", cookie)

    async def publish(number: int) -> None:
        await asyncio.to_thread(written, number)

    async def run() -> dict[str, float]:
        await listens(port, "the web server")
        return await measure(clients, server.pid, websocket(port, request), publish)

    try:
        return uvloop.run(run())
    finally:
        server.kill()
        server.wait()


def websocket(port: int, request: bytes) -> Join:
    return lambda heard: connected(port, lambda: Client(request, heard))


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
    if kind == "raw":
        async with _redis() as broker:

            async def announce(number: int) -> None:
                await broker.publish("bench", text_of(number))

            yield announce
        return
    layer = _made(kind)

    async def send(number: int) -> None:
        await layer.group_send("fleet", {"type": "fleet.event", "text": text_of(number)})

    yield send


def _made(kind: str) -> Any:
    from django.utils.module_loading import import_string

    return import_string(LAYERS[kind])(**_layer(kind)["CONFIG"])


def peer(kind: str, clients: int) -> dict[str, float]:
    port = free_port()
    server = subprocess.Popen([sys.executable, __file__, "--serve", kind, str(port)], stderr=subprocess.DEVNULL)

    async def run() -> dict[str, float]:
        await listens(port, "the peer's server")
        async with _publisher(kind) as publish:
            return await measure(clients, server.pid, websocket(port, request_to(port, "/")), publish)

    try:
        return uvloop.run(run())
    finally:
        server.kill()
        server.wait()


def compare(clients: int) -> None:
    print(machine())
    with rollgrid():
        from dashboard import environment

        os.environ["BENCH_BROKER"] = environment.redis_url()
        rows, cookie = {}, a_machine()
        ways = {label: (partial(ours, module, clients, cookie), package) for label, (module, package) in OURS.items()}
        ways |= {label: (partial(peer, kind, clients), package) for kind, (label, package) in PEERS.items()}
        for label, (way, package) in ways.items():
            if find_spec(package):
                rows[label] = way()
            else:
                print(f"{label}: left out, {package} is not installed")
        rows |= dashboards(clients)
    show(rows, clients)


def dashboards(clients: int) -> dict[str, dict[str, float]]:
    """What other people watch live things with, each in an environment of its own."""
    rows = {}
    for dashboard in (_node_red,):
        try:
            rows[dashboard.label()] = uvloop.run(dashboard.measured(clients))
        except CannotBeHad as why:
            print(f"{dashboard.label()}: left out, {why}")
    return rows


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
