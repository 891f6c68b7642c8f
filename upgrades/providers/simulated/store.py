"""The simulator's memory on disk: one SQLite file, one commit per batch of changes."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from upgrades.providers.simulated.changes import Changes
from upgrades.providers.simulated.machines import Job, Machine, Name
from upgrades.providers.simulated.rows import (
    CHANGES,
    SAVE_MACHINE,
    SAVE_OPERATION,
    SAVE_RUN,
    SAVE_SCALE_SET,
    SCHEMA,
    Runs,
    begun_row,
    ended_row,
    job_of,
    machine_of,
    machine_row,
    restore_row,
    run_rows,
)

PURGE_AT_ONCE = 5_000  # rows per statement, so that a purge never holds the loop for long
THERE = "SELECT os_disk FROM machines UNION ALL SELECT kept_os_disk FROM machines"  # the OS disks that machines are on or keep


class Finished(NamedTuple):
    id: str
    progress: str
    code: str
    message: str
    view: dict[str, Any] | None
    name: Name


class Store:
    """Every method is one short transaction. Errors are sqlite3.Error, and then nothing was written."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(SCHEMA)
        self._catch_up()

    def close(self) -> None:
        self._database.close()

    def save(self, changes: Changes) -> None:
        ended = [ended_row(end) for end in changes.ended.values()]
        begun = [begun_row(job) for job in changes.begun.values()]
        restores = [restore_row(restore) for restore in changes.restored]
        runs = [row for machine, known in changes.ran for row in run_rows(machine, known)]
        with self._transaction() as database:
            database.executemany(SAVE_SCALE_SET, [(key, json.dumps(tags)) for key, tags in changes.tags.items()])
            database.executemany("DELETE FROM machines WHERE scale_set = ? AND instance = ?", changes.gone)
            database.executemany(SAVE_MACHINE, map(machine_row, changes.machines.values()))
            database.executemany(SAVE_OPERATION, begun + ended)
            database.executemany(SAVE_RUN, restores + runs)

    def tags(self) -> dict[str, dict[str, str]]:
        return {key: json.loads(tags) for key, tags in self._database.execute("SELECT key, tags FROM scale_sets")}

    def machines(self) -> Iterator[Machine]:
        runs: dict[str, Runs] = {}
        there = f"SELECT os_disk, what, at FROM runs WHERE restored_by = '' AND os_disk IN ({THERE}) ORDER BY rowid"
        for os_disk, what, at in self._database.execute(there):
            runs[os_disk] = (*runs.get(os_disk, ()), (what, at))
        for row in self._database.execute("SELECT * FROM machines ORDER BY serial"):
            yield machine_of(row, runs)

    def running(self) -> Iterator[Job]:
        yield from map(job_of, self._database.execute("SELECT * FROM operations WHERE progress = 'running'"))

    def highest_serial(self) -> int:
        """The highest ever given: an address is not handed to another machine soon after its own was deleted."""
        row = self._database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'machines'").fetchone()
        return int(row[0]) if row else 0

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the operations that were ever begun and are not purged."""
        query = "SELECT id FROM operations WHERE id IN (SELECT value FROM json_each(?))"
        return {id for (id,) in self._database.execute(query, (json.dumps(list(ids)),))}

    def finished(self, ids: Iterable[str]) -> Iterator[Finished]:
        query = """SELECT id, progress, code, message, view, scale_set, instance FROM operations
                   WHERE id IN (SELECT value FROM json_each(?)) AND finished_at IS NOT NULL"""
        rows = self._database.execute(query, (json.dumps(list(ids)),))
        for id, progress, code, message, view, scale_set, instance in rows:
            yield Finished(id, progress, code, message, json.loads(view) if view else None, (scale_set, instance))

    def purge(self, *, operations_before: float, runs_before: str) -> bool:
        """Forgets some old finished operations and old runs; says whether there are more. Runs of OS disks that are there stay."""
        operations = "SELECT id FROM operations WHERE finished_at < ? LIMIT ?"
        runs = f"SELECT rowid FROM runs WHERE at < ? AND os_disk NOT IN ({THERE}) LIMIT ?"
        with self._transaction() as database:
            gone = (
                database.execute(
                    f"DELETE FROM operations WHERE id IN ({operations})", (operations_before, PURGE_AT_ONCE)
                ),
                database.execute(f"DELETE FROM runs WHERE rowid IN ({runs})", (runs_before, PURGE_AT_ONCE)),
            )
        return max(cursor.rowcount for cursor in gone) == PURGE_AT_ONCE

    def _catch_up(self) -> None:
        """Brings the file of an older simulator up to date, each change whole or not at all."""
        (done,) = self._database.execute("PRAGMA user_version").fetchone()
        for number, change in enumerate(CHANGES[done:], done + 1):
            self._database.executescript(f"BEGIN IMMEDIATE; {change} PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
