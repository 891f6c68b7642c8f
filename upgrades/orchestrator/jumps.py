"""A wall clock that jumps. What an upgrade waits for is moved along with it, so that each wait lasts as long as it is meant to.

A look says when it came to rest (`ScaleSet.reconciled_at`). The next one comes within RESYNC_INTERVAL: where that lies in the future the
clock was set back; where it is long ago, and nobody has watched the machines meanwhile, the clock was set forward, or Rollgrid did not
run. That time was no time in which an upgrade could do anything: it is not counted. What people said to hold until a moment (an opt-out,
a stop of the fleet) is meant by the wall clock and stays as it was said.
"""

import logging
from datetime import datetime, timedelta

from upgrades.core.health import fresh_for
from upgrades.core.states import UpgradeStatus
from upgrades.core.steps import RESYNC_INTERVAL
from upgrades.feed.writing import Writing, writing
from upgrades.models import RollingUpgrade, ScaleSet, clock
from upgrades.orchestrator import leases
from upgrades.orchestrator.leases import Lease

MAX_BETWEEN_RECONCILES = RESYNC_INTERVAL + timedelta(seconds=30)
FOLLOW = ("ends_by", "waits_from", "skip_pause_at", "paused_at")

log = logging.getLogger(__name__)


def length(row: ScaleSet, now: datetime) -> timedelta:
    """By how much the clock has jumped since the last look; negative where it was set back, 0 where time went by as it does."""
    if row.reconciled_at is None:
        return timedelta(0)
    passed = now - row.reconciled_at
    if passed < -clock.SET_BACK:
        return passed
    if passed > MAX_BETWEEN_RECONCILES and not _was_watched(row, now):
        return passed - MAX_BETWEEN_RECONCILES
    return timedelta(0)


def _was_watched(row: ScaleSet, now: datetime) -> bool:
    """News of its machines came without a gap from the last look until now."""
    if row.reconciled_at is None or row.news_since is None or row.probed_at is None:
        return False
    return row.news_since <= row.reconciled_at and abs(now - row.probed_at) <= fresh_for(row.health_interval)


def make_up(lease: Lease, row: ScaleSet, now: datetime) -> bool:
    """Moves the waits of the upgrade along with a clock that has jumped. True where there was anything to move."""
    jump = length(row, now)
    if not jump:
        return False
    with writing(now, lease.scale_set_id) as w:
        leases.check(lease)
        ScaleSet.objects.filter(pk=row.pk).update(reconciled_at=now)
        upgrade = w.scale_set.upgrades.first()
        if upgrade is None or not _waits(upgrade, jump):
            return False
        _move(upgrade, jump, w)
    return True


def _waits(upgrade: RollingUpgrade, jump: timedelta) -> bool:
    """It runs; or it was stopped, and is tried again after a while: a wait that goes on where nothing runs, so that none is made up for."""
    return upgrade.ended_at is None or (upgrade.status == UpgradeStatus.FAULTED and jump < timedelta(0))


def _move(upgrade: RollingUpgrade, jump: timedelta, w: Writing) -> None:
    upgrade.waits_from = upgrade.waits_from or upgrade.ended_at
    for name in FOLLOW:
        if (at := getattr(upgrade, name)) is not None:
            setattr(upgrade, name, at + jump)
    if upgrade.waits_from:
        upgrade.waits_from = min(upgrade.waits_from, w.now)
    upgrade.save(update_fields=FOLLOW)
    seconds = abs(round(jump.total_seconds()))
    what = f"set back by {seconds} s" if jump < timedelta(0) else f"set forward, or nothing ran, for {seconds} s"
    w.changed(upgrade, note=f"The clock was {what}: its waits moved along.")
    log.warning("%s: the clock was %s; what its upgrade waits for was moved along", w.scale_set, what)
