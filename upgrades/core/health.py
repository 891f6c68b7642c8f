"""The health of instances: who is unhealthy, whether that exceeds a limit, and whether it is fresh enough to act on."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from upgrades.core.facts import Facts, InstanceFacts, InstanceUpgradeFacts
from upgrades.core.states import HAS_FAILED, UNHEALTHY_STATES, Health, InstanceUpgradeState

MIN_FRESH = timedelta(seconds=10)


def is_unhealthy(facts: Facts, instance: InstanceFacts, now: datetime) -> bool:
    """Is the instance unhealthy? Unknown health counts as unhealthy (Z-3.3), and so does initializing beyond the wait for health."""
    if instance.health is Health.HEALTHY:
        return False
    if instance.health is Health.INITIALIZING:
        return is_overdue(facts, instance.health_since, now)
    return instance.health in UNHEALTHY_STATES


def is_overdue(facts: Facts, since: datetime | None, now: datetime) -> bool:
    """Is the wait for health that began at `since` over? Azure's step 4 "waits up to 5 minutes": at exactly five minutes it is."""
    return since is not None and now >= wait_ends_at(facts, since, now)


def wait_ends_at(facts: Facts, since: datetime, now: datetime) -> datetime:
    """The time at which the wait for health is over. It begins anew after a gap in the reports (the prober was away, a clock jumped).

    A `since` in the future comes from a clock that has been set back afterwards, which counts as a gap too.
    """
    if facts.probed_without_gap_since is None:
        return since + facts.health_wait
    is_in_future = since > now + fresh_for(facts.health_interval)
    began_at = facts.probed_without_gap_since if is_in_future else max(since, facts.probed_without_gap_since)
    return began_at + facts.health_wait


def unhealthy(facts: Facts, now: datetime) -> list[InstanceFacts]:
    """The unhealthy instances. One that is switched off is not asked for its health, and so is never among them (Z-1.12)."""
    return list(facts.cached(("unhealthy", now), lambda: tuple(_unhealthy(facts, now))))


def _unhealthy(facts: Facts, now: datetime) -> list[InstanceFacts]:
    return [instance for instance in facts.counted if is_unhealthy(facts, instance, now)]


def initializing(facts: Facts, now: datetime) -> list[InstanceFacts]:
    """Instances without a first verdict that are not overdue. The gate waits for them.

    They include instances whose first machine is still being created, for as long as the wait for health. No limit counts those yet.
    """
    new = [instance for instance in facts.staying if instance.is_being_created and instance.missing is None]
    return [
        instance
        for instance in (*facts.counted, *new)
        if instance.health is Health.INITIALIZING and not is_overdue(facts, instance.health_since, now)
    ]


def unhealthy_upgraded(facts: Facts, now: datetime) -> tuple[list[InstanceUpgradeFacts], int]:
    """(The upgraded members that failed or are unhealthy now, the number of members upgraded so far) (Z-1.3)."""
    tried = _upgraded(facts)
    return [member for member in tried if _counts_as_failed(facts, member, now)], len(tried)


def failed_upgrades(facts: Facts) -> tuple[int, int]:
    """(How many members failed in the upgrade, how many were upgraded so far). Their health now does not matter."""
    tried = _upgraded(facts)
    return sum(member.state in HAS_FAILED for member in tried), len(tried)


def _upgraded(facts: Facts) -> list[InstanceUpgradeFacts]:
    return with_result(facts.upgrade.members if facts.upgrade else ())


def with_result(members: Iterable[InstanceUpgradeFacts]) -> list[InstanceUpgradeFacts]:
    """The members whose result is known: they succeeded or failed."""
    return [
        member for member in members if member.state is InstanceUpgradeState.SUCCEEDED or member.state in HAS_FAILED
    ]


def _counts_as_failed(facts: Facts, member: InstanceUpgradeFacts, now: datetime) -> bool:
    instance = facts.instance(member.upgraded_id)
    if member.state in HAS_FAILED:
        return True
    counts = (
        instance is not None and not instance.is_switched_off and not instance.is_being_deleted and instance.has_machine
    )
    return instance is not None and counts and is_unhealthy(facts, instance, now)


def max_unhealthy(whole: int, limit_percent: int) -> int:
    """How many of `whole` may be unhealthy before the limit is exceeded, rounded down.

    >>> [max_unhealthy(total, 20) for total in (0, 4, 5, 9, 10)]
    [0, 0, 1, 1, 2]
    """
    return limit_percent * whole // 100


def exceeds(part: int, whole: int, limit_percent: int) -> bool:
    """Is `part` of `whole` strictly more than the limit? At exactly 20 % the upgrade goes on (Z-1.2)."""
    return part > max_unhealthy(whole, limit_percent)


def percent(part: int, whole: int) -> float:
    """The share in percent, not rounded; 0 of nothing."""
    return 100 * part / whole if whole else 0.0


def fresh_for(interval: timedelta) -> timedelta:
    """For how long the results of a round of probes may be acted on."""
    return max(MIN_FRESH, 2 * interval)


def is_stale(facts: Facts, now: datetime) -> bool:
    """Is the health too old to start anything? Health from the future counts as too old: the clock was set back since."""
    if not any(instance.has_machine for instance in facts.instances):
        return False
    if facts.health_complete_at is None:
        return True
    return abs(now - facts.health_complete_at) > fresh_for(facts.health_interval)


def ids(instances: Iterable[InstanceFacts]) -> tuple[int, ...]:
    """Their ids, in the same order."""
    return tuple(instance.id for instance in instances)
