"""The reasons why an upgrade or an instance is not moving, the weightiest first: the table of all of them, and how each is found.

`decide` returns the first thing that holds an upgrade. This module finds everything that holds it, and what holds each instance. Feed, API
and `manage.py status` show the same reasons. The sentences are in core/catalogue, under the codes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import partial

from upgrades.core import advice, backoff, batches, capacity, health, missing, reason_queries, suspicion, versions
from upgrades.core.facts import Facts, Withdrawal
from upgrades.core.reason_kinds import ReasonKind, made
from upgrades.core.states import IN_FLIGHT, StartedBy
from upgrades.core.steps import Why
from upgrades.core.waiting import LiftedBy, Reason, ReasonContext, reason_context_of


class InstanceWhy(StrEnum):
    """Why an instance is not moving, or cannot: codes beside those of `Why`, for which `decide` waits."""

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
    TAKEN_OUT = "WaitsForTheNextUpgrade"


OPERATOR, OWNER, PUBLISHER = LiftedBy.OPERATOR, LiftedBy.OWNER, LiftedBy.PUBLISHER


def _at_work(glyph: str, fill: str = "active", gate: str = "batch", *, is_brief: bool = True) -> ReasonKind:
    return ReasonKind(fill, glyph, gate, is_brief=is_brief, passes=True, works=True)


# Reasons are ranked in this order, the weightiest first.
KINDS: Mapping[StrEnum, ReasonKind] = {
    Why.NO_IMAGE: ReasonKind("waiting", "pending", "image", PUBLISHER, "publish_image", needs_person_after=0),
    Why.NOT_MADE: ReasonKind("failure", "failed", "capacity", OPERATOR, "retry_now", needs_person_after=0, is_own=True),
    Why.GONE: ReasonKind("attention", "unknown", "capacity", passes=True, is_own=True),
    InstanceWhy.SURPLUS: ReasonKind("out", "opted-out", "capacity", OPERATOR),
    # No action: opting them in would not help, they would count all the same.
    InstanceWhy.SHUT_BY_OPT_OUTS: ReasonKind("attention", "unhealthy", "health", OWNER, needs_person_after=0),
    Why.GATE: ReasonKind("attention", "unhealthy", "health", OPERATOR, holds=True, is_own=True, gauge="unhealthy"),
    # Health that is stale for a moment needs nobody.
    Why.STALE_HEALTH: ReasonKind("attention", "unknown", "health", holds=True, at_the_gate=True, needs_person_after=15),
    # What a person wanted looks like waiting: only what is wrong looks wrong.
    Why.FLEET_STOPPED: ReasonKind(
        "waiting", "cord", "fleet stop", OPERATOR, "end_fleet_stop", holds=True, at_the_gate=True
    ),
    Why.PAUSED: ReasonKind("waiting", "held", "pause", OPERATOR, "resume", holds=True, at_the_gate=True),
    Why.WAITING_FOR_APPROVAL: ReasonKind(
        "waiting", "held", "approval", OPERATOR, "approve", at_the_gate=True, needs_person_after=0
    ),
    InstanceWhy.IMPOSSIBLE: ReasonKind("out", "opted-out", "opt-out", OPERATOR),
    Why.BACKING_OFF: ReasonKind("waiting", "held", "retry", OPERATOR, "retry_now", holds=True, tries_again=True),
    Why.STOPPED: ReasonKind("waiting", "held", "retry", OPERATOR, "retry_now", holds=True),
    InstanceWhy.SUSPECTED: ReasonKind("attention", "failed", "version", PUBLISHER, "publish_image"),
    InstanceWhy.PINNED_WITHDRAWN: ReasonKind("attention", "held", "version", OPERATOR, needs_person_after=0),
    InstanceWhy.WITHDRAWN: ReasonKind("attention", "held", "version", OPERATOR, needs_person_after=0),
    InstanceWhy.PINNED: ReasonKind("waiting", "pending", "version", OPERATOR),
    InstanceWhy.AUTOMATIC_OFF: ReasonKind("waiting", "pending", "automatic upgrades", OPERATOR),
    InstanceWhy.QUARANTINED: ReasonKind(
        "attention", "quarantined", "quarantine", OPERATOR, "release", needs_person_after=0, is_own=True
    ),
    InstanceWhy.FAILED_BEFORE: ReasonKind(
        "failure", "failed", "retry", OPERATOR, is_own=True, explains=("failed", "rolled-back")
    ),
    InstanceWhy.OPTED_OUT: ReasonKind(
        "out", "opted-out", "opt-out", OWNER, "opt_in", is_brief=False, is_own=True, explains=("opted-out",)
    ),
    InstanceWhy.SWITCHED_OFF: ReasonKind("waiting", "switched-off", "power", OPERATOR, is_own=True),
    Why.ROLLING_BACK: _at_work("rolling-back", "attention"),
    Why.INITIALIZING: ReasonKind("active", "verifying", "health", passes=True, at_the_gate=True),
    Why.PAUSE: ReasonKind("active", "held", "pause", OPERATOR, "next_batch_now", passes=True, at_the_gate=True),
    Why.ROOM: ReasonKind("waiting", "unknown", "room"),
    Why.REPLACING: _at_work("upgrading", is_brief=False),
    Why.SURGING: _at_work("upgrading", is_brief=False),
    Why.RUNNING_EXTENSIONS: _at_work("upgrading", is_brief=False),
    Why.VERIFYING: _at_work("verifying", is_brief=False),
    Why.CLEARING: _at_work("upgrading", gate="room"),
    Why.CREATING: _at_work("upgrading", gate="capacity"),
    InstanceWhy.TURN: ReasonKind("waiting", "queued", "batch", is_brief=False, passes=True),
    InstanceWhy.TAKEN_OUT: ReasonKind("waiting", "pending", "batch", is_brief=False, passes=True),
    Why.NOTHING_TO_DO: ReasonKind("done", "done", passes=True),
}
RANK = {code: place for place, code in enumerate(KINDS)}
WORK = frozenset(code for code, kind in KINDS.items() if kind.works)
HOLDS = frozenset(code for code, kind in KINDS.items() if kind.holds)
AT_THE_GATE = frozenset(code for code, kind in KINDS.items() if kind.at_the_gate)


def reasons(facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """Everything that holds the scale set and its instances now, ranked; () where all instances are on the wanted version."""
    view = reason_context_of(facts, now)
    found = [advice.checked(reason, view) for source in SOURCES for reason in source(view)]
    return tuple(sorted(found, key=lambda reason: (RANK[reason.code], reason.instances or ())))


_made = partial(made, KINDS)


# --- the scale set ----------------------------------------------------------------------------------------------------


def _no_image(view: ReasonContext) -> Iterator[Reason]:
    lacking = len(missing.to_create(view.facts))
    if view.facts.latest is None and view.facts.capacity > len(view.facts.staying) - lacking:
        yield _made(Why.NO_IMAGE)


def _not_made(view: ReasonContext) -> Iterator[Reason]:
    """Machines that the provider refused or failed to create, with its message for the first. Numbers: instances, capacity, tries."""
    lacking = missing.creation_failed(view.facts)
    if lacking:
        said, until = missing.first_missing(lacking).said.rstrip("."), missing.next_try(view.facts, view.now)
        tries = max(instance.missing.tries for instance in lacking if instance.missing)
        numbers = {"instances": len(lacking), "capacity": view.facts.capacity, "tries": tries}
        ids, since = reason_queries.since_when(lacking)
        yield _made(Why.NOT_MADE, {"said": said}, until=until, numbers=numbers, instances=ids, since=since)


def _gone(view: ReasonContext) -> Iterator[Reason]:
    """Machines that vanished at the provider and are being created again. Numbers: instances, capacity."""
    if lacking := missing.vanished(view.facts):
        numbers = {"instances": len(lacking), "capacity": view.facts.capacity}
        ids, since = reason_queries.since_when(lacking)
        yield _made(Why.GONE, numbers=numbers, instances=ids, since=since)


def _gate(view: ReasonContext) -> Iterator[Reason]:
    """Too many unhealthy instances for the gate to open. Numbers: unhealthy, total, limit_percent, must_recover."""
    facts, limit = view.facts, reason_queries.policy_at_the_gate(view).max_unhealthy_percent
    sick, total = batches.unhealthy_at_the_gate(facts, view.now), len(facts.counted)
    is_awaited = view.wants_upgrade or bool(advice.could_be_started(view))
    if not is_awaited or not health.exceeds(len(sick), total, limit):
        return
    must_recover = len(sick) - health.max_unhealthy(total, limit)
    numbers = {"unhealthy": len(sick), "total": total, "limit_percent": limit, "must_recover": must_recover}
    values = {"sick": len(sick), "limit": limit, "share": 100 * len(sick) / total}
    yield _made(Why.GATE, values, act=advice.at_the_gate(view), numbers=numbers, instances=health.ids(sick))
    protected = [instance for instance in sick if instance.is_opted_out]
    if health.exceeds(len(protected), total, limit):
        numbers = {"unhealthy": len(protected), "total": total, "limit_percent": limit}
        values = {"sick": len(protected), "limit": limit}
        yield _made(InstanceWhy.SHUT_BY_OPT_OUTS, values, numbers=numbers, instances=health.ids(protected))


def _surplus(view: ReasonContext) -> Iterator[Reason]:
    """More instances than the capacity, none of which may be removed. Numbers: surplus, capacity."""
    staying, capacity = view.facts.staying, view.facts.capacity
    surplus, held = (
        len(staying) - capacity,
        [instance for instance in staying if instance.is_opted_out or instance.is_protected_from_scale_in],
    )
    if surplus <= 0 or len(held) <= capacity:
        return
    opted_out = [instance for instance in held if instance.is_opted_out]
    values = {"opted_out": len(opted_out), "kept": len(held) - len(opted_out)}
    who, act = (OWNER, "opt_in") if opted_out else (OPERATOR, "")
    numbers, ids = {"surplus": len(held) - capacity, "capacity": capacity}, health.ids(opted_out or held)
    yield _made(InstanceWhy.SURPLUS, values, who=who, act=act, numbers=numbers, instances=ids)


def _stale(view: ReasonContext) -> Iterator[Reason]:
    if view.wants_upgrade and health.is_stale(view.facts, view.now):
        yield _made(Why.STALE_HEALTH, {"as_of": view.facts.health_complete_at})


def _initializing(view: ReasonContext) -> Iterator[Reason]:
    new = reason_queries.initializing(view)
    if new and view.wants_upgrade:
        ends = [
            health.wait_ends(view.facts, instance.health_since, view.now) for instance in new if instance.health_since
        ]
        yield _made(Why.INITIALIZING, until=max(ends, default=None), instances=health.ids(new))


def _fleet_stop(view: ReasonContext) -> Iterator[Reason]:
    stop = view.facts.fleet_stop
    if stop and view.wants_upgrade and view.started_by is StartedBy.PLATFORM and not view.is_ending:
        values = {"owner": stop.owner, "reason": stop.reason}
        yield _made(Why.FLEET_STOPPED, values, until=stop.until, since=stop.since)


def _paused(view: ReasonContext) -> Iterator[Reason]:
    """A person's pause: of the running upgrade, or of the last attempt, which keeps anybody from beginning another until it is resumed."""
    is_in_the_way = bool(view.outdated) or any(instance.withdrawn for instance in view.facts.staying)
    of_last = backoff.paused_by(view.facts) if is_in_the_way else ""
    by = view.upgrade.paused_by if view.upgrade else of_last
    if by and not view.is_ending:
        yield _made(Why.PAUSED, {"by": by})


def _pause(view: ReasonContext) -> Iterator[Reason]:
    until = reason_queries.pause_ends(view)
    if until and until > view.now:
        yield _made(Why.PAUSE, until=until)


def _room(view: ReasonContext) -> Iterator[Reason]:
    """The waits between two surge batches: old instances are being deleted, or the available quota is not known."""
    upgrade, facts = view.upgrade, view.facts
    if (
        not upgrade
        or not upgrade.surges
        or view.is_ending
        or any(member.state in IN_FLIGHT for member in upgrade.members)
    ):
        return
    if leaving := tuple(instance.id for instance in facts.instances if instance.is_being_deleted):
        yield _made(Why.CLEARING, instances=leaving)
    if not facts.available_quota_is_known:
        yield _made(Why.ROOM)


def _retry(view: ReasonContext) -> Iterator[Reason]:
    facts = view.facts
    if view.upgrade or not view.wants_upgrade or facts.latest is None:
        return
    version, again_at = facts.latest.version, backoff.next_attempt_at(facts)
    can_be_tried = any(
        not instance.is_opted_out and not instance.quarantined and not instance.is_switched_off
        for instance in view.outdated
    )
    if again_at and again_at > view.now and can_be_tried and not backoff.was_cancelled(facts):
        numbers = {"attempts": facts.last_attempt.attempts_stopped_in_a_row if facts.last_attempt else 0}
        values = {"version": version, "by_hand": advice.could_be_tried_again(view)}
        yield _made(Why.BACKING_OFF, values, until=again_at, numbers=numbers)
    if backoff.was_cancelled(facts):
        yield _made(Why.STOPPED, {"version": version})


def _suspected(view: ReasonContext) -> Iterator[Reason]:
    """The wanted version is suspected. Numbers: failed, tried."""
    trial, good = view.facts.trial, view.facts.newest_good
    if view.outdated and suspicion.is_suspected(trial):
        values = {"version": view.target, "good": good.version if good else "", "by_itself": view.is_automatic}
        yield _made(InstanceWhy.SUSPECTED, values, numbers={"failed": trial.failed, "tried": trial.tried})


def _pinned_to_withdrawn(view: ReasonContext) -> Iterator[Reason]:
    facts, could_be = view.facts, advice.could_be_started(view)
    withdrawal = facts.withdrawn.get(facts.pinned_to)
    if view.upgrade or withdrawal is None:
        return
    free = len(could_be) if advice.could_begin(view) else 0
    values = {**_said_of(facts.pinned_to, withdrawal), "target": view.target, "free": free}
    yield _made(InstanceWhy.PINNED_WITHDRAWN, values, act="start" if could_be else "", since=withdrawal.since)


def _pinned(view: ReasonContext) -> Iterator[Reason]:
    """The scale set is pinned to a version that some of its instances do not run."""
    facts, could_be, outdated = view.facts, advice.could_be_started(view), view.outdated
    if view.upgrade or not facts.pinned_to or facts.pinned_to in facts.withdrawn or not outdated:
        return
    variant = ("start" if advice.could_begin(view) else "later") if could_be else "none"
    running = sorted({instance.version for instance in outdated}, key=versions.parse)
    values = {
        "version": view.target,
        "running": running,
        "free": len(could_be),
        "others": len(outdated) - len(could_be),
    }
    act, numbers, ids = "start" if could_be else "", {"instances": len(outdated)}, health.ids(outdated)
    yield _made(InstanceWhy.PINNED, values, variant=variant, act=act, numbers=numbers, instances=ids)


def _said_of(version: str, withdrawal: Withdrawal) -> dict[str, object]:
    return {"version": version, "by": withdrawal.by, "reason": withdrawal.reason.rstrip(".")}


def _automatic_off(view: ReasonContext) -> Iterator[Reason]:
    if not view.outdated or not view.facts.follows_latest or view.upgrade or view.is_automatic:
        return
    outdated = set(health.ids(view.outdated))
    could_be = [instance for instance in advice.could_be_started(view) if instance.id in outdated]
    can_begin, count = bool(could_be) and advice.could_begin(view), len(could_be or view.outdated)
    variant, act = ("start", advice.START) if can_begin else ("later" if could_be else "none", "")
    values, numbers = {"version": view.target, "count": count}, {"instances": count}
    yield _made(InstanceWhy.AUTOMATIC_OFF, values, variant=variant, act=act, numbers=numbers)


def _impossible(view: ReasonContext) -> Iterator[Reason]:
    """Opt-outs and quarantines leave no instance that could be upgraded."""
    held = [instance for instance in view.outdated if instance.is_opted_out or instance.quarantined]
    if view.upgrade is None and view.wants_upgrade and view.outdated and len(held) == len(view.outdated):
        who, act = (OWNER, "opt_in") if any(instance.is_opted_out for instance in held) else (OPERATOR, "release")
        yield _made(InstanceWhy.IMPOSSIBLE, {"version": view.target}, who=who, act=act, instances=health.ids(held))


# --- single instances -------------------------------------------------------------------------------------------------


def _unapproved(view: ReasonContext) -> Iterator[Reason]:
    held = reason_queries.unapproved(view)
    if held and view.wants_upgrade and not view.is_ending:
        values, numbers = {"version": view.target}, {"instances": len(held)}
        yield _made(Why.WAITING_FOR_APPROVAL, values, numbers=numbers, instances=held)


def _opted_out(view: ReasonContext) -> Iterator[Reason]:
    """One reason for each hold, however many instances it is on. It began when the first of them was opted out."""
    groups = reason_queries.by_hold(view) if view.wants_upgrade else {}
    for hold, held in groups.items():
        since = min(
            (instance.opt_out.since for instance in held if instance.opt_out and instance.opt_out.since), default=None
        )
        values, numbers = {"owner": hold.owner, "reason": hold.reason}, {"instances": len(held)}
        ids, until = health.ids(held), hold.until
        yield _made(InstanceWhy.OPTED_OUT, values, until=until, since=since, numbers=numbers, instances=ids)


def _quarantined(view: ReasonContext) -> Iterator[Reason]:
    held = tuple(instance.id for instance in view.outdated if instance.quarantined and not instance.is_opted_out)
    if held and view.wants_upgrade and view.started_by is StartedBy.PLATFORM:
        yield _made(InstanceWhy.QUARANTINED, instances=held)


def _withdrawn(view: ReasonContext) -> Iterator[Reason]:
    """One reason for each withdrawn version that instances still run. A person may move them to the newest version that is left."""
    for version, held in reason_queries.by_withdrawn_version(view).items():
        withdrawal, ids = view.facts.withdrawn[version], health.ids(held)
        variant, target, counts = reason_queries.way_out(view, version, held)
        values = {**_said_of(version, withdrawal), **counts, "target": target}
        act, numbers, since = "start" if counts["takes"] else "", {"instances": len(held)}, withdrawal.since
        yield _made(
            InstanceWhy.WITHDRAWN, values, variant=variant, act=act, numbers=numbers, instances=ids, since=since
        )


def _switched_off(view: ReasonContext) -> Iterator[Reason]:
    held = tuple(instance.id for instance in view.outdated if instance.is_switched_off and not instance.is_opted_out)
    if held and view.wants_upgrade:
        yield _made(InstanceWhy.SWITCHED_OFF, instances=held)


def _failed_before(view: ReasonContext) -> Iterator[Reason]:
    if held := reason_queries.failed_before(view):
        is_running = view.upgrade is not None
        act = "" if is_running else "retry_failed"  # only one upgrade can run at a time
        values, numbers = {"version": view.target, "is_running": is_running}, {"instances": len(held)}
        yield _made(InstanceWhy.FAILED_BEFORE, values, act=act, numbers=numbers, instances=held)


def _turn(view: ReasonContext) -> Iterator[Reason]:
    """Instances that wait for a later batch."""
    upgrade = view.upgrade
    waiting = batches.takeable_and_approved(view.facts, upgrade) if upgrade and not view.is_ending else []
    if upgrade and waiting:
        numbers = {"waiting": len(waiting), "batches": len(upgrade.batches)}
        yield _made(InstanceWhy.TURN, numbers=numbers, instances=health.ids(waiting))


def _taken_out(view: ReasonContext) -> Iterator[Reason]:
    """Instances that were taken out of their batch, such as by an opt-out that has ended since: an upgrade takes each instance once."""
    if held := reason_queries.taken_out(view):
        yield _made(InstanceWhy.TAKEN_OUT, numbers={"instances": len(held)}, instances=held)


# --- the batch that runs ----------------------------------------------------------------------------------------------


def _working(view: ReasonContext) -> Iterator[Reason]:
    """Work under way. Nothing holds the upgrade; each reason says which work on which instances it waits for."""
    groups, until = reason_queries.under_way(view), reason_queries.verified_by(view)
    for why, members in groups.items():
        is_known = why is Why.VERIFYING and until > view.now  # past `until` only if health is stale: then no time is up
        ids = tuple(sorted({id for member in members for id in (member.instance, member.upgraded)}))
        values = {"count": len(members), "until": until}
        yield _made(why, values, until=until if is_known else None, instances=ids)
    busy = reason_queries.busy(view)
    if busy and not groups:
        variant, counts = capacity.being_changed(view.facts)
        yield _made(Why.CREATING, counts, variant=variant, instances=busy)


SOURCES: tuple[Callable[[ReasonContext], Iterable[Reason]], ...] = (
    _no_image, _not_made, _gone, _surplus, _gate, _stale, _initializing, _fleet_stop, _paused, _pause, _room,
    _retry, _suspected, _pinned_to_withdrawn, _pinned, _automatic_off, _impossible, _unapproved, _opted_out,
    _quarantined, _withdrawn, _switched_off, _failed_before, _turn, _taken_out, _working,
)  # fmt: skip
