"""Checks the actions that reasons advise: an action that would be refused, or would stop at once, on the same facts is removed."""

from dataclasses import replace

from upgrades.core import backoff, batches, health
from upgrades.core.facts import Facts, InstanceFacts, Upgrade
from upgrades.core.policy import Policy
from upgrades.core.states import StartedBy
from upgrades.core.steps import Why
from upgrades.core.waiting import LiftedBy, Reason, ReasonContext

START, START_UNHEALTHY_FIRST, RETRY_FAILED, RETRY = "start", "start_unhealthy_first", "retry_failed", "retry_now"
CHANGE_POLICY = "change_policy"
# Not NOT_MADE: machines are created again whatever holds upgrades.
UPGRADE_REASONS = (Why.BACKING_OFF, Why.CANCELLED_BEFORE)


def without_vain_action(reason: Reason, context: ReasonContext) -> Reason:
    """The reason, without its action if that would do nothing. Where a shut gate prevents a retry: with the action that opens the gate."""
    if not _would_be_refused(reason, context):
        return reason
    if reason.action == RETRY_FAILED and _may_begin(context) and _failed_and_free(context):
        return replace(reason, action=at_the_gate(context))
    # The upgrade is tried again by itself, and nobody could make that sooner.
    lifted_by = LiftedBy.NOBODY if reason.code is Why.BACKING_OFF else reason.lifted_by
    return replace(reason, action="", lifted_by=lifted_by)


def _would_be_refused(reason: Reason, context: ReasonContext) -> bool:
    if reason.action in (START, RETRY_FAILED):
        return not could_begin(context) or (reason.action == RETRY_FAILED and not _failed_and_free(context))
    if reason.action == RETRY and reason.code in UPGRADE_REASONS:
        return not could_be_tried_again(context)
    return False


def could_begin(context: ReasonContext) -> bool:
    """Could a person begin an upgrade now, so that it would neither be refused nor stop at the gate?"""
    return _may_begin(context) and not is_gate_shut(context.facts, context, by_hand=True)


def could_be_tried_again(context: ReasonContext) -> bool:
    """Would a retry by the platform, asked for now, take an instance? Nothing may refuse it or stop it at the gate."""
    free = batches.may_be_taken_next(context.facts, StartedBy.PLATFORM, context.target)
    takes = {instance.id for instance in free}.intersection(instance.id for instance in context.outdated)
    if not takes or backoff.paused_by(context.facts):
        return False
    return not is_gate_shut(context.facts, context, by_hand=False)


def at_the_gate(context: ReasonContext) -> str:
    """The action that opens the gate: upgrade the unhealthy first, if they alone keep it shut, else change the policy.

    "" while an upgrade runs."""
    if context.upgrade:
        return ""  # its policy was fixed at its start, so that changing the scale set's would not help
    is_opened = _may_begin(context) and _would_open_once_mended(context)
    return START_UNHEALTHY_FIRST if is_opened else CHANGE_POLICY


def is_gate_shut(facts: Facts, context: ReasonContext, *, by_hand: bool) -> bool:
    """Would the gate stop an upgrade that begins now? `by_hand`: one that a person starts, which may have other limits."""
    return _is_shut(facts, health.unhealthy(facts, context.now), policy_of(facts, by_hand=by_hand))


def policy_of(facts: Facts, *, by_hand: bool) -> Policy:
    return facts.policy_by_hand or facts.policy if by_hand else facts.policy


def startable_instances(context: ReasonContext) -> list[InstanceFacts]:
    """The instances that a person's upgrade would take; [] while one runs. Also those on a newer version that was withdrawn."""
    facts = context.facts
    if context.upgrade or facts.latest is None:
        return []
    policy = policy_of(facts, by_hand=True)
    start = Upgrade(facts.latest, StartedBy.USER, policy, takes_newer=bool(facts.pinned_to))
    free = batches.may_be_taken_next(facts, StartedBy.USER, context.target)
    return [instance for instance in free if batches.would_be_taken(instance, start)]


def _failed_and_free(context: ReasonContext) -> bool:
    """Is there an instance that an upgrade of the failed ones would take? It needs a machine that is switched on."""
    free = batches.may_be_taken_next(context.facts, StartedBy.USER, context.target)
    return any(instance.failed_version == context.target for instance in free)


def _may_begin(context: ReasonContext) -> bool:
    return context.upgrade is None and not backoff.paused_by(context.facts)


def _would_open_once_mended(context: ReasonContext) -> bool:
    """Would the gate open if the unhealthy instances that the upgrade itself would mend did not count?"""
    takes = {instance.id for instance in startable_instances(context)}
    unhealthy_now = health.unhealthy(context.facts, context.now)
    others = [instance for instance in unhealthy_now if instance.id not in takes]
    return len(others) < len(unhealthy_now) and not _is_shut(
        context.facts, others, policy_of(context.facts, by_hand=True)
    )


def _is_shut(facts: Facts, unhealthy_now: list[InstanceFacts], policy: Policy) -> bool:
    return health.exceeds(len(unhealthy_now), len(facts.counted), policy.max_unhealthy_percent)
