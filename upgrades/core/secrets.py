"""Splits the secrets off a document, and puts them back for those who need them.

A secret is recognised by the name of its field. Its place is the path to it, written as a JSON list. In a path, an element of a list is
called by its own name if that is unique, so that reordering does not mix secrets up, otherwise by its index. A null is no secret: it
says that none was given.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from upgrades.core.json_fields import get_field
from upgrades.core.masking import SECRET_FIELDS

Label = str | int


def split(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the document without its secrets, the secrets by place)."""
    secrets: dict[str, Any] = {}
    public: dict[str, Any] = _strip(document, (), secrets)
    return public, secrets


def _strip(value: Any, place: tuple[Label, ...], secrets: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_strip(element, (*place, label), secrets) for label, element in _labelled(value)]
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for name, inner in value.items():
        if name.lower() in SECRET_FIELDS and inner is not None:
            secrets[json.dumps([*place, name])] = inner
        else:
            kept[name] = _strip(inner, (*place, name), secrets)
    return kept


def join(document: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the secrets put back in their places. A secret whose place is gone is left out."""
    whole: dict[str, Any] = _copy(document)
    places = _Places(whole)
    for place, secret in secrets.items():
        *path, name = json.loads(place)
        holder = places.follow(path)
        if holder is not None:
            holder[name] = secret
    return whole


def removed_places(document: Mapping[str, Any]) -> frozenset[str]:
    """The places at which a patch has a null instead of a secret: it removes that secret."""
    return frozenset(_nulls(document, ()))


def _nulls(value: Any, place: tuple[Label, ...]) -> Iterator[str]:
    if isinstance(value, list):
        for label, element in _labelled(value):
            yield from _nulls(element, (*place, label))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name.lower() in SECRET_FIELDS and inner is None:
                yield json.dumps([*place, name])
            else:
                yield from _nulls(inner, (*place, name))


def secrets_to_store(
    document: Mapping[str, Any],
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    removed: Iterable[str] = (),
    *,
    old_document: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The secrets to store with a new document: those `given` with it, and those from `before` that still have a place in it.

    A secret belongs to its owner: another extension, or another user, at the same place does not inherit it. `removed`: places whose
    secrets are not kept. `old_document`: the one that the secrets from before belong to; None where that is `document` itself.
    """
    replaced = {place.lower() for place in (*given, *removed)}
    others = {place: secret for place, secret in before.items() if place.lower() not in replaced}
    new, old = _Places(document), _Places(document if old_document is None else old_document)
    kept = {place: secret for place, secret in others.items() if _has_same_owner(place, new, old)}
    return {**kept, **given}


# The fields beside a secret that say who its owner is.
OWNERS = {"protectedsettings": ("publisher", "type"), "adminpassword": ("adminUsername",)}
# A field that says where the secret is kept: a document with it no longer needs the secret that was given before.
INSTEAD = {"protectedsettings": "protectedSettingsFromKeyVault"}


def _has_same_owner(place: str, new: "_Places", old: "_Places") -> bool:
    """Does the new document still need the secret at this place, and for the same owner as the old one?"""
    *path, name = json.loads(place)
    holder, old_holder = new.follow(path), old.follow(path)
    if holder is None or old_holder is None:
        return False
    kind = str(name).lower()
    if kind in INSTEAD and get_field(holder, INSTEAD[kind]) is not None:
        return False
    owners = OWNERS.get(kind, ())
    return all(_lower(get_field(holder, field)) == _lower(get_field(old_holder, field)) for field in owners)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class _Places:
    """Finds objects of a document by their places. Each list is labelled only once, however many secrets are in it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.labelled: dict[int, dict[Label, Any]] = {}

    def follow(self, path: Sequence[Label]) -> Any:
        """The object at that path; None where there is none."""
        value: Any = self.document
        for label in path:
            if isinstance(value, list):
                value = self._elements(value).get(label)
            elif isinstance(label, str):
                value = value[label] if isinstance(value, Mapping) and label in value else get_field(value, label)
            else:
                return None
        return value if isinstance(value, Mapping) else None

    def _elements(self, elements: list[Any]) -> dict[Label, Any]:
        if id(elements) not in self.labelled:
            self.labelled[id(elements)] = dict(_labelled(elements))
        return self.labelled[id(elements)]


def _labelled(elements: Sequence[Any]) -> Iterator[tuple[Label, Any]]:
    names = [name_of(element) for element in elements]
    count = Counter(names)
    for index, (name, element) in enumerate(zip(names, elements, strict=True)):
        yield (name if name is not None and count[name] == 1 else index), element


def name_of(element: Any) -> str | None:
    """The name of a list's element, in lower case; None where it has none."""
    name = get_field(element, "name")
    return name.lower() if isinstance(name, str) else None


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copy(inner) for name, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
