"""What `ps`, `top` and `pgrep` show of a process that was forked: by itself it would look like the one that forked it. On Linux."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

from dashboard.supervisor import lifeline

# Counted from 0 after the name, of proc(5): where the arguments of this process begin and end in its memory.
ARG_START, ARG_END = 45, 46


def show_process(name: str, command: Sequence[str]) -> None:
    """Show this process under the name "rollgrid-" and `name` (at most 15 characters in all), with this command line.

    The command line is written over the one that the process was started with, and cut where that ends. setproctitle is not used: where it
    is installed, Celery shows titles of its own.
    """
    lifeline.set_process_name(name)
    start, end = _arguments()
    if room := end - start:
        ctypes.memmove(start, "\0".join(command).encode()[: room - 1].ljust(room, b"\0"), room)


def _arguments() -> tuple[int, int]:
    """Where the arguments of this process begin and end in its memory; (0, 0) where the kernel does not say."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[ARG_START]), int(fields[ARG_END])
