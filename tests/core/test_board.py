"""The board: what every viewer paints, and that it says what the engine does."""

import json
from dataclasses import replace

from hypothesis import given

from tests.core.deciding import MINUTE, NEW, NOW, fleet, upgrading, verifying, with_instance
from tests.core.fleets import fleets
from tests.core.test_preview import PACE
from tests.core.test_reasons import HOLD
from tests.core.test_rules import STOP
from tests.core.world import image
from tests.feed_client import validator
from upgrades.core.board import Board, board_of, next_overdue_at, upgrade_record
from upgrades.core.decide import decide
from upgrades.core.facts import Batch, Facts, InstanceFacts, InstanceUpgradeFacts, MissingMachine
from upgrades.core.forecast import MAX_PLANNED, forecast, make_forecast, plan_key
from upgrades.core.gauges import begins_by_hand
from upgrades.core.instance_states import InstanceState
from upgrades.core.instants import iso
from upgrades.core.needs import needs_of
from upgrades.core.policy import Policy
from upgrades.core.preview import preview
from upgrades.core.ranges import numbers_in
from upgrades.core.states import FaultCode, Health, InstanceUpgradeState, StartedBy, UpgradeKind
from upgrades.core.steps import Fault, RollBack, StartBatch, Step, Wait, Why

IN_BATCH = tuple(InstanceUpgradeFacts(id, InstanceUpgradeState.UPGRADING) for id in (0, 1))


def code(step: Step) -> str:
    return step.why.value if isinstance(step, Wait) else ""


def board(facts: Facts, before: Board | None = None, *, decision: str = "") -> Board:
    return board_of(facts, NOW, decision or code(decide(facts, NOW)), make_forecast(facts, NOW, PACE), before)


def state(facts: Facts, id: int = 0) -> InstanceState:
    (found,) = [name for name, numbers in board(facts)["states"].items() if id in numbers_in(numbers)]
    return InstanceState(found)


# --- of all of them ---------------------------------------------------------------------------------------------------


@given(fleets())
def test_each_instance_has_exactly_one_state_and_the_counts_agree(facts: Facts) -> None:
    found = board(facts)
    told = [number for numbers in found["states"].values() for number in numbers_in(numbers)]
    assert sorted(told) == [instance.id for instance in facts.instances]
    counts, done = found["counts"], set(numbers_in(found["states"].get("done", "")))
    assert counts["total"] == counts["eligible"] + counts["opted_out"] == len(facts.staying)
    assert counts["counted"] == found["unhealthy"]["of"] == len(facts.counted)
    assert counts["up_to_date"] == len([instance for instance in facts.staying if instance.id in done])
    assert counts["up_to_date"] <= counts["current"] <= counts["eligible"]
    assert (found["progress"]["up_to_date"], found["progress"]["of"]) == (counts["up_to_date"], counts["eligible"])


@given(fleets())
def test_a_gauge_is_over_exactly_where_the_engine_stops(facts: Facts) -> None:
    found, step = board(facts), decide(facts, NOW)
    breach = step.breach if isinstance(step, Fault | RollBack) else None
    if breach and breach.code in (FaultCode.UNHEALTHY_BEFORE, FaultCode.UNHEALTHY_DURING):
        assert found["unhealthy"]["over"]
        assert numbers_in(found["unhealthy"]["instances"]) == sorted(breach.instances)
    if breach and breach.code is FaultCode.TOO_MANY_FAILED:
        assert found["failed"] and found["failed"]["over"]
    if isinstance(step, StartBatch):
        assert not found["unhealthy"]["over"] and found["failed"] and not found["failed"]["over"]
    for gauge in (found["unhealthy"], found["failed"]):
        if gauge:
            assert gauge["over"] == (gauge["room"] < 0) == (gauge["count"] > gauge["most"])
            assert gauge["count"] == len(numbers_in(gauge["instances"]))


@given(fleets())
def test_the_planned_batches_equal_the_previews(facts: Facts) -> None:
    plan = preview(facts, NOW, PACE, by_hand=begins_by_hand(facts))
    told = [(batch["number"], numbers_in(batch["instances"])) for batch in board(facts)["planned"]]
    assert told == [(batch.number, sorted(batch.instances)) for batch in plan.batches[:MAX_PLANNED]]


@given(fleets())
def test_a_board_and_a_record_survive_json_and_are_as_the_schema_says(facts: Facts) -> None:
    found = {**board(facts), **needs_of(board(facts), [], facts.stopped)}
    assert json.loads(json.dumps(found)) == found
    delta = {"type": "delta", "set": "a/b", "stream": "", "since": 1, "seq": 2, "at": "", "board": found}
    validator().validate(delta)
    if facts.upgrade:
        record = upgrade_record(facts, NOW)
        assert json.loads(json.dumps(record)) == record
        assert all(batch["finished_at"] for batch in record["batches"])


# --- single states ----------------------------------------------------------------------------------------------------


def test_a_machine_that_answers_badly_while_it_is_verified_is_unhealthy_at_once() -> None:
    facts = upgrading(fleet(4, sick=1), verifying(3), verifying(2))
    facts = with_instance(facts, 2, health=Health.INITIALIZING, health_since=NOW)
    assert (state(facts, 3), state(facts, 2)) == (InstanceState.UNHEALTHY, InstanceState.VERIFYING)


def test_an_instance_on_a_newer_version_than_the_target_lacks_nothing() -> None:
    facts = with_instance(fleet(3), 0, version="16.04.3")
    assert (state(facts, 0), state(facts, 1)) == (InstanceState.DONE, InstanceState.PENDING)
    running = upgrading(facts, InstanceUpgradeFacts(1, InstanceUpgradeState.UPGRADING))
    assert state(running, 0) is InstanceState.DONE


def test_instances_created_deleted_or_missing_have_their_state() -> None:
    facts = with_instance(
        fleet(4, version=NEW), 0, is_being_created=True, is_busy=True, version="", health=Health.INITIALIZING
    )
    facts = with_instance(facts, 1, is_busy=True, is_being_deleted=True)
    facts = with_instance(facts, 2, version="", missing=MissingMachine(NOW, had_machine=True), health=Health.UNKNOWN)
    assert [state(facts, id) for id in range(4)] == [
        InstanceState.CREATING,
        InstanceState.DELETING,
        InstanceState.MISSING,
        InstanceState.DONE,
    ]


def test_overdue_instances_are_on_the_gauge_and_in_the_legend() -> None:
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


def test_pending_instances_are_held_by_a_decision_or_a_pause() -> None:
    facts = fleet(3)
    assert [board(facts, decision=why)["states"] for why in (Why.TOO_MANY_UNHEALTHY, Why.REPLACING)] == [
        {"held": "0-2"},
        {"pending": "0-2"},
    ]
    assert board(upgrading(facts, paused_by="ada"))["states"] == {"held": "0-2"}


def test_an_instance_without_approval_is_held() -> None:
    facts = with_instance(fleet(3, policy=Policy(deferral=True)), 1, approved_version=NEW)
    found = board(facts)
    assert found["states"] == {"held": "0,2", "pending": "1"}
    assert [
        (batch["instances"], batch["waits_for_approval"], batch["starts_at"] is None) for batch in found["planned"]
    ] == [
        ("1", False, False),
        ("0", True, True),
        ("2", True, True),
    ]


def test_an_opt_out_leaves_the_eligible_and_stays_in_the_limits() -> None:
    facts = with_instance(with_instance(fleet(10, sick=1), 9, opt_out=HOLD), 0, opt_out=HOLD)
    found = board(facts)
    assert found["counts"] == {
        "total": 10,
        "counted": 10,
        "eligible": 8,
        "up_to_date": 0,
        "current": 0,
        "opted_out": 2,
    }
    assert (found["states"]["opted-out"], found["states"]["unhealthy"]) == ("0", "9")


def test_surge_pair_counts_once_and_both_instances_have_a_state() -> None:
    new = InstanceFacts(5, "", Health.INITIALIZING, NOW, is_busy=True, is_being_created=True, is_unused_surge=True)
    facts = replace(fleet(5), instances=(*fleet(5).instances, new))
    found = board(upgrading(facts, InstanceUpgradeFacts(0, InstanceUpgradeState.UPGRADING, replacement=5)))
    assert found["states"] == {"creating": "5", "upgrading": "0", "pending": "1-4"}
    assert (found["counts"]["total"], found["batches"][0]["instances"]) == (5, "0")


def test_failed_and_rolled_back_instances_have_their_state() -> None:
    facts = with_instance(with_instance(fleet(3), 0, failed_version=NEW), 1, failed_version=NEW, was_rolled_back=True)
    assert board(facts)["states"] == {"failed": "0", "rolled-back": "1", "pending": "2"}
    failed = upgrading(
        fleet(3), InstanceUpgradeFacts(0, InstanceUpgradeState.FAILED), kind=UpgradeKind.EXTENSIONS, target=image("")
    )
    assert state(failed) is InstanceState.FAILED


def test_pinned_to_an_older_version_others_wait_for_a_person() -> None:
    facts = fleet(3, version="16.04.3", pinned_to=NEW, follows_latest=False)
    found = board(facts)
    assert (found["states"], found["planned_by"]) == ({"pending": "0-2"}, "user")
    assert [batch["starts_at"] for batch in found["planned"]] == [None, None, None]


# --- the batch and its step -------------------------------------------------------------------------------------------


def test_a_step_lasts_since_it_began_and_a_paused_upgrade_is_at_the_gate_of_the_next_batch() -> None:
    running = upgrading(fleet(10), *IN_BATCH)
    first = board(running)
    of_two = {"size": 2, "replaced": 0, "healthy": 0}
    assert first["batch"] == {"current": 1, "of": 5, "step": "replace", "since": iso(NOW), "held": False, **of_two}
    later = board_of(running, NOW + MINUTE, "", make_forecast(running, NOW, PACE), first)
    assert later["batch"] == first["batch"]
    waits = upgrading(fleet(10), verifying(0), verifying(1))
    found = board_of(waits, NOW + 2 * MINUTE, "", make_forecast(waits, NOW, PACE), later)
    assert found["batch"] and (found["batch"]["step"], found["batch"]["since"]) == ("wait", iso(NOW + 2 * MINUTE))
    done = (
        InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED),
        InstanceUpgradeFacts(1, InstanceUpgradeState.SUCCEEDED),
    )
    paused = with_instance(with_instance(fleet(10), 0, version=NEW), 1, version=NEW)
    at_rest = board(upgrading(paused, *done, finished=True, paused_by="ada"))["batch"]
    assert at_rest and (at_rest["current"], at_rest["of"], at_rest["step"], at_rest["held"]) == (2, 5, "gate", True)


# --- the plan is kept -------------------------------------------------------------------------------------------------


def test_a_plan_is_kept_while_the_batch_goes_on_and_made_again_where_something_else_changed() -> None:
    running = upgrading(fleet(10), *IN_BATCH)
    key = plan_key(running, NOW)
    goes_on = with_instance(
        upgrading(fleet(10), verifying(0), InstanceUpgradeFacts(1, InstanceUpgradeState.SUCCEEDED)), 1, version=NEW
    )
    assert plan_key(goes_on, NOW + 5 * MINUTE) == key
    others = [
        with_instance(running, 9, health=Health.UNHEALTHY),
        with_instance(running, 9, opt_out=HOLD),
        with_instance(running, 9, is_switched_off=True),
        with_instance(goes_on, 1, health=Health.UNHEALTHY),
        upgrading(fleet(10), verifying(0), InstanceUpgradeFacts(1, InstanceUpgradeState.FAILED)),
        upgrading(fleet(10), *IN_BATCH, finished=True),
        upgrading(fleet(10), *IN_BATCH, paused_by="ada"),
        upgrading(fleet(10), *IN_BATCH, policy=Policy(max_batch_percent=50)),
        replace(running, capacity=11),
        replace(running, fleet_stop=STOP),
    ]
    assert key not in {plan_key(facts, NOW) for facts in others}


def test_a_kept_plan_is_not_made_again() -> None:
    running = upgrading(fleet(10), *IN_BATCH)
    kept = forecast(running, NOW, None, lambda: PACE)
    assert forecast(running, NOW + MINUTE, kept, lambda: None) is kept


@given(fleets())
def test_equal_plan_keys_mean_equal_plans(facts: Facts) -> None:
    """However far the batch is: all of it swapped, and well."""
    if facts.upgrade is None or not facts.upgrade.batches or facts.upgrade.batches[-1].finished_at:
        return
    *before, last = facts.upgrade.batches
    far = tuple(
        replace(member, state=InstanceUpgradeState.VERIFYING, swapped_at=NOW)
        if member.state is InstanceUpgradeState.UPGRADING
        else member
        for member in last.members
    )
    later = replace(facts, upgrade=replace(facts.upgrade, batches=(*before, replace(last, members=far))))
    assert plan_key(later, NOW) == plan_key(facts, NOW)


def test_a_running_batch_has_had_a_part_of_its_time_and_is_late_when_it_takes_far_longer() -> None:
    batch = Batch(1, IN_BATCH, None, started_at=NOW - 4 * MINUTE)
    running = upgrading(fleet(4, policy=Policy(max_batch_percent=50)), policy=Policy(max_batch_percent=50))
    assert running.upgrade
    running = replace(running, upgrade=replace(running.upgrade, batches=(batch,)))
    found = board(running)
    assert found["planned"][0]["starts_at"] == iso(NOW + 8 * MINUTE)
    assert found["ends"] == {"earliest": iso(NOW + 16 * MINUTE), "latest": iso(NOW + 36 * MINUTE), "late": False}
    plan = make_forecast(running, NOW, PACE)
    late = board_of(running, NOW + 15 * MINUTE, "", plan, None)["ends"]
    assert late and late["late"]


def test_the_list_of_planned_batches_has_a_limit() -> None:
    found = board(fleet(150, policy=Policy(max_batch_percent=0)))
    assert (len(found["planned"]), found["planned_more"]) == (MAX_PLANNED, 150 - MAX_PLANNED)


def test_manual_and_held_upgrades_have_no_expected_begin() -> None:
    assert [batch["starts_at"] for batch in board(fleet(2, automatic=False))["planned"]] == [None, None]
    assert board(fleet(2, automatic=False))["planned_by"] == StartedBy.USER.value.lower()
    paused = board(upgrading(fleet(2), paused_by="ada"))
    assert ([batch["starts_at"] for batch in paused["planned"]], paused["ends"]) == ([None, None], None)


# --- what is over -----------------------------------------------------------------------------------------------------


def test_a_record_has_the_state_at_the_end_of_the_upgrade() -> None:
    members = (
        InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED),
        InstanceUpgradeFacts(1, InstanceUpgradeState.FAILED),
    )
    facts = with_instance(with_instance(fleet(10), 0, version=NEW), 1, failed_version=NEW)
    record = upgrade_record(upgrading(facts, *members), NOW)
    assert record["batches"][0]["members"] == {"succeeded": "0", "failed": "1"}
    assert record["batches"][0]["finished_at"] == iso(NOW)
    assert (record["failed"]["count"], record["failed"]["of"], record["failed"]["over"]) == (1, 2, True)
    assert (record["progress"]["up_to_date"], record["progress"]["of"], record["left"]) == (1, 10, 8)


def test_a_board_changes_by_itself_when_a_wait_for_a_first_verdict_is_over() -> None:
    facts = with_instance(fleet(3), 0, health=Health.INITIALIZING, health_since=NOW - MINUTE)
    assert next_overdue_at(facts, NOW) == NOW + 4 * MINUTE
    assert next_overdue_at(fleet(3), NOW) is None
