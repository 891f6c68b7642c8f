"""Writes steps into the database. Each step is one short transaction, committed before a provider is asked to do anything."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import singledispatch
from typing import Any

from django.conf import settings

from upgrades import measures
from upgrades.attempts import HEALTH_ERROR, HEALTH_MESSAGE, error_details
from upgrades.core.board import UpgradeRecord
from upgrades.core.facts import Breach
from upgrades.core.sentences import message_of
from upgrades.core.states import Health, InstanceUpgradeState, OperationKind, UpgradeKind, UpgradeStatus
from upgrades.core.steps import (
    AddInstances,
    Cancel,
    Complete,
    Fault,
    FinishBatch,
    RecordedStep,
    RecreateMachines,
    RemoveInstances,
    RollBack,
    Settle,
    StartBatch,
    StartUpgrade,
)
from upgrades.feed.writing import Writer, writing
from upgrades.models import Batch, Instance, InstanceUpgrade, RollingUpgrade, bulk
from upgrades.models.instance import (
    FAILURE_FIELDS,
    NOTE_OF_ANOTHER_VERSION,
    end_opt_outs,
    open_for_an_upgrade,
    retarget_opt_outs,
)
from upgrades.models.operations import OPERATION_COLUMNS, create_work_items
from upgrades.models.prepared import Prepared
from upgrades.models.rolling_upgrade import breach_to_row
from upgrades.orchestrator import leases
from upgrades.orchestrator.instance_rows import (
    StaleFacts,
    begin_removal,
    find_instances,
    new_instance,
    new_surge_instances,
    next_number,
)
from upgrades.orchestrator.leases import Lease
from upgrades.orchestrator.quarantine import quarantine_failing

OPERATION_OF = {UpgradeKind.IMAGE: OperationKind.REIMAGE, UpgradeKind.EXTENSIONS: OperationKind.EXTENSIONS}


def record(
    lease: Lease,
    seq: int,
    steps: Sequence[RecordedStep],
    now: datetime,
    ended: UpgradeRecord | None = None,
    write_more: Callable[[Writer], None] = lambda _: None,
) -> None:
    """Write these steps, one after the other, in one transaction. `ended`: the record of the upgrade, where the last one ends it.

    `write_more`: called in the same transaction. Raises LeaseLost or StaleFacts, with nothing written, where the facts that the steps were
    decided on have changed.
    """
    with writing(now, lease.scale_set_id) as writer:
        leases.check(lease)
        if writer.scale_set.seq != seq:
            raise StaleFacts
        if ended is not None:  # written first: once the step has ended the upgrade, this filter no longer finds it
            writer.scale_set.upgrades.filter(ended_at=None).update(record=ended)
        for step in steps:
            _write(step, writer)
        write_more(writer)


@singledispatch
def _write(step: RecordedStep, writer: Writer) -> None:
    """Write the rows of a step. Below is one function for each kind of step."""
    raise TypeError(f"no row is written for {step!r}")


# --- capacity ---------------------------------------------------------------------------------------------------------


@_write.register
def _add_instances(step: AddInstances, writer: Writer) -> None:
    row = writer.scale_set
    first = next_number(row)
    rows = [new_instance(row, number, step.image.version, writer.now) for number in range(first, first + step.count)]
    Instance.objects.bulk_create(rows)
    create_work_items(row, rows)
    writer.changed(*rows)


@_write.register
def _recreate_machines(step: RecreateMachines, writer: Writer) -> None:
    """Begin to create missing machines again, each with a new operation, because the refused or failed one has ended."""
    rows = find_instances(writer, step.instances)
    for row in rows:
        if row.operation_id is not None or row.missing_since is None:
            raise StaleFacts
        row.operation_id, row.operation_kind = uuid.uuid4(), OperationKind.CREATE
        row.operation_version, row.operation_at = step.image.version, writer.now
    bulk.update(rows, *OPERATION_COLUMNS)
    create_work_items(writer.scale_set, rows)
    writer.changed(*rows)


@_write.register
def _remove_instances(step: RemoveInstances, writer: Writer) -> None:
    rows = find_instances(writer, step.instances)
    begin_removal(rows, writer)
    writer.changed(*rows)


# --- the upgrade ------------------------------------------------------------------------------------------------------


@_write.register
def _start_upgrade(step: StartUpgrade, writer: Writer) -> None:
    row = writer.scale_set
    upgrade = RollingUpgrade.begin(
        row,
        step.target,
        step.started_by,
        writer.now,
        policy=row.policy,
        lasts_at_most=timedelta(seconds=settings.UPGRADE_TIMEOUT_SECONDS),
        takes_failed=step.takes_failed,
    )
    row.references_due_at = writer.now
    row.save(update_fields=["references_due_at"])
    writer.changed(upgrade)
    writer.changed(*retarget_opt_outs(row, step.target.version, writer.now), note=NOTE_OF_ANOTHER_VERSION)


@_write.register
def _start_batch(step: StartBatch, writer: Writer) -> None:
    upgrade = _running(writer)
    why = {"why": step.why[:500], "message": message_of(step.why)}
    batch = Batch.objects.create(upgrade=upgrade, number=step.number, started_at=writer.now, **why)
    rows = find_instances(writer, step.instances)
    members = [_new_member(upgrade, batch, row) for row in rows]
    for row, member in zip(rows, members, strict=True):
        row.member = member
    if step.surge:
        _begin_surge(upgrade, rows, members, writer)
    else:
        _begin_reimages(upgrade, rows, members, writer)
    writer.changed(upgrade, note=f"Batch {step.number} began.")
    writer.changed(*rows)


def _begin_reimages(
    upgrade: RollingUpgrade, rows: list[Instance], members: list[InstanceUpgrade], writer: Writer
) -> None:
    InstanceUpgrade.objects.bulk_create(members)
    for row, member in zip(rows, members, strict=True):
        row.operation_id, row.operation_kind = member.pk, OPERATION_OF[UpgradeKind(upgrade.kind)]
        row.operation_version, row.operation_at = upgrade.target_version or row.version, writer.now
    bulk.update(rows, "member", *OPERATION_COLUMNS)
    create_work_items(writer.scale_set, rows)


def _begin_surge(upgrade: RollingUpgrade, rows: list[Instance], members: list[InstanceUpgrade], writer: Writer) -> None:
    """Begin to create a surge instance for each of `rows`, which are not touched before their surge instances are healthy."""
    new = new_surge_instances(writer.scale_set, rows, upgrade.target_version, writer.now)
    Instance.objects.bulk_create(new)
    for member, surge in zip(members, new, strict=True):
        member.replacement, member.replacement_number = surge, surge.number
    InstanceUpgrade.objects.bulk_create(members)
    for member, surge in zip(members, new, strict=True):
        surge.member, surge.operation_id = member, member.pk
    bulk.update(rows, "member")
    bulk.update(new, "member", "operation_id")
    create_work_items(writer.scale_set, new)
    writer.changed(*new)


def _new_member(upgrade: RollingUpgrade, batch: Batch, row: Instance) -> InstanceUpgrade:
    """A queued instance upgrade. It remembers the old OS disk only where the upgrade replaces OS disks."""
    return InstanceUpgrade(
        upgrade=upgrade,
        batch=batch,
        instance=row,
        instance_number=row.number,
        state=InstanceUpgradeState.QUEUED,
        from_version=row.version,
        from_parts=row.model_parts if upgrade.kind == UpgradeKind.IMAGE else {},
        old_os_disk=row.os_disk if upgrade.kind == UpgradeKind.IMAGE else "",
    )


@_write.register
def _settle(step: Settle, writer: Writer) -> None:
    upgrade = _running(writer)
    states = {
        **dict.fromkeys(step.succeeded, InstanceUpgradeState.SUCCEEDED),
        **dict.fromkeys(step.failed, InstanceUpgradeState.FAILED),
        **dict.fromkeys(step.skipped, InstanceUpgradeState.SKIPPED),
    }
    rows = find_instances(writer, states)
    for row in rows:
        _settle_member(row, states[row.number], writer)
        if upgrade.kind == UpgradeKind.IMAGE:
            _note_result(row, upgrade)
    bulk.update([row.member for row in rows if row.member], "state", "ended_at", "error_code", "error_message")
    bulk.update(rows, *FAILURE_FIELDS)
    _remove_replaced(rows, writer)
    writer.changed(upgrade)
    writer.changed(*rows)
    quarantine_failing(writer, rows)


def _settle_member(row: Instance, state: InstanceUpgradeState, writer: Writer) -> None:
    member = row.member
    if member is None or member.state != InstanceUpgradeState.VERIFYING:
        raise StaleFacts
    member.ended_at, member.state = writer.now, state
    if state is InstanceUpgradeState.SUCCEEDED and member.swapped_at is not None:
        writer.count_later(measures.BOOT_SECONDS.observe, (writer.now - member.swapped_at).total_seconds())
    if state is InstanceUpgradeState.FAILED:
        member.error_code, member.error_message = HEALTH_ERROR, HEALTH_MESSAGE


def _note_result(row: Instance, upgrade: RollingUpgrade) -> None:
    """Note on the instance whether the image succeeded or failed, unless the instance was skipped. For upgrades of an image only.

    A failure counts for the version on the instance; for the target version where a surge instance failed and the old one stayed.
    """
    if row.member is None or row.member.state == InstanceUpgradeState.SKIPPED:
        return
    if row.member.state == InstanceUpgradeState.FAILED:
        row.note_failure(row.version if row.member.replacement_number is None else upgrade.target_version)
    else:
        row.note_success()


def _remove_replaced(rows: Sequence[Instance], writer: Writer) -> None:
    """Begin to delete replaced instances, in the same transaction in which their surge instances begin to count.

    The new instance gets the scale-in protection of the old one.
    """
    pairs = {row: row.member for row in rows if row.member and row.member.replacement_number is not None}
    kept = {member.replacement_number: row.protected_from_scale_in for row, member in pairs.items()}
    pks = [member.replacement_id for member in pairs.values() if member.replacement_id]
    new = list(Instance.objects.filter(pk__in=pks)) if pks else []
    for instance in new:
        instance.protected_from_scale_in = kept[instance.number]
    bulk.update(new, "protected_from_scale_in")
    writer.changed(*new)
    begin_removal([row for row, member in pairs.items() if member.state == InstanceUpgradeState.SUCCEEDED], writer)


@_write.register
def _roll_back(step: RollBack, writer: Writer) -> None:
    """Begin to put the old OS disks back. Each restore has an id of its own, because the instance upgrade's id is that of the reimage."""
    upgrade, rows = _running(writer), find_instances(writer, step.instances)
    if step.breach is not None:
        upgrade.status, upgrade.error = UpgradeStatus.ROLLING_BACK, _error(step.breach, writer)
        upgrade.breach = breach_to_row(step.breach)
        upgrade.save(update_fields=["status", "error", "breach"])
        writer.changed(upgrade, note=step.breach.code.value)
    for row in rows:
        _begin_restore(row, writer.now)
    bulk.update([row.member for row in rows if row.member], "state")
    bulk.update(rows, *OPERATION_COLUMNS, "health", "health_since", "health_detail")
    create_work_items(writer.scale_set, rows)
    writer.changed(*rows)


def _begin_restore(row: Instance, now: datetime) -> None:
    if row.member is None or row.member.state != InstanceUpgradeState.FAILED or row.operation_id is not None:
        raise StaleFacts
    row.member.state = InstanceUpgradeState.ROLLING_BACK
    row.operation_id, row.operation_kind = uuid.uuid4(), OperationKind.RESTORE
    row.operation_version, row.operation_at = row.member.from_version, now
    row.health, row.health_since, row.health_detail = Health.INITIALIZING, now, "its old OS disk is being put back"


@_write.register
def _finish_batch(step: FinishBatch, writer: Writer) -> None:
    upgrade = _running(writer)
    for batch in upgrade.batches.filter(number=step.number):
        batch.finished_at = writer.now
        batch.save(update_fields=["finished_at"])
        writer.count_later(measures.BATCH_SECONDS.observe, (writer.now - batch.started_at).total_seconds())
    upgrade.wait_began_at = writer.now
    upgrade.save(update_fields=["wait_began_at"])
    writer.changed(upgrade, note=f"Batch {step.number} finished.")


@_write.register
def _fault(step: Fault, writer: Writer) -> None:
    _end(writer, UpgradeStatus.FAULTED, note=step.breach.code.value, breach=step.breach)


def _error(breach: Breach, writer: Writer) -> dict[str, Any]:
    """The error in Azure's shape: code, message, and in `details` what was wrong with each instance of the breach (Z-1.6)."""
    return {
        "code": breach.code.value,
        "message": breach.message,
        "details": error_details(_running(writer), writer.scale_set.name, breach.instances),
    }


@_write.register
def _cancel(step: Cancel, writer: Writer) -> None:
    _end(writer, UpgradeStatus.CANCELLED, note=step.reason)


@_write.register
def _complete(step: Complete, writer: Writer) -> None:
    _end(writer, UpgradeStatus.COMPLETED, note="")


def _end(writer: Writer, status: UpgradeStatus, *, note: str, breach: Breach | None = None) -> None:
    upgrade = _running(writer)
    upgrade.status, upgrade.ended_at = status, writer.now
    upgrade.error, upgrade.breach = (_error(breach, writer), breach_to_row(breach)) if breach else (None, None)
    left = upgrade.record["left"] if upgrade.record else upgrade.progress().pending
    upgrade.pending_at_end, upgrade.wait_began_at = left, writer.now
    upgrade.save(update_fields=["status", "ended_at", "error", "breach", "pending_at_end", "wait_began_at"])
    # A breach in the last batch ends the batch too.
    upgrade.batches.filter(finished_at=None).update(finished_at=writer.now)
    writer.changed(upgrade, note=note)
    writer.count_later(measures.ENDED_UPGRADES.add, 1, status)
    _end_opt_outs_of_this_upgrade(upgrade, writer)


def _end_opt_outs_of_this_upgrade(upgrade: RollingUpgrade, writer: Writer) -> None:
    """End the opt-outs for this upgrade alone. After a failed or cancelled upgrade of the image they stay, since it may be tried again."""
    if upgrade.kind == UpgradeKind.IMAGE and upgrade.status != UpgradeStatus.COMPLETED:
        return
    over = open_for_an_upgrade(writer.scale_set).filter(version__in=("", upgrade.target_version))
    writer.changed(
        *end_opt_outs(over, "the end of the upgrade", writer.now), note="Its opt-out ended with the upgrade."
    )


# --- shared -----------------------------------------------------------------------------------------------------------


_RUNNING = Prepared(lambda pk: RollingUpgrade.objects.filter(scale_set=pk, ended_at=None))


def _running(writer: Writer) -> RollingUpgrade:
    """The running upgrade."""
    (row,) = _RUNNING.rows(writer.scale_set.pk)
    row.scale_set = writer.scale_set
    return row
