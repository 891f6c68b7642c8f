"""While somebody or something holds an upgrade, nothing is judged to its end: a limit stops it at the end of a batch, or where the next
one would begin, and never in between."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.core.deciding import MINUTE, NEW, NOW, fleet, step, upgrading, why, with_instance
from tests.core.test_rules import STOP, USER, chosen
from upgrades.core.facts import Facts, InstanceUpgradeFacts
from upgrades.core.policy import Policy
from upgrades.core.states import FaultCode, Health, InstanceUpgradeState
from upgrades.core.steps import Cancel, Complete, Fault, FinishBatch, RollBack, StartBatch, Wait, Why

DONE = tuple(InstanceUpgradeFacts(id, InstanceUpgradeState.SUCCEEDED) for id in range(4))
HOUR = timedelta(hours=1)

HeldBy = Callable[..., Facts]


def by_a_person(facts: Facts) -> Facts:
    return upgrading(facts, *DONE, finished=True, paused_by="ada")


def by_the_policy(facts: Facts) -> Facts:
    return upgrading(facts, *DONE, finished=True, policy=Policy(pause_between_batches=HOUR))


def by_approval(facts: Facts) -> Facts:
    return upgrading(facts, *DONE, finished=True, policy=Policy(deferral=True))


def by_the_fleet_stop(facts: Facts) -> Facts:
    return replace(upgrading(facts, *DONE, finished=True), fleet_stop=STOP)


HOLDS: list[tuple[HeldBy, Why]] = [
    (by_a_person, Why.PAUSED),
    (by_the_policy, Why.PAUSE_BETWEEN_BATCHES),
    (by_approval, Why.WAITING_FOR_APPROVAL),
    (by_the_fleet_stop, Why.FLEET_STOPPED),
]
held = pytest.mark.parametrize(("hold", "expected"), HOLDS, ids=[hold.__name__ for hold, _ in HOLDS])


def rolled(ill: int = 0, upgraded_ill: int = 0) -> Facts:
    """20 instances of which four are upgraded; so many of the others, and of those, are ill."""
    facts = fleet(20, sick=ill)
    for id in range(4):
        facts = with_instance(facts, id, version=NEW, health=Health.UNHEALTHY if id < upgraded_ill else Health.HEALTHY)
    return facts


# --- within a hold ----------------------------------------------------------------------------------------------------


@held
@pytest.mark.parametrize(("ill", "upgraded_ill"), [(0, 1), (0, 4), (8, 0), (16, 4)])
def test_a_dip_within_a_hold_ends_nothing(hold: HeldBy, expected: Why, ill: int, upgraded_ill: int) -> None:
    assert why(hold(rolled(ill, upgraded_ill))) is expected


@held
@pytest.mark.parametrize("health", [Health.UNKNOWN, Health.INITIALIZING])
def test_unknown_health_within_a_hold_ends_nothing(hold: HeldBy, expected: Why, health: Health) -> None:
    facts = rolled()
    for id in range(20):
        facts = with_instance(facts, id, health=health, health_since=NOW - HOUR)
    assert why(hold(facts)) is expected
    assert why(hold(replace(facts, health_complete_at=None))) is expected


@held
def test_a_time_limit_that_passes_within_a_hold_ends_nothing(hold: HeldBy, expected: Why) -> None:
    facts = hold(rolled())
    assert facts.upgrade
    assert why(replace(facts, upgrade=replace(facts.upgrade, ends_by=NOW - MINUTE))) is expected


@held
def test_machines_that_are_off_within_a_hold_end_nothing(hold: HeldBy, expected: Why) -> None:
    """Else it would be complete, and who paused it would find the next one running."""
    facts = rolled()
    for id in range(4, 20):
        facts = with_instance(facts, id, is_switched_off=True, health=Health.UNHEALTHY)
    assert why(hold(facts)) is expected


@held
def test_cancelling_waits_for_no_hold_and_no_limit(hold: HeldBy, expected: Why) -> None:
    facts = hold(rolled(8, 4))
    assert facts.upgrade
    assert isinstance(step(replace(facts, upgrade=replace(facts.upgrade, cancel_requested_by="eve"))), Cancel)


@held
def test_a_finished_upgrade_completes_during_a_hold(hold: HeldBy, expected: Why) -> None:
    """All that is left is opted out, or newer: nothing would begin when it is lifted."""
    facts = hold(fleet(4, version=NEW))
    assert step(facts) == Complete()


# --- and where it ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ill", "upgraded_ill", "code"), [(0, 1, FaultCode.TOO_MANY_FAILED), (5, 0, FaultCode.UNHEALTHY_DURING)]
)
def test_instances_still_unhealthy_before_the_next_batch_stop_the_upgrade(
    ill: int, upgraded_ill: int, code: FaultCode
) -> None:
    found = step(upgrading(rolled(ill, upgraded_ill), *DONE, finished=True))
    assert isinstance(found, Fault) and found.breach.code is code
    assert isinstance(step(upgrading(rolled(ill=4), *DONE, finished=True)), StartBatch)


def test_the_next_batch_is_judged_on_fresh_health_only() -> None:
    old = replace(rolled(upgraded_ill=4), health_complete_at=NOW - HOUR)
    assert why(upgrading(old, *DONE, finished=True)) is Why.STALE_HEALTH


def test_an_upgrade_past_its_time_limit_stops_when_its_hold_ends() -> None:
    found = step(upgrading(rolled(), *DONE, finished=True, ends_by=NOW))
    assert isinstance(found, Fault) and found.breach.code is FaultCode.TIMEOUT


def test_an_upgrade_completes_without_switched_off_instances() -> None:
    facts = rolled()
    for id in range(4, 20):
        facts = with_instance(facts, id, is_switched_off=True)
    assert step(upgrading(facts, *DONE, finished=True, ends_by=NOW - MINUTE)) == Complete(), "nor is its time over"


def test_an_upgrade_waits_for_its_last_instance_that_is_reimaged_or_restarted_by_hand() -> None:
    """In a moment it can be taken, unlike one that is off."""
    facts = rolled()
    for id in range(4, 20):
        facts = with_instance(facts, id, is_switched_off=True)
    facts = upgrading(with_instance(facts, 7, is_switched_off=False, is_busy=True), *DONE, finished=True)
    found = step(facts)
    assert isinstance(found, Wait) and (found.why, found.text) == (Why.CREATING, "Changing 1 instance.")
    assert isinstance(step(with_instance(facts, 7, is_busy=False)), StartBatch)


def test_approved_instances_that_are_switched_off_need_no_second_approval() -> None:
    facts = rolled()
    for id in range(4, 20):
        facts = with_instance(facts, id, is_switched_off=True, approved_version=NEW)
    assert step(by_approval(facts)) == Complete()
    facts = with_instance(facts, 7, approved_version="")
    found = step(by_approval(facts))
    assert isinstance(found, Wait) and found.text.startswith("1 instance is waiting for approval")


# --- the end of a batch -----------------------------------------------------------------------------------------------

ONE_FAILED = (InstanceUpgradeFacts(0, InstanceUpgradeState.FAILED), *DONE[1:])


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_batch_that_passed_the_limit_stops_the_upgrade_with_its_end(is_paused: bool) -> None:
    """Paused or not: what was found at the end of a batch is not lost over a hold, however late the reconcile comes."""
    facts = upgrading(rolled(), *ONE_FAILED, started_by=USER, paused_by="ada" if is_paused else "")
    found = step(facts)
    assert isinstance(found, Fault) and found.breach.instances == (0,)
    ill = step(upgrading(rolled(upgraded_ill=1), *DONE, paused_by="ada"))
    assert isinstance(ill, Fault) and ill.breach.instances == (0,)


def test_a_batch_that_passed_no_limit_is_finished_whatever_holds_it() -> None:
    facts = replace(upgrading(rolled(ill=16), *DONE, paused_by="ada", ends_by=NOW - MINUTE), fleet_stop=STOP)
    assert step(facts) == FinishBatch(1), "the gate and the time are looked at before the next batch"


def test_stale_health_makes_no_instance_unhealthy_at_the_end_of_a_batch() -> None:
    old = replace(rolled(upgraded_ill=1), health_complete_at=NOW - HOUR)
    assert why(upgrading(old, *DONE)) is Why.STALE_HEALTH
    assert step(upgrading(replace(rolled(), health_complete_at=NOW - HOUR), *DONE)) == FinishBatch(1)
    assert isinstance(step(upgrading(old, *ONE_FAILED, started_by=USER)), Fault), "those that failed are no news"
    assert step(upgrading(old, *DONE, cancel_requested_by="eve")) == FinishBatch(1), "who cancels waits for no prober"


def test_an_upgrade_that_rolls_back_is_not_checked_again() -> None:
    policy = Policy(rollback_on_breach=True)
    begun = step(upgrading(rolled(), *ONE_FAILED, started_by=USER, policy=policy, paused_by="ada"))
    assert isinstance(begun, RollBack) and begun.breach
    back = (InstanceUpgradeFacts(0, InstanceUpgradeState.ROLLED_BACK), *DONE[1:])
    facts = upgrading(rolled(), *back, started_by=USER, policy=policy, breach=begun.breach, paused_by="ada")
    assert step(facts) == FinishBatch(1)
    ended = upgrading(rolled(), *back, finished=True, started_by=USER, breach=begun.breach, paused_by="ada")
    assert step(ended) == Fault(begun.breach), "paused or not"


# --- the unhealthy first ----------------------------------------------------------------------------------------------


def mending(facts: Facts, *members: InstanceUpgradeFacts, upgraded_first: tuple[int, ...], **changes: Any) -> Facts:
    return upgrading(facts, *members, started_by=USER, upgraded_first=frozenset(upgraded_first), **changes)


def test_instances_upgraded_first_do_not_keep_the_gate_shut() -> None:
    """A set of three with one that is ill: an upgrade of that one makes nothing worse."""
    assert isinstance(step(upgrading(fleet(3, sick=1), started_by=USER)), Fault)
    assert chosen(mending(fleet(3, sick=1), upgraded_first=(2,))) == (2,)
    well = with_instance(fleet(3), 2, version=NEW)
    done = (InstanceUpgradeFacts(2, InstanceUpgradeState.SUCCEEDED),)
    assert chosen(mending(well, *done, upgraded_first=(2,), finished=True)) == (0,)


def test_the_gate_counts_all_other_instances() -> None:
    assert isinstance(step(mending(fleet(10, sick=5), upgraded_first=(8, 9))), Fault), "three more are ill"
    gone = with_instance(fleet(3, sick=1), 2, opt_out=STOP)
    assert isinstance(step(mending(gone, upgraded_first=(2,))), Fault), "it is opted out, and is not mended"
    ill = with_instance(with_instance(fleet(3), 2, version=NEW), 1, health=Health.UNHEALTHY)
    done = (InstanceUpgradeFacts(2, InstanceUpgradeState.SUCCEEDED),)
    assert isinstance(step(mending(ill, *done, upgraded_first=(2,), finished=True)), Fault), "it fell ill later"


def test_instance_that_stays_unhealthy_stops_the_upgrade() -> None:
    failed = step(mending(fleet(3, sick=1), InstanceUpgradeFacts(2, InstanceUpgradeState.FAILED), upgraded_first=(2,)))
    assert isinstance(failed, Fault) and failed.breach.code is FaultCode.TOO_MANY_FAILED


def test_batches_of_unhealthy_instances_are_no_larger_than_others() -> None:
    assert chosen(mending(fleet(10, sick=2), upgraded_first=(8, 9))) == (8, 9)
    assert chosen(mending(fleet(10, sick=5), upgraded_first=(5, 6, 7, 8, 9))) == (5,), (
        "the others of them are down, too"
    )
