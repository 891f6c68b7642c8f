"""Read only: how scale sets stand, and what changed of their instances.

What a scale set's standing is, core says (core/standing.py). It is counted here for many at once; tests/models/test_counts.py holds
these counts to core.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Q

from upgrades.core.standing import Standing
from upgrades.core.states import OperationKind, Power
from upgrades.models import Instance, RollingUpgrade, ScaleSet, Transition
from upgrades.models.instance import is_opted_out, staying

SPECIAL = {
    "busy": ~Q(operation_kind=""),
    "switched_off": Q(power=Power.STOPPED, operation_kind=""),  # a machine is off while it is replaced
    "quarantined": Q(quarantined_at__isnull=False),
    "missing": Q(missing_since__isnull=False) | Q(operation_kind=OperationKind.CREATE),
    "opted_out": Q(is_opted_out=True),
}


def standings(rows: Iterable[ScaleSet], now: datetime) -> dict[int, Standing]:
    """By scale set id, in two queries however many there are."""
    result = {row.pk: Standing() for row in rows}
    instances = Instance.objects.filter(staying(), scale_set__in=list(result)).order_by()
    for pk, health, version, count in instances.values_list("scale_set", "health", "version").annotate(Count("pk")):
        standing = result[pk]
        standing.instances += count
        standing.by_health[health] = standing.by_health.get(health, 0) + count
        standing.by_version[version] = standing.by_version.get(version, 0) + count
    special = {f"are_{name}": Count("pk", filter=which) for name, which in SPECIAL.items()}
    counts = instances.annotate(is_opted_out=is_opted_out(now)).values("scale_set").annotate(**special)
    for pk, *found in counts.values_list("scale_set", *special):
        for name, count in zip(SPECIAL, found, strict=True):
            setattr(result[pk], name, count)
    return result


def last_upgrade(row: ScaleSet) -> RollingUpgrade | None:
    """The running one, else the one that ended last."""
    return row.upgrades.prefetch_related("batches").first()


def of_instance(row: ScaleSet, number: int, *, most: int) -> list[Transition]:
    """What changed of this instance, the latest first."""
    return list(Transition.objects.filter(scale_set=row, instance_number=number).order_by("-seq")[:most])
