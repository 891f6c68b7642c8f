"""Microsoft.Compute/locations/publishers/artifacttypes/vmimage/...: the image catalogue, as bare arrays."""

from collections.abc import Iterable, Sequence
from typing import Any

from upgrades import catalog
from upgrades.arm import ids
from upgrades.arm.answers import Answer
from upgrades.arm.errors import ArmError
from upgrades.arm.options import EXPAND, ORDER_BY, TOP, takes, top, words
from upgrades.arm.requests import Call, is_there, resource
from upgrades.arm.scale_sets import find_location
from upgrades.core.versions import parse
from upgrades.models import ImageSku, Location

MAX_NAMED = 10
EXPANDED = ("properties", "properties/imageDeprecationStatus")


def publishers(call: Call, location: str) -> Answer:
    place = find_location(location)
    return _named(call, place, [(row.publisher,) for row in _skus(place)])


def offers(call: Call, location: str, publisher: str) -> Answer:
    place = find_location(location)
    return _named(call, place, [(row.publisher, row.offer) for row in _skus(place, publisher)])


def skus(call: Call, location: str, publisher: str, offer: str) -> Answer:
    place = find_location(location)
    return _named(call, place, [(row.publisher, row.offer, row.sku) for row in _skus(place, publisher, offer)])


@takes(EXPAND, TOP, ORDER_BY)
def versions(call: Call, location: str, publisher: str, offer: str, sku: str) -> Answer:
    """S-55. $orderby "name desc" puts the newest first; versions are compared as numbers. Those that were withdrawn are not listed."""
    place = find_location(location)
    (row,) = _skus(place, publisher, offer, sku)
    found = sorted(row.versions_in(place), key=parse, reverse=_is_descending(call))[: top(call.query)]
    expanded = bool(words(call.query, EXPAND, EXPANDED))
    return Answer([_version(call, place, row, version, expanded=expanded) for version in found])


def version(call: Call, location: str, publisher: str, offer: str, sku: str, version: str) -> Answer:
    """One that was withdrawn is there for those who hold its id, and says that it is deprecated."""
    place = find_location(location)
    (row,) = _skus(place, publisher, offer, sku)
    found = row.published_in(place).filter(version=version).first()
    if found is None:
        raise _version_not_found(place, row, version, row.versions_in(place))
    return Answer(
        _version(call, place, row, version, expanded=True, state="Deprecated" if found.withdrawal else "Active")
    )


def _skus(place: Location, *names: str) -> list[ImageSku]:
    """Those of this publisher, offer and SKU, as far as they are given. Raises ArmError where there is none."""
    wanted = [name.lower() for name in names]
    rows = [row for row in catalog.supported_skus(place) if not row.gallery and _names(row)[: len(wanted)] == wanted]
    if not rows and names:
        raise _not_found(place, *names)
    return rows


def _names(row: ImageSku) -> list[str]:
    return [row.publisher.lower(), row.offer.lower(), row.sku.lower()]


def _not_found(place: Location, *names: str) -> ArmError:
    there_are = catalog.list_of_skus(place)
    message = f"Artifact: VMImage was not found: {':'.join(names)[:300]} in {place.name}. There are: {there_are}"
    return ArmError("NotFound", message, target="imageReference")


def _version_not_found(place: Location, row: ImageSku, version: str, published: Sequence[str]) -> ArmError:
    newest = sorted(published, key=parse, reverse=True)
    more = f" and {len(newest) - MAX_NAMED} older ones" if len(newest) > MAX_NAMED else ""
    message = (
        f"Artifact: VMImage was not found: {row} has no version {version[:80]!r} in {place.name}. "
        f"There are: {', '.join(newest[:MAX_NAMED]) or 'none yet'}{more}."
    )
    return ArmError("NotFound", message, target="imageReference.version")


def _named(call: Call, place: Location, names: Iterable[tuple[str, ...]]) -> Answer:
    return Answer(
        [
            {"name": parts[-1], "location": place.name, "id": ids.of_image(call.subscription, place.name, *parts)}
            for parts in dict.fromkeys(names)
        ]
    )


def _version(
    call: Call, place: Location, row: ImageSku, version: str, *, expanded: bool, state: str = "Active"
) -> dict[str, Any]:
    id = ids.of_image(call.subscription, place.name, row.publisher, row.offer, row.sku, version)
    body = {"name": version, "location": place.name, "id": id}
    if not expanded:
        return body
    properties = {
        "osDiskImage": {"operatingSystem": row.os_type},
        "dataDiskImages": [],
        "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": True},
        "hyperVGeneration": "V1",
        "architecture": "x64",
        "features": [],
        "imageDeprecationStatus": {"imageState": state},
    }
    return {**body, "properties": properties}


def _is_descending(call: Call) -> bool:
    given = call.query.get("$orderby", "name asc").lower().split()
    if given not in (["name"], ["name", "asc"], ["name", "desc"]):
        message = f"$orderby is 'name asc' or 'name desc', not {call.query['$orderby'][:80]!r}"
        raise ArmError("InvalidParameter", message, target="$orderby")
    return given[-1] == "desc"


PUBLISHERS = resource(ids.COMPUTE, GET=publishers)
OFFERS = resource(ids.COMPUTE, GET=offers)
SKUS = resource(ids.COMPUTE, GET=skus)
VERSIONS = resource(ids.COMPUTE, GET=versions)
VERSION = resource(ids.COMPUTE, GET=version, HEAD=is_there(version))
