"""Finds the reasons that single instances do not move, and the work that is awaited. Each function finds those of one or two codes."""

from collections.abc import Callable, Iterator

from upgrades.core import batches, capacity, health, reason_queries
from upgrades.core.reason_context import Reason, ReasonContext, make_reason, withdrawal_values
from upgrades.core.reason_kinds import ReasonCode
from upgrades.core.states import StartedBy
from upgrades.core.steps import Why


def _unapproved(context: ReasonContext) -> Iterator[Reason]:
    ids = reason_queries.unapproved(context)
    if ids and context.wants_upgrade and not context.is_ending:
        values, numbers = {"version": context.target}, {"instances": len(ids)}
        yield make_reason(Why.WAITING_FOR_APPROVAL, values, numbers=numbers, instances=ids)


def _opted_out(context: ReasonContext) -> Iterator[Reason]:
    """One reason for each hold, however many instances it is on. It began when the first of them was opted out."""
    groups = reason_queries.by_hold(context) if context.wants_upgrade else {}
    for hold, held in groups.items():
        began = [instance.opt_out.since for instance in held if instance.opt_out and instance.opt_out.since]
        yield make_reason(
            ReasonCode.OPTED_OUT,
            {"owner": hold.owner, "reason": hold.reason},
            until=hold.until,
            since=min(began, default=None),
            numbers={"instances": len(held)},
            instances=health.ids(held),
        )


def _quarantined(context: ReasonContext) -> Iterator[Reason]:
    ids = tuple(instance.id for instance in context.outdated if instance.is_quarantined and not instance.is_opted_out)
    if ids and context.wants_upgrade and context.started_by is StartedBy.PLATFORM:
        yield make_reason(ReasonCode.QUARANTINED, instances=ids)


def _withdrawn(context: ReasonContext) -> Iterator[Reason]:
    """One reason for each withdrawn version that instances still run. A person may move them to the newest version that is left."""
    for version, running_it in reason_queries.by_withdrawn_version(context).items():
        withdrawal = context.facts.withdrawn[version]
        variant, target, counts = reason_queries.replacement_of_withdrawn(context, version, running_it)
        yield make_reason(
            ReasonCode.WITHDRAWN,
            {**withdrawal_values(version, withdrawal), **counts, "target": target},
            variant=variant,
            action="start" if counts["takes"] else "",
            numbers={"instances": len(running_it)},
            instances=health.ids(running_it),
            since=withdrawal.since,
        )


def _switched_off(context: ReasonContext) -> Iterator[Reason]:
    ids = tuple(instance.id for instance in context.outdated if instance.is_switched_off and not instance.is_opted_out)
    if ids and context.wants_upgrade:
        yield make_reason(ReasonCode.SWITCHED_OFF, instances=ids)


def _half_made(context: ReasonContext) -> Iterator[Reason]:
    """Instances whose OS disk was being replaced when the work ended. Any upgrade that takes them does that work again.

    So no action is needed while one runs, or while the platform's next one would take them."""
    ids = tuple(instance.id for instance in context.facts.staying if instance.is_half_made and not instance.is_busy)
    if ids:
        action = "" if context.upgrade or context.wants_upgrade else "start"
        yield make_reason(ReasonCode.HALF_MADE, action=action, numbers={"instances": len(ids)}, instances=ids)


def _drifted(context: ReasonContext) -> Iterator[Reason]:
    """One reason for each version that instances say they run while their OS disks are of another one."""
    by_version: dict[str, list[int]] = {}
    for instance in context.facts.staying:
        if instance.drifted_to and not instance.is_busy:
            by_version.setdefault(instance.drifted_to, []).append(instance.id)
    for version, ids in sorted(by_version.items()):
        values, numbers = {"version": version}, {"instances": len(ids)}
        yield make_reason(ReasonCode.DRIFTED, values, numbers=numbers, instances=tuple(ids))


def _failed_before(context: ReasonContext) -> Iterator[Reason]:
    if ids := reason_queries.failed_before(context):
        is_running = context.upgrade is not None
        action = "" if is_running else "retry_failed"  # only one upgrade can run at a time
        values, numbers = {"version": context.target, "is_running": is_running}, {"instances": len(ids)}
        yield make_reason(ReasonCode.FAILED_BEFORE, values, action=action, numbers=numbers, instances=ids)


def _waiting_for_turn(context: ReasonContext) -> Iterator[Reason]:
    """Instances that wait for a later batch."""
    upgrade = context.upgrade
    waiting = batches.takeable_and_approved(context.facts, upgrade) if upgrade and not context.is_ending else []
    if upgrade and waiting:
        numbers = {"waiting": len(waiting), "batches": len(upgrade.batches)}
        yield make_reason(ReasonCode.WAITS_FOR_TURN, numbers=numbers, instances=health.ids(waiting))


def _skipped(context: ReasonContext) -> Iterator[Reason]:
    """Instances that their batch skipped, such as for an opt-out that has ended since. An upgrade takes each instance only once."""
    if ids := reason_queries.skipped(context):
        yield make_reason(ReasonCode.WAITS_FOR_NEXT_UPGRADE, numbers={"instances": len(ids)}, instances=ids)


# --- the batch that runs ----------------------------------------------------------------------------------------------


def _work_under_way(context: ReasonContext) -> Iterator[Reason]:
    """Work under way: nothing holds the upgrade. Each reason says which work on which instances is awaited."""
    groups = reason_queries.under_way(context)
    until = reason_queries.verification_ends_at(context)
    for why, members in groups.items():
        # While health is stale, `until` can lie in the past: nothing ends then.
        is_known = why is Why.VERIFYING and until > context.now
        ids = tuple(sorted({id for member in members for id in (member.instance, member.upgraded_id)}))
        values = {"count": len(members), "until": until}
        yield make_reason(why, values, until=until if is_known else None, instances=ids)
    busy = reason_queries.busy_ids(context)
    if busy and not groups:
        variant, counts = capacity.busy_variant(context.facts)
        yield make_reason(Why.CREATING, counts, variant=variant, instances=busy)


FINDERS: tuple[Callable[[ReasonContext], Iterator[Reason]], ...] = (
    _unapproved, _opted_out, _quarantined, _withdrawn, _switched_off, _half_made, _drifted, _failed_before, _waiting_for_turn, _skipped,
    _work_under_way,
)  # fmt: skip
