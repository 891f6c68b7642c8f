"""The terminal's view of scale sets, as lines of text."""

from collections.abc import Sequence
from datetime import datetime

from upgrades import history
from upgrades.core.versions import LATEST
from upgrades.history import Standing
from upgrades.models import RollingUpgrade, ScaleSet

BAR = 24  # characters


def all_sets(now: datetime) -> list[str]:
    """One line a scale set."""
    rows = list(ScaleSet.objects.select_related("location", "sku"))
    if not rows:
        return [
            "No scale sets yet. `manage.py put_scale_set RG/NAME FILE.json` makes one, `manage.py demo` a whole fleet."
        ]
    standings = history.standings(rows)
    table: list[tuple[str, ...]] = [("SCALE SET", "LOCATION", "IMAGE", "HEALTHY", "UPGRADE", "NOW")]
    table += [_row(row, standings[row.pk]) for row in rows]
    return _align(table)


def _row(row: ScaleSet, standing: Standing) -> tuple[str, ...]:
    upgrade = history.last_upgrade(row)
    return (
        str(row),
        row.location.name,
        _versions(standing),
        f"{standing.healthy}/{standing.instances}",
        _summary(upgrade) if upgrade else "-",
        "being deleted" if row.deleting else row.decision.get("text", ""),
    )


def _versions(standing: Standing) -> str:
    return (
        ", ".join(f"{version or 'none yet'} x{count}" for version, count in sorted(standing.by_version.items())) or "-"
    )


def _summary(upgrade: RollingUpgrade) -> str:
    progress = upgrade.progress()
    total = progress.successful + progress.failed + progress.in_progress + progress.pending
    return f"{upgrade.status} to {upgrade.target_version} {progress.successful}/{total}"


def one_set(row: ScaleSet, now: datetime) -> list[str]:
    """Everything about one scale set."""
    standing = history.standings([row])[row.pk]
    upgrade = history.last_upgrade(row)
    lines = [
        f"{row}  ({row.location.display_name})",
        f"  image      {row.sku}:{row.image_version}{_latest(row)}",
        f"  automatic  {'on' if row.automatic_upgrade else 'off'}",
        f"  instances  {standing.instances} of {row.capacity}: {_counts(standing.by_health)}{_extras(standing)}",
        f"  versions   {_versions(standing)}",
        f"  now        {_decision(row)}",
    ]
    return [*lines, "", *(_upgrade(upgrade, now) if upgrade else ["  No upgrade yet."])]


def _latest(row: ScaleSet) -> str:
    return f" (latest is {row.sku.latest_in(row.location) or 'not published'})" if row.image_version == LATEST else ""


def _extras(standing: Standing) -> str:
    extras = {"opted out": standing.opted_out, "being worked on": standing.busy}
    return "".join(f", {count} {what}" for what, count in extras.items() if count)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items()) or "none"


def _decision(row: ScaleSet) -> str:
    text = row.decision.get("text", "not looked at yet")
    since = row.decision.get("since")
    return f"{text} (since {since})" if since else text


def _upgrade(upgrade: RollingUpgrade, now: datetime) -> list[str]:
    progress = upgrade.progress()
    who = f"{upgrade.started_by} ({upgrade.started_by_name})" if upgrade.started_by_name else upgrade.started_by
    seconds = ((upgrade.ended_at or now) - upgrade.started_at).total_seconds()
    lines = [
        f"  upgrade to {upgrade.target_version}: {upgrade.status}, started by {who}, {seconds:.0f} s",
        f"  progress   {progress.successful} done, {progress.failed} failed, {progress.in_progress} in progress, "
        f"{progress.pending} pending",
        *_batches(upgrade),
    ]
    if upgrade.cancel_requested_by and upgrade.ended_at is None:
        lines.append(f"  cancelling {upgrade.cancel_requested_by} asked for it; the batch in flight is finished first")
    return [*lines, f"  error      {upgrade.error['code']}: {upgrade.error['message']}"] if upgrade.error else lines


def _batches(upgrade: RollingUpgrade) -> list[str]:
    finished = {batch.number: batch.finished_at for batch in upgrade.batches.all()}
    lines = []
    for number, counts in history.batch_counts(upgrade).items():
        total, done = sum(counts.values()), counts.get("succeeded", 0)
        bar = "#" * (BAR * done // total)
        word = "finished" if finished.get(number) else "running"
        lines.append(f"  batch {number:<4} [{bar:<{BAR}}] {word}: {_counts(counts)}")
    return lines


def _align(table: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
