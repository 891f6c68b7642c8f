"""The state of each instance, as every viewer shows it: exactly one each, and what is bad never hides behind what is merely true."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from upgrades.core import batches, health
from upgrades.core.facts import Facts, InstanceFacts, Member, Policy
from upgrades.core.states import HAS_FAILED, IN_FLIGHT, Health, MemberState
from upgrades.core.steps import Why


class State(StrEnum):
    """Where one instance is, in one word."""

    FAILED = "failed"
    MISSING = "missing"  # it has no machine, and waits to be made again
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


# Decisions that hold those who are still to come, though they would be upgraded if all were well.
HOLDS = frozenset({Why.GATE, Why.STALE_HEALTH, Why.FLEET_STOPPED, Why.PAUSED, Why.BACKING_OFF, Why.STOPPED})
_UNDER_WAY = {
    MemberState.QUEUED: State.QUEUED,
    MemberState.UPGRADING: State.UPGRADING,
    MemberState.VERIFYING: State.VERIFYING,
    MemberState.ROLLING_BACK: State.ROLLING_BACK,
}
_ILL = {Health.UNHEALTHY: State.UNHEALTHY, Health.UNKNOWN: State.UNKNOWN}


@dataclass(frozen=True, slots=True)
class _Context:
    """What every instance's state depends on besides the instance itself.

    `members`: each instance's part in the running upgrade; `places`: the same by the new instance that is to take a place.
    """

    facts: Facts
    now: datetime
    target: str
    policy: Policy
    is_held: bool
    is_deferred: bool
    members: dict[int, Member]
    places: dict[int, Member]


def states_of(facts: Facts, now: datetime, decision: str) -> dict[int, State]:
    """By instance. `decision`: the code of what was decided on these facts."""
    context = _context(facts, now, decision)
    return {one.id: _state(one, context) for one in facts.instances}


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
        members={one.instance: one for one in members},
        places={one.replacement: one for one in members if one.replacement is not None},
    )


def target_of(facts: Facts) -> str:
    """The version that is wanted now; "" where there is none, or where the running upgrade is of the extensions."""
    if facts.upgrade:
        return facts.upgrade.target.version
    return facts.latest.version if facts.latest else ""


def _state(one: InstanceFacts, context: _Context) -> State:
    for rule in _RULES:
        if state := rule(one, context):
            return state
    return State.DONE


# --- in the order in which they are asked -----------------------------------------------------------------------------


def _comes_or_goes(one: InstanceFacts, context: _Context) -> State | None:
    if one.leaving:
        return State.DELETING
    return State.CREATING if one.making else None


def _in_flight(one: InstanceFacts, context: _Context) -> State | None:
    """Of two that share a place both show how it is with it; one that is being verified and answers badly is ill at once."""
    member = context.members.get(one.id) or context.places.get(one.id)
    if member is None or member.state not in IN_FLIGHT:
        return None
    if member.state is MemberState.VERIFYING and member.upgraded == one.id:
        return State.MISSING if one.missing else _ILL.get(one.health, State.VERIFYING)
    return _UNDER_WAY[member.state]


def _has_no_machine(one: InstanceFacts, context: _Context) -> State | None:
    if one.missing:
        return State.MISSING
    return State.UPGRADING if one.busy else None


def _left_alone(one: InstanceFacts, context: _Context) -> State | None:
    return State.QUARANTINED if one.quarantined else None


def _failed(one: InstanceFacts, context: _Context) -> State | None:
    return State.FAILED if _has_failed(one, context) and not _is_back(one, context) else None


def _off(one: InstanceFacts, context: _Context) -> State | None:
    return State.SWITCHED_OFF if one.stopped else None


def _ill(one: InstanceFacts, context: _Context) -> State | None:
    if one.health is Health.UNKNOWN:
        return State.UNKNOWN
    return State.UNHEALTHY if health.is_unhealthy(context.facts, one, context.now) else None


def _back(one: InstanceFacts, context: _Context) -> State | None:
    """It failed, and runs on its old OS disk."""
    return State.ROLLED_BACK if _has_failed(one, context) else None


def _opted_out(one: InstanceFacts, context: _Context) -> State | None:
    return State.OPTED_OUT if one.protected else None


def _to_come(one: InstanceFacts, context: _Context) -> State | None:
    if not is_behind(one, context.facts, context.target):
        return None
    waits = context.is_deferred and not batches.is_approved(one, context.policy, context.target)
    return State.HELD if context.is_held or waits else State.PENDING


def _new(one: InstanceFacts, context: _Context) -> State | None:
    """Its first verdict is awaited."""
    return State.VERIFYING if one.health is Health.INITIALIZING else None


_RULES: tuple[Callable[[InstanceFacts, _Context], State | None], ...] = (
    _comes_or_goes,
    _in_flight,
    _has_no_machine,
    _left_alone,
    _failed,
    _off,
    _ill,
    _back,
    _opted_out,
    _to_come,
    _new,
)


# --- what they ask ----------------------------------------------------------------------------------------------------


def is_behind(one: InstanceFacts, facts: Facts, target: str) -> bool:
    """It lacks what it is to have: the running upgrade would take it, if nothing held it, or the next one.

    Who is on a newer version than the target lacks nothing; where the scale set is pinned, people's upgrades lead back.
    """
    upgrade = facts.upgrade
    if upgrade is not None and batches.is_wanted(one, upgrade):
        return True
    if not target or not one.version:
        return False
    return one.version != target if facts.pinned_to and upgrade is None else batches.is_outdated(one, target)


def _has_failed(one: InstanceFacts, context: _Context) -> bool:
    """On the version that is wanted, or in the running upgrade."""
    member = context.members.get(one.id) or context.places.get(one.id)
    in_it = member is not None and member.state in HAS_FAILED
    return in_it or bool(one.failed_version and one.failed_version == context.target)


def _is_back(one: InstanceFacts, context: _Context) -> bool:
    return one.rolled_back and one.version != context.target
