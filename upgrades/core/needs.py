"""What in a scale set needs a person, and how soon: a part of the board (core/board.py). Planned waits, opt-outs and switched-off
instances need nobody.

The order of urgency is here alone. Pages, wallboards, the summary and clients take from the board which scale set comes first.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict

from upgrades.core.board import Board
from upgrades.core.facts import StoppedUpgrade
from upgrades.core.instants import iso
from upgrades.core.reason_kinds import KINDS
from upgrades.core.states import UpgradeKind

FAILED = ("failed", "rolled-back")
MOVING = ("queued", "upgrading", "verifying", "rolling-back")
# Urgencies: 0 for what is shown as a failure; then 1 plus the place of the glyph here, the most urgent first.
GLYPHS = ("failed", "quarantined", "unhealthy", "unknown", "held", "pending")
# Urgencies of scale sets that need nobody: instances are held; an upgrade or other work runs.
HELD, RUNS = 20, 30
_RANKS = {code.value: rank for rank, code in enumerate(KINDS)}


class NeedCode(StrEnum):
    """What needs a person without being a reason."""

    STOPPED = "Stopped"
    FAILED = "Failed"
    OVER_LIMIT = "OverTheLimit"


class Need(TypedDict):
    """Something that needs a person, from `begins_at` on; None: now. `urgency`: how soon, the lower the sooner.

    `code`: one of NeedCode, or that of a reason; `reason` is then its place among the decision's reasons, otherwise None.
    """

    code: str
    face: dict[str, str]
    urgency: int
    begins_at: str | None
    reason: int | None


class Needs(TypedDict):
    """All that needs a person, the most urgent first.

    `urgency`: that of the scale set as long as none of them has begun; None: it is calm.
    """

    needs: list[Need]
    urgency: int | None


def needs_of(board: Board, reasons: Iterable[Mapping[str, Any]], stopped: StoppedUpgrade | None) -> Needs:
    """Find what needs a person. `reasons`: those of the decision, as the feed has them."""
    found = [*_results(board, stopped), *_lasting(reasons)]
    return Needs(needs=sorted(found, key=lambda need: need["urgency"]), urgency=_calm_urgency(board))


def urgency(board: Mapping[str, Any], now: datetime) -> int | None:
    """How soon somebody must look at the scale set of this stored board: the lower, the sooner. None: it is calm."""
    begun: Sequence[int] = [need["urgency"] for need in board.get("needs", ()) if has_begun(need, now)]
    return min(begun) if begun else board.get("urgency")


def has_begun(need: Mapping[str, Any], now: datetime) -> bool:
    return need["begins_at"] is None or datetime.fromisoformat(need["begins_at"]) <= now


def rank_of(code: str) -> int:
    """The rank of a reason among all reasons: the weightiest has 0."""
    return _RANKS.get(code, len(_RANKS))


def _results(board: Board, stopped: StoppedUpgrade | None) -> list[Need]:
    """The needs from the results of upgrades. Where a stopped upgrade left instances behind, that one need stands for all of them."""
    if _left_something(board, stopped):
        return [_need(NeedCode.STOPPED, "failure", "failed")]
    found = [_need(NeedCode.OVER_LIMIT, "attention", "unhealthy")] if board["over_limit"] else []
    return [*found, _need(NeedCode.FAILED, "failure", "failed")] if _has(board, FAILED) else found


def _left_something(board: Board, stopped: StoppedUpgrade | None) -> bool:
    """Did the stopped upgrade leave instances without what it was to bring?

    For an image, the board knows how many still lack it. For extensions it does not, so the count at the end of the upgrade is used: only
    another upgrade of extensions changes that.
    """
    if stopped is None:
        return False
    return bool(board["left_behind"]) or (stopped.kind is UpgradeKind.EXTENSIONS and stopped.left > 0)


def _lasting(reasons: Iterable[Mapping[str, Any]]) -> list[Need]:
    """The needs from reasons that only a person ends. Each begins when its reason has lasted for `needs_person_after` seconds."""
    return [
        _need(reason["code"], **reason["face"], begins_at=_begins_at(reason), reason=place)
        for place, reason in enumerate(reasons)
        if reason["needs_person_after"] is not None
    ]


def _begins_at(reason: Mapping[str, Any]) -> str | None:
    after = timedelta(seconds=reason["needs_person_after"])
    return iso(datetime.fromisoformat(reason["since"]) + after) if after else None


def _need(code: str, fill: str, glyph: str, begins_at: str | None = None, reason: int | None = None) -> Need:
    urgency = 0 if fill == "failure" else 1 + GLYPHS.index(glyph)
    face = {"fill": fill, "glyph": glyph}
    return Need(code=str(code), face=face, urgency=urgency, begins_at=begins_at, reason=reason)


def _calm_urgency(board: Board) -> int | None:
    """The urgency of a scale set that needs nobody: HELD, RUNS, or None where nothing happens."""
    if _has(board, ("held",)):
        return HELD
    return RUNS if board["batch"] or _has(board, MOVING) else None


def _has(board: Board, states: Iterable[str]) -> bool:
    return any(board["states"].get(state) for state in states)
