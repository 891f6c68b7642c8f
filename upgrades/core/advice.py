"""Checks the actions that reasons advise: an action that would be refused, or would stop at once, on the same facts is removed."""

from dataclasses import replace

from upgrades.core import backoff, batches, health
from upgrades.core.facts import Facts, InstanceFacts, Upgrade
from upgrades.core.policy import Policy
from upgrades.core.states import StartedBy
from upgrades.core.steps import Why
from upgrades.core.waiting import LiftedBy, Reason, ReasonContext

START, MEND, RETRY_FAILED, RETRY = "start", "start_unhealthy_first", "retry_failed", "retry_now"
CHANGE_POLICY = "change_policy"
OF_UPGRADES = (Why.BACKING_OFF, Why.STOPPED)  # not NOT_MADE: machines are created again whatever holds upgrades


def checked(reason: Reason, view: ReasonContext) -> Reason:
    """The reason, without its action if that would do nothing. Where a shut gate prevents a retry: with the action that opens the gate."""
    if not _is_in_vain(reason, view):
        return reason
    if reason.act == RETRY_FAILED and _may_begin(view) and _failed_and_free(view):
        return replace(reason, act=at_the_gate(view))
    # The upgrade is tried again by itself, and nobody could make that sooner.
    who = LiftedBy.NOBODY if reason.code is Why.BACKING_OFF else reason.who
    return replace(reason, act="", who=who)


def _is_in_vain(reason: Reason, view: ReasonContext) -> bool:
    if reason.act in (START, RETRY_FAILED):
        return not could_begin(view) or (reason.act == RETRY_FAILED and not _failed_and_free(view))
    if reason.act == RETRY and reason.code in OF_UPGRADES:
        return not could_be_tried_again(view)
    return False


def could_begin(view: ReasonContext) -> bool:
    """Could a person begin an upgrade now, so that it would neither be refused nor stop at the gate?"""
    return _may_begin(view) and not gate_is_shut(view.facts, view, by_hand=True)


def could_be_tried_again(view: ReasonContext) -> bool:
    """Would a retry by the platform, asked for now, take an instance? Nothing may refuse it or stop it at the gate."""
    free = batches.may_be_taken_next(view.facts, StartedBy.PLATFORM, view.target)
    takes = {instance.id for instance in free}.intersection(instance.id for instance in view.outdated)
    return bool(takes) and not backoff.paused_by(view.facts) and not gate_is_shut(view.facts, view, by_hand=False)


def at_the_gate(view: ReasonContext) -> str:
    """The action that opens the gate: upgrade the unhealthy first, if they alone keep it shut, else change the policy.

    "" while an upgrade runs."""
    if view.upgrade:
        return ""  # its policy was fixed at its start, so that changing the scale set's would not help
    return MEND if _may_begin(view) and _could_be_mended(view) else CHANGE_POLICY


def gate_is_shut(facts: Facts, view: ReasonContext, *, by_hand: bool) -> bool:
    """Would the gate stop an upgrade that begins now? `by_hand`: one that a person starts, which may have other limits."""
    return _is_shut(facts, health.unhealthy(facts, view.now), policy_of(facts, by_hand=by_hand))


def policy_of(facts: Facts, *, by_hand: bool) -> Policy:
    return facts.policy_by_hand or facts.policy if by_hand else facts.policy


def could_be_started(view: ReasonContext) -> list[InstanceFacts]:
    """The instances that a person's upgrade would take; [] while one runs. Also those on a newer version that was withdrawn."""
    facts = view.facts
    if view.upgrade or facts.latest is None:
        return []
    policy = policy_of(facts, by_hand=True)
    start = Upgrade(facts.latest, StartedBy.USER, policy, takes_newer=bool(facts.pinned_to))
    free = batches.may_be_taken_next(facts, StartedBy.USER, view.target)
    return [instance for instance in free if batches.would_be_taken(instance, start)]


def _failed_and_free(view: ReasonContext) -> bool:
    """Is there an instance that an upgrade of the failed ones would take? It needs a machine that is switched on."""
    free = batches.may_be_taken_next(view.facts, StartedBy.USER, view.target)
    return any(instance.failed_version == view.target for instance in free)


def _may_begin(view: ReasonContext) -> bool:
    return view.upgrade is None and not backoff.paused_by(view.facts)


def _could_be_mended(view: ReasonContext) -> bool:
    """Would the gate open if the unhealthy instances that the upgrade itself would mend did not count?"""
    takes = {instance.id for instance in could_be_started(view)}
    sick = health.unhealthy(view.facts, view.now)
    others = [instance for instance in sick if instance.id not in takes]
    return len(others) < len(sick) and not _is_shut(view.facts, others, policy_of(view.facts, by_hand=True))


def _is_shut(facts: Facts, sick: list[InstanceFacts], policy: Policy) -> bool:
    return health.exceeds(len(sick), len(facts.counted), policy.max_unhealthy_percent)
