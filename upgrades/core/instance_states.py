"""The one state of each instance that every viewer shows. Where several apply, a bad one comes before a harmless one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from upgrades.core import batches, health
from upgrades.core.facts import Facts, InstanceFacts, InstanceUpgradeFacts
from upgrades.core.policy import Policy
from upgrades.core.reason_context import would_be_taken_next
from upgrades.core.reason_kinds import HOLDS
from upgrades.core.states import HAS_FAILED, IN_FLIGHT, Health, InstanceUpgradeState


class InstanceState(StrEnum):
    """The state of one instance, in one word."""

    FAILED = "failed"
    MISSING = "missing"  # it has no machine, and waits for one to be created
    UNHEALTHY = "unhealthy"
    QUARANTINED = "quarantined"
    HELD = "held"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    CREATING = "creating"
    DELETING = "deleting"
    UPGRADING = "upgrading"
    VERIFYING = "verifying"
    QUEUED = "queued"
    PENDING = "pending"
    DONE = "done"
    OPTED_OUT = "opted-out"
    SWITCHED_OFF = "switched-off"
    UNKNOWN = "unknown"


_UNDER_WAY = {
    InstanceUpgradeState.QUEUED: InstanceState.QUEUED,
    InstanceUpgradeState.UPGRADING: InstanceState.UPGRADING,
    InstanceUpgradeState.VERIFYING: InstanceState.VERIFYING,
    InstanceUpgradeState.ROLLING_BACK: InstanceState.ROLLING_BACK,
}
_BAD_HEALTH = {Health.UNHEALTHY: InstanceState.UNHEALTHY, Health.UNKNOWN: InstanceState.UNKNOWN}


@dataclass(frozen=True, slots=True)
class _Context:
    """What every instance's state depends on besides the instance itself.

    `members`: the members of the running upgrade by the id of their instance. `member_by_replacement`: by the id of the surge instance.
    """

    facts: Facts
    now: datetime
    target: str
    policy: Policy
    is_held: bool
    is_deferred: bool
    members: dict[int, InstanceUpgradeFacts]
    member_by_replacement: dict[int, InstanceUpgradeFacts]


def states_of(facts: Facts, now: datetime, decision: str) -> dict[int, InstanceState]:
    """The state of each instance, by id. `decision`: the code of what was decided on these facts."""
    context = _context(facts, now, decision)
    return {instance.id: _state(instance, context) for instance in facts.instances}


def _context(facts: Facts, now: datetime, decision: str) -> _Context:
    upgrade = facts.upgrade
    members = upgrade.members if upgrade else ()
    policy = upgrade.policy if upgrade else facts.policy
    by_itself = upgrade is not None or (facts.automatic and facts.follows_latest)
    return _Context(
        facts,
        now,
        target=target_of(facts),
        policy=policy,
        is_held=decision in HOLDS or bool(upgrade and upgrade.paused_by),
        is_deferred=policy.deferral and by_itself,
        members={member.instance: member for member in members},
        member_by_replacement={member.replacement: member for member in members if member.replacement is not None},
    )


def target_of(facts: Facts) -> str:
    """The version that is wanted now; "" where there is none, and during an upgrade of extensions."""
    if facts.upgrade:
        return facts.upgrade.target.version
    return facts.latest_image.version if facts.latest_image else ""


def _state(instance: InstanceFacts, context: _Context) -> InstanceState:
    """Return the first state that applies, in this order. Most instances are well; skipping `_trouble` for them saves time."""
    member = context.members.get(instance.id) or context.member_by_replacement.get(instance.id)
    is_in_flight = member is not None and member.state in IN_FLIGHT
    if instance.is_busy or instance.missing or is_in_flight:
        return _under_way(instance, member if is_in_flight else None)
    has_failed = _has_failed(instance, member, context)
    is_well = instance.health is Health.HEALTHY and not (
        has_failed or instance.is_quarantined or instance.is_switched_off
    )
    if not is_well and (trouble := _trouble(instance, has_failed, context)):
        return trouble
    if instance.opt_out is not None:
        return InstanceState.OPTED_OUT
    if lacks_target(instance, context.facts, context.target):
        waits = context.is_deferred and not batches.is_approved(instance, context.policy, context.target)
        return InstanceState.HELD if context.is_held or waits else InstanceState.PENDING
    return InstanceState.VERIFYING if instance.health is Health.INITIALIZING else InstanceState.DONE


def _under_way(instance: InstanceFacts, member: InstanceUpgradeFacts | None) -> InstanceState:
    """The state of an instance that is being worked on. The old instance and the surge instance of a member both show its state.

    An instance that is being verified shows as unhealthy as soon as it answers badly."""
    if instance.is_being_deleted:
        return InstanceState.DELETING
    if instance.is_being_created:
        return InstanceState.CREATING
    if instance.missing:
        return InstanceState.MISSING
    if member is None:
        return InstanceState.UPGRADING
    is_verified = member.state is InstanceUpgradeState.VERIFYING and member.upgraded_id == instance.id
    return _BAD_HEALTH.get(instance.health, InstanceState.VERIFYING) if is_verified else _UNDER_WAY[member.state]


def _trouble(instance: InstanceFacts, has_failed: bool, context: _Context) -> InstanceState | None:
    """What is wrong with an instance that is not well; None where only its first verdict is awaited.

    An instance that failed and is back on its old OS disk runs: it is not shown as failed, but as rolled back if nothing else is wrong."""
    if instance.is_quarantined:
        return InstanceState.QUARANTINED
    if has_failed and not (instance.was_rolled_back and instance.version != context.target):
        return InstanceState.FAILED
    if instance.is_switched_off:
        return InstanceState.SWITCHED_OFF
    if instance.health is Health.UNKNOWN:
        return InstanceState.UNKNOWN
    if health.is_unhealthy(context.facts, instance, context.now):
        return InstanceState.UNHEALTHY
    return InstanceState.ROLLED_BACK if has_failed else None


def _has_failed(instance: InstanceFacts, member: InstanceUpgradeFacts | None, context: _Context) -> bool:
    """Did the instance fail on the wanted version, or in the running upgrade?"""
    on_target = bool(instance.failed_version) and instance.failed_version == context.target
    return on_target or (member is not None and member.state in HAS_FAILED)


def lacks_target(instance: InstanceFacts, facts: Facts, target: str) -> bool:
    """Does the instance lack the wanted version? Also true of one that the running upgrade does not take because it failed before."""
    lacks = facts.upgrade is not None and bool(target) and batches.has_older_version(instance, target)
    return lacks or would_be_taken_next(instance, facts, target)
