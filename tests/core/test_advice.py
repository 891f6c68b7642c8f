"""Whatever stands still says why, and no advice leads into a refusal, or into an upgrade that stops at once."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.deciding import NEW, NOW, OLD, fleet, upgrading, verifying, with_instance
from tests.core.test_reasons import HOLD, codes, the
from tests.core.test_rules import STOP, USER, stopped
from tests.core.world import image
from upgrades.core import batches
from upgrades.core.decide import decide
from upgrades.core.facts import (
    Attempt,
    Facts,
    Hold,
    InstanceFacts,
    InstanceUpgradeFacts,
    Upgrade,
    VersionResults,
    Withdrawal,
)
from upgrades.core.policy import Policy
from upgrades.core.reason_context import Reason
from upgrades.core.reason_kinds import LiftedBy, ReasonCode
from upgrades.core.reasons import reasons
from upgrades.core.states import Health, InstanceUpgradeState, StartedBy, UpgradeKind, UpgradeStatus
from upgrades.core.steps import Complete, Fault, StartBatch, StartUpgrade, Step, Wait, Why

MANUAL: dict[str, Any] = {"automatic": False}
CANCELLED = Attempt(NEW, UpgradeStatus.CANCELLED, has_begun=True, cancelled_by="ada", ended_at=NOW)
AT_THE_GATE = Attempt(NEW, UpgradeStatus.FAULTED, has_begun=False, ended_at=NOW)


# --- each standstill --------------------------------------------------------------------------------------------------


def test_a_surplus_of_which_none_may_go_says_so() -> None:
    facts = replace(fleet(6, version=NEW), capacity=3)
    for id in range(6):
        facts = with_instance(facts, id, opt_out=HOLD)
    found = the(ReasonCode.SURPLUS, facts)
    assert found.text == "3 instances more than the capacity of 3, and none may be removed: 6 opted out."
    assert (found.action, found.instances, found.numbers) == ("opt_in", tuple(range(6)), {"surplus": 3, "capacity": 3})
    kept = replace(fleet(2, version=NEW), capacity=0)
    kept = with_instance(with_instance(kept, 0, is_protected_from_scale_in=True), 1, opt_out=HOLD)
    text = (
        "2 instances more than the capacity of 0, and none may be removed: 1 opted out and 1 protected from scale-in."
    )
    assert the(ReasonCode.SURPLUS, kept).text == text
    alone = with_instance(replace(fleet(1, version=NEW), capacity=0), 0, is_protected_from_scale_in=True)
    assert (the(ReasonCode.SURPLUS, alone).action, the(ReasonCode.SURPLUS, alone).instances) == ("", (0,))


def test_a_surplus_that_may_go_is_no_standstill() -> None:
    facts = with_instance(replace(fleet(6, version=NEW), capacity=3), 0, opt_out=HOLD)
    assert ReasonCode.SURPLUS not in codes(facts)


@pytest.mark.parametrize("changes", [{"opt_out": HOLD}, {"is_switched_off": True}])
def test_automatic_upgrades_that_are_off_say_so_where_nothing_could_be_started(changes: dict[str, Any]) -> None:
    facts = with_instance(with_instance(fleet(2, **MANUAL), 0, **changes), 1, **changes)
    found = the(ReasonCode.AUTOMATIC_OFF, facts)
    assert found.text == f"Automatic upgrades are off. 2 instances are not on {NEW}; none can be upgraded manually now."
    assert found.action == "", "a start would find nothing to do, or be refused"


def test_a_manual_start_is_not_advised_while_the_gate_is_shut() -> None:
    facts = fleet(10, sick=3, **MANUAL)
    assert (the(ReasonCode.AUTOMATIC_OFF, facts).action, the(Why.TOO_MANY_UNHEALTHY, facts).action) == (
        "",
        "start_unhealthy_first",
    )
    assert the(ReasonCode.AUTOMATIC_OFF, fleet(10, sick=2, **MANUAL)).action == "start"


def test_a_manual_start_has_limits_of_its_own() -> None:
    facts = fleet(10, sick=3, policy_by_hand=Policy(max_unhealthy_percent=50), **MANUAL)
    assert the(ReasonCode.AUTOMATIC_OFF, facts).action == "start" and Why.TOO_MANY_UNHEALTHY not in codes(facts)


@pytest.mark.parametrize("last", [CANCELLED, stopped()])
def test_trying_again_is_not_advised_where_the_gate_is_shut(last: Attempt) -> None:
    code = Why.CANCELLED_BEFORE if last is CANCELLED else Why.BACKING_OFF
    assert the(code, fleet(10, last_attempt=last)).action == "retry_now"
    assert the(code, fleet(10, sick=3, last_attempt=last)).action == ""
    assert the(code, fleet(10, last_attempt=last)).text


def test_a_paused_attempt_advises_to_resume_it_and_nothing_else() -> None:
    paused = replace(stopped(), paused_by="ada")
    for facts in (fleet(10, last_attempt=paused), fleet(10, last_attempt=paused, **MANUAL)):
        acts = {reason.code: reason.action for reason in reasons(facts, NOW)}
        assert acts[Why.PAUSED] == "resume" and set(acts.values()) <= {"resume", ""}


def test_the_unhealthy_first_are_advised_where_they_alone_keep_the_gate_shut() -> None:
    """A set of three with one that is ill; not where it is opted out, nor where one that is ill has the version already."""
    assert the(Why.TOO_MANY_UNHEALTHY, fleet(3, sick=1)).action == "start_unhealthy_first"
    assert the(Why.TOO_MANY_UNHEALTHY, with_instance(fleet(3, sick=1), 2, opt_out=HOLD)).action == "change_policy"
    assert the(Why.TOO_MANY_UNHEALTHY, with_instance(fleet(3, sick=1), 2, version=NEW)).action == "change_policy"


# --- all of them ------------------------------------------------------------------------------------------------------

states = st.fixed_dictionaries(
    {
        "version": st.sampled_from([OLD, NEW]),
        "health": st.sampled_from([Health.HEALTHY, Health.HEALTHY, *Health]),
        "opt_out": st.sampled_from(
            [None, None, HOLD, Hold("eve", "not this one", version=NEW), Hold("eve", "x", version=OLD)]
        ),
        "is_switched_off": st.booleans(),
        "is_quarantined": st.booleans(),
        "is_protected_from_scale_in": st.booleans(),
        "failed_version": st.sampled_from(["", NEW]),
    }
)
sets = st.fixed_dictionaries(
    {
        "automatic": st.booleans(),
        "fleet_stop": st.sampled_from([None, None, STOP]),
        "health_complete_at": st.sampled_from([NOW, NOW, None]),
        "last_attempt": st.sampled_from(
            [
                None,
                stopped(),
                replace(stopped(), paused_by="ada"),
                CANCELLED,
                replace(CANCELLED, paused_by="ada"),
                AT_THE_GATE,
            ]
        ),
        "policy_by_hand": st.sampled_from([None, Policy(max_unhealthy_percent=50), Policy(max_unhealthy_percent=5)]),
    }
)


@given(st.lists(states, max_size=8), sets, st.integers(-3, 3))
def test_every_waiting_instance_has_a_reason_and_no_vain_advice(
    instances: list[dict[str, Any]], changes: dict[str, Any], more: int
) -> None:
    facts = fleet(len(instances), **changes)
    for id, state in enumerate(instances):
        facts = with_instance(facts, id, **state, health_since=NOW)
    facts = replace(facts, capacity=max(0, len(instances) + more))
    found = reasons(facts, NOW)
    if _has_a_wish(facts) and isinstance(decide(facts, NOW), Wait):
        assert found, "something is wanted, nothing is done, and nobody says why"
    for reason in found:
        assert not _is_in_vain(reason, facts), f"{reason.code} advises {reason.action}"


def _has_a_wish(facts: Facts) -> bool:
    """By what people see: an instance is on an older version, or there are more or fewer than there should be."""
    return any(instance.version == OLD for instance in facts.instances) or len(facts.instances) != facts.capacity


def _is_in_vain(reason: Reason, facts: Facts) -> bool:
    """Would it be refused, as the commands say; or stop, or find nothing to do, at the first step?"""
    if reason.action not in _DONE:
        return False
    after = _DONE[reason.action](facts)
    return after is None or isinstance(_first_step(after), Fault | Complete)


def _first_step(facts: Facts) -> Step:
    """As soon as what passes by itself is over."""
    known = tuple(
        replace(instance, health=Health.HEALTHY) if instance.health is Health.INITIALIZING else instance
        for instance in facts.instances
    )
    facts = replace(facts, health_complete_at=NOW, fleet_stop=None, instances=known, capacity=len(known))
    step = decide(facts, NOW)
    if isinstance(step, StartUpgrade):
        upgrade = Upgrade(step.target, step.started_by, facts.policy, takes_failed=step.takes_failed)
        step = decide(replace(facts, upgrade=upgrade, instances=_of_this_version(facts)), NOW)
    return step


def _of_this_version(facts: Facts) -> tuple[InstanceFacts, ...]:
    """Opt-outs for upgrades to another version end where one begins."""
    return tuple(
        instance if instance.is_opted_out_of(NEW) else replace(instance, opt_out=None) for instance in facts.instances
    )


def _started(facts: Facts, **how: Any) -> Facts | None:
    last, policy = facts.last_attempt, facts.policy_by_hand or facts.policy
    is_paused = last and last.paused_by and not last.cancelled_by
    free = [instance for instance in facts.instances if not instance.is_opted_out_of(NEW)]
    if (
        is_paused
        or not free
        or (how.get("only_failed") and not any(instance.failed_version == NEW for instance in free))
    ):
        return None
    if how.pop("upgraded_first", False):
        how["upgraded_first"] = frozenset(
            instance.id for instance in free if instance.health in (Health.UNHEALTHY, Health.UNKNOWN)
        )
    assert facts.latest_image
    upgrade = Upgrade(facts.latest_image, StartedBy.USER, policy, **how)
    return replace(facts, upgrade=upgrade, last_attempt=None, instances=_of_this_version(facts))


def _tried_again(facts: Facts) -> Facts | None:
    last = facts.last_attempt
    if last is None or not facts.automatic or (last.paused_by and not last.cancelled_by):
        return None
    return replace(facts, last_attempt=replace(last, wait_is_skipped=True))


_DONE = {
    "start": lambda facts: _started(facts),
    "start_unhealthy_first": lambda facts: _started(facts, upgraded_first=True),
    "retry_failed": lambda facts: _started(facts, only_failed=True),
    "retry_now": _tried_again,
}


def test_an_advised_upgrade_begins_with_a_batch() -> None:
    after = _started(fleet(3, sick=1), upgraded_first=True)
    assert after and isinstance(_first_step(after), StartBatch)
    assert batches.available_next(fleet(3), StartedBy.USER, NEW)


# --- sentences that go with the advice --------------------------------------------------------------------------------

BAD = {NEW: Withdrawal("eve", "it panics")}
PINNED: dict[str, Any] = {"latest_image": image(OLD), "pinned_to": OLD, "follows_latest": False}


def test_no_sentence_promises_a_start_that_would_stop_at_the_gate() -> None:
    pinned = fleet(10, version=NEW, sick=3, **PINNED)
    assert the(ReasonCode.PINNED, pinned).text.endswith(f"run {NEW}. A manual start is needed.")
    to_withdrawn = replace(fleet(10, sick=3), pinned_to="16.04.0", follows_latest=False)
    to_withdrawn = replace(to_withdrawn, withdrawn={"16.04.0": Withdrawal("eve", "it panics")})
    assert "start" not in the(ReasonCode.PINNED_WITHDRAWN, to_withdrawn).text
    off = the(ReasonCode.AUTOMATIC_OFF, fleet(10, sick=3, **MANUAL))
    assert off.text == f"Automatic upgrades are off. 10 instances are waiting for a manual start to {NEW}."
    stopped_and_ill = the(Why.BACKING_OFF, fleet(10, sick=3, last_attempt=stopped()))
    assert "retry now" not in stopped_and_ill.text
    assert "or retry now" in the(Why.BACKING_OFF, fleet(10, last_attempt=stopped())).text


def test_leaving_a_withdrawn_version_is_advised_where_it_could_begin() -> None:
    facts = replace(fleet(10, version=NEW), latest_image=image(OLD), withdrawn=BAD)
    facts = replace(
        facts, instances=tuple(replace(instance, runs_withdrawn_version=True) for instance in facts.instances)
    )
    assert the(ReasonCode.WITHDRAWN, facts).action == "start"
    assert the(ReasonCode.WITHDRAWN, facts).text.endswith(f"automatically. Start the upgrade to move them to {OLD}.")
    some = the(ReasonCode.WITHDRAWN, with_instance(facts, 0, opt_out=HOLD))
    assert some.text.endswith(f"automatically. Start the upgrade to move 9 of them to {OLD}.")
    for id in (7, 8, 9):
        facts = with_instance(facts, id, health=Health.UNHEALTHY)
    assert the(ReasonCode.WITHDRAWN, facts).text.endswith("Older versions are never installed automatically.")


@pytest.mark.parametrize("changes", [{"opt_out": HOLD}, {"failed_version": NEW}, {"is_quarantined": True}])
def test_instances_left_alone_are_not_told_that_an_upgrade_comes(changes: dict[str, Any]) -> None:
    facts = replace(fleet(3, version=NEW), withdrawn={OLD: Withdrawal("eve", "it panics")})
    facts = with_instance(facts, 1, version=OLD, runs_withdrawn_version=True)
    assert the(ReasonCode.WITHDRAWN, facts).text.endswith(f"The upgrade to {NEW} takes it automatically.")
    said = the(ReasonCode.WITHDRAWN, with_instance(facts, 1, **changes)).text
    assert "automatically" not in said and f"{NEW} is newer" in said


def test_an_upgrade_of_extensions_does_not_hide_the_next_version() -> None:
    facts = replace(fleet(3, version=NEW), withdrawn={OLD: Withdrawal("eve", "it panics")})
    facts = with_instance(facts, 1, version=OLD, runs_withdrawn_version=True)
    facts = upgrading(facts, kind=UpgradeKind.EXTENSIONS, extensions_key="agent 2.0", target=image(""), started_by=USER)
    assert "No other version is available" not in the(ReasonCode.WITHDRAWN, facts).text


@pytest.mark.parametrize("changes", [{"opt_out": HOLD}, {"is_quarantined": True}, {"is_switched_off": True}])
def test_trying_again_is_not_advised_where_nothing_would_be_taken(changes: dict[str, Any]) -> None:
    facts = with_instance(fleet(1, last_attempt=CANCELLED), 0, **changes)
    assert Why.CANCELLED_BEFORE not in codes(facts) or the(Why.CANCELLED_BEFORE, facts).action == ""


@pytest.mark.parametrize("how", [{"automatic": False}, {"withdrawn": BAD}])
def test_no_instance_waits_for_its_turn_if_no_further_batch_comes(how: dict[str, Any]) -> None:
    """Automatic upgrades turned off, or the version withdrawn: it stops at the end of the batch that is in flight."""
    facts = upgrading(fleet(5), verifying(0), paused_by="ada")
    assert {ReasonCode.WAITS_FOR_TURN, Why.PAUSED} <= set(codes(facts))
    assert set(codes(replace(facts, **how))) == {Why.VERIFYING}


@pytest.mark.parametrize("how", [MANUAL, PINNED | {"latest_image": image(NEW), "pinned_to": NEW}])
def test_a_newer_version_is_not_promised_where_upgrades_are_not_automatic(how: dict[str, Any]) -> None:
    bad = VersionResults(failed=2)
    assert "starts automatically" in the(ReasonCode.SUSPECTED, fleet(5, target_results=bad)).text
    assert the(ReasonCode.SUSPECTED, fleet(5, target_results=bad, **how)).text.endswith("suspected, not the machines.")


def test_a_pause_is_said_where_it_keeps_a_person_from_starting() -> None:
    """To the version that a set is pinned to, or away from one that was withdrawn."""
    of_older = replace(stopped(), target_version=OLD, paused_by="ada")
    pinned = fleet(5, version=NEW, last_attempt=of_older, **PINNED)
    assert the(Why.PAUSED, pinned).action == "resume" and the(ReasonCode.PINNED, pinned).action == ""
    back = fleet(5, version=NEW, last_attempt=of_older, latest_image=image(OLD), withdrawn=BAD)
    back = replace(back, instances=tuple(replace(instance, runs_withdrawn_version=True) for instance in back.instances))
    assert the(Why.PAUSED, back).action == "resume" and the(ReasonCode.WITHDRAWN, back).action == ""


# --- a shut gate, beside what it keeps from being started --------------------------------------------------------------


def _on_withdrawn(count: int, *, sick: int = 0, **changes: Any) -> Facts:
    """All of them on a version that was withdrawn, with an older one left."""
    facts = fleet(count, version=NEW, sick=sick, latest_image=image(OLD), withdrawn=BAD, **changes)
    return replace(
        facts, instances=tuple(replace(instance, runs_withdrawn_version=True) for instance in facts.instances)
    )


@pytest.mark.parametrize("changes", [{}, MANUAL])
def test_a_shut_gate_has_its_numbers_beside_a_version_that_was_withdrawn(changes: dict[str, Any]) -> None:
    found = the(Why.TOO_MANY_UNHEALTHY, _on_withdrawn(10, sick=3, **changes))
    assert found.numbers == {"unhealthy": 3, "total": 10, "limit_percent": 20, "must_recover": 1}
    assert found.action == "start_unhealthy_first", (
        "a start takes the unhealthy away from it, and first where that is wanted"
    )
    assert Why.TOO_MANY_UNHEALTHY not in codes(_on_withdrawn(10, sick=2, **changes))


def test_leaving_a_withdrawn_version_has_the_gate_of_a_manual_start() -> None:
    assert Why.TOO_MANY_UNHEALTHY not in codes(
        _on_withdrawn(10, sick=3, policy_by_hand=Policy(max_unhealthy_percent=50))
    )
    strict = the(Why.TOO_MANY_UNHEALTHY, _on_withdrawn(10, sick=2, policy_by_hand=Policy(max_unhealthy_percent=5)))
    assert strict.numbers["limit_percent"] == 5


def test_instances_that_failed_before_are_told_how_to_open_the_gate() -> None:
    failed = with_instance(fleet(10, sick=3), 9, failed_version=NEW)
    assert the(ReasonCode.FAILED_BEFORE, failed).action == "start_unhealthy_first"
    beyond_mending = with_instance(with_instance(failed, 7, version=NEW), 8, version=NEW)
    beyond_mending = with_instance(beyond_mending, 6, version=NEW, health=Health.UNHEALTHY)
    assert the(ReasonCode.FAILED_BEFORE, beyond_mending).action == "change_policy"
    paused = replace(failed, last_attempt=Attempt(NEW, UpgradeStatus.CANCELLED, True, ended_at=NOW, paused_by="ada"))
    assert the(ReasonCode.FAILED_BEFORE, paused).action == ""


def test_instances_that_failed_are_left_alone_by_the_same_upgrade() -> None:
    """If it is stopped, the next one takes them too."""
    facts = upgrading(fleet(10), InstanceUpgradeFacts(0, InstanceUpgradeState.FAILED), finished=True)
    assert the(ReasonCode.FAILED_BEFORE, facts).text == f"1 instance failed on {NEW}; this upgrade does not retry it."
    before = with_instance(fleet(10), 0, failed_version=NEW)
    assert the(ReasonCode.FAILED_BEFORE, before).text.endswith("automatic upgrades do not retry it on this version.")


def test_a_retry_wait_cannot_be_lifted_while_the_gate_is_shut() -> None:
    assert the(Why.BACKING_OFF, fleet(10, last_attempt=stopped())).lifted_by is LiftedBy.OPERATOR
    shut = the(Why.BACKING_OFF, fleet(10, sick=3, last_attempt=stopped()))
    assert (shut.action, shut.lifted_by) == ("", LiftedBy.NOBODY) and shut.until


def test_an_upgrade_away_from_a_withdrawn_version_says_how_many_it_takes() -> None:
    facts = upgrading(_on_withdrawn(10), verifying(0), started_by=USER, target=image(OLD))
    assert the(ReasonCode.WITHDRAWN, facts).text.endswith(f"The upgrade to {OLD} takes them automatically.")
    some = with_instance(with_instance(facts, 8, opt_out=HOLD), 9, opt_out=HOLD)
    assert the(ReasonCode.WITHDRAWN, some).text.endswith(f"The upgrade to {OLD} takes 8 of them automatically.")
    ending = upgrading(_on_withdrawn(10), verifying(0), started_by=USER, target=image(OLD), cancel_requested_by="ada")
    assert the(ReasonCode.WITHDRAWN, ending).text.endswith("Older versions are never installed automatically.")
