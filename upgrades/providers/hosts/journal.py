"""A journal of the operations on machines, on the worker's disk: which one is open on each machine, and how the last ones ended.

One file for each machine, replaced as a whole, so that a kill at any line leaves the old one or the new one. It is 0600: the profile of an
open operation has secrets; they go when it ends. A small index says which machine an operation is on.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from upgrades import atomic_files
from upgrades.providers.base import Operation, Outcome, Progress
from upgrades.providers.remote.wire import operation_from_json, operation_to_json, outcome_from_json, outcome_to_json

REMEMBERED = 20  # operations of a machine that have ended


@dataclass(slots=True)
class OpenOperation:
    """An operation that has begun and not ended. `stepped_at`: when somebody last went on with it, in seconds since 1970."""

    operation: Operation
    memory: dict[str, Any] = field(default_factory=dict)
    stepped_at: float = 0.0
    why: str = ""  # what it waits for, for people


@dataclass(slots=True)
class Record:
    """What the journal says of one machine. `ended`: {operation id: outcome} of the last operations, oldest first.

    `is_half_made`: an operation on its OS disk was given up half way, and none has made it whole since.
    """

    open: OpenOperation | None = None
    ended: dict[str, Outcome] = field(default_factory=dict)
    is_half_made: bool = False

    @property
    def has_failed(self) -> bool:
        """Did the last operation that ended fail?"""
        return bool(self.ended) and list(self.ended.values())[-1].progress is Progress.FAILED

    def end(self, outcome: Outcome) -> None:
        """The open operation is over."""
        if self.open:
            self.ended[self.open.operation.id] = outcome
            self.open = None


class Busy(Exception):
    """Somebody else, here or in another process, works on the machine at this moment."""


class Journal:
    """All methods read and write files; none waits. Everything but `find`, `read` and `names` wants `locked` around it."""

    def __init__(self, folder: Path) -> None:
        self._machines, self._index = folder / "machines", folder / "index"

    @contextmanager
    def locked(self, key: str, instance: str) -> Iterator[None]:
        """Within it, nobody else works on the machine. Raises Busy. If the process dies, the kernel takes the lock away."""
        self._machines.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path(key, instance).with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise Busy from None
        try:
            yield
        finally:
            os.close(handle)

    def is_locked(self, key: str, instance: str) -> bool:
        """Does somebody work on the machine at this moment?"""
        try:
            with self.locked(key, instance):
                return False
        except Busy:
            return True

    def read(self, key: str, instance: str) -> Record:
        try:
            body = json.loads(self._path(key, instance).read_bytes())
        except FileNotFoundError:
            return Record()
        opened = body.get("open")
        return Record(
            OpenOperation(
                operation_from_json(opened["operation"]), opened["memory"], opened["steppedAt"], opened.get("why", "")
            )
            if opened
            else None,
            {id: outcome_from_json(outcome) for id, outcome in body["ended"].items()},
            bool(body.get("halfMade", False)),
        )

    def write(self, key: str, instance: str, record: Record) -> None:
        if record.open:
            self._write_index(record.open.operation.id, key, instance)
        for id in list(record.ended)[:-REMEMBERED]:
            del record.ended[id]
            self._index_path(id).unlink(missing_ok=True)
        body: dict[str, Any] = {
            "halfMade": record.is_half_made,
            "ended": {id: outcome_to_json(outcome) for id, outcome in record.ended.items()},
        }
        if record.open:
            body["open"] = {
                "operation": operation_to_json(record.open.operation),
                "memory": record.open.memory,
                "steppedAt": record.open.stepped_at,
                "why": record.open.why,
            }
        atomic_files.replace(self._path(key, instance), json.dumps(body).encode())

    def find(self, id: str) -> tuple[str, str] | None:
        """(scale set key, instance) of the machine that an operation is on; None where nobody began it."""
        try:
            key, instance = json.loads(self._index_path(id).read_bytes())
        except FileNotFoundError:
            return None
        return key, instance

    def _write_index(self, id: str, key: str, instance: str) -> None:
        path = self._index_path(id)
        if not path.exists():
            self._index.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_files.replace(path, json.dumps([key, instance]).encode())

    def _path(self, key: str, instance: str) -> Path:
        return self._machines / f"{_digest(f'{key}/{instance}')}.json"

    def _index_path(self, id: str) -> Path:
        return self._index / _digest(id)


def _digest(text: str) -> str:
    """A file name of any text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
