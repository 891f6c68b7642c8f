"""What would happen, as lines of text."""

from collections.abc import Iterable
from datetime import datetime

from upgrades.core.catalogue import say
from upgrades.core.image_contents import sentence_of_changes
from upgrades.core.preview import Plan, PlannedBatch
from upgrades.core.ranges import ranges
from upgrades.core.states import KeptOSDisk, UpgradeKind
from upgrades.core.versions import LATEST
from upgrades.installation import PROGRAM
from upgrades.management.text import align, length
from upgrades.models import ScaleSet
from upgrades.plans import MAX_BATCHES, Planned, image_changes, planned

EXTENSIONS = "the extensions"
NOT_TIMED = "no batch was timed yet"


def all_sets(now: datetime) -> list[str]:
    """One line for each scale set that would do something."""
    table: list[tuple[str, ...]] = [("SCALE SET", "TARGET", "BEGINS", "BATCHES", "INSTANCES", "ENDS IN", "HELD BY")]
    for row in ScaleSet.objects.filter(deleting=False):
        found = planned(row, now)
        if found.does_something:
            table.append((str(row), *_row(found)))
    return align(table) if len(table) > 1 else ["No scale set would do anything."]


def _row(found: Planned) -> tuple[str, ...]:
    plan = found.plan
    begins = "by hand" if found.by_hand else "it runs" if found.is_running else "by itself"
    held_by = ", ".join(block.code for block in plan.blocks) or "-"
    return plan.target or EXTENSIONS, begins, str(len(plan.batches)), str(plan.size), _end(plan), held_by


def one_set(row: ScaleSet, now: datetime) -> list[str]:
    """All that is planned for one scale set."""
    found = planned(row, now)
    lines = [f"{row}: what would happen", *_beginning(row, found), *_changes(row, found), *_rollback(row)]
    lines += [f"  held now   {block.code}: {block.text}" for block in found.plan.blocks]
    if not found.does_something:
        return [*lines, "  Nothing would be upgraded."]
    return [*lines, *_batches(found.plan.batches), *_times(found.plan)]


def _beginning(row: ScaleSet, found: Planned) -> Iterable[str]:
    if found.plan.kind is UpgradeKind.EXTENSIONS:
        yield f"  target     {EXTENSIONS} of the model, which are being run now"
    elif found.is_running:
        yield f"  target     {found.plan.target}, to which it is being upgraded now"
    elif found.plan.target:
        yield f"  target     {found.plan.target}"
    if found.by_hand and row.image_version == LATEST:
        yield f"  automatic  off: nothing begins by itself. This is the plan of a start by hand: {PROGRAM} start {row}"
    if row.image_version != LATEST:
        yield f"  pinned     to {row.image_version}: nothing begins by itself. This is the plan of a start by hand: {PROGRAM} start {row}"


def _changes(row: ScaleSet, found: Planned) -> Iterable[str]:
    """What changes in the images."""
    changes = image_changes(row, found.plan.target) if found.does_something else []
    yield from (f"  changes    {sentence_of_changes(each)}" for each in changes)
    if any(each.is_known for each in changes):
        yield f"             each package: {PROGRAM} compare_images"


def _rollback(row: ScaleSet) -> Iterable[str]:
    """What a rollback would put back, where that is not the old OS disk itself."""
    kept = KeptOSDisk(row.location.kept_os_disk)
    if kept is not KeptOSDisk.EXACT:
        yield f"  rollback   {say(f'rollback.{kept}')}"


def _batches(batches: tuple[PlannedBatch, ...]) -> list[str]:
    if not batches:
        return ["  No further batch begins."]
    table = [
        (
            f"  batch {batch.number:<4}",
            f"{len(batch.instances)}:",
            ranges(batch.instances),
            f"zone {' '.join(batch.zones)}" if batch.zones else "",
            ""
            if batch.begins_in is None
            else f"begins in {length(batch.begins_in)}"
            if batch.begins_in
            else "begins at once",
        )
        for batch in batches
    ]
    first, *others = align(table)
    return [first, f"             because {batches[0].why}", *others]


def _times(plan: Plan) -> list[str]:
    waits = (
        [f"  waits      {length(plan.waits)} in all: pauses, and the time until it is tried again"]
        if plan.waits
        else []
    )
    how = f", at the pace of its last batches, {MAX_BATCHES} at most" if plan.latest else ""
    return [*waits, f"  ends in    {_end(plan)}{how}"]


def _end(plan: Plan) -> str:
    """From quick to slow batches (10th and 90th percentile)."""
    if plan.earliest is None or plan.latest is None:
        return NOT_TIMED
    if not plan.latest:
        return "at once"
    earliest, latest = length(plan.earliest), length(plan.latest)
    return earliest if earliest == latest else f"{earliest} to {latest}"
