"""Gives image files to the provider of a location, and stores which files they were and what is in them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from upgrades import catalog, providers
from upgrades.commands.audit import audited, note
from upgrades.core.auditing import ObjectKind
from upgrades.core.facts import ImageReference
from upgrades.core.image_contents import ImageContents, contents_to_json
from upgrades.models import ImageSource, ImportedImage, Location
from upgrades.providers.base import ProviderError, TakesImages
from upgrades.providers.images.reading import contents_of


@dataclass(frozen=True, slots=True)
class ImageImport:
    """What was imported. `place`: where the provider has it, for people."""

    place: str
    sha256: str
    size: int
    contents: ImageContents


def import_image(
    reference: ImageReference,
    location: Location,
    file: Path,
    sha256: str,
    now: datetime,
    *,
    root: Path | None = None,
    source: ImageSource | None = None,
) -> ImageImport:
    """Give the file to the provider of the location as this version.

    `root`: the file of the root file system, where the image is split and `file` holds only its metadata. `sha256`: the checksum that the
    file must have, or `file` and `root` one after the other; "" to accept any. `source`: the image source; None where a person imports it.
    Importing the same file again changes nothing. May take minutes. Raises ProviderError, with nothing changed.
    """
    try:
        files = (file, root) if root else (file,)
        size, found = sum(each.stat().st_size for each in files), _sha256(files)
    except OSError as error:
        raise ProviderError("ImageUnreadable", f"{file} cannot be copied: {error}", permanent=True) from error
    if root and sha256 and sha256.lower() != found:
        message = f"{file} and {root} together have the sha256 {found}, not {sha256.lower()}."
        raise ProviderError("WrongChecksum", message, permanent=True)
    place = asyncio.run(_give(location, reference, file, sha256 or found, root))
    done = ImageImport(place, found, size, contents_of(files[-1], settings.ROLLGRID_HOME))
    record_import(reference, location, done, now, source=source)
    return done


@audited("ImageImported", ObjectKind.IMAGE)
def record_import(
    reference: ImageReference,
    location: Location,
    done: ImageImport,
    now: datetime,
    *,
    source: ImageSource | None = None,
) -> None:
    """Store what was imported. Does nothing for a SKU that the catalogue does not have."""
    sku = catalog.find_sku(reference.publisher, reference.offer, reference.sku)
    if sku is None:
        return
    packages = done.contents.packages
    values = {
        "sha256": done.sha256,
        "size": done.size,
        "contents": contents_to_json(done.contents),
        "package_count": None if packages is None else len(packages),
    }
    with transaction.atomic():
        row, is_new = ImportedImage.objects.get_or_create(
            sku=sku,
            version=reference.version,
            location=location,
            defaults={**values, "imported_at": now, "source": source},
        )
        if is_new:
            after = {"sha256": done.sha256, "size": done.size, "location": location.name}
            note(f"Imported {reference} in {location.name}.", after=after)
        elif row.contents != values["contents"] or row.removed_at or row.source != source:
            # A file that a person imported never becomes a source's, so that no source deletes it.
            owner = source if row.removed_at or source is None else row.source
            ImportedImage.objects.filter(pk=row.pk).update(**values, source=owner, removed_at=None)


@audited("ImageRemoved", ObjectKind.IMAGE)
def remove_image(reference: ImageReference, row: ImportedImage, now: datetime) -> None:
    """Delete the imported file at the provider of its location; its contents stay stored. Raises ProviderError where it cannot be deleted.

    The caller has to check that nothing refers to the file. The provider refuses where a machine's disk is based on it.
    """
    asyncio.run(_remove(row.location, reference))
    with transaction.atomic():
        ImportedImage.objects.filter(pk=row.pk).update(removed_at=now)
        note(
            f"Deleted the file of {reference} in {row.location.name}.",
            before={"sha256": row.sha256},
            after={"sha256": ""},
        )


async def _remove(location: Location, reference: ImageReference) -> None:
    async with _taking_images(location) as provider:
        await provider.remove_image(reference)


async def _give(location: Location, reference: ImageReference, file: Path, sha256: str, root: Path | None) -> str:
    async with _taking_images(location) as provider:
        if root:
            return await provider.import_split_image(reference, file, root)
        return await provider.import_image(reference, file, sha256)


@asynccontextmanager
async def _taking_images(location: Location) -> AsyncIterator[TakesImages]:
    """The location's provider. Raises ProviderError where it takes no images."""
    provider = providers.load(location.provider, settings.ROLLGRID_HOME, location.settings)
    try:
        if not isinstance(provider, TakesImages):
            message = f"the provider {location.provider} takes no image files: bring the image there by its own means, then publish it"
            raise ProviderError("NotSupported", message, permanent=True)
        yield provider
    finally:
        await provider.close()


def _sha256(files: Sequence[Path]) -> str:
    """The SHA-256 of the files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            hashlib.file_digest(content, lambda: digest)
    return digest.hexdigest()
