"""Publishing image versions."""

from collections.abc import Sequence
from datetime import datetime

from upgrades import catalog
from upgrades.commands.errors import Refused
from upgrades.core import versions
from upgrades.core.facts import ImageReference
from upgrades.feed.writing import writing
from upgrades.models import ImageSku, ImageVersion, Location, ScaleSet


def publish_image(reference: ImageReference, now: datetime, *, locations: Sequence[str] = ()) -> list[ScaleSet]:
    """Publishes a version of a supported SKU (in some locations; in all where none are named) and wakes who follows it.

    Answers the scale sets that follow it. Raises Refused: unknown SKU or location, not a version, not newer than what is published.
    """
    sku = _sku(reference)
    places = [_location(name) for name in locations]
    _check_version(sku, reference.version, places)
    followers = _followers(sku, places)
    with writing(now, *(row.pk for row in followers)) as w:
        _check_version(sku, reference.version, places)
        version, _ = ImageVersion.objects.get_or_create(
            sku=sku, version=reference.version, defaults={"published_at": now}
        )
        version.limited_to.add(*places)
        w.changed(*w.scale_sets)
        w.wake()
    return followers


def _sku(reference: ImageReference) -> ImageSku:
    sku = catalog.find_sku(reference.publisher, reference.offer, reference.sku)
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
    everywhere: Sequence[Location | None] = places or [None]
    for place in everywhere:
        known = sku.versions_in(place) if place else list(sku.versions.values_list("version", flat=True))
        latest = versions.newest(known)
        if latest and not versions.is_older(latest, version):
            where = f" in {place.name}" if place else ""
            message = (
                f"{sku} has {latest} as its latest version{where}; {version} is not newer, so nobody would ever get it"
            )
            raise Refused("InvalidParameter", message, target=version)


def _followers(sku: ImageSku, places: Sequence[Location]) -> list[ScaleSet]:
    rows = ScaleSet.objects.filter(sku=sku, image_version=versions.LATEST).order_by("pk")
    return list(rows.filter(location__in=places) if places else rows)
