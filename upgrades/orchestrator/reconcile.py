"""Reconciles one scale set: observe, decide, record, until nothing is left to do now. Returns the outside work and does none of it.

Only one question is put to the provider here: its available quota, before a batch of surge instances.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any

from upgrades.core import missing
from upgrades.core.board import next_overdue_at, record_of
from upgrades.core.catalogue import say
from upgrades.core.decide import decide
from upgrades.core.facts import Breach, Facts
from upgrades.core.reasons import reasons
from upgrades.core.states import IN_FLIGHT, FaultCode
from upgrades.core.steps import (
    RESYNC_INTERVAL,
    WORK_POLL_INTERVAL,
    Cancel,
    Complete,
    Fault,
    Settle,
    StartBatch,
    Step,
    Wait,
)
from upgrades.core.what_if import with_results
from upgrades.feed import reason_shapes
from upgrades.feed.writing import Writer, writing
from upgrades.models import ScaleSet, WorkItem, bulk, clock
from upgrades.models.prepared import Prepared, PreparedUpdate, PreparedUpdateOfOne
from upgrades.orchestrator import jumps, leases
from upgrades.orchestrator.boards import Boards, boards_of, store
from upgrades.orchestrator.known_rows import Known
from upgrades.orchestrator.leases import Lease, LeaseLost
from upgrades.orchestrator.observe import Observation, observe, possible_actions
from upgrades.orchestrator.opt_outs import end_expired_opt_outs
from upgrades.orchestrator.quarantine import end_outdated_quarantines
from upgrades.orchestrator.quota import with_available_quota
from upgrades.orchestrator.record import Outdated, record
from upgrades.orchestrator.work import WORK_LEASE

log = logging.getLogger(__name__)
MAX_STEPS = 50  # in one call of `reconcile`; the scale set stays due, so that the rest follows at once


@dataclass(frozen=True, slots=True)
class WorkClaim:
    """A work item for one task. `claim_number` is the right to take it up: it is the item's own while nobody else has it."""

    work_item_id: int
    claim_number: int


def reconcile(
    scale_set_id: int,
    now: Callable[[], datetime],
    wake_again: Callable[[int], None] | None = None,
    known: Known | None = None,
) -> list[WorkClaim]:
    """Take every step that can be taken now, and claim the work items that nobody is working on.

    `now` is the clock. It is read only after the lease was taken, since taking it may have to wait for a lock of the database.
    `wake_again(scale set id)` is called where something changed while this call came to its end; it must have it reconciled again.
    Where it is None, this call goes on itself. That is mostly done twice then, because the change has caused a wake of its own.
    `known` is what this process has read before, so that it need not read all of it again.
    """
    lease = leases.take(scale_set_id)
    if lease is None:
        return []
    try:
        for _ in range(MAX_STEPS):
            end = _reconcile_once(lease, now(), known)
            if end is _PassEnd.FACTS_CHANGED and wake_again is not None:
                leases.give_back_for_another(lease, now())
                wake_again(scale_set_id)
                return claim_work(scale_set_id)
            if end is _PassEnd.AT_REST:
                return claim_work(scale_set_id)
        leases.give_back(lease)
        return claim_work(scale_set_id)
    except (LeaseLost, ScaleSet.DoesNotExist):
        return []
    except BaseException:
        leases.give_back(lease)
        raise


class _PassEnd(Enum):
    """How one pass ended."""

    STEP_TAKEN = auto()  # a step was recorded: another pass follows
    FACTS_CHANGED = auto()  # nothing was left to do, but the facts have changed meanwhile; the lease is still held
    AT_REST = auto()  # nothing is left to do, and the lease was given back


def _reconcile_once(lease: Lease, now: datetime, known: Known | None) -> _PassEnd:
    """Observe, decide, and record one step."""
    observation = _observe(lease.scale_set_id, now, known)
    if jumps.shift_waits(lease, observation.scale_set, now):
        observation = observe(lease.scale_set_id, now, known)
    if _is_fully_deleted(observation):
        _delete(lease, observation, now)
        return _PassEnd.AT_REST
    step = _decide(observation.facts, now)
    if isinstance(step, StartBatch) and step.surge:
        observation = replace(observation, facts=with_available_quota(observation.scale_set, observation.facts))
        step = _decide(observation.facts, now)
    if isinstance(step, Wait):
        return _PassEnd.AT_REST if _rest(lease, observation, step, now) else _PassEnd.FACTS_CHANGED
    with suppress(Outdated):  # the facts have changed meanwhile: the next pass observes again
        if isinstance(step, Settle) and _settle_and_rest(lease, observation, step, now):
            return _PassEnd.AT_REST
        ended = record_of(observation.facts, now) if isinstance(step, Fault | Cancel | Complete) else None
        record(lease, observation.seq, step, now, ended)
    return _PassEnd.STEP_TAKEN


def _observe(scale_set_id: int, now: datetime, known: Known | None) -> Observation:
    """Observe the scale set, after ending opt-outs and quarantines that are over."""
    observation = observe(scale_set_id, now, known)
    if observation.has_expired:
        end_expired_opt_outs(scale_set_id, now)
        observation = observe(scale_set_id, now, known)
    is_due = any(instance.is_quarantined for instance in observation.facts.instances)
    if is_due and end_outdated_quarantines(scale_set_id, now):
        observation = observe(scale_set_id, now, known)
    return observation


def _decide(facts: Facts, now: datetime) -> Step:
    """Call `decide`. An unexpected error in it stops the upgrade (Z-1.6: InternalExecutionError), but never in the middle of a batch.

    While a batch is in flight, or no upgrade runs, the error is raised, and nothing begins.
    """
    try:
        return decide(facts, now)
    except Exception as error:
        if facts.upgrade is None or any(member.state in IN_FLIGHT for member in facts.upgrade.members):
            raise
        of = facts.upgrade.target.version or facts.upgrade.kind
        log.exception("cannot decide how the upgrade (%s) goes on; it is stopped", of)
        return Fault(Breach(FaultCode.INTERNAL, say("upgrade.internal", error=type(error).__name__), ()))


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is stored when nothing is left to do: why, for people, and when to reconcile again."""

    decision: dict[str, Any]
    boards: Boards
    reconcile_at: datetime


def _rest_on(row: ScaleSet, facts: Facts, step: Wait, now: datetime) -> _Rest:
    """What to store for this wait. While there is outside work it is short, so that the work of a dead worker is claimed again soon."""
    decision = _decision(row, facts, step, now)
    boards = boards_of(row, facts, decision["code"], now)
    at_most = WORK_POLL_INTERVAL if _WORK.rows(row.pk) else RESYNC_INTERVAL
    return _Rest(decision, boards, min([step.until, now + at_most, *_ends_of_waits(facts, now)]))


def _rest(lease: Lease, observation: Observation, step: Wait, now: datetime) -> bool:
    """Store why nothing is done, and when to reconcile again. False, with nothing stored, where something changed meanwhile.

    The same UPDATE gives back the lease: a change after it finds the lease free, and a change before it has raised the seq.
    """
    row = observation.scale_set
    rest = _rest_on(row, observation.facts, step, now)
    if rest.decision == row.decision and not rest.boards.is_to_store:
        return bool(_GIVE_BACK(row.pk, lease.number, row.seq, rest.reconcile_at, now))
    with writing(now, row.pk) as writer:
        leases.check(lease)
        if not _GIVE_BACK(row.pk, lease.number, row.seq, rest.reconcile_at, now):
            return False
        _store_decision(writer, rest.decision, rest.boards)
    return True


def _settle_and_rest(lease: Lease, observation: Observation, step: Settle, now: datetime) -> bool:
    """Record results and, in the same transaction, what is waited for after them. False, with nothing written, where no wait follows.

    An error in decision or board must not keep results from being recorded: they are recorded alone then, and `_rest` meets the error.
    """
    row, facts = observation.scale_set, with_results(observation.facts, step)
    try:
        wait = decide(facts, now) if facts else None
        rest = _rest_on(row, facts, wait, now) if facts and isinstance(wait, Wait) else None
    except Exception:
        return False
    if rest is None:
        return False

    def store_rest(writer: Writer) -> None:
        _store_decision(writer, rest.decision, rest.boards)
        _GIVE_BACK(row.pk, lease.number, row.seq, rest.reconcile_at, now)

    record(lease, observation.seq, step, now, then=store_rest)
    return True


_WORK = Prepared(lambda pk: WorkItem.objects.filter(scale_set=pk).values_list("pk", flat=True)[:1])
# Updates no row where something has changed since (another seq).
_GIVE_BACK = PreparedUpdate(
    lambda pk, number, seq, reconcile_at, now: (
        ScaleSet.objects.filter(pk=pk, lease_number=number, seq=seq),
        {"reconcile_at": reconcile_at, "reconciled_at": now, "lease_until": None},
    )
)


def _ends_of_waits(facts: Facts, now: datetime) -> list[datetime]:
    """The coming times at which time alone changes something: an opt-out ends, a machine may be made again, or the board changes."""
    ends = [instance.opt_out.until for instance in facts.instances if instance.opt_out]
    others = (missing.first_creation_at(facts, now), next_overdue_at(facts, now))
    return [until for until in (*ends, *others) if until and until > now]


def _decision(row: ScaleSet, facts: Facts, step: Wait, now: datetime) -> dict[str, Any]:
    """What is waited for, every reason why something is waiting and since when, and which actions people have now."""
    found = reason_shapes.reasons(reasons(facts, now), row.decision.get("reasons", ()), now)
    said = reason_shapes.decision(step.why, step.text, found, row.decision, now)
    return {**said, "actions": _actions(row, facts, now)}


def _actions(row: ScaleSet, facts: Facts, now: datetime) -> Any:
    """Which actions people have now. An error in here is logged and must not stop the upgrade: the last answer stays."""
    try:
        return reason_shapes.actions(possible_actions(row, facts, now))
    except Exception:
        log.exception("%s: cannot say what people can do now; its page shows what it did before", row)
        return row.decision.get("actions", {})


def _store_decision(writer: Writer, decision: dict[str, Any], boards: Boards) -> None:
    """Store the decision and the board, in one event where either is new. A new forecast alone is no event."""
    row = writer.scale_set
    if decision != row.decision:
        row.decision = decision
        bulk.update([row], "decision")
        writer.changed(row)
    store(row, boards)
    if boards.is_new:
        writer.board_changed()


def _is_fully_deleted(observation: Observation) -> bool:
    return observation.scale_set.deleting and not observation.facts.instances


def _delete(lease: Lease, observation: Observation, now: datetime) -> None:
    ScaleSet.objects.filter(pk=lease.scale_set_id, seq=observation.seq, deleting=True).delete()
    leases.give_back(lease)


def claim_work(scale_set_id: int) -> list[WorkClaim]:
    """Claim the work items that nobody is working on: each gets a new claim number, and a lease for the task that takes it up."""
    claims = []
    for pk in _IDLE.rows(scale_set_id):
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
_IDLE = Prepared(
    lambda pk: WorkItem.objects.filter(clock.is_over("worked_until", WORK_LEASE), scale_set=pk).values_list(
        "pk", flat=True
    )
)
