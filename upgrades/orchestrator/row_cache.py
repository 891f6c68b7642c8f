"""A cache of the instances of scale sets and of the members of their running upgrades, as facts.

Mostly one or two instances have changed since a scale set was last reconciled. So a worker keeps what it read then, as of the scale set's
`seq`, and reads again only the instances that events name since then: all code that writes an instance also writes an event. All rows are
read again where the events have a gap, where anything else that the facts of instances depend on has changed, and after MAX_AGE_SECONDS.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from upgrades.core.facts import Hold, InstanceFacts, InstanceUpgradeFacts, MissingMachine, Withdrawal
from upgrades.core.states import OFF, Health, InstanceUpgradeState, OperationKind
from upgrades.core.versions import contradicts
from upgrades.core.zones import zone_of, zones_of
from upgrades.feed.read import changed_since
from upgrades.models import Instance, InstanceUpgrade, ScaleSet
from upgrades.models.instance import is_surge_instance
from upgrades.models.prepared import Prepared

MAX_AGE_SECONDS = 30.0
MAX_SCALE_SETS = 64  # those that were reconciled last

Value = TypeVar("Value")


class InstanceRow(NamedTuple):
    """The columns of an instance that its facts are made of, in the order of the query."""

    pk: int
    number: int
    version: str
    health: str
    health_since: datetime | None
    operation_kind: str
    extensions_key: str
    failed_version: str
    approved_version: str
    protected_from_scale_in: bool
    power: str
    quarantined_at: datetime | None
    is_surge: bool
    member__state: str | None
    missing_since: datetime | None
    half_made: bool
    reported_version: str


class InstanceUpgradeRow(NamedTuple):
    """The columns of an instance upgrade that its facts are made of, in the order of the query."""

    batch: int
    instance_number: int
    state: str
    swapped_at: datetime | None
    old_os_disk: str
    rollback_error: str
    instance: int | None
    error_message: str
    replacement_number: int | None


# In the order of MissingMachine's fields.
MISSING_COLUMNS = (
    "missing_since",
    "was_made",
    "creation_tries",
    "creation_tried_at",
    "creation_error",
    "creation_error_code",
)


@dataclass(frozen=True, slots=True)
class InstanceContext:
    """What the facts of instances depend on besides their rows. `holds`: {primary key of an instance: its opt-out that is in force}."""

    holds: Mapping[int, Hold | None]
    withdrawn: Mapping[str, Withdrawal]
    zones: Any
    update_domains: int
    deleting: bool

    @classmethod
    def of(
        cls, row: ScaleSet, holds: Mapping[int, Hold | None], withdrawn: Mapping[str, Withdrawal]
    ) -> "InstanceContext":
        return cls(holds, withdrawn, zones_of(row.document), row.update_domains, row.deleting)


@dataclass(frozen=True, slots=True)
class CachedRows:
    """What was read of one scale set, as of `seq` or later.

    `instances`: {number: facts}. `members`: {number: (primary key of the batch, facts)}. `read_at`: when all rows were last read, by the
    cache's clock.
    """

    stream: UUID
    seq: int
    upgrade: UUID | None
    context: InstanceContext
    read_at: float
    instances: Mapping[int, InstanceFacts]
    members: Mapping[int, tuple[int, InstanceUpgradeFacts]]


class RowCache:
    """What one process has read of the scale sets that it reconciled last. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_scale_set: OrderedDict[int, CachedRows] = OrderedDict()

    def rows(self, row: ScaleSet, context: InstanceContext, upgrade: UUID | None) -> CachedRows:
        """The rows of a scale set, at least as new as `row`."""
        kept = self._by_scale_set.pop(row.pk, None)
        found = kept and self._refreshed(kept, row, context, upgrade)
        found = found or read_all(row, context, upgrade, self._clock())
        self._by_scale_set[row.pk] = found
        while len(self._by_scale_set) > MAX_SCALE_SETS:
            self._by_scale_set.popitem(last=False)
        return found

    def _refreshed(
        self, kept: CachedRows, row: ScaleSet, context: InstanceContext, upgrade: UUID | None
    ) -> CachedRows | None:
        """The kept rows, with what has changed read again; None where all rows must be read."""
        is_same = (kept.stream, kept.upgrade, kept.context) == (row.stream, upgrade, context)
        is_young = self._clock() - kept.read_at < MAX_AGE_SECONDS
        changed = changed_since(row.pk, kept.seq, row.seq) if is_same and is_young else None
        return None if changed is None else _with_changes(replace(kept, context=context), row, changed)


def read_all(row: ScaleSet, context: InstanceContext, upgrade: UUID | None, at: float = 0.0) -> CachedRows:
    """Read all rows of a scale set. `upgrade`: the primary key of the running one."""
    instances = _facts(row, context, _INSTANCES.rows(row.pk))
    members = _members(_INSTANCE_UPGRADES.rows(upgrade)) if upgrade else {}
    return CachedRows(row.stream, row.seq, upgrade, context, at, instances, members)


def _with_changes(kept: CachedRows, row: ScaleSet, changed: set[int]) -> CachedRows:
    """Read the changed instances again, with their members and the other instance of each member."""
    if not changed:
        return replace(kept, seq=row.seq)
    members = _members(_INSTANCE_UPGRADES_OF.rows(kept.upgrade, sorted(changed))) if kept.upgrade else {}
    in_members = {number for _, member in members.values() for number in (member.instance, member.upgraded_id)}
    numbers = changed | in_members
    instances = {number: facts for number, facts in kept.instances.items() if number not in numbers}
    instances.update(_facts(row, kept.context, _INSTANCES_BY_NUMBER.rows(row.pk, sorted(numbers))))
    return replace(kept, seq=row.seq, instances=_sorted(instances), members=_sorted({**kept.members, **members}))


def _sorted(by_number: Mapping[int, Value]) -> dict[int, Value]:
    return dict(sorted(by_number.items()))


def _instances_of(scale_set_id: int) -> QuerySet[Instance]:
    return Instance.objects.filter(scale_set=scale_set_id).order_by("number").annotate(is_surge=is_surge_instance())


_INSTANCES = Prepared(lambda pk: _instances_of(pk).values_list(*InstanceRow._fields))
_INSTANCES_BY_NUMBER = Prepared(
    lambda pk, numbers: _instances_of(pk).filter(number__in=numbers).values_list(*InstanceRow._fields)
)
_INSTANCE_UPGRADES = Prepared(
    lambda pk: (
        InstanceUpgrade.objects.filter(upgrade=pk).order_by("instance_number").values_list(*InstanceUpgradeRow._fields)
    )
)
_INSTANCE_UPGRADES_OF = Prepared(
    lambda pk, numbers: (
        InstanceUpgrade.objects.filter(Q(instance_number__in=numbers) | Q(replacement_number__in=numbers), upgrade=pk)
        .order_by("instance_number")
        .values_list(*InstanceUpgradeRow._fields)
    )
)


def _facts(
    scale_set: ScaleSet, context: InstanceContext, rows: Collection[tuple[Any, ...]]
) -> dict[int, InstanceFacts]:
    """{number: its facts} of these rows."""
    found = [InstanceRow._make(row) for row in rows]
    missing = _missing(scale_set) if any(row.missing_since for row in found) else {}
    return {row.number: _instance_facts(row, context, missing.get(row.pk)) for row in found}


def _instance_facts(row: InstanceRow, context: InstanceContext, missing: MissingMachine | None) -> InstanceFacts:
    return InstanceFacts(
        id=row.number,
        version=row.version,
        health=Health(row.health),
        health_since=row.health_since,
        opt_out=None if context.deleting else context.holds.get(row.pk),
        is_protected_from_scale_in=row.protected_from_scale_in and not context.deleting,
        is_busy=bool(row.operation_kind),
        is_being_deleted=row.operation_kind == OperationKind.DELETE,
        is_switched_off=row.power in OFF and not row.operation_kind and not row.half_made,
        is_quarantined=row.quarantined_at is not None,
        extensions_key=row.extensions_key,
        failed_version=row.failed_version,
        approved_version=row.approved_version,
        zone=zone_of(context.zones, row.number),
        update_domain=str(row.number % context.update_domains) if context.update_domains else "",
        is_unused_surge=bool(row.is_surge),
        is_being_created=row.operation_kind == OperationKind.CREATE,
        missing=missing,
        runs_withdrawn_version=row.version in context.withdrawn,
        was_rolled_back=row.member__state == InstanceUpgradeState.ROLLED_BACK,
        is_half_made=row.half_made and not row.operation_kind,
        drifted_to=row.reported_version if contradicts(row.reported_version, row.version) else "",
    )


def _missing(scale_set: ScaleSet) -> dict[int, MissingMachine]:
    """{primary key of an instance: its missing machine}."""
    rows = Instance.objects.filter(scale_set=scale_set).exclude(missing_since=None)
    return {pk: MissingMachine(*columns) for pk, *columns in rows.values_list("pk", *MISSING_COLUMNS)}


def _members(rows: Collection[tuple[Any, ...]]) -> dict[int, tuple[int, InstanceUpgradeFacts]]:
    """{number of an instance: (primary key of its batch, its part in the upgrade)} of these rows."""
    found = (InstanceUpgradeRow._make(row) for row in rows)
    return {row.instance_number: (row.batch, _instance_upgrade_facts(row)) for row in found}


def _instance_upgrade_facts(row: InstanceUpgradeRow) -> InstanceUpgradeFacts:
    return InstanceUpgradeFacts(
        instance=row.instance_number,
        state=InstanceUpgradeState(row.state),
        swapped_at=row.swapped_at,
        may_roll_back=bool(row.old_os_disk) and not row.rollback_error and row.instance is not None,
        error=row.error_message,
        replacement=row.replacement_number,
    )
