"""Each rule of decide on its own: facts in, one step out. Whole upgrades are in tests/scenarios."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.deciding import MINUTE, NEW, NOW, OLD, fleet, step, upgrading, verifying, why, with_instance
from tests.core.world import image
from upgrades.core import batches, decide, health
from upgrades.core.facts import Attempt, Facts, Hold, InstanceUpgradeFacts
from upgrades.core.policy import Policy
from upgrades.core.states import FaultCode, Health, InstanceUpgradeState, StartedBy, UpgradeStatus
from upgrades.core.steps import (
    Cancel,
    Complete,
    Fault,
    FinishBatch,
    RollBack,
    Settle,
    StartBatch,
    StartUpgrade,
    Wait,
    Why,
)

# --- the document's point 2: the size of a batch ---


@pytest.mark.parametrize("total", range(1, 201))
def test_batch_sizes(total: int) -> None:
    """S-13: max(1, floor(20 %)) for totals 1 to 200."""
    expected = max(1, total // 5)
    assert batches.size(total, Policy()) == expected
    assert step(upgrading(fleet(total))) == StartBatch(1, tuple(range(expected)))


@given(st.integers(1, 1000), st.integers(5, 100))
def test_a_batch_is_never_more_than_its_percent(total: int, percent: int) -> None:
    size = batches.size(total, Policy(max_batch_percent=percent))
    assert size == 1 or size * 100 <= percent * total
    assert (size + 1) * 100 > percent * total


@given(st.integers(2, 300), st.data())
def test_a_batch_shrinks_by_the_unhealthy_instances_outside_it(total: int, data: st.DataObject) -> None:
    sick = data.draw(st.integers(0, total // 5))
    answer = step(upgrading(fleet(total, sick=sick)))
    assert isinstance(answer, StartBatch)
    outside = len(set(range(total - sick, total)) - set(answer.instances))
    assert len(answer.instances) == 1 or (len(answer.instances) + outside) * 5 <= total


# --- point 1: the gate ---


@pytest.mark.parametrize(
    ("total", "sick", "passes"),
    [
        (1, 0, True),
        (1, 1, False),
        (4, 1, False),
        (5, 1, True),
        (10, 2, True),
        (10, 3, False),
        (100, 20, True),
        (100, 21, False),
    ],
)
def test_the_gate_is_strictly_more_than_twenty_percent(total: int, sick: int, passes: bool) -> None:
    """S-12, Z-1.2: at exactly 20 % it goes on."""
    answer = step(upgrading(fleet(total, sick=sick)))
    assert isinstance(answer, StartBatch) is passes
    if isinstance(answer, Fault):
        assert answer.breach.code is FaultCode.UNHEALTHY_BEFORE
        assert answer.breach.instances == tuple(range(total - sick, total))


def test_the_gate_before_a_later_batch_has_another_code() -> None:
    """S-17, Z-1.6."""
    done = InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED)
    answer = step(upgrading(with_instance(fleet(10, sick=3), 0, version=NEW), done, finished=True))
    assert isinstance(answer, Fault)
    assert answer.breach.code is FaultCode.UNHEALTHY_DURING
    assert "30% of instances are in an unhealthy state - more than the threshold of 20%" in answer.breach.message


def test_unknown_counts_as_unhealthy() -> None:
    """Z-3.3"""
    facts = with_instance(fleet(4), 3, health=Health.UNKNOWN)
    assert isinstance(step(upgrading(facts)), Fault)


def test_initializing_instances_are_waited_for_until_a_limit() -> None:
    facts = with_instance(fleet(4), 3, health=Health.INITIALIZING, health_since=NOW - MINUTE)
    assert why(upgrading(facts)) is Why.INITIALIZING
    assert why(facts) is Why.INITIALIZING
    late = with_instance(fleet(4), 3, health=Health.INITIALIZING, health_since=NOW - 5 * MINUTE)
    assert isinstance(step(upgrading(late)), Fault)


@pytest.mark.parametrize("age", [timedelta(seconds=11), timedelta(hours=1), timedelta(hours=-1)])
def test_nothing_starts_on_stale_health(age: timedelta) -> None:
    """House 3.8; news from the future is no better (a clock was set back)."""
    facts = fleet(10, health_complete_at=NOW - age)
    assert why(facts) is Why.STALE_HEALTH
    assert why(upgrading(facts)) is Why.STALE_HEALTH


def test_news_is_fresh_for_two_intervals() -> None:
    facts = fleet(10, health_complete_at=NOW - timedelta(seconds=60), health_interval=timedelta(seconds=30))
    assert isinstance(step(facts), StartUpgrade)
    assert why(replace(facts, health_complete_at=NOW - timedelta(seconds=61))) is Why.STALE_HEALTH


def test_missing_health_is_stale_health() -> None:
    assert why(fleet(10, health_complete_at=None)) is Why.STALE_HEALTH


# --- points 3 and 4: the batch that runs ---


@pytest.mark.parametrize("state", [InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING])
def test_all_of_a_batch_are_swapped_before_anything_else(state: InstanceUpgradeState) -> None:
    """S-14, and S-18: even when more than 20 % are unhealthy by now."""
    facts = upgrading(fleet(10, sick=5), InstanceUpgradeFacts(0, state), verifying(1))
    facts = with_instance(facts, 1, health=Health.INITIALIZING)
    assert why(facts) is Why.REPLACING


def test_a_batch_goes_on_as_soon_as_all_are_healthy() -> None:
    """S-15"""
    assert step(upgrading(fleet(10), verifying(0), verifying(1))) == Settle((0, 1), ())


def test_the_wait_for_health_is_five_minutes() -> None:
    """S-15: and not later than five minutes after the swap."""
    sick = with_instance(fleet(10), 0, health=Health.UNHEALTHY)
    almost = upgrading(sick, verifying(0, 5 * MINUTE - timedelta(seconds=1)))
    answer = step(almost)
    assert isinstance(answer, Wait)
    assert (answer.why, answer.until) == (Why.VERIFYING, NOW + timedelta(seconds=1))
    assert step(upgrading(sick, verifying(0, 5 * MINUTE))) == Settle((), (0,))


def test_no_instance_fails_on_stale_health() -> None:
    sick = with_instance(fleet(10, health_complete_at=NOW - 3 * MINUTE), 0, health=Health.INITIALIZING)
    assert why(upgrading(sick, verifying(0, 6 * MINUTE))) is Why.STALE_HEALTH


def test_health_from_before_the_swap_does_not_count() -> None:
    """A reimage voids health: what is initializing has not passed."""
    facts = upgrading(with_instance(fleet(10), 0, health=Health.INITIALIZING), verifying(0))
    assert why(facts) is Why.VERIFYING


def test_a_batch_without_open_members_is_finished() -> None:
    done = [InstanceUpgradeFacts(id, InstanceUpgradeState.SUCCEEDED) for id in range(4)]
    members = (
        *done,
        InstanceUpgradeFacts(4, InstanceUpgradeState.ROLLED_BACK),
        InstanceUpgradeFacts(5, InstanceUpgradeState.SKIPPED),
    )
    assert step(upgrading(fleet(25), *members)) == FinishBatch(1)


# --- between batches ---


def test_too_many_unhealthy_upgraded_instances_stop_the_upgrade() -> None:
    """Z-1.2: counted among those upgraded so far; S-43: exactly one failed batch."""
    answer = step(
        upgrading(fleet(20), *(InstanceUpgradeFacts(id, InstanceUpgradeState.FAILED) for id in range(4)), finished=True)
    )
    assert isinstance(answer, Fault)
    assert answer.breach.code is FaultCode.TOO_MANY_FAILED
    assert answer.breach.instances == (0, 1, 2, 3)
    assert "100% of instances are in an unhealthy state after being upgraded" in answer.breach.message
    assert answer.breach.message.endswith("First failed instance ID is: 0.")


def test_an_upgraded_instance_that_becomes_unhealthy_later_counts_as_failed() -> None:
    members = [InstanceUpgradeFacts(id, InstanceUpgradeState.SUCCEEDED) for id in range(4)]
    facts = with_instance(fleet(20), 2, health=Health.UNHEALTHY)
    assert isinstance(step(upgrading(facts, *members, finished=True)), Fault)


def test_a_fifth_of_the_upgraded_instances_may_fail() -> None:
    members = [InstanceUpgradeFacts(id, InstanceUpgradeState.SUCCEEDED) for id in range(4)] + [
        InstanceUpgradeFacts(4, InstanceUpgradeState.FAILED)
    ]
    assert isinstance(step(upgrading(fleet(25), *members, finished=True)), StartBatch)


def test_cancelling_counts_at_the_end_of_the_batch() -> None:
    facts = fleet(10)
    assert step(
        upgrading(
            facts, InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED), finished=True, cancel_requested_by="ada"
        )
    ) == Cancel("Cancelled by ada.")
    assert isinstance(step(upgrading(facts, verifying(0), cancel_requested_by="ada")), Settle)


def test_turning_automatic_upgrades_off_stops_a_platform_upgrade_only() -> None:
    """S-5"""
    off = fleet(10, automatic=False)
    assert isinstance(step(upgrading(off)), Cancel)
    assert isinstance(step(upgrading(off, started_by=StartedBy.USER)), StartBatch)


def test_an_upgrade_is_complete_when_nothing_remains() -> None:
    """S-16; what is opted out, busy or newer than the target does not remain."""
    facts = fleet(5, version=NEW)
    facts = with_instance(with_instance(facts, 0, version=OLD, opt_out=Hold("ada", "debugging")), 1, version="16.04.3")
    assert step(upgrading(with_instance(facts, 2, version="", is_busy=True))) == Complete()
    assert step(upgrading(fleet(0))) == Complete()


def test_a_pause_between_batches_is_kept() -> None:
    policy = Policy(pause_between_batches=MINUTE)
    facts = upgrading(fleet(10), InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED), finished=True, policy=policy)
    answer = step(facts)
    assert isinstance(answer, Wait)
    assert (answer.why, answer.until) == (Why.PAUSE_BETWEEN_BATCHES, NOW + MINUTE)
    assert isinstance(decide.decide(facts, NOW + timedelta(seconds=5)), Wait)
    assert isinstance(decide.decide(replace(facts, health_complete_at=NOW + MINUTE), NOW + MINUTE), StartBatch)


def test_no_instance_is_taken_twice_in_one_upgrade() -> None:
    answer = step(
        upgrading(
            fleet(10),
            InstanceUpgradeFacts(0, InstanceUpgradeState.SKIPPED),
            InstanceUpgradeFacts(1, InstanceUpgradeState.SKIPPED),
            finished=True,
        )
    )
    assert answer == StartBatch(2, (2, 3))


# --- starting ---


def test_a_newer_image_is_taken_by_itself() -> None:
    """S-1"""
    assert step(fleet(10)) == StartUpgrade(image(NEW), StartedBy.PLATFORM)


@pytest.mark.parametrize(
    "facts",
    [
        fleet(10, automatic=False),
        fleet(10, follows_latest=False),
        fleet(10, version=NEW),
        fleet(10, version="16.04.10"),
        fleet(10, latest_image=None),
        fleet(0),
    ],
    ids=["automatic off", "pinned", "up to date", "newer already", "nothing published", "no instances"],
)
def test_no_upgrade_starts_without_a_need_for_it(facts: Facts) -> None:
    assert why(facts) is Why.NOTHING_TO_DO


def test_opted_out_instances_start_nothing() -> None:
    facts = fleet(3, version=NEW)
    assert why(with_instance(facts, 1, version=OLD, opt_out=Hold("ada", "debugging"))) is Why.NOTHING_TO_DO


def test_instances_that_failed_on_this_version_start_nothing() -> None:
    facts = with_instance(fleet(3, version=NEW), 1, version=OLD, failed_version=NEW)
    assert why(facts) is Why.NOTHING_TO_DO
    assert isinstance(step(replace(facts, latest_image=image("16.04.3"))), StartUpgrade)


def test_a_cancelled_attempt_is_not_repeated_by_itself() -> None:
    """What a person stopped is respected; the next version is another matter."""
    cancelled = Attempt(NEW, UpgradeStatus.CANCELLED, has_begun=False, cancelled_by="ada")
    assert why(fleet(10, last_attempt=cancelled)) is Why.CANCELLED_BEFORE
    assert isinstance(step(fleet(10, last_attempt=replace(cancelled, target_version=OLD))), StartUpgrade)


def test_an_attempt_stopped_at_the_gate_is_repeated_when_the_gate_opens() -> None:
    stopped = Attempt(NEW, UpgradeStatus.FAULTED, has_begun=False)
    assert why(fleet(10, sick=3, last_attempt=stopped)) is Why.TOO_MANY_UNHEALTHY
    assert isinstance(step(fleet(10, sick=2, last_attempt=stopped)), StartUpgrade)


# --- the wait for health, limits and opt-outs ---


def test_the_wait_for_health_begins_anew_after_a_gap_in_probing() -> None:
    """A clock that jumps, or a prober that was away, fails nobody."""
    facts = upgrading(with_instance(fleet(5), 0, health=Health.INITIALIZING), verifying(0, 60 * MINUTE))
    assert step(facts) == Settle((), (0,))
    assert why(replace(facts, probed_without_gap_since=NOW - MINUTE)) is Why.VERIFYING
    assert step(replace(facts, probed_without_gap_since=NOW - 5 * MINUTE)) == Settle((), (0,))


def test_a_swap_in_the_future_was_dated_by_a_clock_that_has_been_set_back() -> None:
    facts = upgrading(with_instance(fleet(5), 0, health=Health.INITIALIZING), verifying(0, -60 * MINUTE))
    assert why(replace(facts, probed_without_gap_since=NOW - MINUTE)) is Why.VERIFYING
    assert step(replace(facts, probed_without_gap_since=NOW - 5 * MINUTE)) == Settle((), (0,))


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(0, 100))
def test_exceeding_is_strict(part: int, whole: int, limit: int) -> None:
    assert health.exceeds(part, whole, limit) is (part / whole * 100 > limit + 1e-9)


def test_failed_instances_that_are_opted_out_are_not_touched() -> None:
    """Somebody wants to see what went wrong: its old OS disk is not put back over it."""
    facts = upgrading(fleet(5), InstanceUpgradeFacts(0, InstanceUpgradeState.FAILED))
    assert isinstance(step(facts), RollBack)
    assert isinstance(step(with_instance(facts, 0, opt_out=Hold("ada", "debugging"))), Fault)
