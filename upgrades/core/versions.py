"""Image versions: dotted decimal numbers, compared as numbers and never as text (facts 4.6: 20348.825 < 20348.1006)."""

import re
from collections.abc import Iterable

LATEST = "latest"
_SHAPE = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18}){1,3}")


class BadVersion(ValueError):
    """The text is not an image version."""


def parse(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparing. Raises BadVersion."""
    if not _SHAPE.fullmatch(version):
        raise BadVersion(
            f"an image version is two to four numbers with dots between, such as 16.04.201809250, not {version!r}"
        )
    return tuple(int(part) for part in version.split("."))


def is_older(version: str, than: str) -> bool:
    return parse(version) < parse(than)


def newest(versions: Iterable[str]) -> str | None:
    """What "latest" means among these versions; None where there is none."""
    return max(versions, key=parse, default=None)
