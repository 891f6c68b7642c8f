"""Programs that are forked off the loader run as they would by themselves, and start though it is gone."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from dashboard.supervisor.children import Child
from dashboard.supervisor.forks import CAN_FORK, Forks
from dashboard.supervisor.output import Output
from dashboard.supervisor.program import Program
from tests.supervisor import starting

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="forks are for Linux")
SECONDS = 30


class Story:
    """Children of one `Forks`, and what each of them said of itself."""

    def __init__(self, home: Path, output: Output, **variables: str) -> None:
        key = secrets.token_urlsafe(48)
        more = {"ROLLGRID_HOME": str(home), "ROLLGRID_SECRET_KEY": key, "PYTHONUNBUFFERED": "1", **variables}
        self.kept, self.not_kept = os.pipe()
        self.forks = Forks(more, (self.kept, self.not_kept))
        self.output = output
        self.said: list[dict[str, Any]] = []

    def child(self, argument: str) -> Child:
        program = Program(
            "child",
            (sys.executable, "-m", "tests.supervisor.forked", argument),
            environment={"ROLLGRID_STORY": "told"},
            stdin=b"input",
            keep_open=(self.kept,),
            is_forked=True,
        )
        return Child(program, self.output, self._hear, self.forks)

    def _hear(self, line: str) -> bool:
        self.said.append(json.loads(line))
        return True

    async def wait_for(self, number: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.said) < number:
                await asyncio.sleep(0.01)

    def loader(self) -> psutil.Process:
        (loader,) = [child for child in psutil.Process().children() if child.name() == "rollgrid-loader"]
        return loader

    async def end(self) -> None:
        await self.forks.end()
        os.close(self.kept)
        os.close(self.not_kept)


def tell(scenario: Callable[[Story], Awaitable[None]], home: Path, **variables: str) -> list[dict[str, Any]]:
    """Run the scenario. Returns what the children said of themselves."""

    async def run() -> list[dict[str, Any]]:
        output = Output(os.open(os.devnull, os.O_WRONLY))
        story = Story(home, output, **variables)
        try:
            await scenario(story)
        finally:
            await story.end()
            output.close()
        return story.said

    return asyncio.run(run())


def test_a_forked_program_runs_as_it_would_by_itself(tmp_path: Path) -> None:
    kept = []

    async def scenario(story: Story) -> None:
        kept.append(story.kept)
        assert await story.child("3").run_once() == 3
        assert await story.child("0").run_once() == 0

    first, second = tell(scenario, tmp_path)
    assert first == {
        "arguments": ["3"],
        "input": "input",
        "variable": "told",
        "parent": os.getpid(),
        "is_forked": True,
        "leads_its_session": True,
        "open": [0, 1, 2, *kept],
    }
    assert second == {**first, "arguments": ["0"]}


def test_the_loader_has_nothing_that_does_not_survive_a_fork(tmp_path: Path) -> None:
    async def scenario(story: Story) -> None:
        assert await story.child("0").run_once() == 0
        loader = story.loader()
        assert loader.num_threads() == 1
        assert loader.open_files() == []
        # Standard input, output and error, its line to us, and what programs may keep.
        assert loader.num_fds() == 3 + 1 + 2
        assert loader.children() == []

    tell(scenario, tmp_path)


def test_a_forked_program_is_told_to_stop_and_its_name_is_seen(tmp_path: Path) -> None:
    async def scenario(story: Story) -> None:
        child = story.child("wait")
        running = child.run_once()
        await story.wait_for(1)
        seen = psutil.Process(child.pid)
        assert seen.name() == "rollgrid-child"
        assert " ".join(seen.cmdline()).strip() == f"{sys.executable} -m tests.supervisor.forked wait"
        await child.stop()
        assert running.result() == -signal.SIGTERM

    tell(scenario, tmp_path)


def test_programs_go_on_without_the_loader_and_another_one_starts_the_next(tmp_path: Path) -> None:
    async def scenario(story: Story) -> None:
        waiting = story.child("wait")
        waiting.run_once()
        await story.wait_for(1)
        story.loader().kill()
        assert await story.child("4").run_once() == 4
        assert waiting.pid
        await waiting.stop()

    _, later = tell(scenario, tmp_path)
    assert later["is_forked"]


def test_a_program_with_code_that_cannot_be_loaded_starts_by_itself(tmp_path: Path) -> None:
    async def scenario(story: Story) -> None:
        assert await story.child("5").run_once() == 5

    (said,) = tell(scenario, tmp_path, ROLLGRID_SECRET_KEY="too short")
    assert not said["is_forked"]
    assert said["input"] == "input"
    assert said["leads_its_session"]


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    "module",
    ["dashboard.server", "dashboard.uvicorn_server", "dashboard.beat", "dashboard.celery", "dashboard.loader"],
)
def test_a_program_can_be_started_without_a_loader(module: str, tmp_path: Path) -> None:
    """A loader has set Django up for it; by itself it has to do so, before it imports what needs the models."""
    starting.need("uvicorn" if "uvicorn" in module else "daphne")
    environment = {**os.environ, "ROLLGRID_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    command = [sys.executable, "-c", f"import importlib; importlib.import_module({module!r})"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_up_heals_a_program_though_the_loader_was_killed(tmp_path: Path) -> None:
    up = starting.Up(tmp_path / "home", without="nothing")
    try:
        up.ready()
        (loader,) = [child for child in psutil.Process(up.process.pid).children() if child.name() == "rollgrid-loader"]
        loader.kill()
        up.kill("worker")
        up.wait_until_ready()
        assert up.children()["worker"].name() == "rollgrid-worker"
        assert up.end() == 0
    finally:
        up.clean_up()
