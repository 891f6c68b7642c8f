"""Heartbeats: when each part of an installation last did its work. Standard library only: the supervisor and the prober use it too.

They are in one small file of the state folder that is mapped into the memory of all processes. Leaving a heartbeat is a store into memory:
it costs nothing and works on a full disk too. Times are of the monotonic clock, which all processes of a machine share, so that setting
the wall clock changes nothing. `up` makes the file and hands it to its children; a process that it did not start leaves no heartbeat.
"""

import mmap
import os
import struct
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

FILE = "heartbeats"
VARIABLE = "ROLLGRID_HEARTBEATS"  # the handle of the file; set by `up` only
_SLOT = struct.Struct("dd")


class Part(StrEnum):
    """Who leaves heartbeats. `TICKS` is no process: it means that a worker did the tick that beat had sent, with the database."""

    BROKER = "broker"
    SIMULATOR = "simulator"
    DAPHNE = "daphne"
    UVICORN = "uvicorn"  # in Daphne's place, where it is chosen
    PROBER = "prober"
    WORKER = "worker"
    BEAT = "beat"
    TICKS = "ticks"


_OFFSETS = {part: _SLOT.size * (1 + number) for number, part in enumerate(Part)}
_SIZE = _SLOT.size * (1 + len(Part))


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When a part last did its work, and when it last tried, even without success. 0: not yet. Both monotonic."""

    worked_at: float = 0.0
    tried_at: float = 0.0


class Heartbeats:
    """The file, open for writing. Readers use `read`."""

    def __init__(self, handle: int) -> None:
        self._page = mmap.mmap(handle, _SIZE)

    def worked(self, part: Part) -> None:
        now = time.monotonic()
        _SLOT.pack_into(self._page, _OFFSETS[part], now, now)

    def tried(self, part: Part) -> None:
        """Note that a part tried and could not work, since something that it needs is away. It need not be restarted for that."""
        worked_at, _ = _SLOT.unpack_from(self._page, _OFFSETS[part])
        _SLOT.pack_into(self._page, _OFFSETS[part], worked_at, time.monotonic())

    def of(self, part: Part) -> Heartbeat:
        return Heartbeat(*_SLOT.unpack_from(self._page, _OFFSETS[part]))


@dataclass(frozen=True, slots=True)
class HeartbeatFile:
    """The content of the file. `began_at`: when `up` was started, by the monotonic clock."""

    began_at: float
    heartbeats: dict[Part, Heartbeat]


def make(home: Path) -> int:
    """Make the file for a run of `up` that begins now. Returns its descriptor, which children inherit."""
    handle = os.open(home / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(handle, _SLOT.pack(time.monotonic(), 0.0) + bytes(_SIZE - _SLOT.size), 0)
    return handle


def read(home: Path) -> HeartbeatFile | None:
    """Read the file. None where no `up` of this version ever ran with this state folder."""
    try:
        page = (home / FILE).read_bytes()
    except OSError:
        return None
    if len(page) != _SIZE:
        return None
    began_at, _ = _SLOT.unpack_from(page, 0)
    return HeartbeatFile(began_at, {part: Heartbeat(*_SLOT.unpack_from(page, at)) for part, at in _OFFSETS.items()})


@cache
def _ours() -> Heartbeats | None:
    handle = os.environ.get(VARIABLE, "")
    return Heartbeats(int(handle)) if handle else None


def worked(part: Part) -> None:
    """Leave a heartbeat: this process has done its work as `part`."""
    if ours := _ours():
        ours.worked(part)


def tried(part: Part) -> None:
    """Leave a heartbeat: this process has tried as `part` and could not work, since something that it needs is away."""
    if ours := _ours():
        ours.tried(part)
