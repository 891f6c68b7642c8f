"""What the board of a scale set says, as lines of text: the very numbers that the pages show."""

from collections.abc import Iterator, Mapping
from typing import Any

from upgrades.core.instance_states import InstanceState
from upgrades.core.ranges import numbers_in
from upgrades.models import ScaleSet
from upgrades.models.board import board_of


def lines(row: ScaleSet) -> Iterator[str]:
    """None before the first reconcile."""
    if (board := board_of(row)) is None:
        return
    states, progress = board["states"], board["progress"]
    # In the order of the legend: PostgreSQL keeps the fields of a JSON object in an order of its own.
    there_are = [state for state in InstanceState if state in states]
    counts = (f"{len(numbers_in(states[state]))} {state.replace('-', ' ')}" for state in there_are)
    yield f"  states     {', '.join(counts) or 'none'}"
    if progress["percent"] is not None:
        yield f"  done       {progress['up_to_date']} of {progress['of']} ({progress['percent']} %)"
    yield f"  unhealthy  {_gauge(board['unhealthy'])}"
    if board["failed"]:
        yield f"  failed     {_gauge(board['failed'])}, of those upgraded so far"
    if batch := board["batch"]:
        yield f"  batch      {batch['current']} of {batch['of']}, {batch['step']} since {batch['since']}"


def _gauge(gauge: Mapping[str, Any]) -> str:
    over = f": {-gauge['room']} over the limit" if gauge["over"] else ""
    return f"{gauge['count']} of {gauge['of']} ({gauge['percent']:g} %), limit {gauge['limit_percent']} %{over}"
