"""decide(facts, now): the one next thing to do for a scale set.

The document's five points, in its words: (1) before anything is begun the orchestrator makes sure that at most 20 % of the
instances are unhealthy; (2) it picks a batch of at most 20 % of the total; (3) it upgrades that batch; (4) it waits up to 5 minutes
for the health probes; (5) if any are left it goes back to (1), otherwise the upgrade is complete.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from upgrades.core import batches, health, messages
from upgrades.core.facts import Batch, Facts, Member
from upgrades.core.states import IN_FLIGHT, Health, MemberState, StartedBy, UpgradeStatus
from upgrades.core.steps import (
    AddInstances,
    Cancel,
    Complete,
    Fault,
    FaultCode,
    FinishBatch,
    RemoveInstances,
    Settle,
    StartBatch,
    StartUpgrade,
    Step,
    Wait,
    Why,
)

LOOK_AGAIN = timedelta(minutes=2)  # a lost wake is healed by then
LOOK_AT_WORK = timedelta(seconds=3)  # as long as a lease of work: what lapsed is handed out again
LOOK_AT_HEALTH = timedelta(seconds=2)  # as often as the prober says how fresh its news is

Rule = Callable[[Facts, datetime], Step | None]


def decide(facts: Facts, now: datetime) -> Step:
    """Say the one next thing to do for this scale set."""
    for rule in RULES:  # order is the policy; each rule has its own table test and a line in docs/rules.md
        if step := rule(facts, now):
            return step
    return Wait(now + LOOK_AGAIN, Why.NOTHING_TO_DO, "Nothing to do.")


# --- capacity ---------------------------------------------------------------------------------------------------------


def add_missing_instances(facts: Facts, now: datetime) -> Step | None:
    """The set has as many instances as its capacity says; new ones take the newest image (facts 1.12)."""
    missing = facts.capacity - len(facts.staying)
    if missing <= 0:
        return None
    if facts.latest is None:
        return Wait(now + LOOK_AGAIN, Why.NO_IMAGE, "No version of its image is published in its location yet.")
    return AddInstances(missing, facts.latest)


def remove_surplus_instances(facts: Facts, now: datetime) -> Step | None:
    """Highest ids first; never a protected one or one that is to be kept, nor one that something is being done to."""
    surplus = len(facts.staying) - facts.capacity
    in_flight = {member.instance for member in _members_in_flight(facts)}
    free = [one.id for one in batches.candidates(facts) if not one.kept and one.id not in in_flight]
    return RemoveInstances(tuple(sorted(free[-surplus:]))) if surplus > 0 and free else None


# --- the batch that runs ----------------------------------------------------------------------------------------------


def settle_members(facts: Facts, now: datetime) -> Step | None:
    """Step 4 of the document: an instance is done as soon as it is healthy, and failed when it is not within five minutes.

    Nothing fails on old news: while the health is stale its time is not up, and after a gap in the news it begins anew.
    """
    in_time = health.is_stale(facts, now)
    verifying = [member for member in _members_in_flight(facts) if member.state is MemberState.VERIFYING]
    succeeded = tuple(one.instance for one in verifying if _is_healthy(facts, one))
    failed = tuple(
        one.instance
        for one in verifying
        if not in_time and one.instance not in succeeded and health.is_overdue(facts, one.swapped_at, now)
    )
    return Settle(succeeded, failed) if succeeded or failed else None


def wait_for_members(facts: Facts, now: datetime) -> Step | None:
    """Steps 3 and 4: all instances of a batch are swapped, and their health awaited, before anything else is chosen."""
    waiting = _members_in_flight(facts)
    if not waiting:
        return None
    swapping = [one for one in waiting if one.state is not MemberState.VERIFYING]
    if swapping:
        return Wait(now + LOOK_AT_WORK, Why.REPLACING, messages.replacing(len(swapping)))
    until = min(health.wait_ends(facts, one.swapped_at, now) for one in waiting if one.swapped_at)
    if until <= now:
        return Wait(now + LOOK_AT_HEALTH, Why.STALE_HEALTH, messages.stale(facts.health_as_of))
    return Wait(until, Why.VERIFYING, messages.verifying(len(waiting), until))


def finish_batch(facts: Facts, now: datetime) -> Step | None:
    running = _running_batch(facts)
    return FinishBatch(running.number) if running else None


# --- between batches --------------------------------------------------------------------------------------------------


def cancel(facts: Facts, now: datetime) -> Step | None:
    """A batch is never cut in the middle: cancelling, and turning automatic upgrades off (S-5), count at its end."""
    upgrade = facts.upgrade
    if upgrade is None:
        return None
    if upgrade.cancel_requested_by:
        return Cancel(f"Cancelled by {upgrade.cancel_requested_by}.")
    if upgrade.started_by is StartedBy.PLATFORM and not facts.automatic:
        return Cancel("Automatic OS upgrades were turned off for this scale set.")
    return None


def stop_on_failed_upgrades(facts: Facts, now: datetime) -> Step | None:
    """More than the limit of the instances upgraded so far are unhealthy after it (facts 1.2)."""
    if facts.upgrade is None:
        return None
    failed, upgraded = health.unhealthy_upgraded(facts, now)
    limit = facts.upgrade.policy.max_unhealthy_upgraded_percent
    if not health.exceeds(len(failed), upgraded, limit):
        return None
    members = tuple(member.instance for member in failed)
    share = health.percent(len(failed), upgraded)
    return Fault(FaultCode.UPGRADED, messages.too_many_failed(share, limit, members[0]), members)


def complete(facts: Facts, now: datetime) -> Step | None:
    """Step 5: nothing remains to be upgraded."""
    if facts.upgrade is None or batches.remaining(facts, facts.upgrade):
        return None
    return Complete()


def wait_for_fresh_health(facts: Facts, now: datetime) -> Step | None:
    """Nothing starts on old news."""
    if not _would_start_something(facts) or not health.is_stale(facts, now):
        return None
    return Wait(now + LOOK_AT_HEALTH, Why.STALE_HEALTH, messages.stale(facts.health_as_of))


def wait_for_first_verdicts(facts: Facts, now: datetime) -> Step | None:
    """An instance that is initializing is neither healthy nor unhealthy: the gate waits for it (facts 3.3)."""
    new = health.initializing(facts, now)
    if not new or not _would_start_something(facts):
        return None
    return Wait(now + LOOK_AT_HEALTH, Why.INITIALIZING, messages.initializing(len(new)))


def stop_at_the_gate(facts: Facts, now: datetime) -> Step | None:
    """Step 1, again before every batch: "at most 20 % of the instances are unhealthy", whatever made them so."""
    if facts.upgrade is None:
        return None
    sick, limit = health.unhealthy(facts, now), facts.upgrade.policy.max_unhealthy_percent
    if not health.exceeds(len(sick), len(facts.staying), limit):
        return None
    share = health.percent(len(sick), len(facts.staying))
    if not facts.upgrade.batches:
        return Fault(FaultCode.BEFORE, messages.unhealthy_before(share, limit), health.ids(sick))
    return Fault(FaultCode.IN, messages.unhealthy_within(share, limit), health.ids(sick))


def pause_between_batches(facts: Facts, now: datetime) -> Step | None:
    if facts.upgrade is None or not facts.upgrade.batches:
        return None
    finished_at = facts.upgrade.batches[-1].finished_at
    until = finished_at + facts.upgrade.policy.pause_between_batches if finished_at else now
    return Wait(until, Why.PAUSE, messages.pause(until)) if until > now else None


def start_batch(facts: Facts, now: datetime) -> Step | None:
    """Step 2."""
    if facts.upgrade is None:
        return None
    todo = batches.remaining(facts, facts.upgrade)
    return StartBatch(len(facts.upgrade.batches), batches.choose(facts, todo, facts.upgrade.policy, now))


# --- no upgrade runs --------------------------------------------------------------------------------------------------


def start_upgrade(facts: Facts, now: datetime) -> Step | None:
    """S-1: a newer version of the image it follows is published, and nobody need ask for it."""
    if facts.latest is None or not _wants_upgrade(facts):
        return None
    if _was_stopped_on_the_way(facts):
        text = messages.stopped(facts.latest.version)
        return Wait(now + LOOK_AGAIN, Why.STOPPED, text)
    if _was_stopped_at_the_gate(facts) and _gate_is_shut(facts, now):
        return Wait(now + LOOK_AT_HEALTH, Why.STOPPED, messages.gate_still_shut(facts.latest.version))
    return StartUpgrade(facts.latest, StartedBy.PLATFORM)


def wait_for_machines(facts: Facts, now: datetime) -> Step | None:
    """Machines are being made or removed outside any upgrade; whoever died over that work is replaced as soon as its lease lapses."""
    busy = sum(1 for one in facts.instances if one.busy)
    return Wait(now + LOOK_AT_WORK, Why.CREATING, messages.making(busy)) if busy else None


RULES: tuple[Rule, ...] = (
    add_missing_instances,
    remove_surplus_instances,
    settle_members,
    wait_for_members,
    finish_batch,
    cancel,
    stop_on_failed_upgrades,
    complete,
    wait_for_fresh_health,
    wait_for_first_verdicts,
    stop_at_the_gate,
    pause_between_batches,
    start_batch,
    start_upgrade,
    wait_for_machines,
)


def _running_batch(facts: Facts) -> Batch | None:
    last = facts.upgrade.batches[-1] if facts.upgrade and facts.upgrade.batches else None
    return last if last and last.finished_at is None else None


def _members_in_flight(facts: Facts) -> list[Member]:
    running = _running_batch(facts)
    return [member for member in running.members if member.state in IN_FLIGHT] if running else []


def _is_healthy(facts: Facts, member: Member) -> bool:
    instance = facts.instance(member.instance)
    return instance is not None and instance.health is Health.HEALTHY


def _would_start_something(facts: Facts) -> bool:
    return facts.upgrade is not None or _wants_upgrade(facts)


def _wants_upgrade(facts: Facts) -> bool:
    """Would the platform start an upgrade by itself, health apart? Those that failed on this very version are left alone."""
    if facts.latest is None or not (facts.automatic and facts.follows_latest):
        return False
    version = facts.latest.version
    return any(batches.is_outdated(one, version) and one.failed_version != version for one in batches.candidates(facts))


def _stopped_on_this_version(facts: Facts) -> bool:
    last = facts.last_attempt
    return (
        last is not None
        and facts.latest is not None
        and last.target_version == facts.latest.version
        and last.status in (UpgradeStatus.FAULTED, UpgradeStatus.CANCELLED)
    )


def _was_stopped_on_the_way(facts: Facts) -> bool:
    """It touched instances and was stopped: what went wrong once is not tried again by itself on the same version."""
    return _stopped_on_this_version(facts) and facts.last_attempt is not None and facts.last_attempt.touched_anything


def _was_stopped_at_the_gate(facts: Facts) -> bool:
    return _stopped_on_this_version(facts) and not _was_stopped_on_the_way(facts)


def _gate_is_shut(facts: Facts, now: datetime) -> bool:
    sick = len(health.unhealthy(facts, now))
    return health.exceeds(sick, len(facts.staying), facts.policy.max_unhealthy_percent)
