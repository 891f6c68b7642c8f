"""Gives and withdraws the approvals that deferred upgrades wait for, instance by instance (A-24)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from upgrades.commands import lookup
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import find_instances
from upgrades.core.auditing import ObjectKind
from upgrades.core.policy import policy_from_json
from upgrades.core.ranges import ranges
from upgrades.core.states import IN_FLIGHT, UpgradeKind
from upgrades.core.versions import LATEST, is_older_if_known
from upgrades.feed.writing import Writer
from upgrades.models import Instance, InstanceUpgrade, RollingUpgrade, ScaleSet
from upgrades.models.instance import in_force

NO_DEFERRAL = (
    "nothing of {row} waits for approval: its policy has no osRollingUpgradeDeferral, so it is upgraded automatically"
)
RUNS_BY_ITSELF = "nothing of {row} waits for approval: the upgrade {aim} that runs was not deferred when it started"
NOTHING_WAITS = "nothing of {row} waits for approval: {why}"
ANOTHER = "{row} waits for the approval of {version} by now, not of {given}: nothing was approved"


@dataclass(frozen=True, slots=True)
class ApprovalResult:
    """The version, and the instances that this call has approved for it, without those that were approved before."""

    version: str
    instances: list[Instance]


@audited("InstancesApproved", ObjectKind.SCALE_SET)
def approve(
    path: str, ids: Sequence[str] | None = None, *, by: str, now: datetime, version: str = ""
) -> ApprovalResult:
    """Approve instances for the target version of the running upgrade, or else for the latest version.

    `ids`: the instances; None for all that wait for approval and are not opted out. Instances that have the version, or its approval, stay
    as they are. `version`: the version that the person means to approve, "" for whichever it is. Raises Refused, with nothing approved,
    where it is another one by now, none waits for approval, or there is no such instance.
    """
    with lookup.writing_to(path, now) as writer:
        named = None if ids is None else find_instances(writer.scale_set, ids)
        awaited = _awaited_version(writer.scale_set)
        if version and version != awaited:
            message = ANOTHER.format(row=writer.scale_set, version=awaited, given=version[:80])
            raise Refused("OperationNotAllowed", message)
        behind = _behind(writer.scale_set, awaited)
        wanted = _not_opted_out(writer, behind) if named is None else named
        rows = [row for row in wanted if row in behind and row.approved_version != awaited]
        _set_approval(writer, rows, awaited, f"Approved for {awaited} by {by}.")
        if rows:
            numbers = ranges(row.number for row in rows)
            note(f"Approved {awaited} for instances {numbers}.", after={"approved": awaited, "instances": numbers})
    return ApprovalResult(awaited, rows)


@audited("ApprovalWithdrawn", ObjectKind.SCALE_SET)
def withdraw_approval(path: str, ids: Sequence[str] | None = None, *, by: str, now: datetime) -> list[Instance]:
    """Withdraw the approval of the instances `ids` (None: of all). Instances that are in flight go on. Raises Refused."""
    with lookup.writing_to(path, now) as writer:
        named = find_instances(writer.scale_set, ids) if ids is not None else list(writer.scale_set.instances.all())
        running = InstanceUpgrade.objects.filter(upgrade__scale_set=writer.scale_set, upgrade__ended_at=None)
        begun = running.filter(upgrade__kind=UpgradeKind.IMAGE, state__in=IN_FLIGHT)
        taken = set(begun.values_list("instance_id", flat=True))
        rows = [row for row in named if row.pk not in taken and _lacks(row, row.approved_version)]
        if rows:
            numbers = ranges(row.number for row in rows)
            before = {"approved": sorted({row.approved_version for row in rows}), "instances": numbers}
            note(f"Withdrew the approval of instances {numbers}.", before=before)
        _set_approval(writer, rows, "", f"Its approval was withdrawn by {by}.")
    return rows


def _set_approval(writer: Writer, rows: Sequence[Instance], version: str, why: str) -> None:
    """Set the version that these instances are approved for, "" for none. `why`: for their history."""
    if not rows:
        return
    Instance.objects.filter(pk__in=[row.pk for row in rows]).update(approved_version=version)
    writer.changed(*rows, note=why)
    writer.wake()


def _awaited_version(row: ScaleSet) -> str:
    """The version that can be approved now. Raises Refused where there is none."""
    running = row.upgrades.filter(ended_at=None).first()
    if running is not None:
        return _version_awaited_by(running, row)
    if not row.policy.deferral:
        raise Refused("OperationNotAllowed", NO_DEFERRAL.format(row=row))
    latest = row.sku.latest_in(row.location) if row.image_version == LATEST else None
    if latest is None:
        why = f"it is pinned to {row.image_version}" if row.image_version != LATEST else "no version is published"
        raise Refused("OperationNotAllowed", NOTHING_WAITS.format(row=row, why=why))
    return latest


def _version_awaited_by(upgrade: RollingUpgrade, row: ScaleSet) -> str:
    if not policy_from_json(upgrade.policy).deferral:
        raise Refused("OperationNotAllowed", RUNS_BY_ITSELF.format(row=row, aim=upgrade.aim))
    return upgrade.target_version


def _behind(row: ScaleSet, version: str) -> list[Instance]:
    """The instances on an older version than this one. Raises Refused where there are none."""
    found = [instance for instance in row.instances.all() if _lacks(instance, version)]
    if not found:
        raise Refused("OperationNotAllowed", NOTHING_WAITS.format(row=row, why=f"no instance is older than {version}"))
    return found


def _not_opted_out(writer: Writer, rows: Sequence[Instance]) -> list[Instance]:
    opted_out = set(
        in_force(writer.now).filter(instance__scale_set=writer.scale_set).values_list("instance_id", flat=True)
    )
    return [row for row in rows if row.pk not in opted_out]


def _lacks(instance: Instance, version: str) -> bool:
    return bool(version) and (instance.half_made or is_older_if_known(instance.version, version))
