"""Finds fields of documents by name in any case. All code that reads or edits a document uses these functions.

JSON names are case-sensitive, but Azure's clients treat them as if they were not. So an object may have a field in several spellings.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def spelling_in(document: Mapping[str, Any], name: str) -> str | None:
    """The effective spelling of the field in this object; None where the object has no such field."""
    if document.get(name) is not None:
        return name
    wanted = name.lower()
    return effective_spelling(document, name, (key for key in document if str(key).lower() == wanted))


def effective_spelling(document: Mapping[str, Any], name: str, alike: Iterable[str]) -> str | None:
    """Choose one of several spellings: one with a value, else `name` itself (Azure's own), else the first in the alphabet.

    Their order in the document cannot decide, because databases do not keep it.
    """
    return min(alike, key=lambda given: (document[given] is None, given != name, given), default=None)


def without_field(document: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A copy of the document without the field at `path`, in any case."""
    name, *rest = path
    if not rest:
        return {key: value for key, value in document.items() if key.lower() != name.lower()}
    spelling = spelling_in(document, name)
    inner = document.get(spelling) if spelling is not None else None
    if spelling is None or not isinstance(inner, Mapping):
        return dict(document)
    return {**document, spelling: without_field(inner, *rest)}
