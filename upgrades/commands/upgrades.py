"""Starting and cancelling upgrades by hand (S-6)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from upgrades.commands import finding
from upgrades.commands.errors import Refused
from upgrades.core import documents
from upgrades.core.facts import ImageReference
from upgrades.core.states import StartedBy
from upgrades.core.versions import LATEST
from upgrades.feed.writing import Writing
from upgrades.models import Instance, RollingUpgrade
from upgrades.models.instance import in_force

NO_CANDIDATES = (
    "The OS Rolling Upgrade API cannot be used on a Virtual Machine Scale Set unless the Virtual Machine Scale Set has some "
    "unprotected instances which have imageReference.version set to latest."
)
NOTHING_TO_CANCEL = "There is no ongoing Rolling Upgrade to cancel."
NOTHING_FAILED = (
    "no instance of {row} that is not opted out failed on {version}; start an upgrade of all of them instead"
)


def start(path: str, by: str, now: datetime, *, only_failed: bool = False) -> RollingUpgrade:
    """Starts an upgrade to the latest image; with nothing to upgrade it completes at once. Raises Refused.

    `only_failed`: of those that failed on that version, wherever they stand now, and of no others.
    """
    with finding.writing_to(path, now) as w:
        row = w.scale_set
        running = row.upgrades.filter(ended_at=None).first()
        if running:
            message = f"{row} cannot be upgraded: there is another ongoing rolling upgrade operation, to {running.target_version}"
            raise Refused("OperationNotAllowed", message)
        latest = row.sku.latest_in(row.location)
        candidates = _candidates(w)
        if row.image_version != LATEST or latest is None or not candidates.exists():
            raise Refused("OperationNotAllowed", NO_CANDIDATES)
        if only_failed and not candidates.filter(failed_version=latest).exists():
            raise Refused("OperationNotAllowed", NOTHING_FAILED.format(row=row, version=latest))
        target = ImageReference(row.sku.publisher, row.sku.offer, row.sku.sku, latest)
        upgrade = RollingUpgrade.begin(
            row,
            target,
            StartedBy.USER,
            now,
            policy=documents.read(row.document).policy_by_hand,
            lasts_at_most=timedelta(seconds=settings.UPGRADE_TIMEOUT_SECONDS),
            name=by,
            only_failed=only_failed,
        )
        w.changed(upgrade, note=f"Started by {by}.")
        w.wake()
    return upgrade


def _candidates(w: Writing) -> QuerySet[Instance]:
    protected = in_force(w.now).filter(instance__scale_set=w.scale_set).values("instance")
    return Instance.objects.filter(scale_set=w.scale_set).exclude(pk__in=protected)


def cancel(path: str, by: str, now: datetime) -> RollingUpgrade:
    """Stops the running upgrade at the end of its batch. Raises Refused. Cancelling twice is the same as once."""
    with finding.writing_to(path, now) as w:
        upgrade = w.scale_set.upgrades.filter(ended_at=None).first()
        if upgrade is None:
            raise Refused("Conflict", NOTHING_TO_CANCEL)
        if not upgrade.cancel_requested_by:
            upgrade.cancel_requested_by, upgrade.cancel_requested_at = by, now
            upgrade.save(update_fields=["cancel_requested_by", "cancel_requested_at"])
            w.changed(upgrade, note=f"Cancelling was asked for by {by}.")
            w.wake()
    return upgrade
