"""What does an upgrade of a whole fleet cost? All scale sets of a running Rollgrid at once, with boots that end at different moments.

usage: python -m bench fleet [--instances 1000] [--sets 10] [--database sqlite|postgresql]

Without options it measures 1,000 instances in 10 scale sets and 10,000 in 20, on both databases. Each instance is probed by http every
5 s, an upgrade has five batches. The CPU is that of Rollgrid's own processes, in /proc; the simulator (which stands for the cloud)
and a PostgreSQL server are shown apart, while the work of SQLite is done in Rollgrid's processes and counts. Before the upgrade the
fleet is watched while nothing happens: that is what a probe costs.

The ideal is what the boots alone take: the slowest of each batch, batch after batch, in the scale set for which that is longest.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._running import Running, cpu_of, machine, rollgrid
from bench.orchestration import IMAGE, document

INTERVAL_SECONDS = 5
BOOT_SECONDS, SPREAD_SECONDS = "3", "4"
SETTLE_SECONDS, IDLE_SECONDS = 12.0, 20.0
VERSION = "16.04.300"
FLEETS = ((1000, 10), (10_000, 20))
DATABASES = ("sqlite", "postgresql")
GROUP = "bench"
APART = ("simulator", "postgres")


@dataclass(frozen=True)
class Measured:
    """Of one fleet. CPU in seconds, by process; memory in MB."""

    label: str
    instances: int
    idle: dict[str, float]
    watched: float
    upgrade: dict[str, float]
    wall: float
    ideal: float
    memory: dict[str, float]

    @property
    def each(self) -> float:
        """Milliseconds of CPU for each instance that was upgraded."""
        return _own(self.upgrade) / self.instances * 1e3

    @property
    def probe(self) -> float:
        """Microseconds of the prober's CPU for each probe of the idle fleet."""
        return self.idle["prober"] / (self.instances / INTERVAL_SECONDS * self.watched) * 1e6

    @property
    def idle_percent(self) -> float:
        return _own(self.idle) / self.watched * 100


def measure(instances: int, sets: int, database: str) -> Measured:
    with _database(database) as url, rollgrid(url) as running:
        fleet = [f"{GROUP}/set-{number}" for number in range(sets)]
        for number, path in enumerate(fleet):
            _put(running, path, instances // sets, seed=str(number))
        _wait(lambda: _healthy() >= instances, 60 + instances * 0.06, "the fleet does not become healthy")
        time.sleep(SETTLE_SECONDS)
        idle, watched = _used(running, lambda: time.sleep(IDLE_SECONDS))
        upgrade, _ = _used(running, lambda: _upgrade(running, instances, sets))
        wall, ideal = _times(fleet)
        label = f"{instances:,} in {sets}, {database}"
        return Measured(label, instances, idle, watched, upgrade, wall, ideal, _memory(running))


@contextlib.contextmanager
def _database(name: str) -> Iterator[str]:
    if name == "sqlite":
        yield ""
        return
    from tests.private_postgres import running

    with running() as url:
        yield url


def _put(running: Running, path: str, capacity: int, seed: str) -> None:
    body = document(capacity, automatic=True, probed=True)
    body["tags"] = {
        "rollgrid-sim-boot-seconds": BOOT_SECONDS,
        "rollgrid-sim-boot-spread-seconds": SPREAD_SECONDS,
        "rollgrid-sim-seed": seed,
    }
    file = running.home / "document.json"
    file.write_text(json.dumps(body))
    running.manage("put_scale_set", path, str(file))


def _upgrade(running: Running, instances: int, sets: int) -> None:
    running.manage("publish_image", *IMAGE, VERSION)
    _wait(lambda: _ended() == sets, 120 + instances * 0.06, "the upgrades do not end")


def _healthy() -> int:
    from upgrades.models import Instance

    return Instance.objects.filter(health="healthy").count()


def _ended() -> int:
    from upgrades.models import RollingUpgrade

    return RollingUpgrade.objects.filter(target_version=VERSION).exclude(ended_at=None).count()


def _wait(is_so: Callable[[], bool], seconds: float, problem: str) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            sys.exit(f"{problem} within {seconds:.0f} s")
        time.sleep(0.5)


def _used(running: Running, act: Callable[[], None]) -> tuple[dict[str, float], float]:
    """Seconds of CPU of each process during that, and how long it took. A process that came or went meanwhile is a fault."""
    parts = _parts(running)
    before, began = _cpu_of_all(parts), time.monotonic()
    act()
    after = _cpu_of_all(parts)
    return {name: after[name] - before[name] for name in before}, time.monotonic() - began


def _cpu_of_all(parts: dict[str, list[int]]) -> dict[str, float]:
    server = _server()
    used = {name: sum(cpu_of(pid) for pid in pids) for name, pids in parts.items()}
    return used | {"postgres": _cpu_of_server(server)} if server else used


def _parts(running: Running) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for pid, program in running.pids().items():
        found.setdefault(program, []).append(pid)
    return found


def _server() -> int | None:
    """The PostgreSQL server that our own connection leads to: the parent of the process that answers us."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return int(_stat(pid)[1])


def _cpu_of_server(pid: int) -> float:
    """Seconds of CPU of the server and its processes: those there are, and those that came and went, which it counts as its own."""
    used = sum(int(field) for field in _stat(pid)[11:15])
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = _stat(int(folder.name))
            if int(fields[1]) == pid:
                used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _own(used: dict[str, float]) -> float:
    return sum(seconds for name, seconds in used.items() if name not in APART)


def _memory(running: Running) -> dict[str, float]:
    """Proportional set size of each process, in MB: pages that several share count once in all."""
    return {name: sum(_pss(pid) for pid in pids) for name, pids in _parts(running).items()}


def _pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _times(fleet: list[str]) -> tuple[float, float]:
    """How long it took from the first start to the last end, and how long the boots alone take."""
    from upgrades.models import RollingUpgrade

    upgrades = list(RollingUpgrade.objects.filter(target_version=VERSION).select_related("scale_set"))
    for upgrade in upgrades:
        if upgrade.status != "Completed":
            sys.exit(f"{upgrade.scale_set}: {upgrade.status} {upgrade.error}")
    began = min(upgrade.started_at for upgrade in upgrades)
    ended = max(upgrade.ended_at for upgrade in upgrades if upgrade.ended_at)
    return (ended - began).total_seconds(), max(_ideal(upgrade) for upgrade in upgrades)


def _ideal(upgrade: Any) -> float:
    from upgrades.providers.simulated.scene import read_scene

    scene = read_scene(upgrade.scale_set.tags)
    batches = [list(batch.members.values_list("instance_number", flat=True)) for batch in upgrade.batches.all()]
    return sum(max(scene.boot_takes(str(number), VERSION) for number in numbers) for numbers in batches)


def show(result: Measured) -> None:
    print(
        f"{result.label}: {result.each:.1f} ms of CPU for each instance; {result.probe:.0f} us for each probe;"
        f" idle {result.idle_percent:.1f} % of a core"
    )
    times, memory = result.wall / result.ideal, sum(result.memory.values())
    print(f"  wall {result.wall:.1f} s, ideal {result.ideal:.1f} s ({times:.2f} times); PSS {memory:.0f} MB in all")
    print(f"  {'process':12} {'ms of CPU per instance':>24} {'idle, % of a core':>18} {'PSS, MB':>9}")
    for name in sorted(result.upgrade, key=lambda name: -result.upgrade[name]):
        each, idle = result.upgrade[name] / result.instances * 1e3, result.idle.get(name, 0) / result.watched * 100
        print(f"  {name:12} {each:24.2f} {idle:18.1f} {result.memory.get(name, 0):9.0f}", flush=True)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench fleet")
    parser.add_argument("--instances", type=int)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--database", choices=DATABASES)
    given = parser.parse_args(words)
    print(machine())
    if given.instances:
        show(measure(given.instances, given.sets, given.database or "sqlite"))
        return
    # Django is set up once in a process: each fleet has one of its own.
    import subprocess

    for database in [given.database] if given.database else DATABASES:
        for instances, sets in FLEETS:
            options = ["--instances", str(instances), "--sets", str(sets), "--database", database]
            subprocess.run([sys.executable, __file__, *options], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
