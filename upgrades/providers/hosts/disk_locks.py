"""Whether a disk is open for writing in some QEMU, of this computer or of another one that shares its file system.

QEMU marks what it does with a disk by locks on single bytes of its file: 100 and on for what it does, 200 and on for what nobody else may.
"""

import fcntl
import os
import struct
from collections.abc import Iterable
from pathlib import Path

WRITES = 101
FLOCK = struct.Struct("hhqqi4x")  # type, whence, start, length, pid


def is_written_to(disk: Path) -> bool:
    """Does anybody have it open for writing? False where it is not there. Blocks for a moment."""
    try:
        handle = os.open(disk, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        wanted = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, WRITES, 1, 0)
        kind, *_ = FLOCK.unpack(fcntl.fcntl(handle, fcntl.F_OFD_GETLK, wanted))
        return bool(kind != fcntl.F_UNLCK)
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(handle)


def first_written_to(disks: Iterable[Path]) -> Path | None:
    return next((disk for disk in disks if is_written_to(disk)), None)
