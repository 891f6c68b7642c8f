"""Finds the known field that a client may have meant by an unknown one."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache

from upgrades.core.azure_types import SCALE_SET, element, fields_of

MAX_LEVELS = 6
_LIKENESS = 0.75
ROOTS = (SCALE_SET, "VirtualMachineScaleSetVM", "LoadBalancer")
# Fields that the preview of 2017 and 2018 called by another name.
RENAMED = {
    "automaticosupgrade": "automaticOSUpgradePolicy.enableAutomaticOSUpgrade",
    "autoosupgradepolicy": "automaticOSUpgradePolicy",
}


def suggestion_for(name: str, type: str) -> str:
    """A sentence that says where the field belongs or how it is called; "" where no known field is like it."""
    given = letters_and_digits(name)
    own = {
        letters_and_digits(field.name): field.name for field in fields_of(type).values() if not field.is_preview_only
    }
    if given in RENAMED and type == "UpgradePolicy":
        return f"It is {RENAMED[given]!r} from version 2018-10-01 of the API on."
    if given in own:
        return f"Did you mean {own[given]!r}?"
    elsewhere = _places(_root_of(type))
    if given in elsewhere:
        return f"It belongs at {elsewhere[given]!r}."
    if close := get_close_matches(given, own, n=1, cutoff=_LIKENESS):
        return f"Did you mean {own[close[0]]!r}?"
    if close := get_close_matches(given, elsewhere, n=1, cutoff=_LIKENESS):
        return f"Did you mean {elsewhere[close[0]]!r}?"
    return ""


def nearest_of(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`; None where none is like it."""
    own = {letters_and_digits(known_name): known_name for known_name in known}
    close = get_close_matches(letters_and_digits(name), own, n=1, cutoff=_LIKENESS)
    return own[close[0]] if close else None


def letters_and_digits(name: str) -> str:
    """The name in lower case, with its letters and digits alone: upgrade_policy, upgrade-policy and upgradePolicy are the same."""
    return re.sub("[^a-z0-9]", "", name.lower()[:200])


@cache
def _root_of(type: str) -> str:
    """The type of the resource that this type is a part of."""
    return next((root for root in ROOTS if type in _types_in(root)), SCALE_SET)


@cache
def _types_in(root: str) -> frozenset[str]:
    return frozenset({root, *(inner for _, inner in _walk(root))})


@cache
def _places(root: str) -> Mapping[str, str]:
    """The place of each field of a resource, by its name as `letters_and_digits` writes it: the one nearest the top, not within lists."""
    places: dict[str, str] = {}
    for place, _ in _walk(root):
        if "[" not in place:
            places.setdefault(letters_and_digits(place.rpartition(".")[2]), place)
    return places


def _walk(root: str) -> Iterator[tuple[str, str]]:
    """(place, type) of every field, those near the top first."""
    level = [("", root)]
    for _ in range(MAX_LEVELS):
        below: list[tuple[str, str]] = []
        for at, type in level:
            for field in fields_of(type).values():
                place = f"{at}.{field.name}" if at else field.name
                yield place, element(field.type)
                below.append((f"{place}[]" if field.type.startswith("[") else place, element(field.type)))
        level = below
