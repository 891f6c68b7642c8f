"""Why is it not moving? Every upgrade and every instance that stands still has reasons, the weightiest first.

`decide` answers with the first thing that holds an upgrade; here is all that does, and what holds each instance. The same object is in
the feed, the API and `manage.py status`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from upgrades.core import batches, health, messages, retrying
from upgrades.core.facts import Facts, Hold, InstanceFacts, Member, Policy, Upgrade
from upgrades.core.states import IN_FLIGHT, MemberState, StartedBy, UpgradeKind
from upgrades.core.steps import Why


class Held(StrEnum):
    """Why one instance is not moving, or cannot: beside `Why`, which is of the whole scale set."""

    IMPOSSIBLE = "OptOutsLeaveNothing"
    SHUT_BY_OPT_OUTS = "OptOutsKeepTheGateShut"
    QUARANTINED = "Quarantined"
    OPTED_OUT = "OptedOut"
    SWITCHED_OFF = "SwitchedOff"
    FAILED_BEFORE = "FailedOnThisVersion"
    TURN = "WaitsForItsTurn"
    AUTOMATIC_OFF = "AutomaticUpgradesOff"


class Who(StrEnum):
    """Who can lift a reason."""

    NOBODY = "nobody"  # it passes by itself
    OPERATOR = "operator"
    OWNER = "owner"  # of the opt-out
    PUBLISHER = "publisher"


LIFTED_BY = {  # in words; what nobody lifts passes by itself
    Who.OPERATOR: "an operator",
    Who.OWNER: "the owner of the opt-out",
    Who.PUBLISHER: "the image's publisher",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """`numbers` are those of the sentence; `gate` names the rule that holds; `until` is the earliest release, where that is known.

    `act` is the command that would lift it ("" where none would); `instances` are those held (None: the scale set as a whole).
    `since`: when it began, where that is known; None: when it was first found.
    """

    code: Why | Held
    text: str
    gate: str
    who: Who = Who.NOBODY
    act: str = ""
    until: datetime | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    instances: tuple[int, ...] | None = None
    since: datetime | None = None


RANK: tuple[Why | Held, ...] = (
    Why.NO_IMAGE,
    Held.SHUT_BY_OPT_OUTS,
    Why.GATE,
    Why.STALE_HEALTH,
    Why.FLEET_STOPPED,
    Why.PAUSED,
    Why.WAITING_FOR_APPROVAL,
    Held.IMPOSSIBLE,
    Why.BACKING_OFF,
    Why.STOPPED,
    Held.AUTOMATIC_OFF,
    Held.QUARANTINED,
    Held.FAILED_BEFORE,
    Held.OPTED_OUT,
    Held.SWITCHED_OFF,
    Why.ROLLING_BACK,
    Why.INITIALIZING,
    Why.PAUSE,
    Why.ROOM,
    Why.REPLACING,
    Why.SURGING,
    Why.RUNNING_EXTENSIONS,
    Why.VERIFYING,
    Why.CLEARING,
    Why.CREATING,
    Held.TURN,
)


@dataclass(frozen=True, slots=True)
class _View:
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
        """Nothing begins in it any more: it was stopped and rolls back, or it is to stop at the end of its batch."""
        return self.upgrade is not None and bool(self.upgrade.breach or self.upgrade.cancel_requested_by)

    @property
    def is_automatic(self) -> bool:
        return self.facts.automatic and self.facts.follows_latest

    @property
    def is_wanted(self) -> bool:
        """Something is to be upgraded, by a running upgrade or by the platform alone."""
        return self.upgrade is not None or (bool(self.outdated) and self.is_automatic)


Source = Callable[[_View], Iterable[Reason]]


def reasons(facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """All that holds the scale set and its instances now, ranked. Nothing where all are on the version that is wanted."""
    view = _view(facts, now)
    found = [reason for source in SOURCES for reason in source(view)]
    return tuple(sorted(found, key=lambda one: (RANK.index(one.code), one.instances or ())))


def _view(facts: Facts, now: datetime) -> _View:
    upgrade = facts.upgrade
    target = upgrade.target.version if upgrade else facts.latest.version if facts.latest else ""
    taken = {one.instance for one in upgrade.members if one.state is not MemberState.SKIPPED} if upgrade else set()
    outdated = tuple(one for one in facts.staying if one.id not in taken and _is_behind(one, facts, target))
    started_by = upgrade.started_by if upgrade else StartedBy.PLATFORM
    return _View(facts, now, target, upgrade.policy if upgrade else facts.policy, started_by, outdated)


def _is_behind(one: InstanceFacts, facts: Facts, target: str) -> bool:
    """The running upgrade would take it, if nothing held it; where none runs, the next one."""
    if facts.upgrade:
        return batches.is_wanted(one, facts.upgrade)
    return bool(target) and batches.is_outdated(one, target)


# --- the scale set ----------------------------------------------------------------------------------------------------


def _no_image(view: _View) -> Iterator[Reason]:
    if view.facts.latest is None and view.facts.capacity > len(view.facts.staying):
        yield Reason(Why.NO_IMAGE, messages.NO_IMAGE, "image", Who.PUBLISHER, "publish_image")


def _gate(view: _View) -> Iterator[Reason]:
    """Numbers: unhealthy, total, limit_percent, must_recover."""
    facts, limit = view.facts, view.policy.max_unhealthy_percent
    sick, total = health.unhealthy(facts, view.now), len(facts.counted)
    if not view.is_wanted or not health.exceeds(len(sick), total, limit):
        return
    must_recover = len(sick) - limit * total // 100
    numbers = {"unhealthy": len(sick), "total": total, "limit_percent": limit, "must_recover": must_recover}
    text = messages.gate(len(sick), total, limit, must_recover)
    act = "" if view.upgrade else "change_policy"  # a running upgrade has its own, fixed at its start
    yield Reason(Why.GATE, text, "health", Who.OPERATOR, act, numbers=numbers, instances=health.ids(sick))
    protected = [one for one in sick if one.protected]
    if health.exceeds(len(protected), total, limit):
        text = messages.shut_by_opt_outs(len(protected), total, limit)
        numbers = {"unhealthy": len(protected), "total": total, "limit_percent": limit}
        ids = health.ids(protected)  # opting them in lifts nothing: they count all the same
        yield Reason(Held.SHUT_BY_OPT_OUTS, text, "health", Who.OWNER, numbers=numbers, instances=ids)


def _stale(view: _View) -> Iterator[Reason]:
    if view.is_wanted and health.is_stale(view.facts, view.now):
        yield Reason(Why.STALE_HEALTH, messages.stale(view.facts.health_as_of), "health")


def _initializing(view: _View) -> Iterator[Reason]:
    waiting = health.initializing(view.facts, view.now)
    in_flight = {one.instance for one in view.upgrade.members if one.state in IN_FLIGHT} if view.upgrade else set()
    new = [one for one in waiting if one.id not in in_flight]
    if new and view.is_wanted:
        ends = [health.wait_ends(view.facts, one.health_since, view.now) for one in new if one.health_since]
        text = messages.initializing(len(new))
        yield Reason(Why.INITIALIZING, text, "health", until=max(ends, default=None), instances=health.ids(new))


def _fleet_stop(view: _View) -> Iterator[Reason]:
    stop = view.facts.fleet_stop
    if stop and view.is_wanted and view.started_by is StartedBy.PLATFORM and not view.is_ending:
        text = messages.fleet_stopped(stop)
        yield Reason(
            Why.FLEET_STOPPED, text, "fleet stop", Who.OPERATOR, "end_fleet_stop", stop.until, since=stop.since
        )


def _paused(view: _View) -> Iterator[Reason]:
    if view.upgrade and view.upgrade.paused_by and not view.is_ending:
        yield Reason(Why.PAUSED, messages.paused(view.upgrade.paused_by), "pause", Who.OPERATOR, "resume")


def _pause(view: _View) -> Iterator[Reason]:
    upgrade = view.upgrade
    last = upgrade.batches[-1].finished_at if upgrade and upgrade.batches else None
    if not upgrade or not last or upgrade.pause_is_skipped or view.is_ending:
        return
    if not batches.approved(view.facts, upgrade):
        return
    until = last + upgrade.policy.pause_between_batches
    if until > view.now:
        yield Reason(Why.PAUSE, messages.pause(until), "pause", Who.OPERATOR, "next_batch_now", until)


def _room(view: _View) -> Iterator[Reason]:
    """Between two batches that surge."""
    upgrade, facts = view.upgrade, view.facts
    if not upgrade or not upgrade.surges or view.is_ending or any(one.state in IN_FLIGHT for one in upgrade.members):
        return
    leaving = tuple(one.id for one in facts.instances if one.leaving)
    if leaving:
        yield Reason(Why.CLEARING, messages.clearing(len(leaving)), "room", instances=leaving)
    if not facts.room_is_known:
        yield Reason(Why.ROOM, messages.ROOM_UNKNOWN, "room")


def _retry(view: _View) -> Iterator[Reason]:
    facts = view.facts
    if view.upgrade or not view.is_wanted or facts.latest is None:
        return
    version, again_at = facts.latest.version, retrying.tried_again_at(facts)
    can_be_tried = any(not one.protected and not one.quarantined and not one.stopped for one in view.outdated)
    if again_at and again_at > view.now and can_be_tried and not retrying.was_cancelled(facts):
        last = facts.last_attempt
        numbers = {"attempts": last.stopped_in_a_row if last else 0}
        text = messages.backing_off(version, again_at)
        yield Reason(Why.BACKING_OFF, text, "retry", Who.OPERATOR, "retry_now", again_at, numbers)
    if retrying.was_cancelled(facts):
        yield Reason(Why.STOPPED, messages.stopped(version), "retry", Who.OPERATOR, "retry_now")


def _automatic_off(view: _View) -> Iterator[Reason]:
    could_be = [one for one in view.outdated if not one.protected and not one.stopped]
    if view.upgrade is None and could_be and view.facts.follows_latest and not view.facts.automatic:
        text, numbers = messages.automatic_off(view.target, len(could_be)), {"instances": len(could_be)}
        yield Reason(Held.AUTOMATIC_OFF, text, "automatic upgrades", Who.OPERATOR, "start", numbers=numbers)


def _impossible(view: _View) -> Iterator[Reason]:
    """Opt-outs (and quarantines) leave nothing that could be upgraded."""
    held = [one for one in view.outdated if one.protected or one.quarantined]
    if view.upgrade is None and view.is_wanted and view.outdated and len(held) == len(view.outdated):
        text = messages.nothing_left(len(held), view.target)
        opted_out = any(one.protected for one in held)
        who, act = (Who.OWNER, "opt_in") if opted_out else (Who.OPERATOR, "release")
        yield Reason(Held.IMPOSSIBLE, text, "opt-out", who, act, instances=health.ids(held))


# --- the batch that runs ----------------------------------------------------------------------------------------------


def _working(view: _View) -> Iterator[Reason]:
    """Not held, but under way: what is awaited of each."""
    groups: dict[Why, list[Member]] = defaultdict(list)
    forth = _FORTH[view.upgrade.kind if view.upgrade else UpgradeKind.IMAGE]
    for member in view.upgrade.members if view.upgrade else ():
        if member.state in IN_FLIGHT:
            way = forth if member.replacement is None else Why.SURGING
            groups[_AWAITED.get(member.state, way)].append(member)
    until = _verified_by(view)
    for why, members in groups.items():
        text = _UNDER_WAY[why](len(members)) if why in _UNDER_WAY else messages.verifying(len(members), until)
        is_known = why is Why.VERIFYING and until > view.now  # on old news nobody's time is up
        instances = tuple(sorted({id for one in members for id in (one.instance, one.upgraded)}))
        yield Reason(why, text, "batch", until=until if is_known else None, instances=instances)
    awaited = view.upgrade is not None and view.upgrade.surges  # those that leave have a reason of their own then
    busy = [one.id for one in view.facts.instances if one.busy and not (awaited and one.leaving)]
    if busy and not groups:
        yield Reason(Why.CREATING, messages.making(len(busy)), "capacity", instances=tuple(busy))


_AWAITED = {MemberState.VERIFYING: Why.VERIFYING, MemberState.ROLLING_BACK: Why.ROLLING_BACK}
_FORTH = {UpgradeKind.IMAGE: Why.REPLACING, UpgradeKind.EXTENSIONS: Why.RUNNING_EXTENSIONS}
_UNDER_WAY = {
    Why.REPLACING: messages.replacing,
    Why.SURGING: messages.surging,
    Why.RUNNING_EXTENSIONS: messages.running_extensions,
    Why.ROLLING_BACK: messages.rolling_back,
}


def _verified_by(view: _View) -> datetime:
    members = view.upgrade.members if view.upgrade else ()
    swaps = [one.swapped_at for one in members if one.state is MemberState.VERIFYING and one.swapped_at]
    return min((health.wait_ends(view.facts, at, view.now) for at in swaps), default=view.now)


# --- single instances -------------------------------------------------------------------------------------------------


def _unapproved(view: _View) -> Iterator[Reason]:
    """Those that nothing else keeps from being upgraded. Where no upgrade runs they can be approved ahead."""
    free = batches.remaining(view.facts, view.upgrade) if view.upgrade else _free(view)
    held = [one.id for one in free if not batches.is_approved(one, view.policy, view.target)]
    if held and view.is_wanted and not view.is_ending:
        text, numbers = messages.waiting_for_approval(len(held), view.target), {"instances": len(held)}
        code, ids = Why.WAITING_FOR_APPROVAL, tuple(held)
        yield Reason(code, text, "approval", Who.OPERATOR, "approve", numbers=numbers, instances=ids)


def _free(view: _View) -> list[InstanceFacts]:
    """The outdated ones that the platform's next upgrade would take."""
    again, there = retrying.takes_failed(view.facts), {one.id for one in view.outdated}
    candidates = [one for one in batches.candidates(view.facts, StartedBy.PLATFORM) if one.id in there]
    return [one for one in candidates if again or one.failed_version != view.target]


def _opted_out(view: _View) -> Iterator[Reason]:
    """One for each wish, however many instances it holds; it began when the first of them was opted out."""
    if not view.is_wanted:
        return
    groups: dict[Hold, list[InstanceFacts]] = defaultdict(list)
    for one in view.outdated:
        if one.opt_out:
            groups[one.opt_out].append(one)
    for hold, held in groups.items():
        text, numbers = messages.opted_out(len(held), hold), {"instances": len(held)}
        since = min((one.opt_out.since for one in held if one.opt_out and one.opt_out.since), default=None)
        until, ids = hold.until, health.ids(held)
        yield Reason(Held.OPTED_OUT, text, "opt-out", Who.OWNER, "opt_in", until, numbers, ids, since)


def _quarantined(view: _View) -> Iterator[Reason]:
    held = [one.id for one in view.outdated if one.quarantined and not one.protected]
    if held and view.is_wanted and view.started_by is StartedBy.PLATFORM:
        text = messages.quarantined(len(held))
        yield Reason(Held.QUARANTINED, text, "quarantine", Who.OPERATOR, "release", instances=tuple(held))


def _switched_off(view: _View) -> Iterator[Reason]:
    held = [one.id for one in view.outdated if one.stopped and not one.protected]
    if held and view.is_wanted:
        text = messages.switched_off(len(held))
        yield Reason(Held.SWITCHED_OFF, text, "power", Who.OPERATOR, instances=tuple(held))


def _failed_before(view: _View) -> Iterator[Reason]:
    """They failed on this very version, in the running upgrade or before, and no stopped attempt is going to be tried again."""
    upgrade = view.upgrade
    if not view.is_wanted or (upgrade is None and retrying.takes_failed(view.facts)):
        return
    held = _left_alone(view, upgrade) if upgrade else health.ids(_failed_on(view, view.outdated))
    if held:
        text, numbers = messages.failed_before(len(held), view.target), {"instances": len(held)}
        act = "" if view.upgrade else "retry_failed"  # one upgrade at a time
        yield Reason(Held.FAILED_BEFORE, text, "retry", Who.OPERATOR, act, numbers=numbers, instances=held)


def _left_alone(view: _View, upgrade: Upgrade) -> tuple[int, ...]:
    """By the running upgrade: each instance is taken once, and those that failed before it perhaps not at all."""
    if upgrade.kind is UpgradeKind.EXTENSIONS:
        return ()
    failed = {one.instance for one in upgrade.members if one.state in (MemberState.FAILED, MemberState.ROLLED_BACK)}
    before = set() if upgrade.takes_failed else {one.id for one in _failed_on(view, view.facts.staying)}
    return tuple(one.id for one in view.facts.staying if one.id in failed | before and not one.protected)


def _failed_on(view: _View, instances: Iterable[InstanceFacts]) -> list[InstanceFacts]:
    return [one for one in instances if one.failed_version == view.target and not one.protected]


def _turn(view: _View) -> Iterator[Reason]:
    """Those that a later batch takes."""
    upgrade = view.upgrade
    waiting = batches.approved(view.facts, upgrade) if upgrade and not view.is_ending else []
    if upgrade and waiting:
        text = messages.turn(len(waiting), len(upgrade.batches))
        numbers = {"waiting": len(waiting), "batches": len(upgrade.batches)}
        yield Reason(Held.TURN, text, "batch", numbers=numbers, instances=health.ids(waiting))


SOURCES: tuple[Source, ...] = (
    _no_image,
    _gate,
    _stale,
    _initializing,
    _fleet_stop,
    _paused,
    _pause,
    _room,
    _retry,
    _automatic_off,
    _impossible,
    _working,
    _unapproved,
    _opted_out,
    _quarantined,
    _switched_off,
    _failed_before,
    _turn,
)
