"""A child process that is started again whenever it ends, until it is told to stop."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dashboard import environment
from dashboard.supervisor.forks import Forked, Forks
from dashboard.supervisor.lifeline import kill_group, tie
from dashboard.supervisor.output import Output, Splitter
from dashboard.supervisor.program import Program
from upgrades.installation import working_folder

MAX_PAUSE = 5.0  # seconds between two starts of a child that keeps dying
LAST_WORDS = 0.5  # seconds to wait for the end of its output once it has ended
CANNOT_START = 127  # as a shell says it
SETTLED = 10.0  # a child that lived this long starts again at once when it ends


def pause_after(ends: int) -> float:
    """Seconds to wait after a child has ended that many times in a row: none after the first, then ever longer."""
    return 0.0 if ends < 2 else min(0.5 * 2 ** (ends - 2), MAX_PAUSE)


def cause(code: int) -> str:
    """Why a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"


class Child:
    """One program and whatever process runs it now. `forks` starts those that are forked."""

    def __init__(
        self,
        program: Program,
        output: Output,
        listener: Callable[[str], bool] | None = None,
        forks: Forks | None = None,
    ) -> None:
        self.program = program
        self.ends = 0  # in a row, without having settled in between
        self._output = output
        self._listener = listener
        self._forks = forks
        self._why = ""  # it was killed by us
        self.began_at = 0.0  # by the monotonic clock: when the process that runs now was started
        self._process: asyncio.subprocess.Process | Forked | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None

    def keep_running(self) -> None:
        self._task = asyncio.create_task(self._keep(), name=self.program.name)

    @property
    def is_kept(self) -> bool:
        """It is kept running; the simulator is not where no location uses it."""
        return self._task is not None

    def run_once(self) -> "asyncio.Task[int]":
        """Runs it to its end; the task's result is its exit code."""
        self._task = task = asyncio.create_task(self._run(), name=self.program.name)
        return task

    async def stop(self) -> None:
        """Asks it to stop and waits; kills it when its patience is over."""
        self._stopping.set()
        self.signal(signal.SIGTERM)
        if self._task is None:
            return
        _, late = await asyncio.wait([self._task], timeout=self.program.patience)
        if late:
            self._output.say(f"{self.program.name} did not stop within {self.program.patience:g} s: killed")
            self.kill()
            await asyncio.wait(late)

    def renew(self) -> None:
        """Ends the process; the keeper starts another one at once."""
        self.ends = -1
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            kill_group(self._process.pid)

    @property
    def pid(self) -> int:
        """The process that runs it now; 0 where none does."""
        is_running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and is_running else 0

    def end_hung(self, why: str) -> None:
        """Kills the process with all that it started; the keeper says why, and starts another one."""
        if pid := self.pid:
            self._why = why
            kill_group(pid)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._run()
            if self._stopping.is_set():
                return
            self.ends = 1 if time.monotonic() - began > SETTLED else self.ends + 1
            await self._pause(code)

    async def _pause(self, code: int) -> None:
        seconds = pause_after(self.ends)
        when = f"in {seconds:g} s" if seconds else "at once"
        self._output.say(f"{self.program.name} {self._why or cause(code)}: starting it again {when}")
        self._why = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _run(self) -> int:
        """Runs one process to its end, and its last words to stderr."""
        reader, writer = os.pipe()
        told_all = self._read(reader)
        self.began_at = time.monotonic()
        try:
            self._process = process = await self._start(writer)
        except OSError as error:
            self._output.say(f"{self.program.name} cannot be started: {error}")
            return CANNOT_START
        if self._stopping.is_set():
            self.signal(signal.SIGTERM)
        code = await process.wait()
        kill_group(process.pid)
        await asyncio.wait([told_all], timeout=LAST_WORDS)
        return code

    async def _start(self, writer: int) -> asyncio.subprocess.Process | Forked:
        stdin = _filled_pipe(self.program.stdin)
        try:
            return await self._fork(stdin, writer) or await self._execute(stdin, writer)
        finally:
            os.close(stdin)
            os.close(writer)

    async def _fork(self, stdin: int, writer: int) -> Forked | None:
        if not self._forks or not self.program.is_forked:
            return None
        return await self._forks.start(self.program, working_folder(environment.home()), (stdin, writer, writer))

    async def _execute(self, stdin: int, writer: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.program.command,
            cwd=working_folder(environment.home()),  # wherever `up` was called
            env={**os.environ, **self.program.environment},
            stdin=stdin,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
            preexec_fn=tie(),
            pass_fds=self.program.keep_open,
        )

    def _read(self, reader: int) -> asyncio.Future[None]:
        """Forwards its lines; done at the end of the pipe, which is ours: with asyncio's own, `wait` waits for grandchildren."""
        loop = asyncio.get_running_loop()
        splitter, ended = Splitter(), loop.create_future()
        os.set_blocking(reader, False)

        def readable() -> None:
            data = os.read(reader, 65536)
            self._forward(splitter.feed(data) if data else splitter.end())
            if not data:
                loop.remove_reader(reader)
                os.close(reader)
                ended.set_result(None)

        loop.add_reader(reader, readable)
        return ended

    def _forward(self, lines: list[str]) -> None:
        for line in lines:
            if self._listener is None or not self._listener(line):
                self._output.line(self.program.name, line)


def _filled_pipe(content: bytes) -> int:
    """The read end of a pipe that holds these bytes and nothing more (they must fit a pipe: 64 KB)."""
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    return reader
