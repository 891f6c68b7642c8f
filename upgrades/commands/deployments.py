"""Begins, records, ends, cancels and deletes deployments of templates. What a template says is upgrades.arm's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from upgrades.commands import lookup
from upgrades.commands.audit import audited, note, unaudited
from upgrades.commands.errors import Refused
from upgrades.commands.groups import lock_group
from upgrades.commands.references import lock_resources_in
from upgrades.core.auditing import ObjectKind
from upgrades.models import Deployment, DeploymentOperation, ScaleSet
from upgrades.models.resource_group import existing
from upgrades.models.sealing import seal

State = Deployment.State
HELD = timedelta(seconds=10)  # how long nobody else works on a deployment, from the last sign of life on
MAX_KEPT = 800  # deployments of a group: Azure's number; the oldest goes where one more comes
TYPE = "microsoft.resources/deployments"
_NAME = re.compile(r"[A-Za-z0-9\-_.()]{1,64}")


@dataclass(frozen=True, slots=True)
class NewOperation:
    """A resource that is to be deployed."""

    resource_id: str
    resource_type: str
    resource_name: str
    api_version: str
    depends_on: Sequence[str]
    is_deletion: bool = False


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """What is deployed, and for whom. `values`: of all parameters, secrets too; `shown_parameters`: what may be shown of them."""

    template: Mapping[str, Any]
    values: Mapping[str, Any]
    shown_parameters: Mapping[str, Any]
    template_hash: str
    operations: Sequence[NewOperation]
    columns: Mapping[str, Any] = field(default_factory=dict)


@lookup.retry_on_conflict
@audited("DeploymentStarted", ObjectKind.DEPLOYMENT)
def begin_deployment(path: str, wanted: NewDeployment, now: datetime) -> tuple[Deployment, bool]:
    """Begin a deployment: "group/name", or "name" in the subscription. Returns (row, whether there was none of this name).

    One that has ended is replaced. Raises Refused: not a name, no such group, one of this name is under way, another location.
    """
    group, name = _split(path)
    key = Deployment.key_of(group, name)
    with transaction.atomic():
        if group:
            _check_group(group)
        before = Deployment.objects.select_for_update().filter(key=key).first()
        if before is not None:
            _check_replaceable(before, wanted)
            before.delete()
        _forget_oldest(group)
        row = Deployment.objects.create(
            key=key,
            resource_group=group,
            name=name,
            sealed_template=seal({"template": wanted.template}),
            sealed_parameters=seal({"values": wanted.values}),
            parameters=wanted.shown_parameters,
            template_hash=wanted.template_hash,
            started_at=now,
            changed_at=now,
            **wanted.columns,
        )
        DeploymentOperation.objects.bulk_create(
            DeploymentOperation(
                deployment=row,
                number=number,
                resource_id=each.resource_id,
                resource_type=each.resource_type,
                resource_name=each.resource_name,
                api_version=each.api_version,
                depends_on=list(each.depends_on),
                is_deletion=each.is_deletion,
            )
            for number, each in enumerate(wanted.operations)
        )
        resources = [each.resource_id for each in wanted.operations if not each.is_deletion]
        deleted = [each.resource_id for each in wanted.operations if each.is_deletion]
        said = {"resources": resources} | ({"deletes": deleted} if deleted else {})
        note("Began to deploy a template.", after=said, object_id=row.pk)
    return row, before is None


def _split(path: str) -> tuple[str, str]:
    """Raises Refused."""
    group, _, name = path.rpartition("/")
    if not _NAME.fullmatch(name):
        message = f"a deployment's name has 1 to 64 letters, digits, - _ . ( and ), not {name[:80]!r}"
        raise Refused("InvalidDeploymentName", message, target=path)
    return group, name


def _check_group(group: str) -> None:
    """Raises Refused. The group's row stays locked, so that it is not deleted meanwhile."""
    row = lock_group(group)
    if row is None or not existing().filter(pk=row.pk).exists():
        raise Refused("ResourceGroupNotFound", f"Resource group '{group}' could not be found.", target=group)
    if row.deleting:
        message = f"The resource group '{row.name}' is in deprovisioning state and cannot perform this operation."
        raise Refused("ResourceGroupBeingDeleted", message, target=group)


def _check_replaceable(row: Deployment, wanted: NewDeployment) -> None:
    """Raises Refused."""
    if row.ended_at is None:
        message = (
            f"Unable to edit or replace deployment '{row.name}': previous deployment from '{row.started_at:%Y-%m-%dT%H:%M:%SZ}' is "
            "still active. Wait for its end, or cancel it."
        )
        raise Refused("DeploymentActive", message, target=str(row))
    location = str(wanted.columns.get("location", ""))
    if not row.resource_group and location.lower() != row.location.lower():
        message = (
            f"Invalid deployment location '{location[:80]}'. The deployment '{row.name}' already exists in location '{row.location}'. "
            "Use this location, or another name."
        )
        raise Refused("InvalidDeploymentLocation", message, target="location")


def _forget_oldest(group: str) -> None:
    """Make room for one more."""
    rows = Deployment.objects.filter(key__startswith=Deployment.keys_in(group))
    too_many = rows.count() - MAX_KEPT + 1
    if too_many > 0:
        oldest = rows.exclude(ended_at=None).order_by("started_at", "pk").values_list("pk", flat=True)[:too_many]
        Deployment.objects.filter(pk__in=list(oldest)).delete()


@unaudited("nothing is written")
def lock_resources(resource_ids: Sequence[str]) -> None:
    """Lock what there is of these resources, until the transaction ends: stored resources, groups, scale sets, as everywhere.

    Of their groups all stored resources are locked: what is put refers to them, when the groups are locked already.
    """
    parts = [id.strip("/").lower().split("/") for id in resource_ids]
    in_groups = [each for each in parts if len(each) == 8 and each[2] == "resourcegroups"]
    keys = [f"{each[3]}/{each[-1]}" for each in in_groups]
    groups = sorted({each[3] for each in in_groups})
    lock_resources_in(groups)
    for group in groups:
        lock_group(group)
    list(ScaleSet.objects.select_for_update(of=("self",)).filter(key__in=keys).order_by("pk"))


# --- while it runs ----------------------------------------------------------------------------------------------------


@unaudited("only says who works on it")
def claim_deployment(deployment_id: int, now: datetime) -> Deployment | None:
    """Take a deployment that has not ended to work on it; None where it has, or somebody works on it."""
    free = Q(worked_until=None) | Q(worked_until__lt=now) | Q(worked_until__gt=now + 2 * HELD)  # a clock was set back
    rows = Deployment.objects.filter(free, pk=deployment_id, ended_at=None)
    taken = rows.update(worked_until=now + HELD, claim_number=F("claim_number") + 1)
    row = Deployment.objects.filter(pk=deployment_id, ended_at=None).first() if taken else None
    if row is not None and row.state == State.ACCEPTED:
        row.state = State.RUNNING
        _held(row).update(state=State.RUNNING, changed_at=now)
    return row


@unaudited("only says that somebody works on it")
def keep_deployment(row: Deployment, now: datetime) -> bool:
    """Say that it is still worked on. False: it was cancelled or deleted, or somebody else has taken it."""
    return bool(_held(row).update(worked_until=now + HELD))


@unaudited("only says that nobody works on it")
def release_deployment(row: Deployment) -> None:
    """Let others work on it."""
    _held(row).update(worked_until=None)


def _held(row: Deployment) -> Any:
    return Deployment.objects.filter(pk=row.pk, claim_number=row.claim_number, ended_at=None)


@unaudited("what is done to the resource itself is audited")
def record_operation(row: Deployment, operation: DeploymentOperation, now: datetime, **columns: Any) -> bool:
    """Write how far a resource of a deployment is. False where the deployment is not ours any more; then nothing is written."""
    columns = {**columns, "changed_at": now}
    held = DeploymentOperation.objects.filter(
        pk=operation.pk, deployment__claim_number=row.claim_number, deployment__ended_at=None
    )
    if not held.update(**columns):
        return False
    for name, value in columns.items():
        setattr(operation, name, value)
    return True


@audited("DeploymentEnded", ObjectKind.DEPLOYMENT)
def end_deployment(
    row: Deployment,
    now: datetime,
    *,
    outputs: Mapping[str, Any] | None = None,
    deployed: Sequence[str] = (),
    error: Mapping[str, Any] | None = None,
) -> bool:
    """End a deployment that we work on, with an error or without. The values of its parameters are erased."""
    state = State.FAILED if error else State.SUCCEEDED
    with transaction.atomic():
        done = _held(row).update(
            state=state,
            outputs=dict(outputs or {}),
            deployed=list(deployed),
            error=error,
            ended_at=now,
            changed_at=now,
            sealed_parameters="",
            worked_until=None,
        )
        if done:
            said = {"state": state.value} | ({"error": error} if error else {})
            note(f"The deployment has {state.value.lower()}.", after=said, object_id=row.pk)
    return bool(done)


# --- what people do with it -------------------------------------------------------------------------------------------


@audited("DeploymentCancelled", ObjectKind.DEPLOYMENT)
def cancel_deployment(path: str, now: datetime) -> None:
    """Begin nothing more of a deployment, nor of those nested in it. What has begun goes on. Raises Refused: none, or it has ended."""
    with transaction.atomic():
        row = _find(path)
        if row.ended_at is not None:
            message = f"The deployment '{row.name}' cannot be cancelled: it has ended already, as {row.state}."
            raise Refused("DeploymentCannotBeCancelled", message, target=path)
        _cancel(row, now)
        note("Cancelled the deployment.", after={"state": State.CANCELED.value}, object_id=row.pk)


def _cancel(row: Deployment, now: datetime) -> None:
    running = row.operations.filter(state=DeploymentOperation.State.RUNNING)
    for operation in running.filter(resource_type__iexact=TYPE):
        nested = Deployment.objects.select_for_update().filter(key=key_of_id(operation.resource_id), ended_at=None)
        for each in nested:
            _cancel(each, now)
    running.update(state=DeploymentOperation.State.CANCELED, changed_at=now)
    error = {"code": "DeploymentCanceled", "message": "The deployment was cancelled; what had begun is not undone."}
    row.state, row.error, row.ended_at, row.changed_at, row.sealed_parameters = State.CANCELED, error, now, now, ""
    row.save(update_fields=["state", "error", "ended_at", "changed_at", "sealed_parameters"])


def key_of_id(resource_id: str) -> str:
    """The key of the deployment with this id."""
    parts = resource_id.strip("/").split("/")
    group = parts[3] if len(parts) > 3 and parts[2].lower() == "resourcegroups" else ""
    return Deployment.key_of(group, parts[-1])


@audited("DeploymentDeleted", ObjectKind.DEPLOYMENT)
def delete_deployment(path: str) -> None:
    """Delete a deployment from the history; the resources stay. Raises Refused: none, or it is under way."""
    with transaction.atomic():
        row = _find(path)
        if row.ended_at is None:
            message = f"The deployment '{row.name}' is still active: cancel it before it is deleted."
            raise Refused("DeploymentActive", message, target=path)
        note("Deleted the deployment from the history.", before={"state": row.state}, object_id=row.pk)
        row.delete()


def _find(path: str) -> Deployment:
    """The row, locked. Raises Refused."""
    group, _, name = path.rpartition("/")
    row = Deployment.objects.select_for_update().filter(key=Deployment.key_of(group, name)).first()
    if row is None:
        raise Refused("DeploymentNotFound", f"Deployment '{name[:80]}' could not be found.", target=path)
    return row
