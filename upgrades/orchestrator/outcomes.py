"""Writes the outcomes of operations. Writing one twice, or after the instance has another operation, changes nothing."""

import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from upgrades import measures
from upgrades.core import messages
from upgrades.core.machines import GONE_CODES, NO_QUOTA_CODES, storable, storable_text
from upgrades.core.model_parts import AppliedModel
from upgrades.core.states import Health, InstanceUpgradeState, OperationKind, Power
from upgrades.feed.writing import Writer, writing
from upgrades.models import Instance, RequestedOperation, bulk
from upgrades.models.instance import FAILURE_FIELDS, MODEL_FIELDS, VIEW_FIELDS, in_force
from upgrades.models.prepared import Prepared
from upgrades.orchestrator.quarantine import quarantine_failing
from upgrades.providers.base import Outcome, Progress

log = logging.getLogger(__name__)
HEALTH_DETAIL_OF = {
    OperationKind.REIMAGE: "its OS disk is being replaced",
    OperationKind.EXTENSIONS: "its extensions are being run",
}
# Both count as in progress, so that no count changes while an instance goes from one to the other.
IN_PROGRESS = (InstanceUpgradeState.UPGRADING, InstanceUpgradeState.VERIFYING)
# After this time, outcomes are reconciled even if verdicts that the next step needs are still missing, so that people see them. Mostly
# the verdicts come sooner, and cause a reconcile: good news waits for others up to half a second (prober/counts.py).
VERDICT_SECONDS = 1.0
MAX_CODE_LENGTH = 100
INSTANCE_UPGRADE_FIELDS = (
    "state",
    "swapped_at",
    "new_os_disk",
    "ended_at",
    "error_code",
    "error_message",
    "rollback_error",
)
PAIR = ("member__instance", "member__replacement")  # the old instance and its surge instance, where there is one
OPERATION_FIELDS = ("operation_id", "operation_kind", "operation_version", "operation_at", "work_item")
HEALTH_FIELDS = ("health", "health_since", "health_changed_at", "health_detail", *FAILURE_FIELDS)


def record_outcomes(scale_set_id: int, outcomes: Mapping[str, Outcome], now: datetime) -> bool:
    """Write how operations ended. `outcomes`: {operation id: outcome}; ids that are no instance's current operation are ignored.

    Returns whether no step can follow before there are verdicts on the health of the new OS disks.
    """
    ids = [uuid.UUID(id) for id in outcomes]
    outcomes = {id: _storable(outcome) for id, outcome in outcomes.items()}
    with writing(now, scale_set_id) as writer:
        rows = _INSTANCES_BY_OPERATION.rows(scale_set_id, ids)
        deleted = [row for row in rows if _is_deleted(row, outcomes[str(row.operation_id)])]
        writer.removed(*deleted)
        if deleted:
            Instance.objects.filter(pk__in=[row.pk for row in deleted]).delete()
        left = [row for row in rows if row not in deleted]
        for row in left:
            _measure(row, outcomes[str(row.operation_id)], writer)
            _note_failed_request(row, outcomes[str(row.operation_id)])
            _end_operation(row, outcomes[str(row.operation_id)], writer.scale_set.model_parts, now)
        save(writer, left)
        awaits_verdicts = not deleted and all(_awaits_a_verdict(row) for row in left)
        writer.wake(at=_reconcile_at_latest(writer) if awaits_verdicts else None)
    return awaits_verdicts


def _storable(outcome: Outcome) -> Outcome:
    view = storable(outcome.view) if outcome.view else None
    return replace(
        outcome, view=view, code=storable_text(outcome.code, MAX_CODE_LENGTH), message=storable_text(outcome.message)
    )


def _awaits_a_verdict(row: Instance) -> bool:
    """Does any step need a verdict on the instance first? Not for a surge instance, which may be skipped as soon as it is created."""
    return (
        row.member is not None
        and row.member.state == InstanceUpgradeState.VERIFYING
        and row.member.replacement_number is None
    )


def _reconcile_at_latest(writer: Writer) -> datetime:
    """When to reconcile if no verdict causes it before. Not later than is planned already."""
    return min(writer.scale_set.reconcile_at, writer.now + timedelta(seconds=VERDICT_SECONDS))


_INSTANCES_BY_OPERATION = Prepared(
    lambda pk, ids: Instance.objects.filter(scale_set=pk, operation_id__in=ids).select_related(*PAIR).order_by("number")
)


def _is_deleted(row: Instance, outcome: Outcome) -> bool:
    return row.operation_kind == OperationKind.DELETE and outcome.progress is Progress.SUCCEEDED


def _end_operation(row: Instance, outcome: Outcome, model_parts: Mapping[str, Any], now: datetime) -> None:
    """Change the instance, and its instance upgrade, as the outcome of its operation says. Saves nothing.

    `model_parts`: of the scale set's model now.
    """
    if outcome.progress is Progress.FAILED:
        log.warning("%s of %s failed: %s: %s", row.operation_kind, row.name, outcome.code, outcome.message)
    if row.operation_kind == OperationKind.DELETE:
        # The machine must still be deleted: a new operation tries it again when the lease has expired.
        row.operation_id = uuid.uuid4()
        return
    before = row.applied_model
    if outcome.view is not None:
        row.take_view(outcome.view)
        if outcome.progress is Progress.SUCCEEDED:
            _note_model(row, before, model_parts)
    void_health(row, now, "")
    _end_kind(row, outcome, now)
    clear_operation(row)


def _end_kind(row: Instance, outcome: Outcome, now: datetime) -> None:
    """What the end of an operation means beyond the machine's view, by its kind."""
    if row.operation_kind != OperationKind.CREATE and outcome.code in GONE_CODES:
        _note_gone(row, now)
    elif row.operation_kind in HEALTH_DETAIL_OF:
        _end_reimage_or_extensions(row, outcome, now)
    elif row.operation_kind == OperationKind.RESTORE:
        _end_restore(row, outcome)
    elif row.operation_kind == OperationKind.CREATE:
        _end_creation(row, outcome, now)
    elif row.operation_kind == OperationKind.DEALLOCATE and row.power == Power.STOPPED:
        row.power = Power.DEALLOCATED


def _note_model(row: Instance, before: AppliedModel, model_parts: Mapping[str, Any]) -> None:
    """Note what the operation brought of the model. An old OS disk brings back what it was made from."""
    if row.operation_kind == OperationKind.RESTORE:
        row.model_parts = row.member.from_parts if row.member else {}
    else:
        row.note_brought(before, model_parts)


def _measure(row: Instance, outcome: Outcome, writer: Writer) -> None:
    """To be called before the operation is taken off the instance."""
    if row.operation_at is not None:
        seconds = (writer.now - row.operation_at).total_seconds()
        writer.count_later(measures.OPERATION_SECONDS.observe, seconds, row.operation_kind)
    if outcome.progress is Progress.FAILED:
        writer.count_later(measures.FAILED_OPERATIONS.add, 1, row.operation_kind)


def _note_failed_request(row: Instance, outcome: Outcome) -> None:
    """Note why an operation failed that a person asked for, for whoever polls it. A deletion is tried again until it succeeds."""
    if outcome.progress is Progress.FAILED and row.operation_kind != OperationKind.DELETE:
        error = {"error_code": outcome.code or "OperationFailed", "error_message": outcome.message}
        RequestedOperation.objects.filter(pk=str(row.operation_id)).update(**error)


def _note_gone(row: Instance, now: datetime) -> None:
    """Note that the provider has no such machine. The version is not blamed, and the machine is created again.

    An instance whose old OS disk was being put back stays failed; it cannot be rolled back any more.
    """
    if row.operation_kind == OperationKind.RESTORE and row.member:
        set_member_state(row, InstanceUpgradeState.FAILED)
        row.member.rollback_error = messages.GONE
    elif _belongs_to_upgrade(row):
        finish_member(row, InstanceUpgradeState.SKIPPED, now)
    row.note_gone(now)


def _belongs_to_upgrade(row: Instance) -> bool:
    """Is the operation that of the instance upgrade? Other creations are for the capacity, other reimages are asked for by a person."""
    return row.member is not None and row.operation_id == row.member.pk


def capacity_creations(ids: Iterable[str]) -> set[str]:
    """The ids of those operations that create machines for the capacity, not as surge instances.

    Such an operation has failed as soon as the provider refuses it, even if only for now: a new operation tries again.
    """
    rows = Instance.objects.filter(operation_id__in=ids, operation_kind=OperationKind.CREATE).select_related("member")
    return {str(row.operation_id) for row in rows if not _belongs_to_upgrade(row)}


def _end_creation(row: Instance, outcome: Outcome, now: datetime) -> None:
    """Record whether the machine was created. For a surge instance, its instance upgrade moves on too."""
    if outcome.progress is Progress.FAILED:
        row.note_creation_failed(outcome.code, outcome.message, now)
    if row.member is None or not _belongs_to_upgrade(row):
        return
    if outcome.progress is not Progress.FAILED:
        set_member_state(row, InstanceUpgradeState.VERIFYING)
        row.member.swapped_at, row.member.new_os_disk = now, row.os_disk
        return
    old = row.member.instance
    if outcome.code in GONE_CODES or (old and in_force(now).filter(instance=old).exists()):
        finish_member(row, InstanceUpgradeState.SKIPPED, now)
        return
    finish_member(row, InstanceUpgradeState.FAILED, now)
    row.member.error_code, row.member.error_message = outcome.code[:100], outcome.message
    if old and outcome.code in NO_QUOTA_CODES:
        # The image was never tried, so this does not count towards a quarantine.
        old.failed_version = row.operation_version
    elif old:
        old.note_failure(row.operation_version)


def _end_reimage_or_extensions(row: Instance, outcome: Outcome, now: datetime) -> None:
    """Record whether the OS disk was replaced, or the extensions were run. Only a failed image is noted on the instance."""
    is_reimage = row.operation_kind == OperationKind.REIMAGE
    if row.member is None or not _belongs_to_upgrade(row):
        _end_requested_reimage(row, outcome)
        return
    if outcome.progress is Progress.FAILED:
        finish_member(row, InstanceUpgradeState.FAILED, now)
        row.member.error_code, row.member.error_message = outcome.code[:100], outcome.message
        if is_reimage:
            row.note_failure(row.operation_version)
        return
    set_member_state(row, InstanceUpgradeState.VERIFYING)
    row.member.swapped_at, row.member.new_os_disk = now, row.os_disk if is_reimage else ""


def _end_requested_reimage(row: Instance, outcome: Outcome) -> None:
    """Forget that an upgrade to the version on the new OS disk failed here: how it does there is to be seen by its health."""
    if outcome.progress is not Progress.FAILED and row.failed_version == row.operation_version:
        row.failed_version = ""


def _end_restore(row: Instance, outcome: Outcome) -> None:
    """Record whether the old OS disk was put back. If not, the instance stays failed on the new version."""
    if row.member is None:
        return
    if outcome.progress is Progress.FAILED:
        set_member_state(row, InstanceUpgradeState.FAILED)
        row.member.rollback_error = f"{outcome.code}: {outcome.message}"
        return
    set_member_state(row, InstanceUpgradeState.ROLLED_BACK)


def finish_member(row: Instance, state: InstanceUpgradeState, now: datetime) -> None:
    set_member_state(row, state)
    if row.member:
        row.member.ended_at = now


def set_member_state(row: Instance, state: InstanceUpgradeState) -> None:
    if row.member:
        row.member.state = state


def void_health(row: Instance, now: datetime, detail: str) -> None:
    """Set the health to initializing: an operation has changed the machine, so what was known of it is void."""
    row.health, row.health_since, row.health_detail = Health.INITIALIZING, now, detail


def clear_operation(row: Instance) -> None:
    row.operation_id, row.operation_kind, row.operation_version = None, "", ""
    row.operation_at, row.work_item, row.steady_parts = None, None, {}


def save(writer: Writer, rows: Iterable[Instance]) -> None:
    """Save the instances with their instance upgrades, and quarantine those that have failed too often."""
    rows = list(rows)
    members = [row.member for row in rows if row.member]
    bulk.update(members, *INSTANCE_UPGRADE_FIELDS)
    bulk.update(rows, *VIEW_FIELDS, *MODEL_FIELDS, *HEALTH_FIELDS, *OPERATION_FIELDS)
    writer.changed(*rows, counts=not all(row.member and row.member.state in IN_PROGRESS for row in rows))
    others = [other for row in rows for other in other_of_pair(row)]
    bulk.update(others, *FAILURE_FIELDS)
    writer.changed(*others)
    quarantine_failing(writer, [*rows, *others])


def other_of_pair(row: Instance) -> list[Instance]:
    """The old instance of a surge instance, or the reverse: both show the state of their common instance upgrade. [] for none."""
    if row.member is None or row.member.replacement_number is None:
        return []
    return [
        instance for instance in (row.member.instance, row.member.replacement) if instance and instance.pk != row.pk
    ]
