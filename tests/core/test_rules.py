"""Each rule of an upgrade beyond the document's five points, on its own: facts in, one step out (Z-1.4 to Z-1.14, Z-2.2, Z-2.3)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.core.deciding import MINUTE, NEW, NOW, OLD, fleet, step, upgrading, verifying, why, with_instance
from upgrades.core import decide
from upgrades.core.facts import Attempt, Breach, Facts, Hold, InstanceUpgradeFacts
from upgrades.core.policy import Policy
from upgrades.core.reasons import reasons
from upgrades.core.states import (
    FaultCode,
    Health,
    ImageObstacle,
    InstanceUpgradeState,
    KeptOSDisk,
    StartedBy,
    UpgradeStatus,
)
from upgrades.core.steps import (
    Complete,
    Fault,
    FinishBatch,
    RemoveInstances,
    RollBack,
    Settle,
    StartBatch,
    StartUpgrade,
    Wait,
    Why,
)

FAILED, ROLLING_BACK, ROLLED_BACK = (
    InstanceUpgradeState.FAILED,
    InstanceUpgradeState.ROLLING_BACK,
    InstanceUpgradeState.ROLLED_BACK,
)
USER = StartedBy.USER


def zonal(count: int, zones: int = 3, **changes: Any) -> Facts:
    """Instances spread over the zones in turn."""
    facts = fleet(count, **changes)
    for id in range(count):
        facts = with_instance(facts, id, zone=str(id % zones + 1))
    return facts


def chosen(facts: Facts) -> tuple[int, ...]:
    answer = step(facts)
    assert isinstance(answer, StartBatch), answer
    return answer.instances


# --- rollback ---


def test_an_instance_that_failed_gets_its_old_disk_back_when_the_platform_started() -> None:
    """A-9"""
    facts = upgrading(
        fleet(10), InstanceUpgradeFacts(0, FAILED), InstanceUpgradeFacts(1, InstanceUpgradeState.SUCCEEDED)
    )
    assert step(facts) == RollBack((0,))


def test_failed_instances_keep_the_new_disk_without_automatic_rollback() -> None:
    """A-10; "does not provide automatic rollback capabilities" of a manual start (Z-0.9)."""
    off = Policy(automatic_rollback=False)
    members = (InstanceUpgradeFacts(0, FAILED), *_done(1, 4))
    assert step(upgrading(fleet(25), *members, policy=off)) == FinishBatch(1)
    assert step(upgrading(fleet(25), *members, started_by=USER)) == FinishBatch(1)


def test_a_disk_that_could_not_be_put_back_is_not_tried_again() -> None:
    assert step(
        upgrading(fleet(25), InstanceUpgradeFacts(0, FAILED, may_roll_back=False), *_done(1, 4))
    ) == FinishBatch(1)


def test_the_batch_waits_for_rollbacks() -> None:
    facts = upgrading(
        with_instance(fleet(10), 0, is_busy=True),
        InstanceUpgradeFacts(0, ROLLING_BACK),
        InstanceUpgradeFacts(1, InstanceUpgradeState.SUCCEEDED),
    )
    assert why(facts) is Why.ROLLING_BACK
    assert step(upgrading(fleet(25), InstanceUpgradeFacts(0, ROLLED_BACK), *_done(1, 4))) == FinishBatch(1)


def test_rolled_back_instances_count_as_failed() -> None:
    """Z-1.7: restored, "counted as failed"."""
    answer = step(
        upgrading(
            fleet(10),
            InstanceUpgradeFacts(0, ROLLED_BACK),
            InstanceUpgradeFacts(1, InstanceUpgradeState.SUCCEEDED),
            finished=True,
        )
    )
    assert isinstance(answer, Fault) and answer.breach.instances == (0,)
    assert answer.breach.code is FaultCode.TOO_MANY_FAILED


def test_rolled_back_instances_are_not_taken_again_by_the_same_upgrade() -> None:
    members = [InstanceUpgradeFacts(id, InstanceUpgradeState.SUCCEEDED) for id in range(1, 5)]
    facts = with_instance(fleet(25), 0, failed_version=NEW)
    assert chosen(upgrading(facts, InstanceUpgradeFacts(0, ROLLED_BACK), *members, finished=True)) == (5, 6, 7, 8, 9)


BREACH_POLICY = Policy(rollback_on_breach=True)


@pytest.mark.parametrize("started_by", StartedBy)
def test_failed_instances_are_rolled_back_on_a_breach_if_the_policy_says_so(started_by: StartedBy) -> None:
    """A-17: whoever started it, and also where automatic rollback is off."""
    policy = replace(BREACH_POLICY, automatic_rollback=False)
    facts = upgrading(
        fleet(20),
        *(InstanceUpgradeFacts(id, FAILED) for id in range(4)),
        finished=True,
        policy=policy,
        started_by=started_by,
    )
    answer = step(facts)
    assert isinstance(answer, RollBack) and answer.instances == (0, 1, 2, 3)
    assert answer.breach and answer.breach.code is FaultCode.TOO_MANY_FAILED
    at_the_gate = upgrading(
        fleet(20, sick=5), InstanceUpgradeFacts(0, FAILED), *_done(1, 8), finished=True, policy=policy
    )
    answer = step(at_the_gate)
    assert isinstance(answer, RollBack) and answer.breach and answer.breach.code is FaultCode.UNHEALTHY_DURING


def _done(first: int, last: int) -> list[InstanceUpgradeFacts]:
    return [InstanceUpgradeFacts(id, InstanceUpgradeState.SUCCEEDED) for id in range(first, last + 1)]


def test_a_stopped_upgrade_ends_when_all_are_back() -> None:
    breach = Breach(FaultCode.TOO_MANY_FAILED, "too many", (0,))
    going_back = upgrading(
        fleet(10), InstanceUpgradeFacts(0, ROLLING_BACK), finished=True, breach=breach, policy=BREACH_POLICY
    )
    assert why(going_back) is Why.ROLLING_BACK
    back = upgrading(
        fleet(10), InstanceUpgradeFacts(0, ROLLED_BACK), finished=True, breach=breach, policy=BREACH_POLICY
    )
    assert step(back) == Fault(breach)


def test_a_breach_rolls_nothing_back_without_that_policy() -> None:
    facts = upgrading(fleet(20), *(InstanceUpgradeFacts(id, FAILED) for id in range(4)), finished=True, started_by=USER)
    assert isinstance(step(facts), Fault)


# --- who is next ---


def test_a_batch_is_of_one_zone() -> None:
    """A-16: zones one after the other; at most 20 % of the whole set."""
    assert chosen(upgrading(zonal(30))) == (0, 3, 6, 9, 12, 15)
    done = [InstanceUpgradeFacts(id, InstanceUpgradeState.SUCCEEDED) for id in range(0, 27, 3)]
    assert chosen(upgrading(zonal(30), *done, finished=True)) == (27,)
    done.append(InstanceUpgradeFacts(27, InstanceUpgradeState.SUCCEEDED))
    assert chosen(upgrading(zonal(30), *done, finished=True)) == (1, 4, 7, 10, 13, 16)


def test_a_batch_spans_zones_where_the_policy_says_so() -> None:
    """A-16: enableCrossZoneUpgrade."""
    assert chosen(upgrading(zonal(30), policy=Policy(cross_zone=True))) == (0, 1, 2, 3, 4, 5)


def test_a_batch_is_of_one_update_domain() -> None:
    """S-40, Z-1.4: instances of two update domains are never upgraded together, across zones neither."""
    facts = fleet(20)
    for id in range(20):
        facts = with_instance(facts, id, update_domain=str(id % 5))
    assert chosen(upgrading(facts)) == (0, 5, 10, 15)
    assert chosen(upgrading(facts, policy=Policy(cross_zone=True, max_batch_percent=100))) == (0, 5, 10, 15)


def test_the_unhealthy_come_first_where_the_policy_says_so() -> None:
    """A-15: all of them before any healthy one, in any zone."""
    facts = with_instance(zonal(30), 10, health=Health.UNHEALTHY)
    facts = with_instance(facts, 20, health=Health.UNKNOWN)
    policy = Policy(unhealthy_first=True)
    assert chosen(upgrading(facts, policy=policy)) == (10,)
    healed = with_instance(facts, 10, health=Health.HEALTHY, version=NEW)
    assert chosen(
        upgrading(healed, InstanceUpgradeFacts(10, InstanceUpgradeState.SUCCEEDED), finished=True, policy=policy)
    ) == (20,)
    assert chosen(upgrading(facts)) == (0, 3, 6, 9)


@pytest.mark.parametrize("total", [1, 2])
def test_the_smallest_sets_are_upgraded_one_by_one(total: int) -> None:
    """A-12: there is no minimum size; a batch is never less than one."""
    assert chosen(upgrading(fleet(total))) == (0,)
    assert step(upgrading(fleet(total, version=NEW))) == Complete()


def test_the_choice_is_explained_with_its_numbers() -> None:
    answer = step(upgrading(zonal(30, sick=3)))
    assert isinstance(answer, StartBatch) and len(answer.instances) == 3
    assert answer.why == "20 % of 30 is 6, so at most 6; zone 1 is next; fewer, because 3 outside it are unhealthy."
    seven = step(upgrading(fleet(7)))
    assert isinstance(seven, StartBatch) and seven.why == "20 % of 7 is 1.4, so at most 1."


# --- stopped machines, quarantine ---


def test_a_machine_that_is_switched_off_counts_for_no_limit_and_is_not_taken() -> None:
    """Z-1.12: excluded from denominators, upgraded when it is started again."""
    facts = fleet(10, sick=2)
    for id in (7, 8, 9):
        facts = with_instance(facts, id, is_switched_off=True, health=Health.UNHEALTHY)
    # 8 is unhealthy and switched off; of the seven that run none is unhealthy, and 20 % of seven is one
    assert chosen(upgrading(facts)) == (0,)
    up_to_date = with_instance(fleet(3, version=NEW), 1, version=OLD, is_switched_off=True, health=Health.UNHEALTHY)
    assert step(upgrading(up_to_date)) == Complete()
    assert why(up_to_date) is Why.NOTHING_TO_DO
    assert isinstance(step(with_instance(up_to_date, 1, is_switched_off=False, health=Health.HEALTHY)), StartUpgrade)


def test_nothing_starts_while_the_provider_is_away() -> None:
    away = replace(fleet(10), provider_error="the host does not answer")
    for facts in (away, upgrading(away)):
        assert why(facts) is Why.PROVIDER_UNAVAILABLE
    assert step(upgrading(away, verifying(0))) == Settle((0,), ()), "what runs is ended"
    assert why(replace(fleet(10, version=NEW), provider_error="gone")) is Why.NOTHING_TO_DO


@pytest.mark.parametrize("obstacle", ImageObstacle)
def test_nothing_starts_where_no_os_disk_can_be_made(obstacle: ImageObstacle) -> None:
    lacking = replace(fleet(10), obstacle=obstacle, obstacle_message="import it")
    for facts in (lacking, upgrading(lacking)):
        assert why(facts).value == obstacle.value
        assert obstacle.value in {reason.code for reason in reasons(facts, NOW)}
    assert step(upgrading(lacking, verifying(0))) == Settle((0,), ()), "what runs is ended"
    assert why(replace(lacking, provider_error="away")) is Why.PROVIDER_UNAVAILABLE


def test_nothing_is_rolled_back_where_the_provider_keeps_no_os_disk() -> None:
    failed = InstanceUpgradeFacts(0, InstanceUpgradeState.FAILED, NOW)
    facts = upgrading(fleet(10), failed)
    assert isinstance(step(facts), RollBack)
    assert not isinstance(step(replace(facts, kept_os_disk=KeptOSDisk.NONE)), RollBack)


def test_a_half_made_machine_has_its_os_disk_replaced_again() -> None:
    """It is off and runs no known version: it is neither switched off nor up to date, and it counts for the limits."""
    facts = with_instance(fleet(10, version=NEW), 3, version="", is_half_made=True, health=Health.UNHEALTHY)
    assert isinstance(step(facts), StartUpgrade)
    assert chosen(upgrading(facts)) == (3,)
    assert step(upgrading(facts, started_by=StartedBy.USER, only_failed=True)) == Complete()
    failed = with_instance(facts, 3, failed_version=NEW)
    assert not isinstance(step(failed), StartUpgrade), "the platform does not try a version again on which it failed"


def test_a_machine_that_is_switched_off_may_be_removed() -> None:
    facts = with_instance(replace(fleet(3), capacity=2), 2, is_switched_off=True)
    assert step(facts) == RemoveInstances((2,))


def test_the_platform_leaves_the_quarantined_alone_and_a_person_does_not() -> None:
    facts = with_instance(fleet(3, version=NEW), 1, version=OLD, is_quarantined=True)
    assert why(facts) is Why.NOTHING_TO_DO
    assert step(upgrading(facts)) == Complete()
    assert chosen(upgrading(facts, started_by=USER)) == (1,)


def test_only_failed_instances_are_taken_on_request() -> None:
    """A-21: retry of the failed only, on the new disk (nothing was rolled back) as on the old one."""
    facts = with_instance(fleet(10), 3, version=NEW, failed_version=NEW)
    facts = with_instance(facts, 7, failed_version=NEW)
    assert chosen(upgrading(facts, started_by=USER, only_failed=True)) == (3, 7)
    assert step(upgrading(fleet(10), started_by=USER, only_failed=True)) == Complete()


# --- pausing, holding, ending ---


def test_a_paused_upgrade_finishes_its_batch_and_begins_none() -> None:
    assert step(upgrading(fleet(10), verifying(0), paused_by="ada")) == Settle((0,), ())
    assert (
        why(
            upgrading(
                fleet(10), InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED), finished=True, paused_by="ada"
            )
        )
        is Why.PAUSED
    )
    assert why(upgrading(fleet(10), paused_by="ada")) is Why.PAUSED
    cancelled = upgrading(fleet(10), paused_by="ada", cancel_requested_by="eve")
    assert type(step(cancelled)).__name__ == "Cancel"


def test_a_paused_upgrade_with_nothing_left_is_complete() -> None:
    assert step(upgrading(fleet(3, version=NEW), paused_by="ada")) == Complete()


def test_the_next_batch_comes_now_where_that_was_asked_for() -> None:
    policy = Policy(pause_between_batches=MINUTE)
    facts = upgrading(fleet(10), InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED), finished=True, policy=policy)
    assert why(facts) is Why.PAUSE_BETWEEN_BATCHES
    assert facts.upgrade
    assert chosen(replace(facts, upgrade=replace(facts.upgrade, pause_is_skipped=True))) == (1, 2)


STOP = Hold("ada", "bad night", NOW + MINUTE)


def test_a_fleet_stop_holds_upgrades_of_the_platform() -> None:
    facts = replace(fleet(10), fleet_stop=STOP)
    answer = step(facts)
    assert isinstance(answer, Wait)
    assert (answer.why, answer.until) == (Why.FLEET_STOPPED, NOW + MINUTE)
    assert "ada" in answer.text and "bad night" in answer.text
    assert why(upgrading(facts)) is Why.FLEET_STOPPED
    assert step(upgrading(facts, verifying(0))) == Settle((0,), ())


def test_a_fleet_wide_stop_holds_nothing_that_a_person_starts() -> None:
    assert chosen(upgrading(replace(fleet(10), fleet_stop=STOP), started_by=USER)) == (0, 1)


def test_a_fleet_wide_stop_says_nothing_where_nothing_would_start() -> None:
    assert why(replace(fleet(10, version=NEW), fleet_stop=STOP)) is Why.NOTHING_TO_DO


def test_an_upgrade_past_its_time_limit_stops_at_the_end_of_a_batch() -> None:
    """Z-1.6: RollingUpgradeTimeoutError, at the end of a batch, never in its middle."""
    late: dict[str, Any] = {"ends_by": NOW - MINUTE}
    assert step(upgrading(fleet(10), verifying(0), **late)) == Settle((0,), ())
    answer = step(upgrading(fleet(10), InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED), finished=True, **late))
    assert isinstance(answer, Fault) and answer.breach.code is FaultCode.TIMEOUT
    assert step(upgrading(fleet(10, version=NEW), **late)) == Complete()
    assert isinstance(step(upgrading(fleet(10), ends_by=NOW + MINUTE)), StartBatch)


# --- trying again ---


def stopped(times: int = 1, *, ago: timedelta = timedelta(0), **changes: Any) -> Attempt:
    whole = Attempt(NEW, UpgradeStatus.FAULTED, True, ended_at=NOW - ago, attempts_stopped_in_a_row=times)
    return replace(whole, **changes)


@pytest.mark.parametrize(("times", "minutes"), [(1, 30), (2, 60), (3, 120), (6, 960), (7, 1440), (50, 1440)])
def test_a_stopped_attempt_is_tried_again_after_a_wait_that_doubles(times: int, minutes: int) -> None:
    """Z-1.14: exponential back-off per (set, target)."""
    wait = minutes * MINUTE
    assert why(fleet(10, last_attempt=stopped(times, ago=wait - MINUTE))) is Why.BACKING_OFF
    assert isinstance(step(fleet(10, last_attempt=stopped(times, ago=wait))), StartUpgrade)


def test_the_wait_can_be_skipped_and_counts_for_its_version_only() -> None:
    assert isinstance(step(fleet(10, last_attempt=stopped(5, wait_is_skipped=True))), StartUpgrade)
    assert isinstance(step(fleet(10, last_attempt=stopped(5, target_version=OLD))), StartUpgrade)


def test_a_retry_takes_failed_instances_too() -> None:
    """Otherwise a set of one would never be tried again."""
    facts = with_instance(fleet(1), 0, failed_version=NEW)
    assert why(replace(facts, last_attempt=stopped())) is Why.BACKING_OFF
    again = replace(facts, last_attempt=stopped(ago=30 * MINUTE))
    assert isinstance(step(again), StartUpgrade)
    assert chosen(upgrading(again)) == (0,)


def test_a_cancelled_attempt_can_be_retried() -> None:
    cancelled = Attempt(NEW, UpgradeStatus.CANCELLED, True, cancelled_by="ada", wait_is_skipped=True)
    assert isinstance(step(fleet(10, last_attempt=cancelled)), StartUpgrade)


def test_an_upgrade_that_turning_off_stopped_goes_on_when_it_is_turned_on_again() -> None:
    off = Attempt(NEW, UpgradeStatus.CANCELLED, True)
    assert why(fleet(10, automatic=False, last_attempt=off)) is Why.NOTHING_TO_DO
    assert isinstance(step(fleet(10, last_attempt=off)), StartUpgrade)


def test_every_rule_has_its_place() -> None:
    assert len(set(decide.RULES)) == len(decide.RULES) == 26
