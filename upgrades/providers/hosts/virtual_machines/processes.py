"""QEMU processes of this host, found by the UUID on their command line.

Never by a pid file, which may be old, its number another process's by now; nor by a number that exists, which may be a zombie's: nobody may
ever reap a daemon that has ended in a container.
"""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PROC = Path("/proc")
STARTED_AT = 22 - 3  # which field of /proc/PID/stat, after the name


@dataclass(frozen=True, slots=True)
class Process:
    """`started_at`: by `uptime`. `pid`: 0 where it is another host's."""

    pid: int
    uuid: str
    started_at: float

    @property
    def age(self) -> float:
        return uptime() - self.started_at


class Runs(Protocol):
    """Who knows which machines run: this module for those of this host."""

    def running(self) -> dict[str, Process]: ...

    def find(self, uuid: str) -> Process | None: ...


def uptime() -> float:
    """Seconds since the host booted: the same clock in all processes, which nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def running() -> dict[str, Process]:
    """All QEMU processes with a UUID, by it. Blocks for some milliseconds."""
    found = (_read(int(folder.name)) for folder in PROC.iterdir() if folder.name.isdigit())
    return {process.uuid: process for process in found if process}


def find(uuid: str) -> Process | None:
    return running().get(uuid)


def kill(process: Process) -> None:
    """End it at once. Another process that has got its number since is left alone."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(process.pid)
        try:
            if _read(process.pid) == process:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


def _read(pid: int) -> Process | None:
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        if b"-uuid" not in command or b"qemu" not in os.path.basename(command[0]):
            return None
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
        uuid = command[command.index(b"-uuid") + 1].decode()
        return Process(pid, uuid, int(fields[STARTED_AT]) / os.sysconf("SC_CLK_TCK"))
    except (OSError, IndexError, ValueError):
        return None
