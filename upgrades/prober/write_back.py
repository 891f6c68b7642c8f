"""Verdicts and views of machines -> rows: only what has changed, in one transaction per scale set."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from upgrades.core import messages
from upgrades.core.health import fresh_for
from upgrades.core.machines import InstanceView
from upgrades.core.states import OFF, Health, InstanceUpgradeState, Power, Provisioning
from upgrades.feed.writing import Writer, writing
from upgrades.models import Instance, InstanceUpgrade, ScaleSet, bulk
from upgrades.models.instance import FAILURE_FIELDS, MODEL_FIELDS, VIEW_FIELDS
from upgrades.models.prepared import MAX_LENGTH, Prepared
from upgrades.prober.probe_targets import Probed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A change of one instance's health. `of` is the instance as it was when the change was found."""

    of: Probed
    health: Health
    detail: str


def write_verdicts(
    scale_set_id: int, verdicts: Sequence[Verdict], now: datetime, written: dict[int, tuple[Health, str]] | None = None
) -> int | None:
    """Write the verdicts that are still about the present machine and change its row. Returns the new seq; None where none was written.

    `written` is filled with what is in the rows then, {pk: (health, detail)}.
    """
    with writing(now, scale_set_id) as writer:
        rows = _unchanged(writer, {verdict.of.pk: verdict.of for verdict in verdicts})
        changed = []
        for verdict in verdicts:
            row = rows.get(verdict.of.pk)
            said = (verdict.health, verdict.detail[:200])
            if row is not None and (row.health, row.health_detail) != said:
                row.take_health(*said, now)
                changed.append(row)
                if written is not None:
                    written[row.pk] = said
        bulk.update(changed, "health", "health_changed_at", "health_detail")
        writer.changed(*changed, counts=False)  # health does not change the progress of an upgrade
        if changed:
            writer.wake()
    return writer.scale_set.seq if changed else None


def write_views(
    scale_set_id: int, views: Mapping[int, InstanceView], of: Mapping[int, Probed], now: datetime
) -> int | None:
    """Write the views of machines that differ from their rows. Keys are primary keys. Returns the new seq; None where none was written."""
    with writing(now, scale_set_id) as writer:
        changed = [row for pk, row in _unchanged(writer, of).items() if pk in views and _take(row, views[pk], now)]
        bulk.update(changed, *VIEW_FIELDS, *MODEL_FIELDS, "health", "health_since", "health_detail")
        writer.changed(*changed)
        if changed:
            writer.wake()
    return writer.scale_set.seq if changed else None


def _take(row: Instance, view: InstanceView, now: datetime) -> bool:
    """Take a view into a row. True where anything changed. The known health is void (initializing) in three cases:

    - the OS disk is another one, though we did nothing: an operation that was given up ended after all, or somebody else replaced it;
    - the machine was off and is on;
    - the machine was missing and is there, which counts only when it has come up: a failed creation may leave one behind.
    """
    if row.missing_since is not None:
        if view.provisioning is not Provisioning.SUCCEEDED:
            return False
        row.health, row.health_since, row.health_detail = Health.INITIALIZING, now, "its machine is there after all"
    elif view.os_disk != row.os_disk:
        row.health, row.health_since, row.health_detail = Health.INITIALIZING, now, "its OS disk is another one"
        row.model_parts = {}  # nobody knows what that one was made from
    elif _came_on(row, view):
        row.health, row.health_since, row.health_detail = Health.INITIALIZING, now, "its machine was switched on"
    before = [getattr(row, name) for name in VIEW_FIELDS]
    row.take_view(view)
    return before != [getattr(row, name) for name in VIEW_FIELDS]


def write_gone(scale_set_id: int, gone: Mapping[int, Probed], now: datetime) -> int | None:
    """Note that the machines of these instances are gone at the provider; they are made again. Returns the new seq, or None.

    Instances that failed in the running upgrade have no old OS disk to roll back to any more.
    """
    with writing(now, scale_set_id) as writer:
        rows = list(_unchanged(writer, gone).values())
        for row in rows:
            row.note_gone(now)
        health = ("health", "health_since", "health_changed_at", "health_detail")
        bulk.update(rows, *VIEW_FIELDS, *MODEL_FIELDS, *FAILURE_FIELDS, *health)
        failed = InstanceUpgrade.objects.filter(
            instance__in=rows, upgrade__ended_at=None, state=InstanceUpgradeState.FAILED
        )
        failed.update(rollback_error=messages.GONE)
        for row in rows:
            writer.changed(row, note=messages.GONE)
        if rows:
            log.warning("%s: gone at the provider: instances %s", writer.scale_set, [row.number for row in rows])
            writer.wake()
    return writer.scale_set.seq if rows else None


def _came_on(row: Instance, view: InstanceView) -> bool:
    """Whether the machine was switched on since the row was written, or was starting, without a verdict, and runs now."""
    if row.power in OFF:
        return view.power not in OFF
    return row.power == Power.STARTING and view.power is Power.RUNNING and row.health == Health.INITIALIZING


def _unchanged(writer: Writer, known: Mapping[int, Probed]) -> dict[int, Instance]:
    """The rows whose machines are still those that were probed: same OS disk, same `health_since`, and no operation runs on them."""
    pks = list(known)
    parts = [pks[at : at + MAX_LENGTH] for at in range(0, len(pks), MAX_LENGTH)]  # of which prepared queries are made
    return {
        row.pk: row
        for part in parts
        for row in _FREE.rows(writer.scale_set.pk, part)
        if (row.os_disk, row.health_since) == (known[row.pk].os_disk, known[row.pk].health_since)
    }


_FREE = Prepared(
    lambda pk, pks: Instance.objects.filter(scale_set=pk, pk__in=pks, operation_id=None).order_by("number")
)


def write_probed_at(times: Mapping[int, datetime], now: datetime) -> None:
    """Write as of when the health of each scale set is known. There is no event: nothing that people see has changed.

    Where the last such time is too long ago or in the future (a clock jumped), there was a gap: `probed_without_gap_since` starts again.
    """
    there_are = ScaleSet.objects.filter(pk__in=times).values_list("pk", flat=True)
    with writing(now, *there_are) as writer:
        rows = writer.scale_sets
        for row in rows:
            at = times[row.pk]
            if row.probed_at is None or abs(at - row.probed_at) > fresh_for(row.health_interval):
                row.probed_without_gap_since = at
            row.probed_at = at
        bulk.update(rows, "probed_at", "probed_without_gap_since")
