"""Starts and cancels upgrades by hand (S-6)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from upgrades.commands import lookup, which_upgrade
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.core import documents
from upgrades.core.auditing import ObjectKind
from upgrades.core.extensions import key_of_model
from upgrades.core.facts import ImageReference
from upgrades.core.ranges import ranges
from upgrades.core.states import UNHEALTHY_STATES, StartedBy
from upgrades.core.versions import LATEST
from upgrades.feed.writing import Writer
from upgrades.models import Instance, RollingUpgrade, ScaleSet
from upgrades.models.instance import NOTE_OF_ANOTHER_VERSION, in_force, retarget_opt_outs

NO_CANDIDATES = (
    "The OS Rolling Upgrade API cannot be used on a Virtual Machine Scale Set unless the Virtual Machine Scale Set has some "
    "unprotected instances which have imageReference.version set to latest."
)
NO_VERSION = "{row} cannot be upgraded: {sku} has no version in its location that is published and not withdrawn"
NOTHING_TO_CANCEL = "There is no ongoing Rolling Upgrade to cancel."
NO_INSTANCES = NO_CANDIDATES + " {row} has no instances: those that it gets take the newest image."
NOTHING_FAILED = (
    "no instance of {row} that is not opted out failed on {version}; start an upgrade of all of them instead"
)
NO_EXTENSIONS = "the extensions of {row} cannot be upgraded: its model has none"
NO_INSTANCE_LEFT = "the extensions of {row} cannot be upgraded: it has no instance that is not opted out"


@audited("UpgradeStarted", ObjectKind.SCALE_SET)
def start(
    path: str,
    by: str,
    now: datetime,
    *,
    only_failed: bool = False,
    unhealthy_first: bool = False,
    only_latest: bool = False,
) -> RollingUpgrade:
    """Start an upgrade to the latest version, or to the pinned one, even where that is older than the present one.

    Where the pinned version was withdrawn, the target is the newest version that is left. With nothing to upgrade, it completes at once.
    `only_failed`: upgrades only the instances that failed on that version, whatever version they have now. `unhealthy_first`: instances
    that are unhealthy now come first, and until then do not stop the upgrade at the gate; all other limits hold.
    `only_latest`: refused where the scale set is pinned. Raises Refused.
    """
    with lookup.writing_to(path, now) as writer:
        row = writer.scale_set
        _refuse_a_second(row)
        version = row.wanted_version()
        candidates = _candidates(writer, version=version)
        is_pinned = row.image_version != LATEST
        if not row.instances.exists():
            raise Refused("OperationNotAllowed", NO_INSTANCES.format(row=row))
        if (is_pinned and only_latest) or not candidates.exists():
            raise Refused("OperationNotAllowed", NO_CANDIDATES)
        if version is None:
            raise Refused("OperationNotAllowed", NO_VERSION.format(row=row, sku=row.sku))
        if only_failed and not candidates.filter(failed_version=version).exists():
            raise Refused("OperationNotAllowed", NOTHING_FAILED.format(row=row, version=version))
        which_upgrade.refuse_while_paused(writer, version)
        unhealthy = candidates.filter(health__in=UNHEALTHY_STATES) if unhealthy_first else candidates.none()
        upgraded_first = list(unhealthy.values_list("number", flat=True))
        return _begin(
            writer,
            by,
            version=version,
            only_failed=only_failed,
            upgraded_first=upgraded_first,
            takes_newer=is_pinned,
        )


@audited("ExtensionUpgradeStarted", ObjectKind.SCALE_SET)
def start_extensions(path: str, by: str, now: datetime) -> RollingUpgrade:
    """Start an upgrade that gives all instances the extensions of the model, and leaves their OS disks alone.

    Where all instances have them already, it completes at once. Raises Refused.
    """
    with lookup.writing_to(path, now) as writer:
        row = writer.scale_set
        _refuse_a_second(row)
        extensions = key_of_model(documents.read(row.document).machine.extensions)
        if not extensions:
            raise Refused("OperationNotAllowed", NO_EXTENSIONS.format(row=row))
        if not _candidates(writer).exists():
            raise Refused("OperationNotAllowed", NO_INSTANCE_LEFT.format(row=row))
        return _begin(writer, by, extensions=extensions)


def _refuse_a_second(row: ScaleSet) -> None:
    running = row.upgrades.filter(ended_at=None).first()
    if running:
        message = f"{row} cannot be upgraded: there is another ongoing rolling upgrade operation, {running.aim}"
        raise Refused("OperationNotAllowed", message)


def _begin(
    writer: Writer,
    by: str,
    *,
    version: str = "",
    only_failed: bool = False,
    upgraded_first: Sequence[int] = (),
    takes_newer: bool = False,
    extensions: str = "",
) -> RollingUpgrade:
    row = writer.scale_set
    upgrade = RollingUpgrade.begin(
        row,
        ImageReference(row.sku.publisher, row.sku.offer, row.sku.sku, version),
        StartedBy.USER,
        writer.now,
        policy=documents.read(row.document).policy_by_hand,
        lasts_at_most=timedelta(seconds=settings.UPGRADE_TIMEOUT_SECONDS),
        name=by,
        only_failed=only_failed,
        upgraded_first=upgraded_first,
        takes_newer=takes_newer,
        extensions=extensions,
    )
    writer.changed(upgrade, note=f"Started by {by}.")
    if version:
        writer.changed(*retarget_opt_outs(row, version, writer.now), note=NOTE_OF_ANOTHER_VERSION)
    scope = " of those that failed" if only_failed else ""
    scope += f", unhealthy ones first: {ranges(upgraded_first)}" if upgraded_first else ""
    note(f"Started the upgrade {upgrade.aim}{scope}.", after={"upgrade": str(upgrade.pk)}, object_id=upgrade.pk)
    writer.wake()
    return upgrade


def _candidates(writer: Writer, *, version: str | None = None) -> QuerySet[Instance]:
    """The instances that are not opted out of an upgrade to `version`; of any upgrade where that is None."""
    held = in_force(writer.now).filter(instance__scale_set=writer.scale_set)
    protected = (held.filter(version__in=("", version)) if version else held).values("instance")
    return Instance.objects.filter(scale_set=writer.scale_set).exclude(pk__in=protected)


@audited("UpgradeCancelled", ObjectKind.SCALE_SET)
def cancel(path: str, by: str, now: datetime) -> RollingUpgrade:
    """Stop the running upgrade at the end of its batch. Cancelling again changes nothing. Raises Refused where none is running."""
    with lookup.writing_to(path, now) as writer:
        upgrade = writer.scale_set.upgrades.filter(ended_at=None).first()
        if upgrade is None:
            raise Refused("Conflict", NOTHING_TO_CANCEL)
        if not upgrade.cancel_requested_by:
            upgrade.cancel_requested_by, upgrade.cancel_requested_at = by, now
            note(f"Cancelled the upgrade {upgrade.aim}.", after={"cancelled by": by}, object_id=upgrade.pk)
            upgrade.save(update_fields=["cancel_requested_by", "cancel_requested_at"])
            writer.changed(upgrade, note=f"Cancelling was asked for by {by}.")
            writer.wake()
    return upgrade
