"""Shifts an upgrade's deadlines when the wall clock jumps, so that each wait lasts as long as it should.

A scale set is reconciled at least every RESYNC_INTERVAL (`ScaleSet.reconciled_at`). If its last reconcile lies in the future, the clock was
set back. If it lies far in the past and the prober has not reported since, the clock was set forward, or Rollgrid was not running: no
upgrade could do anything in that time, so it is not counted. What people hold until a given moment (an opt-out, a fleet stop) refers to
the wall clock and is never shifted.
"""

import logging
from datetime import datetime, timedelta

from upgrades.core.health import fresh_for
from upgrades.core.states import UpgradeStatus
from upgrades.core.steps import RESYNC_INTERVAL
from upgrades.feed.writing import Writer, writing
from upgrades.models import RollingUpgrade, ScaleSet, clock
from upgrades.orchestrator import leases
from upgrades.orchestrator.leases import Lease

MAX_BETWEEN_RECONCILES = RESYNC_INTERVAL + timedelta(seconds=30)
SHIFTED_FIELDS = ("ends_by", "wait_began_at", "skip_pause_at", "paused_at")

log = logging.getLogger(__name__)


def jump_since_reconciled(row: ScaleSet, now: datetime) -> timedelta:
    """How far the clock has jumped since the scale set was last reconciled: negative where it was set back, 0 where it did not jump."""
    if row.reconciled_at is None:
        return timedelta(0)
    passed = now - row.reconciled_at
    if passed < -clock.SET_BACK:
        return passed
    if passed > MAX_BETWEEN_RECONCILES and not _was_probed_without_gap(row, now):
        return passed - MAX_BETWEEN_RECONCILES
    return timedelta(0)


def _was_probed_without_gap(row: ScaleSet, now: datetime) -> bool:
    """Has the prober probed the machines without a gap since the last reconcile?"""
    if row.reconciled_at is None or row.probed_without_gap_since is None or row.probed_at is None:
        return False
    return row.probed_without_gap_since <= row.reconciled_at and abs(now - row.probed_at) <= fresh_for(
        row.health_interval
    )


def shift_waits(lease: Lease, row: ScaleSet, now: datetime) -> bool:
    """Shift the deadlines of the last upgrade where the clock has jumped. True where any were shifted."""
    jump = jump_since_reconciled(row, now)
    if not jump:
        return False
    with writing(now, lease.scale_set_id) as writer:
        leases.check(lease)
        ScaleSet.objects.filter(pk=row.pk).update(reconciled_at=now)
        upgrade = writer.scale_set.upgrades.first()
        if upgrade is None or not _is_affected(upgrade, jump):
            return False
        _shift(upgrade, jump, writer)
    return True


def _is_affected(upgrade: RollingUpgrade, jump: timedelta) -> bool:
    """Does the jump affect this upgrade? It does while the upgrade runs; if it failed, only where the clock was set back.

    The wait for the next attempt goes on while Rollgrid is down, so a jump forward does not shift it.
    """
    return upgrade.ended_at is None or (upgrade.status == UpgradeStatus.FAULTED and jump < timedelta(0))


def _shift(upgrade: RollingUpgrade, jump: timedelta, writer: Writer) -> None:
    upgrade.wait_began_at = upgrade.wait_began_at or upgrade.ended_at
    for name in SHIFTED_FIELDS:
        if (at := getattr(upgrade, name)) is not None:
            setattr(upgrade, name, at + jump)
    if upgrade.wait_began_at:
        upgrade.wait_began_at = min(upgrade.wait_began_at, writer.now)
    upgrade.save(update_fields=SHIFTED_FIELDS)
    seconds = abs(round(jump.total_seconds()))
    what = f"set back by {seconds} s" if jump < timedelta(0) else f"set forward, or nothing ran, for {seconds} s"
    writer.changed(upgrade, note=f"The clock was {what}: its deadlines were shifted.")
    log.warning("%s: the clock was %s; the deadlines of its upgrade were shifted", writer.scale_set, what)
