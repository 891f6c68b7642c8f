"""Plans: what `decide` would do, told beforehand. Whole runs beside plans are in tests/orchestrator/test_preview.py."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.deciding import MINUTE, NEW, NOW, OLD, fleet, upgrading, with_instance
from tests.core.test_rules import STOP, stopped, zonal
from tests.core.world import World
from upgrades.core import what_if
from upgrades.core.consequences import of_plan
from upgrades.core.facts import Facts, Hold, InstanceUpgradeFacts
from upgrades.core.policy import Policy
from upgrades.core.preview import Pace, Plan, pace_of, preview
from upgrades.core.sentences import sentence_shape
from upgrades.core.states import FaultCode, Health, InstanceUpgradeState
from upgrades.core.steps import StartBatch, Why

PACE = Pace(10 * MINUTE, 12 * MINUTE, 20 * MINUTE)


def plan(facts: Facts, **options: bool) -> Plan:
    return preview(facts, NOW, PACE, **options)


def instances(plan: Plan) -> list[tuple[int, ...]]:
    return [batch.instances for batch in plan.batches]


def test_the_preview_has_the_batches_of_the_engine() -> None:
    found = plan(fleet(7))
    assert instances(found) == [(id,) for id in range(7)]
    assert found.target == NEW
    why = found.batches[0].why
    assert why == "20 % of 7 is 1.4, so at most 1."
    said = sentence_shape(why)
    assert (said["key"], said["params"]["share"]) == ("batch.share", {"type": "percent", "value": 1.4})
    assert (found.earliest, found.latest) == (70 * MINUTE, 140 * MINUTE)
    assert [batch.begins_in for batch in found.batches[:2]] == [timedelta(0), 12 * MINUTE]


def test_zones_are_shown() -> None:
    found = plan(zonal(30))
    assert [(batch.zones, len(batch.instances)) for batch in found.batches] == [
        (("1",), 6),
        (("1",), 4),
        (("2",), 6),
        (("2",), 4),
        (("3",), 6),
        (("3",), 4),
    ]


def test_present_hold_is_told_and_the_plan_continues_after_it() -> None:
    facts = replace(fleet(10, sick=3), fleet_stop=STOP)
    found = plan(facts)
    assert [block.code for block in found.blocks] == [Why.FLEET_STOPPED, FaultCode.UNHEALTHY_BEFORE]
    assert len(found.batches) == 5
    assert plan(fleet(10, health_complete_at=None)).blocks[0].code == Why.STALE_HEALTH
    assert plan(upgrading(fleet(10), paused_by="ada")).blocks[0].code == Why.PAUSED
    assert len(plan(upgrading(fleet(10), paused_by="ada")).batches) == 5
    deferred = plan(fleet(10, policy=Policy(deferral=True)))
    assert [block.code for block in deferred.blocks] == [Why.WAITING_FOR_APPROVAL] and len(deferred.batches) == 5
    assert deferred.unblocked == ()
    some = fleet(10, policy=Policy(deferral=True))
    partly = plan(what_if.with_approval(some, {3}, NEW))
    assert [batch.instances for batch in partly.unblocked] == [(3,)] and partly.size == 10
    assert [str(sentence) for sentence in of_plan(some, partly)] == [
        f"1 instance would be upgraded to {NEW}, in 1 batch.",
        "It starts at once, with 1 instance in batch 1.",
    ]
    new = with_instance(fleet(5), 0, health=Health.INITIALIZING, health_since=NOW)
    assert plan(new).blocks[0].code == Why.INITIALIZING


def test_planned_waits_are_in_the_estimate() -> None:
    paused = plan(fleet(5, policy=Policy(pause_between_batches=MINUTE)))
    assert (paused.waits, paused.earliest) == (4 * MINUTE, 54 * MINUTE)
    again = plan(fleet(5, last_attempt=stopped()))
    assert again.waits == 30 * MINUTE and len(again.batches) == 5


def test_the_plan_is_empty_if_no_upgrade_is_due() -> None:
    assert plan(fleet(5, version=NEW)).batches == ()
    assert plan(fleet(5, automatic=False)).batches == ()
    assert len(plan(fleet(5, automatic=False), by_hand=True).batches) == 5


def test_a_running_upgrade_is_planned_from_where_it_is() -> None:
    facts = upgrading(
        with_instance(fleet(10), 0, is_busy=True),
        InstanceUpgradeFacts(0, InstanceUpgradeState.UPGRADING),
        verifying_too(),
    )
    found = plan(facts)
    assert [batch.number for batch in found.batches] == [2, 3, 4, 5]
    assert found.earliest == 50 * MINUTE  # the running one too


def verifying_too() -> InstanceUpgradeFacts:
    return InstanceUpgradeFacts(1, InstanceUpgradeState.VERIFYING, NOW)


def test_a_plan_without_past_upgrades_has_no_estimate() -> None:
    found = preview(fleet(5), NOW)
    assert (found.earliest, found.latest, found.batches[3].begins_in) == (None, None, None)
    assert pace_of([]) is None


policies = st.builds(
    Policy,
    max_batch_percent=st.integers(5, 100),
    max_unhealthy_percent=st.integers(5, 100),
    pause_between_batches=st.sampled_from([timedelta(0), MINUTE]),
    cross_zone=st.booleans(),
    unhealthy_first=st.booleans(),
    max_surge=st.booleans(),
)


@given(st.integers(1, 60), policies, st.sets(st.integers(0, 59), max_size=8), st.integers(1, 3))
def test_a_plan_and_a_run_choose_the_same_batches(total: int, policy: Policy, held: set[int], zones: int) -> None:
    """When nothing goes wrong: the run is that of the scenarios' world."""
    facts = zonal(total, zones, policy=policy)
    for id in held & set(range(total)):
        facts = with_instance(facts, id, opt_out=Hold("ada", "busy"))
    world = World(facts, now=NOW, known_from=NOW)
    world.run()
    assert instances(plan(facts)) == [step.instances for step in world.steps if isinstance(step, StartBatch)]


def test_instances_being_deleted_are_in_no_batch() -> None:
    facts = with_instance(fleet(5, version=NEW, capacity=4), 4, version="16.04.1", is_busy=True, is_being_deleted=True)
    assert instances(plan(facts)) == []


def test_a_manual_start_is_held_by_the_pause_of_the_last_attempt() -> None:
    """It would be refused until somebody resumes that."""
    facts = fleet(5, automatic=False, last_attempt=replace(stopped(), paused_by="ada"))
    found = plan(facts, by_hand=True)
    assert [block.code for block in found.blocks] == [Why.PAUSED] and len(found.batches) == 5


@pytest.mark.parametrize("by_hand", [False, True])
def test_an_opt_out_for_another_version_ends_where_the_upgrade_begins(by_hand: bool) -> None:
    facts = with_instance(fleet(3, automatic=not by_hand), 1, opt_out=Hold("ada", "not that one", version=OLD))
    assert instances(plan(facts, by_hand=by_hand)) == [(0,), (1,), (2,)]
    facts = with_instance(facts, 1, opt_out=Hold("ada", "not this one", version=NEW))
    assert instances(plan(facts, by_hand=by_hand)) == [(0,), (2,)]
