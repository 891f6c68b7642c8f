"""Read only: the standing of scale sets, and the history of their instances.

core/standing.py defines what a standing is. Here it is counted by SQL for many scale sets at once; tests/models/test_counts.py compares
these counts with core.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Q

from upgrades.core.standing import Standing
from upgrades.core.states import OFF, OperationKind
from upgrades.models import Instance, RollingUpgrade, ScaleSet, Transition
from upgrades.models.instance import is_opted_out, staying

SPECIAL = {
    "busy": ~Q(operation_kind=""),
    # A reimage stops the machine too, so it does not count while an operation runs.
    "switched_off": Q(power__in=OFF, operation_kind="", half_made=False),
    "quarantined": Q(quarantined_at__isnull=False),
    "missing": Q(missing_since__isnull=False) | Q(operation_kind=OperationKind.CREATE),
    "opted_out": Q(is_opted_out=True),
}


def standings(rows: Iterable[ScaleSet], now: datetime) -> dict[int, Standing]:
    """{scale set id: its standing}, in two queries for any number of scale sets."""
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
    """The running upgrade, else the one that ended last, with its batches; None where there was none."""
    return row.upgrades.prefetch_related("batches").first()


def of_instance(row: ScaleSet, number: int, *, max_rows: int) -> list[Transition]:
    """The last `max_rows` changes of this instance, latest first."""
    return list(Transition.objects.filter(scale_set=row, instance_number=number).order_by("-seq")[:max_rows])
