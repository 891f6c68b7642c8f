"""Checks sources of images: imports and publishes what is new and verified, and stores with the source what is wrong with it."""

import asyncio
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from upgrades.commands.audit import audited, note, unaudited
from upgrades.commands.errors import Refused
from upgrades.commands.image_pruning import prune_images
from upgrades.commands.images import preview_publication, publish_image
from upgrades.commands.importing import import_image
from upgrades.core import versions
from upgrades.core.auditing import ObjectKind
from upgrades.core.facts import ImageReference
from upgrades.image_sources.errors import SourceError
from upgrades.image_sources.looking import Look, SourceKind, SourceSettings, look, opened
from upgrades.image_sources.offers import Offer
from upgrades.image_sources.places import download
from upgrades.image_sources.simplestreams import Filter
from upgrades.models import ImageSource, Location
from upgrades.providers.base import ProviderError

log = logging.getLogger(__name__)
CLAIM = timedelta(minutes=3)  # renewed each minute by the process that checks the source
RENEW_SECONDS = 60.0
Clock = Callable[[], datetime]


def due_image_sources(now: datetime) -> list[ImageSource]:
    """The due sources that this process is to check: those whose locations have its queue.

    No single host could import a source with locations of several queues. Workers without a queue check it, and report that as its error.
    """
    due = [(row, row.queues()) for row in ImageSource.objects.filter(enabled=True) if row.is_due(now)]
    return [row for row, queues in due if (queues[0] if len(queues) == 1 else "") == settings.ROLLGRID_QUEUE]


def other_queues() -> set[str]:
    """The queues of sources' locations besides that of this process."""
    used = ImageSource.objects.filter(enabled=True).values_list("locations__queue", flat=True)
    return {queue for queue in used if queue and queue != settings.ROLLGRID_QUEUE}


@unaudited("what it imports and publishes is in the audit trail")
def check_image_source(row: ImageSource, clock: Clock) -> str:
    """Import and publish the newest version of the source where it is new. Returns what was done, or why nothing was, for people.

    May take hours. An error is not raised but stored with the source.
    """
    with _claimed(row, clock) as is_ours:
        if not is_ours:
            return f"{row}: it is being checked by another process"
        try:
            version, done = _check(row, clock)
            done += prune_images(row, clock)
        except (SourceError, ProviderError, Refused) as error:
            return _store_failure(row, clock, str(error))
        except OSError as error:
            return _store_failure(row, clock, f"its image could not be written or read: {error}")
        _store_check(row, clock, "")
        if done:
            log.info("image source %s: %s", row, "; ".join(done))
        return f"{row}: {'; '.join(done) or f'{version} is its newest version, as before'}"


@audited("ImageSourceAccepted", ObjectKind.IMAGE_SOURCE)
def accept_older(row: ImageSource, now: datetime) -> None:
    """Forget what the source had before, so that its next check takes what it offers then, even if that is older."""
    with transaction.atomic():
        before = {"newest_version": row.newest_version, "updated": row.updated}
        ImageSource.objects.filter(pk=row.pk).update(newest_version="", updated={}, checked_at=None)
        note(
            f"Accepted that the image source {row} goes back.",
            before=before,
            after={"newest_version": "", "updated": {}},
        )


def settings_of(row: ImageSource) -> SourceSettings:
    """The settings to read the source with. Raises SourceError where they do not say how images are verified, or need several hosts."""
    if not row.keyring and not row.allow_unsigned:
        raise SourceError(
            "it has neither a keyring nor the permission to take images that nobody has signed: set one of them"
        )
    if len(queues := row.queues()) > 1:
        names = ", ".join(queue or "none" for queue in queues)
        raise SourceError(f"its locations are run from several hosts (queues {names}): add a source for each host")
    wanted = Filter(row.product, row.item, row.arch, row.version_prefix)
    return SourceSettings(SourceKind(row.kind), row.root, row.keyring, row.pattern, wanted)


def _check(row: ImageSource, clock: Clock) -> tuple[str, list[str]]:
    """(the newest version of the source, what was done)."""
    source = settings_of(row)
    found = asyncio.run(_look(source))
    _refuse_older(row, found)
    offer, sku = found.offer, row.sku
    reference = ImageReference(sku.publisher, sku.offer, sku.sku, offer.version)
    locations = [place for place in row.locations.all() if not _was_published_in(row, place, offer.version)]
    _store_update_times(row, found)
    if not locations:
        _store_newest_version(row, offer.version)
        return offer.version, []
    preview_publication(reference, locations=[place.name for place in locations])
    if not row.keyring:
        log.warning(
            "image source %s: nobody has signed %s; it is taken because `allow unsigned` is set", row, reference
        )
    with _downloaded(row, source, offer) as files:
        _import_and_publish(row, reference, locations, files, offer, clock)
    _store_newest_version(row, offer.version)
    return offer.version, [f"imported and published {offer.version} in {', '.join(place.name for place in locations)}"]


async def _look(source: SourceSettings) -> Look:
    async with opened(source.root) as place:
        return await look(place, source)


def _refuse_older(row: ImageSource, found: Look) -> None:
    """Raise SourceError where the source offers something older than before.

    That may be an attack: old images have known holes, and their signatures are good for ever."""
    for name, at in found.updated.items():
        before = row.updated.get(name)
        if before and at < datetime.fromisoformat(before):
            raise SourceError(
                f"its {name} is of {at.isoformat()}, and was of {before} before: it went back, and is not used. Wait until the source "
                "is whole again, or find out who changed it"
            )
    if gone := sorted(set(row.updated) - set(found.updated)):
        raise SourceError(f"its {gone[0]} says no more when it was made, as it did before: it is not used")
    newest = row.newest_version
    if newest and versions.is_older(found.offer.version, newest):
        raise SourceError(
            f"its newest version is {found.offer.version}, and was {newest} before: an older image is not used. If {newest} was taken "
            "back on purpose, withdraw it here too, and let the admin accept what the source offers now"
        )


def _was_published_in(row: ImageSource, place: Location, version: str) -> bool:
    """Was the version ever published in this location? If so it is not published again, because people may have withdrawn it."""
    return row.sku.published_in(place).filter(version=version).exists()


@contextmanager
def _downloaded(row: ImageSource, source: SourceSettings, offer: Offer) -> Iterator[list[Path]]:
    """Download the image's file, and its root file system where that is a file of its own. Yields their paths.

    They are in a folder of the source's own, which is emptied before and after: a process that was killed may have left files there.
    """
    folder = settings.ROLLGRID_HOME / "image-sources" / row.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        parts = [offer, *([offer.root] if offer.root else [])]
        files = [folder / f"{number}-{part.path.rpartition('/')[2]}" for number, part in enumerate(parts)]
        for part, file in zip(parts, files, strict=True):
            asyncio.run(_download(source, part, file))
        yield files
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _download(source: SourceSettings, offer: Offer, file: Path) -> None:
    async with opened(source.root) as place:
        await download(place, offer, file)


def _import_and_publish(
    row: ImageSource,
    reference: ImageReference,
    locations: list[Location],
    files: list[Path],
    offer: Offer,
    clock: Clock,
) -> None:
    """Import the image in each location and publish it there. A location that fails holds up no other. Raises SourceError in the end."""
    errors = []
    for place in locations:
        try:
            file, root = files[0], files[1] if offer.root else None
            sha256 = "" if root else offer.sha256  # both were verified when they were downloaded
            import_image(reference, place, file, sha256, clock(), root=root, source=row)
            publish_image(reference, clock(), locations=[place.name])
        except (ProviderError, Refused) as error:
            errors.append(f"{place.name}: {error.message}")
    if errors:
        raise SourceError(f"{reference.version} could not be imported in {'; '.join(errors)}")


# --- what is kept with the source -------------------------------------------------------------------------------------


@contextmanager
def _claimed(row: ImageSource, clock: Clock) -> Iterator[bool]:
    """Claim the source, so that no other process checks it meanwhile. Yields False where another one is checking it."""
    if not _claim(row, clock()):
        yield False
        return
    over = threading.Event()
    renewing = threading.Thread(target=_renew, args=(row, clock, over), name=f"claim of {row}", daemon=True)
    renewing.start()
    try:
        yield True
    finally:
        over.set()
        renewing.join()
        _give_back(row)


@unaudited("the platform notes that it checks the source")
def _claim(row: ImageSource, now: datetime) -> bool:
    free = Q(claimed_until=None) | Q(claimed_until__lt=now) | Q(claimed_until__gt=now + 2 * CLAIM)
    return bool(ImageSource.objects.filter(free, pk=row.pk).update(claimed_until=now + CLAIM))


@unaudited("the platform notes that it checks the source")
def _give_back(row: ImageSource) -> None:
    ImageSource.objects.filter(pk=row.pk).update(claimed_until=None)


@unaudited("the platform notes that it checks the source")
def _renew(row: ImageSource, clock: Clock, over: threading.Event) -> None:
    while not over.wait(RENEW_SECONDS):
        ImageSource.objects.filter(pk=row.pk).update(claimed_until=clock() + CLAIM)
    connection.close()


def _store_failure(row: ImageSource, clock: Clock, error: str) -> str:
    log.warning("image source %s: %s", row, error)
    _store_check(row, clock, error)
    return f"{row}: {error}"


@unaudited("the platform notes what its check found")
def _store_check(row: ImageSource, clock: Clock, error: str) -> None:
    """Store the time and the error of a check, "" for none. `error_since` is the time of the first failed check in a row."""
    now = clock()
    since = (row.error_since or now) if error else None
    ImageSource.objects.filter(pk=row.pk).update(checked_at=now, error=error[:1000], error_since=since)


@unaudited("the platform notes what its check found")
def _store_update_times(row: ImageSource, found: Look) -> None:
    updated = {name: at.isoformat() for name, at in found.updated.items()}
    ImageSource.objects.filter(pk=row.pk).update(updated=updated)


@unaudited("importing and publishing are in the audit trail")
def _store_newest_version(row: ImageSource, version: str) -> None:
    ImageSource.objects.filter(pk=row.pk).update(newest_version=version)
