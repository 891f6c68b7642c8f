"""Hands the operations of instances to work items, which workers take up: for steps of the engine, and for what people ask for."""

from collections.abc import Sequence

from upgrades.models import bulk
from upgrades.models.instance import Instance
from upgrades.models.scale_set import ScaleSet
from upgrades.models.work_item import WorkItem

MAX_OPERATIONS = 100  # operations that one task begins and polls together
OPERATION_COLUMNS = ("operation_id", "operation_kind", "operation_version", "operation_at")


def create_work_items(scale_set: ScaleSet, rows: Sequence[Instance]) -> None:
    """Create work items for the operations of these instances, of at most MAX_OPERATIONS each."""
    for start in range(0, len(rows), MAX_OPERATIONS):
        work_item = WorkItem.objects.create(scale_set=scale_set)
        for row in rows[start : start + MAX_OPERATIONS]:
            row.work_item = work_item
    bulk.update(rows, "work_item")
