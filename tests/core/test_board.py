"""The board: what every viewer paints, and that it says what the engine does."""

import json

from hypothesis import given, settings

from tests.core.fleets import fleets
from tests.core.test_decide import MINUTE, NEW, NOW, fleet, upgrading, verifying, with_instance
from tests.core.test_preview import PACE
from tests.feed_client import validator
from upgrades.core.board import Board, board_of, record_of
from upgrades.core.decide import decide
from upgrades.core.facts import Facts, Member, Missing
from upgrades.core.forecast import MAX_PLANNED, made
from upgrades.core.gauges import begins_by_hand
from upgrades.core.instance_states import State
from upgrades.core.preview import preview
from upgrades.core.ranges import numbers_in
from upgrades.core.states import FaultCode, Health, MemberState
from upgrades.core.steps import Fault, RollBack, StartBatch, Step, Wait

IN_BATCH = tuple(Member(id, MemberState.UPGRADING) for id in (0, 1))


def code(step: Step) -> str:
    return step.why.value if isinstance(step, Wait) else ""


def board(facts: Facts, before: Board | None = None, *, decision: str = "") -> Board:
    return board_of(facts, NOW, decision or code(decide(facts, NOW)), made(facts, NOW, PACE), before)


def state(facts: Facts, id: int = 0) -> State:
    (found,) = [name for name, numbers in board(facts)["states"].items() if id in numbers_in(numbers)]
    return State(found)


# --- of all of them ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(fleets())
def test_each_instance_has_exactly_one_state_and_the_counts_agree(facts: Facts) -> None:
    found = board(facts)
    told = [number for numbers in found["states"].values() for number in numbers_in(numbers)]
    assert sorted(told) == [one.id for one in facts.instances]
    counts, done = found["counts"], set(numbers_in(found["states"].get("done", "")))
    assert counts["total"] == counts["eligible"] + counts["opted_out"] == len(facts.staying)
    assert counts["counted"] == found["unhealthy"]["of"] == len(facts.counted)
    assert counts["up_to_date"] == len([one for one in facts.staying if one.id in done])
    assert counts["up_to_date"] <= counts["current"] <= counts["eligible"]
    assert (found["progress"]["up_to_date"], found["progress"]["of"]) == (counts["up_to_date"], counts["eligible"])


@settings(deadline=None)
@given(fleets())
def test_a_gauge_is_over_exactly_where_the_engine_stops(facts: Facts) -> None:
    found, step = board(facts), decide(facts, NOW)
    breach = step.breach if isinstance(step, Fault | RollBack) else None
    if breach and breach.code in (FaultCode.BEFORE, FaultCode.IN):
        assert found["unhealthy"]["over"]
        assert numbers_in(found["unhealthy"]["instances"]) == sorted(breach.instances)
    if breach and breach.code is FaultCode.UPGRADED:
        assert found["failed"] and found["failed"]["over"]
    if isinstance(step, StartBatch):
        assert not found["unhealthy"]["over"] and found["failed"] and not found["failed"]["over"]
    for gauge in (found["unhealthy"], found["failed"]):
        if gauge:
            assert gauge["over"] == (gauge["room"] < 0) == (gauge["count"] > gauge["most"])
            assert gauge["count"] == len(numbers_in(gauge["instances"]))


@settings(deadline=None)
@given(fleets())
def test_the_planned_batches_are_those_of_the_preview(facts: Facts) -> None:
    plan = preview(facts, NOW, PACE, by_hand=begins_by_hand(facts))
    told = [(one["number"], numbers_in(one["instances"])) for one in board(facts)["planned"]]
    assert told == [(one.number, sorted(one.instances)) for one in plan.batches[:MAX_PLANNED]]


@settings(deadline=None)
@given(fleets())
def test_a_board_and_a_record_survive_json_and_are_as_the_schema_says(facts: Facts) -> None:
    found = board(facts)
    assert json.loads(json.dumps(found)) == found
    delta = {"type": "delta", "set": "a/b", "stream": "", "since": 1, "seq": 2, "at": "", "board": found}
    validator().validate(delta)
    if facts.upgrade:
        record = record_of(facts, NOW)
        assert json.loads(json.dumps(record)) == record
        assert all(one["finished_at"] for one in record["batches"])


# --- single states ----------------------------------------------------------------------------------------------------


def test_a_machine_that_answers_badly_while_it_is_verified_is_unhealthy_at_once() -> None:
    facts = upgrading(fleet(4, sick=1), verifying(3), verifying(2))
    facts = with_instance(facts, 2, health=Health.INITIALIZING, health_since=NOW)
    assert (state(facts, 3), state(facts, 2)) == (State.UNHEALTHY, State.VERIFYING)


def test_who_is_on_a_newer_version_than_the_target_lacks_nothing() -> None:
    facts = with_instance(fleet(3), 0, version="16.04.3")
    assert (state(facts, 0), state(facts, 1)) == (State.DONE, State.PENDING)
    running = upgrading(facts, Member(1, MemberState.UPGRADING))
    assert state(running, 0) is State.DONE


def test_what_is_made_or_removed_or_missing_says_so() -> None:
    facts = with_instance(fleet(4, version=NEW), 0, making=True, busy=True, version="", health=Health.INITIALIZING)
    facts = with_instance(facts, 1, busy=True, leaving=True)
    facts = with_instance(facts, 2, version="", missing=Missing(NOW, was_made=True), health=Health.UNKNOWN)
    assert [state(facts, id) for id in range(4)] == [State.CREATING, State.DELETING, State.MISSING, State.DONE]


def test_those_whose_wait_for_a_verdict_is_over_are_on_the_gauge_and_in_the_legend() -> None:
    facts = fleet(10)
    for id in range(3):
        facts = with_instance(facts, id, health=Health.INITIALIZING, health_since=NOW - 60 * MINUTE)
    found = board(facts)
    assert (found["unhealthy"]["percent"], found["unhealthy"]["room"], found["unhealthy"]["over"]) == (30, -1, True)
    assert found["states"]["unhealthy"] == found["unhealthy"]["instances"] == "0-2"


def test_a_scale_set_of_none_is_no_share_up_to_date() -> None:
    found = board(fleet(0))
    assert found["progress"] == {"up_to_date": 0, "of": 0, "percent": None}
    assert (found["states"], found["planned_by"]) == ({}, None)
