"""`decide(facts, now)`: the one next step for a scale set.

docs/rules.md explains the rules one by one, and docs/azure.md the numbers that they cite, such as S-15, A-24 and Z-1.2.
"""

from collections.abc import Callable
from datetime import datetime

from upgrades.core import backoff, batches, capacity, health, in_flight, stopping, versions
from upgrades.core.catalogue import say
from upgrades.core.facts import Facts, InstanceUpgradeFacts
from upgrades.core.states import InstanceUpgradeState, StartedBy, UpgradeKind
from upgrades.core.steps import (
    HEALTH_POLL_INTERVAL,
    RESYNC_INTERVAL,
    WORK_POLL_INTERVAL,
    Cancel,
    Complete,
    FinishBatch,
    Settle,
    StartBatch,
    StartUpgrade,
    Step,
    Wait,
    Why,
)

Rule = Callable[[Facts, datetime], Step | None]


def decide(facts: Facts, now: datetime) -> Step:
    """Return the one next step for this scale set: the answer of the first rule that has one."""
    for rule in RULES:
        if step := rule(facts, now):
            return step
    return Wait(now + RESYNC_INTERVAL, Why.NOTHING_TO_DO, _nothing_to_do(facts))


# --- the batch that runs ----------------------------------------------------------------------------------------------


def settle_members(facts: Facts, now: datetime) -> Step | None:
    """Settle instances of the running batch: healthy ones succeed at once, others fail after five minutes (S-15).

    Nothing fails on stale health: the five minutes do not end while health is stale, and begin anew after a gap in the reports. An instance
    of a surge batch that was opted out or switched off before its replacement was healthy is skipped: nothing was done to it.
    """
    is_stale = health.is_stale(facts, now)
    awaited = [
        member for member in in_flight.members_in_flight(facts) if member.state is InstanceUpgradeState.VERIFYING
    ]
    skipped = tuple(member.instance for member in awaited if in_flight.is_to_be_skipped(facts, member))
    verifying = [member for member in awaited if member.instance not in skipped]
    succeeded = tuple(member.instance for member in verifying if in_flight.is_healthy(facts, member))
    failed = tuple(
        member.instance
        for member in verifying
        if not is_stale and member.instance not in succeeded and health.is_overdue(facts, member.swapped_at, now)
    )
    return Settle(succeeded, failed, skipped) if succeeded or failed or skipped else None


def wait_for_members(facts: Facts, now: datetime) -> Step | None:
    """Wait until every instance of the running batch is upgraded and its health is known (S-14, S-15)."""
    waiting = in_flight.members_in_flight(facts)
    if not waiting:
        return None
    rolling_back = sum(1 for member in waiting if member.state is InstanceUpgradeState.ROLLING_BACK)
    upgrading = sum(
        1 for member in waiting if member.state in (InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING)
    )
    if upgrading:
        return _wait_for_work(facts, waiting, upgrading, now)
    if rolling_back:
        return Wait(now + WORK_POLL_INTERVAL, Why.ROLLING_BACK, say(Why.ROLLING_BACK, count=rolling_back))
    until = min(health.wait_ends_at(facts, member.swapped_at, now) for member in waiting if member.swapped_at)
    if until <= now:
        return Wait(now + HEALTH_POLL_INTERVAL, Why.STALE_HEALTH, say(Why.STALE_HEALTH, as_of=facts.health_complete_at))
    return Wait(until, Why.VERIFYING, say(Why.VERIFYING, count=len(waiting), until=until))


def _wait_for_work(facts: Facts, waiting: list[InstanceUpgradeFacts], count: int, now: datetime) -> Step:
    """Wait while `count` instances are being upgraded; the code and the sentence say what is being done to them."""
    if any(member.replacement is not None for member in waiting):
        return Wait(now + WORK_POLL_INTERVAL, Why.SURGING, say(Why.SURGING, count=count))
    if facts.upgrade and facts.upgrade.kind is UpgradeKind.EXTENSIONS:
        return Wait(now + WORK_POLL_INTERVAL, Why.RUNNING_EXTENSIONS, say(Why.RUNNING_EXTENSIONS, count=count))
    return Wait(now + WORK_POLL_INTERVAL, Why.REPLACING, say(Why.REPLACING, count=count))


def finish_batch(facts: Facts, now: datetime) -> Step | None:
    """Finish the running batch. All its instances have a result now: until then, a rule before this one answers."""
    running = in_flight.running_batch(facts)
    return FinishBatch(running.number) if running else None


# --- between batches --------------------------------------------------------------------------------------------------


def complete(facts: Facts, now: datetime) -> Step | None:
    """Complete the upgrade if no instance is left to be upgraded (S-16), even during a hold, which only keeps things from beginning."""
    if facts.upgrade is None or batches.not_taken_yet(facts, facts.upgrade):
        return None
    return Complete()


def stay_paused(facts: Facts, now: datetime) -> Step | None:
    """Begin nothing while a person's pause lasts. A batch that was running then has been finished already.

    A pause holds for all attempts at its version: an upgrade that is stopped while paused is not tried again before somebody resumes it.
    """
    paused_by = backoff.paused_by(facts) if _wants_upgrade(facts) else ""
    by = facts.upgrade.paused_by if facts.upgrade else paused_by
    return Wait(now + RESYNC_INTERVAL, Why.PAUSED, say(Why.PAUSED, by=by)) if by else None


def obey_fleet_stop(facts: Facts, now: datetime) -> Step | None:
    """Obey a fleet stop: no upgrade of the platform begins, and a running one begins no further batch."""
    stop, upgrade = facts.fleet_stop, facts.upgrade
    if stop is None or (upgrade is not None and upgrade.started_by is not StartedBy.PLATFORM):
        return None
    if not _would_start_something(facts):
        return None
    text = say(Why.FLEET_STOPPED, owner=stop.owner, until=stop.until, reason=stop.reason)
    return Wait(min(stop.until or now + RESYNC_INTERVAL, now + RESYNC_INTERVAL), Why.FLEET_STOPPED, text)


def wait_for_approval(facts: Facts, now: datetime) -> Step | None:
    """Wait for approval in a deferred upgrade while no approved instance is left (A-24), and give way to a newer version."""
    upgrade = facts.upgrade
    waiting = batches.unapproved(facts, upgrade) if upgrade else []
    if upgrade is None or not waiting or batches.takeable_and_approved(facts, upgrade):
        return None
    version = upgrade.target.version
    if (
        version
        and facts.latest_image
        and facts.follows_latest
        and versions.is_older(version, facts.latest_image.version)
    ):
        return Cancel(f"Nobody had approved what was left, and {facts.latest_image.version} is there.")
    return Wait(
        now + RESYNC_INTERVAL,
        Why.WAITING_FOR_APPROVAL,
        say(Why.WAITING_FOR_APPROVAL, count=len(waiting), version=version),
    )


def wait_for_fresh_health(facts: Facts, now: datetime) -> Step | None:
    """Start nothing while health is stale."""
    if not _would_start_something(facts) or not health.is_stale(facts, now):
        return None
    return stopping.wait_for_health(facts, now)


def wait_for_first_verdicts(facts: Facts, now: datetime) -> Step | None:
    """Wait while instances are initializing: they are neither healthy nor unhealthy, so the gate cannot count them yet (Z-3.3)."""
    new = health.initializing(facts, now)
    if not new or not _would_start_something(facts):
        return None
    return Wait(now + HEALTH_POLL_INTERVAL, Why.INITIALIZING, say(Why.INITIALIZING, count=len(new)))


def pause_between_batches(facts: Facts, now: datetime) -> Step | None:
    """Wait for the policy's pause after a batch (A-14), unless a person asked for the next batch now."""
    if facts.upgrade is None or not facts.upgrade.batches or facts.upgrade.pause_is_skipped:
        return None
    finished_at = facts.upgrade.batches[-1].finished_at
    until = finished_at + facts.upgrade.policy.pause_between_batches if finished_at else now
    return Wait(until, Why.PAUSE_BETWEEN_BATCHES, say(Why.PAUSE_BETWEEN_BATCHES, until=until)) if until > now else None


def complete_with_untakeable_left(facts: Facts, now: datetime) -> Step | None:
    """Complete the upgrade if all instances left cannot be taken now, such as switched-off ones: nothing waits for them (S-16).

    Those that a person is having reimaged or restarted can be taken in a moment, and are waited for.
    """
    if facts.upgrade is None or batches.takeable_now(facts, facts.upgrade):
        return None
    if any(instance.is_busy for instance in batches.not_taken_yet(facts, facts.upgrade)):
        return capacity.wait_for_machines(facts, now)
    return Complete()


def wait_for_provider(facts: Facts, now: datetime) -> Step | None:
    """Start nothing while the provider cannot be reached, or lacks the image, its storage, or room.

    Operations would fail, and their failures would be blamed on the new version.
    """
    if not _would_start_something(facts):
        return None
    if facts.provider_error:
        text = say(Why.PROVIDER_UNAVAILABLE, said=facts.provider_error.rstrip("."))
        return Wait(now + HEALTH_POLL_INTERVAL, Why.PROVIDER_UNAVAILABLE, text)
    if facts.obstacle:
        why = Why(facts.obstacle.value)
        return Wait(now + WORK_POLL_INTERVAL, why, say(why, said=facts.obstacle_message.rstrip(".")))
    return None


def wait_for_quota(facts: Facts, now: datetime) -> Step | None:
    """Wait for deletions and the quota before a surge batch (A-18): "quota checked before every batch" (Z-1.10)."""
    if facts.upgrade is None or not facts.upgrade.surges:
        return None
    if leaving := sum(1 for instance in facts.instances if instance.is_being_deleted):
        return Wait(now + WORK_POLL_INTERVAL, Why.REMOVING_REPLACED, say(Why.REMOVING_REPLACED, count=leaving))
    return (
        None
        if facts.available_quota_is_known
        else Wait(now + WORK_POLL_INTERVAL, Why.QUOTA_UNKNOWN, say(Why.QUOTA_UNKNOWN))
    )


def start_batch(facts: Facts, now: datetime) -> Step | None:
    """Start the next batch (S-13), as a surge batch where the policy says so. Unhealthy instances come first if a person asked for that."""
    if facts.upgrade is None:
        return None
    todo = batches.requested_first(facts, facts.upgrade) or batches.takeable_and_approved(facts, facts.upgrade)
    choice = batches.choose(facts, todo, facts.upgrade.policy, now)
    if facts.upgrade.surges:
        choice = batches.as_surge_batch(facts, choice)
    return StartBatch(len(facts.upgrade.batches) + 1, choice.instances, choice.why, choice.surge)


# --- no upgrade runs --------------------------------------------------------------------------------------------------


def start_upgrade(facts: Facts, now: datetime) -> Step | None:
    """Start an upgrade when a newer version of the image is published, without anybody's request (S-1).

    An attempt that a limit stopped is tried again: when the gate opens if it touched no instance, otherwise after a wait that doubles with
    each attempt (Z-1.14). An attempt that a person cancelled is not.
    """
    if facts.latest_image is None or not _wants_upgrade(facts):
        return None
    version = facts.latest_image.version
    if backoff.was_cancelled(facts):
        return Wait(now + RESYNC_INTERVAL, Why.CANCELLED_BEFORE, say(Why.CANCELLED_BEFORE, version=version))
    if backoff.was_stopped_at_the_gate(facts) and backoff.is_platform_gate_shut(facts, now):
        return Wait(
            now + HEALTH_POLL_INTERVAL,
            Why.TOO_MANY_UNHEALTHY,
            say(f"{Why.TOO_MANY_UNHEALTHY}.still_shut", version=version),
        )
    again_at = backoff.next_attempt_at(facts)
    if again_at and again_at > now:
        by_hand = not backoff.is_platform_gate_shut(facts, now)
        text = say(Why.BACKING_OFF, version=version, until=again_at, by_hand=by_hand)
        return Wait(min(again_at, now + RESYNC_INTERVAL), Why.BACKING_OFF, text)
    return StartUpgrade(facts.latest_image, StartedBy.PLATFORM, backoff.would_take_failed(facts))


# The first rule that answers wins, so their order matters. The comment above a rule says why it has its place.
RULES: tuple[Rule, ...] = (
    # The client's capacity holds, whatever happens to an upgrade.
    capacity.add_missing_instances,
    capacity.remove_surplus_instances,
    # A running batch is ended before any pause, stop or cancel takes effect: it is never cut in the middle. Its results come first.
    settle_members,
    # Restores are begun before the wait below, which then waits for them with all the rest.
    stopping.roll_back_failed,
    # The limit below is checked when every instance of the batch has a result, not on the first few.
    wait_for_members,
    # A part of the batch's end, so that it is checked exactly once: after the batch is finished, a pause could come before it.
    stopping.stop_at_the_end_of_a_batch,
    finish_batch,
    # From here on no batch runs. An upgrade that a limit has stopped ends before anything else is asked.
    stopping.end_after_rollback,
    # A person who cancels wants an end, so cancelling waits for no hold.
    stopping.cancel,
    # Before completing: an upgrade to a withdrawn version is no success, even if no instance happens to be left.
    stopping.stop_withdrawn,
    # Before the holds: they only keep things from beginning, and nothing is left to begin.
    complete,
    # Holds come before the limits: instances that are unhealthy only while a hold lasts do not stop the upgrade. The pause of this scale
    # set comes before the stop of the whole fleet.
    stay_paused,
    obey_fleet_stop,
    # After pause and fleet stop: while either lasts, nobody need be asked for approval.
    wait_for_approval,
    # The last hold: it passes by itself, also while one of the others lasts.
    pause_between_batches,
    # Only now, when nothing holds the upgrade: a machine that is switched off for a moment must not complete an upgrade that is held.
    # These two rules need no fresh health. Completing is first: an upgrade with nothing left is complete, not late.
    complete_with_untakeable_left,
    stopping.stop_on_timeout,
    # Before the quota, for which the provider is asked.
    wait_for_provider,
    # Before the rules of health, which would become stale while replaced instances are deleted.
    wait_for_quota,
    # Limits are checked on fresh health only. Freshness is before first verdicts, because none can come while the prober is away.
    wait_for_fresh_health,
    wait_for_first_verdicts,
    # Where both limits are exceeded, the new version is the likelier cause, so the error names the limit on upgraded instances.
    stopping.stop_on_failed_upgrades,
    stopping.stop_at_the_gate,
    # The batch is chosen on the same health that opened the gate.
    start_batch,
    # From here on no upgrade runs. Waiting for machines is last, because machines that are being created do not prevent a start.
    start_upgrade,
    capacity.wait_for_machines,
)


def _nothing_to_do(facts: Facts) -> str:
    if facts.pinned_to:
        return say(f"{Why.NOTHING_TO_DO}.pinned", version=facts.pinned_to)
    return say(Why.NOTHING_TO_DO if facts.automatic else f"{Why.NOTHING_TO_DO}.automatic_off")


def _would_start_something(facts: Facts) -> bool:
    return facts.upgrade is not None or _wants_upgrade(facts)


def _wants_upgrade(facts: Facts) -> bool:
    """Would the platform start an upgrade by itself, health apart?

    Instances that failed on the latest version are left out, unless the attempt was stopped: then they are tried again.
    """
    if facts.latest_image is None or not (facts.automatic and facts.follows_latest):
        return False
    return bool(
        batches.next_candidates(facts, facts.latest_image.version, takes_failed=backoff.would_take_failed(facts))
    )
