"""The two limits of an upgrade as gauges: how many instances are unhealthy or failed, of how many, and how near the limit that is."""

from collections.abc import Collection
from datetime import datetime
from typing import TypedDict

from upgrades.core import advice, batches, health
from upgrades.core.facts import Facts
from upgrades.core.policy import Policy
from upgrades.core.ranges import spans


class Gauge(TypedDict):
    """How many instances are unhealthy or failed (`count`), `of` how many. `most`: how many may be; `room`: how many more may become so.

    `over`: the limit is exceeded, and `room` is negative. `instances`: those counted, as `ranges.spans` writes them."""

    count: int
    of: int
    percent: float
    limit_percent: int
    most: int
    room: int
    over: bool
    instances: str


def gauge(instances: Collection[int], of: int, limit_percent: int) -> Gauge:
    """The gauge of the instances with these ids, of `of` in all. It is over at strictly more than the limit.

    >>> gauge([4, 5], 10, 20) == {"count": 2, "of": 10, "percent": 20.0, "limit_percent": 20, "most": 2, "room": 0,
    ...     "over": False, "instances": "4-5"}
    True
    """
    count, allowed = len(instances), health.max_unhealthy(of, limit_percent)
    return Gauge(
        count=count,
        of=of,
        percent=round(health.percent(count, of), 1),
        limit_percent=limit_percent,
        most=allowed,
        room=allowed - count,
        over=health.exceeds(count, of, limit_percent),
        instances=spans(instances),
    )


def unhealthy(facts: Facts, now: datetime) -> Gauge:
    """The gauge of unhealthy instances, counted as the gate counts them before every batch."""
    unhealthy = batches.unhealthy_at_the_gate(facts, now)
    return gauge(health.ids(unhealthy), len(facts.counted), policy_of(facts).max_unhealthy_percent)


def failed(facts: Facts, now: datetime) -> Gauge | None:
    """The gauge of failed upgrades: of those upgraded so far, the instances that failed or are unhealthy now; None without an upgrade."""
    if facts.upgrade is None:
        return None
    members, upgraded = health.unhealthy_upgraded(facts, now)
    limit = facts.upgrade.policy.max_unhealthy_upgraded_percent
    return gauge([member.existing_id for member in members], upgraded, limit)


def policy_of(facts: Facts) -> Policy:
    """The policy whose limits apply: that of the running upgrade, or of the next one."""
    if facts.upgrade:
        return facts.upgrade.policy
    return advice.policy_of(facts, by_hand=begins_by_hand(facts))


def begins_by_hand(facts: Facts) -> bool:
    """Can only a person begin the next upgrade? Not while one runs."""
    return facts.upgrade is None and not (facts.automatic and facts.follows_latest)
