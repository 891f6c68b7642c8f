"""Two rules at once: what each of them promises still holds beside the other."""

from dataclasses import replace

from tests.core.deciding import MINUTE, NEW, NOW, OLD, fleet, step, upgrading, verifying, why, with_instance
from tests.core.test_reasons import HOLD, codes, the
from tests.core.test_rules import STOP, USER, chosen, stopped
from upgrades.core.facts import Attempt, Breach, Hold, InstanceUpgradeFacts
from upgrades.core.policy import Policy
from upgrades.core.preview import preview
from upgrades.core.reason_kinds import ReasonCode
from upgrades.core.reasons import reasons
from upgrades.core.states import FaultCode, Health, InstanceUpgradeState, UpgradeStatus
from upgrades.core.steps import Fault, RollBack, StartUpgrade, Wait, Why

LONG = Policy(pause_between_batches=60 * MINUTE)
DONE = (
    InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED),
    InstanceUpgradeFacts(1, InstanceUpgradeState.SUCCEEDED),
)
BREACH = Breach(FaultCode.UNHEALTHY_DURING, "...", (0,))


# --- trying again ---


def test_an_upgrade_stopped_midway_and_then_at_the_gate_is_retried() -> None:
    gate = Attempt(NEW, UpgradeStatus.FAULTED, has_begun=False, ended_at=NOW - MINUTE, attempts_stopped_in_a_row=1)
    facts = with_instance(fleet(1, last_attempt=gate), 0, failed_version=NEW)
    found = step(facts)
    assert isinstance(found, StartUpgrade) and found.takes_failed


def test_instances_that_failed_in_a_completed_attempt_are_left_alone_by_the_next() -> None:
    last = Attempt(NEW, UpgradeStatus.COMPLETED, True, ended_at=NOW - MINUTE)
    facts = with_instance(fleet(10, version=NEW, last_attempt=last), 9, version=OLD, failed_version=NEW)
    assert why(facts) is Why.NOTHING_TO_DO
    found = step(with_instance(facts, 3, version=OLD))
    assert isinstance(found, StartUpgrade) and not found.takes_failed
    running = upgrading(with_instance(facts, 3, version=OLD), takes_failed=False)
    assert chosen(running) == (3,)
    assert the(ReasonCode.FAILED_BEFORE, running).instances == (9,)


def test_a_retry_after_a_cancel_takes_failed_instances_too() -> None:
    cancelled = Attempt(NEW, UpgradeStatus.CANCELLED, True, ended_at=NOW, cancelled_by="ada", wait_is_skipped=True)
    found = step(with_instance(fleet(1, last_attempt=cancelled), 0, failed_version=NEW))
    assert isinstance(found, StartUpgrade) and found.takes_failed


def test_no_retry_is_promised_if_all_instances_are_in_quarantine() -> None:
    facts = with_instance(fleet(1, last_attempt=stopped(3)), 0, is_quarantined=True, failed_version=NEW)
    assert why(facts) is Why.NOTHING_TO_DO
    assert Why.BACKING_OFF not in codes(facts)


# --- the pause, the gate, the cancel ---


def test_a_dip_in_the_pause_that_is_over_before_the_next_batch_stops_nothing() -> None:
    """S-19; Z-1.2: the gate comes after the pause."""
    facts = upgrading(fleet(10, sick=3), *DONE, finished=True, policy=LONG)
    assert why(facts) is Why.PAUSE_BETWEEN_BATCHES
    assert isinstance(step(upgrading(fleet(10, sick=3), *DONE, finished=True)), Fault)


def test_a_breach_counts_before_a_cancel() -> None:
    """Z-1.2: what a policy promises about those that failed is kept."""
    members = (
        InstanceUpgradeFacts(0, InstanceUpgradeState.FAILED),
        InstanceUpgradeFacts(1, InstanceUpgradeState.SUCCEEDED),
    )
    policy = Policy(rollback_on_breach=True)
    facts = upgrading(fleet(10), *members, started_by=USER, cancel_requested_by="ada", policy=policy)
    assert isinstance(step(facts), RollBack)


def test_an_upgraded_instance_that_leaves_counts_for_no_limit() -> None:
    facts = with_instance(fleet(10, capacity=9), 9, health=Health.UNHEALTHY, is_busy=True, is_being_deleted=True)
    facts = with_instance(facts, 8, health=Health.UNHEALTHY)
    members = (InstanceUpgradeFacts(id, InstanceUpgradeState.SUCCEEDED) for id in (5, 6, 7, 8, 9))
    assert not isinstance(step(upgrading(facts, *members, finished=True)), Fault)


def test_the_sentence_of_a_breach_has_the_first_ones_own_error() -> None:
    """A-31"""
    found = step(
        upgrading(fleet(10), InstanceUpgradeFacts(0, InstanceUpgradeState.FAILED, error="no room."), finished=True)
    )
    assert isinstance(found, Fault)
    assert "The most impactful error is: no room. First failed instance ID is: 0." in found.breach.message


# --- reasons ---


def test_a_rollback_is_the_only_reason_while_it_lasts() -> None:
    facts = with_instance(replace(fleet(10), fleet_stop=STOP), 0, is_busy=True)
    policy = replace(LONG, rollback_on_breach=True)
    rolling_back = InstanceUpgradeFacts(0, InstanceUpgradeState.ROLLING_BACK)
    facts = upgrading(facts, rolling_back, finished=True, breach=BREACH, policy=policy, paused_by="eve")
    assert codes(facts) == [Why.ROLLING_BACK]


def test_no_instance_waits_for_its_turn_in_a_cancelled_upgrade() -> None:
    facts = with_instance(fleet(10), 0, is_busy=True)
    assert ReasonCode.WAITS_FOR_TURN not in codes(
        upgrading(facts, InstanceUpgradeFacts(0, InstanceUpgradeState.UPGRADING), cancel_requested_by="eve")
    )


def test_every_waiting_instance_of_a_running_upgrade_has_a_reason() -> None:
    facts = with_instance(with_instance(fleet(25), 0, opt_out=HOLD), 1, failed_version=NEW)
    members = (
        InstanceUpgradeFacts(0, InstanceUpgradeState.SKIPPED),
        InstanceUpgradeFacts(1, InstanceUpgradeState.ROLLED_BACK),
        InstanceUpgradeFacts(2, InstanceUpgradeState.SUCCEEDED),
    )
    facts = upgrading(facts, *members, finished=True)
    assert the(ReasonCode.OPTED_OUT, facts).instances == (0,)
    assert (the(ReasonCode.FAILED_BEFORE, facts).instances, the(ReasonCode.FAILED_BEFORE, facts).action) == ((1,), "")


def test_a_manual_start_is_offered_for_the_instances_it_would_take() -> None:
    facts = fleet(3, automatic=False)
    assert the(ReasonCode.AUTOMATIC_OFF, with_instance(facts, 0, opt_out=HOLD)).numbers == {"instances": 2}
    for id in range(3):
        facts = with_instance(facts, id, opt_out=HOLD)
    assert the(ReasonCode.AUTOMATIC_OFF, facts).action == ""


def test_no_wait_on_stale_health_ends_in_the_past() -> None:
    facts = fleet(10, health_complete_at=NOW - MINUTE, probed_without_gap_since=NOW - 60 * MINUTE)
    found = reasons(upgrading(facts, verifying(0, 6 * MINUTE)), NOW)
    assert Why.VERIFYING in {reason.code for reason in found}
    assert all(reason.until is None or reason.until > NOW for reason in found)


def test_no_action_is_advised_that_would_change_nothing() -> None:
    """The policy of a running upgrade is fixed, and who is opted in again counts as before."""
    facts = fleet(10, sick=3)
    for id in (7, 8, 9):
        facts = with_instance(facts, id, opt_out=HOLD)
    facts = upgrading(facts)
    assert (the(Why.TOO_MANY_UNHEALTHY, facts).action, the(ReasonCode.SHUT_BY_OPT_OUTS, facts).action) == ("", "")
    assert the(ReasonCode.SHUT_BY_OPT_OUTS, facts).numbers == {"unhealthy": 3, "total": 10, "limit_percent": 20}


# --- previews ---


def test_a_plan_of_an_upgrade_that_rolls_back_ends() -> None:
    rolling_back = InstanceUpgradeFacts(0, InstanceUpgradeState.ROLLING_BACK)
    facts = upgrading(with_instance(fleet(50), 0, is_busy=True), rolling_back, finished=True, breach=BREACH)
    assert [block.code for block in preview(facts, NOW).blocks] == [FaultCode.UNHEALTHY_DURING]


def test_a_plan_knows_when_opt_outs_end() -> None:
    held = with_instance(fleet(3, policy=LONG), 1, opt_out=Hold("ada", "busy", NOW + 30 * MINUTE))
    facts = with_instance(
        upgrading(held, InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED), finished=True, policy=LONG),
        0,
        version=NEW,
    )
    assert [batch.instances for batch in preview(facts, NOW).batches] == [(1,), (2,)]


def test_a_plan_knows_that_the_time_of_a_paused_upgrade_stands_still() -> None:
    facts = upgrading(fleet(10), paused_by="ada", ends_by=NOW - MINUTE)
    assert isinstance(step(facts), Wait)
    assert len(preview(facts, NOW).batches) == 5
