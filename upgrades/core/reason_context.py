"""`Reason`: why something is not moving, and how one is made. `ReasonContext`: what the functions that find reasons look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from upgrades.core import batches
from upgrades.core.catalogue import is_message, say_with
from upgrades.core.facts import Facts, InstanceFacts, Upgrade, Withdrawal
from upgrades.core.policy import Policy
from upgrades.core.reason_kinds import KINDS, LiftedBy
from upgrades.core.states import InstanceUpgradeState, StartedBy
from upgrades.core.what_if import with_other_version_opt_out_ended

NO_NUMBERS: Mapping[str, float] = MappingProxyType({})
NO_VALUES: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is not moving: the `code` for programs, the sentence `text` for people, with its `numbers`.

    `holder`: the name of what holds it, such as "health" or "approval". `lifted_by`: who can end it.
    `action`: the command that would end it, "" where none would. `until`: when it ends at the earliest, None where unknown.
    `instances`: the ids of those it holds; None for the scale set as a whole. `since`: when it began; None means when it was first found.
    `text_for_one`: a sentence about one of its instances alone, where `text` counts them all.
    `brief`: `text` in few words, "" where a row of a table needs none, None for the whole text.
    """

    code: StrEnum
    text: str
    holder: str
    lifted_by: LiftedBy = LiftedBy.NOBODY
    action: str = ""
    until: datetime | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    instances: tuple[int, ...] | None = None
    since: datetime | None = None
    text_for_one: str = ""
    brief: str | None = None


def make_reason(
    code: StrEnum,
    values: Mapping[str, object] = NO_VALUES,
    *,
    variant: str = "",
    lifted_by: LiftedBy | None = None,
    action: str | None = None,
    until: datetime | None = None,
    since: datetime | None = None,
    instances: tuple[int, ...] | None = None,
    numbers: Mapping[str, float] = NO_NUMBERS,
) -> Reason:
    """Make a reason of this code, with its sentences.

    `numbers` become a field of the reason; `values` are only for its sentences. The sentences can also use `numbers`, `until`, `since`,
    `instances` and the `count` of these. `variant`: which sentence, where the code has several. `lifted_by`, `action`: where they are not
    those of the table."""
    kind = KINDS[code]
    known = {**numbers, "until": until, "since": since, "instances": instances, "count": len(instances or ()), **values}
    brief, text_for_one = f"{code}.brief", f"{code}.each"
    return Reason(
        code,
        say_with(f"{code}.{variant}" if variant else code, known),
        kind.holder,
        kind.lifted_by if lifted_by is None else lifted_by,
        kind.action if action is None else action,
        until,
        numbers,
        instances,
        since,
        text_for_one=say_with(text_for_one, known) if instances is not None and is_message(text_for_one) else "",
        brief=(say_with(brief, known) if is_message(brief) else None) if kind.is_brief else "",
    )


def withdrawal_values(version: str, withdrawal: Withdrawal) -> dict[str, object]:
    """The values for sentences about a version that was withdrawn."""
    return {"version": version, "by": withdrawal.by, "reason": withdrawal.reason.rstrip(".")}


@dataclass(frozen=True, slots=True)
class ReasonContext:
    """The facts, and what is derived from them for every search for reasons.

    `target`: the wanted version, "" for none. `policy`: that of the running upgrade, or else the platform's. `started_by`: who started the
    running upgrade, or would start the next one. `outdated`: the instances that are still to get the target version, whatever holds them.
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
        """Does the running upgrade begin no further batch?

        It was stopped and rolls back, or it stops at the end of its batch: it was cancelled, its version was withdrawn, or the platform
        started it and automatic upgrades were turned off since."""
        upgrade = self.upgrade
        if upgrade is None:
            return False
        is_unwanted = upgrade.started_by is StartedBy.PLATFORM and not self.facts.automatic
        is_withdrawn = upgrade.target.version in self.facts.withdrawn
        return bool(upgrade.breach or upgrade.cancel_requested_by or is_unwanted or is_withdrawn)

    @property
    def is_automatic(self) -> bool:
        """Does the platform upgrade the scale set to each new version?"""
        return self.facts.automatic and self.facts.follows_latest

    @property
    def wants_upgrade(self) -> bool:
        """Is something to be upgraded, by a running upgrade or by the platform's next one?"""
        return self.upgrade is not None or (bool(self.outdated) and self.is_automatic)


def reason_context_of(facts: Facts, now: datetime) -> ReasonContext:
    """The context of these facts, made once."""
    return facts.cached(("reason context", now), lambda: _reason_context_of(facts, now))


def _reason_context_of(facts: Facts, now: datetime) -> ReasonContext:
    upgrade = facts.upgrade
    target = upgrade.target.version if upgrade else facts.latest_image.version if facts.latest_image else ""
    taken = (
        {member.instance for member in upgrade.members if member.state is not InstanceUpgradeState.SKIPPED}
        if upgrade
        else set()
    )
    outdated = tuple(
        instance
        for instance in facts.staying
        if instance.id not in taken and would_be_taken_next(instance, facts, target)
    )
    started_by = upgrade.started_by if upgrade else StartedBy.PLATFORM
    if upgrade is None:
        outdated = tuple(with_other_version_opt_out_ended(instance, target) for instance in outdated)
    return ReasonContext(facts, now, target, upgrade.policy if upgrade else facts.policy, started_by, outdated)


def would_be_taken_next(instance: InstanceFacts, facts: Facts, target: str) -> bool:
    """Would the running upgrade, or else the next one, take this instance if nothing held it?

    An instance on a newer version than the target is not taken, unless the scale set is pinned to the target: then it moves back.
    """
    if facts.upgrade:
        return batches.would_be_taken(instance, facts.upgrade)
    if facts.pinned_to:
        return bool(target) and (instance.is_half_made or (bool(instance.version) and instance.version != target))
    return bool(target) and batches.has_older_version(instance, target)
