"""Finds the upgrade that a command acts on: the running one, or else the last attempt, if the platform would try it again."""

from upgrades.commands.errors import Refused
from upgrades.core.states import UpgradeKind, UpgradeStatus
from upgrades.core.versions import LATEST
from upgrades.feed.writing import Writer
from upgrades.models import RollingUpgrade

STOPPED = (UpgradeStatus.FAULTED, UpgradeStatus.CANCELLED)
NOTHING_RUNS = "There is no ongoing Rolling Upgrade to {verb}."
IS_ROLLING_BACK = "the upgrade was stopped and rolls back; it cannot be {participle} any more"
NOTHING_TO_PAUSE = (
    "There is no ongoing Rolling Upgrade to pause. None of {row} waits to be tried again, either; to keep the next one from beginning, "
    "turn its automatic upgrades off, or opt its instances out."
)
NO_UPGRADE = (
    "{row} has no upgrade that an opt-out could end with: none runs, and none waits to be tried again. Give a date at which it ends "
    "instead."
)
IS_PAUSED = "upgrades of {row} to {version} are paused by {by}; resume them first"


def last_image_upgrade(writer: Writer) -> RollingUpgrade | None:
    """The last upgrade of the image. Upgrades of extensions do not count, because the platform never tries them again."""
    return writer.scale_set.upgrades.filter(kind=UpgradeKind.IMAGE).first()


def running(writer: Writer, verb: str, participle: str) -> RollingUpgrade:
    """The running upgrade. Raises Refused where none runs, or it is only rolling back.

    `verb` and `participle` are the verb's infinitive and participle, for the message.
    """
    upgrade = writer.scale_set.upgrades.filter(ended_at=None).first()
    if upgrade is None:
        raise Refused("Conflict", NOTHING_RUNS.format(verb=verb))
    if upgrade.status == UpgradeStatus.ROLLING_BACK:
        raise Refused("OperationNotAllowed", IS_ROLLING_BACK.format(participle=participle))
    return upgrade


def upgrade_to_pause(writer: Writer) -> RollingUpgrade:
    """The upgrade to pause: the running one, else the last attempt, where the platform would try it again. Raises Refused."""
    last = last_image_upgrade(writer)
    if (
        last
        and _would_be_retried(writer, last)
        and (last.status == UpgradeStatus.ROLLING_BACK or _was_stopped_last(writer, last))
    ):
        return last
    if not writer.scale_set.upgrades.filter(ended_at=None).exists():
        raise Refused("Conflict", NOTHING_TO_PAUSE.format(row=writer.scale_set))
    return running(writer, "pause", "paused")


def upgrade_to_resume(writer: Writer) -> RollingUpgrade:
    """The upgrade to resume: the running one, else the last attempt, where its pause holds the next one. Raises Refused."""
    last = last_image_upgrade(writer)
    is_held = last is not None and bool(last.paused_by) and last.status != UpgradeStatus.COMPLETED
    if last and is_held and (last.ended_at is None or _was_stopped_last(writer, last)):
        return last
    return running(writer, "resume", "resumed")


def opt_out_version(writer: Writer) -> str:
    """The version that an opt-out "of this upgrade" is for: that of the running upgrade ("" for extensions), or of the last attempt.

    The last attempt counts only where the platform would try it again. Raises Refused where there is neither.
    """
    running = writer.scale_set.upgrades.filter(ended_at=None).first()
    if running:
        return running.target_version
    last = last_image_upgrade(writer)
    if last and _was_stopped_last(writer, last) and _would_be_retried(writer, last):
        return last.target_version
    raise Refused("OperationNotAllowed", NO_UPGRADE.format(row=writer.scale_set), target="scope")


def refuse_while_paused(writer: Writer, version: str) -> None:
    """Raise Refused for another attempt at this version while the attempts at it are paused."""
    last = last_image_upgrade(writer)
    is_paused = last is not None and last.paused_by and last.target_version == version and not last.cancel_requested_by
    if last and is_paused and last.status in STOPPED:
        raise Refused("OperationNotAllowed", IS_PAUSED.format(row=writer.scale_set, version=version, by=last.paused_by))


def _was_stopped_last(writer: Writer, last: RollingUpgrade) -> bool:
    """Was the last upgrade stopped, and is none running now?"""
    return last.status in STOPPED and not writer.scale_set.upgrades.filter(ended_at=None).exists()


def _would_be_retried(writer: Writer, upgrade: RollingUpgrade) -> bool:
    """Would the platform try this upgrade again by itself once it is stopped?"""
    row = writer.scale_set
    is_automatic = row.automatic_upgrade and row.image_version == LATEST and not upgrade.cancel_requested_by
    return is_automatic and upgrade.target_version == row.sku.latest_in(row.location)
