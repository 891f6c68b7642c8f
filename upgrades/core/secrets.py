"""Splitting a document's secrets off, and putting them back for those who must have them.

A secret is known by its member's name. Its place is a path of member names, with the `name` of a list's element where it has one, so that
a list in another order does not mix them up.
"""

from collections.abc import Mapping
from typing import Any

from upgrades.core.documents import SECRET_MEMBERS

SEPARATOR = "\x1f"


def split(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the document without its secrets, the secrets by place)."""
    secrets: dict[str, Any] = {}
    public: dict[str, Any] = _strip(document, (), secrets)
    return public, secrets


def _strip(value: Any, place: tuple[str, ...], secrets: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_strip(one, (*place, _label(index, one)), secrets) for index, one in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for name, inner in value.items():
        if name.lower() in SECRET_MEMBERS:
            secrets[SEPARATOR.join((*place, name))] = inner
        else:
            kept[name] = _strip(inner, (*place, name), secrets)
    return kept


def join(document: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its secrets in their places; a secret whose place is gone is left out."""
    whole: dict[str, Any] = _copy(document)
    for place, secret in secrets.items():
        *path, name = place.split(SEPARATOR)
        holder = _follow(whole, path)
        if isinstance(holder, dict):
            holder[name] = secret
    return whole


def _follow(value: Any, path: list[str]) -> Any:
    for label in path:
        if isinstance(value, list):
            value = next((one for index, one in enumerate(value) if _label(index, one) == label), None)
        else:
            value = value.get(label) if isinstance(value, dict) else None
    return value


def _label(index: int, element: Any) -> str:
    name = element.get("name") if isinstance(element, Mapping) else None
    return str(name) if name else str(index)


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copy(inner) for name, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
