"""The rules of capacity: a scale set has as many machines as its client says, whatever becomes of an upgrade."""

from datetime import datetime

from upgrades.core import batches, messages, missing
from upgrades.core.facts import Facts
from upgrades.core.in_flight import ids_in_flight, is_amid_a_surge
from upgrades.core.steps import (
    RESYNC_INTERVAL,
    WORK_POLL_INTERVAL,
    AddInstances,
    MakeAgain,
    RemoveInstances,
    Step,
    Wait,
    Why,
)


def add_missing_instances(facts: Facts, now: datetime) -> Step | None:
    """The set has as many machines as its capacity says; new ones take the newest image (Z-1.12) that is not suspected.

    What could not be made, or is gone at the provider, is made again (core/missing.py). Its number, its name and what people said of it
    stay; an opt-out is in the way of nothing, for nothing is there. A batch that runs lets go of it first.

    While a batch surges they wait: until what is replaced is gone, two have one place in the provider's quota.
    """
    if is_amid_a_surge(facts):
        return None
    short, in_flight = facts.capacity - len(facts.staying), ids_in_flight(facts)
    again = tuple(one.id for one in missing.due(facts, now) if one.id not in in_flight)
    if short <= 0 and not again:
        return None
    if facts.image_for_new is None:
        return Wait(now + RESYNC_INTERVAL, Why.NO_IMAGE, messages.NO_IMAGE)
    return AddInstances(short, facts.image_for_new) if short > 0 else MakeAgain(again, facts.image_for_new)


def remove_surplus_instances(facts: Facts, now: datetime) -> Step | None:
    """From the fullest zone, highest ids first; never a protected one or one that is to be kept, nor one that something is done to.

    Before any other those that were to replace one, and do not; then those that have no machine. No machine goes for one that is
    being made: what comes of that is waited for.
    """
    in_flight = ids_in_flight(facts)
    untouched = [one for one in batches.untouched(facts) if one.id not in in_flight]
    if spare := [one.id for one in untouched if one.spare]:
        return RemoveInstances(tuple(sorted(spare)))
    free = [one for one in untouched if not one.kept]
    surplus = len(facts.staying) - facts.capacity
    coming = sum(1 for one in facts.staying if one.making and not one.protected and not one.kept)
    most = max(surplus - coming, min(surplus, sum(1 for one in free if one.missing)))
    return RemoveInstances(batches.to_remove(facts, free, most)) if most > 0 and free else None


def wait_for_machines(facts: Facts, now: datetime) -> Step | None:
    """Machines are being made or removed outside any upgrade; whoever died over that work is replaced as soon as its lease lapses.

    Where some are missing, that is said: there is never nothing to do then.
    """
    if any(one.busy for one in facts.instances):
        return Wait(now + WORK_POLL_INTERVAL, Why.CREATING, making(facts))
    if not (lacking := missing.wanted(facts)):
        return None
    next_try, why = missing.next_try(facts, now), Why.NOT_MADE if missing.not_made(facts) else Why.GONE
    until = min(next_try or now + WORK_POLL_INTERVAL, now + RESYNC_INTERVAL)
    return Wait(until, why, messages.lacking(len(lacking), facts.capacity))


def making(facts: Facts) -> str:
    """What is being done to the busy ones, outside any upgrade."""
    busy = [one for one in facts.instances if one.busy]
    creating, removing = sum(one.making for one in busy), sum(one.leaving for one in busy)
    return messages.making(creating, removing, len(busy) - creating - removing)
