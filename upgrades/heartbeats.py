"""What each process of an installation last did, and when. Standard library only: the supervisor and the prober use it too.

One small file of the state folder, mapped into the memory of all processes: leaving a heartbeat is a store into memory, so that it
works on a full disk too, and costs nothing. Times are of the monotonic clock, which all processes of a machine share: setting the wall
clock changes nothing. `up` makes the file and hands it to its children; a process that it did not start leaves no heartbeat.
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
    """Who leaves heartbeats. `TICKS` is no process: a worker did what beat had asked for, in the database."""

    BROKER = "broker"
    SIMULATOR = "simulator"
    DAPHNE = "daphne"
    PROBER = "prober"
    WORKER = "worker"
    BEAT = "beat"
    TICKS = "ticks"


_OFFSETS = {part: _SLOT.size * (1 + number) for number, part in enumerate(Part)}
_SIZE = _SLOT.size * (1 + len(Part))


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When it last did its work, and when it last came round at all: it tried, and was told that it cannot be. 0: not yet."""

    worked_at: float = 0.0
    turned_at: float = 0.0


class Heartbeats:
    """The file, open for writing; those who only look use `read`."""

    def __init__(self, handle: int) -> None:
        self._page = mmap.mmap(handle, _SIZE)

    def worked(self, part: Part) -> None:
        now = time.monotonic()
        _SLOT.pack_into(self._page, _OFFSETS[part], now, now)

    def turned(self, part: Part) -> None:
        """It came round, and could do no work: what it needs is away. That is no reason to start it anew."""
        worked_at, _ = _SLOT.unpack_from(self._page, _OFFSETS[part])
        _SLOT.pack_into(self._page, _OFFSETS[part], worked_at, time.monotonic())

    def of(self, part: Part) -> Heartbeat:
        return Heartbeat(*_SLOT.unpack_from(self._page, _OFFSETS[part]))


@dataclass(frozen=True, slots=True)
class Record:
    """What the file says. `began_at`: when `up` was started, by the monotonic clock."""

    began_at: float
    heartbeats: dict[Part, Heartbeat]


def make(home: Path) -> int:
    """Makes the file of a run that begins now. Answers its handle, which children inherit."""
    handle = os.open(home / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(handle, _SLOT.pack(time.monotonic(), 0.0) + bytes(_SIZE - _SLOT.size), 0)
    return handle


def read(home: Path) -> Record | None:
    """None where no `up` of this version ever ran on the state folder."""
    try:
        page = (home / FILE).read_bytes()
    except OSError:
        return None
    if len(page) != _SIZE:
        return None
    began_at, _ = _SLOT.unpack_from(page, 0)
    return Record(began_at, {part: Heartbeat(*_SLOT.unpack_from(page, at)) for part, at in _OFFSETS.items()})


@cache
def _ours() -> Heartbeats | None:
    handle = os.environ.get(VARIABLE, "")
    return Heartbeats(int(handle)) if handle else None


def worked(part: Part) -> None:
    """This process has done its work, as this part."""
    if ours := _ours():
        ours.worked(part)


def turned(part: Part) -> None:
    """This process has come round, and could do no work: what it needs is away."""
    if ours := _ours():
        ours.turned(part)
