"""The provisioning status: how far a scale set is with what its document asks for.

Rolling upgrades do not count here, because they have a status of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from upgrades.core.facts import Facts
from upgrades.core.states import InstanceUpgradeState, Provisioning


@dataclass(frozen=True, slots=True)
class ProvisioningStatus:
    """The status. `failed`: the ids of instances without a machine. `error`: the provider's error message for the first of them."""

    state: Provisioning
    failed: tuple[int, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class InstanceCounts:
    """How many instances stay, how many of these may be removed, and how many are being created or deleted."""

    staying: int = 0
    removable: int = 0
    changing: int = 0


def counts_of(facts: Facts) -> InstanceCounts:
    """Count the instances. One that the running upgrade deletes, because a surge instance replaced it, is not `changing`."""
    members = facts.upgrade.members if facts.upgrade else ()
    replaced = {
        member.instance
        for member in members
        if member.replacement is not None and member.state is InstanceUpgradeState.SUCCEEDED
    }
    changing = [
        instance
        for instance in facts.instances
        if (instance.is_being_created or instance.is_being_deleted) and not instance.is_unused_surge
    ]
    return InstanceCounts(
        staying=len(facts.staying),
        removable=sum(
            not instance.is_protected_from_scale_in and not instance.is_opted_out for instance in facts.staying
        ),
        changing=sum(not (instance.is_being_deleted and instance.id in replaced) for instance in changing),
    )


def without_machine(facts: Facts) -> list[tuple[int, str]]:
    """(id, the provider's error message) of each instance that has no machine, and for which none is being created, by ascending id."""
    found = [instance for instance in facts.staying if instance.missing and not instance.is_busy]
    return [(instance.id, instance.missing.error if instance.missing else "") for instance in found]


def provisioning_status(
    capacity: int, counts: InstanceCounts, failed: Sequence[tuple[int, str]], *, is_being_deleted: bool
) -> ProvisioningStatus:
    """The status for these numbers. `failed`: the result of `without_machine`. `is_being_deleted`: the whole scale set is."""
    missing = capacity - counts.staying
    if is_being_deleted:
        return ProvisioningStatus(Provisioning.DELETING)
    if missing > 0 or counts.changing or (missing < 0 and counts.removable):
        has_none_yet = counts.staying == counts.changing
        return ProvisioningStatus(Provisioning.CREATING if has_none_yet and missing >= 0 else Provisioning.UPDATING)
    if not failed:
        return ProvisioningStatus(Provisioning.SUCCEEDED)
    return ProvisioningStatus(Provisioning.FAILED, tuple(number for number, _ in failed), failed[0][1])
