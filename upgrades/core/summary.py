"""All scale sets in a few words: one sentence, the counts, the worst reason, and when the last running upgrade ends. Made of boards.

Nothing is counted anew here: each number is a board's (core/board.py), or the sum of those.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upgrades.core.catalogue import say
from upgrades.core.needs import FAILED, has_begun, rank_of, urgency
from upgrades.core.ranges import count_in
from upgrades.core.sentences import Sentence

COUNTED = ("total", "eligible", "up_to_date", "current", "opted_out")
_CALM = 1000  # above each urgency


@dataclass(frozen=True, slots=True)
class SummarizedSet:
    """A scale set: of its `board` and `decision` what a summary shows, as the feed has it; null before it is reconciled for the first time.

    `reasons`: the first one is enough.
    """

    key: str
    board: Mapping[str, Any] | None
    decision: Mapping[str, Any] | None
    is_deleting: bool = False

    @property
    def reasons(self) -> Sequence[Mapping[str, Any]]:
        return (self.decision or {}).get("reasons") or ()

    @property
    def is_upgrading(self) -> bool:
        return bool(self.board and self.board["batch"])

    @property
    def failed(self) -> int:
        return sum(count_in(self.board["states"].get(state, "")) for state in FAILED) if self.board else 0

    def needs_a_person(self, now: datetime) -> bool:
        """Whether somebody has to look: something failed, a limit is passed, an upgrade stopped, or a reason has lasted too long."""
        return any(has_begun(need, now) for need in (self.board or {}).get("needs", ()))

    def urgency(self, now: datetime) -> int | None:
        """How soon somebody has to look, the lower the sooner; None where it is calm."""
        return urgency(self.board, now) if self.board else None


def summary(sets: Iterable[SummarizedSet], now: datetime) -> dict[str, Any]:
    """The summary as JSON: docs/feed.md."""
    seen = list(sets)
    counts = {name: sum(row.board["counts"][name] for row in seen if row.board) for name in COUNTED}
    counts["unhealthy"] = sum(row.board["unhealthy"]["count"] for row in seen if row.board)
    counts["failed"] = sum(row.failed for row in seen)
    needing = [row for row in seen if row.needs_a_person(now)]
    upgrading = [row for row in seen if row.is_upgrading]
    sets_by = {"total": len(seen), "upgrading": len(upgrading), "needing_a_person": len(needing)}
    sentence = _sentence(sets_by, counts)
    return {
        "sentence": str(sentence),
        "key": sentence.key,
        "params": dict(sentence.params),
        "scale_sets": sets_by,
        "counts": counts,
        "percent": _percent(counts),
        "reason": _worst(seen, now),
        "ends": _last_end(upgrading),
    }


def _percent(counts: Mapping[str, int]) -> int | None:
    return 100 * counts["up_to_date"] // counts["eligible"] if counts["eligible"] else None


def _sentence(sets: Mapping[str, int], counts: Mapping[str, int]) -> Sentence:
    done, of = counts["up_to_date"], counts["eligible"]
    if not sets["total"]:
        return say("Summary.empty")
    if sets["needing_a_person"]:
        return say("Summary.needs", sets=sets["needing_a_person"], done=done, of=of)
    if sets["upgrading"]:
        return say("Summary.upgrading", sets=sets["upgrading"], done=done, of=of)
    return say("Summary.calm", done=done, of=of)


def _worst(sets: Iterable[SummarizedSet], now: datetime) -> dict[str, Any] | None:
    """The first reason of the scale set that is the most urgent of those that have any; null where none has."""
    found = [(row, row.reasons[0]) for row in sets if row.reasons]
    if not found:
        return None
    row, reason = min(found, key=lambda pair: _place(pair[0], pair[1], now))
    return {
        "set": row.key,
        **{name: reason[name] for name in ("code", "text", "key", "params", "since", "who", "remedy")},
    }


def _place(row: SummarizedSet, reason: Mapping[str, Any], now: datetime) -> tuple[int, int]:
    soon = row.urgency(now)
    return (_CALM if soon is None else soon), rank_of(reason["code"])


def _last_end(upgrading: Iterable[SummarizedSet]) -> Mapping[str, Any] | None:
    """When the upgrade ends that ends last; null where none runs, or that of one is not known."""
    ends = [row.board["ends"] for row in upgrading if row.board]
    return None if not ends or None in ends else max(ends, key=lambda end: datetime.fromisoformat(end["latest"]))


def table_row(row: SummarizedSet, now: datetime) -> dict[str, Any]:
    """A scale set as one flat row, for tables of other programs. Null where its board does not say."""
    board, (group, _, name) = row.board or {}, row.key.partition("/")
    batch, ends, counts = board.get("batch") or {}, board.get("ends") or {}, board.get("counts") or {}
    reason = row.reasons[0] if row.reasons else {}
    return {
        "set": row.key,
        "resource_group": group,
        "name": name,
        **{counted: counts.get(counted) for counted in COUNTED},
        "percent": (board.get("progress") or {}).get("percent"),
        "unhealthy": (board.get("unhealthy") or {}).get("count"),
        "failed": row.failed,
        "target": board.get("target", ""),
        "upgrading": row.is_upgrading,
        "batch": batch.get("current"),
        "batches": batch.get("of"),
        "step": batch.get("step", ""),
        "needs_a_person": row.needs_a_person(now),
        "urgency": row.urgency(now),
        "reason": reason.get("code", ""),
        "reason_text": reason.get("text", ""),
        "reason_since": reason.get("since"),
        "ends_earliest": ends.get("earliest"),
        "ends_latest": ends.get("latest"),
    }
