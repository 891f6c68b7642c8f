"""The terminal's view of scale sets, as lines of text."""

from collections.abc import Iterator
from datetime import datetime

from upgrades import attempts, history
from upgrades.attempts import Rollback
from upgrades.core.ranges import numbers_in
from upgrades.core.standing import Standing
from upgrades.core.states import InstanceUpgradeState
from upgrades.core.versions import LATEST
from upgrades.installation import PROGRAM
from upgrades.management import board, overdue, why
from upgrades.management.text import align, moment
from upgrades.models import RollingUpgrade, ScaleSet
from upgrades.models.records import batches_of

BAR = 24  # characters


def all_sets(now: datetime) -> list[str]:
    """One line a scale set; before them who stopped the fleet, where somebody did."""
    rows = list(ScaleSet.objects.select_related("location", "sku"))
    if not rows:
        return [
            *overdue.engine(now),
            *why.fleet(now),
            f"No scale sets yet. `{PROGRAM} put_scale_set RG/NAME FILE.json` makes one, `{PROGRAM} demo` a whole fleet.",
        ]
    standings = history.standings(rows, now)
    table: list[tuple[str, ...]] = [("SCALE SET", "LOCATION", "IMAGE", "HEALTHY", "UPGRADE", "NOW")]
    table += [_row(row, standings[row.pk], now) for row in rows]
    return [*overdue.engine(now), *why.fleet(now), *align(table)]


def _row(row: ScaleSet, standing: Standing, now: datetime) -> tuple[str, ...]:
    upgrade = history.last_upgrade(row)
    return (
        str(row),
        row.location.name,
        _versions(standing),
        f"{standing.healthy}/{standing.instances}",
        _summary(upgrade) if upgrade else "-",
        "being deleted" if row.deleting else overdue.text_of(row.decision, now),
    )


def _versions(standing: Standing) -> str:
    return (
        ", ".join(f"{version or 'none yet'} x{count}" for version, count in sorted(standing.by_version.items())) or "-"
    )


def _summary(upgrade: RollingUpgrade) -> str:
    progress = upgrade.progress()
    return f"{upgrade.status} {upgrade.aim} {progress.successful}/{progress.total}"


def one_set(row: ScaleSet, now: datetime) -> list[str]:
    """Everything about one scale set."""
    standing = history.standings([row], now)[row.pk]
    upgrade = history.last_upgrade(row)
    lines = [
        f"{row}  ({row.location.display_name})",
        f"  image      {row.sku}:{row.image_version}{_latest(row)}",
        f"  automatic  {'on' if row.automatic_upgrade else 'off'}",
        f"  instances  {standing.machines} of {row.capacity}: {_counts(standing.by_health)}{_extras(standing)}",
        f"  versions   {_versions(standing)}",
        *board.lines(row),
        f"  now        {_decision(row, now)}",
        *why.of(row, now),
    ]
    return [
        *overdue.engine(now),
        *why.fleet(now),
        *lines,
        "",
        *(_upgrade(upgrade, now) if upgrade else ["  No upgrade yet."]),
    ]


def _latest(row: ScaleSet) -> str:
    return f" (latest is {row.sku.latest_in(row.location) or 'not published'})" if row.image_version == LATEST else ""


def _extras(standing: Standing) -> str:
    extras = {
        "opted out": standing.opted_out,
        "quarantined": standing.quarantined,
        "switched off": standing.switched_off,
        "being worked on": standing.busy,
        "without a machine": standing.missing,
    }
    return "".join(f", {count} {what}" for what, count in extras.items() if count)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items()) or "none"


def _decision(row: ScaleSet, now: datetime) -> str:
    text = overdue.text_of(row.decision, now) or "not looked at yet"
    since = row.decision.get("since")
    return f"{text} (since {since})" if since else text


def _upgrade(upgrade: RollingUpgrade, now: datetime) -> list[str]:
    progress, rollback = upgrade.progress(), attempts.rollbacks_of([upgrade])[upgrade.pk]
    who = f"{upgrade.started_by} ({upgrade.started_by_name})" if upgrade.started_by_name else upgrade.started_by
    # A clock that was set back makes no time of less than nothing.
    seconds = max(0, ((upgrade.ended_at or now) - upgrade.started_at).total_seconds())
    back = f" ({rollback.succeeded} rolled back)" if rollback.succeeded else ""
    lines = [
        f"  upgrade {upgrade.aim}: {upgrade.status}, started by {who}, {seconds:.0f} s",
        f"  progress   {progress.successful} done, {progress.failed} failed{back}, {progress.in_progress} in progress, "
        f"{progress.pending} pending",
        *_batches(upgrade),
        *_steering(upgrade),
        *_rollback(rollback),
    ]
    return [*lines, f"  error      {upgrade.error['code']}: {upgrade.error['message']}"] if upgrade.error else lines


def _steering(upgrade: RollingUpgrade) -> Iterator[str]:
    """What people want of it."""
    is_running = upgrade.ended_at is None
    if upgrade.only_failed:
        yield "  only       those that failed on this version"
    if upgrade.paused_by and is_running:
        since = f" since {moment(upgrade.paused_at)}" if upgrade.paused_at else ""
        yield f"  paused     by {upgrade.paused_by}{since}; the batch in flight is finished first"
    if upgrade.cancel_requested_by and is_running:
        yield f"  cancelling {upgrade.cancel_requested_by} asked for it; the batch in flight is finished first"
    if upgrade.retry_skipped_by:
        yield f"  retry      at once: {upgrade.retry_skipped_by}"


def _rollback(rollback: Rollback) -> Iterator[str]:
    if rollback.failed:
        yield f"  rollback   {rollback.failed} could not be put back, the first of them: {rollback.error}"


def _batches(upgrade: RollingUpgrade) -> Iterator[str]:
    """As the pages' rail: the bar is full when all have succeeded that were not let go."""
    for batch in batches_of(upgrade):
        members = batch["members"]
        counts = {state.value: len(numbers_in(members[state])) for state in InstanceUpgradeState if state in members}
        bar = "#" * (BAR * counts.get("succeeded", 0) // max(1, batch["size"]))
        word = "finished" if batch["finished_at"] else "running"
        yield f"  batch {batch['number']:<4} [{bar:<{BAR}}] {word}: {_counts(counts)}"
        if batch["why"]:
            yield f"             because {batch['why']}"
