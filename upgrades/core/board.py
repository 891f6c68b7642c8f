"""The board: all counts and states that viewers show of a scale set, computed once.

It has the state of each instance, which instances count, which are next, the gauges, the plan and the progress. It is made and stored
whenever a reconcile ends in a wait, and the feed carries it. Pages, wallboards, the terminal, the API and the admin show it. For an upgrade
that is over, the same code makes a record. Sets of instances are texts as `ranges.spans` writes them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from upgrades.core import gauges, health, in_flight
from upgrades.core.affected import Affected, affected_instances
from upgrades.core.catalogue import say
from upgrades.core.facts import Batch, Facts, InstanceFacts
from upgrades.core.forecast import ExpectedEnd, Forecast, Planned, expected_end
from upgrades.core.gauges import Gauge
from upgrades.core.instance_sentences import InstanceMessage, instance_messages
from upgrades.core.instance_states import InstanceState, lacks_target, states_of, target_of
from upgrades.core.instants import iso
from upgrades.core.progress import Progress as UpgradeProgress
from upgrades.core.progress import count_states, progress_from, progress_of
from upgrades.core.ranges import spans
from upgrades.core.reason_kinds import AT_THE_GATE
from upgrades.core.sentences import Param, SentenceShape, message_of, sentence_shape
from upgrades.core.states import HAS_FAILED, InstanceUpgradeState


class BoardCounts(TypedDict):
    """Numbers of instances. `total`: all, without those being deleted and surge instances that have replaced nothing yet.

    `counted`: those that limits are a percent of. `eligible`: those that are not opted out. Of these, `current` are on the wanted version,
    and `up_to_date` are on it and well.
    """

    total: int
    counted: int
    eligible: int
    up_to_date: int
    current: int
    opted_out: int


class BoardProgress(TypedDict):
    """How many instances are up to date, `of` how many; `percent` is rounded down, None where `of` is 0."""

    up_to_date: int
    of: int
    percent: int | None


class BatchRecord(TypedDict):
    """A batch that has begun. `members`: its instances by member state. A surge instance is not listed: the one that it replaces is.

    `size`: the number of its instances, without those that were skipped. `key`, `params`: the message whose English text is `why`
    (core/sentences.py).
    """

    number: int
    instances: str
    size: int
    members: dict[str, str]
    started_at: str | None
    finished_at: str | None
    why: str
    key: str
    params: dict[str, Param]


class UpgradePosition(TypedDict):
    """Where a running upgrade is: in which batch (`current`), `of` how many, at which `step`, `since` when, and whether it is `held`.

    `step`: "gate", "choose", "replace" or "wait". `size`, `replaced`, `healthy`: how many instances the running batch has, how many of them
    are replaced, and how many are healthy after that; None where no batch runs.
    """

    current: int
    of: int
    step: str
    since: str
    held: bool
    size: int | None
    replaced: int | None
    healthy: int | None


class Board(Affected):
    """All that viewers show of a scale set. `eligible` and `up_to_date`: the instances behind these numbers of `counts`.

    `states`: {state: its instances}; `says`: the message of each instance.
    `over_limit`: the sentence that says too many are unhealthy and what follows; None where the limit is kept.
    `batches`: those that have begun; `planned`: those to come, and `planned_more` of them that are not listed, started `planned_by`."""

    target: str
    states: dict[str, str]
    says: list[InstanceMessage]
    eligible: str
    up_to_date: str
    counts: BoardCounts
    unhealthy: Gauge
    over_limit: SentenceShape | None
    failed: Gauge | None
    batch: UpgradePosition | None
    batches: list[BatchRecord]
    planned: list[Planned]
    planned_more: int
    planned_by: str | None
    progress: BoardProgress
    ends: ExpectedEnd | None


class Results(TypedDict):
    """The result of an upgrade, in numbers of instances. `failed`: whether or not they have their old OS disk back. `left`: not taken.

    `in_progress`: under way when it ended; always 0 unless an error ended it.
    """

    succeeded: int
    failed: int
    in_progress: int
    left: int


class UpgradeRecord(TypedDict):
    """An upgrade as it was when it ended. `left`: how many instances it still had to take. `unhealthy`: None where it is not known."""

    batches: list[BatchRecord]
    counts: Results
    failed: Gauge
    unhealthy: Gauge | None
    progress: BoardProgress
    left: int


def board_of(facts: Facts, now: datetime, decision: str, forecast: Forecast, before: Board | None) -> Board:
    """Make the board of these facts. `decision`: the code of what was decided on them. `before`: the previous board."""
    states = states_of(facts, now, decision)
    counts = _counts(facts, states)
    eligible = [instance.id for instance in _eligible(facts)]
    unhealthy = gauges.unhealthy(facts, now)
    return Board(
        target=target_of(facts),
        states=_by_state(states),
        says=instance_messages(facts, states),
        eligible=spans(eligible),
        up_to_date=spans(id for id in eligible if states[id] is InstanceState.DONE),
        counts=counts,
        unhealthy=unhealthy,
        over_limit=_over_limit_sentence(unhealthy, runs=facts.upgrade is not None) if unhealthy["over"] else None,
        failed=gauges.failed(facts, now),
        batch=_position(facts, now, decision, forecast, before),
        batches=[batch_record(batch) for batch in facts.upgrade.batches] if facts.upgrade else [],
        planned=forecast["batches"],
        planned_more=forecast["more"],
        planned_by=forecast["by"],
        progress=progress(counts["up_to_date"], counts["eligible"]),
        ends=expected_end(forecast, now) if facts.upgrade else None,
        **affected_instances(facts, now),
    )


def _over_limit_sentence(gauge: Gauge, *, runs: bool) -> SentenceShape:
    unhealthy, total, must_recover = gauge["count"], gauge["of"], -gauge["room"]
    shares = {"share": 100 * unhealthy / total, "limit": gauge["limit_percent"]}
    return sentence_shape(
        say("OverTheLimit", sick=unhealthy, total=total, must_recover=must_recover, runs=runs, **shares)
    )


def _by_state(states: Mapping[int, InstanceState]) -> dict[str, str]:
    groups: dict[InstanceState, list[int]] = defaultdict(list)
    for id, state in states.items():
        groups[state].append(id)
    return {state.value: spans(groups[state]) for state in InstanceState if state in groups}


def _counts(facts: Facts, states: Mapping[int, InstanceState]) -> BoardCounts:
    staying, target = facts.staying, target_of(facts)
    eligible = _eligible(facts)
    return BoardCounts(
        total=len(staying),
        counted=len(facts.counted),
        eligible=len(eligible),
        up_to_date=sum(states[instance.id] is InstanceState.DONE for instance in eligible),
        current=sum(
            states[instance.id] is InstanceState.DONE or _is_current(instance, facts, target) for instance in eligible
        ),
        opted_out=len(staying) - len(eligible),
    )


def _eligible(facts: Facts) -> list[InstanceFacts]:
    return [instance for instance in facts.staying if not instance.is_opted_out]


def _is_current(instance: InstanceFacts, facts: Facts, target: str) -> bool:
    return bool(instance.version) and instance.has_machine and not lacks_target(instance, facts, target)


def progress(up_to_date: int, of: int) -> BoardProgress:
    """The progress bar: `up_to_date` of `of` instances."""
    return BoardProgress(up_to_date=up_to_date, of=of, percent=100 * up_to_date // of if of else None)


# --- batches ----------------------------------------------------------------------------------------------------------


def batch_record(batch: Batch) -> BatchRecord:
    """The record of a batch that has begun."""
    members: dict[InstanceUpgradeState, list[int]] = defaultdict(list)
    for member in batch.members:
        members[member.state].append(member.instance)
    return BatchRecord(
        number=batch.number,
        instances=spans(upgraded.instance for upgraded in batch.members),
        size=_size(batch),
        members={state.value: spans(members[state]) for state in InstanceUpgradeState if state in members},
        started_at=iso(batch.started_at),
        finished_at=iso(batch.ended_at),
        why=str(batch.why),
        **message_of(batch.why),
    )


def _size(batch: Batch) -> int:
    return sum(member.state is not InstanceUpgradeState.SKIPPED for member in batch.members)


def _position(
    facts: Facts, now: datetime, decision: str, forecast: Forecast, before: Board | None
) -> UpgradePosition | None:
    if facts.upgrade is None:
        return None
    began = len(facts.upgrade.batches)
    to_come = len(forecast["batches"]) + forecast["more"]
    running = in_flight.running_batch(facts)
    number = began if running or not to_come else began + 1
    step, held = _upgrade_step(running, decision)
    return UpgradePosition(
        current=max(1, number),
        of=max(1, began + to_come),
        step=step,
        since=_since(number, step, now, before),
        held=held,
        size=_size(running) if running else None,
        replaced=sum(member.state not in _NOT_REPLACED for member in running.members) if running else None,
        healthy=sum(member.state is InstanceUpgradeState.SUCCEEDED for member in running.members) if running else None,
    )


_NOT_REPLACED = (InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING, InstanceUpgradeState.SKIPPED)


def _upgrade_step(running: Batch | None, decision: str) -> tuple[str, bool]:
    """(the step of UpgradePosition, whether the upgrade is held there)."""
    if running is None:
        held = decision in AT_THE_GATE
        return "gate" if held else "choose", held
    replacing = any(
        member.state in (InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING) for member in running.members
    )
    return "replace" if replacing else "wait", False


def _since(number: int, step: str, now: datetime, before: Board | None) -> str:
    """When the upgrade came to this batch and step, by the previous board. Not later than now, in case the clock was set back."""
    position = before["batch"] if before else None
    is_same = position is not None and (position["current"], position["step"]) == (max(1, number), step)
    return min(position["since"], iso(now)) if position and is_same else iso(now)


# --- what is over -----------------------------------------------------------------------------------------------------


def upgrade_record(facts: Facts, now: datetime) -> UpgradeRecord:
    """Make the record of the running upgrade, which ends now together with its last batch."""
    assert facts.upgrade
    upgrade, counts = facts.upgrade, _counts(facts, states_of(facts, now, ""))
    ended = progress_of(facts, upgrade)
    return UpgradeRecord(
        batches=[_ended_batch(batch_record(batch), now) for batch in upgrade.batches],
        counts=_results(ended),
        failed=gauges.failed(facts, now) or gauges.gauge([], 0, upgrade.policy.max_unhealthy_upgraded_percent),
        unhealthy=gauges.unhealthy(facts, now),
        progress=progress(counts["up_to_date"], counts["eligible"]),
        left=ended.pending,
    )


def _results(ended: UpgradeProgress) -> Results:
    return Results(succeeded=ended.successful, failed=ended.failed, in_progress=ended.in_progress, left=ended.pending)


def progress_from_counts(counts: Mapping[str, int]) -> UpgradeProgress:
    """The progress from the `counts` of a stored record. Old records have no `in_progress`."""
    return UpgradeProgress(counts["succeeded"], counts["failed"], counts.get("in_progress", 0), counts["left"])


def _ended_batch(batch: BatchRecord, now: datetime) -> BatchRecord:
    return BatchRecord(**{**batch, "finished_at": batch["finished_at"] or iso(now)})


def upgrade_record_of_rows(began: Sequence[Batch], limit_percent: int, left: int) -> UpgradeRecord:
    """Make the record of an upgrade that ended before records were kept, from its members alone: the health of that time is not known."""
    members = [member for batch in began for member in batch.members]
    failed = [member.instance for member in members if member.state in HAS_FAILED]
    succeeded = sum(member.state is InstanceUpgradeState.SUCCEEDED for member in members)
    return UpgradeRecord(
        batches=[batch_record(batch) for batch in began],
        counts=_results(progress_from(count_states(member.state for member in members), left)),
        failed=gauges.gauge(failed, len(failed) + succeeded, limit_percent),
        unhealthy=None,
        progress=progress(succeeded, len(failed) + succeeded + left),
        left=left,
    )


def next_overdue_at(facts: Facts, now: datetime) -> datetime | None:
    """When the next initializing instance begins to count as unhealthy, because its wait for health is over; None where none is waiting."""
    waiting: Iterable[InstanceFacts] = health.initializing(facts, now)
    ends = [health.wait_ends_at(facts, instance.health_since, now) for instance in waiting if instance.health_since]
    return min((at for at in ends if at > now), default=None)
