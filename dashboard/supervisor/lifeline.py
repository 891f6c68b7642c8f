"""Ties a child's life to the supervisor's: no child outlives it, not even when it is killed with -9."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def tie() -> Callable[[], None]:
    """For `preexec_fn`. The bond holds for the child itself; none of ours starts processes of its own.

    It breaks when the *thread* that forked ends, so children are started by the main thread only.
    """
    parent = os.getpid()

    def in_the_child() -> None:
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the supervisor died between the fork and this line
            os._exit(1)

    return in_the_child


def watch_without_threads() -> None:
    """Python 3.11 would wait for each child in a thread of its own; newer ones use the kernel's pidfd by themselves."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


def kill_group(leader: int) -> None:
    """Ends what a child left behind: each child leads a process group of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
