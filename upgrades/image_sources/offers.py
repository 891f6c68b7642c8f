"""What a source offers, and the number that a version gets in the catalogue. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from upgrades.core import versions
from upgrades.image_sources.errors import SourceError, one_line

MAX_IMAGE_BYTES = 64 * 1024**3
SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")
# A space and other letters that mean something in an address are not needed in names of images.
PART = re.compile(r"[\w.+~:@=,-]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Offer:
    """One image: `version` is its number in the catalogue, `path` where it is within the source, `size` None where that is not said.

    `root`: the file with its root file system, where the first one only says what it is.
    """

    version: str
    path: str
    sha256: str
    size: int | None = None
    root: "Offer | None" = None


def newest(offers: Iterable[Offer]) -> Offer | None:
    return max(offers, key=lambda offer: versions.parse(offer.version), default=None)


def number_of(text: str, prefix: str) -> str:
    """The version as the catalogue's number: the prefix, and the numbers of the text. "" where that is none.

    >>> number_of("20241004", "22.04"), number_of("20241004_05:24", ""), number_of("20241004", ""), number_of("beta", "22.04")
    ('22.04.20241004', '20241004.05.24', '20241004.0', '')
    """
    parts = re.findall(r"[0-9]+", text)
    if not parts:
        return ""
    number = ".".join([*([prefix] if prefix else []), *parts])
    number = f"{number}.0" if "." not in number else number
    try:
        versions.parse(number)
    except versions.BadVersion:
        return ""
    return number


def path_within(path: object) -> str:
    """A path that stays within the source. Raises SourceError."""
    parts = PurePosixPath(path).parts if isinstance(path, str) and path else ()
    if not parts or "/".join(parts) != path or not all(PART.match(part) and part not in (".", "..") for part in parts):
        raise SourceError(f"it names the path {one_line(path)!r}, which may lead out of it; nothing of it is used")
    return str(path)


def checked_sha256(text: object, path: str) -> str:
    if not isinstance(text, str) or not SHA256.match(text):
        raise SourceError(f"it gives no sha256 of {one_line(path)}: what cannot be verified is not used")
    return text.lower()


def checked_size(size: object, path: str) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MAX_IMAGE_BYTES:
        raise SourceError(f"it says that {one_line(path)} has {one_line(size)} bytes, which cannot be")
    return size


def matches(text: str, pattern: str) -> bool:
    """With * and ? as in names of files; an empty pattern takes all."""
    return not pattern or fnmatchcase(text, pattern)
