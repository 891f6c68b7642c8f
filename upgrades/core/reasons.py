"""The reasons why an upgrade or an instance is not moving, the weightiest first.

`decide` answers with the first thing that holds an upgrade. This module finds everything that does, and what holds each instance. Feed,
API and `manage.py status` carry the same reasons.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from upgrades.core import (
    advice,
    backoff,
    batches,
    capacity,
    health,
    instance_reasons,
    messages,
    missing,
    suspicion,
    versions,
)
from upgrades.core.facts import Facts, Member
from upgrades.core.policy import Policy
from upgrades.core.reason_kinds import RANK
from upgrades.core.states import IN_FLIGHT, MemberState, StartedBy, UpgradeKind
from upgrades.core.steps import Why
from upgrades.core.waiting import InstanceWhy, LiftedBy, Reason, ReasonContext, reason_context_of

Source = Callable[[ReasonContext], Iterable[Reason]]


def reasons(facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """Everything that holds the scale set and its instances now, ranked; () where all instances are on the wanted version."""
    view = reason_context_of(facts, now)
    found = [advice.checked(reason, view) for source in SOURCES for reason in source(view)]
    return tuple(sorted(found, key=lambda one: (RANK[one.code], one.instances or ())))


# --- the scale set ----------------------------------------------------------------------------------------------------


def _no_image(view: ReasonContext) -> Iterator[Reason]:
    lacking = len(missing.wanted(view.facts))
    if view.facts.latest is None and view.facts.capacity > len(view.facts.staying) - lacking:
        yield Reason(Why.NO_IMAGE, messages.NO_IMAGE, "image", LiftedBy.PUBLISHER, "publish_image")


def _not_made(view: ReasonContext) -> Iterator[Reason]:
    """Machines that the provider refused or failed to create, with its message for the first. Numbers: instances, capacity, tries."""
    lacking = missing.not_made(view.facts)
    if lacking:
        first, until = missing.first(lacking), missing.next_try(view.facts, view.now)
        text = messages.not_made(len(lacking), first.said, until)
        tries = max(one.missing.tries for one in lacking if one.missing)
        numbers = {"instances": len(lacking), "capacity": view.facts.capacity, "tries": tries}
        since = min(one.missing.since for one in lacking if one.missing)
        ids = tuple(sorted(health.ids(lacking)))
        yield Reason(Why.NOT_MADE, text, "capacity", LiftedBy.OPERATOR, "retry_now", until, numbers, ids, since)


def _gone(view: ReasonContext) -> Iterator[Reason]:
    """Machines that vanished at the provider and are being created again. Numbers: instances, capacity."""
    lacking = missing.gone(view.facts)
    if lacking:
        ids, since = tuple(sorted(health.ids(lacking))), min(one.missing.since for one in lacking if one.missing)
        text = messages.gone(ids, since)
        numbers = {"instances": len(lacking), "capacity": view.facts.capacity}
        yield Reason(Why.GONE, text, "capacity", numbers=numbers, instances=ids, since=since)


def _gate(view: ReasonContext) -> Iterator[Reason]:
    """Too many unhealthy instances for the gate to open. Numbers: unhealthy, total, limit_percent, must_recover."""
    facts, limit = view.facts, _policy_at_the_gate(view).max_unhealthy_percent
    sick, total = batches.sick_at_the_gate(facts, view.now), len(facts.counted)
    is_awaited = view.is_wanted or bool(advice.could_be_started(view))
    if not is_awaited or not health.exceeds(len(sick), total, limit):
        return
    must_recover = len(sick) - health.may_be_ill(total, limit)
    numbers = {"unhealthy": len(sick), "total": total, "limit_percent": limit, "must_recover": must_recover}
    text = messages.gate(len(sick), total, limit, must_recover)
    act = advice.at_the_gate(view)
    yield Reason(Why.GATE, text, "health", LiftedBy.OPERATOR, act, numbers=numbers, instances=health.ids(sick))
    protected = [one for one in sick if one.protected]
    if health.exceeds(len(protected), total, limit):
        text = messages.shut_by_opt_outs(len(protected), total, limit)
        numbers = {"unhealthy": len(protected), "total": total, "limit_percent": limit}
        ids = health.ids(protected)  # no act: opting them in would not help, they would count all the same
        yield Reason(InstanceWhy.SHUT_BY_OPT_OUTS, text, "health", LiftedBy.OWNER, numbers=numbers, instances=ids)


def _starts_by_hand_only(view: ReasonContext) -> bool:
    return view.upgrade is None and not view.is_automatic


def _policy_at_the_gate(view: ReasonContext) -> Policy:
    is_by_hand = view.upgrade is None and not view.is_wanted
    return advice.policy_of(view.facts, by_hand=True) if is_by_hand else view.policy


def _surplus(view: ReasonContext) -> Iterator[Reason]:
    """More instances than the capacity, none of which may be removed. Numbers: surplus, capacity."""
    staying, capacity = view.facts.staying, view.facts.capacity
    surplus, held = len(staying) - capacity, [one for one in staying if one.protected or one.kept]
    if surplus <= 0 or len(held) <= capacity:
        return
    opted_out = [one for one in held if one.protected]
    text = messages.surplus_is_kept(len(held) - capacity, capacity, len(opted_out), len(held) - len(opted_out))
    who, act = (LiftedBy.OWNER, "opt_in") if opted_out else (LiftedBy.OPERATOR, "")
    numbers, ids = {"surplus": len(held) - capacity, "capacity": capacity}, health.ids(opted_out or held)
    yield Reason(InstanceWhy.SURPLUS, text, "capacity", who, act, numbers=numbers, instances=ids)


def _stale(view: ReasonContext) -> Iterator[Reason]:
    if view.is_wanted and health.is_stale(view.facts, view.now):
        yield Reason(Why.STALE_HEALTH, messages.stale(view.facts.health_as_of), "health")


def _initializing(view: ReasonContext) -> Iterator[Reason]:
    waiting = health.initializing(view.facts, view.now)
    in_flight = {one.instance for one in view.upgrade.members if one.state in IN_FLIGHT} if view.upgrade else set()
    new = [one for one in waiting if one.id not in in_flight]
    if new and view.is_wanted:
        ends = [health.wait_ends(view.facts, one.health_since, view.now) for one in new if one.health_since]
        text = messages.initializing(len(new))
        yield Reason(Why.INITIALIZING, text, "health", until=max(ends, default=None), instances=health.ids(new))


def _fleet_stop(view: ReasonContext) -> Iterator[Reason]:
    stop = view.facts.fleet_stop
    if stop and view.is_wanted and view.started_by is StartedBy.PLATFORM and not view.is_ending:
        text = messages.fleet_stopped(stop)
        yield Reason(
            Why.FLEET_STOPPED, text, "fleet stop", LiftedBy.OPERATOR, "end_fleet_stop", stop.until, since=stop.since
        )


def _paused(view: ReasonContext) -> Iterator[Reason]:
    """A person's pause: of the running upgrade, or of the last attempt, which keeps anybody from beginning another until it is resumed."""
    is_in_the_way = bool(view.outdated) or any(one.withdrawn for one in view.facts.staying)
    of_last = backoff.paused_by(view.facts) if is_in_the_way else ""
    by = view.upgrade.paused_by if view.upgrade else of_last
    if by and not view.is_ending:
        yield Reason(Why.PAUSED, messages.paused(by), "pause", LiftedBy.OPERATOR, "resume")


def _pause(view: ReasonContext) -> Iterator[Reason]:
    upgrade = view.upgrade
    last = upgrade.batches[-1].finished_at if upgrade and upgrade.batches else None
    if not upgrade or not last or upgrade.pause_is_skipped or view.is_ending:
        return
    left, unapproved = batches.left(view.facts, upgrade), batches.unapproved(view.facts, upgrade)
    if not left or (unapproved and not batches.approved(view.facts, upgrade)):
        return
    until = last + upgrade.policy.pause_between_batches
    if until > view.now:
        yield Reason(Why.PAUSE, messages.pause(until), "pause", LiftedBy.OPERATOR, "next_batch_now", until)


def _room(view: ReasonContext) -> Iterator[Reason]:
    """The waits between two surge batches: old instances are being deleted, or the available quota is not known."""
    upgrade, facts = view.upgrade, view.facts
    if not upgrade or not upgrade.surges or view.is_ending or any(one.state in IN_FLIGHT for one in upgrade.members):
        return
    leaving = tuple(one.id for one in facts.instances if one.leaving)
    if leaving:
        yield Reason(Why.CLEARING, messages.clearing(len(leaving)), "room", instances=leaving)
    if not facts.available_quota_is_known:
        yield Reason(Why.ROOM, messages.QUOTA_UNKNOWN, "room")


def _retry(view: ReasonContext) -> Iterator[Reason]:
    facts = view.facts
    if view.upgrade or not view.is_wanted or facts.latest is None:
        return
    version, again_at = facts.latest.version, backoff.tried_again_at(facts)
    can_be_tried = any(not one.protected and not one.quarantined and not one.stopped for one in view.outdated)
    if again_at and again_at > view.now and can_be_tried and not backoff.was_cancelled(facts):
        last = facts.last_attempt
        numbers = {"attempts": last.stopped_in_a_row if last else 0}
        text = messages.backing_off(version, again_at, by_hand=advice.could_be_tried_again(view))
        yield Reason(Why.BACKING_OFF, text, "retry", LiftedBy.OPERATOR, "retry_now", again_at, numbers)
    if backoff.was_cancelled(facts):
        yield Reason(Why.STOPPED, messages.stopped(version), "retry", LiftedBy.OPERATOR, "retry_now")


def _suspected(view: ReasonContext) -> Iterator[Reason]:
    """The wanted version is suspected. Numbers: failed, tried."""
    trial = view.facts.trial
    if view.outdated and suspicion.is_suspected(trial):
        good = view.facts.newest_good
        text = messages.suspected(view.target, trial, good.version if good else "", by_itself=view.is_automatic)
        numbers = {"failed": trial.failed, "tried": trial.tried}
        yield Reason(InstanceWhy.SUSPECTED, text, "version", LiftedBy.PUBLISHER, "publish_image", numbers=numbers)


def _pinned(view: ReasonContext) -> Iterator[Reason]:
    """The scale set is pinned to a version that was withdrawn, or that some of its instances do not run."""
    facts, could_be = view.facts, advice.could_be_started(view)
    if view.upgrade or not facts.pinned_to:
        return
    act = "start" if could_be else ""
    if withdrawal := facts.withdrawn.get(facts.pinned_to):
        free = len(could_be) if advice.could_begin(view) else 0
        text = messages.pinned_to_withdrawn(facts.pinned_to, withdrawal, view.target, free)
        yield Reason(InstanceWhy.PINNED_WITHDRAWN, text, "version", LiftedBy.OPERATOR, act, since=withdrawal.since)
    elif view.outdated:
        running = sorted({one.version for one in view.outdated}, key=versions.parse)
        can_start = advice.could_begin(view)
        text = messages.pinned(view.target, len(view.outdated), running, len(could_be), can_start=can_start)
        numbers, ids = {"instances": len(view.outdated)}, health.ids(view.outdated)
        yield Reason(InstanceWhy.PINNED, text, "version", LiftedBy.OPERATOR, act, numbers=numbers, instances=ids)


def _automatic_off(view: ReasonContext) -> Iterator[Reason]:
    if not view.outdated or not view.facts.follows_latest or not _starts_by_hand_only(view):
        return
    outdated = set(health.ids(view.outdated))
    could_be = [one for one in advice.could_be_started(view) if one.id in outdated]
    if could_be and advice.could_begin(view):
        text, act = messages.automatic_off(view.target, len(could_be)), advice.START
    elif could_be:
        text, act = messages.waits_for_a_start(view.target, len(could_be)), ""
    else:
        text, act = messages.left_alone_by_automatic_off(view.target, len(view.outdated)), ""
    numbers = {"instances": len(could_be or view.outdated)}
    yield Reason(InstanceWhy.AUTOMATIC_OFF, text, "automatic upgrades", LiftedBy.OPERATOR, act, numbers=numbers)


def _impossible(view: ReasonContext) -> Iterator[Reason]:
    """Opt-outs and quarantines leave no instance that could be upgraded."""
    held = [one for one in view.outdated if one.protected or one.quarantined]
    if view.upgrade is None and view.is_wanted and view.outdated and len(held) == len(view.outdated):
        text = messages.nothing_left(len(held), view.target)
        opted_out = any(one.protected for one in held)
        who, act = (LiftedBy.OWNER, "opt_in") if opted_out else (LiftedBy.OPERATOR, "release")
        yield Reason(InstanceWhy.IMPOSSIBLE, text, "opt-out", who, act, instances=health.ids(held))


# --- the batch that runs ----------------------------------------------------------------------------------------------


def _working(view: ReasonContext) -> Iterator[Reason]:
    """Work under way: nothing is held, and each reason says what is awaited of which instances."""
    groups: dict[Why, list[Member]] = defaultdict(list)
    forth = _FORTH[view.upgrade.kind if view.upgrade else UpgradeKind.IMAGE]
    for member in view.upgrade.members if view.upgrade else ():
        if member.state in IN_FLIGHT:
            way = forth if member.replacement is None else Why.SURGING
            groups[_AWAITED.get(member.state, way)].append(member)
    until = _verified_by(view)
    for why, members in groups.items():
        text = _UNDER_WAY[why](len(members)) if why in _UNDER_WAY else messages.verifying(len(members), until)
        is_known = why is Why.VERIFYING and until > view.now  # past `until` only if health is stale: then no time is up
        instances = tuple(sorted({id for one in members for id in (one.instance, one.upgraded)}))
        yield Reason(why, text, "batch", until=until if is_known else None, instances=instances)
    awaited = view.upgrade is not None and view.upgrade.surges  # then instances that leave have their own reason: _room
    busy = [one.id for one in view.facts.instances if one.busy and not (awaited and one.leaving)]
    if busy and not groups:
        yield Reason(Why.CREATING, capacity.making(view.facts), "capacity", instances=tuple(busy))


_AWAITED = {MemberState.VERIFYING: Why.VERIFYING, MemberState.ROLLING_BACK: Why.ROLLING_BACK}
_FORTH = {UpgradeKind.IMAGE: Why.REPLACING, UpgradeKind.EXTENSIONS: Why.RUNNING_EXTENSIONS}
_UNDER_WAY = {
    Why.REPLACING: messages.replacing,
    Why.SURGING: messages.surging,
    Why.RUNNING_EXTENSIONS: messages.running_extensions,
    Why.ROLLING_BACK: messages.rolling_back,
}


def _verified_by(view: ReasonContext) -> datetime:
    members = view.upgrade.members if view.upgrade else ()
    swaps = [one.swapped_at for one in members if one.state is MemberState.VERIFYING and one.swapped_at]
    return min((health.wait_ends(view.facts, at, view.now) for at in swaps), default=view.now)


SOURCES: tuple[Source, ...] = (
    _no_image,
    _not_made,
    _gone,
    _surplus,
    _gate,
    _stale,
    _initializing,
    _fleet_stop,
    _paused,
    _pause,
    _room,
    _retry,
    _suspected,
    _pinned,
    _automatic_off,
    _impossible,
    _working,
    *instance_reasons.SOURCES,
)
