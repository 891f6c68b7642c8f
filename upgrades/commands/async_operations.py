"""Asynchronous operations of the API (Azure-AsyncOperation), which clients poll until they are over."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from upgrades import provisioning_status
from upgrades.commands.audit import unaudited
from upgrades.core.ranges import ranges
from upgrades.core.states import OperationKind, Provisioning, UpgradeStatus
from upgrades.models import AsyncOperation, Instance, RequestedOperation, RollingUpgrade, ScaleSet
from upgrades.models.async_operation import RequestKind, Status
from upgrades.models.resource_group import existing

KEPT = timedelta(days=7)
MIN_KEPT = 100  # the latest ones, however far a clock is set forward: clients may still be polling them


@unaudited("clients only poll it; the command that it belongs to is audited")
def begin(
    kind: RequestKind,
    key: str,
    now: datetime,
    *,
    scale_set: ScaleSet | None = None,
    upgrade: RollingUpgrade | None = None,
    id: uuid.UUID | None = None,
) -> AsyncOperation:
    """Create an operation that clients can poll until it is over, and for a week after (KEPT).

    `id`: that of the request, where it is for operations on instances.
    """
    return AsyncOperation.objects.create(
        id=id or uuid.uuid4(),
        kind=kind,
        key=key.lower(),
        scale_set_id=scale_set.pk if scale_set else None,
        upgrade_id=upgrade.pk if upgrade else None,
        started_at=now,
    )


@unaudited("only notes that an operation is over")
def store_outcome(row: AsyncOperation, now: datetime) -> AsyncOperation:
    """Store the outcome of an operation that is over by now. An outcome never changes afterwards."""
    if row.status:
        return row
    outcome = _OUTCOMES[RequestKind(row.kind)](row, now)
    if outcome is None:
        return row
    status, error = outcome
    changes = {"status": status, "error": error, "ended_at": now}
    AsyncOperation.objects.filter(pk=row.pk, status="").update(**changes)
    row.refresh_from_db()
    return row


Ending = tuple[Status, dict[str, Any] | None] | None


def _put(row: AsyncOperation, now: datetime) -> Ending:
    scale_set = ScaleSet.objects.filter(pk=row.scale_set_id or 0, deleting=False).first()
    if scale_set is None:
        error = {"code": "OperationPreempted", "message": f"{row.key} has been deleted meanwhile."}
        return Status.CANCELED, error
    status = provisioning_status.provisioning_status([scale_set], now)[scale_set.pk]
    if status.state == Provisioning.FAILED:
        numbers = ", ".join(str(number) for number in status.failed)
        detail = f" {status.error.rstrip('.')}." if status.error else ""
        error = {"code": "ProvisioningFailed", "message": f"These instances could not be created: {numbers}.{detail}"}
        return Status.FAILED, error
    return (Status.SUCCEEDED, None) if status.state == Provisioning.SUCCEEDED else None


def _delete(row: AsyncOperation, now: datetime) -> Ending:
    return None if ScaleSet.objects.filter(pk=row.scale_set_id or 0).exists() else (Status.SUCCEEDED, None)


def _delete_group(row: AsyncOperation, now: datetime) -> Ending:
    still_exists = existing().filter(key=row.key, deleting=True).exists()
    return None if still_exists else (Status.SUCCEEDED, None)


def _upgrade(row: AsyncOperation, now: datetime) -> Ending:
    upgrade = RollingUpgrade.objects.filter(pk=row.upgrade_id or row.pk).first()
    if upgrade is None:
        error = {"code": "OperationPreempted", "message": f"{row.key} has been deleted meanwhile."}
        return Status.CANCELED, error
    if upgrade.ended_at is None:
        return None
    if upgrade.status == UpgradeStatus.FAULTED:
        return Status.FAILED, upgrade.error
    if upgrade.status == UpgradeStatus.CANCELLED:
        return Status.CANCELED, {"code": "OperationPreempted", "message": "The rolling upgrade was cancelled."}
    return Status.SUCCEEDED, None


def _cancel(row: AsyncOperation, now: datetime) -> Ending:
    """A cancellation is over when the upgrade has ended, in whatever way."""
    is_running = RollingUpgrade.objects.filter(pk=row.upgrade_id or row.pk, ended_at=None).exists()
    return None if is_running else (Status.SUCCEEDED, None)


def _approve(row: AsyncOperation, now: datetime) -> Ending:
    """An approval is over at once; it does not wait for the upgrade."""
    return Status.SUCCEEDED, None


def _instances(row: AsyncOperation, now: datetime) -> Ending:
    """Operations on instances are over when each has ended. Those that failed are named, with what the provider said of the first."""
    if not ScaleSet.objects.filter(pk=row.scale_set_id or 0).exists():
        return Status.CANCELED, {"code": "OperationPreempted", "message": f"{row.key} has been deleted meanwhile."}
    requested = RequestedOperation.objects.filter(request=row.pk)
    its_instance = Instance.objects.filter(pk=OuterRef("instance_id"))
    is_deleting = Q(kind=OperationKind.DELETE)
    # A deletion is tried until it succeeds; one that has an error was taken back.
    goes_on = (is_deleting & Q(error_code="") & Exists(its_instance)) | (
        ~is_deleting & Exists(its_instance.filter(operation_id=OuterRef("pk")))
    )
    if requested.filter(goes_on).exists():
        return None
    failed = list(requested.exclude(error_code="").order_by("number"))
    return (Status.FAILED, _error_of(failed)) if failed else (Status.SUCCEEDED, None)


def _error_of(failed: Sequence[RequestedOperation]) -> dict[str, Any]:
    """In Azure's shape: the first one's code and message, and each with its instance in `details`."""
    first = failed[0]
    details = [
        {"code": each.error_code, "message": each.error_message, "target": str(each.number)} for each in failed[:50]
    ]
    message = f"{first.kind} failed on instances {ranges(each.number for each in failed)}. {first.error_message}"
    return {"code": first.error_code, "message": message, "details": details}


_OUTCOMES = {
    RequestKind.PUT: _put,
    RequestKind.DELETE: _delete,
    RequestKind.UPGRADE: _upgrade,
    RequestKind.CANCEL: _cancel,
    RequestKind.APPROVE: _approve,
    RequestKind.DELETE_GROUP: _delete_group,
    RequestKind.INSTANCES: _instances,
}
