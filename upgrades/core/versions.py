"""Image versions: dotted decimal numbers, compared as numbers and never as text (Z-4.6: 20348.825 < 20348.1006)."""

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

LATEST = "latest"
_SHAPE = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18}){1,3}")


class BadVersion(ValueError):
    """The text is not an image version."""


@lru_cache(4096)
def parse(version: str) -> tuple[int, ...]:
    """The numbers of a version, to compare versions by. Raises BadVersion."""
    if not _SHAPE.fullmatch(version):
        raise BadVersion(f"an image version is 2 to 4 numbers separated by dots, e.g. 16.04.201809250, not {version!r}")
    return tuple(int(part) for part in version.split("."))


MAX_PART = 2**31 - 1
_GALLERY_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


def check_gallery_version(version: str) -> None:
    """Raises BadVersion unless the version is Major.Minor.Patch, as Azure requires of a gallery's images."""
    if not _GALLERY_VERSION.fullmatch(version) or max(parse(version)) > MAX_PART:
        raise BadVersion(
            f"a version of a gallery's image is Major.Minor.Patch, each a number of at most {MAX_PART:,}, not {version!r}"
        )


@lru_cache(4096)
def is_older(version: str, than: str) -> bool:
    return parse(version) < parse(than)


def is_older_if_known(version: str, target: str) -> bool:
    """Is `version` older than `target`? False if either is "": the instance has no image yet, or there is none to upgrade to.

    >>> is_older_if_known("1.2", "1.10"), is_older_if_known("1.10", "1.2"), is_older_if_known("", "1.2"), is_older_if_known("1.2", "")
    (True, False, False, False)
    """
    return bool(version and target) and is_older(version, target)


def contradicts(reported: str, version: str) -> bool:
    """Does an OS that says `reported` run something else than the image `version`?

    An OS that says only the first numbers (as Ubuntu does), something that is no number, or nothing, does not contradict.

    >>> contradicts("1.2.1", "1.2.0"), contradicts("22.04", "22.04.202401"), contradicts("12", "12.5.1"), contradicts("sid", "1.2")
    (True, False, False, False)
    """
    said = [part for part in reported.split(".") if part]
    if not version or not said or not all(part.isdecimal() for part in said):
        return False
    image = parse(version)
    return any(int(part) != number for part, number in zip(said, image, strict=False)) or len(said) > len(image)


def newest(versions: Iterable[str]) -> str | None:
    """The version that "latest" means among these; None where there are none."""
    return max(versions, key=parse, default=None)


def plausible_next(latest: str, today: date) -> str:
    """Suggest the next version to people: with today's date as its last part, or counted up. "" where there is no version yet.

    >>> day = date(2018, 9, 25)
    >>> plausible_next("16.04.201808140", day), plausible_next("2016.127.20180613", day), plausible_next("1855.4.0", day)
    ('16.04.201809250', '2016.127.20180925', '1855.4.1')
    >>> plausible_next("16.04.201809250", day), plausible_next("", day)
    ('16.04.201809251', '')
    """
    if not latest:
        return ""
    head, _, last = latest.rpartition(".")
    dated = re.fullmatch(r"20[0-9]{6}([0-9]{0,2})", last)
    if dated and is_older(latest, by_day := f"{head}.{today:%Y%m%d}{'0' * len(dated[1])}"):
        return by_day
    counted = f"{head}.{int(last) + 1:0{len(last)}d}"
    return counted if _SHAPE.fullmatch(counted) else ""
