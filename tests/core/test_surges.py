"""Batches that surge (maxSurge, A-18), by the same rules: facts in, one step out. Whole runs: tests/orchestrator/test_surge.py."""

from dataclasses import replace
from typing import Any

import pytest

from tests.core.deciding import MINUTE, NEW, NOW, OLD, fleet, step, upgrading, why, with_instance
from tests.core.test_extension_upgrades import extending
from tests.core.test_preview import instances, plan
from tests.core.test_rules import zonal
from upgrades.core import batches, health
from upgrades.core.facts import Facts, Hold, InstanceFacts, InstanceUpgradeFacts
from upgrades.core.policy import Policy
from upgrades.core.reasons import reasons
from upgrades.core.states import NEXT_INSTANCE_UPGRADE_STATES, FaultCode, Health, InstanceUpgradeState, StartedBy
from upgrades.core.steps import (
    Cancel,
    Complete,
    Fault,
    FinishBatch,
    RemoveInstances,
    Settle,
    StartBatch,
    Wait,
    Why,
)

SURGE = Policy(max_surge=True)
HOLD = Hold("ada", "debugging")


def surging(facts: Facts, *members: InstanceUpgradeFacts, **changes: Any) -> Facts:
    """Its upgrade surges; each of these members has its replacement: the old one's number and a hundred."""
    facts = upgrading(facts, *members, **{"policy": SURGE, **changes})
    done = InstanceUpgradeState.SUCCEEDED
    new = (
        InstanceFacts(member.upgraded_id, NEW, is_unused_surge=member.state is not done)
        for member in members
        if member.replacement
    )
    gone = {member.instance for member in members if member.replacement and member.state is done}
    stay = (instance for instance in facts.instances if instance.id not in gone)
    return replace(facts, instances=(*stay, *new))


def member(id: int, state: InstanceUpgradeState = InstanceUpgradeState.VERIFYING) -> InstanceUpgradeFacts:
    return InstanceUpgradeFacts(id, state, NOW, replacement=100 + id)


# --- a batch ----------------------------------------------------------------------------------------------------------


def test_a_batch_surges_where_the_policy_says_so() -> None:
    assert step(surging(fleet(10))) == StartBatch(1, (0, 1), surge=True)
    assert step(upgrading(fleet(10))) == StartBatch(1, (0, 1))


def test_extensions_run_on_the_present_instances() -> None:
    assert step(extending(fleet(10, policy=SURGE))) == StartBatch(1, (0, 1))


@pytest.mark.parametrize(
    ("available_quota", "surges", "words"),
    [
        (None, True, "new instances take their places (maxSurge)."),
        (2, True, "new instances take their places (maxSurge)."),
        (1, False, "in place, because the quota has room for 1 more (maxSurge)."),
        (0, False, "in place, because the quota has room for none (maxSurge)."),
    ],
)
def test_a_batch_is_in_place_without_quota_for_all_of_it(available_quota: int | None, surges: bool, words: str) -> None:
    """Z-1.10: "on shortage that batch falls back to in place"."""
    answer = step(surging(replace(fleet(10), available_quota=available_quota)))
    assert isinstance(answer, StartBatch)
    assert (answer.instances, answer.surge) == ((0, 1), surges)
    assert answer.why == f"20 % of 10 is 2, so at most 2; {words}"


def test_the_next_batch_waits_until_replaced_instances_are_deleted() -> None:
    """They count against the quota."""
    done = surging(fleet(10), member(0, InstanceUpgradeState.SUCCEEDED), finished=True)
    assert isinstance(step(done), StartBatch)
    leaving = with_instance(done, 9, is_busy=True, is_being_deleted=True)
    leaving = replace(leaving, capacity=9)
    assert why(leaving) is Why.REMOVING_REPLACED
    assert Why.REMOVING_REPLACED in {reason.code for reason in reasons(leaving, NOW)}
    assert isinstance(step(upgrading(leaving)), StartBatch), "in place nothing is waited for"


def test_an_upgrade_ends_without_waiting_for_them() -> None:
    leaving = with_instance(replace(fleet(10), capacity=9), 9, is_busy=True, is_being_deleted=True)
    assert isinstance(step(surging(leaving, cancel_requested_by="ada")), Cancel)
    current = with_instance(replace(fleet(10, version=NEW), capacity=9), 9, is_busy=True, is_being_deleted=True)
    assert isinstance(step(surging(current)), Complete)
    assert isinstance(step(surging(leaving, ends_by=NOW)), Fault)


def test_surge_waits_while_available_quota_is_unknown() -> None:
    facts = surging(replace(fleet(10), available_quota_is_known=False))
    assert why(facts) is Why.QUOTA_UNKNOWN
    assert Why.QUOTA_UNKNOWN in {reason.code for reason in reasons(facts, NOW)}
    assert isinstance(step(upgrading(facts)), StartBatch)


# --- what counts ------------------------------------------------------------------------------------------------------


def test_surge_instances_count_for_nothing() -> None:
    facts = surging(
        fleet(10, sick=2), member(0, InstanceUpgradeState.UPGRADING), member(1, InstanceUpgradeState.UPGRADING)
    )
    facts = with_instance(facts, 100, health=Health.UNKNOWN, version="", is_busy=True)
    assert (len(facts.staying), len(facts.counted)) == (10, 10)
    assert health.ids(health.unhealthy(facts, NOW)) == (8, 9)
    assert health.initializing(with_instance(facts, 101, health=Health.INITIALIZING), NOW) == []
    assert why(facts) is Why.SURGING
    assert not {100, 101} & set(health.ids(batches.available(facts, StartedBy.USER)))


def test_a_surge_instance_counts_once_it_has_replaced_the_old_one() -> None:
    facts = surging(fleet(10), member(0, InstanceUpgradeState.SUCCEEDED))
    facts = replace(facts, instances=(InstanceFacts(0, OLD, is_busy=True, is_being_deleted=True), *facts.instances))
    assert {instance.id for instance in facts.counted} == {*range(1, 10), 100}
    assert isinstance(step(facts), FinishBatch)


def test_scale_in_takes_neither_of_a_pair_in_flight() -> None:
    facts = replace(surging(fleet(3), member(1), member(2)), capacity=1)
    facts = with_instance(with_instance(facts, 101, is_busy=True), 102, health=Health.INITIALIZING)
    assert step(facts) == RemoveInstances((0,))


@pytest.mark.parametrize("state", [InstanceUpgradeState.FAILED, InstanceUpgradeState.SKIPPED])
def test_surge_instance_without_replaced_instance_is_removed_first(state: InstanceUpgradeState) -> None:
    facts = surging(fleet(5), member(0, state))
    assert step(facts) == RemoveInstances((100,))
    assert step(replace(facts, upgrade=None)) == RemoveInstances((100,)), "after the upgrade too"
    assert step(replace(facts, capacity=3)) == RemoveInstances((100,))


def test_opted_out_surge_instance_without_replaced_instance_stays() -> None:
    facts = with_instance(surging(fleet(5), member(0, InstanceUpgradeState.FAILED)), 100, opt_out=HOLD)
    assert isinstance(step(facts), Fault)
    assert len(facts.staying) == 5


# --- how it ends ------------------------------------------------------------------------------------------------------


def test_a_surge_waits_for_the_new_instances_health() -> None:
    facts = surging(fleet(10), member(0), member(1))
    assert step(facts) == Settle((0, 1), ())
    facts = with_instance(with_instance(facts, 0, health=Health.UNHEALTHY), 101, health=Health.INITIALIZING)
    assert step(facts) == Settle((0,), ())
    assert why(with_instance(facts, 100, health=Health.UNHEALTHY)) is Why.VERIFYING


def test_a_surge_instance_has_five_minutes() -> None:
    since = replace(member(0), swapped_at=NOW - 5 * MINUTE)
    assert step(with_instance(surging(fleet(10), since), 100, health=Health.UNHEALTHY)) == Settle((), (0,))


def test_an_instance_opted_out_before_its_replacement_is_healthy_is_skipped() -> None:
    facts = surging(with_instance(fleet(10), 0, opt_out=HOLD), member(0), member(1))
    assert step(facts) == Settle((1,), (), skipped=(0,))
    in_place = upgrading(with_instance(fleet(10), 0, opt_out=HOLD), replace(member(0), replacement=None))
    assert step(in_place) == Settle((0,), ())


def test_a_breach_of_a_surging_upgrade_rolls_nothing_back() -> None:
    answer = step(_ended(replace(SURGE, rollback_on_breach=True)))
    assert isinstance(answer, Fault) and answer.breach.code is FaultCode.TOO_MANY_FAILED


def _ended(policy: Policy) -> Facts:
    facts = surging(fleet(10), member(0, InstanceUpgradeState.FAILED), policy=policy)
    return with_instance(facts, 100, is_busy=True, is_being_deleted=True)


def test_a_failed_surge_names_the_remaining_instance() -> None:
    failed = step(_ended(SURGE))
    assert isinstance(failed, Fault) and failed.breach.instances == (0,)
    facts = surging(fleet(10), member(0, InstanceUpgradeState.SUCCEEDED), finished=True)
    ill = step(with_instance(facts, 100, health=Health.UNHEALTHY))
    assert isinstance(ill, Fault) and ill.breach.instances == (100,)


def test_an_instance_can_be_let_go_as_long_as_it_is_there() -> None:
    for state in (InstanceUpgradeState.QUEUED, InstanceUpgradeState.VERIFYING, InstanceUpgradeState.SUCCEEDED):
        assert InstanceUpgradeState.SKIPPED in NEXT_INSTANCE_UPGRADE_STATES[state]


# --- plans and reasons ------------------------------------------------------------------------------------------------


def test_a_plan_of_a_surge_is_of_the_same_batches() -> None:
    surge, in_place = (plan(zonal(30, policy=policy)) for policy in (SURGE, Policy()))
    assert instances(surge) == instances(in_place)
    assert all(batch.why.endswith("take their places (maxSurge).") for batch in surge.batches)
    assert (surge.earliest, surge.latest) == (in_place.earliest, in_place.latest)


def test_a_plan_of_a_surge_in_flight_goes_on_behind_it() -> None:
    facts = surging(fleet(10), member(0, InstanceUpgradeState.UPGRADING), member(1))
    facts = with_instance(with_instance(facts, 100, version="", is_busy=True), 1, opt_out=HOLD)
    assert instances(plan(facts)) == [(2, 3), (4, 5), (6, 7), (8, 9)]


def test_both_of_a_pair_have_the_reason_that_is_awaited() -> None:
    facts = with_instance(surging(fleet(10), member(0, InstanceUpgradeState.UPGRADING)), 100, version="", is_busy=True)
    (found,) = (reason for reason in reasons(facts, NOW) if reason.code is Why.SURGING)
    assert found.instances == (0, 100)
    answer = step(facts)
    assert isinstance(answer, Wait) and answer.text == found.text == "Creating 1 new instance to replace as many."
