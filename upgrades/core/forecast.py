"""The plan as the board carries it. It is kept, and only made again when something changes that it depends on.

Its times are those of the wall clock, so that a kept plan stays true while everything goes as planned.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, TypedDict

from upgrades.core import gauges, health
from upgrades.core.facts import Facts, InstanceFacts, Upgrade
from upgrades.core.in_flight import running_batch
from upgrades.core.instants import iso
from upgrades.core.preview import LIFTED_BY_PEOPLE, Pace, PlannedBatch, preview
from upgrades.core.ranges import spans
from upgrades.core.sentences import Param, message_of
from upgrades.core.states import HAS_FAILED, IN_FLIGHT, InstanceUpgradeState, StartedBy
from upgrades.core.steps import Why

MAX_PLANNED = 100  # batches that are listed one by one
LATE_FACTOR = 1.5  # a batch is late after this many times the typical duration


class Planned(TypedDict):
    """A batch to come. Its times assume that batches take their typical time; None where that is not known.

    `key`, `params`: the message whose English text is `why` (core/sentences.py).
    """

    number: int
    instances: str
    size: int
    zones: list[str]
    starts_at: str | None
    ends_at: str | None
    waits_for_approval: bool
    why: str
    key: str
    params: dict[str, Param]


class ExpectedEnd(TypedDict):
    """When the upgrade will be over, if batches are quick (`earliest`) or slow (`latest`). `late`: the running batch takes far longer."""

    earliest: str
    latest: str
    late: bool


class Forecast(TypedDict):
    """The plan. `key`: a hash of everything that it depends on. `by`: who starts it, "platform" or "user", None where nothing is planned.

    `more`: how many batches follow the listed ones. `late_after`: when the running batch begins to be late.
    """

    key: str
    by: str | None
    batches: list[Planned]
    more: int
    earliest: str | None
    latest: str | None
    late_after: str | None


def forecast(facts: Facts, now: datetime, kept: Forecast | None, pace: Callable[[], Pace | None]) -> Forecast:
    """Return the `kept` plan if it is still true, otherwise a new one. `pace` queries the database, so it is called only for a new one."""
    key = plan_key(facts, now)
    return kept if kept and kept["key"] == key else make_forecast(facts, now, pace(), key)


def make_forecast(facts: Facts, now: datetime, pace: Pace | None, key: str = "") -> Forecast:
    """Make a new plan. Where a person has to begin the upgrade, or to end what holds it, it has no times."""
    by_hand = gauges.begins_by_hand(facts)
    plan = preview(facts, now, pace, by_hand=by_hand)
    is_known = not by_hand and not any(block.code in LIFTED_BY_PEOPLE for block in plan.blocks)
    running = running_batch(facts)
    started_at = running.started_at if running else None
    return Forecast(
        key=key,
        by=_starter(facts, by_hand) if plan.batches or facts.upgrade else None,
        batches=[_planned(batch, now, pace, is_known=not by_hand) for batch in plan.batches[:MAX_PLANNED]],
        more=max(0, len(plan.batches) - MAX_PLANNED),
        earliest=_time_in(now, plan.earliest if is_known else None),
        latest=_time_in(now, plan.latest if is_known else None),
        late_after=iso(started_at + pace.typical * LATE_FACTOR) if started_at and pace else None,
    )


def no_forecast(key: str) -> Forecast:
    """A plan without batches."""
    return Forecast(key=key, by=None, batches=[], more=0, earliest=None, latest=None, late_after=None)


def expected_end(plan: Forecast, now: datetime) -> ExpectedEnd | None:
    """When the upgrade will be over; None while that is not known."""
    if plan["earliest"] is None or plan["latest"] is None:
        return None
    late_after = plan["late_after"]
    is_late = late_after is not None and iso(now) > late_after
    return ExpectedEnd(earliest=plan["earliest"], latest=plan["latest"], late=is_late)


def _starter(facts: Facts, by_hand: bool) -> str:
    """Who has started the running upgrade, or will start the next one: "platform" or "user"."""
    next_started_by = StartedBy.USER if by_hand else StartedBy.PLATFORM
    return (facts.upgrade.started_by if facts.upgrade else next_started_by).value.lower()


def _planned(batch: PlannedBatch, now: datetime, pace: Pace | None, *, is_known: bool) -> Planned:
    begins_in = batch.begins_in if is_known and not batch.blocked_by else None
    lasts = pace.typical if pace else timedelta(0)
    return Planned(
        number=batch.number,
        instances=spans(batch.instances),
        size=len(batch.instances),
        zones=list(batch.zones),
        starts_at=_time_in(now, begins_in),
        ends_at=_time_in(now, None if begins_in is None else begins_in + lasts),
        waits_for_approval=batch.blocked_by == Why.WAITING_FOR_APPROVAL,
        why=str(batch.why),
        **message_of(batch.why),
    )


def _time_in(now: datetime, length: timedelta | None) -> str | None:
    """The time after `length` from now, as text."""
    return None if length is None else iso(now + length)


# --- what a plan depends on -------------------------------------------------------------------------------------------


def plan_key(facts: Facts, now: datetime) -> str:
    """A hash of all that the plan depends on: the same however far the running batch is, as long as all goes as planned."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    states = _states_as_planned(facts.upgrade)
    for instance in facts.instances:
        state = states.get(instance.id)
        is_as_planned = state in IN_FLIGHT or (state is not None and not health.is_unhealthy(facts, instance, now))
        if not is_as_planned:
            groups[_instance_key(instance, facts, now)].append(instance.id)
    instances = sorted((repr(key), spans(ids)) for key, ids in groups.items())
    depends_on = (_scale_set_key(facts), len(facts.counted), _upgrade_key(facts.upgrade), instances)
    return blake2b(repr(depends_on).encode(), digest_size=12).hexdigest()


def _states_as_planned(upgrade: Upgrade | None) -> dict[int, InstanceUpgradeState]:
    """{id: state} of the old and new instances of all members that have not failed."""
    members = upgrade.members if upgrade else ()
    not_failed = [
        member
        for member in members
        if member.state not in HAS_FAILED or member.state is InstanceUpgradeState.ROLLING_BACK
    ]
    return {id: member.state for member in not_failed for id in (member.instance, member.upgraded_id)}


def _instance_key(instance: InstanceFacts, facts: Facts, now: datetime) -> Hashable:
    opt_out = instance.opt_out and (instance.opt_out.version, instance.opt_out.until)
    is_unhealthy = health.is_unhealthy(facts, instance, now)
    values = (
        instance.version,
        instance.extensions_key,
        instance.zone,
        instance.update_domain,
        instance.failed_version,
        instance.approved_version,
        opt_out,
    )
    flags = (
        instance.is_busy,
        instance.is_being_deleted,
        instance.is_switched_off,
        instance.is_quarantined,
        instance.is_unused_surge,
        instance.is_being_created,
        instance.is_protected_from_scale_in,
        instance.is_half_made,
    )
    return (values, flags, is_unhealthy, instance.missing is not None, instance.runs_withdrawn_version)


def _scale_set_key(facts: Facts) -> Hashable:
    images = (facts.latest_image, facts.follows_latest, facts.pinned_to, facts.newest_good, sorted(facts.withdrawn))
    policies = (facts.automatic, facts.policy, facts.policy_by_hand)
    quota = (facts.available_quota, facts.available_quota_is_known)
    return (facts.capacity, images, policies, facts.fleet_stop, quota, facts.last_attempt)


def _upgrade_key(upgrade: Upgrade | None) -> Any:
    """What of the upgrade the plan depends on. Of its members, only failed ones matter; the others follow from the instances."""
    if upgrade is None:
        return None
    settings = replace(upgrade, batches=(), ends_by=None)
    failed = spans(member.instance for member in upgrade.members if member.state in HAS_FAILED)
    taken = spans(member.instance for member in upgrade.members)
    return (settings, [(batch.number, batch.finished_at) for batch in upgrade.batches], failed, taken)
