"""Children that hang, and those that are not to blame."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dashboard.supervisor.children import Child
from dashboard.supervisor.descriptors import used_and_limit
from dashboard.supervisor.output import Output
from dashboard.supervisor.program import Program
from dashboard.supervisor.watching import AWAY_SECONDS, MAX_STEP_SECONDS, START_SECONDS, Watch, counted
from tests.supervisor.starting import PATIENCE, Up
from tests.supervisor.test_children import told
from tests.waiting import wait_until
from upgrades import heartbeats
from upgrades.heartbeats import Heartbeats, Part

HANG_SECONDS = 5
REAL_HANG_SECONDS = 10  # a machine that is busy with other tests is slow
FOR_EVER = (sys.executable, "-c", "import signal; signal.pause()")


GREEDY = """
import resource, signal
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
kept = [open('/dev/null') for _ in range(56)]
signal.pause()
"""


def watched(
    story: Callable[[Watch, Child, Heartbeats], Awaitable[None]],
    tmp_path: Path,
    command: tuple[str, ...] = FOR_EVER,
) -> str:
    """Plays a story of a child that only waits, and its watch. Answers what was said."""
    handle = heartbeats.make(tmp_path)

    async def scenario(output: Output) -> None:
        beats, child = Heartbeats(handle), Child(Program("worker", command), output)
        watch = Watch(beats, output, HANG_SECONDS)
        watch.add(Part.WORKER, child)
        child.keep_running()
        while not child.pid:
            await asyncio.sleep(0.01)
        try:
            await story(watch, child, beats)
        finally:
            await child.stop()

    said = told(scenario, tmp_path)
    os.close(handle)
    return said


def look_for(watch: Watch, seconds: float) -> None:
    for _ in range(round(seconds)):
        watch.look(1.0)


async def another(child: Child, than: int) -> None:
    while child.pid in (0, than):
        await asyncio.sleep(0.01)


def test_a_child_without_a_heartbeat_is_killed_and_started_again(tmp_path: Path) -> None:
    async def story(watch: Watch, child: Child, beats: Heartbeats) -> None:
        first = child.pid
        watch.look(1.0)
        beats.worked(Part.WORKER)
        look_for(watch, HANG_SECONDS)
        assert child.pid == first
        watch.look(1.0)
        await another(child, first)

    said = watched(story, tmp_path)
    assert said.splitlines() == [
        f"rollgrid  | worker did nothing for {HANG_SECONDS} s and was killed: starting it again at once"
    ]


def test_a_child_that_comes_round_is_left_alone_though_it_can_do_no_work(tmp_path: Path) -> None:
    """Its neighbours are away: that is said, once, and it is said when it is over."""

    async def story(watch: Watch, child: Child, beats: Heartbeats) -> None:
        first = child.pid
        beats.worked(Part.WORKER)
        for _ in range(4 * HANG_SECONDS):
            beats.tried(Part.WORKER)
            watch.look(1.0)
        beats.worked(Part.WORKER)
        look_for(watch, 1)
        assert child.pid == first

    said = watched(story, tmp_path)
    assert said.splitlines() == [
        f"rollgrid  | worker has done no work for {AWAY_SECONDS:g} s",
        "rollgrid  | the worker works again",
    ]


def test_a_child_that_has_just_come_has_time_to_start(tmp_path: Path) -> None:
    async def story(watch: Watch, child: Child, beats: Heartbeats) -> None:
        first = child.pid
        look_for(watch, START_SECONDS)
        assert child.pid == first
        look_for(watch, 1)
        await another(child, first)

    assert "worker did nothing for 60 s and was killed" in watched(story, tmp_path)


def test_a_child_that_runs_out_of_descriptors_is_named_once_a_minute(tmp_path: Path) -> None:
    """It took no connection any more, and nobody said a word."""

    async def story(watch: Watch, child: Child, beats: Heartbeats) -> None:
        while (used_and_limit(child.pid) or (0, 0))[0] < 59:
            await asyncio.sleep(0.01)
        for _ in range(119):
            beats.worked(Part.WORKER)
            watch.look(1.0)

    said = watched(story, tmp_path, (sys.executable, "-c", GREEDY)).splitlines()
    assert len(said) == 2
    assert all(re.match(r"rollgrid  \| worker has (59|6\d) of 64 file descriptors in use", line) for line in said)


def test_time_in_which_the_machine_stood_still_counts_against_no_child() -> None:
    """Two minutes between two looks: this process did not run either."""
    assert counted(1000.0, 1000.9) == pytest.approx(0.9)
    assert counted(1000.0, 1120.0) == MAX_STEP_SECONDS


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    started = Up(tmp_path / "home", without="nothing", more={"ROLLGRID_HANG_SECONDS": str(REAL_HANG_SECONDS)})
    started.ready()
    yield started
    started.clean_up()


def halted(up: Up, name: str) -> psutil.Process:
    process = up.children()[name]
    process.suspend()
    return process


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_hanging_child_is_found_and_started_again(up: Up) -> None:
    """All six of them at once; and the engine's state is told meanwhile, and good again in the end."""
    wait_until(lambda: up.ask("/healthz/engine")[0] == 200, seconds=PATIENCE, what="the engine works")
    before = {name: halted(up, name).pid for name in ("broker", "simulator", up.server, "prober", "worker", "beat")}

    def others() -> bool:
        now = {name: process.pid for name, process in up.children().items()}
        return now.keys() >= before.keys() and not now.items() & before.items()

    wait_until(others, seconds=REAL_HANG_SECONDS + 3 * PATIENCE, what="others in their places")
    for name in before:
        # Whoever was halted before his first sign of life is given the time that a start may take.
        killed = rf"{name} did nothing for ({REAL_HANG_SECONDS}|{START_SECONDS:g}) s and was killed: starting it again at once"
        assert re.search(killed, up.said())
    wait_until(lambda: up.ask("/healthz/engine")[0] == 200, seconds=3 * PATIENCE, what="the engine works again")


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_machine_that_was_suspended_as_a_whole_wakes_up_as_it_was(up: Up) -> None:
    everybody = [psutil.Process(up.process.pid), *up.children().values()]
    before = {name: process.pid for name, process in up.children().items()}
    for process in everybody:
        process.send_signal(signal.SIGSTOP)
    awake_at = time.monotonic() + 2 * REAL_HANG_SECONDS
    wait_until(lambda: time.monotonic() > awake_at, seconds=PATIENCE, what="they have stood still for so long")
    for process in everybody:
        process.send_signal(signal.SIGCONT)
    wait_until(lambda: up.ask("/healthz/engine")[0] == 200, seconds=3 * PATIENCE, what="the engine works")
    assert {name: process.pid for name, process in up.children().items()} == before
    assert "was killed" not in up.said()
