"""Reconciles one scale set: observe, decide and record until nothing is left to do now. Returns the outside work and does none of it.

The provider is asked two questions at most: whether it can make OS disks of the image, before an upgrade or a batch begins, and its
available quota, before a surge batch.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from upgrades import measures
from upgrades.core import missing
from upgrades.core.board import next_overdue_at, upgrade_record
from upgrades.core.catalogue import say
from upgrades.core.decide import decide
from upgrades.core.facts import Breach, Facts
from upgrades.core.reasons import reasons
from upgrades.core.states import IN_FLIGHT, FaultCode, UpgradeKind
from upgrades.core.steps import (
    RESYNC_INTERVAL,
    WORK_POLL_INTERVAL,
    Cancel,
    Complete,
    Fault,
    FinishBatch,
    RecordedStep,
    Settle,
    StartBatch,
    StartUpgrade,
    Step,
    Wait,
)
from upgrades.core.what_if import with_step
from upgrades.feed import reason_shapes
from upgrades.feed.writing import Writer, writing
from upgrades.models import ScaleSet, WorkItem, bulk, clock
from upgrades.models.prepared import Prepared, PreparedUpdate, PreparedUpdateOfOne
from upgrades.orchestrator import jumps, leases
from upgrades.orchestrator.boards import BoardUpdate, board_update, store_board
from upgrades.orchestrator.instance_rows import StaleFacts
from upgrades.orchestrator.leases import Lease, LeaseLost
from upgrades.orchestrator.observe import Observation, observe, possible_actions
from upgrades.orchestrator.opt_outs import end_expired_opt_outs
from upgrades.orchestrator.quarantine import end_outdated_quarantines
from upgrades.orchestrator.questions import with_available_quota, with_obstacle
from upgrades.orchestrator.record import record
from upgrades.orchestrator.row_cache import RowCache
from upgrades.orchestrator.work import WORK_LEASE

log = logging.getLogger(__name__)
# From the beginning of a batch until its work items are taken up, at the latest. The scale set is due then, if that was lost.
BEGINNING = timedelta(seconds=1)
MAX_STEPS = 50  # in one call of `reconcile`; the scale set stays due, so the next call follows at once


@dataclass(frozen=True, slots=True)
class WorkClaim:
    """A work item for one task. `claim_number`: the right to take it up, as long as the item has this number."""

    work_item_id: int
    claim_number: int


def reconcile(
    scale_set_id: int,
    now: Callable[[], datetime],
    wake_again: Callable[[int], None] | None = None,
    cache: RowCache | None = None,
) -> list[WorkClaim]:
    """Take every step that can be taken now, and claim the work items that nobody is working on.

    `now`: the clock. It is read only when the lease is taken, because taking it may have to wait for a lock of the database.
    `wake_again(scale set id)`: called where something changed just as this call came to its end; it must wake the scale set. Without it,
    this call makes another pass itself, mostly in vain, because the change has caused a wake of its own. The same holds where a batch
    began: its work items wake the scale set when they are taken up.
    `cache`: what this process has read before, so that it need not read everything again.
    """
    lease, began = leases.take(scale_set_id), time.monotonic()
    if lease is None:
        return []
    try:
        for _ in range(MAX_STEPS):
            end = _reconcile_once(lease, now(), cache)
            if end is _PassEnd.FACTS_CHANGED and wake_again is not None:
                leases.give_back_and_make_due(lease, now())
                wake_again(scale_set_id)
                return claim_work(scale_set_id)
            if end is _PassEnd.BATCH_BEGAN and wake_again is not None:
                # The claims below are taken up in a moment, which changes its instances again, and wakes the scale set.
                leases.give_back_and_make_due(lease, now() + BEGINNING)
                return claim_work(scale_set_id)
            if end is _PassEnd.WAITING:
                return claim_work(scale_set_id)
        leases.give_back(lease)
        return claim_work(scale_set_id)
    except (LeaseLost, ScaleSet.DoesNotExist):
        return []
    except BaseException:
        leases.give_back(lease)
        raise
    finally:
        measures.RECONCILE_SECONDS.observe(time.monotonic() - began)


def queue_of(scale_set_id: int) -> str | None:
    """The queue of the workers that may reconcile it: its provider is asked on their host only. None where it is gone."""
    return _QUEUE.first(scale_set_id)


_QUEUE = Prepared(lambda pk: ScaleSet.objects.filter(pk=pk).values_list("location__queue", flat=True))


class _PassEnd(Enum):
    """How one pass ended."""

    STEP_TAKEN = auto()  # a step was recorded: another pass follows
    BATCH_BEGAN = auto()  # the same, and the step was the beginning of a batch
    FACTS_CHANGED = auto()  # nothing was left to do, but the facts have changed meanwhile; the lease is still held
    WAITING = auto()  # nothing is left to do, and the lease was given back


def _reconcile_once(lease: Lease, now: datetime, cache: RowCache | None) -> _PassEnd:
    """Observe, decide and record one step."""
    observation = _observe_after_expiries(lease.scale_set_id, now, cache)
    if jumps.shift_waits(lease, observation.scale_set, now):
        observation = observe(lease.scale_set_id, now, cache)
    if _is_fully_deleted(observation):
        _delete(lease, observation, now)
        return _PassEnd.WAITING
    step, observation = _next_step(observation, now)
    if isinstance(step, Wait):
        return _PassEnd.WAITING if _store_wait(lease, observation, step, now) else _PassEnd.FACTS_CHANGED
    with suppress(StaleFacts):  # the facts have changed meanwhile, so the next pass observes again
        return _record_all(lease, observation, step, now)
    return _PassEnd.STEP_TAKEN


def _next_step(observation: Observation, now: datetime) -> tuple[Step, Observation]:
    """The next step, and the observation with what the provider was asked for it."""
    step = _decide(observation.facts, now)
    if isinstance(step, StartUpgrade | StartBatch):
        observation = _after_questions(observation, step)
        step = _decide(observation.facts, now)
    return step, observation


def _record_all(lease: Lease, observation: Observation, step: RecordedStep, now: datetime) -> _PassEnd:
    """Record the step, and in the same transaction what follows it as far as that is known beforehand."""
    row, ended = observation.scale_set, None
    if isinstance(step, Fault | Cancel | Complete):
        ended = upgrade_record(observation.facts, now)
    steps, wait_to_store = _with_what_follows(observation, step, now)

    def store_wait(writer: Writer) -> None:
        if wait_to_store is not None:
            _store_decision(writer, wait_to_store.decision, wait_to_store.update)
            _GIVE_BACK_IF_UNCHANGED(row.pk, lease.number, row.seq, wait_to_store.reconcile_at, now)

    record(lease, observation.seq, steps, now, ended, store_wait)
    if wait_to_store is not None:
        return _PassEnd.WAITING
    return _PassEnd.BATCH_BEGAN if isinstance(steps[-1], StartBatch) else _PassEnd.STEP_TAKEN


def _with_what_follows(
    observation: Observation, step: RecordedStep, now: datetime
) -> "tuple[list[RecordedStep], _StoredWait | None]":
    """(the step and those that follow it, the wait after them): results, the end of their batch, and the next batch, or the wait.

    They end where the facts after a step cannot be told without reading them (`with_step`). An error here must not prevent recording what
    is decided already: the next pass meets it.
    """
    steps = [step]
    try:
        while (facts := with_step(observation.facts, steps[-1], now)) is not None:
            following, observation = _next_step(replace(observation, facts=facts), now)
            # How long batches take, on which the plan depends, is read from rows: after a batch's end another pass makes it.
            if isinstance(following, Wait) and isinstance(steps[-1], Settle):
                return steps, _wait_to_store(observation.scale_set, observation.facts, following, now)
            if not isinstance(following, FinishBatch | StartBatch):
                break
            steps.append(following)
    except Exception:
        log.exception("%s: cannot tell what follows a step; the next pass will", observation.scale_set)
    return steps, None


def _after_questions(observation: Observation, step: StartUpgrade | StartBatch) -> Observation:
    """The observation with the provider's answers: its available quota, before a surge batch; what keeps it from using the image."""
    row, facts = observation.scale_set, observation.facts
    if isinstance(step, StartBatch) and step.surge:
        facts = with_available_quota(row, facts)
    target = step.target if isinstance(step, StartUpgrade) else facts.upgrade and facts.upgrade.target
    if target and target.version and not (facts.upgrade and facts.upgrade.kind is UpgradeKind.EXTENSIONS):
        facts = with_obstacle(row, facts, target)
    return replace(observation, facts=facts)


def _observe_after_expiries(scale_set_id: int, now: datetime, cache: RowCache | None) -> Observation:
    """Observe the scale set, after ending opt-outs and quarantines that are over."""
    observation = observe(scale_set_id, now, cache)
    if observation.has_expired_opt_outs:
        end_expired_opt_outs(scale_set_id, now)
        observation = observe(scale_set_id, now, cache)
    is_any_quarantined = any(instance.is_quarantined for instance in observation.facts.instances)
    if is_any_quarantined and end_outdated_quarantines(scale_set_id, now):
        observation = observe(scale_set_id, now, cache)
    return observation


def _decide(facts: Facts, now: datetime) -> Step:
    """Call `decide`. An unexpected error in it stops the upgrade (Z-1.6: InternalExecutionError), but not in the middle of a batch.

    While instances are in flight, or no upgrade runs, the error is raised, and nothing begins.
    """
    try:
        return decide(facts, now)
    except Exception as error:
        if facts.upgrade is None or any(member.state in IN_FLIGHT for member in facts.upgrade.members):
            raise
        target = facts.upgrade.target.version or facts.upgrade.kind
        log.exception("cannot decide how the upgrade (%s) goes on; it is stopped", target)
        return Fault(Breach(FaultCode.INTERNAL, say("upgrade.internal", error=type(error).__name__), ()))


@dataclass(frozen=True, slots=True)
class _StoredWait:
    """What is stored when nothing is left to do: the decision and the board for people, and when to reconcile again."""

    decision: dict[str, Any]
    update: BoardUpdate
    reconcile_at: datetime


def _wait_to_store(row: ScaleSet, facts: Facts, step: Wait, now: datetime) -> _StoredWait:
    """Make what is stored for this wait. While there is outside work it is short, so that a dead worker's work is claimed again soon."""
    decision = _decision(row, facts, step, now)
    update = board_update(row, facts, decision, now)
    max_wait = WORK_POLL_INTERVAL if _ANY_WORK_ITEM.rows(row.pk) else RESYNC_INTERVAL
    return _StoredWait(decision, update, min([step.until, now + max_wait, *_ends_of_waits(facts, now)]))


def _store_wait(lease: Lease, observation: Observation, step: Wait, now: datetime) -> bool:
    """Store the wait and give back the lease. False, with nothing stored, where something changed meanwhile.

    Both are one UPDATE: a change before it has raised the seq, and a change after it finds the lease free.
    """
    row = observation.scale_set
    wait_to_store = _wait_to_store(row, observation.facts, step, now)
    if wait_to_store.decision == row.decision and not wait_to_store.update.must_be_stored:
        return bool(_GIVE_BACK_IF_UNCHANGED(row.pk, lease.number, row.seq, wait_to_store.reconcile_at, now))
    with writing(now, row.pk) as writer:
        leases.check(lease)
        if not _GIVE_BACK_IF_UNCHANGED(row.pk, lease.number, row.seq, wait_to_store.reconcile_at, now):
            return False
        _store_decision(writer, wait_to_store.decision, wait_to_store.update)
    return True


_ANY_WORK_ITEM = Prepared(lambda pk: WorkItem.objects.filter(scale_set=pk).values_list("pk", flat=True)[:1])
# Updates no row where something has changed since the facts were observed (another seq).
_GIVE_BACK_IF_UNCHANGED = PreparedUpdate(
    lambda pk, number, seq, reconcile_at, now: (
        ScaleSet.objects.filter(pk=pk, lease_number=number, seq=seq),
        {"reconcile_at": reconcile_at, "reconciled_at": now, "lease_until": None},
    )
)


def _ends_of_waits(facts: Facts, now: datetime) -> list[datetime]:
    """The coming times at which something changes without an event: an opt-out ends, a machine may be created again, a health wait ends."""
    ends = [instance.opt_out.until for instance in facts.instances if instance.opt_out]
    others = (missing.first_creation_at(facts, now), next_overdue_at(facts, now))
    return [until for until in (*ends, *others) if until and until > now]


def _decision(row: ScaleSet, facts: Facts, step: Wait, now: datetime) -> dict[str, Any]:
    """The decision as it is stored: what is waited for, all reasons and since when they hold, and which actions people have now."""
    found = reason_shapes.reasons(reasons(facts, now), row.decision.get("reasons", ()), now)
    decision = reason_shapes.decision(step.why, step.text, found, row.decision, now)
    return {**decision, "actions": _actions(row, facts, now)}


def _actions(row: ScaleSet, facts: Facts, now: datetime) -> Any:
    """Which actions people have now. An error in finding them is logged and must not stop the upgrade: the last answer stays."""
    try:
        return reason_shapes.actions(possible_actions(row, facts, now))
    except Exception:
        log.exception("%s: cannot say what people can do now; its page shows what it did before", row)
        return row.decision.get("actions", {})


def _store_decision(writer: Writer, decision: dict[str, Any], update: BoardUpdate) -> None:
    """Store the decision and the board, with one event where either is new. A new forecast alone causes no event."""
    row = writer.scale_set
    if decision != row.decision:
        row.decision = decision
        bulk.update([row], "decision")
        writer.changed(row)
    store_board(row, update)
    if update.is_changed:
        writer.board_changed()


def _is_fully_deleted(observation: Observation) -> bool:
    return observation.scale_set.deleting and not observation.facts.instances


def _delete(lease: Lease, observation: Observation, now: datetime) -> None:
    ScaleSet.objects.filter(pk=lease.scale_set_id, seq=observation.seq, deleting=True).delete()
    leases.give_back(lease)


def claim_work(scale_set_id: int) -> list[WorkClaim]:
    """Claim the work items that nobody works on: each gets a new claim number, and a lease for the task that takes it up."""
    claims = []
    for pk in _UNCLAIMED.rows(scale_set_id):
        number = _CLAIM.value(pk)
        if number is not None:
            claims.append(WorkClaim(pk, number))
    return claims


_CLAIM = PreparedUpdateOfOne(
    lambda pk: (
        WorkItem.objects.filter(clock.is_over("worked_until", WORK_LEASE), pk=pk),
        {"worked_until": clock.in_time(WORK_LEASE), "claim_number": clock.next_number("claim_number")},
    ),
    returning="claim_number",
)
_UNCLAIMED = Prepared(
    lambda pk: WorkItem.objects.filter(clock.is_over("worked_until", WORK_LEASE), scale_set=pk).values_list(
        "pk", flat=True
    )
)
