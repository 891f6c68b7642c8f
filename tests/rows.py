"""Random scale sets as rows, small, and of all that a count could mistake. For Hypothesis."""

import uuid
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.stories import NOW, a_scale_set
from upgrades.core.policy import policy_to_json
from upgrades.core.states import Health, InstanceUpgradeState, StartedBy, UpgradeKind, UpgradeStatus
from upgrades.models import Batch, ImageVersion, Instance, InstanceUpgrade, OptOut, RollingUpgrade, ScaleSet

OLD, TARGET, NEWER = "16.04.1", "16.04.2", "16.04.10"
EXTENSIONS = "agent 1.0"
# Whether it has a machine, and what is being done to it.
MACHINES: list[dict[str, Any]] = [
    {},
    {"power": "stopped"},
    {"power": "stopped", "half_made": True, "version": ""},
    {"operation_kind": "reimage", "power": "stopped"},
    {"operation_kind": "extensions"},
    {"operation_kind": "delete"},
    {"operation_kind": "create", "version": ""},
    {"operation_kind": "create", "missing_since": NOW, "version": ""},
    {"missing_since": NOW, "version": "", "creation_error": "no quota"},
]
# One that every kind of upgrade would take: it is behind, it failed on the target, and has not the extensions.
WANTED: dict[str, Any] = {
    "version": OLD,
    "failed_version": TARGET,
    "quarantined_at": None,
    "extensions_key": "",
    "health": "healthy",
    "protected_from_scale_in": False,
    "machine": {},
    "opt_out": None,
    "member": None,
}
ODD: dict[str, list[Any]] = {
    "version": [TARGET, NEWER, ""],
    "failed_version": ["", OLD],
    "quarantined_at": [NOW],
    "extensions_key": [EXTENSIONS],
    "health": [health.value for health in Health],
    "protected_from_scale_in": [True],
    "machine": MACHINES,
    # Until when; `NOW` is over.
    "opt_out": [NOW + timedelta(hours=1), NOW, "for ever"],
    "member": [*InstanceUpgradeState],
}


# One of each oddity: whoever passes over one of them passes over it in every draw.
EACH: list[dict[str, Any]] = [{**WANTED, name: value} for name, values in ODD.items() for value in values]


@st.composite
def instances(draw: st.DrawFn) -> dict[str, Any]:
    """Wanted, but for one or two things: what is odd in many ways at once is not wanted for each of them, and hides them all."""
    names = draw(st.lists(st.sampled_from(sorted(ODD)), max_size=2, unique=True))
    return {**WANTED, **{name: draw(st.sampled_from(ODD[name])) for name in names}}


def without_overdue_opt_outs(drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The next reconcile ends those first, before it decides or counts anything."""
    return [{**values, "opt_out": None if values["opt_out"] == NOW else values["opt_out"]} for values in drawn]


def a_running_upgrade(
    drawn: list[dict[str, Any]], *, surge: InstanceUpgradeState | None = None, withdrawn: bool = False
) -> tuple[ScaleSet, RollingUpgrade]:
    """`surge`: the first instance is being replaced, and how far that is. `withdrawn`: all versions but the target."""
    row = a_scale_set(instances=len(drawn) + bool(surge))
    upgrade = RollingUpgrade.objects.create(
        scale_set=row,
        policy=policy_to_json(row.policy),
        status=UpgradeStatus.ROLLING_FORWARD,
        started_by=StartedBy.PLATFORM,
        started_at=NOW,
    )
    turn(upgrade)
    batch = Batch.objects.create(upgrade=upgrade, number=1, started_at=NOW)
    rows = list(row.instances.order_by("number"))
    for instance, values in zip(rows, drawn, strict=False):
        _instance(instance, values, batch)
    if surge:
        _member(rows[0], batch, surge, replacement=rows[-1])
    for version in (OLD, NEWER) if withdrawn else ():
        of = {"sku": row.sku, "published_at": NOW, "withdrawn_at": NOW, "withdrawn_by": "eve"}
        ImageVersion.objects.create(version=version, **of)
    return row, upgrade


def turn(upgrade: RollingUpgrade, kind: UpgradeKind = UpgradeKind.IMAGE, **changes: Any) -> None:
    """Have it be of another kind, or for others: so one set of rows is looked at for each."""
    is_image = kind is UpgradeKind.IMAGE
    changes |= {"target_version": TARGET if is_image else "", "target_extensions": "" if is_image else EXTENSIONS}
    for name, value in {**changes, "kind": kind.value}.items():
        setattr(upgrade, name, value)
    upgrade.save()


def _instance(instance: Instance, values: dict[str, Any], batch: Batch) -> None:
    changes = {name: value for name, value in values.items() if name not in ("machine", "opt_out", "member")}
    changes |= values["machine"]
    if changes.get("operation_kind"):
        changes |= {"operation_id": uuid.uuid4(), "operation_at": NOW}
    Instance.objects.filter(pk=instance.pk).update(**changes)
    if until := values["opt_out"]:
        end = None if until == "for ever" else until
        OptOut.objects.create(
            instance=instance, owner="ada", reason="x", scope=OptOut.Scope.UNTIL, created_at=NOW, until=end
        )
    if values["member"]:
        _member(instance, batch, values["member"])


def _member(instance: Instance, batch: Batch, state: InstanceUpgradeState, replacement: Instance | None = None) -> None:
    member, _ = InstanceUpgrade.objects.update_or_create(
        upgrade=batch.upgrade,
        instance_number=instance.number,
        defaults={
            "batch": batch,
            "instance": instance,
            "state": state,
            "from_version": OLD,
            "replacement": replacement,
            "replacement_number": replacement.number if replacement else None,
        },
    )
    Instance.objects.filter(pk__in=[instance.pk, *([replacement.pk] if replacement else [])]).update(member=member)
