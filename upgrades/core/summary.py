"""All scale sets in a few words: one sentence, the counts, the worst reason, and when the last running upgrade ends. Made of boards.

Nothing is counted anew here: each number is a board's (core/board.py), or the sum of those.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from upgrades.core.catalogue import say
from upgrades.core.ranges import count_in
from upgrades.core.sentences import Sentence
from upgrades.core.states import UpgradeKind

FAILED = ("failed", "rolled-back")
COUNTED = ("total", "eligible", "up_to_date", "current", "opted_out")
_URGENCY = ("failure", "attention", "waiting")  # fills, the most urgent first


@dataclass(frozen=True, slots=True)
class SummarizedSet:
    """A scale set: its `board` and `decision` as the feed has them, null before it is reconciled for the first time.

    `upgrade`: of its latest upgrade at least `kind`, `error` and `record`, as the feed has them; null if there was none.
    """

    key: str
    board: Mapping[str, Any] | None
    decision: Mapping[str, Any] | None
    upgrade: Mapping[str, Any] | None = None
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
        """Whether somebody has to look: something failed, a limit is passed, an upgrade stopped, or a reason has lasted too long.

        The pages say the same in more words (static/js/needs.js); tests/board holds the two together.
        """
        if self.is_deleting:
            return False
        is_over = bool(self.board and self.board["over_limit"])
        return (
            bool(self.failed)
            or is_over
            or self._has_stopped
            or any(_has_lasted(reason, now) for reason in self.reasons)
        )

    @property
    def _has_stopped(self) -> bool:
        """Whether the latest upgrade stopped by itself and left something behind."""
        if not self.board or not self.upgrade or not self.upgrade["error"]:
            return False
        counts = (self.upgrade["record"] or {}).get("counts")
        lacks_extensions = (
            self.upgrade["kind"] == UpgradeKind.EXTENSIONS and counts and counts["left"] + counts["failed"]
        )
        return bool(self.board["left_behind"] or lacks_extensions)


def _has_lasted(reason: Mapping[str, Any], now: datetime) -> bool:
    after, since = reason["needs_person_after"], reason["since"]
    return after is not None and bool(since) and datetime.fromisoformat(since) + timedelta(seconds=after) <= now


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
    """The first reason of the scale set that needs a person soonest; null where none has any."""
    found = [(row, row.reasons[0]) for row in sets if row.reasons]
    if not found:
        return None
    row, reason = min(found, key=lambda pair: (not pair[0].needs_a_person(now), _urgency(pair[1])))
    return {
        "set": row.key,
        **{name: reason[name] for name in ("code", "text", "key", "params", "since", "who", "remedy")},
    }


def _urgency(reason: Mapping[str, Any]) -> int:
    fill = reason["face"]["fill"]
    return _URGENCY.index(fill) if fill in _URGENCY else len(_URGENCY)


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
        "reason": reason.get("code", ""),
        "reason_text": reason.get("text", ""),
        "reason_since": reason.get("since"),
        "ends_earliest": ends.get("earliest"),
        "ends_latest": ends.get("latest"),
    }
