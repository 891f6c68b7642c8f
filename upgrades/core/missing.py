"""Instances without a machine: when their machines are created again, and how many at once.

A creation that the provider refused or failed is tried again after a wait that doubles each time, up to 15 minutes.

A machine that somebody has moved to another host is not created a second time: while its provider sees signs of the move, it refuses the
creation (`MachineElsewhere`), and a person decides.

A provider that reports more than 20 % of the machines gone may be mistaken. So at most 20 % are created again at a time. A machine whose
creation fails counts among these 20 % until it succeeds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from upgrades.core.facts import Facts, InstanceFacts, MissingMachine

MAX_WAIT = timedelta(minutes=15)
MAX_GONE_PERCENT = 20  # of the instances: how many gone machines are created again at a time
MAX_CLOCK_DIFFERENCE = timedelta(seconds=10)  # the clocks of two computers differ by less


def to_create(facts: Facts) -> list[InstanceFacts]:
    """The instances that are to get a machine, now or later: busy ones first, then the lowest ids.

    They are as many as the capacity lacks. Instances beyond the capacity get no machine, because they are to be removed.
    """
    return list(facts.cached("to create", lambda: tuple(_to_create(facts))))


def _to_create(facts: Facts) -> list[InstanceFacts]:
    missing = [instance for instance in facts.staying if instance.missing]
    with_machine = len(facts.staying) - len(missing)
    wanted = max(0, facts.capacity - with_machine)
    return sorted(missing, key=lambda instance: (not instance.is_busy, instance.id))[:wanted]


def to_create_now(facts: Facts, now: datetime) -> list[InstanceFacts]:
    """The instances of `to_create` whose machines are to be created now."""
    missing = to_create(facts)
    ready = [instance for instance in missing if not instance.is_busy and not _waits_for_retry(facts, instance, now)]
    gone = [instance for instance in missing if _is_gone(instance)]
    max_at_once = max(1, len(facts.staying) * MAX_GONE_PERCENT // 100)
    if len(gone) <= max_at_once:
        return ready
    # Many are gone: hold back those whose creation was never tried, as far as they exceed MAX_GONE_PERCENT together with the others.
    under_way = sum(instance.is_busy or _creation_tries(instance) > 0 for instance in gone)
    not_tried = [instance for instance in ready if _is_gone(instance) and not _creation_tries(instance)]
    held_back = not_tried[max(0, max_at_once - under_way) :]
    return [instance for instance in ready if instance not in held_back]


def next_creation_at(facts: Facts, instance: InstanceFacts) -> datetime | None:
    """When the creation of the instance's machine is tried again; None where nothing has to be waited for.

    >>> at = datetime(2018, 9, 25)
    >>> for tries in (1, 2, 3, 9):
    ...     print(next_creation_at(Facts(1), InstanceFacts(0, "", missing=MissingMachine(at, tries=tries, tried_at=at))) - at)
    0:00:15
    0:00:30
    0:01:00
    0:15:00
    """
    missing = instance.missing
    if missing is None or missing.tried_at is None or not missing.tries:
        return None
    return missing.tried_at + _wait(facts, missing)


def first_creation_at(facts: Facts, now: datetime) -> datetime | None:
    """When the first of the missing machines is tried again; None where none waits for a time (some may wait for others)."""
    times = [
        next_creation_at(facts, instance)
        for instance in to_create(facts)
        if not instance.is_busy and _waits_for_retry(facts, instance, now)
    ]
    return min((at for at in times if at), default=None)


def _waits_for_retry(facts: Facts, instance: InstanceFacts, now: datetime) -> bool:
    """Does the instance still wait to be tried again? Not if its last try lies in the future: the clock was set back since."""
    missing, again_at = instance.missing, next_creation_at(facts, instance)
    if missing is None or missing.tried_at is None or again_at is None:
        return False
    return now < again_at and missing.tried_at <= now + MAX_CLOCK_DIFFERENCE


def _wait(facts: Facts, missing: MissingMachine) -> timedelta:
    """How long the next try waits after the last one."""
    doublings = min(max(0, missing.tries - 1), 20)
    wait: timedelta = facts.create_again_after * 2**doublings
    return min(wait, MAX_WAIT)


def _is_gone(instance: InstanceFacts) -> bool:
    return instance.missing is not None and instance.missing.had_machine


def _is_elsewhere(instance: InstanceFacts) -> bool:
    return instance.missing is not None and instance.missing.is_elsewhere


def _creation_tries(instance: InstanceFacts) -> int:
    return instance.missing.tries if instance.missing else 0


def failed_creations(facts: Facts) -> list[InstanceFacts]:
    """The instances of `to_create` whose machines the provider refused or failed to create, without those that were moved."""
    return [
        instance
        for instance in to_create(facts)
        if (_creation_tries(instance) or not _is_gone(instance)) and not _is_elsewhere(instance)
    ]


def machines_elsewhere(facts: Facts) -> list[InstanceFacts]:
    """The instances of `to_create` whose machines seem to run on another host."""
    return [instance for instance in to_create(facts) if _is_elsewhere(instance)]


def vanished(facts: Facts) -> list[InstanceFacts]:
    """The instances of `to_create` whose machines are gone at the provider, and whose new creation has not failed so far."""
    return [instance for instance in to_create(facts) if _is_gone(instance) and not _creation_tries(instance)]


def first_missing(instances: Sequence[InstanceFacts]) -> MissingMachine:
    """The `missing` of the first instance that has one. Raises StopIteration where none has."""
    return next(instance.missing for instance in instances if instance.missing)
