"""Counters, gauges and histograms of processes, in files that outlive the processes. Standard library only, like heartbeats.py.

Each program that `up` starts has one file in the state folder, named after the program and mapped into memory. An observation is a few
stores into memory: no lock between processes, no system call, and nothing to flush, so `kill -9` loses nothing. A program that is started
again goes on with the numbers of its predecessor. So counters never go back while `up` runs, and there are as many files as programs,
however often these are restarted. Gauges begin at 0 again, and those of a program that has ended are not shown. `up` removes all files
when it starts.

prometheus_client has files for several processes too. It is not used here, because its files are named after process ids: they pile up with
every restart, and the numbers of a process that was killed must be kept in its file for ever or counters go back. It would also be loaded
into the prober, the worker and the providers. It reads these files and writes the answer of /metrics (dashboard/metrics/).

What a transaction does is counted after its commit (`Writer.count_later`): one that is rolled back is mostly done again.

A process that `up` did not start measures nothing.
"""

import mmap
import os
import struct
import threading
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import product
from pathlib import Path

FOLDER = "measures"
VARIABLE = "ROLLGRID_MEASURES"  # the file of this program; set by `up` only
OTHER = "other"  # the label of what has none of its own
_CELL = 8  # bytes
_HEAD = 2  # cells: the check of the layout, and the process id


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured, by the programs whose names begin with one of `programs`. `help`: a sentence for people.

    `labels`: {name: all its values}, so that the number of series is known. `bounds`: the upper bounds of a histogram's buckets. `at`: the
    first of its cells. A counter or gauge has one cell for each combination of label values; a histogram has one for each bucket, one for
    what is above the last, and one for the sum.
    """

    kind: Kind
    name: str
    help: str
    programs: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]
    bounds: tuple[float, ...]
    at: int
    _places: dict[tuple[str, ...], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, values in enumerate(product(*self.labels.values())):
            self._places[values] = self.at + number * self.cells_of_one

    @property
    def cells_of_one(self) -> int:
        return len(self.bounds) + 2 if self.kind is Kind.HISTOGRAM else 1

    @property
    def cells(self) -> int:
        return self.cells_of_one * len(self._places)

    def add(self, amount: float, *values: str) -> None:
        """Raise a counter. `values`: those of the labels, in order; one that the measure has not counts as "other"."""
        if page := _ours():
            page.add(self._place(values), amount)

    def set(self, number: float, *values: str) -> None:
        """Set a gauge."""
        if page := _ours():
            page.set(self._place(values), number)

    def observe(self, number: float, *values: str) -> None:
        """Count a number in a histogram. Negative ones, after a clock was set back, count as 0."""
        if page := _ours():
            place, number = self._place(values), max(number, 0.0)
            page.count(place + bisect_left(self.bounds, number), place + len(self.bounds) + 1, number)

    def read(self, cells: Sequence[float]) -> Iterator[tuple[tuple[str, ...], Sequence[float]]]:
        """(values of the labels, its cells) of each combination."""
        for values, place in self._places.items():
            yield values, cells[place : place + self.cells_of_one]

    def _place(self, values: tuple[str, ...]) -> int:
        place = self._places.get(values)
        if place is not None:
            return place
        known = (value if value in of else OTHER for value, of in zip(values, self.labels.values(), strict=True))
        return self._places[tuple(known)]


class Table:
    """All measures, in the order in which they are declared. That order is the layout of the files."""

    def __init__(self) -> None:
        self.measures: list[Measure] = []
        self.size = _HEAD

    def add(
        self,
        kind: Kind,
        name: str,
        help: str,
        programs: tuple[str, ...],
        labels: dict[str, tuple[str, ...]],
        bounds: tuple[float, ...] = (),
    ) -> Measure:
        measure = Measure(kind, f"rollgrid_{name}", help, programs, labels, bounds, self.size)
        self.measures.append(measure)
        self.size += measure.cells
        return measure

    @property
    def layout(self) -> float:
        """A number that differs where the layout does: another version of Rollgrid does not read these files."""
        shapes = [(measure.kind.value, measure.name, measure.labels, measure.bounds) for measure in self.measures]
        return float(zlib.crc32(repr(shapes).encode()))


TABLE = Table()


class Page:
    """The file of one program, open for writing."""

    def __init__(self, file: Path) -> None:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _is_readable(os.pread(handle, _HEAD * _CELL, 0), os.fstat(handle).st_size):
                os.ftruncate(handle, 0)
                # Written, so that its blocks are there: a store into a hole of a file ends the process where the disk is full.
                os.pwrite(handle, bytes(TABLE.size * _CELL), 0)
            self._cells = memoryview(mmap.mmap(handle, TABLE.size * _CELL)).cast("d")
        finally:
            os.close(handle)
        self._lock = threading.Lock()
        for measure in TABLE.measures:
            if measure.kind is Kind.GAUGE:
                self._cells[measure.at : measure.at + measure.cells] = memoryview(bytes(_CELL * measure.cells)).cast(
                    "d"
                )
        self._cells[0], self._cells[1] = TABLE.layout, float(os.getpid())

    def add(self, place: int, amount: float) -> None:
        with self._lock:
            self._cells[place] += amount

    def count(self, bucket: int, total: int, amount: float) -> None:
        """Add 1 to one cell, and the amount to another."""
        with self._lock:
            self._cells[bucket] += 1.0
            self._cells[total] += amount

    def set(self, place: int, number: float) -> None:
        self._cells[place] = number


def _is_readable(head: bytes, size: int) -> bool:
    return size == TABLE.size * _CELL and struct.unpack_from("d", head)[0] == TABLE.layout


@dataclass(frozen=True, slots=True)
class Measured:
    """What one program has measured. `is_running`: whether its process is there; otherwise its gauges say nothing."""

    program: str
    cells: Sequence[float]
    is_running: bool


def read(home: Path) -> list[Measured]:
    """Read the files of all programs, by name. [] where no `up` ever ran with this state folder."""
    found = []
    for file in sorted((home / FOLDER).glob("*")):
        content = file.read_bytes()
        if len(content) >= _CELL and _is_readable(content, len(content)):
            cells = memoryview(content).cast("d")
            found.append(Measured(file.name, cells, _is_running(int(cells[1]))))
    return found


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def make_folder(home: Path) -> None:
    """Make the folder for a run of `up` that begins now: empty."""
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for file in folder.glob("*"):
        file.unlink()


def file_of(home: Path, program: str) -> Path:
    return home / FOLDER / program


def begin() -> None:
    """Open the file of this program now, so that its counters are there, at 0, before anything happens: rates need that."""
    _ours()


@cache
def _ours() -> Page | None:
    file = os.environ.get(VARIABLE, "")
    try:
        return Page(Path(file)) if file else None
    except OSError:
        return None  # the disk is full: work is more important than measuring it
