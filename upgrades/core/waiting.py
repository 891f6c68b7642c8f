"""What a reason is, and what those who look for reasons are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from upgrades.core import batches
from upgrades.core.facts import Facts, InstanceFacts, Upgrade
from upgrades.core.policy import Policy
from upgrades.core.states import MemberState, StartedBy
from upgrades.core.steps import Why
from upgrades.core.what_if import turned


class InstanceWhy(StrEnum):
    """Why one instance is not moving, or cannot: beside `Why`, which is of the whole scale set."""

    IMPOSSIBLE = "OptOutsLeaveNothing"
    SHUT_BY_OPT_OUTS = "OptOutsKeepTheGateShut"
    QUARANTINED = "Quarantined"
    OPTED_OUT = "OptedOut"
    SWITCHED_OFF = "SwitchedOff"
    FAILED_BEFORE = "FailedOnThisVersion"
    SUSPECTED = "VersionSuspected"
    WITHDRAWN = "VersionWithdrawn"
    PINNED = "PinnedToAnotherVersion"
    PINNED_WITHDRAWN = "PinnedVersionWithdrawn"
    TURN = "WaitsForItsTurn"
    AUTOMATIC_OFF = "AutomaticUpgradesOff"
    SURPLUS = "SurplusIsKept"


class LiftedBy(StrEnum):
    """Who can lift a reason."""

    NOBODY = "nobody"  # it passes by itself
    OPERATOR = "operator"
    OWNER = "owner"  # of the opt-out
    PUBLISHER = "publisher"


LIFTED_BY_WORDS = {  # in words; what nobody lifts passes by itself
    LiftedBy.OPERATOR: "an operator",
    LiftedBy.OWNER: "the owner of the opt-out",
    LiftedBy.PUBLISHER: "the image's publisher",
}

# The same beside a button, for whoever reads a reason: what can be done about it.
REMEDIES = {
    LiftedBy.NOBODY: "no action needed",
    LiftedBy.OPERATOR: "an operator can override this",
    LiftedBy.OWNER: "who opted out can end this",
    LiftedBy.PUBLISHER: "a new version ends this",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """`numbers` are those of the sentence; `gate` names the rule that holds; `until` is the earliest release, where that is known.

    `act` is the command that would lift it ("" where none would); `instances` are those held (None: the scale set as a whole).
    `since`: when it began, where that is known; None: when it was first found. `each`: what it says of one of its instances alone,
    where its sentence counts them all.
    """

    code: Why | InstanceWhy
    text: str
    gate: str
    who: LiftedBy = LiftedBy.NOBODY
    act: str = ""
    until: datetime | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    instances: tuple[int, ...] | None = None
    since: datetime | None = None
    each: str = ""


@dataclass(frozen=True, slots=True)
class ReasonContext:
    """The facts, and what follows from them for all that asks: the version that is wanted, the policy in force.

    `outdated`: those that are still to get that version, whatever holds them.
    """

    facts: Facts
    now: datetime
    target: str
    policy: Policy
    started_by: StartedBy
    outdated: tuple[InstanceFacts, ...]

    @property
    def upgrade(self) -> Upgrade | None:
        return self.facts.upgrade

    @property
    def is_ending(self) -> bool:
        """Nothing begins in it any more: it was stopped and rolls back, or it is to stop at the end of its batch: cancelled, to a version
        that was withdrawn, or the platform's where automatic upgrades were turned off."""
        upgrade = self.upgrade
        if upgrade is None:
            return False
        is_unwanted = upgrade.started_by is StartedBy.PLATFORM and not self.facts.automatic
        is_withdrawn = upgrade.target.version in self.facts.withdrawn
        return bool(upgrade.breach or upgrade.cancel_requested_by or is_unwanted or is_withdrawn)

    @property
    def is_automatic(self) -> bool:
        return self.facts.automatic and self.facts.follows_latest

    @property
    def is_wanted(self) -> bool:
        """Something is to be upgraded, by a running upgrade or by the platform alone."""
        return self.upgrade is not None or (bool(self.outdated) and self.is_automatic)


def reason_context_of(facts: Facts, now: datetime) -> ReasonContext:
    upgrade = facts.upgrade
    target = upgrade.target.version if upgrade else facts.latest.version if facts.latest else ""
    taken = {one.instance for one in upgrade.members if one.state is not MemberState.SKIPPED} if upgrade else set()
    outdated = tuple(one for one in facts.staying if one.id not in taken and is_taken_next(one, facts, target))
    started_by = upgrade.started_by if upgrade else StartedBy.PLATFORM
    if upgrade is None:
        outdated = tuple(turned(one, target) for one in outdated)
    return ReasonContext(facts, now, target, upgrade.policy if upgrade else facts.policy, started_by, outdated)


def is_taken_next(one: InstanceFacts, facts: Facts, target: str) -> bool:
    """The running upgrade would take it, if nothing held it; where none runs, the next one.

    Who is on a newer version than the target lacks nothing; where the scale set is pinned, people's upgrades lead back.
    """
    if facts.upgrade:
        return batches.is_wanted(one, facts.upgrade)
    if facts.pinned_to:
        return bool(target) and bool(one.version) and one.version != target
    return bool(target) and batches.is_outdated(one, target)
