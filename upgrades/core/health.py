"""Healthy? How many are not? Over the limit? Is the news fresh enough to act on?"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from upgrades.core.facts import Facts, InstanceFacts, Member
from upgrades.core.states import HAS_FAILED, ILL, Health, MemberState

FRESH_FOR_AT_LEAST = timedelta(seconds=10)


def is_unhealthy(facts: Facts, instance: InstanceFacts, now: datetime) -> bool:
    """Unknown counts as unhealthy (Z-3.3); so does an instance that has been initializing for longer than it may."""
    if instance.health is Health.INITIALIZING:
        return is_overdue(facts, instance.health_since, now)
    return instance.health in ILL


def is_overdue(facts: Facts, since: datetime | None, now: datetime) -> bool:
    """The document's step 4: "waits up to 5 minutes"; at exactly five minutes the wait is over."""
    return since is not None and now >= wait_ends(facts, since, now)


def wait_ends(facts: Facts, since: datetime, now: datetime) -> datetime:
    """When the wait for health is over. It counts while news comes: after a gap (the prober was away, a clock jumped) it begins anew.

    A `since` in the future was said by a clock that has been set back meanwhile, which made a gap too.
    """
    if facts.news_since is None:
        return since + facts.health_wait
    is_of_another_clock = since > now + fresh_for(facts.health_interval)
    return (facts.news_since if is_of_another_clock else max(since, facts.news_since)) + facts.health_wait


def unhealthy(facts: Facts, now: datetime) -> list[InstanceFacts]:
    """Those that count as unhealthy: a machine that is switched off is not asked (Z-1.12)."""
    return [one for one in facts.counted if is_unhealthy(facts, one, now)]


def initializing(facts: Facts, now: datetime) -> list[InstanceFacts]:
    """Those whose first verdict is still awaited: the gate waits for it rather than guess.

    Machines that are being made for the first time too, as long; they count for no limit before they are there.
    """
    new = [one for one in facts.staying if one.making and one.missing is None]
    return [
        one
        for one in (*facts.counted, *new)
        if one.health is Health.INITIALIZING and not is_overdue(facts, one.health_since, now)
    ]


def unhealthy_upgraded(facts: Facts, now: datetime) -> tuple[list[Member], int]:
    """Which of the instances upgraded so far failed or are unhealthy now, and how many were upgraded (Z-1.3)."""
    tried = _upgraded(facts)
    return [member for member in tried if _has_failed(facts, member, now)], len(tried)


def failed_upgrades(facts: Facts) -> tuple[int, int]:
    """How many of the instances upgraded so far failed in it, and how many were upgraded; how they are now is another matter."""
    tried = _upgraded(facts)
    return sum(member.state in HAS_FAILED for member in tried), len(tried)


def _upgraded(facts: Facts) -> list[Member]:
    return upgraded(facts.upgrade.members if facts.upgrade else ())


def upgraded(members: Iterable[Member]) -> list[Member]:
    """Those of which it is known how it went."""
    return [member for member in members if member.state is MemberState.SUCCEEDED or member.state in HAS_FAILED]


def _has_failed(facts: Facts, member: Member, now: datetime) -> bool:
    instance = facts.instance(member.upgraded)
    if member.state in HAS_FAILED:
        return True
    counts = instance is not None and not instance.stopped and not instance.leaving and instance.exists
    return instance is not None and counts and is_unhealthy(facts, instance, now)


def may_be_ill(whole: int, limit_percent: int) -> int:
    """How many of them may be unhealthy, at most.

    >>> [may_be_ill(total, 20) for total in (0, 4, 5, 9, 10)]
    [0, 0, 1, 1, 2]
    """
    return limit_percent * whole // 100


def exceeds(part: int, whole: int, limit_percent: int) -> bool:
    """Strictly more than the limit: at exactly 20 % the upgrade goes on (Z-1.2)."""
    return part > may_be_ill(whole, limit_percent)


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def fresh_for(interval: timedelta) -> timedelta:
    """For how long the news of a round of probes may be acted on."""
    return max(FRESH_FOR_AT_LEAST, 2 * interval)


def is_stale(facts: Facts, now: datetime) -> bool:
    """Nothing starts on old news, nor on news from the future (a clock that was set back)."""
    if not any(one.exists for one in facts.instances):
        return False
    if facts.health_as_of is None:
        return True
    return abs(now - facts.health_as_of) > fresh_for(facts.health_interval)


def ids(instances: Iterable[InstanceFacts]) -> tuple[int, ...]:
    return tuple(one.id for one in instances)
