"""What is in an image version, and what changes from one to another: OS, kernel, packages. What is not known is never guessed."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from upgrades.core.catalogue import say
from upgrades.core.sentences import Sentence

MAX_PACKAGES = 20_000
MAX_TEXT = 200
TEXTS = ("os_id", "os_version", "os_name", "kernel")


@dataclass(frozen=True, slots=True)
class ImageContents:
    """What was found in an image; "" for what is not known.

    `os_id`, `os_version`, `os_name`: ID, VERSION_ID and PRETTY_NAME of its os-release. `kernel`: the versions of its kernels. `packages`:
    {name: version}; None where they are not known.
    """

    os_id: str = ""
    os_version: str = ""
    os_name: str = ""
    kernel: str = ""
    packages: Mapping[str, str] | None = None

    @property
    def is_known(self) -> bool:
        return self != ImageContents()


def contents_to_json(contents: ImageContents) -> dict[str, Any]:
    return asdict(contents)


def contents_from_json(found: Any) -> ImageContents:
    """Read stored or reported contents. Anything malformed counts as unknown, because an image can say anything of itself.

    >>> contents_from_json({"kernel": "6.1.0", "os_id": 5, "packages": {"zlib": "1.2", "bad": None}})
    ImageContents(os_id='', os_version='', os_name='', kernel='6.1.0', packages={'zlib': '1.2'})
    """
    if not isinstance(found, dict):
        return ImageContents()
    os_id, os_version, os_name, kernel = (legible(found.get(name)) for name in TEXTS)
    return ImageContents(os_id, os_version, os_name, kernel, _packages_from_json(found.get("packages")))


def _packages_from_json(found: Any) -> dict[str, str] | None:
    if not isinstance(found, dict):
        return None
    kept = [(legible(name), legible(version)) for name, version in list(found.items())[:MAX_PACKAGES]]
    return {name: version for name, version in kept if name and version}


def legible(text: object) -> str:
    """The text in one short line; "" for anything that is no text.

    >>> legible(" a\\x1b[2J\\nb "), legible(None)
    ('a[2J b', '')
    """
    if not isinstance(text, str):
        return ""
    line = " ".join(text[: 2 * MAX_TEXT].split())
    return "".join(letter for letter in line if letter.isprintable())[:MAX_TEXT]


Changed = tuple[str, str, str]  # name, version before, version after


@dataclass(frozen=True, slots=True)
class ImageChanges:
    """What changes from one image version to another. `os` and `kernel`: (before, after) where both are known and differ.

    `packages_known`: the packages of both are known, so that `added`, `removed` (name, version) and `changed` are complete.
    """

    older: str
    newer: str
    is_known: bool = False
    os: tuple[str, str] | None = None
    kernel: tuple[str, str] | None = None
    packages_known: bool = False
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[Changed, ...] = ()


def changes_between(older: str, before: ImageContents | None, newer: str, after: ImageContents | None) -> ImageChanges:
    """What changes from version `older`, which has `before`, to `newer`, which has `after`; None for contents that are not known."""
    if before is None or after is None or not (before.is_known and after.is_known):
        return ImageChanges(older, newer)
    found = ImageChanges(
        older,
        newer,
        is_known=True,
        os=_difference(before.os_name or before.os_version, after.os_name or after.os_version),
        kernel=_difference(before.kernel, after.kernel),
    )
    if before.packages is None or after.packages is None:
        return found
    return _with_packages(found, before.packages, after.packages)


def _difference(before: str, after: str) -> tuple[str, str] | None:
    return (before, after) if before and after and before != after else None


def _with_packages(found: ImageChanges, before: Mapping[str, str], after: Mapping[str, str]) -> ImageChanges:
    return ImageChanges(
        found.older,
        found.newer,
        found.is_known,
        found.os,
        found.kernel,
        packages_known=True,
        added=tuple((name, after[name]) for name in sorted(after.keys() - before.keys())),
        removed=tuple((name, before[name]) for name in sorted(before.keys() - after.keys())),
        changed=tuple(
            (name, before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        ),
    )


def changes_to_json(changes: ImageChanges) -> dict[str, Any]:
    """As JSON for scripts and pages. Pairs are lists: [name, version], [name, before, after], [before, after]."""
    return {
        "from": changes.older,
        "to": changes.newer,
        "known": changes.is_known,
        "os": changes.os,
        "kernel": changes.kernel,
        "packages_known": changes.packages_known,
        "added": changes.added,
        "removed": changes.removed,
        "changed": changes.changed,
    }


def sentence_of_changes(changes: ImageChanges) -> Sentence:
    """What changes, in a sentence."""
    versions = {"older": changes.older, "newer": changes.newer}
    if not changes.is_known:
        return say("image.changes_unknown", **versions)
    counts = [len(group) for group in (changes.changed, changes.added, changes.removed)]
    values = {
        **versions,
        "os": _arrow(changes.os),
        "kernel": _arrow(changes.kernel),
        "packages": "known" if any(counts) else "same" if changes.packages_known else None,
        "changed": counts[0],
        "added": counts[1],
        "removed": counts[2],
    }
    return say("image.changes", **values)


def _arrow(pair: tuple[str, str] | None) -> str:
    return f"{pair[0]} → {pair[1]}" if pair else ""


def package_changes(changes: ImageChanges) -> list[Changed]:
    """All packages that change, with "" for the version of a package that the image does not have.

    A person reads only the first ones, so kernels and other base packages (WEIGHTY) come first, then changed, added and removed ones.

    >>> package_changes(ImageChanges("1", "2", added=(("gzip", "1"),), changed=(("apt", "1", "2"), ("openssl", "3.0.1", "3.0.2"))))
    [('openssl', '3.0.1', '3.0.2'), ('apt', '1', '2'), ('gzip', '', '1')]
    """
    rows = [
        *changes.changed,
        *((name, "", version) for name, version in changes.added),
        *((name, version, "") for name, version in changes.removed),
    ]
    return sorted(rows, key=lambda change: _weight(change[0]))


WEIGHTY = ("linux-", "kernel", "libc6", "glibc", "musl", "systemd", "openssl", "libssl", "openssh", "sudo")


def _weight(name: str) -> int:
    return next((place for place, start in enumerate(WEIGHTY) if re.match(start, name)), len(WEIGHTY))
