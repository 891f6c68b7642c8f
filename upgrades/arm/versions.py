"""API versions: which are taken, and the few members that were called otherwise once. A table of data.

Clients mix versions freely and always have newer ones than we know: every well-formed date from each service's first on is taken.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from upgrades.arm.errors import Failed
from upgrades.core.members import member

FIRST = {"microsoft.compute": date(2017, 3, 30)}
FIRST_OF_OTHERS = date(2014, 4, 1)
DOCUMENT = date(2018, 10, 1)  # the version of the 2018 document
_SHAPE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:-[a-z]+(?:\.\d+)?)?", re.ASCII | re.IGNORECASE)

_UPGRADE = ("properties", "upgradePolicy")
_AUTOMATIC = (*_UPGRADE, "automaticOSUpgradePolicy")


@dataclass(frozen=True, slots=True)
class Renamed:
    """A member that has another place in versions before `since`."""

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
    """The version of a request. Raises Failed."""
    if not given:
        message = "The api-version query parameter (?api-version=) is required for all requests, such as api-version=2018-10-01."
        raise Failed("MissingApiVersionParameter", message)
    first = FIRST.get(namespace.lower(), FIRST_OF_OTHERS)
    version = _date(given)
    if version is None or version < first:
        message = f"The api-version {given[:40]!r} is invalid: it is a date from {first} on, such as 2018-10-01."
        raise Failed("InvalidApiVersionParameter", message, target="api-version")
    return version


def _date(given: str) -> date | None:
    match = _SHAPE.fullmatch(given)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def incoming(body: Mapping[str, Any], version: date) -> dict[str, Any]:
    """A scale set's document with its members in today's places."""
    return _moved(body, [(one.before, one.now) for one in RENAMED if version < one.since])


def outgoing(body: Mapping[str, Any], version: date) -> dict[str, Any]:
    """A scale set's resource with its members in the places of that version."""
    return _moved(body, [(one.now, one.before) for one in RENAMED if version < one.since])


def _moved(body: Mapping[str, Any], moves: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> dict[str, Any]:
    result = dict(body)
    for source, target in moves:
        value = member(result, *source)
        if value is not None:
            result = _with(_with(result, source, None), target, value)
    return result


def _with(body: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with this value there; None takes the member away."""
    first, *rest = path
    name = next((key for key in body if key.lower() == first.lower()), first)
    others = {key: inner for key, inner in body.items() if key != name}
    if rest:
        inner = body.get(name)
        if inner is not None and not isinstance(inner, Mapping):
            return dict(body)  # whoever reads the document says what is wrong with it
        return {**others, name: _with(inner or {}, tuple(rest), value)}
    return others if value is None else {**others, name: value}
