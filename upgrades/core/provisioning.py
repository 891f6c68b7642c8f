"""How far a scale set is with what its document asks for. A rolling upgrade is no matter of it: that has a state of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from upgrades.core.facts import Facts
from upgrades.core.states import MemberState, Provisioning


@dataclass(frozen=True, slots=True)
class ProvisioningStatus:
    """`failed` numbers the instances that have no machine, `said` is what the provider said of the first of them."""

    state: Provisioning
    failed: tuple[int, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a scale set's instances: those that stay, those of them that may be taken away, those being made or taken away."""

    staying: int = 0
    removable: int = 0
    changing: int = 0


def counts_of(facts: Facts) -> Counts:
    """One that goes because another took its place is of the upgrade, and changes nothing here."""
    members = facts.upgrade.members if facts.upgrade else ()
    replaced = {one.instance for one in members if one.replacement is not None and one.state is MemberState.SUCCEEDED}
    changing = [one for one in facts.instances if (one.making or one.leaving) and not one.spare]
    return Counts(
        staying=len(facts.staying),
        removable=sum(not one.kept and not one.protected for one in facts.staying),
        changing=sum(not (one.leaving and one.id in replaced) for one in changing),
    )


def lacking(facts: Facts) -> list[tuple[int, str]]:
    """Those that have no machine while nobody makes one, with what the provider said: their numbers ascend."""
    without = [one for one in facts.staying if one.missing and not one.busy]
    return [(one.id, one.missing.said if one.missing else "") for one in without]


def provisioning_status(
    capacity: int, counts: Counts, failed: Sequence[tuple[int, str]], *, is_leaving: bool
) -> ProvisioningStatus:
    """`failed`: as `lacking` says; `is_leaving`: the whole scale set is being deleted."""
    missing = capacity - counts.staying
    if is_leaving:
        return ProvisioningStatus(Provisioning.DELETING)
    if missing > 0 or counts.changing or (missing < 0 and counts.removable):
        has_none = counts.staying == counts.changing
        return ProvisioningStatus(Provisioning.CREATING if has_none and missing >= 0 else Provisioning.UPDATING)
    if not failed:
        return ProvisioningStatus(Provisioning.SUCCEEDED)
    return ProvisioningStatus(Provisioning.FAILED, tuple(number for number, _ in failed), failed[0][1])
