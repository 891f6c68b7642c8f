"""What `status` says, as JSON for scripts: the resources of the feed and of core, in their own words (docs/feed.md)."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from upgrades import history
from upgrades.core.image_contents import changes_to_json
from upgrades.core.ranges import spans
from upgrades.feed import shapes
from upgrades.models import ScaleSet
from upgrades.models.board import board_of
from upgrades.models.records import batches_of
from upgrades.plans import Planned, image_changes, planned


def all_sets(now: datetime) -> list[str]:
    return [_line([_status(row, now) for row in ScaleSet.objects.select_related("location", "sku")])]


def one_set(row: ScaleSet, now: datetime) -> list[str]:
    return [_line(_status(row, now))]


def all_plans(now: datetime) -> list[str]:
    """Of those that would do something."""
    found = ((row, planned(row, now)) for row in ScaleSet.objects.filter(deleting=False))
    return [_line([_plan(row, batch) for row, batch in found if batch.does_something])]


def one_plan(row: ScaleSet, now: datetime) -> list[str]:
    return [_line(_plan(row, planned(row, now)))]


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _status(row: ScaleSet, now: datetime) -> dict[str, Any]:
    upgrade, standing = history.last_upgrade(row), history.standings([row], now)[row.pk]
    told = {**shapes.upgrade(upgrade), "batches": batches_of(upgrade)} if upgrade else None
    return {
        "scale_set": str(row),
        "location": row.location.name,
        "deleting": row.deleting,
        "capacity": row.capacity,
        "standing": {**asdict(standing), "machines": standing.machines, "healthy": standing.healthy},
        "decision": row.decision,
        "board": board_of(row),
        "upgrade": told,
    }


def _plan(row: ScaleSet, found: Planned) -> dict[str, Any]:
    plan = found.plan
    return {
        "scale_set": str(row),
        "kind": plan.kind.value,
        "target": plan.target,
        "changes": [changes_to_json(changes) for changes in image_changes(row, plan.target)],
        "is_running": found.is_running,
        "by_hand": found.by_hand,
        "held_by": [{"code": block.code, "text": block.text} for block in plan.blocks],
        "batches": [
            {
                "number": batch.number,
                "instances": spans(batch.instances),
                "size": len(batch.instances),
                "zones": list(batch.zones),
                "begins_in_seconds": None if batch.begins_in is None else batch.begins_in.total_seconds(),
                "why": batch.why,
            }
            for batch in plan.batches
        ],
        "instances": plan.size,
        "earliest_seconds": None if plan.earliest is None else plan.earliest.total_seconds(),
        "latest_seconds": None if plan.latest is None else plan.latest.total_seconds(),
    }
