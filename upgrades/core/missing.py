"""Instances without a machine: when the provider is asked for it again, and for how many at once.

A creation that was refused, or that failed, is tried again after a wait that doubles with each, up to a quarter of an hour. Where more
machines are gone at once than a limit of 20 %, so many at a time are made again, and no more while one of those cannot be made: who says
that all of them are gone may be mistaken.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from upgrades.core.facts import Facts, InstanceFacts, Missing

MAX_WAIT = timedelta(minutes=15)
MAX_GONE_PERCENT = 20  # made again at once
OTHER_CLOCK = timedelta(seconds=10)  # two computers' clocks differ by less


def wanted(facts: Facts) -> list[InstanceFacts]:
    """Those whose machines are to be made, whatever they wait for, lowest numbers first: as many as are short of the capacity.

    Of those that are beyond it none is made: they are to go.
    """
    short = facts.capacity - sum(1 for one in facts.staying if not one.missing)
    missing = sorted((one for one in facts.staying if one.missing), key=lambda one: (not one.busy, one.id))
    return missing[: max(0, short)]


def due(facts: Facts, now: datetime) -> list[InstanceFacts]:
    """Those of them that are to be made now."""
    missing = wanted(facts)
    free = [one for one in missing if not one.busy and not _waits(facts, one, now)]
    lost = [one for one in missing if _is_gone(one)]
    most = max(1, len(facts.staying) * MAX_GONE_PERCENT // 100)
    if len(lost) <= most:
        return free
    others = [one for one in lost if one.busy or _tries(one)]
    room = max(0, most - len(others))
    gone = [one for one in free if _is_gone(one) and not _tries(one)][:room]
    return [one for one in free if not _is_gone(one) or _tries(one) or one in gone]


def tried_again_at(facts: Facts, one: InstanceFacts) -> datetime | None:
    """None: it waits for no time.

    >>> at = datetime(2018, 9, 25)
    >>> for tries in (1, 2, 3, 9):
    ...     print(tried_again_at(Facts(1), InstanceFacts(0, "", missing=Missing(at, tries=tries, tried_at=at))) - at)
    0:00:15
    0:00:30
    0:01:00
    0:15:00
    """
    missing = one.missing
    if missing is None or missing.tried_at is None or not missing.tries:
        return None
    return missing.tried_at + _wait(facts, missing)


def next_try(facts: Facts, now: datetime) -> datetime | None:
    """When the provider is asked for the first of them; None: now, or as soon as others are made."""
    times = [tried_again_at(facts, one) for one in wanted(facts) if not one.busy and _waits(facts, one, now)]
    return min((at for at in times if at), default=None)


def _waits(facts: Facts, one: InstanceFacts, now: datetime) -> bool:
    """What was tried in the future was tried by a clock that has been set back since: then the wait is over."""
    missing, again_at = one.missing, tried_again_at(facts, one)
    if missing is None or missing.tried_at is None or again_at is None:
        return False
    return now < again_at and missing.tried_at <= now + OTHER_CLOCK


def _wait(facts: Facts, missing: Missing) -> timedelta:
    doublings = min(max(0, missing.tries - 1), 20)
    wait: timedelta = facts.create_again_after * 2**doublings
    return min(wait, MAX_WAIT)


def _is_gone(one: InstanceFacts) -> bool:
    return one.missing is not None and one.missing.was_made


def _tries(one: InstanceFacts) -> int:
    return one.missing.tries if one.missing else 0


def not_made(facts: Facts) -> list[InstanceFacts]:
    """Those that the provider refused, or failed to make."""
    return [one for one in wanted(facts) if _tries(one) or not _is_gone(one)]


def gone(facts: Facts) -> list[InstanceFacts]:
    """Those that were there, and that nobody has failed to make again."""
    return [one for one in wanted(facts) if _is_gone(one) and not _tries(one)]


def first(instances: Sequence[InstanceFacts]) -> Missing:
    """What is known of the first of them; there must be one."""
    return next(one.missing for one in instances if one.missing)
