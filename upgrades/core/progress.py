"""The progress of an upgrade: Azure's four counts, which add up to the number of instances that it takes (S-52)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from upgrades.core import batches
from upgrades.core.facts import Facts, Upgrade
from upgrades.core.states import HAS_FAILED, IN_FLIGHT, InstanceUpgradeState


@dataclass(frozen=True, slots=True)
class Progress:
    """The four counts, without opted-out instances. `failed`: whether or not they have their old OS disk back. `pending`: not taken yet."""

    successful: int
    failed: int
    in_progress: int
    pending: int

    @property
    def total(self) -> int:
        return self.successful + self.failed + self.in_progress + self.pending


def progress_of(facts: Facts, upgrade: Upgrade) -> Progress:
    """The progress of a running upgrade."""
    pending = len(batches.pending(facts, upgrade))
    return progress_from(count_states(member.state for member in upgrade.members), pending)


def progress_from(by_state: Mapping[str, int], pending: int) -> Progress:
    """The progress from the number of members in each state. Skipped members are in none of the four counts."""
    return Progress(
        successful=by_state.get(InstanceUpgradeState.SUCCEEDED, 0),
        failed=sum(by_state.get(state, 0) for state in HAS_FAILED - IN_FLIGHT),
        in_progress=sum(by_state.get(state, 0) for state in IN_FLIGHT),
        pending=pending,
    )


def count_states(states: Iterable[InstanceUpgradeState]) -> dict[str, int]:
    """{state: how often it occurs}."""
    counts: dict[str, int] = {}
    for state in states:
        counts[state] = counts.get(state, 0) + 1
    return counts
