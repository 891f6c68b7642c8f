"""What a source offers now: its index or its checksums are fetched, verified, and read."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from upgrades.image_sources import checksums, simplestreams
from upgrades.image_sources.errors import SourceError
from upgrades.image_sources.offers import Offer, newest
from upgrades.image_sources.places import FolderPlace, Place
from upgrades.image_sources.signatures import signed_content, verified

SUMS = "SHA256SUMS"
SUFFIXES = (".gpg", ".asc", ".sign")
UNSIGNED = "{what} has no signature. Set a keyring only for a source that is signed; `allow unsigned` takes what nobody has signed"


class SourceKind(StrEnum):
    DIRECTORY = "directory"
    SIMPLESTREAMS = "simplestreams"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """`root`: a folder or an address. `keyring`: "" where nothing is verified. `wanted`: for simplestreams; `pattern`: for a directory."""

    kind: SourceKind
    root: str
    keyring: str = ""
    pattern: str = ""
    wanted: simplestreams.Filter = simplestreams.Filter("", "")


@dataclass(frozen=True, slots=True)
class Look:
    """What was found. `updated`: {file: when it was made, by its own word}."""

    offer: Offer
    updated: Mapping[str, datetime] = field(default_factory=dict)


@asynccontextmanager
async def opened(root: str) -> AsyncIterator[Place]:
    """Raises SourceError where it is neither a folder nor an address."""
    if root.startswith("/"):
        yield FolderPlace(Path(root))
        return
    from upgrades.image_sources.web import opened_web  # with aiohttp, which most processes never need

    async with opened_web(root) as place:
        yield place


async def look(place: Place, settings: SourceSettings) -> Look:
    """The newest image that the source offers. Raises SourceError."""
    if settings.kind is SourceKind.DIRECTORY:
        return await _look_at_folder(place, settings)
    return await _look_at_streams(place, settings)


async def _look_at_folder(place: Place, settings: SourceSettings) -> Look:
    sums = await place.read(SUMS)
    if sums is None:
        raise SourceError(f"it has no {SUMS}, which must name its images: sha256sum *.qcow2 > {SUMS}")
    sums = await _detached(place, settings, SUMS, sums)
    offers = checksums.offers_of(sums.decode(errors="replace"), settings.pattern, settings.wanted.prefix)
    return Look(_newest(offers))


async def _detached(place: Place, settings: SourceSettings, path: str, content: bytes) -> bytes:
    if not settings.keyring:
        return content
    for suffix in SUFFIXES:
        signature = await place.read(path + suffix)
        if signature is not None:
            return verified(content, signature, settings.keyring, path)
    raise SourceError(UNSIGNED.format(what=path))


async def _look_at_streams(place: Place, settings: SourceSettings) -> Look:
    path = simplestreams.INDEX_SIGNED if settings.keyring else simplestreams.INDEX
    content = await _document(place, settings, path)
    if content is None:
        path = simplestreams.INDEX if settings.keyring else simplestreams.INDEX_SIGNED
        content = await _document(place, settings, path)
    if content is None:
        raise SourceError(f"it has no {simplestreams.INDEX}: is the address that of the folder above `streams`?")
    index = simplestreams.read(content, "index:1.0")
    times = {_stem(path): simplestreams.updated(index)}
    found: dict[str, list[Offer]] = {}
    for file in simplestreams.files_of_products(index, settings.wanted):
        products = await _document(place, settings, file)
        if products is None:
            raise SourceError(f"its index names {file}, which is not there")
        document = simplestreams.read(products, "products:1.0")
        times[_stem(file)] = simplestreams.updated(document)
        for product, offer in simplestreams.offers_of(document, settings.wanted):
            found.setdefault(product, []).append(offer)
    if len(found) > 1:
        raise SourceError(f"several products fit: {', '.join(sorted(found)[:5])}. Make the setting `product` narrower")
    offers = [offer for each in found.values() for offer in each]
    return Look(_newest(offers), {name: at for name, at in times.items() if at})


async def _document(place: Place, settings: SourceSettings, path: str) -> bytes | None:
    """Verified, where there is a keyring. Without one, what is signed in a message is taken unverified."""
    content = await place.read(path)
    if content is None:
        return None
    if not path.endswith(".sjson"):
        return await _detached(place, settings, path, content)
    return signed_content(content, settings.keyring, path) if settings.keyring else _unverified(content)


def _stem(path: str) -> str:
    """The file's name whether or not its signature is in it: a source may have both, or get a keyring later."""
    return path.removesuffix(".sjson").removesuffix(".json")


def _unverified(message: bytes) -> bytes:
    """The text of a clear-signed message."""
    _, _, rest = message.replace(b"\r\n", b"\n").partition(b"\n\n")
    return rest.partition(b"\n-----BEGIN PGP SIGNATURE-----")[0]


def _newest(offers: list[Offer]) -> Offer:
    offer = newest(offers)
    if offer is None:
        raise SourceError("it offers no such image: are the settings of product, item and architecture right?")
    return offer
