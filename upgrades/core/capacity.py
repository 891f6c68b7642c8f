"""The rules of capacity: a scale set has as many machines as its client asked for, whatever happens to an upgrade."""

from datetime import datetime

from upgrades.core import batches, missing
from upgrades.core.catalogue import say
from upgrades.core.facts import Facts
from upgrades.core.in_flight import ids_in_flight, is_amid_a_surge
from upgrades.core.sentences import Sentence
from upgrades.core.steps import (
    RESYNC_INTERVAL,
    WORK_POLL_INTERVAL,
    AddInstances,
    RecreateMachines,
    RemoveInstances,
    Step,
    Wait,
    Why,
)


def add_missing_instances(facts: Facts, now: datetime) -> Step | None:
    """Create machines until the set has as many as its capacity, on the newest image (Z-1.12) that is not suspected.

    A machine that could not be created, or is gone at the provider, is created again (core/missing.py). The instance keeps its number, its
    name, its opt-out and its approval. An opt-out does not prevent the creation: there is no machine that it could protect. An instance of
    the running batch must first be skipped by the batch (`settle_members`).

    During a surge nothing is created: until the old instances are deleted, they and the new ones both take up quota.
    """
    if is_amid_a_surge(facts):
        return None
    in_flight, image = ids_in_flight(facts), facts.image_for_new_instances
    to_add = facts.capacity - len(facts.staying)
    to_recreate = tuple(instance.id for instance in missing.to_create_now(facts, now) if instance.id not in in_flight)
    if to_add <= 0 and not to_recreate:
        return None
    if image is None:
        return Wait(now + RESYNC_INTERVAL, Why.NO_IMAGE, say(Why.NO_IMAGE))
    return AddInstances(to_add, image) if to_add > 0 else RecreateMachines(to_recreate, image)


def remove_surplus_instances(facts: Facts, now: datetime) -> Step | None:
    """Remove surplus instances, from the fullest zone, highest ids first; never opted-out, protected or busy ones.

    Surge instances that replace nothing are removed first, then instances without a machine. Machines that are still being created do not
    cause a removal: it is not known yet whether they will exist.
    """
    in_flight = ids_in_flight(facts)
    touchable = [instance for instance in batches.touchable(facts) if instance.id not in in_flight]
    if unused := [instance.id for instance in touchable if instance.is_unused_surge]:
        return RemoveInstances(tuple(sorted(unused)))
    free = [instance for instance in touchable if not instance.is_protected_from_scale_in]
    surplus = len(facts.staying) - facts.capacity
    being_created = sum(
        1
        for instance in facts.staying
        if instance.is_being_created and not instance.is_opted_out and not instance.is_protected_from_scale_in
    )
    without_machine = sum(1 for instance in free if instance.missing)
    # Instances without a machine can be removed at once; for the rest, assume that no machine that is being created will exist.
    count = max(surplus - being_created, min(surplus, without_machine))
    return RemoveInstances(batches.choose_for_removal(facts, free, count)) if count > 0 and free else None


def wait_for_machines(facts: Facts, now: datetime) -> Step | None:
    """Wait while machines are created or removed outside any upgrade, or are missing.

    The wait is short, so that work is handed out again soon after the lease of a dead worker has expired. Missing machines are named, so
    that the answer is never "nothing to do".
    """
    if any(instance.is_busy for instance in facts.instances):
        return Wait(now + WORK_POLL_INTERVAL, Why.CREATING, _busy_message(facts))
    if not (lacking := missing.to_create(facts)):
        return None
    first_creation_at = missing.first_creation_at(facts, now)
    why = Why.GONE
    if missing.failed_creations(facts):
        why = Why.CREATION_FAILED
    elif missing.machines_elsewhere(facts):
        why = Why.ELSEWHERE
    until = min(first_creation_at or now + WORK_POLL_INTERVAL, now + RESYNC_INTERVAL)
    return Wait(until, why, say("MachinesMissing", count=len(lacking), capacity=facts.capacity))


def _busy_message(facts: Facts) -> Sentence:
    """The sentence that says what is being done to the busy instances, outside any upgrade."""
    variant, counts = busy_variant(facts)
    return say(f"{Why.CREATING}.{variant}" if variant else Why.CREATING, **counts)


def busy_variant(facts: Facts) -> tuple[str, dict[str, int]]:
    """(variant of the message CreatingInstances, its values: how many busy instances are being created, removed or changed)."""
    busy = [instance for instance in facts.instances if instance.is_busy]
    creating = sum(instance.is_being_created for instance in busy)
    removing = sum(instance.is_being_deleted for instance in busy)
    counts = {"creating": creating, "removing": removing, "others": len(busy) - creating - removing}
    names = [name for name, count in counts.items() if count]
    if len(names) > 1:
        return "several", counts
    (name,) = names
    return _VARIANTS[name], {name: counts[name]}


_VARIANTS = {"creating": "", "removing": "removing", "others": "changing"}
