"""One child at a time: restarts, pauses, last words, grandchildren."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from dashboard.supervisor.children import Child, pause_after
from dashboard.supervisor.output import Output, Splitter
from dashboard.supervisor.program import Program
from tests.waiting import wait_until


def told(scenario: Callable[[Output], Awaitable[object]], tmp_path: Path) -> str:
    """Runs the scenario and answers everything that went to its output."""
    path = tmp_path / "said"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    output = Output(handle)
    asyncio.run(scenario(output))  # type: ignore[arg-type]
    output.close()
    os.close(handle)
    return path.read_text()


def python(code: str, **more: object) -> Program:
    return Program("child", (sys.executable, "-c", code), **more)  # type: ignore[arg-type]


def test_pauses_grow_up_to_five_seconds() -> None:
    assert [pause_after(ends) for ends in range(8)] == [0, 0, 0.5, 1, 2, 4, 5, 5]


def test_a_child_that_ends_is_started_again_at_once_then_later(tmp_path: Path) -> None:
    async def scenario(output: Output) -> None:
        child = Child(python("import sys; print('hello', flush=True); sys.exit(3)"), output)
        child.keep_running()
        while child.ends < 2:
            await asyncio.sleep(0.02)
        await child.stop()

    said = told(scenario, tmp_path).splitlines()
    assert said == [
        "child     | hello",
        "rollgrid  | child ended with exit code 3: starting it again at once",
        "child     | hello",
        "rollgrid  | child ended with exit code 3: starting it again in 0.5 s",
    ]


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    async def scenario(output: Output) -> None:
        assert await Child(Program("child", ("/no/such/program",)), output).run_once() == 127

    assert "child cannot be started" in told(scenario, tmp_path)


def test_a_childs_last_words_come_before_its_exit_code(tmp_path: Path) -> None:
    async def scenario(output: Output) -> None:
        heard: list[str] = []

        def listener(line: str) -> bool:
            heard.append(line)
            return line == "for you"

        child = Child(python("print('for all'); print('for you', end='')"), output, listener)
        assert await child.run_once() == 0
        assert heard == ["for all", "for you"]

    assert told(scenario, tmp_path) == "child     | for all\n"


def test_input_of_a_child_is_not_on_its_command_line(tmp_path: Path) -> None:
    async def scenario(output: Output) -> None:
        assert await Child(python("import sys; print(len(sys.stdin.read()))", stdin=b"secret"), output).run_once() == 0

    assert told(scenario, tmp_path) == "child     | 6\n"


def test_secrets_in_its_lines_are_masked(tmp_path: Path) -> None:
    async def scenario(output: Output) -> None:
        await Child(python("print('GET /?token=abcdef')"), output).run_once()

    assert told(scenario, tmp_path) == "child     | GET /?token=***\n"


@pytest.mark.parametrize("stubborn", [False, True])
def test_stop_ends_it_and_its_children(tmp_path: Path, stubborn: bool) -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" if stubborn else ""
    grandchild = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE);"
    )
    pids: list[int] = []

    async def scenario(output: Output) -> None:
        def listener(line: str) -> bool:
            pids.extend(int(word) for word in line.split())
            return True

        code = f"{ignore}{grandchild} import os; print(os.getpid(), p.pid, flush=True); p.wait()"
        child = Child(python(code, patience=0.5), output, listener)
        child.keep_running()
        while not pids:
            await asyncio.sleep(0.02)
        await child.stop()

    said = told(scenario, tmp_path)
    assert ("did not stop within 0.5 s: killed" in said) is stubborn
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), what="both gone")


def test_a_line_without_end_is_cut() -> None:
    splitter = Splitter()
    assert splitter.feed(b"one\r\ntwo\nthr") == ["one", "two"]
    assert splitter.feed(b"ee\n") == ["three"]
    assert splitter.feed(b"x" * 70_000) == ["x" * 70_000]
    assert splitter.feed(b"rest") == []
    assert splitter.end() == ["rest"]
