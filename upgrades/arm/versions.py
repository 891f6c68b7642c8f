"""API versions: which are taken, and the few fields that were called otherwise once. A table of data.

Clients mix versions freely and always have newer ones than we know: every well-formed date from each service's first on is taken.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from upgrades.arm.errors import ArmError
from upgrades.core.json_edit import edited
from upgrades.core.json_fields import get_field
from upgrades.core.spellings import spelling_in, without_field

FIRST = {"microsoft.compute": date(2017, 3, 30)}
FIRST_OF_OTHERS = date(2014, 4, 1)
DOCUMENT = date(2018, 10, 1)  # the version of the 2018 document
_SHAPE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:-[a-z]+(?:\.\d+)?)?", re.ASCII | re.IGNORECASE)

_UPGRADE = ("properties", "upgradePolicy")
_AUTOMATIC = (*_UPGRADE, "automaticOSUpgradePolicy")


@dataclass(frozen=True, slots=True)
class Renamed:
    """A field that has another place in versions before `since`."""

    since: date
    before: tuple[str, ...]
    now: tuple[str, ...]


RENAMED = (
    Renamed(DOCUMENT, (*_UPGRADE, "automaticOSUpgrade"), (*_AUTOMATIC, "enableAutomaticOSUpgrade")),
    Renamed(
        DOCUMENT, (*_UPGRADE, "autoOSUpgradePolicy", "disableAutoRollback"), (*_AUTOMATIC, "disableAutomaticRollback")
    ),
)


def read(given: str | None, namespace: str) -> date:
    """The version of a request. Raises ArmError."""
    if not given:
        message = "The api-version query parameter (?api-version=) is required for all requests, such as api-version=2018-10-01."
        raise ArmError("MissingApiVersionParameter", message)
    first = FIRST.get(namespace.lower(), FIRST_OF_OTHERS)
    version = _date(given)
    if version is None or version < first:
        message = f"The api-version {given[:40]!r} is invalid: it is a date from {first} on, such as 2018-10-01."
        raise ArmError("InvalidApiVersionParameter", message, target="api-version")
    return version


def _date(given: str) -> date | None:
    match = _SHAPE.fullmatch(given)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def incoming(body: Mapping[str, Any], version: date) -> dict[str, Any]:
    """A scale set's document with its fields in today's places."""
    renamed = [rename for rename in RENAMED if version < rename.since]
    result = _moved(body, [(rename.before, rename.now) for rename in renamed])
    for rename in renamed:
        holder = rename.before[:-1]
        if holder != rename.now[: len(holder)] and get_field(result, *holder) in (None, {}):
            result = without_field(result, *holder)  # of a policy that is called otherwise today nothing is left
    return result


def outgoing(body: Mapping[str, Any], version: date) -> dict[str, Any]:
    """A scale set's resource with its fields in the places of that version."""
    return _moved(body, [(rename.now, rename.before) for rename in RENAMED if version < rename.since])


def _moved(body: Mapping[str, Any], moves: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> dict[str, Any]:
    result = dict(body)
    for source, target in moves:
        if _has(result, source):
            value = get_field(result, *source)
            rest = without_field(result, *source)
            is_said_twice = value is None and _has(rest, target)
            result = rest if is_said_twice else _with(rest, target, value)
    return result


def _has(body: Any, path: tuple[str, ...]) -> bool:
    """Whether the field is there, be it a null."""
    for name in path:
        found = spelling_in(body, name) if isinstance(body, Mapping) else None
        if found is None:
            return False
        body = body[found]
    return True


def _with(body: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with this value there. Unchanged where the path goes through what is no object: its reader says what is wrong with that."""
    holders = (get_field(body, *path[:depth]) for depth in range(1, len(path)))
    is_open = all(holder is None or isinstance(holder, Mapping) for holder in holders)
    return edited(body, path, value) if is_open else dict(body)
