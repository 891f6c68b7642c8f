"""Publishing image versions."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import transaction

from upgrades import catalog
from upgrades.commands import finding
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.core import versions
from upgrades.core.auditing import Kind
from upgrades.core.facts import ImageReference
from upgrades.feed.writing import writing
from upgrades.models import ImageSku, ImageVersion, Location, ScaleSet


@finding.once_more
@audited("ImagePublished", Kind.IMAGE)
def publish_image(reference: ImageReference, now: datetime, *, locations: Sequence[str] = ()) -> list[ScaleSet]:
    """Publishes a version of a supported SKU (in some locations; in all where none are named) and wakes who follows it.

    A version that is out in some locations can be published in further ones, and then in all. Answers the scale sets that follow it.
    Raises Refused: unknown SKU or location, not a version, not newer than what is published.
    """
    places = list(dict.fromkeys(_location(name) for name in locations))
    with transaction.atomic():
        sku = _sku(reference)
        _check_version(sku, reference.version, places)
        with writing(now, *_users(sku, places)) as w:
            _store(sku, reference.version, places, now)
            followers = [row for row in w.scale_sets if row.image_version == versions.LATEST and not row.deleting]
            w.changed(*w.scale_sets)  # those pinned to a version show too what is the latest one
            if followers:
                w.wake(*followers)
            where = ", ".join(place.name for place in places) or "all locations"
            after = {"published in": where, "scale sets that follow it": len(followers)}
            note(f"Published {reference} in {where}.", after=after)
    return followers


def _store(sku: ImageSku, version: str, places: Sequence[Location], now: datetime) -> None:
    row, _ = ImageVersion.objects.get_or_create(sku=sku, version=version, defaults={"published_at": now})
    if places:
        row.limited_to.add(*places)
    else:
        row.limited_to.clear()


def lock_sku(sku: ImageSku | None) -> ImageSku | None:
    """Until the transaction ends nobody else publishes a version of it or makes a scale set of it. Locked before any scale set."""
    return sku and ImageSku.objects.select_for_update(no_key=True).get(pk=sku.pk)


def _sku(reference: ImageReference) -> ImageSku:
    sku = lock_sku(catalog.find_sku(reference.publisher, reference.offer, reference.sku))
    if sku is None:
        name = f"{reference.publisher}:{reference.offer}:{reference.sku}"
        raise Refused(
            "ImageNotFound", f"{name} is not a supported image. Supported: {catalog.list_of_skus()}", target=name
        )
    return sku


def _location(name: str) -> Location:
    location = catalog.find_location(name)
    if location is None:
        message = f"there is no location {name!r}; the admin site lists them"
        raise Refused("LocationNotAvailableForResourceType", message, target=name)
    return location


def _check_version(sku: ImageSku, version: str, places: Sequence[Location]) -> None:
    """A version is newer than all that is published where it goes, or "latest" would not mean it."""
    try:
        versions.parse(version)
    except versions.BadVersion as error:
        raise Refused("InvalidParameter", str(error), target=version) from error
    for where, known in _published(sku, version, places):
        latest = versions.newest(known)
        if latest and not versions.is_older(latest, version):
            message = (
                f"{sku} has {latest} as its latest version{where}; {version} is not newer, so nobody would ever get it"
            )
            raise Refused("InvalidParameter", message, target=version)


def _published(sku: ImageSku, version: str, places: Sequence[Location]) -> Iterator[tuple[str, list[str]]]:
    """What is out already, where this version is to go; not the version itself, where it goes from some locations to all."""
    for place in places:
        yield f" in {place.name}", sku.versions_in(place)
    if not places:
        others = sku.versions.exclude(version=version, limited_to__isnull=False)
        yield "", list(others.values_list("version", flat=True))


def _users(sku: ImageSku, places: Sequence[Location]) -> list[int]:
    rows = ScaleSet.objects.filter(sku=sku)
    return list((rows.filter(location__in=places) if places else rows).values_list("pk", flat=True))
