"""Healthy? How many are not? Over the limit? Is the news fresh enough to act on?"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from upgrades.core.facts import Facts, InstanceFacts, Member
from upgrades.core.states import Health, MemberState

FRESH_FOR_AT_LEAST = timedelta(seconds=10)


def is_unhealthy(instance: InstanceFacts, now: datetime, health_wait: timedelta) -> bool:
    """Unknown counts as unhealthy (facts 3.3); so does an instance that has been initializing for longer than it may."""
    if instance.health is Health.INITIALIZING:
        return is_overdue(instance.health_since, now, health_wait)
    return instance.health in (Health.UNHEALTHY, Health.UNKNOWN)


def is_overdue(since: datetime | None, now: datetime, health_wait: timedelta) -> bool:
    """The document's step 4: "waits up to 5 minutes"; at exactly five minutes the wait is over."""
    return since is not None and now >= since + health_wait


def unhealthy(facts: Facts, now: datetime) -> list[InstanceFacts]:
    return [one for one in facts.instances if is_unhealthy(one, now, facts.health_wait)]


def initializing(facts: Facts, now: datetime) -> list[InstanceFacts]:
    """Those whose first verdict is still awaited: the gate waits for it rather than guess."""
    return [
        one
        for one in facts.instances
        if one.health is Health.INITIALIZING and not is_overdue(one.health_since, now, facts.health_wait)
    ]


def unhealthy_upgraded(facts: Facts, now: datetime) -> tuple[list[Member], int]:
    """Which of the instances upgraded so far failed or are unhealthy now, and how many were upgraded (facts 1.3)."""
    upgraded = [
        member
        for member in (facts.upgrade.members if facts.upgrade else ())
        if member.state in (MemberState.SUCCEEDED, MemberState.FAILED)
    ]
    return [member for member in upgraded if _has_failed(facts, member, now)], len(upgraded)


def _has_failed(facts: Facts, member: Member, now: datetime) -> bool:
    instance = facts.instance(member.instance)
    if member.state is MemberState.FAILED:
        return True
    return instance is not None and is_unhealthy(instance, now, facts.health_wait)


def exceeds(part: int, whole: int, limit_percent: int) -> bool:
    """Strictly more than the limit: at exactly 20 % the upgrade goes on (facts 1.2)."""
    return part * 100 > limit_percent * whole


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def fresh_for(interval: timedelta) -> timedelta:
    """For how long the news of a round of probes may be acted on."""
    return max(FRESH_FOR_AT_LEAST, 2 * interval)


def is_stale(facts: Facts, now: datetime) -> bool:
    """Nothing starts on old news, nor on news from the future (a clock that was set back)."""
    if not facts.instances:
        return False
    if facts.health_as_of is None:
        return True
    return abs(now - facts.health_as_of) > fresh_for(facts.health_interval)


def ids(instances: Iterable[InstanceFacts]) -> tuple[int, ...]:
    return tuple(one.id for one in instances)
