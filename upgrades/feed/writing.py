"""The only way to change what people see: every visible change is written, numbered and announced here.

    with writing(now, scale_set.pk) as writer:
        instance.save(...)
        writer.changed(instance)
        writer.wake()

It is one transaction, with one event per scale set. The rows of the scale sets are locked first, in ascending id: locking them last
deadlocked (measured). Events are numbered by the counter on that row: readers that follow an auto-increment id miss events (measured).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection, transaction

from upgrades.feed import shapes
from upgrades.feed.hints import HINTS
from upgrades.models import Event, Instance, RollingUpgrade, ScaleSet, Transition, bulk
from upgrades.models.board import board_of
from upgrades.models.prepared import Prepared, PreparedUpdate
from upgrades.models.rolling_upgrade import latest_upgrade


class Changes:
    """What changed in one scale set during one transaction."""

    def __init__(self, scale_set: ScaleSet) -> None:
        self.scale_set = scale_set
        self.itself = False
        self.board = False
        self.instances: dict[int, str] = {}
        self.counts = False
        self.removed: list[int] = []
        self.upgrades: dict[Any, list[str]] = {}
        self.wake_at: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.itself or self.board or self.instances or self.removed or self.upgrades)


class Writer:
    """Writes visible changes of some scale sets, in one transaction that has locked their rows."""

    def __init__(self, now: datetime, scale_sets: list[ScaleSet]) -> None:
        self.now = now
        self.changes = {row.pk: Changes(row) for row in scale_sets}
        self.counts: list[Callable[[], None]] = []

    @property
    def scale_set(self) -> ScaleSet:
        """The only scale set of this transaction."""
        (changes,) = self.changes.values()
        return changes.scale_set

    @property
    def scale_sets(self) -> list[ScaleSet]:
        return [changes.scale_set for changes in self.changes.values()]

    def changed(self, *rows: ScaleSet | Instance | RollingUpgrade, note: str = "", counts: bool = True) -> None:
        """Note that these rows, which must be saved already, have changed visibly. `note` says why, for the history.

        `counts=False`: the changes of these instances do not change the progress of the running upgrade.
        """
        for row in rows:
            if isinstance(row, ScaleSet):
                self.changes[row.pk].itself = True
            elif isinstance(row, Instance):
                self.changes[row.scale_set_id].instances[row.pk] = note
                self.changes[row.scale_set_id].counts |= counts
            else:
                self.changes[row.scale_set_id].upgrades.setdefault(row.pk, []).append(note)

    def board_changed(self) -> None:
        """Note that the board of this transaction's only scale set, which must be saved already, has changed."""
        self.changes[self.scale_set.pk].board = True

    def removed(self, *rows: Instance) -> None:
        """Note that these instances are gone. To be called before their rows are deleted."""
        for row in rows:
            self.changes[row.scale_set_id].removed.append(row.number)

    def count_later(self, count: Callable[..., None], *values: float | str) -> None:
        """Count after the commit what this transaction does: one that is rolled back is mostly done again, and would count twice."""
        self.counts.append(partial(count, *values))

    def count(self) -> None:
        """To be called after the commit."""
        for count in self.counts:
            count()

    def wake(self, *rows: ScaleSet, at: datetime | None = None) -> None:
        """Have these scale sets reconciled at `at`, or else at once. Without `rows`: all scale sets of this transaction."""
        for row in rows or self.scale_sets:
            self.changes[row.pk].wake_at = at or self.now


@contextmanager
def writing(now: datetime, *scale_set_ids: int) -> Iterator[Writer]:
    """Open the transaction. At its end the events are written; after the commit hints are published. Raises ScaleSet.DoesNotExist."""
    with transaction.atomic():
        rows = _locked(scale_set_ids)
        if len(rows) != len(set(scale_set_ids)):
            raise ScaleSet.DoesNotExist(f"no scale set has id {set(scale_set_ids) - {row.pk for row in rows}}")
        writer = Writer(now, rows)
        yield writer
        for changes in writer.changes.values():
            _number(changes)
        heads = {changes.scale_set.pk: _flush(changes, now) for changes in writer.changes.values() if changes}
        if writer.counts:
            transaction.on_commit(writer.count)
        if heads:
            transaction.on_commit(lambda: HINTS.publish(heads))


def _locked(scale_set_ids: Sequence[int]) -> list[ScaleSet]:
    """Lock the rows in ascending id, and read them once they are locked.

    These are two queries, since in one PostgreSQL may find no row: after waiting for a lock it compares the new row with the joined rows
    from before, which no longer match where the other transaction has changed the SKU.

    SQLite has only one writer at a time, and this transaction is it from its beginning: nothing needs to be locked.
    """
    ids: Sequence[int] = scale_set_ids
    if connection.features.has_select_for_update:
        ids = _LOCKED_IDS.rows(list(scale_set_ids))
    return _SCALE_SETS.rows(list(ids))


_LOCKED_IDS = Prepared(
    lambda ids: ScaleSet.objects.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk", flat=True)
)
_SCALE_SETS = Prepared(lambda ids: ScaleSet.objects.filter(pk__in=ids).select_related("location", "sku").order_by("pk"))


def _number(changes: Changes) -> None:
    """Number the event (raise `seq`), and store when to reconcile next, in one UPDATE."""
    row, is_moved = changes.scale_set, bool(changes)
    row.seq += is_moved
    if changes.wake_at is not None:
        row.reconcile_at = changes.wake_at
        _NUMBER_AND_WAKE(row.pk, row.seq, row.reconcile_at)
    elif is_moved:
        _NUMBER(row.pk, row.seq)


_NUMBER = PreparedUpdate(lambda pk, seq: (ScaleSet.objects.filter(pk=pk), {"seq": seq}))
_NUMBER_AND_WAKE = PreparedUpdate(
    lambda pk, seq, reconcile_at: (ScaleSet.objects.filter(pk=pk), {"seq": seq, "reconcile_at": reconcile_at})
)


def _flush(changes: Changes, now: datetime) -> int:
    row = changes.scale_set
    instances = _changed_instances(changes)
    upgrade = _changed_upgrade(changes)
    bulk.insert([Event(scale_set=row, seq=row.seq, at=now, body=_body(changes, instances, upgrade))])
    bulk.insert(_transitions(changes, instances, upgrade, now))
    return row.seq


def _changed_instances(changes: Changes) -> list[Instance]:
    """The changed instances, read again: the event has what is in the database, not what the caller has in memory."""
    if not changes.instances:
        return []
    return _INSTANCES.rows(list(changes.instances))


_INSTANCES = Prepared(
    lambda pks: (
        Instance.objects.filter(pk__in=pks).select_related("member__batch").defer(*shapes.UNSHOWN).order_by("number")
    )
)


def _changed_upgrade(changes: Changes) -> RollingUpgrade | None:
    """The latest upgrade, where it was changed, or its counts may have changed with its instances; else None."""
    if not (changes.counts or changes.removed or changes.upgrades):
        return None
    latest = latest_upgrade(changes.scale_set)
    if latest is None:
        return None
    counts_may_differ = latest.ended_at is None and (changes.counts or changes.removed)
    return latest if counts_may_differ or latest.pk in changes.upgrades else None


def _body(changes: Changes, instances: list[Instance], upgrade: RollingUpgrade | None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if changes.itself:
        body["scale_set"] = shapes.scale_set(changes.scale_set)
    if instances:
        body["instances"] = shapes.instances(changes.scale_set, instances)
    if changes.removed:
        body["removed"] = [str(number) for number in changes.removed]
    if upgrade:
        body["upgrade"] = shapes.upgrade(upgrade)
    if changes.board:
        body["board"] = board_of(changes.scale_set)
    return body


def _transitions(
    changes: Changes, instances: list[Instance], upgrade: RollingUpgrade | None, now: datetime
) -> list[Transition]:
    common = {"scale_set": changes.scale_set, "seq": changes.scale_set.seq, "at": now}
    rows = [
        Transition(
            **common,
            instance_number=instance.number,
            upgrade_id=instance.member.upgrade_id if instance.member else None,
            state=_state(instance),
            health=instance.health,
            version=instance.version,
            note=changes.instances[instance.pk][:500],
        )
        for instance in instances
    ]
    if upgrade and upgrade.pk in changes.upgrades:
        notes = [note[:500] for note in changes.upgrades[upgrade.pk] if note] or [""]
        rows += [Transition(**common, upgrade_id=upgrade.pk, state=upgrade.status, note=note) for note in notes]
    return rows


def _state(row: Instance) -> str:
    if row.operation_kind in ("create", "delete"):
        return row.operation_kind
    return row.member.state if row.member else ""
