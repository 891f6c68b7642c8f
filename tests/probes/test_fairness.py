"""Thousands at once: caps, spread, and nobody starving."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.probes.responders import HEALTHY, deaf, http, passed, probing, reply, responding, stall, tcp, until
from upgrades.core.states import Health
from upgrades.probes import descriptors, flights
from upgrades.probes.schedule import Entry, Group

WELL_BEFORE_A_HANGING_ONE_ENDS = 15  # seconds; hanging ones are given up after 30

RESPONDER = """
import socket
server = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(server.getsockname()[1], flush=True)
while True:
    peer = server.accept()[0]
    try:
        peer.recv(4096)
        peer.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    except OSError:
        pass
    peer.close()
"""


@contextlib.contextmanager
def responder_process() -> Iterator[tuple[int, int]]:
    """A responder in a process of its own: (pid, port)."""
    with subprocess.Popen([sys.executable, "-c", RESPONDER], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


@contextlib.contextmanager
def no_descriptors() -> Iterator[contextlib.ExitStack]:
    """Uses up this process's descriptors; closing what it gives returns them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/dev/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, hard))
    try:
        with contextlib.ExitStack() as taken:
            with contextlib.suppress(OSError):
                while True:
                    taken.callback(os.close, os.dup(0))
            yield taken
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_cap_on_probes_in_flight_holds() -> None:
    async def story() -> None:
        async with responding(stall) as responder, probing(max_in_flight=8) as running:
            for group in range(5):
                keys = range(group * 10, group * 10 + 10)
                running.engine.set_targets(group, [http(responder.port, key, interval=0.1) for key in keys])
            await until(lambda: len(running.results) > 50)
            assert responder.most_open <= 8
            assert len({result.target.key for result in running.results}) == 50

    asyncio.run(story())


def test_bursts_are_bounded_and_slow_probes_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "PATIENCE", 1.0)  # longer than a busy computer holds this test up

    async def story() -> None:
        async with responding(stall) as responder, probing(max_young=10) as running:
            running.engine.set_targets(1, [http(responder.port, key) for key in range(30)])
            await until(lambda: len(responder.open) == 10)
            await passed(0.05)
            assert responder.most_open == 10
            await until(lambda: len(responder.open) == 30)

    asyncio.run(story())


def test_hanging_groups_do_not_starve_another() -> None:
    """Three sets of 100 hang in a few places for 30 s; a fourth must be probed as if they were not there."""

    async def story() -> None:
        async with (
            responding(stall) as hanging,
            responding(reply(HEALTHY)) as healthy,
            probing(max_in_flight=40, max_young=20) as running,
        ):
            for group in range(3):
                keys = range(group * 100, group * 100 + 100)
                running.engine.set_targets(group, [http(hanging.port, key, interval=30) for key in keys])
            await until(lambda: len(hanging.open) >= 30)
            running.engine.set_targets(9, [http(healthy.port, 900 + key, interval=0.05) for key in range(10)])

            def counts() -> Counter[int]:
                return Counter(result.target.key for result in running.results if result.health is Health.HEALTHY)

            await until(lambda: len(counts()) == 10 and min(counts().values()) >= 8, WELL_BEFORE_A_HANGING_ONE_ENDS)
            assert len(hanging.open) < 40

    asyncio.run(story())


def test_hanging_targets_do_not_delay_others_of_their_group() -> None:
    async def story() -> None:
        async with responding(stall) as hanging, responding(reply(HEALTHY)) as healthy, probing() as running:
            bad = [http(hanging.port, key, interval=30) for key in range(200)]
            running.engine.set_targets(1, bad + [http(healthy.port, 1000, interval=0.05)])
            await until(lambda: len(running.of(1000)) >= 8, WELL_BEFORE_A_HANGING_ONE_ENDS)

    asyncio.run(story())


def test_a_stopped_responder_fails_only_its_own_probes() -> None:
    async def story() -> None:
        with responder_process() as (pid, port):
            async with responding(reply(HEALTHY)) as other, probing() as running:
                running.engine.set_targets(1, [http(port, key, interval=0.7) for key in range(200)])
                running.engine.set_targets(2, [http(other.port, 1000, interval=0.1)])
                await until(lambda: len({r.target.key for r in running.results if r.health is Health.HEALTHY}) == 201)
                os.kill(pid, signal.SIGSTOP)
                running.results.clear()
                await until(
                    lambda: len({r.target.key for r in running.results if r.health is not Health.HEALTHY}) == 200
                )
                assert {r.detail for r in running.results if r.health is not Health.HEALTHY} <= {
                    "no answer in 0.7 s",
                    "no connection in 0.7 s",
                }
                assert all(result.health is Health.HEALTHY for result in running.of(1000))
                assert len(running.of(1000)) >= 5
                os.kill(pid, signal.SIGCONT)
                running.results.clear()
                await until(lambda: len({r.target.key for r in running.results if r.health is Health.HEALTHY}) == 201)

    asyncio.run(story())


def test_running_out_of_descriptors_is_no_failure_of_the_target(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with probing() as running:
            await passed(0.01)
            with deaf() as port, no_descriptors() as taken:
                running.engine.set_targets(1, [tcp(port, key, interval=0.1) for key in range(5)])
                with caplog.at_level(logging.WARNING):
                    await passed(0.3)
                assert not running.results
                assert caplog.text.count("Too many open files") == 1
                taken.close()
                await until(lambda: len({result.target.key for result in running.results}) == 5)

    asyncio.run(story())


def test_targets_begun_together_end_up_spread_over_the_interval() -> None:
    group = Group()
    phases: Counter[int] = Counter()
    for key in range(5000, 6000):
        entry = Entry(group, tcp(1, key, interval=10))
        waits = []
        for _ in range(6):
            due = entry.next_due(entry.due_at, entry.due_at)
            waits.append(due - entry.due_at)
            entry.due_at = due
        assert max(waits) <= 10
        assert min(waits) >= 5
        assert waits[2:] == pytest.approx([10] * 4)
        phases[int(entry.due_at % 10)] += 1
    assert all(90 <= phases[second] <= 110 for second in range(10))


def test_a_late_probe_does_not_shift_the_phase() -> None:
    entry = Entry(Group(), tcp(1, interval=10))
    entry.early, entry.due_at = 0, 100
    assert entry.next_due(began=103, now=104) == 110
    assert entry.next_due(began=115, now=116) == 125  # more than an interval late: no catching up
    assert entry.next_due(began=100, now=110.05) == 110.05  # it hung until its time-out: at once


def test_the_cap_follows_the_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        assert descriptors.max_in_flight() == 512 - descriptors.RESERVE
        descriptors.raise_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
