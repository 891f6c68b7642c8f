"""A source that is a folder: its SHA256SUMS names the images, in lines as `sha256sum` writes them. Pure."""

import re
from collections.abc import Iterator

from upgrades.image_sources.errors import SourceError
from upgrades.image_sources.offers import Offer, checked_sha256, number_of, path_within

MAX_LINES = 100_000
VERSION = "*"


def offers_of(sums: str, pattern: str, prefix: str) -> list[Offer]:
    """The images whose names match the pattern, such as `debian-12-*.qcow2`. Raises SourceError."""
    name_of_image = re.compile(
        re.escape(pattern).replace(re.escape(VERSION), r"(?P<version>[\w.:+~-]{1,100}?)") + r"\Z"
    )
    found = []
    for digest, name in _lines(sums):
        if named := name_of_image.match(name):
            number = number_of(named["version"], prefix)
            if number:
                found.append(Offer(number, path_within(name), checked_sha256(digest, name)))
    if not found:
        raise SourceError(f"its SHA256SUMS names no file like {pattern}: is the file pattern right?")
    return found


def _lines(sums: str) -> Iterator[tuple[str, str]]:
    for line in sums.splitlines()[:MAX_LINES]:
        digest, _, name = line.strip().partition(" ")
        yield digest, name.strip().removeprefix("*").removeprefix("./")
