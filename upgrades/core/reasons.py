"""Finds the reasons why an upgrade or an instance is not moving.

`decide` returns the first thing that holds an upgrade. This module finds everything that holds it, and what holds each instance. Feed, API
and `manage.py status` show the same reasons. Each function below finds the reasons of one or two codes; core/reason_kinds.py has their
table.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from upgrades.core import advice, backoff, batches, capacity, health, missing, reason_queries, suspicion, versions
from upgrades.core.catalogue import is_message, say_of
from upgrades.core.facts import Facts, Withdrawal
from upgrades.core.in_flight import members_in_flight
from upgrades.core.reason_context import Reason, ReasonContext, reason_context_of
from upgrades.core.reason_kinds import KINDS, RANK, InstanceWhy, LiftedBy
from upgrades.core.states import StartedBy
from upgrades.core.steps import Why

NO_NUMBERS: Mapping[str, float] = MappingProxyType({})
NO_VALUES: Mapping[str, object] = MappingProxyType({})


def reasons(facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """Find everything that holds the scale set and its instances now, ranked; () where all instances are on the wanted version."""
    context = reason_context_of(facts, now)
    found = [advice.with_useful_action(reason, context) for source in SOURCES for reason in source(context)]
    return tuple(sorted(found, key=lambda reason: (RANK[reason.code], reason.instances or ())))


def _reason(
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
        say_of(f"{code}.{variant}" if variant else code, known),
        kind.holder,
        kind.lifted_by if lifted_by is None else lifted_by,
        kind.action if action is None else action,
        until,
        numbers,
        instances,
        since,
        text_for_one=say_of(text_for_one, known) if instances is not None and is_message(text_for_one) else "",
        brief=(say_of(brief, known) if is_message(brief) else None) if kind.is_brief else "",
    )


# --- the scale set ----------------------------------------------------------------------------------------------------


def _no_image(context: ReasonContext) -> Iterator[Reason]:
    facts = context.facts
    with_machine = len(facts.staying) - len(missing.to_create(facts))
    if facts.latest is None and facts.capacity > with_machine:
        yield _reason(Why.NO_IMAGE)


def _creation_failed(context: ReasonContext) -> Iterator[Reason]:
    """Machines that the provider refused or failed to create, with its message for the first. Numbers: instances, capacity, tries."""
    if lacking := missing.creation_failed(context.facts):
        error = missing.first_missing(lacking).error.rstrip(".")
        tries = max(instance.missing.tries for instance in lacking if instance.missing)
        numbers = {"instances": len(lacking), "capacity": context.facts.capacity, "tries": tries}
        until = missing.first_creation_at(context.facts, context.now)
        ids, since = reason_queries.ids_and_since(lacking)
        yield _reason(Why.CREATION_FAILED, {"said": error}, until=until, numbers=numbers, instances=ids, since=since)


def _gone(context: ReasonContext) -> Iterator[Reason]:
    """Machines that vanished at the provider and are being created again. Numbers: instances, capacity."""
    if lacking := missing.vanished(context.facts):
        numbers = {"instances": len(lacking), "capacity": context.facts.capacity}
        ids, since = reason_queries.ids_and_since(lacking)
        yield _reason(Why.GONE, numbers=numbers, instances=ids, since=since)


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
    yield _reason(Why.TOO_MANY_UNHEALTHY, values, action=action, numbers=numbers, instances=health.ids(unhealthy))
    opted_out = [instance for instance in unhealthy if instance.is_opted_out]
    if health.exceeds(len(opted_out), total, limit):
        numbers = {"unhealthy": len(opted_out), "total": total, "limit_percent": limit}
        values = {"sick": len(opted_out), "limit": limit}
        yield _reason(InstanceWhy.SHUT_BY_OPT_OUTS, values, numbers=numbers, instances=health.ids(opted_out))


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
    yield _reason(InstanceWhy.SURPLUS, values, lifted_by=lifted_by, action=action, numbers=numbers, instances=ids)


def _stale(context: ReasonContext) -> Iterator[Reason]:
    if context.wants_upgrade and health.is_stale(context.facts, context.now):
        yield _reason(Why.STALE_HEALTH, {"as_of": context.facts.health_complete_at})


def _initializing(context: ReasonContext) -> Iterator[Reason]:
    new = reason_queries.initializing(context)
    if new and context.wants_upgrade:
        waits = [instance.health_since for instance in new if instance.health_since]
        ends = [health.wait_ends(context.facts, began_at, context.now) for began_at in waits]
        yield _reason(Why.INITIALIZING, until=max(ends, default=None), instances=health.ids(new))


def _fleet_stop(context: ReasonContext) -> Iterator[Reason]:
    stop = context.facts.fleet_stop
    if stop and context.wants_upgrade and context.started_by is StartedBy.PLATFORM and not context.is_ending:
        values = {"owner": stop.owner, "reason": stop.reason}
        yield _reason(Why.FLEET_STOPPED, values, until=stop.until, since=stop.since)


def _paused(context: ReasonContext) -> Iterator[Reason]:
    """A person's pause, of the running upgrade or of the last attempt. The latter prevents any further attempt until it is resumed."""
    is_in_the_way = bool(context.outdated) or any(instance.runs_withdrawn_version for instance in context.facts.staying)
    last_paused_by = backoff.paused_by(context.facts) if is_in_the_way else ""
    by = context.upgrade.paused_by if context.upgrade else last_paused_by
    if by and not context.is_ending:
        yield _reason(Why.PAUSED, {"by": by})


def _pause_between_batches(context: ReasonContext) -> Iterator[Reason]:
    until = reason_queries.pause_ends(context)
    if until and until > context.now:
        yield _reason(Why.PAUSE_BETWEEN_BATCHES, until=until)


def _between_surge_batches(context: ReasonContext) -> Iterator[Reason]:
    """The waits between two surge batches: old instances are being deleted, or the available quota is not known."""
    upgrade, facts = context.upgrade, context.facts
    if upgrade is None or not upgrade.surges or context.is_ending or members_in_flight(facts):
        return
    if leaving := tuple(instance.id for instance in facts.instances if instance.is_being_deleted):
        yield _reason(Why.REMOVING_REPLACED, instances=leaving)
    if not facts.available_quota_is_known:
        yield _reason(Why.QUOTA_UNKNOWN)


def _retry(context: ReasonContext) -> Iterator[Reason]:
    """The last attempt was stopped, and the wait before the next one lasts, or a person cancelled it. Numbers: attempts."""
    facts = context.facts
    if context.upgrade or not context.wants_upgrade or facts.latest is None:
        return
    version = facts.latest.version
    again_at = backoff.next_attempt_at(facts)
    can_be_tried = any(
        not instance.is_opted_out and not instance.is_quarantined and not instance.is_switched_off
        for instance in context.outdated
    )
    if again_at and again_at > context.now and can_be_tried and not backoff.was_cancelled(facts):
        numbers = {"attempts": facts.last_attempt.attempts_stopped_in_a_row if facts.last_attempt else 0}
        values = {"version": version, "by_hand": advice.could_be_tried_again(context)}
        yield _reason(Why.BACKING_OFF, values, until=again_at, numbers=numbers)
    if backoff.was_cancelled(facts):
        yield _reason(Why.CANCELLED_BEFORE, {"version": version})


def _suspected(context: ReasonContext) -> Iterator[Reason]:
    """The wanted version is suspected. Numbers: failed, tried."""
    results, good = context.facts.target_results, context.facts.newest_good
    if context.outdated and suspicion.is_suspected(results):
        values = {"version": context.target, "good": good.version if good else "", "by_itself": context.is_automatic}
        yield _reason(InstanceWhy.SUSPECTED, values, numbers={"failed": results.failed, "tried": results.tried})


def _pinned_to_withdrawn(context: ReasonContext) -> Iterator[Reason]:
    """The scale set is pinned to a version that was withdrawn."""
    facts = context.facts
    withdrawal = facts.withdrawn.get(facts.pinned_to)
    if context.upgrade or withdrawal is None:
        return
    startable = advice.startable_instances(context)
    free = len(startable) if advice.could_begin(context) else 0
    values = {**_withdrawal_values(facts.pinned_to, withdrawal), "target": context.target, "free": free}
    yield _reason(InstanceWhy.PINNED_WITHDRAWN, values, action="start" if startable else "", since=withdrawal.since)


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
    yield _reason(
        InstanceWhy.PINNED, values, variant=variant, action=action, numbers=numbers, instances=health.ids(outdated)
    )


def _withdrawal_values(version: str, withdrawal: Withdrawal) -> dict[str, object]:
    return {"version": version, "by": withdrawal.by, "reason": withdrawal.reason.rstrip(".")}


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
    yield _reason(InstanceWhy.AUTOMATIC_OFF, values, variant=variant, action=action, numbers={"instances": count})


def _opt_outs_leave_nothing(context: ReasonContext) -> Iterator[Reason]:
    """Opt-outs and quarantines leave no instance that could be upgraded."""
    outdated = context.outdated
    if context.upgrade or not outdated or not context.wants_upgrade:
        return
    if all(instance.is_opted_out or instance.is_quarantined for instance in outdated):
        is_opted_out = any(instance.is_opted_out for instance in outdated)
        lifted_by, action = (LiftedBy.OWNER, "opt_in") if is_opted_out else (LiftedBy.OPERATOR, "release")
        values, ids = {"version": context.target}, health.ids(outdated)
        yield _reason(InstanceWhy.OPT_OUTS_LEAVE_NOTHING, values, lifted_by=lifted_by, action=action, instances=ids)


# --- single instances -------------------------------------------------------------------------------------------------


def _unapproved(context: ReasonContext) -> Iterator[Reason]:
    ids = reason_queries.unapproved(context)
    if ids and context.wants_upgrade and not context.is_ending:
        values, numbers = {"version": context.target}, {"instances": len(ids)}
        yield _reason(Why.WAITING_FOR_APPROVAL, values, numbers=numbers, instances=ids)


def _opted_out(context: ReasonContext) -> Iterator[Reason]:
    """One reason for each hold, however many instances it is on. It began when the first of them was opted out."""
    groups = reason_queries.by_hold(context) if context.wants_upgrade else {}
    for hold, held in groups.items():
        began = [instance.opt_out.since for instance in held if instance.opt_out and instance.opt_out.since]
        yield _reason(
            InstanceWhy.OPTED_OUT,
            {"owner": hold.owner, "reason": hold.reason},
            until=hold.until,
            since=min(began, default=None),
            numbers={"instances": len(held)},
            instances=health.ids(held),
        )


def _quarantined(context: ReasonContext) -> Iterator[Reason]:
    ids = tuple(instance.id for instance in context.outdated if instance.is_quarantined and not instance.is_opted_out)
    if ids and context.wants_upgrade and context.started_by is StartedBy.PLATFORM:
        yield _reason(InstanceWhy.QUARANTINED, instances=ids)


def _withdrawn(context: ReasonContext) -> Iterator[Reason]:
    """One reason for each withdrawn version that instances still run. A person may move them to the newest version that is left."""
    for version, running_it in reason_queries.by_withdrawn_version(context).items():
        withdrawal = context.facts.withdrawn[version]
        variant, target, counts = reason_queries.replacement_of_withdrawn(context, version, running_it)
        yield _reason(
            InstanceWhy.WITHDRAWN,
            {**_withdrawal_values(version, withdrawal), **counts, "target": target},
            variant=variant,
            action="start" if counts["takes"] else "",
            numbers={"instances": len(running_it)},
            instances=health.ids(running_it),
            since=withdrawal.since,
        )


def _switched_off(context: ReasonContext) -> Iterator[Reason]:
    ids = tuple(instance.id for instance in context.outdated if instance.is_switched_off and not instance.is_opted_out)
    if ids and context.wants_upgrade:
        yield _reason(InstanceWhy.SWITCHED_OFF, instances=ids)


def _failed_before(context: ReasonContext) -> Iterator[Reason]:
    if ids := reason_queries.failed_before(context):
        is_running = context.upgrade is not None
        action = "" if is_running else "retry_failed"  # only one upgrade can run at a time
        values, numbers = {"version": context.target, "is_running": is_running}, {"instances": len(ids)}
        yield _reason(InstanceWhy.FAILED_BEFORE, values, action=action, numbers=numbers, instances=ids)


def _waiting_for_turn(context: ReasonContext) -> Iterator[Reason]:
    """Instances that wait for a later batch."""
    upgrade = context.upgrade
    waiting = batches.takeable_and_approved(context.facts, upgrade) if upgrade and not context.is_ending else []
    if upgrade and waiting:
        numbers = {"waiting": len(waiting), "batches": len(upgrade.batches)}
        yield _reason(InstanceWhy.WAITS_FOR_TURN, numbers=numbers, instances=health.ids(waiting))


def _skipped(context: ReasonContext) -> Iterator[Reason]:
    """Instances that their batch skipped, such as for an opt-out that has ended since. An upgrade takes each instance only once."""
    if ids := reason_queries.skipped(context):
        yield _reason(InstanceWhy.WAITS_FOR_NEXT_UPGRADE, numbers={"instances": len(ids)}, instances=ids)


# --- the batch that runs ----------------------------------------------------------------------------------------------


def _work_under_way(context: ReasonContext) -> Iterator[Reason]:
    """Work under way: nothing holds the upgrade. Each reason says which work on which instances is awaited."""
    groups = reason_queries.under_way(context)
    until = reason_queries.verification_ends(context)
    for why, members in groups.items():
        # While health is stale, `until` can lie in the past: nothing ends then.
        is_known = why is Why.VERIFYING and until > context.now
        ids = tuple(sorted({id for member in members for id in (member.instance, member.upgraded)}))
        values = {"count": len(members), "until": until}
        yield _reason(why, values, until=until if is_known else None, instances=ids)
    busy = reason_queries.busy_ids(context)
    if busy and not groups:
        variant, counts = capacity.busy_variant(context.facts)
        yield _reason(Why.CREATING, counts, variant=variant, instances=busy)


SOURCES: tuple[Callable[[ReasonContext], Iterable[Reason]], ...] = (
    _no_image, _creation_failed, _gone, _surplus, _gate, _stale, _initializing, _fleet_stop, _paused,
    _pause_between_batches, _between_surge_batches, _retry, _suspected, _pinned_to_withdrawn, _pinned, _automatic_off,
    _opt_outs_leave_nothing, _unapproved, _opted_out, _quarantined, _withdrawn, _switched_off, _failed_before,
    _waiting_for_turn, _skipped, _work_under_way,
)  # fmt: skip
