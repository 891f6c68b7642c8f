"""The instances that the running or next upgrade affects: a part of the board (core/board.py).

Pages show with it which instances a reason holds, and which ones a button would act on. Sets of instances are texts as `ranges.spans`
writes them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypedDict

from upgrades.core import batches
from upgrades.core.facts import Facts, InstanceFacts
from upgrades.core.in_flight import ids_in_flight
from upgrades.core.instance_states import lacks_target, target_of
from upgrades.core.ranges import spans
from upgrades.core.reason_context import ReasonContext, reason_context_of
from upgrades.core.reasons import reasons
from upgrades.core.states import StartedBy, UpgradeKind, UpgradeStatus
from upgrades.core.steps import Why


class Approval(TypedDict):
    """Approvals of a deferred upgrade to `version`: the instances that wait for one, and those whose approval can still be withdrawn."""

    version: str
    waiting: str
    approved: str


class Affected(TypedDict):
    """The affected instances. `waiting`: those that the running or next upgrade is still to take; a hold of the scale set holds these.

    `behind`: [version, number of instances] for each version that is to be replaced, the commonest first. `left_behind`: instances that
    the last upgrade did not bring to its version, because it was stopped."""

    waiting: str
    behind: list[list[str | int]]
    left_behind: str
    approval: Approval | None


def affected_instances(facts: Facts, now: datetime) -> Affected:
    """Find the instances that the running or next upgrade affects."""
    context = reason_context_of(facts, now)
    return Affected(
        waiting=_spans(_waiting(context)),
        behind=_behind(facts),
        left_behind=_spans(_left_behind(context)),
        approval=_approval(context),
    )


def _spans(instances: Iterable[InstanceFacts]) -> str:
    return spans(instance.id for instance in instances)


def _waiting(context: ReasonContext) -> list[InstanceFacts]:
    facts, upgrade = context.facts, context.upgrade
    if upgrade:
        return batches.takeable_now(facts, upgrade)
    available_ids = {instance.id for instance in batches.available_next(facts, StartedBy.PLATFORM, context.target)}
    return [instance for instance in context.outdated if instance.id in available_ids]


def _behind(facts: Facts) -> list[list[str | int]]:
    """[version, count] for each version to be replaced; during an upgrade of extensions, by the next image upgrade."""
    if facts.upgrade and facts.upgrade.kind is UpgradeKind.EXTENSIONS:
        facts = replace(facts, upgrade=None)
    target = target_of(facts)
    found = Counter(
        instance.version for instance in facts.staying if instance.version and lacks_target(instance, facts, target)
    )
    return [[version, count] for version, count in found.most_common()]


def _left_behind(context: ReasonContext) -> list[InstanceFacts]:
    last = context.facts.last_attempt
    if context.upgrade or last is None or last.status is not UpgradeStatus.FAULTED:
        return []
    return [instance for instance in context.outdated if not instance.is_opted_out]


def _approval(context: ReasonContext) -> Approval | None:
    if not context.policy.deferral or not context.target or not (context.upgrade or context.is_automatic):
        return None
    waiting = [
        id
        for reason in reasons(context.facts, context.now)
        if reason.code is Why.WAITING_FOR_APPROVAL
        for id in reason.instances or ()
    ]
    in_flight = ids_in_flight(context.facts)
    approved = [
        instance
        for instance in context.facts.staying
        if instance.approved_version == context.target and instance.version != context.target
    ]
    return Approval(
        version=context.target,
        waiting=spans(waiting),
        approved=_spans(instance for instance in approved if instance.id not in in_flight),
    )
