"""The records of upgrades that have ended, and the batches of upgrades that are running."""

from collections import defaultdict
from typing import Any

from upgrades.core.board import batch_record, upgrade_record_of_rows
from upgrades.core.facts import Batch, InstanceUpgradeFacts
from upgrades.core.policy import policy_from_json
from upgrades.core.states import InstanceUpgradeState
from upgrades.models.rolling_upgrade import RollingUpgrade


def record_of(row: RollingUpgrade) -> dict[str, Any] | None:
    """The record of an upgrade that has ended; None while it runs. Where none was stored (old rows), it is made from the members."""
    if row.ended_at is None:
        return None
    return row.record or _from_members(row)


def batches_of(row: RollingUpgrade) -> list[dict[str, Any]]:
    """Each batch that has begun, in the shape that boards and records have (core/board.py)."""
    if row.record is not None:
        batches: list[dict[str, Any]] = row.record["batches"]
        return batches
    return [{**batch_record(batch)} for batch in _batches(row)]


def _from_members(row: RollingUpgrade) -> dict[str, Any]:
    limit = policy_from_json(row.policy).max_unhealthy_upgraded_percent
    return {**upgrade_record_of_rows(_batches(row), limit, row.progress().pending)}


def _batches(row: RollingUpgrade) -> list[Batch]:
    by_batch: dict[int, list[InstanceUpgradeFacts]] = defaultdict(list)
    columns = row.members.order_by("instance_number").values_list("batch", "instance_number", "state")
    for batch, number, state in columns:
        by_batch[batch].append(InstanceUpgradeFacts(number, InstanceUpgradeState(state)))
    return [
        Batch(
            batch_row.number,
            tuple(by_batch[batch_row.pk]),
            None,
            batch_row.started_at,
            batch_row.finished_at or row.ended_at,
            batch_row.why_sentence,
        )
        for batch_row in row.batches.all()
    ]
