"""Read only: how far scale sets are with what their documents ask for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q

from upgrades.core.states import OperationKind, Provisioning
from upgrades.models import Instance, ScaleSet
from upgrades.models.instance import in_force, is_excluded_from_counts


@dataclass(frozen=True, slots=True)
class ProvisioningStatus:
    """How far a scale set is with what its document asks for; `failed` numbers the instances that have no machine, `said` is what the
    provider said of the first of them."""

    state: Provisioning
    failed: tuple[int, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Count:
    """Of a scale set's instances: those that stay, those of them that may be taken away, those being made or taken away."""

    staying: int = 0
    removable: int = 0
    changing: int = 0


def provisioning_status(rows: Iterable[ScaleSet], now: datetime) -> dict[int, ProvisioningStatus]:
    """By scale set id, in two queries however many there are. A rolling upgrade is no matter of it: that has a state of its own."""
    by_id = {row.pk: row for row in rows}
    instances = Instance.objects.filter(scale_set__in=by_id).exclude(is_excluded_from_counts()).order_by()
    opted_out = Exists(in_force(now).filter(instance=OuterRef("pk")))
    is_leaving = Q(operation_kind=OperationKind.DELETE)
    counted = (
        instances.annotate(opted_out=opted_out)
        .values("scale_set")
        .annotate(
            staying=Count("pk", filter=~is_leaving),
            removable=Count("pk", filter=Q(kept_on_scale_in=False) & Q(opted_out=False) & ~is_leaving),
            changing=Count("pk", filter=Q(operation_kind__in=(OperationKind.CREATE, OperationKind.DELETE))),
        )
    )
    counts = {one[0]: _Count(*one[1:]) for one in counted.values_list("scale_set", "staying", "removable", "changing")}
    failed: dict[int, list[tuple[int, str]]] = defaultdict(list)
    missing = instances.filter(missing_since__isnull=False, operation_id=None)
    for pk, number, said in missing.order_by("number").values_list("scale_set", "number", "creation_error"):
        failed[pk].append((number, said))
    return {pk: _stage(row, counts.get(pk, _Count()), failed[pk]) for pk, row in by_id.items()}


def _stage(row: ScaleSet, count: _Count, failed: Sequence[tuple[int, str]]) -> ProvisioningStatus:
    missing = row.capacity - count.staying
    if row.deleting:
        return ProvisioningStatus(Provisioning.DELETING)
    if missing > 0 or count.changing or (missing < 0 and count.removable):
        has_none = count.staying == count.changing
        return ProvisioningStatus(Provisioning.CREATING if has_none and missing >= 0 else Provisioning.UPDATING)
    if not failed:
        return ProvisioningStatus(Provisioning.SUCCEEDED)
    return ProvisioningStatus(Provisioning.FAILED, tuple(number for number, _ in failed), failed[0][1])
