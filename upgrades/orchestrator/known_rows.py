"""The instances of a scale set and the members of its running upgrade, read from the database or, where that is enough, in part.

Mostly one or two instances have changed since a scale set was last reconciled. So a worker keeps what it read then, as of the scale set's
`seq`, and reads only the instances that the events since then name. What it keeps is a cache: it may be lost at any time. All rows are read
again where the events have a gap, where anything else that the facts of instances depend on has changed, and after MAX_AGE_SECONDS anyway.
Whoever writes (another worker, the prober, a person) writes an event too, which says what to read again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from upgrades.core.facts import Hold, InstanceFacts, InstanceUpgradeFacts, MissingMachine, Withdrawal
from upgrades.core.states import Health, InstanceUpgradeState, OperationKind, Power
from upgrades.core.zones import zone_of, zones_of
from upgrades.feed.read import changed_since
from upgrades.models import Instance, InstanceUpgrade, ScaleSet
from upgrades.models.instance import is_surge_instance
from upgrades.models.prepared import Prepared

MAX_AGE_SECONDS = 30.0
MAX_SCALE_SETS = 64  # those that were reconciled last

COLUMNS = (
    "pk",
    "number",
    "version",
    "health",
    "health_since",
    "operation_kind",
    "extensions_key",
    "failed_version",
    "approved_version",
    "protected_from_scale_in",
    "power",
    "quarantined_at",
    "is_surge",
    "member__state",
    "missing_since",
)
MISSING = ("missing_since", "was_made", "creation_tries", "creation_tried_at", "creation_error")
INSTANCE_UPGRADE_COLUMNS = (
    "batch",
    "instance_number",
    "state",
    "swapped_at",
    "old_os_disk",
    "rollback_error",
    "instance",
    "error_message",
    "replacement_number",
)


@dataclass(frozen=True, slots=True)
class Common:
    """What the facts of all instances have in common. `holds`: {primary key: the hold of its opt-out that is in force}."""

    holds: Mapping[int, Hold | None]
    withdrawn: Mapping[str, Withdrawal]
    zones: Any
    update_domains: int
    deleting: bool

    @classmethod
    def of(cls, row: ScaleSet, holds: Mapping[int, Hold | None], withdrawn: Mapping[str, Withdrawal]) -> "Common":
        return cls(holds, withdrawn, zones_of(row.document), row.update_domains, row.deleting)


@dataclass(frozen=True, slots=True)
class KnownRows:
    """The rows as of `seq`, or newer. Keys are the numbers of instances; `members` has the primary key of each member's batch, too."""

    stream: UUID
    seq: int
    upgrade: UUID | None
    common: Common
    read_at: float
    instances: Mapping[int, InstanceFacts]
    members: Mapping[int, tuple[int, InstanceUpgradeFacts]]


class Known:
    """What one process has read of the scale sets that it reconciled last. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: OrderedDict[int, KnownRows] = OrderedDict()

    def rows(self, row: ScaleSet, common: Common, upgrade: UUID | None) -> KnownRows:
        """The rows of a scale set, at least as new as `row`."""
        kept = self._of.pop(row.pk, None)
        found = kept and self._refreshed(kept, row, common, upgrade)
        found = found or read_all(row, common, upgrade, self._clock())
        self._of[row.pk] = found
        while len(self._of) > MAX_SCALE_SETS:
            self._of.popitem(last=False)
        return found

    def _refreshed(self, kept: KnownRows, row: ScaleSet, common: Common, upgrade: UUID | None) -> KnownRows | None:
        is_same = (kept.stream, kept.upgrade, kept.common) == (row.stream, upgrade, common)
        is_young = self._clock() - kept.read_at < MAX_AGE_SECONDS
        changed = changed_since(row.pk, kept.seq, row.seq) if is_same and is_young else None
        return None if changed is None else _with_changes(replace(kept, common=common), row, changed)


def read_all(row: ScaleSet, common: Common, upgrade: UUID | None, at: float = 0.0) -> KnownRows:
    instances = _facts(row, common, _INSTANCES.rows(row.pk))
    members = _by_number(_INSTANCE_UPGRADES.rows(upgrade)) if upgrade else {}
    return KnownRows(row.stream, row.seq, upgrade, common, at, instances, members)


def _with_changes(kept: KnownRows, row: ScaleSet, changed: set[int]) -> KnownRows:
    """The known rows, with those of the changed instances read again, and with both instances of each of their members."""
    if not changed:
        return replace(kept, seq=row.seq)
    members = _by_number(_INSTANCE_UPGRADES_OF.rows(kept.upgrade, sorted(changed))) if kept.upgrade else {}
    pairs = {number for _, member in members.values() for number in (member.instance, member.upgraded)}
    numbers = changed | pairs
    left = {number: facts for number, facts in kept.instances.items() if number not in numbers}
    left.update(_facts(row, kept.common, _NUMBERED.rows(row.pk, sorted(numbers))))
    in_order = dict(sorted(left.items()))
    return replace(kept, seq=row.seq, instances=in_order, members=dict(sorted({**kept.members, **members}.items())))


def _all(scale_set_id: int) -> QuerySet[Instance]:
    return Instance.objects.filter(scale_set=scale_set_id).order_by("number").annotate(is_surge=is_surge_instance())


_INSTANCES = Prepared(lambda pk: _all(pk).values_list(*COLUMNS))
_NUMBERED = Prepared(lambda pk, numbers: _all(pk).filter(number__in=numbers).values_list(*COLUMNS))
_INSTANCE_UPGRADES = Prepared(
    lambda pk: (
        InstanceUpgrade.objects.filter(upgrade=pk).order_by("instance_number").values_list(*INSTANCE_UPGRADE_COLUMNS)
    )
)
_INSTANCE_UPGRADES_OF = Prepared(
    lambda pk, numbers: (
        InstanceUpgrade.objects.filter(Q(instance_number__in=numbers) | Q(replacement_number__in=numbers), upgrade=pk)
        .order_by("instance_number")
        .values_list(*INSTANCE_UPGRADE_COLUMNS)
    )
)


def _facts(row: ScaleSet, common: Common, rows: Collection[tuple[Any, ...]]) -> dict[int, InstanceFacts]:
    missing = _missing(row) if any(since for *_, since in rows) else {}
    return {
        number: InstanceFacts(
            id=number,
            version=version,
            health=Health(health),
            health_since=since,
            opt_out=None if common.deleting else common.holds.get(pk),
            is_protected_from_scale_in=kept and not common.deleting,
            is_busy=bool(operation_kind),
            is_being_deleted=operation_kind == OperationKind.DELETE,
            is_switched_off=power == Power.STOPPED and not operation_kind,
            is_quarantined=out is not None,
            extensions=extensions,
            failed_version=failed,
            approved_version=approved,
            zone=zone_of(common.zones, number),
            update_domain=str(number % common.update_domains) if common.update_domains else "",
            is_unused_surge=bool(is_surge),
            is_being_created=operation_kind == OperationKind.CREATE,
            missing=missing.get(pk),
            runs_withdrawn_version=version in common.withdrawn,
            was_rolled_back=state == InstanceUpgradeState.ROLLED_BACK,
        )
        for pk, number, version, health, since, operation_kind, extensions, failed, approved, kept, power, out, is_surge, state, _ in rows
    }


def _missing(row: ScaleSet) -> dict[int, MissingMachine]:
    lacking = Instance.objects.filter(scale_set=row).exclude(missing_since=None)
    return {pk: MissingMachine(*rest) for pk, *rest in lacking.values_list("pk", *MISSING)}


def _by_number(rows: Collection[tuple[Any, ...]]) -> dict[int, tuple[int, InstanceUpgradeFacts]]:
    return {
        number: (
            batch,
            InstanceUpgradeFacts(number, InstanceUpgradeState(state), swapped_at, _may_roll_back(*rest), error, new),
        )
        for batch, number, state, swapped_at, *rest, error, new in rows
    }


def _may_roll_back(old_os_disk: str, rollback_error: str, instance: int | None) -> bool:
    return bool(old_os_disk) and not rollback_error and instance is not None
