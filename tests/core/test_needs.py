"""What needs a person, and which scale set comes first."""

from datetime import timedelta
from typing import Any

import pytest

from tests.stories import NOW
from upgrades.core.facts import StoppedUpgrade
from upgrades.core.needs import GLYPHS, needs_of, urgency
from upgrades.core.reason_kinds import KINDS
from upgrades.core.states import UpgradeKind
from upgrades.core.steps import Why
from upgrades.core.summary import SummarizedSet, summary

STOPPED = StoppedUpgrade(UpgradeKind.IMAGE, left=3)


def a_board(**changes: Any) -> Any:
    return {"states": {"done": "0-9"}, "left_behind": "", "over_limit": None, "batch": None, **changes}


def a_reason(code: Why, **changes: Any) -> dict[str, Any]:
    kind = KINDS[code]
    face = {"fill": kind.fill, "glyph": kind.glyph}
    shape = {"code": code.value, "face": face, "since": NOW.isoformat(), "needs_person_after": kind.needs_person_after}
    return {**shape, "text": code.value, "key": "", "params": {}, "who": "", "remedy": "", **changes}


def codes(board: Any, *reasons: dict[str, Any], stopped: StoppedUpgrade | None = None) -> list[str]:
    return [need["code"] for need in needs_of(board, reasons, stopped)["needs"]]


def test_each_reason_that_needs_a_person_has_its_place_in_the_order() -> None:
    needing = [kind for kind in KINDS.values() if kind.needs_person_after is not None]
    assert needing and all(kind.fill == "failure" or kind.glyph in GLYPHS for kind in needing)


def test_planned_waits_and_opt_outs_are_quiet() -> None:
    assert codes(a_board(states={"opted-out": "0-8", "pending": "9"}), a_reason(Why.PAUSED)) == []
    assert codes(a_board(), a_reason(Why.FLEET_STOPPED), a_reason(Why.PAUSE_BETWEEN_BATCHES)) == []


def test_a_failure_comes_before_a_wait() -> None:
    board = a_board(states={"rolled-back": "0"}, over_limit={"text": "Over."})
    found = needs_of(board, [a_reason(Why.NO_IMAGE)], None)["needs"]
    assert [need["code"] for need in found] == ["Failed", "OverTheLimit", "NoImagePublished"]
    assert [need["reason"] for need in found] == [None, None, 0]
    assert len({need["urgency"] for need in found}) == 3


def test_a_stopped_upgrade_is_one_need() -> None:
    board = a_board(states={"failed": "0"}, over_limit={"text": "Over."}, left_behind="0-3")
    assert codes(board, stopped=STOPPED) == ["Stopped"]
    assert codes(a_board(), stopped=STOPPED) == [], "what it left behind was mended"


@pytest.mark.parametrize(("left", "expected"), [(1, ["Stopped"]), (0, [])])
def test_extensions_missing_after_a_stopped_upgrade_are_a_need(left: int, expected: list[str]) -> None:
    assert codes(a_board(), stopped=StoppedUpgrade(UpgradeKind.EXTENSIONS, left)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"states": {"held": "0-3", "verifying": "4"}}, "held"),
        ({"states": {"verifying": "4"}}, "moves"),
        ({"batch": {"current": 1}}, "moves"),
        ({}, "calm"),
    ],
)
def test_a_held_scale_set_comes_before_a_moving_one(changes: dict[str, Any], expected: str) -> None:
    board = a_board(**changes)
    told = urgency({**board, **needs_of(board, [], None)}, NOW)
    assert {20: "held", 30: "moves", None: "calm"}[told] == expected


def test_a_reason_needs_a_person_when_it_has_lasted() -> None:
    reason, board = a_reason(Why.STALE_HEALTH), a_board()
    whole = {**board, **needs_of(board, [reason], None)}
    counted = dict.fromkeys(("total", "eligible", "up_to_date", "current", "opted_out"), 10)
    whole |= {"counts": counted, "unhealthy": {"count": 0}, "ends": None}
    row = SummarizedSet("fleet/web", whole, {"reasons": [reason]})
    assert urgency(whole, NOW) is None
    assert summary([row], NOW)["key"] == "Summary.calm"
    later = NOW + timedelta(seconds=15)
    assert urgency(whole, later) is not None
    assert summary([row], later)["sentence"].startswith("1 scale set needs a person")
    assert summary([row], later)["reason"]["code"] == "HealthIsStale"
