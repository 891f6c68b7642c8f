"""The rules that stop an upgrade, because of a limit, a withdrawn version, its time or a person, and roll instances back."""

from datetime import datetime

from upgrades.core import batches, health, in_flight, messages
from upgrades.core.catalogue import say
from upgrades.core.facts import Breach, ExceededLimit, Facts, InstanceUpgradeFacts
from upgrades.core.states import FaultCode, InstanceUpgradeState, KeptOSDisk, StartedBy, UpgradeKind
from upgrades.core.steps import HEALTH_POLL_INTERVAL, Cancel, Fault, RollBack, Step, Wait, Why


def roll_back_failed(facts: Facts, now: datetime) -> Step | None:
    """Put the old OS disk of failed instances back, in upgrades that the platform started, unless that is turned off (A-9, A-10)."""
    upgrade, running = facts.upgrade, in_flight.running_batch(facts)
    if upgrade is None or running is None:
        return None
    if upgrade.started_by is not StartedBy.PLATFORM or not upgrade.policy.automatic_rollback:
        return None
    failed = _to_roll_back(facts, running.members)
    return RollBack(failed) if failed else None


def stop_at_the_end_of_a_batch(facts: Facts, now: datetime) -> Step | None:
    """Stop when a batch ends and more of the instances upgraded so far failed or are unhealthy than the limit allows (Z-1.2).

    The check and the end of the batch are one step, so a batch is checked exactly once, however late that is and whichever process died in
    between. Stale health makes no instance unhealthy: if failed upgrades alone do not exceed the limit, wait for fresh health first.
    """
    upgrade = facts.upgrade
    if upgrade is None or upgrade.breach or in_flight.running_batch(facts) is None:
        return None
    stop = stop_on_failed_upgrades(facts, now)
    if stop and health.is_stale(facts, now) and not _is_stopped_by_failures_alone(facts):
        # An upgrade that is to be cancelled ends after this batch anyway, so it does not wait for health.
        return None if upgrade.cancel_requested_by else wait_for_health(facts, now)
    return stop


def end_after_rollback(facts: Facts, now: datetime) -> Step | None:
    """End an upgrade that a limit stopped, once its failed instances are back on their old OS disks (A-17)."""
    return Fault(facts.upgrade.breach) if facts.upgrade and facts.upgrade.breach else None


def cancel(facts: Facts, now: datetime) -> Step | None:
    """Cancel at the end of a batch, never in the middle: on request, or because automatic upgrades were turned off (S-5)."""
    upgrade = facts.upgrade
    if upgrade is None:
        return None
    if upgrade.cancel_requested_by:
        return Cancel(f"Cancelled by {upgrade.cancel_requested_by}.")
    if upgrade.started_by is StartedBy.PLATFORM and not facts.automatic:
        return Cancel("Automatic OS upgrades were turned off for this scale set.")
    return None


def stop_on_failed_upgrades(facts: Facts, now: datetime) -> Step | None:
    """Stop if too many upgraded instances failed or are unhealthy now, also those that were healthy when their batch ended (Z-1.2)."""
    if facts.upgrade is None:
        return None
    failed, upgraded = health.unhealthy_upgraded(facts, now)
    limit = facts.upgrade.policy.max_unhealthy_upgraded_percent
    if not health.exceeds(len(failed), upgraded, limit):
        return None
    ids = tuple(member.existing_id for member in failed)
    share = health.percent(len(failed), upgraded)
    message = messages.too_many_failed(share, limit, ids[0], failed[0].error)
    return _stop_or_roll_back(
        facts, Breach(FaultCode.TOO_MANY_FAILED, message, ids, ExceededLimit(share, limit, of_upgraded=True))
    )


def stop_withdrawn(facts: Facts, now: datetime) -> Step | None:
    """Stop if the target version was withdrawn, even while something else holds the upgrade: no further instance gets that version."""
    upgrade = facts.upgrade
    withdrawal = facts.withdrawn.get(upgrade.target.version) if upgrade else None
    if upgrade is None or withdrawal is None:
        return None
    message = say(
        "upgrade.stopped_by_withdrawal",
        version=upgrade.target.version,
        by=withdrawal.by,
        reason=withdrawal.reason.rstrip("."),
        left=len(batches.not_taken_yet(facts, upgrade)),
    )
    return _stop_or_roll_back(facts, Breach(FaultCode.WITHDRAWN, message, ()))


def stop_on_timeout(facts: Facts, now: datetime) -> Step | None:
    """Stop an upgrade whose time is over (Z-1.6: RollingUpgradeTimeoutError). That time stands still while the upgrade is paused."""
    upgrade = facts.upgrade
    if upgrade is None or upgrade.ends_by is None or now < upgrade.ends_by:
        return None
    left = len(batches.takeable_now(facts, upgrade))
    return Fault(Breach(FaultCode.TIMEOUT, say("upgrade.took_too_long", ends_by=upgrade.ends_by, left=left), ()))


def stop_at_the_gate(facts: Facts, now: datetime) -> Step | None:
    """Stop before a batch unless "at most 20 % of the instances are unhealthy" (S-12), whatever made them so."""
    if facts.upgrade is None:
        return None
    unhealthy, limit = batches.unhealthy_at_the_gate(facts, now), facts.upgrade.policy.max_unhealthy_percent
    if not health.exceeds(len(unhealthy), len(facts.counted), limit):
        return None
    share = health.percent(len(unhealthy), len(facts.counted))
    exceeded = ExceededLimit(share, limit, of_upgraded=False)
    if not facts.upgrade.batches:
        return Fault(
            Breach(FaultCode.UNHEALTHY_BEFORE, messages.unhealthy_before(share, limit), health.ids(unhealthy), exceeded)
        )
    return _stop_or_roll_back(
        facts,
        Breach(FaultCode.UNHEALTHY_DURING, messages.unhealthy_within(share, limit), health.ids(unhealthy), exceeded),
    )


def wait_for_health(facts: Facts, now: datetime) -> Wait:
    """Wait for the prober's next results."""
    return Wait(now + HEALTH_POLL_INTERVAL, Why.STALE_HEALTH, say(Why.STALE_HEALTH, as_of=facts.health_complete_at))


def _is_stopped_by_failures_alone(facts: Facts) -> bool:
    """Do failed upgrades alone exceed the limit? Then current health, fresh or stale, does not matter."""
    assert facts.upgrade
    failed, upgraded = health.failed_upgrades(facts)
    return health.exceeds(failed, upgraded, facts.upgrade.policy.max_unhealthy_upgraded_percent)


def _to_roll_back(facts: Facts, members: tuple[InstanceUpgradeFacts, ...]) -> tuple[int, ...]:
    """The ids of failed members whose old OS disk may still exist; not those that are gone, opted out or busy.

    An upgrade of extensions replaces no disk, and an instance of a surge batch keeps its own, so there is nothing to put back. Where the
    provider keeps no replaced disk, there is nothing either."""
    if facts.upgrade is None or facts.upgrade.kind is not UpgradeKind.IMAGE or facts.kept_os_disk is KeptOSDisk.NONE:
        return ()
    touchable_ids = {instance.id for instance in batches.touchable(facts)}
    return tuple(
        member.instance
        for member in members
        if member.state is InstanceUpgradeState.FAILED
        and member.may_roll_back
        and member.replacement is None
        and member.instance in touchable_ids
    )


def _stop_or_roll_back(facts: Facts, breach: Breach) -> Step:
    """Stop the upgrade. If the policy says so, failed instances get their old OS disks back first (A-17)."""
    upgrade = facts.upgrade
    failed = _to_roll_back(facts, upgrade.members) if upgrade and upgrade.policy.rollback_on_breach else ()
    return RollBack(failed, breach) if failed else Fault(breach)
