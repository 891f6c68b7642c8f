"""Finds the reasons that hold a scale set, or its running upgrade, as a whole. Each function finds those of one or two codes."""

from collections.abc import Callable, Iterator

from upgrades.core import advice, backoff, batches, credentials, health, missing, reason_queries, suspicion, versions
from upgrades.core.in_flight import members_in_flight
from upgrades.core.reason_context import Reason, ReasonContext, make_reason, withdrawal_values
from upgrades.core.reason_kinds import LiftedBy, ReasonCode
from upgrades.core.states import StartedBy
from upgrades.core.steps import Why


def _no_image(context: ReasonContext) -> Iterator[Reason]:
    facts = context.facts
    with_machine = len(facts.staying) - len(missing.to_create(facts))
    if facts.latest_image is None and facts.capacity > with_machine:
        yield make_reason(Why.NO_IMAGE)


def _creation_failed(context: ReasonContext) -> Iterator[Reason]:
    """Machines that the provider refused or failed to create, with its message for the first. Numbers: instances, capacity, tries."""
    if lacking := missing.failed_creations(context.facts):
        error = missing.first_missing(lacking).error.rstrip(".")
        tries = max(instance.missing.tries for instance in lacking if instance.missing)
        numbers = {"instances": len(lacking), "capacity": context.facts.capacity, "tries": tries}
        until = missing.first_creation_at(context.facts, context.now)
        ids, since = reason_queries.ids_and_since(lacking)
        yield make_reason(
            Why.CREATION_FAILED, {"said": error}, until=until, numbers=numbers, instances=ids, since=since
        )


def _elsewhere(context: ReasonContext) -> Iterator[Reason]:
    """Machines that seem to run on another host, with what the provider saw of the first. Numbers: instances, capacity."""
    if lacking := missing.machines_elsewhere(context.facts):
        values = {"said": missing.first_missing(lacking).error.rstrip(".")}
        numbers = {"instances": len(lacking), "capacity": context.facts.capacity}
        ids, since = reason_queries.ids_and_since(lacking)
        yield make_reason(Why.ELSEWHERE, values, numbers=numbers, instances=ids, since=since)


def _gone(context: ReasonContext) -> Iterator[Reason]:
    """Machines that vanished at the provider and are being created again. Numbers: instances, capacity."""
    if lacking := missing.vanished(context.facts):
        numbers = {"instances": len(lacking), "capacity": context.facts.capacity}
        ids, since = reason_queries.ids_and_since(lacking)
        yield make_reason(Why.GONE, numbers=numbers, instances=ids, since=since)


def _gate(context: ReasonContext) -> Iterator[Reason]:
    """Too many unhealthy instances for the gate to open. Numbers: unhealthy, total, limit_percent, must_recover."""
    limit = reason_queries.policy_at_the_gate(context).max_unhealthy_percent
    unhealthy = batches.unhealthy_at_the_gate(context.facts, context.now)
    total = len(context.facts.counted)
    is_awaited = context.wants_upgrade or bool(advice.startable_instances(context))
    if not is_awaited or not health.exceeds(len(unhealthy), total, limit):
        return
    must_recover = len(unhealthy) - health.max_unhealthy(total, limit)
    numbers = {"unhealthy": len(unhealthy), "total": total, "limit_percent": limit, "must_recover": must_recover}
    values = {"sick": len(unhealthy), "limit": limit, "share": 100 * len(unhealthy) / total}
    action = advice.action_that_opens_gate(context)
    yield make_reason(Why.TOO_MANY_UNHEALTHY, values, action=action, numbers=numbers, instances=health.ids(unhealthy))
    opted_out = [instance for instance in unhealthy if instance.is_opted_out]
    if health.exceeds(len(opted_out), total, limit):
        numbers = {"unhealthy": len(opted_out), "total": total, "limit_percent": limit}
        values = {"sick": len(opted_out), "limit": limit}
        yield make_reason(ReasonCode.SHUT_BY_OPT_OUTS, values, numbers=numbers, instances=health.ids(opted_out))


def _surplus(context: ReasonContext) -> Iterator[Reason]:
    """More instances than the capacity, none of which may be removed. Numbers: surplus, capacity."""
    staying, capacity = context.facts.staying, context.facts.capacity
    kept = [instance for instance in staying if instance.is_opted_out or instance.is_protected_from_scale_in]
    if len(staying) <= capacity or len(kept) <= capacity:
        return
    opted_out = [instance for instance in kept if instance.is_opted_out]
    values = {"opted_out": len(opted_out), "kept": len(kept) - len(opted_out)}
    lifted_by, action = (LiftedBy.OWNER, "opt_in") if opted_out else (LiftedBy.OPERATOR, "")
    numbers = {"surplus": len(kept) - capacity, "capacity": capacity}
    ids = health.ids(opted_out or kept)
    yield make_reason(ReasonCode.SURPLUS, values, lifted_by=lifted_by, action=action, numbers=numbers, instances=ids)


def _provider_unavailable(context: ReasonContext) -> Iterator[Reason]:
    """The provider cannot be reached, or lacks what it needs. Shown even where nothing is to be upgraded: nothing else works either."""
    if said := context.facts.provider_error.rstrip("."):
        yield make_reason(Why.PROVIDER_UNAVAILABLE, {"said": said}, since=context.facts.provider_error_since)
    elif context.facts.obstacle:
        yield make_reason(Why(context.facts.obstacle.value), {"said": context.facts.obstacle_message.rstrip(".")})


def _stale(context: ReasonContext) -> Iterator[Reason]:
    if context.wants_upgrade and health.is_stale(context.facts, context.now):
        yield make_reason(Why.STALE_HEALTH, {"as_of": context.facts.health_complete_at})


def _initializing(context: ReasonContext) -> Iterator[Reason]:
    new = reason_queries.initializing(context)
    if new and context.wants_upgrade:
        waits = [instance.health_since for instance in new if instance.health_since]
        ends = [health.wait_ends_at(context.facts, began_at, context.now) for began_at in waits]
        yield make_reason(Why.INITIALIZING, until=max(ends, default=None), instances=health.ids(new))


def _fleet_stop(context: ReasonContext) -> Iterator[Reason]:
    stop = context.facts.fleet_stop
    if stop and context.wants_upgrade and context.started_by is StartedBy.PLATFORM and not context.is_ending:
        values = {"owner": stop.owner, "reason": stop.reason}
        yield make_reason(Why.FLEET_STOPPED, values, until=stop.until, since=stop.since)


def _paused(context: ReasonContext) -> Iterator[Reason]:
    """A person's pause, of the running upgrade or of the last attempt. The latter prevents any further attempt until it is resumed."""
    is_in_the_way = bool(context.outdated) or any(instance.runs_withdrawn_version for instance in context.facts.staying)
    last_paused_by = backoff.paused_by(context.facts) if is_in_the_way else ""
    by = context.upgrade.paused_by if context.upgrade else last_paused_by
    if by and not context.is_ending:
        yield make_reason(Why.PAUSED, {"by": by})


def _pause_between_batches(context: ReasonContext) -> Iterator[Reason]:
    until = reason_queries.pause_ends_at(context)
    if until and until > context.now:
        yield make_reason(Why.PAUSE_BETWEEN_BATCHES, until=until)


def _between_surge_batches(context: ReasonContext) -> Iterator[Reason]:
    """The waits between two surge batches: old instances are being deleted, or the available quota is not known."""
    upgrade, facts = context.upgrade, context.facts
    if upgrade is None or not upgrade.surges or context.is_ending or members_in_flight(facts):
        return
    if leaving := tuple(instance.id for instance in facts.instances if instance.is_being_deleted):
        yield make_reason(Why.REMOVING_REPLACED, instances=leaving)
    if not facts.available_quota_is_known:
        yield make_reason(Why.QUOTA_UNKNOWN)


def _retry(context: ReasonContext) -> Iterator[Reason]:
    """The last attempt was stopped, and the wait before the next one lasts, or a person cancelled it. Numbers: attempts."""
    facts = context.facts
    if context.upgrade or not context.wants_upgrade or facts.latest_image is None:
        return
    version = facts.latest_image.version
    again_at = backoff.next_attempt_at(facts)
    can_be_tried = any(
        not instance.is_opted_out and not instance.is_quarantined and not instance.is_switched_off
        for instance in context.outdated
    )
    if again_at and again_at > context.now and can_be_tried and not backoff.was_cancelled(facts):
        numbers = {"attempts": facts.last_attempt.attempts_stopped_in_a_row if facts.last_attempt else 0}
        values = {"version": version, "by_hand": advice.could_be_tried_again(context)}
        yield make_reason(Why.BACKING_OFF, values, until=again_at, numbers=numbers)
    if backoff.was_cancelled(facts):
        yield make_reason(Why.CANCELLED_BEFORE, {"version": version})


def _suspected(context: ReasonContext) -> Iterator[Reason]:
    """The wanted version is suspected. Numbers: failed, tried."""
    results, good = context.facts.target_results, context.facts.newest_good
    if context.outdated and suspicion.is_suspected(results):
        values = {"version": context.target, "good": good.version if good else "", "by_itself": context.is_automatic}
        yield make_reason(ReasonCode.SUSPECTED, values, numbers={"failed": results.failed, "tried": results.tried})


def _pinned_to_withdrawn(context: ReasonContext) -> Iterator[Reason]:
    """The scale set is pinned to a version that was withdrawn."""
    facts = context.facts
    withdrawal = facts.withdrawn.get(facts.pinned_to)
    if context.upgrade or withdrawal is None:
        return
    startable = advice.startable_instances(context)
    free = len(startable) if advice.could_begin(context) else 0
    values = {**withdrawal_values(facts.pinned_to, withdrawal), "target": context.target, "free": free}
    yield make_reason(ReasonCode.PINNED_WITHDRAWN, values, action="start" if startable else "", since=withdrawal.since)


def _pinned(context: ReasonContext) -> Iterator[Reason]:
    """The scale set is pinned to a version that some of its instances do not run."""
    facts, outdated = context.facts, context.outdated
    if context.upgrade or not facts.pinned_to or facts.pinned_to in facts.withdrawn or not outdated:
        return
    startable = advice.startable_instances(context)
    variant = ("start" if advice.could_begin(context) else "later") if startable else "none"
    running = sorted({instance.version for instance in outdated}, key=versions.parse)
    counts = {"free": len(startable), "others": len(outdated) - len(startable)}
    values = {"version": context.target, "running": running, **counts}
    action, numbers = "start" if startable else "", {"instances": len(outdated)}
    yield make_reason(
        ReasonCode.PINNED, values, variant=variant, action=action, numbers=numbers, instances=health.ids(outdated)
    )


def _automatic_off(context: ReasonContext) -> Iterator[Reason]:
    """Automatic upgrades are off, so a person has to start the upgrade of outdated instances. Numbers: instances."""
    if not context.outdated or not context.facts.follows_latest or context.upgrade or context.is_automatic:
        return
    outdated = set(health.ids(context.outdated))
    startable = [instance for instance in advice.startable_instances(context) if instance.id in outdated]
    count = len(startable or context.outdated)
    if startable and advice.could_begin(context):
        variant, action = "start", advice.START
    else:
        variant, action = "later" if startable else "none", ""
    values = {"version": context.target, "count": count}
    yield make_reason(ReasonCode.AUTOMATIC_OFF, values, variant=variant, action=action, numbers={"instances": count})


def _opt_outs_leave_nothing(context: ReasonContext) -> Iterator[Reason]:
    """Opt-outs and quarantines leave no instance that could be upgraded."""
    outdated = context.outdated
    if context.upgrade or not outdated or not context.wants_upgrade:
        return
    if all(instance.is_opted_out or instance.is_quarantined for instance in outdated):
        is_opted_out = any(instance.is_opted_out for instance in outdated)
        lifted_by, action = (LiftedBy.OWNER, "opt_in") if is_opted_out else (LiftedBy.OPERATOR, "release")
        values, ids = {"version": context.target}, health.ids(outdated)
        yield make_reason(ReasonCode.OPT_OUTS_LEAVE_NOTHING, values, lifted_by=lifted_by, action=action, instances=ids)


def _credentials(context: ReasonContext) -> Iterator[Reason]:
    """Credentials of the model that have ended, or end soon. Numbers: credentials."""
    known, now = context.facts.credentials, context.now
    if ended := credentials.ended(known, now):
        first, numbers = ended[0], {"credentials": len(ended)}
        values = {"shown": first.shown, "place": first.place, "ends_at": first.ends_at}
        yield make_reason(ReasonCode.CREDENTIALS_ENDED, values, numbers=numbers, since=first.ends_at)
    if ending := credentials.ending(known, now):
        first, numbers = ending[0], {"credentials": len(ending)}
        values = {"shown": first.shown, "place": first.place, "ends_at": first.ends_at}
        within = credentials.warning_days(first.ends_at, now)
        yield make_reason(ReasonCode.CREDENTIALS_END, {**values, "days": within}, numbers=numbers)


def _failed_references(context: ReasonContext) -> Iterator[Reason]:
    """References of the model that failed their last check, besides expired credentials. Numbers: references."""
    if failed := context.facts.failed_references:
        first, numbers = failed[0], {"references": len(failed)}
        values = {"shown": first.shown, "place": first.place, "said": first.says}
        yield make_reason(ReasonCode.REFERENCES_FAILED, values, numbers=numbers)


FINDERS: tuple[Callable[[ReasonContext], Iterator[Reason]], ...] = (
    _no_image, _creation_failed, _elsewhere, _gone, _surplus, _gate, _provider_unavailable, _stale, _initializing, _fleet_stop, _paused,
    _pause_between_batches, _between_surge_batches, _retry, _suspected, _pinned_to_withdrawn, _pinned, _automatic_off,
    _opt_outs_leave_nothing, _credentials, _failed_references,
)  # fmt: skip
