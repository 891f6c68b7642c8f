"""How upgrades stood when they ended."""

from collections import defaultdict
from typing import Any

from upgrades.core.board import record_of_rows
from upgrades.core.facts import Batch, Member
from upgrades.core.states import MemberState
from upgrades.models.rolling_upgrade import RollingUpgrade


def record_of(row: RollingUpgrade) -> dict[str, Any] | None:
    """As it was kept; of one that ended before records were, what its members say. None while it runs."""
    if row.ended_at is None:
        return None
    return row.record or _from_members(row)


def _from_members(row: RollingUpgrade) -> dict[str, Any]:
    by_batch: dict[int, list[Member]] = defaultdict(list)
    columns = row.members.order_by("instance_number").values_list("batch", "instance_number", "state")
    for batch, number, state in columns:
        by_batch[batch].append(Member(number, MemberState(state)))
    ran = [
        Batch(one.number, tuple(by_batch[one.pk]), None, one.started_at, one.finished_at or row.ended_at, one.why)
        for one in row.batches.all()
    ]
    limit = row.policy.get("max_unhealthy_upgraded_percent", 20)
    return {**record_of_rows(ran, int(limit), row.progress().pending)}
