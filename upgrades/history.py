"""Read only: how scale sets stand, and how their upgrades went. Counted from rows, never stored."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Q

from upgrades.core.states import Health, OperationKind, Power
from upgrades.models import Instance, OptOut, RollingUpgrade, ScaleSet, Transition
from upgrades.models.instance import is_excluded_from_counts

SPECIAL = {
    "is_busy": Q(operation_id__isnull=False),
    "is_off": Q(power=Power.STOPPED, operation_id=None),  # as the engine sees it: a machine is off while it is replaced
    "is_quarantined": Q(quarantined_at__isnull=False),
    "is_missing": Q(missing_since__isnull=False) | Q(operation_kind=OperationKind.CREATE),
}


@dataclass(slots=True)
class Standing:
    """A scale set's instances, counted: by health, by image version, opted out, quarantined, switched off, being worked on, without a
    machine (yet)."""

    instances: int = 0
    by_health: dict[str, int] = field(default_factory=dict)
    by_version: dict[str, int] = field(default_factory=dict)
    opted_out: int = 0
    quarantined: int = 0
    switched_off: int = 0
    busy: int = 0
    missing: int = 0

    @property
    def machines(self) -> int:
        """How many there are."""
        return self.instances - self.missing

    @property
    def healthy(self) -> int:
        return self.by_health.get(Health.HEALTHY, 0)


def standings(rows: Iterable[ScaleSet]) -> dict[int, Standing]:
    """By scale set id, in three queries however many there are."""
    result = {row.pk: Standing() for row in rows}
    instances = Instance.objects.filter(scale_set__in=result).exclude(is_excluded_from_counts()).order_by()
    for pk, health, version, count in instances.values_list("scale_set", "health", "version").annotate(Count("pk")):
        standing = result[pk]
        standing.instances += count
        standing.by_health[health] = standing.by_health.get(health, 0) + count
        standing.by_version[version] = standing.by_version.get(version, 0) + count
    special = {name: Count("pk", filter=which) for name, which in SPECIAL.items()}
    counts = instances.values("scale_set").annotate(**special).values_list("scale_set", *SPECIAL)
    for pk, busy, off, quarantined, missing in counts:
        result[pk].busy, result[pk].switched_off, result[pk].quarantined = busy, off, quarantined
        result[pk].missing = missing
    open_ones = OptOut.objects.filter(instance__scale_set__in=result, ended_at=None).order_by()
    for pk, count in open_ones.values_list("instance__scale_set").annotate(Count("pk")):
        result[pk].opted_out = count
    return result


def last_upgrade(row: ScaleSet) -> RollingUpgrade | None:
    """The running one, else the one that ended last."""
    return row.upgrades.prefetch_related("batches").first()


def batch_counts(upgrade: RollingUpgrade) -> dict[int, dict[str, int]]:
    """{batch number: {member state: how many}}, in order."""
    members = upgrade.members.order_by("batch__number").values_list("batch__number", "state")
    counts: dict[int, dict[str, int]] = {}
    for number, state, count in members.annotate(Count("pk")):
        counts.setdefault(number, {})[state] = count
    return counts


def of_instance(row: ScaleSet, number: int, *, most: int) -> list[Transition]:
    """What changed of this instance, the latest first."""
    return list(Transition.objects.filter(scale_set=row, instance_number=number).order_by("-seq")[:most])
