"""How much CPU does one health probe cost? Our engine beside other ways to ask, in one run on one machine.

usage: python bench/probes.py [seconds per method, default 2]

Each prober is a process of its own and asks a responder in another process, by a new TCP connection per probe, as fast as it
can. Loopback only; needs nothing but what Rollgrid itself installs. HAProxy's health checks are measured too where `haproxy`
is on the PATH. Figures of different machines or moments say little: compare the rows of one table.
"""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import httptools
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from upgrades.core.states import Health
from upgrades.probes.counting import Count, judge
from upgrades.probes.engine import Engine
from upgrades.probes.targets import ProbeProtocol, ProbeSettings, Result, Target
from upgrades.providers.simulated.tls import Identity

FIRST_PORT = 21000  # below the ephemeral ports
PORTS = [FIRST_PORT + offset for offset in range(20)]
TLS_PORTS = [port + 20 for port in PORTS]
TOGETHER = 100  # probes at once, for those that have no cap of their own
TARGETS = 20_000  # each due every second: more than any machine manages, so the engine is always behind
REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nhealthy\n"


class Responder(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)


async def respond() -> None:
    """Answers on all ports until killed; never closes first, so it keeps no TIME_WAIT and costs as little as it can."""
    loop = asyncio.get_running_loop()
    for port in PORTS:
        await loop.create_server(Responder, "127.0.0.1", port, backlog=4096)
    with tempfile.TemporaryDirectory() as folder:
        context = Identity(Path(folder, "pair.pem")).context
    for port in TLS_PORTS:
        await loop.create_server(Responder, "127.0.0.1", port, backlog=4096, ssl=context)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def ours(seconds: float, protocol: ProbeProtocol = ProbeProtocol.HTTP) -> tuple[int, int]:
    """The engine with all that a prober needs of it: schedule, time-outs, caps, results, counting."""
    counts = {key: Count("disk", Health.UNKNOWN) for key in range(TARGETS)}
    tally = [0, 0]
    healthy = Health.HEALTHY

    def on_result(result: Result) -> None:
        target = result.target
        counts[target.key] = judge(counts[target.key], target.generation, result.health, target.settings)
        tally[result.health is healthy] += 1

    path = "" if protocol is ProbeProtocol.TCP else "/health"
    is_tls = protocol is ProbeProtocol.HTTPS
    ports = TLS_PORTS if is_tls else PORTS
    settings = ProbeSettings(protocol, path, interval_seconds=1, threshold=2)
    # TLS costs the responder more than the engine: without a cap those in flight would pile up until their time is over.
    engine = Engine(on_result, max_in_flight=TOGETHER if is_tls else None)
    for group in range(TARGETS // 1000):
        keys = range(group * 1000, group * 1000 + 1000)
        engine.set_targets(group, [Target(key, "127.0.0.1", ports[key % 20], "disk", settings) for key in keys])
    start_meter()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(engine.run(), seconds)
    return tally[True], tally[False]


async def pump(seconds: float, ask: Callable[[int], Awaitable[bool]]) -> tuple[int, int]:
    """TOGETHER workers, each probing again as soon as it has its answer."""
    end = time.monotonic() + seconds
    tally = [0, 0]

    async def work(number: int) -> None:
        while time.monotonic() < end:
            number += 1
            try:
                good = await ask(PORTS[number % 20])
            except (OSError, aiohttp.ClientError, TimeoutError):
                good = False
            tally[good] += 1

    start_meter()
    await asyncio.gather(*(work(number) for number in range(TOGETHER)))
    return tally[True], tally[False]


async def with_aiohttp(seconds: float) -> tuple[int, int]:
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=5)) as client:

        async def ask(port: int) -> bool:
            async with client.get(f"http://127.0.0.1:{port}/health") as response:
                return response.status == 200

        return await pump(seconds, ask)


class Transported(asyncio.Protocol):
    """A probe as a protocol of the loop's transports, without schedule, counting or anything around it."""

    def __init__(self, answered: asyncio.Future[int]) -> None:
        self.answered = answered
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_headers_complete(self) -> None:
        if not self.answered.done():
            self.answered.set_result(self.parser.get_status_code())
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answered.done():
            self.answered.set_exception(error or ConnectionError("closed early"))


async def with_transports(seconds: float) -> tuple[int, int]:
    loop = asyncio.get_running_loop()

    async def ask(port: int) -> bool:
        answered: asyncio.Future[int] = loop.create_future()
        timer = loop.call_later(5, answered.cancel)
        try:
            await loop.create_connection(lambda: Transported(answered), "127.0.0.1", port)
            return await answered == 200
        finally:
            timer.cancel()

    return await pump(seconds, ask)


meter: list[float] = []


def start_meter() -> None:
    meter[:] = readings()


def readings() -> list[float]:
    """Seconds: of the clock, and of this process's CPU in user and system mode."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return [time.monotonic(), used.ru_utime, used.ru_stime]


METHODS: dict[str, tuple[str, Callable[[float], Coroutine[Any, Any, tuple[int, int]]], bool]] = {
    "engine-uvloop": ("Rollgrid's engine, HTTP, uvloop", ours, True),
    "engine": ("Rollgrid's engine, HTTP, asyncio", ours, False),
    "engine-tcp": ("Rollgrid's engine, TCP, uvloop", lambda seconds: ours(seconds, ProbeProtocol.TCP), True),
    "engine-https": ("Rollgrid's engine, HTTPS, uvloop", lambda seconds: ours(seconds, ProbeProtocol.HTTPS), True),
    "transports-uvloop": ("bare Protocol + httptools, uvloop", with_transports, True),
    "aiohttp-uvloop": ("aiohttp, uvloop", with_aiohttp, True),
    "aiohttp": ("aiohttp, asyncio", with_aiohttp, False),
}


def probe(name: str, seconds: float) -> None:
    """Runs one method in this process and prints its figures as JSON."""
    _, method, fast_loop = METHODS[name]
    good, bad = (uvloop.run if fast_loop else asyncio.run)(method(seconds))
    took, user, system = (after - before for after, before in zip(readings(), meter, strict=True))
    each = 1e6 / max(1, good)
    print(json.dumps({"rate": good / took, "cpu": (user + system) * each, "user": user * each, "bad": bad}))


def run_method(name: str, seconds: float) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--probe", name, str(seconds)], stdout=subprocess.PIPE, check=True, timeout=60
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def accepted() -> int:
    """How many TCP connections this network namespace has accepted since it exists."""
    names, values = (
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Tcp:")
    )
    return int(values[names.index("PassiveOpens")])


def run_haproxy(seconds: float) -> dict[str, float]:
    """HAProxy's own health checks, one thread, 1,000 servers every 20 ms: what a C checker needs."""
    servers = "".join(f"  server s{n} 127.0.0.1:{PORTS[n % 20]} check inter 20ms\n" for n in range(1000))
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "haproxy.cfg")
        config.write_text(
            "global\n  nbthread 1\n  maxconn 3000\ndefaults\n  mode http\n  timeout connect 2s\n  timeout server 2s\n"
            f"  timeout client 2s\n  timeout check 2s\nfrontend f\n  bind unix@{folder}/f.sock\n  default_backend b\n"
            f"backend b\n  option httpchk GET /health\n  http-check send hdr Host x\n{servers}"
        )
        process = subprocess.Popen(["haproxy", "-db", "-f", str(config)], stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            before, used, began = accepted(), cpu_of(process.pid), time.monotonic()
            time.sleep(seconds)
            count, took = accepted() - before, time.monotonic() - began
            return {"rate": count / took, "cpu": (cpu_of(process.pid) - used) / max(1, count) * 1e6, "bad": 0}
        finally:
            process.kill()
            process.wait()


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(seconds: float) -> None:
    responder = subprocess.Popen([sys.executable, __file__, "--respond"], stdout=subprocess.PIPE)
    try:
        assert responder.stdout is not None
        if responder.stdout.readline() != b"ready\n":
            sys.exit("the responder did not start (are ports 21000 to 21039 free?)")
        rows = {label: run_method(name, seconds) for name, (label, _, _) in METHODS.items()}
        if shutil.which("haproxy"):
            rows["HAProxy health checks, 1 thread"] = run_haproxy(seconds)
    finally:
        responder.kill()
        responder.wait()
    show(rows)


def show(rows: dict[str, dict[str, float]]) -> None:
    base = next(iter(rows.values()))["cpu"]
    print(
        f"{'prober':36} {'probes/s':>9} {'CPU us/probe':>13} {'of it user':>11} {'per core':>9} {'CPU ratio':>10} {'failed':>7}"
    )
    for label, row in rows.items():
        print(
            f"{label:36} {row['rate']:9,.0f} {row['cpu']:13.1f} {row.get('user', 0):11.1f} {1e6 / row['cpu']:9,.0f}"
            f" {row['cpu'] / base:9.2f}x {row['bad']:7.0f}"
        )
    print("per core = 1 s / CPU per probe: what the prober would reach were the responder not on the same machine")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--respond"]:
            uvloop.run(respond())
        case ["--probe", name, seconds]:
            probe(name, float(seconds))
        case []:
            compare(2)
        case [seconds]:
            compare(float(seconds))
