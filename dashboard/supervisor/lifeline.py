"""Ties a child's life to the supervisor's: no child outlives it, not even when it is killed with -9."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Of Linux' <sys/prctl.h>.
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def tie() -> Callable[[], None]:
    """For `preexec_fn`. The bond holds for the child itself; none of ours starts processes of its own.

    It breaks when the *thread* that forked ends, so children are started by the main thread only.
    """
    parent = os.getpid()
    return lambda: die_with(parent)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; end it now where that has died already."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the supervisor died between the fork and this line
        os._exit(1)


@contextmanager
def parent_of_orphans() -> Iterator[None]:
    """As long as this lasts, processes below this one that lose their parent become its children."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _prctl(PR_SET_CHILD_SUBREAPER, 0)


def set_process_name(name: str) -> None:
    """The name that `ps -e`, `top` and `pgrep` show for this process: "rollgrid-" and the program, at most 15 characters in all."""
    _prctl(PR_SET_NAME, ctypes.create_string_buffer(f"rollgrid-{name}"[:15].encode()))


def _prctl(option: int, value: "int | ctypes.Array[ctypes.c_char]") -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)


def watch_without_threads() -> None:
    """Python 3.11 would wait for each child in a thread of its own; newer ones use the kernel's pidfd by themselves."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


def kill_group(leader: int) -> None:
    """Ends what a child left behind: each child leads a process group of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
