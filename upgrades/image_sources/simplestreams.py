"""The format of simplestreams: an index names files of products; a product has versions, and these have items. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from upgrades.image_sources.errors import SourceError, one_line
from upgrades.image_sources.offers import Offer, checked_sha256, checked_size, matches, number_of, path_within

INDEX, INDEX_SIGNED = "streams/v1/index.json", "streams/v1/index.sjson"
MAX_FILES = 50  # of products


@dataclass(frozen=True, slots=True)
class Filter:
    """Which product and which of its items, as patterns (`offers.matches`); `arch` "" for any.

    `item` may be two with a + between them: what the image is, and its root file system.
    """

    product: str
    item: str
    arch: str = ""
    prefix: str = ""


def updated(document: Mapping[str, Any]) -> datetime | None:
    """When it was made, by its own word; None where it does not say."""
    try:
        at = parsedate_to_datetime(str(document.get("updated")))
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def read(content: bytes, kind: str) -> dict[str, Any]:
    """A document of this kind, "index:1.0" or "products:1.0". Raises SourceError."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"its index is not JSON ({one_line(error)}): was it downloaded whole?") from error
    if not isinstance(document, dict) or document.get("format") != kind:
        raise SourceError(f"its index is not of the format {kind}: is the address right?")
    return document


def files_of_products(index: Mapping[str, Any], wanted: Filter) -> list[str]:
    """The paths of the files that have the product. Raises SourceError."""
    found = []
    for entry in _objects(index.get("index")):
        names = entry.get("products")
        known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        if any(matches(name, wanted.product) for name in known) and entry.get("format") == "products:1.0":
            found.append(path_within(entry.get("path")))
    if not found:
        raise SourceError(f"its index has no product {wanted.product}: is the setting `product` right?")
    return found[:MAX_FILES]


def offers_of(document: Mapping[str, Any], wanted: Filter) -> Iterator[tuple[str, Offer]]:
    """(product, each image that is wanted). Raises SourceError."""
    products = document.get("products")
    for name, product in products.items() if isinstance(products, dict) else ():
        if not matches(name, wanted.product) or not isinstance(product, dict):
            continue
        if wanted.arch and product.get("arch") != wanted.arch:
            continue
        found = product.get("versions")
        for version, about in found.items() if isinstance(found, dict) else ():
            yield from ((name, offer) for offer in _of_version(version, about, wanted))


def _of_version(version: str, about: Any, wanted: Filter) -> Iterator[Offer]:
    number = number_of(version, wanted.prefix)
    items = about.get("items") if isinstance(about, dict) else None
    found = [_item(version, number, items, pattern) for pattern in wanted.item.split("+", 1)] if number else []
    first, root = (*found, None)[:2] if found else (None, None)
    if first and (root or len(found) == 1):
        yield replace(first, root=root)


def _item(version: str, number: str, items: Any, pattern: str) -> Offer | None:
    """The one that fits; None where there is none. Raises SourceError."""
    chosen = [item for item in _objects(items) if matches(str(item.get("ftype")), pattern)]
    if not chosen:
        return None
    if len(chosen) > 1:
        raise SourceError(
            f"version {one_line(version)} has {len(chosen)} items like {pattern}: make the setting narrower"
        )
    path = path_within(chosen[0].get("path"))
    return Offer(number, path, checked_sha256(chosen[0].get("sha256"), path), checked_size(chosen[0].get("size"), path))


def _objects(found: Any) -> list[dict[str, Any]]:
    return [each for each in found.values() if isinstance(each, dict)] if isinstance(found, dict) else []
