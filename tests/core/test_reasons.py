"""Why it is not moving: every reason with its numbers, ranked; and nothing that `decide` waits for goes without one."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.deciding import MINUTE, NEW, NOW, OLD, fleet, upgrading, verifying, with_instance
from tests.core.test_rules import STOP, USER, stopped
from upgrades.core.credentials import Credential, FailedReference
from upgrades.core.decide import decide
from upgrades.core.facts import Attempt, Facts, Hold, InstanceUpgradeFacts
from upgrades.core.policy import Policy
from upgrades.core.reason_context import Reason
from upgrades.core.reason_kinds import KINDS, RANK, LiftedBy, ReasonCode
from upgrades.core.reasons import reasons
from upgrades.core.states import Health, ImageObstacle, InstanceUpgradeState, UpgradeKind, UpgradeStatus
from upgrades.core.steps import Wait, Why

HOLD = Hold("ada", "debugging", NOW + 60 * MINUTE)


def codes(facts: Facts) -> list[str]:
    return [reason.code for reason in reasons(facts, NOW)]


def the(code: str, facts: Facts) -> Reason:
    (found,) = (reason for reason in reasons(facts, NOW) if reason.code == code)
    return found


def test_the_rules_list_every_reason_in_its_rank() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
    section = text.partition("\n## Reasons\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert [code for row in rows for code in re.findall(r"`(\w+)`", row)] == [
        code for code in KINDS if code is not Why.NOTHING_TO_DO
    ]


def test_a_reason_has_a_sentence_for_each_single_instance() -> None:
    facts = with_instance(with_instance(fleet(10), 1, is_quarantined=True, failed_version=NEW), 2, is_switched_off=True)
    found = [reason for reason in reasons(facts, NOW) if reason.instances]
    assert [reason.text_for_one for reason in found if 1 in (reason.instances or ())] == [
        "Failed too often where others succeeded. Automatic upgrades to this version skip it until somebody releases it.",
        f"Failed on {NEW}; automatic upgrades do not retry it on this version.",
    ]
    assert all(reason.text_for_one for reason in found)


def test_an_os_that_is_another_version_than_its_disk_is_said() -> None:
    facts = with_instance(with_instance(fleet(4, version=NEW), 1, drifted_to="0.9"), 3, drifted_to="0.9")
    found = the(ReasonCode.DRIFTED, facts)
    assert found.instances == (1, 3)
    assert "The OSs of 2 instances say that 0.9 runs" in found.text
    assert found.text_for_one and found.text_for_one.startswith("Its OS says that 0.9 runs")


def credential(days: float) -> Credential:
    return Credential("properties.x", "https://store/a.sh", NOW + timedelta(days=days))


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (31, None),
        (30, "within 30 days"),
        (8, "within 30 days"),
        (7, "within 7 days"),
        (1, "within a day"),
        (0, "has expired"),
    ],
)
def test_credentials_that_end_are_said_a_month_a_week_and_a_day_before(days: float, says: str | None) -> None:
    """S-42"""
    found = reasons(fleet(3, version=NEW, credentials=(credential(days),)), NOW)
    assert len(found) == (1 if says else 0) and all(str(says) in reason.text for reason in found)
    assert all("https://store/a.sh (properties.x)" in reason.text for reason in found)


def test_ended_credentials_are_told_from_ending_ones() -> None:
    facts = fleet(3, version=NEW, credentials=(credential(-2), credential(-1), credential(3), credential(90)))
    ended, soon = the(ReasonCode.CREDENTIALS_ENDED, facts), the(ReasonCode.CREDENTIALS_END, facts)
    assert ended.text.startswith("2 credentials of the model have expired") and ended.since == NOW - timedelta(days=2)
    assert soon.text.startswith("A credential of the model expires within 7 days")


def test_references_that_failed_their_check_are_said() -> None:
    """S-26"""
    failed = FailedReference("properties.x", "https://store/a.sh", "its server answers 404: there is nothing")
    found = the(ReasonCode.REFERENCES_FAILED, fleet(3, version=NEW, failed_references=(failed,)))
    assert "https://store/a.sh (properties.x): its server answers 404: there is nothing." in found.text


def test_an_up_to_date_set_has_no_reasons() -> None:
    assert codes(fleet(10, version=NEW)) == []
    assert codes(with_instance(fleet(10, version=NEW, sick=5), 0, opt_out=HOLD)) == []


def test_the_gate_says_how_many_must_recover() -> None:
    found = the(Why.TOO_MANY_UNHEALTHY, upgrading(fleet(30, sick=7)))
    assert found.numbers == {"unhealthy": 7, "total": 30, "limit_percent": 20, "must_recover": 1}
    assert found.text == "Too many unhealthy: 23.3 % (7 of 30), limit 20 %. 1 more must recover."
    assert (found.holder, found.lifted_by, found.instances) == ("health", LiftedBy.OPERATOR, tuple(range(23, 30)))


def test_unhealthy_opt_outs_that_keep_the_gate_shut_are_named_first() -> None:
    facts = fleet(10, sick=3)
    for id in (7, 8, 9):
        facts = with_instance(facts, id, opt_out=HOLD)
    assert codes(upgrading(facts))[:2] == [ReasonCode.SHUT_BY_OPT_OUTS, Why.TOO_MANY_UNHEALTHY]


def test_opt_outs_that_leave_nothing_are_a_warning() -> None:
    facts = with_instance(fleet(3, version=NEW), 1, version=OLD, opt_out=HOLD)
    assert codes(facts) == [ReasonCode.OPT_OUTS_LEAVE_NOTHING, ReasonCode.OPTED_OUT]
    found = the(ReasonCode.OPTED_OUT, facts)
    assert (found.until, found.action, found.lifted_by, found.instances) == (HOLD.until, "opt_in", LiftedBy.OWNER, (1,))
    assert found.text == "1 instance opted out by ada until 2018-09-25 13:00:00 UTC: debugging"


def test_quarantines_that_leave_nothing_are_released() -> None:
    facts = with_instance(fleet(3, version=NEW), 1, version=OLD, is_quarantined=True)
    found = the(ReasonCode.OPT_OUTS_LEAVE_NOTHING, facts)
    assert (found.action, found.lifted_by, found.instances) == ("release", LiftedBy.OPERATOR, (1,))


def test_each_opt_out_is_one_reason() -> None:
    facts = fleet(10)
    for id, hold in ((1, HOLD), (2, HOLD), (3, Hold("eve", "a demo"))):
        facts = with_instance(facts, id, opt_out=hold)
    held = [reason.instances for reason in reasons(facts, NOW) if reason.code == ReasonCode.OPTED_OUT]
    assert sorted(held, key=str) == [(1, 2), (3,)]


def test_an_opt_out_is_there_since_the_first_of_its_instances() -> None:
    facts = with_instance(fleet(10), 1, opt_out=replace(HOLD, since=NOW))
    facts = with_instance(facts, 2, opt_out=replace(HOLD, since=NOW - MINUTE))
    found = the(ReasonCode.OPTED_OUT, facts)
    assert (found.since, found.instances) == (NOW - MINUTE, (1, 2))


def test_an_upgrade_of_failed_instances_speaks_of_them_alone() -> None:
    facts = with_instance(fleet(10), 1, version=NEW, failed_version=NEW, opt_out=HOLD)
    facts = with_instance(with_instance(facts, 2, opt_out=HOLD), 3, is_switched_off=True)
    facts = with_instance(facts, 4, version=NEW, failed_version=NEW, is_switched_off=True)
    facts = upgrading(facts, started_by=USER, only_failed=True)
    assert the(ReasonCode.OPTED_OUT, facts).instances == (1,)
    assert the(ReasonCode.SWITCHED_OFF, facts).instances == (4,)


def test_quarantined_switched_off_and_failed_instances_say_so() -> None:
    facts = with_instance(fleet(10), 1, is_quarantined=True)
    facts = with_instance(facts, 2, is_switched_off=True)
    facts = with_instance(facts, 3, failed_version=NEW)
    assert codes(facts) == [ReasonCode.QUARANTINED, ReasonCode.FAILED_BEFORE, ReasonCode.SWITCHED_OFF]
    assert the(ReasonCode.QUARANTINED, facts).action == "release"
    assert the(ReasonCode.FAILED_BEFORE, facts).action == "retry_failed"


def test_a_pause_says_until_when_and_that_it_can_be_skipped() -> None:
    facts = upgrading(
        fleet(10),
        InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED),
        finished=True,
        policy=Policy(pause_between_batches=MINUTE),
    )
    found = the(Why.PAUSE_BETWEEN_BATCHES, facts)
    assert (found.until, found.action) == (NOW + MINUTE, "next_batch_now")
    assert the(ReasonCode.WAITS_FOR_TURN, facts).instances == tuple(range(1, 10))


def test_the_pause_is_said_too_where_all_that_is_left_is_switched_off() -> None:
    facts = with_instance(fleet(2), 1, is_switched_off=True)
    facts = upgrading(
        facts,
        InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED),
        finished=True,
        policy=Policy(pause_between_batches=MINUTE),
    )
    answer = decide(facts, NOW)
    assert (
        isinstance(answer, Wait)
        and answer.why is Why.PAUSE_BETWEEN_BATCHES
        and Why.PAUSE_BETWEEN_BATCHES in codes(facts)
    )


def test_a_fleet_stop_and_a_pause_are_both_told() -> None:
    facts = upgrading(replace(fleet(10), fleet_stop=STOP), paused_by="eve")
    assert codes(facts) == [Why.FLEET_STOPPED, Why.PAUSED, ReasonCode.WAITS_FOR_TURN]
    assert (the(Why.FLEET_STOPPED, facts).action, the(Why.PAUSED, facts).action) == ("end_fleet_stop", "resume")
    assert Why.FLEET_STOPPED not in codes(upgrading(replace(fleet(10), fleet_stop=STOP), started_by=USER))


def test_a_wait_to_try_again_says_when() -> None:
    found = the(Why.BACKING_OFF, fleet(10, last_attempt=stopped(2)))
    assert (found.until, found.action, found.numbers) == (NOW + 60 * MINUTE, "retry_now", {"attempts": 2})
    cancelled = Attempt(NEW, UpgradeStatus.CANCELLED, True, cancelled_by="ada")
    assert codes(fleet(10, last_attempt=cancelled)) == [Why.CANCELLED_BEFORE]


def test_automatic_upgrades_that_are_off_are_a_reason_where_there_is_something_newer() -> None:
    assert codes(fleet(10, automatic=False)) == [ReasonCode.AUTOMATIC_OFF]
    assert codes(fleet(10, version=NEW, automatic=False)) == []


def test_kinds_of_work_under_way_are_told_apart() -> None:
    facts = upgrading(
        fleet(10),
        verifying(0),
        InstanceUpgradeFacts(1, InstanceUpgradeState.UPGRADING),
        InstanceUpgradeFacts(2, InstanceUpgradeState.ROLLING_BACK),
    )
    facts = with_instance(facts, 0, health=Health.INITIALIZING)
    assert codes(facts) == [Why.ROLLING_BACK, Why.REPLACING, Why.VERIFYING, ReasonCode.WAITS_FOR_TURN]
    assert the(Why.VERIFYING, facts).until == NOW + 5 * MINUTE


states = st.fixed_dictionaries(
    {
        "health": st.sampled_from(Health),
        "version": st.sampled_from([OLD, OLD, NEW]),
        "opt_out": st.sampled_from([None, None, HOLD]),
        "is_switched_off": st.sampled_from([False, False, False, True]),
        "is_quarantined": st.sampled_from([False, False, False, True]),
        "is_half_made": st.sampled_from([False, False, False, True]),
        "drifted_to": st.sampled_from(["", "", "", "0.9"]),
        "is_busy": st.sampled_from([False, False, False, True]),
        "is_being_deleted": st.sampled_from([False, False, False, True]),
        "is_unused_surge": st.sampled_from([False, False, False, True]),
        "failed_version": st.sampled_from(["", "", NEW]),
        "extensions_key": st.sampled_from(["", "agent 2.0"]),
        "approved_version": st.sampled_from(["", NEW, OLD]),
    }
)
members = st.lists(st.sampled_from(InstanceUpgradeState), max_size=3)
sets = st.fixed_dictionaries(
    {
        "automatic": st.booleans(),
        "fleet_stop": st.sampled_from([None, STOP]),
        "available_quota_is_known": st.booleans(),
        "provider_error": st.sampled_from(["", "", "the host does not answer"]),
        "obstacle": st.sampled_from([None, None, *ImageObstacle]),
        "health_complete_at": st.sampled_from([NOW, NOW, NOW - MINUTE, None]),
        "last_attempt": st.sampled_from([None, stopped(), Attempt(NEW, UpgradeStatus.FAULTED, False)]),
    }
)
runs = st.fixed_dictionaries(
    {
        "paused_by": st.sampled_from(["", "ada"]),
        "cancel_requested_by": st.sampled_from(["", "", "ada"]),
        "policy": st.builds(
            Policy,
            pause_between_batches=st.sampled_from([timedelta(0), MINUTE]),
            deferral=st.booleans(),
            max_surge=st.booleans(),
        ),
        "kind": st.sampled_from([UpgradeKind.IMAGE, UpgradeKind.IMAGE, UpgradeKind.EXTENSIONS]),
        "extensions_key": st.just("agent 2.0"),
    }
)


@given(st.lists(states, min_size=1, max_size=8), sets, st.none() | st.tuples(members, st.booleans(), runs))
def test_every_wait_of_the_engine_is_among_the_reasons(
    instances: list[dict[str, Any]],
    changes: dict[str, Any],
    run: tuple[list[InstanceUpgradeState], bool, dict[str, Any]] | None,
) -> None:
    facts = fleet(len(instances), **changes)
    for id, state in enumerate(instances):
        facts = with_instance(facts, id, **state, health_since=NOW)
    if run:
        made = [InstanceUpgradeFacts(id, state, NOW) for id, state in enumerate(run[0][: len(instances)])]
        facts = upgrading(facts, *made, finished=run[1], **run[2])
    answer = decide(facts, NOW)
    found = reasons(facts, NOW)
    assert all(reason.text and reason.holder for reason in found)
    if isinstance(answer, Wait) and answer.why is not Why.NOTHING_TO_DO:
        assert answer.why in {reason.code for reason in found}


def test_every_reason_has_its_rank_and_only_one() -> None:
    assert set(RANK) == {*Why, *ReasonCode}
    assert sorted(RANK.values()) == list(range(len(RANK)))


def test_the_time_of_release_is_never_past() -> None:
    for ago in (timedelta(0), 29 * MINUTE, 31 * MINUTE):
        for reason in reasons(fleet(10, last_attempt=stopped(ago=ago)), NOW):
            assert reason.until is None or reason.until > NOW


def test_a_persons_upgrade_takes_the_quarantined_and_does_not_call_them_left_alone() -> None:
    assert ReasonCode.QUARANTINED not in codes(
        with_instance(upgrading(fleet(5), started_by=USER), 4, is_quarantined=True)
    )


def test_a_running_batch_is_not_called_impossible() -> None:
    facts = upgrading(fleet(2), InstanceUpgradeFacts(0, InstanceUpgradeState.UPGRADING))
    assert ReasonCode.OPT_OUTS_LEAVE_NOTHING not in codes(with_instance(facts, 1, opt_out=HOLD))


def test_an_upgrade_cancelled_during_rollback_is_not_retried() -> None:
    last = Attempt(NEW, UpgradeStatus.FAULTED, True, ended_at=NOW, cancelled_by="ada", attempts_stopped_in_a_row=1)
    assert codes(fleet(5, last_attempt=last)) == [Why.CANCELLED_BEFORE]


def test_an_instance_taken_out_of_its_batch_waits_for_the_next_upgrade() -> None:
    """Opted out while it was queued, and in again: an upgrade takes each instance once."""
    members = (
        InstanceUpgradeFacts(0, InstanceUpgradeState.SKIPPED),
        InstanceUpgradeFacts(1, InstanceUpgradeState.SUCCEEDED),
    )
    facts = with_instance(upgrading(fleet(10), *members), 1, version=NEW)
    found = the(ReasonCode.WAITS_FOR_NEXT_UPGRADE, facts)
    assert (found.instances, found.lifted_by) == ((0,), LiftedBy.NOBODY)
    assert (
        found.text
        == "1 instance was taken out of its batch and waits for the next upgrade: this one does not take it again."
    )
    assert ReasonCode.WAITS_FOR_NEXT_UPGRADE not in codes(with_instance(facts, 0, opt_out=HOLD))
    assert ReasonCode.WAITS_FOR_NEXT_UPGRADE not in codes(with_instance(facts, 0, version=NEW))
