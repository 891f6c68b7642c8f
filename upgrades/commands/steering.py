"""Steers upgrades that are running or were stopped (A-21): pause, resume, next batch, retry, release."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from upgrades.commands import lookup, which_upgrade
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import find_instances
from upgrades.core.auditing import ObjectKind
from upgrades.core.policy import policy_from_json
from upgrades.core.ranges import ranges
from upgrades.feed.writing import Writer
from upgrades.models import Instance, RollingUpgrade
from upgrades.models.instance import FAILURE_FIELDS

NOTHING_WAITS = "nothing waits to be tried again: the last upgrade of {row} {ended}"
NO_PAUSE = "{row} is not in a pause between two batches: {what}"
IS_TAKING_THEM = (
    "an upgrade of those that failed runs on {row}, and takes them; what is left can be released when it has ended"
)
NEVER_BY_ITSELF = "nothing of {row} is tried again by itself: its automatic upgrades are off; start an upgrade by hand"


@audited("UpgradePaused", ObjectKind.SCALE_SET)
def pause(path: str, by: str, now: datetime) -> RollingUpgrade:
    """Pause an upgrade: no further batch begins; one in flight is finished. Pausing again changes nothing. Raises Refused.

    The pause holds for all attempts at that version, until somebody resumes or cancels, or a newer version comes. So an upgrade that is
    rolling back, or was stopped, can be paused too, where the platform would try it again.
    """
    with lookup.writing_to(path, now) as writer:
        upgrade = which_upgrade.upgrade_to_pause(writer)
        if not upgrade.paused_by:
            upgrade.paused_by, upgrade.paused_at = by, now
            note(f"Paused the upgrade {upgrade.aim}.", after={"paused by": by}, object_id=upgrade.pk)
            _save(writer, upgrade, f"Paused by {by}.", "paused_by", "paused_at")
    return upgrade


@audited("UpgradeResumed", ObjectKind.SCALE_SET)
def resume(path: str, by: str, now: datetime) -> RollingUpgrade:
    """Resume a paused upgrade, with as much time left as it had; one that is not paused stays as it is. Raises Refused."""
    with lookup.writing_to(path, now) as writer:
        upgrade = which_upgrade.upgrade_to_resume(writer)
        if upgrade.paused_by:
            if upgrade.ends_by and upgrade.paused_at:
                upgrade.ends_by += max(timedelta(0), now - upgrade.paused_at)
            before = {"paused by": upgrade.paused_by, "paused at": upgrade.paused_at}
            note(f"Resumed the upgrade {upgrade.aim}.", before=before, object_id=upgrade.pk)
            upgrade.paused_by, upgrade.paused_at = "", None
            _save(writer, upgrade, f"Resumed by {by}.", "paused_by", "paused_at", "ends_by")
    return upgrade


@audited("NextBatchRequested", ObjectKind.SCALE_SET)
def next_batch_now(path: str, by: str, now: datetime) -> RollingUpgrade:
    """End the pause between two batches; all other rules still hold. Asking again changes nothing.

    Raises Refused where the upgrade is not in such a pause.
    """
    with lookup.writing_to(path, now) as writer:
        upgrade = which_upgrade.running(writer, "go on with", "hurried")
        began = _pause_began(writer, upgrade)
        if upgrade.skip_pause_at is None or upgrade.skip_pause_at < began:
            note(f"Asked for the next batch of the upgrade {upgrade.aim} at once.", object_id=upgrade.pk)
            upgrade.skip_pause_at = max(now, began)  # never before the pause began, even if the clock was set back
            _save(writer, upgrade, f"The next batch was asked for by {by}.", "skip_pause_at")
    return upgrade


def _pause_began(writer: Writer, upgrade: RollingUpgrade) -> datetime:
    """When the last batch finished. Raises Refused where the upgrade is not in its pause."""
    last = upgrade.batches.order_by("-number").first()
    length = policy_from_json(upgrade.policy).pause_between_batches
    if not length:
        what = "its policy has none"
    elif last is None:
        what = "its first batch has not begun"
    elif last.finished_at is None:
        what = "a batch is in flight"
    elif (began := upgrade.wait_began_at or last.finished_at) + length <= writer.now:
        what = "the pause is over"
    else:
        return began
    raise Refused("OperationNotAllowed", NO_PAUSE.format(row=writer.scale_set, what=what))


@audited("UpgradeRetried", ObjectKind.SCALE_SET)
def retry_now(path: str, by: str, now: datetime) -> RollingUpgrade | None:
    """Have the platform retry a stopped or cancelled upgrade, and create missing machines, at once. Raises Refused.

    Returns the upgrade; None where there are only missing machines.
    """
    with lookup.writing_to(path, now) as writer:
        machines = end_creation_waits(writer, f"To be made again at once: {by}.")
        if machines:
            note("Had machines that are missing made again at once.")
        try:
            return _retry_upgrade(writer, by)
        except Refused:
            if not machines:
                raise
            return None


def _retry_upgrade(writer: Writer, by: str) -> RollingUpgrade:
    upgrade = which_upgrade.last_image_upgrade(writer)
    if upgrade is None or upgrade.status not in which_upgrade.STOPPED:
        ended = f"is {upgrade.status}" if upgrade else "never began"
        raise Refused("OperationNotAllowed", NOTHING_WAITS.format(row=writer.scale_set, ended=ended))
    if not writer.scale_set.automatic_upgrade:
        raise Refused("OperationNotAllowed", NEVER_BY_ITSELF.format(row=writer.scale_set))
    which_upgrade.refuse_while_paused(writer, upgrade.target_version)
    if not upgrade.retry_skipped_by:
        note(f"Had the upgrade {upgrade.aim} tried again at once.", object_id=upgrade.pk)
    _skip_wait(writer, upgrade, by)
    return upgrade


def end_creation_waits(writer: Writer, why: str) -> bool:
    """End the wait before missing machines are created again. False where no machine is missing."""
    rows = Instance.objects.filter(scale_set=writer.scale_set).exclude(missing_since=None)
    waiting = list(rows.exclude(creation_tried_at=None))
    rows.filter(pk__in=[row.pk for row in waiting]).update(creation_tried_at=None)
    writer.changed(*waiting, note=why)
    writer.wake()
    return rows.exists()


def end_retry_wait(writer: Writer, by: str) -> None:
    """End the wait before the next attempt, where the last one was stopped."""
    upgrade = which_upgrade.last_image_upgrade(writer)
    if upgrade and upgrade.status in which_upgrade.STOPPED:
        _skip_wait(writer, upgrade, by)


def _skip_wait(writer: Writer, upgrade: RollingUpgrade, by: str) -> None:
    if not upgrade.retry_skipped_by:
        upgrade.retry_skipped_by = by
        _save(writer, upgrade, f"To be tried again at once: {by}.", "retry_skipped_by")


@audited("InstancesReleased", ObjectKind.SCALE_SET)
def release(path: str, ids: Sequence[str], *, by: str, now: datetime) -> list[Instance]:
    """End the quarantine of these instances and forget their failures. Instances without either stay as they are. Raises Refused."""
    with lookup.writing_to(path, now) as writer:
        if writer.scale_set.upgrades.filter(ended_at=None, only_failed=True).exists():
            raise Refused("OperationNotAllowed", IS_TAKING_THEM.format(row=writer.scale_set))
        rows = [row for row in find_instances(writer.scale_set, ids) if row.quarantined_at or row.failed_version]
        if rows:
            note(f"Released instances {ranges(row.number for row in rows)}.", before=_audit_values(rows))
        for row in rows:
            row.note_success()
            row.save(update_fields=list(FAILURE_FIELDS))
        writer.changed(*rows, note=f"Released by {by}.")
        writer.wake()
    return rows


def _audit_values(rows: Sequence[Instance]) -> dict[str, object]:
    numbers = ranges(row.number for row in rows)
    failed = sorted({row.failed_version for row in rows if row.failed_version})
    return {"instances": numbers, "failed on": failed, "in quarantine": sum(bool(row.quarantined_at) for row in rows)}


def _save(writer: Writer, upgrade: RollingUpgrade, note: str, *names: str) -> None:
    upgrade.save(update_fields=list(names))
    writer.changed(upgrade, note=note)
    writer.wake()
