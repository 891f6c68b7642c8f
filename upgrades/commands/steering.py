"""Steering an upgrade that runs, and one that was stopped (A-21)."""

from collections.abc import Sequence
from datetime import datetime

from upgrades.commands import finding
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import find_instances
from upgrades.core.states import UpgradeStatus
from upgrades.feed.writing import Writing
from upgrades.models import Instance, RollingUpgrade

NOTHING_RUNS = "There is no ongoing Rolling Upgrade to {act}."
IS_ROLLING_BACK = "the upgrade was stopped and rolls back; it cannot be {done} any more"
NOTHING_WAITS = "nothing waits to be tried again: the last upgrade of {row} {ended}"
NO_PAUSE = "{row} is not in a pause between two batches: {what}"


def pause(path: str, by: str, now: datetime) -> RollingUpgrade:
    """Has no further batch begin until somebody resumes it; the one in flight is finished. Pausing twice is once. Raises Refused."""
    with finding.writing_to(path, now) as w:
        upgrade = _running(w, "pause", "paused")
        if not upgrade.paused_by:
            upgrade.paused_by, upgrade.paused_at = by, now
            _save(w, upgrade, f"Paused by {by}.", "paused_by", "paused_at")
    return upgrade


def resume(path: str, by: str, now: datetime) -> RollingUpgrade:
    """Has a paused upgrade go on; one that is not paused stays as it is. Raises Refused."""
    with finding.writing_to(path, now) as w:
        upgrade = _running(w, "resume", "resumed")
        if upgrade.paused_by:
            upgrade.paused_by, upgrade.paused_at = "", None
            _save(w, upgrade, f"Resumed by {by}.", "paused_by", "paused_at")
    return upgrade


def next_batch_now(path: str, by: str, now: datetime) -> RollingUpgrade:
    """Ends the pause between two batches; all other rules hold as ever. Raises Refused where there is no such pause."""
    with finding.writing_to(path, now) as w:
        upgrade = _running(w, "go on with", "hurried")
        last = upgrade.batches.order_by("-number").first()
        if not upgrade.policy["pause_seconds"] or last is None or last.finished_at is None:
            what = "a batch is in flight" if last and last.finished_at is None else "its policy has none"
            raise Refused("OperationNotAllowed", NO_PAUSE.format(row=w.scale_set, what=what))
        upgrade.skip_pause_at = now
        _save(w, upgrade, f"The next batch was asked for by {by}.", "skip_pause_at")
    return upgrade


def retry_now(path: str, by: str, now: datetime) -> RollingUpgrade:
    """Has the platform try again at once what it would try later, or, after a cancel, not at all by itself. Raises Refused."""
    with finding.writing_to(path, now) as w:
        upgrade = w.scale_set.upgrades.first()
        if upgrade is None or not try_again(w, by):
            ended = f"is {upgrade.status}" if upgrade else "never began"
            raise Refused("OperationNotAllowed", NOTHING_WAITS.format(row=w.scale_set, ended=ended))
    return upgrade


def try_again(w: Writing, by: str) -> bool:
    """The last attempt was stopped: the wait until the next one is over. Whether there was anything to wait for."""
    upgrade = w.scale_set.upgrades.first()
    if upgrade is None or upgrade.status not in (UpgradeStatus.FAULTED, UpgradeStatus.CANCELLED):
        return False
    if not upgrade.retry_skipped_by:
        upgrade.retry_skipped_by = by
        _save(w, upgrade, f"To be tried again at once: {by}.", "retry_skipped_by")
    return True


def release(path: str, ids: Sequence[str], *, by: str, now: datetime) -> list[Instance]:
    """Ends the quarantine of these instances; those that are in none stay as they are. Raises Refused; then none is released."""
    with finding.writing_to(path, now) as w:
        rows = [row for row in find_instances(w.scale_set, ids) if row.quarantined_at or row.failed_version]
        for row in rows:
            row.note_success()
            row.save(update_fields=["failed_version", "failures", "quarantined_at"])
        w.changed(*rows, note=f"Released by {by}.")
        w.wake()
    return rows


def _running(w: Writing, act: str, done: str) -> RollingUpgrade:
    upgrade = w.scale_set.upgrades.filter(ended_at=None).first()
    if upgrade is None:
        raise Refused("Conflict", NOTHING_RUNS.format(act=act))
    if upgrade.status == UpgradeStatus.ROLLING_BACK:
        raise Refused("OperationNotAllowed", IS_ROLLING_BACK.format(done=done))
    return upgrade


def _save(w: Writing, upgrade: RollingUpgrade, note: str, *names: str) -> None:
    upgrade.save(update_fields=list(names))
    w.changed(upgrade, note=note)
    w.wake()
