"""Look, decide, record: one scale set as far as it goes now. Returns the outside work; does none of it.

One question goes outside: before a batch that surges, for how many new machines there is room.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any

from django.db import transaction

from upgrades.core import messages, missing
from upgrades.core.board import changes_at, record_of
from upgrades.core.decide import decide
from upgrades.core.facts import Breach, Facts
from upgrades.core.reasons import reasons
from upgrades.core.states import IN_FLIGHT, FaultCode
from upgrades.core.steps import RESYNC_INTERVAL, WORK_POLL_INTERVAL, Cancel, Complete, Fault, StartBatch, Step, Wait
from upgrades.feed import reason_shapes
from upgrades.feed.writing import Writing, writing
from upgrades.models import ScaleSet, WorkItem, bulk, clock
from upgrades.models.prepared import Prepared, PreparedUpdate
from upgrades.orchestrator import jumps, leases
from upgrades.orchestrator.boards import Boards, boards_of, store
from upgrades.orchestrator.leases import Lease, LeaseLost
from upgrades.orchestrator.observe import Observation, observe, possible_actions
from upgrades.orchestrator.opt_outs import end_expired_opt_outs
from upgrades.orchestrator.quarantine import end_outdated_quarantines
from upgrades.orchestrator.quota import with_available_quota
from upgrades.orchestrator.record import Outdated, record
from upgrades.orchestrator.work import WORK_LEASE

log = logging.getLogger(__name__)
MAX_STEPS = 50  # in one look; what is left is looked at again at once


@dataclass(frozen=True, slots=True)
class WorkClaim:
    """A chunk of outside work for one task; `number` is the right to take it up."""

    work_item_id: int
    number: int


def reconcile(
    scale_set_id: int, now: Callable[[], datetime], on_news: Callable[[int], None] | None = None
) -> list[WorkClaim]:
    """Takes every step that can be taken now, and hands out the outside work that nobody is doing.

    `now` is the clock: it is asked when the lease is there, for which a look may have to wait as long as for a lock of the database.
    `on_news(scale set id)` is called where something changed while this came to rest: it has the next look made, which sees that. Without
    it this goes on at once; but whatever changed has mostly asked for a look of its own, and then there are two.
    """
    lease = leases.take(scale_set_id)
    if lease is None:
        return []
    try:
        for _ in range(MAX_STEPS):
            went = _reconcile_once(lease, now())
            if went is _Went.OVERTAKEN and on_news is not None:
                leases.give_back_for_another(lease, now())
                on_news(scale_set_id)
                return claim_work(scale_set_id)
            if went is _Went.TO_REST:
                return claim_work(scale_set_id)
        leases.give_back(lease)
        return claim_work(scale_set_id)
    except (LeaseLost, ScaleSet.DoesNotExist):
        return []
    except BaseException:
        leases.give_back(lease)
        raise


class _Went(Enum):
    """How far a look came: at rest it has given its lease back; it was overtaken where something changed as it came to rest."""

    ON = auto()
    OVERTAKEN = auto()
    TO_REST = auto()


def _reconcile_once(lease: Lease, now: datetime) -> _Went:
    """One step."""
    observation = _observe(lease.scale_set_id, now)
    if jumps.make_up(lease, observation.scale_set, now):
        observation = observe(lease.scale_set_id, now)
    if _is_gone(observation):
        _delete(lease, observation, now)
        return _Went.TO_REST
    step = _decide(observation.facts, now)
    if isinstance(step, StartBatch) and step.surge:
        observation = replace(observation, facts=with_available_quota(observation.scale_set, observation.facts))
        step = _decide(observation.facts, now)
    if isinstance(step, Wait):
        return _Went.TO_REST if _rest(lease, observation, step, now) else _Went.OVERTAKEN
    with suppress(Outdated):  # then look again: it is not so any more
        ended = record_of(observation.facts, now) if isinstance(step, Fault | Cancel | Complete) else None
        record(lease, observation.seq, step, now, ended)
    return _Went.ON


def _observe(scale_set_id: int, now: datetime) -> Observation:
    """What is over by now is ended first."""
    observation = observe(scale_set_id, now)
    if observation.has_expired:
        end_expired_opt_outs(scale_set_id, now)
        observation = observe(scale_set_id, now)
    is_due = any(one.quarantined for one in observation.facts.instances)
    if is_due and end_outdated_quarantines(scale_set_id, now):
        observation = observe(scale_set_id, now)
    return observation


def _decide(facts: Facts, now: datetime) -> Step:
    """What `decide` says. An error in it, which nobody expects, stops an upgrade (Z-1.6: InternalExecutionError), but no batch in
    its middle: while one is in flight the error is the look's, and nothing begins."""
    try:
        return decide(facts, now)
    except Exception as error:
        if facts.upgrade is None or any(one.state in IN_FLIGHT for one in facts.upgrade.members):
            raise
        of = facts.upgrade.target.version or facts.upgrade.kind
        log.exception("cannot decide how the upgrade (%s) goes on; it is stopped", of)
        return Fault(Breach(FaultCode.INTERNAL, messages.internal(type(error).__name__), ()))


def _rest(lease: Lease, observation: Observation, step: Wait, now: datetime) -> bool:
    """Says when to look again, and why nothing is done. False where something changed meanwhile: then it is to be looked at again.

    While there is outside work it is soon, whatever is waited for: a look hands out again what somebody died over.
    The lease is given back in the same UPDATE: whoever wakes the set after it finds the lease free, whoever did before is seen here.
    """
    row = observation.scale_set
    decision = _decision(row, observation.facts, step, now)
    boards = boards_of(row, observation.facts, decision["code"], now)
    at_most = WORK_POLL_INTERVAL if _WORK.rows(row.pk) else RESYNC_INTERVAL
    reconcile_at = min([step.until, now + at_most, *_ends_of_waits(observation.facts, now)])
    if decision == row.decision and not boards.is_to_store:
        return bool(_GIVE_BACK(row.pk, lease.number, row.seq, reconcile_at, now))
    with writing(now, row.pk) as w:
        leases.check(lease)
        if not _GIVE_BACK(row.pk, lease.number, row.seq, reconcile_at, now):
            return False
        _say(w, decision, boards)
    return True


_WORK = Prepared(lambda pk: WorkItem.objects.filter(scale_set=pk).values_list("pk", flat=True)[:1])
# Where nothing has changed since.
_GIVE_BACK = PreparedUpdate(
    lambda pk, number, seq, reconcile_at, now: (
        ScaleSet.objects.filter(pk=pk, lease_number=number, seq=seq),
        {"reconcile_at": reconcile_at, "reconciled_at": now, "lease_until": None},
    )
)


def _ends_of_waits(facts: Facts, now: datetime) -> list[datetime]:
    """From then on an instance may be taken, or made again, or counts as ill."""
    ends = [one.opt_out.until for one in facts.instances if one.opt_out]
    others = (missing.next_try(facts, now), changes_at(facts, now))
    return [until for until in (*ends, *others) if until and until > now]


def _decision(row: ScaleSet, facts: Facts, step: Wait, now: datetime) -> dict[str, Any]:
    """What is waited for, every reason why anything stands still, each since when it has been so; and what people can do now."""
    found = reason_shapes.reasons(reasons(facts, now), row.decision.get("reasons", ()), now)
    said = reason_shapes.decision(step.why, step.text, found, row.decision, now)
    return {**said, "actions": _actions(row, facts, now)}


def _actions(row: ScaleSet, facts: Facts, now: datetime) -> Any:
    """What people can do. An error in what would follow from it keeps nothing from happening now: then the last look's answer stays."""
    try:
        return reason_shapes.actions(possible_actions(row, facts, now))
    except Exception:
        log.exception("%s: cannot say what people can do now; its page shows what it did before", row)
        return row.decision.get("actions", {})


def _say(w: Writing, decision: dict[str, Any], boards: Boards) -> None:
    """The decision and its numbers, in one event. A plan that was made anew and is the same is news to nobody."""
    row = w.scale_set
    if decision != row.decision:
        row.decision = decision
        bulk.update([row], "decision")
        w.changed(row)
    store(row, boards)
    if boards.is_new:
        w.board_changed()


def _is_gone(observation: Observation) -> bool:
    return observation.scale_set.deleting and not observation.facts.instances


def _delete(lease: Lease, observation: Observation, now: datetime) -> None:
    ScaleSet.objects.filter(pk=lease.scale_set_id, seq=observation.seq, deleting=True).delete()
    leases.give_back(lease)


def claim_work(scale_set_id: int) -> list[WorkClaim]:
    """The chunks that nobody works on, each with a fresh lease for whoever takes it up."""
    handed = []
    for pk in _IDLE.rows(scale_set_id):
        with transaction.atomic():
            if _CLAIM(pk):
                handed.append(WorkClaim(pk, *_NUMBER.rows(pk)))
    return handed


_CLAIM = PreparedUpdate(
    lambda pk: (
        WorkItem.objects.filter(clock.is_over("worked_until", WORK_LEASE), pk=pk),
        {"worked_until": clock.in_time(WORK_LEASE), "number": clock.next_number("number")},
    )
)
_NUMBER = Prepared(lambda pk: WorkItem.objects.filter(pk=pk).values_list("number", flat=True))
_IDLE = Prepared(
    lambda pk: WorkItem.objects.filter(clock.is_over("worked_until", WORK_LEASE), scale_set=pk).values_list(
        "pk", flat=True
    )
)
