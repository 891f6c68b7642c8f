"""The part of the running upgrade that is under way now."""

from upgrades.core.facts import Batch, Facts, InstanceUpgradeFacts
from upgrades.core.states import IN_FLIGHT, Health


def running_batch(facts: Facts) -> Batch | None:
    """The batch that has begun and is not finished; None where there is none."""
    last = facts.upgrade.batches[-1] if facts.upgrade and facts.upgrade.batches else None
    return last if last and last.finished_at is None else None


def members_in_flight(facts: Facts) -> list[InstanceUpgradeFacts]:
    """The members that are being worked on: of the running batch, or of all batches while a stopped upgrade rolls back."""
    return list(facts.cached("members in flight", lambda: tuple(_members_in_flight(facts))))


def _members_in_flight(facts: Facts) -> list[InstanceUpgradeFacts]:
    return [member for member in facts.upgrade.members if member.state in IN_FLIGHT] if facts.upgrade else []


def ids_in_flight(facts: Facts) -> set[int]:
    """The ids of the old and the new instances of `members_in_flight`."""
    return {id for member in members_in_flight(facts) for id in (member.instance, member.upgraded_id)}


def is_amid_a_surge(facts: Facts) -> bool:
    """Are new instances being created to replace old ones, or old ones still being deleted?"""
    if facts.upgrade is None or not facts.upgrade.surges:
        return False
    new = any(member.replacement is not None for member in members_in_flight(facts))
    return new or any(instance.is_being_deleted for instance in facts.instances)


def is_healthy(facts: Facts, member: InstanceUpgradeFacts) -> bool:
    instance = facts.instance(member.upgraded_id)
    return instance is not None and instance.health is Health.HEALTHY


def is_to_be_skipped(facts: Facts, member: InstanceUpgradeFacts) -> bool:
    """Is this member to be skipped, so that it neither succeeds nor fails?

    It is skipped if its replacement is no longer wanted, because the old instance was opted out or switched off, and if the machine whose
    health is awaited is gone, because nobody knows then whether the new image works on it."""
    instance, upgraded = facts.instance(member.instance), facts.instance(member.upgraded_id)
    if upgraded is not None and upgraded.missing:
        return True
    return (
        member.replacement is not None and instance is not None and (instance.is_opted_out or instance.is_switched_off)
    )
