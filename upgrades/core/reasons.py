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
from upgrades.core.in_flight import members_in_flight
from upgrades.core.reason_kinds import ReasonKind, made
from upgrades.core.states import StartedBy
from upgrades.core.steps import Why
from upgrades.core.waiting import LiftedBy, Reason, ReasonContext, reason_context_of


class InstanceWhy(StrEnum):
    """Why an instance is not moving, or cannot: codes beside those of `Why`, for which `decide` waits."""

    OPT_OUTS_LEAVE_NOTHING = "OptOutsLeaveNothing"
    SHUT_BY_OPT_OUTS = "OptOutsKeepTheGateShut"
    QUARANTINED = "Quarantined"
    OPTED_OUT = "OptedOut"
    SWITCHED_OFF = "SwitchedOff"
    FAILED_BEFORE = "FailedOnThisVersion"
    SUSPECTED = "VersionSuspected"
    WITHDRAWN = "VersionWithdrawn"
    PINNED = "PinnedToAnotherVersion"
    PINNED_WITHDRAWN = "PinnedVersionWithdrawn"
    WAITS_FOR_TURN = "WaitsForItsTurn"
    AUTOMATIC_OFF = "AutomaticUpgradesOff"
    SURPLUS = "SurplusIsKept"
    WAITS_FOR_NEXT_UPGRADE = "WaitsForTheNextUpgrade"


OPERATOR, OWNER, PUBLISHER = LiftedBy.OPERATOR, LiftedBy.OWNER, LiftedBy.PUBLISHER


def _at_work(glyph: str, fill: str = "active", holder: str = "batch", *, is_brief: bool = True) -> ReasonKind:
    return ReasonKind(fill, glyph, holder, is_brief=is_brief, ends_by_itself=True, is_work=True)


# Reasons are ranked in this order, the weightiest first.
KINDS: Mapping[StrEnum, ReasonKind] = {
    Why.NO_IMAGE: ReasonKind("waiting", "pending", "image", PUBLISHER, "publish_image", needs_person_after=0),
    Why.NOT_MADE: ReasonKind(
        "failure", "failed", "capacity", OPERATOR, "retry_now", needs_person_after=0, of_instances=True
    ),
    Why.GONE: ReasonKind("attention", "unknown", "capacity", ends_by_itself=True, of_instances=True),
    InstanceWhy.SURPLUS: ReasonKind("out", "opted-out", "capacity", OPERATOR),
    # No action: opting them in would not help, they would count all the same.
    InstanceWhy.SHUT_BY_OPT_OUTS: ReasonKind("attention", "unhealthy", "health", OWNER, needs_person_after=0),
    Why.TOO_MANY_UNHEALTHY: ReasonKind(
        "attention", "unhealthy", "health", OPERATOR, holds_instances=True, of_instances=True, gauge="unhealthy"
    ),
    # Health that is stale for a moment needs nobody.
    Why.STALE_HEALTH: ReasonKind(
        "attention", "unknown", "health", holds_instances=True, at_the_gate=True, needs_person_after=15
    ),
    # What a person wanted looks like waiting: only what is wrong looks wrong.
    Why.FLEET_STOPPED: ReasonKind(
        "waiting", "fleet-stop", "fleet stop", OPERATOR, "end_fleet_stop", holds_instances=True, at_the_gate=True
    ),
    Why.PAUSED: ReasonKind("waiting", "held", "pause", OPERATOR, "resume", holds_instances=True, at_the_gate=True),
    Why.WAITING_FOR_APPROVAL: ReasonKind(
        "waiting", "held", "approval", OPERATOR, "approve", at_the_gate=True, needs_person_after=0
    ),
    InstanceWhy.OPT_OUTS_LEAVE_NOTHING: ReasonKind("out", "opted-out", "opt-out", OPERATOR),
    Why.BACKING_OFF: ReasonKind(
        "waiting", "held", "retry", OPERATOR, "retry_now", holds_instances=True, tries_again=True
    ),
    Why.CANCELLED_BEFORE: ReasonKind("waiting", "held", "retry", OPERATOR, "retry_now", holds_instances=True),
    InstanceWhy.SUSPECTED: ReasonKind("attention", "failed", "version", PUBLISHER, "publish_image"),
    InstanceWhy.PINNED_WITHDRAWN: ReasonKind("attention", "held", "version", OPERATOR, needs_person_after=0),
    InstanceWhy.WITHDRAWN: ReasonKind("attention", "held", "version", OPERATOR, needs_person_after=0),
    InstanceWhy.PINNED: ReasonKind("waiting", "pending", "version", OPERATOR),
    InstanceWhy.AUTOMATIC_OFF: ReasonKind("waiting", "pending", "automatic upgrades", OPERATOR),
    InstanceWhy.QUARANTINED: ReasonKind(
        "attention", "quarantined", "quarantine", OPERATOR, "release", needs_person_after=0, of_instances=True
    ),
    InstanceWhy.FAILED_BEFORE: ReasonKind(
        "failure", "failed", "retry", OPERATOR, of_instances=True, explains=("failed", "rolled-back")
    ),
    InstanceWhy.OPTED_OUT: ReasonKind(
        "out", "opted-out", "opt-out", OWNER, "opt_in", is_brief=False, of_instances=True, explains=("opted-out",)
    ),
    InstanceWhy.SWITCHED_OFF: ReasonKind("waiting", "switched-off", "power", OPERATOR, of_instances=True),
    Why.ROLLING_BACK: _at_work("rolling-back", "attention"),
    Why.INITIALIZING: ReasonKind("active", "verifying", "health", ends_by_itself=True, at_the_gate=True),
    Why.PAUSE_BETWEEN_BATCHES: ReasonKind(
        "active", "held", "pause", OPERATOR, "next_batch_now", ends_by_itself=True, at_the_gate=True
    ),
    Why.QUOTA_UNKNOWN: ReasonKind("waiting", "unknown", "room"),
    Why.REPLACING: _at_work("upgrading", is_brief=False),
    Why.SURGING: _at_work("upgrading", is_brief=False),
    Why.RUNNING_EXTENSIONS: _at_work("upgrading", is_brief=False),
    Why.VERIFYING: _at_work("verifying", is_brief=False),
    Why.REMOVING_REPLACED: _at_work("upgrading", holder="room"),
    Why.CREATING: _at_work("upgrading", holder="capacity"),
    InstanceWhy.WAITS_FOR_TURN: ReasonKind("waiting", "queued", "batch", is_brief=False, ends_by_itself=True),
    InstanceWhy.WAITS_FOR_NEXT_UPGRADE: ReasonKind("waiting", "pending", "batch", is_brief=False, ends_by_itself=True),
    Why.NOTHING_TO_DO: ReasonKind("done", "done", ends_by_itself=True),
}
RANK = {code: place for place, code in enumerate(KINDS)}
WORK = frozenset(code for code, kind in KINDS.items() if kind.is_work)
HOLDS = frozenset(code for code, kind in KINDS.items() if kind.holds_instances)
AT_THE_GATE = frozenset(code for code, kind in KINDS.items() if kind.at_the_gate)


def reasons(facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """Everything that holds the scale set and its instances now, ranked; () where all instances are on the wanted version."""
    context = reason_context_of(facts, now)
    found = [advice.without_vain_action(reason, context) for source in SOURCES for reason in source(context)]
    return tuple(sorted(found, key=lambda reason: (RANK[reason.code], reason.instances or ())))


_made = partial(made, KINDS)


# --- the scale set ----------------------------------------------------------------------------------------------------


def _no_image(context: ReasonContext) -> Iterator[Reason]:
    lacking = len(missing.to_create(context.facts))
    if context.facts.latest is None and context.facts.capacity > len(context.facts.staying) - lacking:
        yield _made(Why.NO_IMAGE)


def _not_made(context: ReasonContext) -> Iterator[Reason]:
    """Machines that the provider refused or failed to create, with its message for the first. Numbers: instances, capacity, tries."""
    lacking = missing.creation_failed(context.facts)
    if lacking:
        said, until = missing.first_missing(lacking).said.rstrip("."), missing.next_try(context.facts, context.now)
        tries = max(instance.missing.tries for instance in lacking if instance.missing)
        numbers = {"instances": len(lacking), "capacity": context.facts.capacity, "tries": tries}
        ids, since = reason_queries.since_when(lacking)
        yield _made(Why.NOT_MADE, {"said": said}, until=until, numbers=numbers, instances=ids, since=since)


def _gone(context: ReasonContext) -> Iterator[Reason]:
    """Machines that vanished at the provider and are being created again. Numbers: instances, capacity."""
    if lacking := missing.vanished(context.facts):
        numbers = {"instances": len(lacking), "capacity": context.facts.capacity}
        ids, since = reason_queries.since_when(lacking)
        yield _made(Why.GONE, numbers=numbers, instances=ids, since=since)


def _gate(context: ReasonContext) -> Iterator[Reason]:
    """Too many unhealthy instances for the gate to open. Numbers: unhealthy, total, limit_percent, must_recover."""
    facts, limit = context.facts, reason_queries.policy_at_the_gate(context).max_unhealthy_percent
    unhealthy, total = batches.unhealthy_at_the_gate(facts, context.now), len(facts.counted)
    is_awaited = context.wants_upgrade or bool(advice.startable_instances(context))
    if not is_awaited or not health.exceeds(len(unhealthy), total, limit):
        return
    must_recover = len(unhealthy) - health.max_unhealthy(total, limit)
    numbers = {"unhealthy": len(unhealthy), "total": total, "limit_percent": limit, "must_recover": must_recover}
    values = {"sick": len(unhealthy), "limit": limit, "share": 100 * len(unhealthy) / total}
    action, ids = advice.at_the_gate(context), health.ids(unhealthy)
    yield _made(Why.TOO_MANY_UNHEALTHY, values, action=action, numbers=numbers, instances=ids)
    protected = [instance for instance in unhealthy if instance.is_opted_out]
    if health.exceeds(len(protected), total, limit):
        numbers = {"unhealthy": len(protected), "total": total, "limit_percent": limit}
        values = {"sick": len(protected), "limit": limit}
        yield _made(InstanceWhy.SHUT_BY_OPT_OUTS, values, numbers=numbers, instances=health.ids(protected))


def _surplus(context: ReasonContext) -> Iterator[Reason]:
    """More instances than the capacity, none of which may be removed. Numbers: surplus, capacity."""
    staying, capacity = context.facts.staying, context.facts.capacity
    kept = [instance for instance in staying if instance.is_opted_out or instance.is_protected_from_scale_in]
    if len(staying) <= capacity or len(kept) <= capacity:
        return
    opted_out = [instance for instance in kept if instance.is_opted_out]
    values = {"opted_out": len(opted_out), "kept": len(kept) - len(opted_out)}
    lifted_by, action = (OWNER, "opt_in") if opted_out else (OPERATOR, "")
    numbers, ids = {"surplus": len(kept) - capacity, "capacity": capacity}, health.ids(opted_out or kept)
    yield _made(InstanceWhy.SURPLUS, values, lifted_by=lifted_by, action=action, numbers=numbers, instances=ids)


def _stale(context: ReasonContext) -> Iterator[Reason]:
    if context.wants_upgrade and health.is_stale(context.facts, context.now):
        yield _made(Why.STALE_HEALTH, {"as_of": context.facts.health_complete_at})


def _initializing(context: ReasonContext) -> Iterator[Reason]:
    new = reason_queries.initializing(context)
    if new and context.wants_upgrade:
        began = [instance.health_since for instance in new if instance.health_since]
        ends = [health.wait_ends(context.facts, moment, context.now) for moment in began]
        yield _made(Why.INITIALIZING, until=max(ends, default=None), instances=health.ids(new))


def _fleet_stop(context: ReasonContext) -> Iterator[Reason]:
    stop = context.facts.fleet_stop
    if stop and context.wants_upgrade and context.started_by is StartedBy.PLATFORM and not context.is_ending:
        values = {"owner": stop.owner, "reason": stop.reason}
        yield _made(Why.FLEET_STOPPED, values, until=stop.until, since=stop.since)


def _paused(context: ReasonContext) -> Iterator[Reason]:
    """A person's pause: of the running upgrade, or of the last attempt, which keeps anybody from beginning another until it is resumed."""
    is_in_the_way = bool(context.outdated) or any(instance.withdrawn for instance in context.facts.staying)
    of_last = backoff.paused_by(context.facts) if is_in_the_way else ""
    by = context.upgrade.paused_by if context.upgrade else of_last
    if by and not context.is_ending:
        yield _made(Why.PAUSED, {"by": by})


def _pause(context: ReasonContext) -> Iterator[Reason]:
    until = reason_queries.pause_ends(context)
    if until and until > context.now:
        yield _made(Why.PAUSE_BETWEEN_BATCHES, until=until)


def _between_surge_batches(context: ReasonContext) -> Iterator[Reason]:
    """The waits between two surge batches: old instances are being deleted, or the available quota is not known."""
    upgrade, facts = context.upgrade, context.facts
    if upgrade is None or not upgrade.surges or context.is_ending or members_in_flight(facts):
        return
    if leaving := tuple(instance.id for instance in facts.instances if instance.is_being_deleted):
        yield _made(Why.REMOVING_REPLACED, instances=leaving)
    if not facts.available_quota_is_known:
        yield _made(Why.QUOTA_UNKNOWN)


def _retry(context: ReasonContext) -> Iterator[Reason]:
    facts = context.facts
    if context.upgrade or not context.wants_upgrade or facts.latest is None:
        return
    version, again_at = facts.latest.version, backoff.next_attempt_at(facts)
    can_be_tried = any(
        not instance.is_opted_out and not instance.quarantined and not instance.is_switched_off
        for instance in context.outdated
    )
    if again_at and again_at > context.now and can_be_tried and not backoff.was_cancelled(facts):
        numbers = {"attempts": facts.last_attempt.attempts_stopped_in_a_row if facts.last_attempt else 0}
        values = {"version": version, "by_hand": advice.could_be_tried_again(context)}
        yield _made(Why.BACKING_OFF, values, until=again_at, numbers=numbers)
    if backoff.was_cancelled(facts):
        yield _made(Why.CANCELLED_BEFORE, {"version": version})


def _suspected(context: ReasonContext) -> Iterator[Reason]:
    """The wanted version is suspected. Numbers: failed, tried."""
    trial, good = context.facts.trial, context.facts.newest_good
    if context.outdated and suspicion.is_suspected(trial):
        values = {"version": context.target, "good": good.version if good else "", "by_itself": context.is_automatic}
        yield _made(InstanceWhy.SUSPECTED, values, numbers={"failed": trial.failed, "tried": trial.tried})


def _pinned_to_withdrawn(context: ReasonContext) -> Iterator[Reason]:
    facts, could_be = context.facts, advice.startable_instances(context)
    withdrawal = facts.withdrawn.get(facts.pinned_to)
    if context.upgrade or withdrawal is None:
        return
    free = len(could_be) if advice.could_begin(context) else 0
    values = {**_said_of(facts.pinned_to, withdrawal), "target": context.target, "free": free}
    yield _made(InstanceWhy.PINNED_WITHDRAWN, values, action="start" if could_be else "", since=withdrawal.since)


def _pinned(context: ReasonContext) -> Iterator[Reason]:
    """The scale set is pinned to a version that some of its instances do not run."""
    facts, could_be, outdated = context.facts, advice.startable_instances(context), context.outdated
    if context.upgrade or not facts.pinned_to or facts.pinned_to in facts.withdrawn or not outdated:
        return
    variant = ("start" if advice.could_begin(context) else "later") if could_be else "none"
    running = sorted({instance.version for instance in outdated}, key=versions.parse)
    counts = {"free": len(could_be), "others": len(outdated) - len(could_be)}
    values = {"version": context.target, "running": running, **counts}
    action, numbers, ids = "start" if could_be else "", {"instances": len(outdated)}, health.ids(outdated)
    yield _made(InstanceWhy.PINNED, values, variant=variant, action=action, numbers=numbers, instances=ids)


def _said_of(version: str, withdrawal: Withdrawal) -> dict[str, object]:
    return {"version": version, "by": withdrawal.by, "reason": withdrawal.reason.rstrip(".")}


def _automatic_off(context: ReasonContext) -> Iterator[Reason]:
    if not context.outdated or not context.facts.follows_latest or context.upgrade or context.is_automatic:
        return
    outdated = set(health.ids(context.outdated))
    could_be = [instance for instance in advice.startable_instances(context) if instance.id in outdated]
    can_begin, count = bool(could_be) and advice.could_begin(context), len(could_be or context.outdated)
    variant, action = ("start", advice.START) if can_begin else ("later" if could_be else "none", "")
    values, numbers = {"version": context.target, "count": count}, {"instances": count}
    yield _made(InstanceWhy.AUTOMATIC_OFF, values, variant=variant, action=action, numbers=numbers)


def _impossible(context: ReasonContext) -> Iterator[Reason]:
    """Opt-outs and quarantines leave no instance that could be upgraded."""
    outdated, values = context.outdated, {"version": context.target}
    if context.upgrade or not outdated or not context.wants_upgrade:
        return
    if all(instance.is_opted_out or instance.quarantined for instance in outdated):
        is_opted_out = any(instance.is_opted_out for instance in outdated)
        lifted_by, action = (OWNER, "opt_in") if is_opted_out else (OPERATOR, "release")
        ids = health.ids(outdated)
        yield _made(InstanceWhy.OPT_OUTS_LEAVE_NOTHING, values, lifted_by=lifted_by, action=action, instances=ids)


# --- single instances -------------------------------------------------------------------------------------------------


def _unapproved(context: ReasonContext) -> Iterator[Reason]:
    waiting = reason_queries.unapproved(context)
    if waiting and context.wants_upgrade and not context.is_ending:
        values, numbers = {"version": context.target}, {"instances": len(waiting)}
        yield _made(Why.WAITING_FOR_APPROVAL, values, numbers=numbers, instances=waiting)


def _opted_out(context: ReasonContext) -> Iterator[Reason]:
    """One reason for each hold, however many instances it is on. It began when the first of them was opted out."""
    groups = reason_queries.by_hold(context) if context.wants_upgrade else {}
    for hold, waiting in groups.items():
        began = [instance.opt_out.since for instance in waiting if instance.opt_out and instance.opt_out.since]
        values, numbers = {"owner": hold.owner, "reason": hold.reason}, {"instances": len(waiting)}
        ids, until, since = health.ids(waiting), hold.until, min(began, default=None)
        yield _made(InstanceWhy.OPTED_OUT, values, until=until, since=since, numbers=numbers, instances=ids)


def _quarantined(context: ReasonContext) -> Iterator[Reason]:
    waiting = tuple(instance.id for instance in context.outdated if instance.quarantined and not instance.is_opted_out)
    if waiting and context.wants_upgrade and context.started_by is StartedBy.PLATFORM:
        yield _made(InstanceWhy.QUARANTINED, instances=waiting)


def _withdrawn(context: ReasonContext) -> Iterator[Reason]:
    """One reason for each withdrawn version that instances still run. A person may move them to the newest version that is left."""
    for version, waiting in reason_queries.by_withdrawn_version(context).items():
        withdrawal, ids = context.facts.withdrawn[version], health.ids(waiting)
        variant, target, counts = reason_queries.way_out(context, version, waiting)
        values = {**_said_of(version, withdrawal), **counts, "target": target}
        action, numbers, since = "start" if counts["takes"] else "", {"instances": len(waiting)}, withdrawal.since
        yield _made(
            InstanceWhy.WITHDRAWN, values, variant=variant, action=action, numbers=numbers, instances=ids, since=since
        )


def _switched_off(context: ReasonContext) -> Iterator[Reason]:
    waiting = tuple(
        instance.id for instance in context.outdated if instance.is_switched_off and not instance.is_opted_out
    )
    if waiting and context.wants_upgrade:
        yield _made(InstanceWhy.SWITCHED_OFF, instances=waiting)


def _failed_before(context: ReasonContext) -> Iterator[Reason]:
    if waiting := reason_queries.failed_before(context):
        is_running = context.upgrade is not None
        action = "" if is_running else "retry_failed"  # only one upgrade can run at a time
        values, numbers = {"version": context.target, "is_running": is_running}, {"instances": len(waiting)}
        yield _made(InstanceWhy.FAILED_BEFORE, values, action=action, numbers=numbers, instances=waiting)


def _turn(context: ReasonContext) -> Iterator[Reason]:
    """Instances that wait for a later batch."""
    upgrade = context.upgrade
    waiting = batches.takeable_and_approved(context.facts, upgrade) if upgrade and not context.is_ending else []
    if upgrade and waiting:
        numbers = {"waiting": len(waiting), "batches": len(upgrade.batches)}
        yield _made(InstanceWhy.WAITS_FOR_TURN, numbers=numbers, instances=health.ids(waiting))


def _taken_out(context: ReasonContext) -> Iterator[Reason]:
    """Instances that were taken out of their batch, such as by an opt-out that has ended since: an upgrade takes each instance once."""
    if waiting := reason_queries.taken_out(context):
        yield _made(InstanceWhy.WAITS_FOR_NEXT_UPGRADE, numbers={"instances": len(waiting)}, instances=waiting)


# --- the batch that runs ----------------------------------------------------------------------------------------------


def _working(context: ReasonContext) -> Iterator[Reason]:
    """Work under way. Nothing holds the upgrade; each reason says which work on which instances it waits for."""
    groups, until = reason_queries.under_way(context), reason_queries.verified_by(context)
    for why, members in groups.items():
        # Past `until` only if health is stale: then no time is up.
        is_known = why is Why.VERIFYING and until > context.now
        ids = tuple(sorted({id for member in members for id in (member.instance, member.upgraded)}))
        values = {"count": len(members), "until": until}
        yield _made(why, values, until=until if is_known else None, instances=ids)
    busy = reason_queries.busy(context)
    if busy and not groups:
        variant, counts = capacity.being_changed(context.facts)
        yield _made(Why.CREATING, counts, variant=variant, instances=busy)


SOURCES: tuple[Callable[[ReasonContext], Iterable[Reason]], ...] = (
    _no_image, _not_made, _gone, _surplus, _gate, _stale, _initializing, _fleet_stop, _paused, _pause, _between_surge_batches,
    _retry, _suspected, _pinned_to_withdrawn, _pinned, _automatic_off, _impossible, _unapproved, _opted_out,
    _quarantined, _withdrawn, _switched_off, _failed_before, _turn, _taken_out, _working,
)  # fmt: skip
