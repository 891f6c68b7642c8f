"""The simulator's tables, and how machines and operations become rows of them and back."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import Progress
from upgrades.providers.simulated.changes import End, Restore
from upgrades.providers.simulated.machines import DataDisk, Extension, Illness, Job, Machine, OsDisk, Work
from upgrades.providers.simulated.wire import model_from_wire, model_to_wire

SCHEMA = """
CREATE TABLE IF NOT EXISTS scale_sets (key TEXT PRIMARY KEY, tags TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS machines (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, scale_set TEXT NOT NULL, instance TEXT NOT NULL, version TEXT NOT NULL,
    os_disk TEXT NOT NULL, power TEXT NOT NULL, provisioning TEXT NOT NULL, made_by TEXT NOT NULL, imaged_by TEXT NOT NULL,
    address TEXT NOT NULL, sick INTEGER NOT NULL, stopped INTEGER NOT NULL, reported INTEGER NOT NULL, custom_data INTEGER NOT NULL,
    extensions TEXT NOT NULL, data_disks TEXT NOT NULL, UNIQUE (scale_set, instance)
);
CREATE TABLE IF NOT EXISTS operations (
    id TEXT PRIMARY KEY, work TEXT NOT NULL, scale_set TEXT NOT NULL, instance TEXT NOT NULL, model TEXT NOT NULL,
    started_at REAL NOT NULL, due_at REAL NOT NULL, progress TEXT NOT NULL, finished_at REAL, code TEXT NOT NULL,
    message TEXT NOT NULL, view TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS operations_running ON operations (id) WHERE progress = 'running';
CREATE INDEX IF NOT EXISTS operations_finished ON operations (finished_at) WHERE finished_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS runs (
    scale_set TEXT NOT NULL, instance TEXT NOT NULL, os_disk TEXT NOT NULL, what TEXT NOT NULL, at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_of_disk ON runs (os_disk);
CREATE INDEX IF NOT EXISTS runs_at ON runs (at);
"""
# What came to SCHEMA since, in order; a file's `user_version` says how many of these it has. Append only: files of every age are about.
# Among the runs stand the restores, so that the OS disks of an instance are one list: `os_disk` was put back by the operation
# `restored_by` in the place of `dropped`, and nothing ran. Both are empty for a run.
CHANGES = (
    """
    ALTER TABLE machines ADD COLUMN kept_os_disk TEXT NOT NULL DEFAULT '';
    ALTER TABLE machines ADD COLUMN kept TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE operations ADD COLUMN os_disk TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN restored_by TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN dropped TEXT NOT NULL DEFAULT '';
    """,
)
SAVE_SCALE_SET = "INSERT OR REPLACE INTO scale_sets VALUES (?, ?)"
SAVE_MACHINE = f"INSERT OR REPLACE INTO machines VALUES ({', '.join('?' * 18)})"
SAVE_OPERATION = f"INSERT OR REPLACE INTO operations VALUES ({', '.join('?' * 13)})"
SAVE_RUN = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)"
Row = Sequence[Any]
Runs = tuple[tuple[str, str], ...]  # (what, at)


def machine_row(machine: Machine) -> Row:
    return (
        machine.serial,
        *machine.name,
        machine.version,
        machine.os_disk,
        machine.power,
        machine.provisioning,
        machine.made_by,
        machine.imaged_by,
        machine.address,
        machine.illness,
        machine.stopped,
        machine.reported,
        machine.custom_data,
        json.dumps(machine.extensions),
        json.dumps([[disk.lun, disk.id, disk.marker] for disk in machine.data_disks]),
        *_kept_columns(machine.kept),
    )


def machine_of(row: Row, runs: Mapping[str, Runs]) -> Machine:
    """`runs`: by OS disk."""
    serial, scale_set, instance, version, os_disk, power, provisioning, made_by, imaged_by, address, *rest = row
    sick, stopped, reported, custom_data, extensions, data_disks, *kept = rest
    return Machine(
        serial,
        (scale_set, instance),
        version,
        os_disk,
        Power(power),
        Provisioning(provisioning),
        made_by,
        imaged_by,
        address,
        Illness(sick),
        bool(stopped),
        bool(reported),
        bool(custom_data),
        _extensions_of(json.loads(extensions)),
        tuple(DataDisk(*disk) for disk in json.loads(data_disks)),
        runs.get(os_disk, ()),
        _kept_of(kept, runs),
    )


def job_of(row: Row) -> Job:
    id, work, scale_set, instance, model, started_at, due_at, *_, os_disk = row
    return Job(id, Work(work), (scale_set, instance), model_from_wire(json.loads(model)), started_at, due_at, os_disk)


def begun_row(job: Job) -> Row:
    return (*_job_columns(job), Progress.RUNNING, None, "", "", None, job.os_disk)


def ended_row(end: End) -> Row:
    view = json.dumps(end.view, separators=(",", ":")) if end.view else None
    return (*_job_columns(end.job), end.progress, end.at, end.code, end.message, view, end.job.os_disk)


def run_rows(machine: Machine, known: Runs) -> Iterator[Row]:
    """Of what ran on its OS disk after those that are known."""
    for what, at in machine.runs[len(known) :]:
        yield (*machine.name, machine.os_disk, what, at, "", "")


def restore_row(restore: Restore) -> Row:
    return (*restore.name, restore.os_disk, "", restore.at, restore.operation, restore.dropped)


def _kept_columns(kept: OsDisk | None) -> Row:
    if kept is None:
        return "", "[]"
    return kept.os_disk, json.dumps([kept.version, kept.imaged_by, kept.reported, kept.custom_data, kept.extensions])


def _kept_of(columns: Row, runs: Mapping[str, Runs]) -> OsDisk | None:
    os_disk, kept = columns
    if not os_disk:
        return None
    version, imaged_by, reported, custom_data, extensions = json.loads(kept)
    ran = runs.get(os_disk, ())
    return OsDisk(os_disk, version, imaged_by, reported, custom_data, _extensions_of(extensions), ran)


def _extensions_of(stored: Iterable[Any]) -> tuple[Extension, ...]:
    """Simulators of before extension upgrades stored their names only."""
    return tuple(Extension(extension) if isinstance(extension, str) else Extension(*extension) for extension in stored)


def _job_columns(job: Job) -> Row:
    return (job.id, job.work, *job.name, json.dumps(model_to_wire(job.model)), job.started_at, job.due_at)
