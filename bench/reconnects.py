"""How long until everybody is current again, when one of four web servers is killed and its clients all come back at once?

usage: python bench/reconnects.py [clients, default 10000]

A change each second, four web servers, a quarter of the clients each. One server is killed (SIGKILL); its clients wait as our pages do (a
random part of a doubling pause), connect to one of the other three, and resume from their position. A client is current when it has been
sent the change that was the newest when the server died, or a later one. A reset would make a client fetch a snapshot: they are counted.
"""

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._listeners import Client, Heard, connected, listens, request_to
from bench._running import ROOT, cpu_of, free_port, machine, rollgrid
from bench.feed import a_machine, written

CLIENTS = 10_000
SERVERS = 4
AT_ONCE = 50  # connections being opened, in the beginning
SECONDS = 60.0
SET = "bench/feed"


class Resuming(Client):
    """A client that comes back by itself, to another server, from where it was."""

    fleet: "Fleet"
    stream, seq, resets, is_lost = "", 0, 0, False

    def _take(self, kind: int, payload: bytes, now: float) -> None:
        super()._take(kind, payload, now)
        if kind == 1 and payload.startswith((b'{"type":"delta"', b'{"type":"reset"')):
            message = json.loads(payload)
            self.resets += message["type"] == "reset"
            self.stream, self.seq = message["stream"], message["seq"]

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self.is_open and not self.fleet.is_over:
            self.is_lost = True
            self.fleet.returning.append(asyncio.ensure_future(self.fleet.bring_back(self)))


class Fleet:
    def __init__(self, ports: list[int], cookie: str) -> None:
        self.ports, self.cookie = ports, cookie
        self.heard = Heard()
        self.clients: list[Resuming] = []
        self.returning: list[asyncio.Future[None]] = []
        self.is_over = False

    async def open(self, port: int, before: Resuming | None = None) -> Resuming:
        since = f"&since={SET}:{before.stream}.{before.seq}" if before and before.stream else ""
        request = request_to(port, f"/ws/feed/?sets={SET}{since}", self.cookie)

        def made() -> Resuming:
            client = Resuming(request, Heard(self.heard.sent))
            client.fleet = self
            if before:
                client.seen, client.resets = before.seen, before.resets
                client.stream, client.seq = before.stream, before.seq
            return client

        return await connected(port, made)

    async def open_all(self, clients: int) -> None:
        for first in range(0, clients, AT_ONCE):
            ports = [self.ports[number % len(self.ports)] for number in range(first, min(first + AT_ONCE, clients))]
            self.clients += await asyncio.gather(*(self._open_again(port) for port in ports))

    async def _open_again(self, port: int) -> Resuming:
        """Until it succeeds: a server that is asked by too many at once drops some."""
        while True:
            with contextlib.suppress(OSError):
                return await self.open(port)
            await asyncio.sleep(1)

    async def bring_back(self, lost: Resuming) -> None:
        """As static/js/link.js does it."""
        for tries in range(1, 100):
            await asyncio.sleep(min(10.0, 0.25 * 2**tries) * (0.5 + random.random() / 2))
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                self.clients[self.clients.index(lost)] = await self.open(random.choice(self.ports), lost)
                return


async def measure(clients: int, servers: list[subprocess.Popen[bytes]], fleet: Fleet, change: Any) -> None:
    began = time.perf_counter()
    await fleet.open_all(clients)
    print(f"{clients:,} clients connected in {time.perf_counter() - began:.0f} s")
    number = 0

    async def publish() -> None:
        nonlocal number
        while True:
            fleet.heard.sent[number] = time.perf_counter()
            await asyncio.to_thread(change, number)
            number += 1
            await asyncio.sleep(1)

    publishing = asyncio.ensure_future(publish())
    await _until(lambda: number > 3 and min(client.seen for client in fleet.clients) >= 2)
    resets = sum(client.resets for client in fleet.clients)
    used = [cpu_of(server.pid) for server in servers[1:]]
    newest, killed_at = number, time.perf_counter()
    fleet.ports = fleet.ports[1:]
    servers[0].kill()
    await _until(lambda: any(client.is_lost for client in fleet.clients))
    await _report(fleet, clients, newest, killed_at)
    cpu = [cpu_of(server.pid) - before for server, before in zip(servers[1:], used, strict=True)]
    print(f"snapshots that they had to fetch: {sum(client.resets for client in fleet.clients) - resets}")
    print(f"CPU of the other servers meanwhile: {', '.join(f'{seconds:.1f} s' for seconds in cpu)}")
    publishing.cancel()
    fleet.is_over = True
    for client in fleet.clients:
        client.transport.abort()


async def _report(fleet: Fleet, clients: int, newest: int, killed_at: float) -> None:
    shares = {}
    for share in (0.5, 0.99, 1.0):
        await _until(lambda share=share: _current(fleet, newest) >= share * clients)
        shares[share] = time.perf_counter() - killed_at
    others = SERVERS - 1
    print(f"one of {SERVERS} servers was killed: {len(fleet.returning):,} clients came back to the other {others}")
    took = f"half of all after {shares[0.5]:.1f} s, 99 % after {shares[0.99]:.1f} s, all after {shares[1.0]:.1f} s"
    print(f"current again: {took}")


def _current(fleet: Fleet, newest: int) -> int:
    return sum(client.seen >= newest and not client.is_lost for client in fleet.clients)


async def _until(is_so: Any) -> None:
    end = time.perf_counter() + SECONDS
    while not is_so():
        if time.perf_counter() > end:
            sys.exit(f"not within {SECONDS:.0f} s")
        await asyncio.sleep(0.05)


@contextlib.contextmanager
def web_servers() -> Iterator[tuple[list[subprocess.Popen[bytes]], list[int]]]:
    """Four of them, on the database and broker of the Rollgrid that runs."""
    ports = [free_port() for _ in range(SERVERS)]
    servers = [
        subprocess.Popen(
            [sys.executable, "-m", "dashboard.server", "--http-port", str(port)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        for port in ports
    ]
    try:
        yield servers, ports
    finally:
        for server in servers:
            server.kill()
            server.wait()


def main(clients: int) -> None:
    print(machine())
    with rollgrid():
        from dashboard import environment

        os.environ["REDIS_URL"] = environment.redis_url()
        cookie = a_machine()
        with web_servers() as (servers, ports):
            fleet = Fleet(ports, cookie)

            async def run() -> None:
                for port in ports:
                    await listens(port, "a web server", 30)
                await measure(clients, servers, fleet, written)

            uvloop.run(run())


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else CLIENTS)
