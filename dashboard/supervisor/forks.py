"""Starts programs by forking them off a loader that has their code loaded already (dashboard/loader.py), and waits for them.

Where that cannot be had (not Linux, or the loader ended), a program is started the ordinary way; it is only slower.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dashboard.supervisor import lifeline
from dashboard.supervisor.program import Program

LOADER = (sys.executable, "-m", "dashboard.loader")
ROOM = " " * 2000  # for the longest command line of a program
LOAD_SECONDS = 20.0  # far more than it takes; a loaded machine is slow
FORK_SECONDS = 5.0
MAX_REQUEST_BYTES = 65536
CAN_FORK = sys.platform == "linux" and hasattr(os, "pidfd_open")


class Forked:
    """A process that was forked for us, with the part of `asyncio.subprocess.Process` that we use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()
        self._handle = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._handle, self._collect)

    def _collect(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()

    async def wait(self) -> int:
        """Its exit code; the negative number of a signal that ended it."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


class Forks:
    """The loader and the line to it. It is started when a program is first to be started, and again where it has ended.

    `handles` are those that programs may keep, and `environment` are the variables that all of them have: what they load depends on them.
    """

    def __init__(self, environment: Mapping[str, str], handles: Sequence[int]) -> None:
        self._environment = environment
        self._handles = tuple(handles)
        self._loader: asyncio.subprocess.Process | None = None
        self._line: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()

    async def start(self, program: Program, folder: Path, streams: tuple[int, int, int]) -> Forked | None:
        """Start the program as a child of this process; `streams` are its stdin, stdout and stderr. None where it cannot be forked."""
        if not CAN_FORK:
            return None
        _, _, module, *arguments = program.command
        request: dict[str, object] = {
            "name": program.name,
            "module": module,
            "arguments": arguments,
            "environment": dict(program.environment),
            "folder": str(folder),
            "keep_open": program.keep_open,
        }
        async with self._one_at_a_time:
            for _ in range(2 if self._line else 1):  # that a loader has ended is noticed by asking it
                if process := await self._ask(request, folder, streams):
                    return process
            return None

    async def _ask(self, request: dict[str, object], folder: Path, streams: tuple[int, int, int]) -> Forked | None:
        try:
            line = await self._open_line(folder)
            with lifeline.parent_of_orphans():
                socket.send_fds(line, [json.dumps(request).encode()], streams)
                answer = await self._receive(line, FORK_SECONDS)
            return Forked(answer["pid"])
        except (OSError, TimeoutError, ValueError, KeyError):
            await self.end()
            return None

    async def _open_line(self, folder: Path) -> socket.socket:
        """The line to a loader that has loaded. Raises OSError, TimeoutError or ValueError where there is none."""
        if self._line and self._loader and self._loader.returncode is None:
            return self._line
        await self.end()
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.setblocking(False)
        numbers = [str(number) for number in (theirs.fileno(), os.getpid(), *self._handles)]
        with theirs:
            self._loader = await asyncio.create_subprocess_exec(
                *LOADER,
                *numbers,
                ROOM,
                cwd=folder,
                env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,  # what keeps it from loading, the program says itself
                start_new_session=True,
                preexec_fn=lifeline.tie(),
                pass_fds=(theirs.fileno(), *self._handles),
            )
        await self._receive(self._line, LOAD_SECONDS)
        return self._line

    async def _receive(self, line: socket.socket, seconds: float) -> dict[str, int]:
        async with asyncio.timeout(seconds):
            message = await asyncio.get_running_loop().sock_recv(line, MAX_REQUEST_BYTES)
        answer: dict[str, int] = json.loads(message)
        return answer

    async def end(self) -> None:
        """End the loader. Programs that it forked go on."""
        if self._line:
            self._line.close()
            self._line = None
        if self._loader:
            with suppress(ProcessLookupError):
                self._loader.kill()
            await self._loader.wait()
            self._loader = None
