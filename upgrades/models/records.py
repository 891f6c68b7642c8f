"""How upgrades stood when they ended, and the batches of those that run."""

from collections import defaultdict
from typing import Any

from upgrades.core.board import ran, record_of_rows
from upgrades.core.facts import Batch, Member
from upgrades.core.states import MemberState
from upgrades.models.rolling_upgrade import RollingUpgrade


def record_of(row: RollingUpgrade) -> dict[str, Any] | None:
    """As it was kept; of one that ended before records were, what its members say. None while it runs."""
    if row.ended_at is None:
        return None
    return row.record or _from_members(row)


def batches_of(row: RollingUpgrade) -> list[dict[str, Any]]:
    """Each batch that began, as the board of a running upgrade and the record of one that is over have it (core/board.py)."""
    if row.record is not None:
        batches: list[dict[str, Any]] = row.record["batches"]
        return batches
    return [{**ran(one)} for one in _batches(row)]


def _from_members(row: RollingUpgrade) -> dict[str, Any]:
    limit = row.policy.get("max_unhealthy_upgraded_percent", 20)
    return {**record_of_rows(_batches(row), int(limit), row.progress().pending)}


def _batches(row: RollingUpgrade) -> list[Batch]:
    by_batch: dict[int, list[Member]] = defaultdict(list)
    columns = row.members.order_by("instance_number").values_list("batch", "instance_number", "state")
    for batch, number, state in columns:
        by_batch[batch].append(Member(number, MemberState(state)))
    return [
        Batch(one.number, tuple(by_batch[one.pk]), None, one.started_at, one.finished_at or row.ended_at, one.why)
        for one in row.batches.all()
    ]
