"""All scale sets as a summary sees them, without reading again the boards that have not changed.

Whatever a summary shows of a scale set has changed only if its position in the feed has: so what is kept is kept under that position, and
the positions are read each time.
"""

from threading import Lock
from typing import Any

from upgrades.core.summary import SummarizedSet
from upgrades.models import ScaleSet

Position = tuple[Any, int]  # (stream, seq)
# Of a board, what summaries are made of: it has much more, which would fill the memory of each process.
OF_BOARD = ("batch", "counts", "ends", "needs", "progress", "states", "target", "unhealthy", "urgency")


class Summaries:
    """For one process, and all of its threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[int, tuple[Position, SummarizedSet]] = {}

    def all(self) -> list[SummarizedSet]:
        """Ordered by their keys. One query where nothing has changed, else two; neither reads instances."""
        heads = {pk: (stream, seq) for pk, stream, seq in ScaleSet.objects.order_by("key").values_list(*_HEAD)}
        with self._lock:
            known = {pk: self._known[pk] for pk in heads.keys() & self._known.keys()}
            changed = [pk for pk, position in heads.items() if pk not in known or known[pk][0] != position]
            self._known = known | (_read(changed) if changed else {})
            return [self._known[pk][1] for pk in heads if pk in self._known]


_HEAD = ("pk", "stream", "seq")


def _read(pks: list[int]) -> dict[int, tuple[Position, SummarizedSet]]:
    """Each under the position that it is read at. One that was deleted meanwhile is left out."""
    columns = (*_HEAD, "key", "board_row__body", "decision", "deleting")
    rows = ScaleSet.objects.filter(pk__in=pks).values_list(*columns)
    return {pk: ((stream, seq), _summarized(*more)) for pk, stream, seq, *more in rows}


def _summarized(key: str, board: dict[str, Any] | None, decision: dict[str, Any], is_deleting: bool) -> SummarizedSet:
    kept = board and {name: board[name] for name in OF_BOARD if name in board}
    first = {"text": decision.get("text", ""), "reasons": decision.get("reasons", [])[:1]}
    return SummarizedSet(key, kept, first, is_deleting)


SUMMARIES = Summaries()
