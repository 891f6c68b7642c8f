"""Deletes old imported images by the rule of their source, where nothing refers to them. Files that people imported are never deleted."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from upgrades.commands.audit import unaudited
from upgrades.commands.images import lock_sku, withdraw_image
from upgrades.commands.importing import remove_image
from upgrades.core import versions
from upgrades.core.facts import ImageReference
from upgrades.models import (
    ImageSku,
    ImageSource,
    ImageVersion,
    ImportedImage,
    Instance,
    InstanceUpgrade,
    Location,
    RollingUpgrade,
    ScaleSet,
)
from upgrades.providers.base import ProviderError

log = logging.getLogger(__name__)
Clock = Callable[[], datetime]


@unaudited("each withdrawal and deletion is in the audit trail")
def prune_images(row: ImageSource, clock: Clock) -> list[str]:
    """Withdraw and delete the versions of the source that its rule does not keep. Returns what was done, for people."""
    done = []
    for version in prunable_versions(row):
        reference = ImageReference(row.sku.publisher, row.sku.offer, row.sku.sku, version)
        if not _withdraw_unless_used(row, reference, clock()):
            continue
        for file in _files(row).filter(version=version).select_related("location"):
            try:
                remove_image(reference, file, clock())
                done.append(f"deleted the old {version} in {file.location.name}")
            except ProviderError as error:  # the next check of the source tries it again
                log.info("image source %s: %s", row, error.message)
    return done


def prunable_versions(row: ImageSource) -> list[str]:
    """Versions that the source imported, that are not among the newest ones, and that nothing refers to; oldest first."""
    if row.keep_versions is None:
        return []
    imported = sorted(set(_files(row).values_list("version", flat=True)), key=versions.parse)
    old = imported[: -row.keep_versions]
    used = used_versions(row.sku) if old else set()
    return [version for version in old if version not in used and _is_its_own(row, version)]


def _is_its_own(row: ImageSource, version: str) -> bool:
    """Did this source alone import and publish the version? A withdrawal holds in all locations, so it would concern others too."""
    others = ImportedImage.objects.filter(sku=row.sku_id, version=version, removed_at=None).exclude(source=row)
    if others.exists():
        return False
    published = ImageVersion.objects.filter(sku=row.sku_id, version=version).first()
    if published is None:
        return True
    imported = ImportedImage.objects.filter(sku=row.sku_id, version=version, source=row)
    locations = set(published.limited_to.values_list("pk", flat=True))
    return bool(locations) and locations <= set(imported.values_list("location", flat=True))


def used_versions(sku: ImageSku) -> set[str]:
    """The versions that must stay: those that machines run, may be rolled back to, are being upgraded to, or could be upgraded to.

    Instances of all SKUs count: the model of a scale set may name another SKU by now, while its machines still run a version of this one.
    """
    found = {version for place in Location.objects.all() if (version := sku.latest_in(place))}
    found |= set(
        ScaleSet.objects.filter(sku=sku).exclude(image_version=versions.LATEST).values_list("image_version", flat=True)
    )
    for columns in Instance.objects.order_by().values_list(*_OF_INSTANCES).distinct():
        found |= {version for version in columns if version}
    running = RollingUpgrade.objects.filter(ended_at=None)
    found |= set(running.values_list("target_version", flat=True))
    found |= set(InstanceUpgrade.objects.filter(upgrade__in=running).values_list("from_version", flat=True))
    return found - {""}


# `member` is the instance's last upgrade: until the next one, a rollback may put back the OS disk from before it.
_OF_INSTANCES = ("version", "operation_version", "approved_version", "reported_version", "member__from_version")


def _files(row: ImageSource) -> QuerySet[ImportedImage]:
    """The imported files of the source that were not deleted yet, and that the workers of this process's queue can delete."""
    files = ImportedImage.objects.filter(source=row, sku=row.sku_id, removed_at=None)
    return files.filter(location__queue=settings.ROLLGRID_QUEUE)


def _withdraw_unless_used(row: ImageSource, reference: ImageReference, now: datetime) -> bool:
    """Withdraw the version, so that nothing can begin to use it. False, with nothing done, where something uses it by now."""
    with transaction.atomic():
        lock_sku(row.sku)
        if reference.version in used_versions(row.sku):
            return False
        if row.sku.versions.filter(version=reference.version).exists():
            reason = f"There are newer ones: versions to keep of this source are {row.keep_versions}"
            withdraw_image(reference, now, by=f"image source {row}", reason=reason)
    return True
