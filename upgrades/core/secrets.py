"""Splitting a document's secrets off, and putting them back for those who must have them.

A secret is known by its member's name. Its place is a JSON list: names of members, and of a list's elements where theirs are their own, so
that a list in another order does not mix them up; the element's number otherwise. A null is no secret: it says that none was given.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from upgrades.core.members import SECRET_MEMBERS, member

Label = str | int


def split(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the document without its secrets, the secrets by place)."""
    secrets: dict[str, Any] = {}
    public: dict[str, Any] = _strip(document, (), secrets)
    return public, secrets


def _strip(value: Any, place: tuple[Label, ...], secrets: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_strip(one, (*place, label), secrets) for label, one in _labelled(value)]
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for name, inner in value.items():
        if name.lower() in SECRET_MEMBERS and inner is not None:
            secrets[json.dumps([*place, name])] = inner
        else:
            kept[name] = _strip(inner, (*place, name), secrets)
    return kept


def join(document: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its secrets in their places; a secret whose place is gone is left out."""
    whole: dict[str, Any] = _copy(document)
    for place, secret in secrets.items():
        *path, name = json.loads(place)
        holder = _follow(whole, path)
        if holder is not None:
            holder[name] = secret
    return whole


def taken_away(document: Mapping[str, Any]) -> frozenset[str]:
    """The places of secrets at which a patch has a null."""
    return frozenset(_nulls(document, ()))


def _nulls(value: Any, place: tuple[Label, ...]) -> Iterator[str]:
    if isinstance(value, list):
        for label, one in _labelled(value):
            yield from _nulls(one, (*place, label))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name.lower() in SECRET_MEMBERS and inner is None:
                yield json.dumps([*place, name])
            else:
                yield from _nulls(inner, (*place, name))


def keep(
    document: Mapping[str, Any],
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    without: Iterable[str] = (),
) -> dict[str, Any]:
    """What is to be known of a document put anew: the secrets given with it, and those from before that it still has a place for.

    `without`: places whose secrets are not to be kept.
    """
    again = {place.lower() for place in (*given, *without)}
    kept = {place: secret for place, secret in before.items() if place.lower() not in again}
    return {**{place: secret for place, secret in kept.items() if _has_place(document, place)}, **given}


def _has_place(document: Mapping[str, Any], place: str) -> bool:
    *path, _ = json.loads(place)
    return _follow(document, path) is not None


def _follow(value: Any, path: Sequence[Label]) -> Any:
    """The object at that path; None where there is none."""
    for label in path:
        if isinstance(value, list):
            value = next((one for its, one in _labelled(value) if its == label), None)
        elif isinstance(label, str):
            value = value[label] if isinstance(value, Mapping) and label in value else member(value, label)
        else:
            return None
    return value if isinstance(value, Mapping) else None


def _labelled(elements: Sequence[Any]) -> Iterator[tuple[Label, Any]]:
    names = [name_of(element) for element in elements]
    count = Counter(names)
    for index, (name, element) in enumerate(zip(names, elements, strict=True)):
        yield (name if name is not None and count[name] == 1 else index), element


def name_of(element: Any) -> str | None:
    """Of a list's element, in lower case; None where it has none."""
    name = member(element, "name")
    return name.lower() if isinstance(name, str) else None


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copy(inner) for name, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
