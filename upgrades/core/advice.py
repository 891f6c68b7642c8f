"""Checks the actions that reasons advise, and drops those that would be refused or would stop at once."""

from dataclasses import replace

from upgrades.core import backoff, batches, health
from upgrades.core.facts import Facts, InstanceFacts, Upgrade
from upgrades.core.policy import Policy
from upgrades.core.reason_context import Reason, ReasonContext
from upgrades.core.reason_kinds import LiftedBy
from upgrades.core.states import StartedBy
from upgrades.core.steps import Why

START, START_UNHEALTHY_FIRST, RETRY_FAILED, RETRY = "start", "start_unhealthy_first", "retry_failed", "retry_now"
CHANGE_POLICY = "change_policy"
# Not CREATION_FAILED: machines are created again whatever holds upgrades.
UPGRADE_REASONS = (Why.BACKING_OFF, Why.CANCELLED_BEFORE)


def with_useful_action(reason: Reason, context: ReasonContext) -> Reason:
    """Drop the reason's action where it would do nothing. Where a shut gate prevents a retry, advise what opens the gate instead."""
    if not _would_be_refused(reason, context):
        return reason
    if reason.action == RETRY_FAILED and _may_begin(context) and _has_failed_to_retry(context):
        return replace(reason, action=action_that_opens_gate(context))
    # The upgrade is tried again by itself, and nobody could make that happen sooner.
    lifted_by = LiftedBy.NOBODY if reason.code is Why.BACKING_OFF else reason.lifted_by
    return replace(reason, action="", lifted_by=lifted_by)


def _would_be_refused(reason: Reason, context: ReasonContext) -> bool:
    if reason.action in (START, RETRY_FAILED):
        return not could_begin(context) or (reason.action == RETRY_FAILED and not _has_failed_to_retry(context))
    if reason.action == RETRY and reason.code in UPGRADE_REASONS:
        return not could_be_tried_again(context)
    return False


def could_begin(context: ReasonContext) -> bool:
    """Could a person begin an upgrade now, so that it would neither be refused nor stop at the gate?"""
    return _may_begin(context) and not is_gate_shut(context.facts, context, by_hand=True)


def could_be_tried_again(context: ReasonContext) -> bool:
    """Would a retry that a person asks for now take an instance, so that it would neither be refused nor stop at the gate?"""
    free = batches.available_next(context.facts, StartedBy.PLATFORM, context.target)
    takes = {instance.id for instance in free}.intersection(instance.id for instance in context.outdated)
    if not takes or backoff.paused_by(context.facts):
        return False
    return not is_gate_shut(context.facts, context, by_hand=False)


def action_that_opens_gate(context: ReasonContext) -> str:
    """The action that opens the gate; "" while an upgrade runs.

    It is to upgrade the unhealthy instances first, where they alone keep the gate shut, else to change the policy."""
    if context.upgrade:
        return ""  # its policy was fixed when it started: changing the scale set's would not help
    is_opened = _may_begin(context) and _would_open_without_upgraded(context)
    return START_UNHEALTHY_FIRST if is_opened else CHANGE_POLICY


def is_gate_shut(facts: Facts, context: ReasonContext, *, by_hand: bool) -> bool:
    """Would the gate stop an upgrade that begins now? `by_hand`: one that a person starts, which may have other limits."""
    return _is_exceeded(facts, health.unhealthy(facts, context.now), policy_of(facts, by_hand=by_hand))


def policy_of(facts: Facts, *, by_hand: bool) -> Policy:
    """The policy of the next upgrade: of one that a person starts (`by_hand`), or that the platform starts."""
    return facts.policy_by_hand or facts.policy if by_hand else facts.policy


def startable_instances(context: ReasonContext) -> list[InstanceFacts]:
    """The instances that an upgrade would take if a person started it now; [] while one runs."""
    facts = context.facts
    if context.upgrade or facts.latest_image is None:
        return []
    policy = policy_of(facts, by_hand=True)
    upgrade = Upgrade(facts.latest_image, StartedBy.USER, policy, takes_newer=bool(facts.pinned_to))
    free = batches.available_next(facts, StartedBy.USER, context.target)
    return [instance for instance in free if batches.would_be_taken(instance, upgrade)]


def _has_failed_to_retry(context: ReasonContext) -> bool:
    """Is there an instance that an upgrade of the failed instances alone would take?"""
    free = batches.available_next(context.facts, StartedBy.USER, context.target)
    return any(instance.failed_version == context.target for instance in free)


def _may_begin(context: ReasonContext) -> bool:
    """May a person begin an upgrade? Not while one runs, or while the attempts at this version are paused."""
    return context.upgrade is None and not backoff.paused_by(context.facts)


def _would_open_without_upgraded(context: ReasonContext) -> bool:
    """Would the gate open if the unhealthy instances that an upgrade would take did not count?"""
    takes = {instance.id for instance in startable_instances(context)}
    unhealthy_now = health.unhealthy(context.facts, context.now)
    others = [instance for instance in unhealthy_now if instance.id not in takes]
    return len(others) < len(unhealthy_now) and not _is_exceeded(
        context.facts, others, policy_of(context.facts, by_hand=True)
    )


def _is_exceeded(facts: Facts, unhealthy_now: list[InstanceFacts], policy: Policy) -> bool:
    return health.exceeds(len(unhealthy_now), len(facts.counted), policy.max_unhealthy_percent)
