"""Names of fields in any case: the one rule for which spelling counts.

JSON's names have a case, and Azure's clients do not care for it. Everything that reads or edits a document finds its fields by this.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def spelling_in(document: Mapping[str, Any], name: str) -> str | None:
    """The spelling under which the field counts in this object; None where the object has no such field."""
    if document.get(name) is not None:
        return name
    wanted = name.lower()
    return counting_spelling(document, name, (key for key in document if str(key).lower() == wanted))


def counting_spelling(document: Mapping[str, Any], name: str, alike: Iterable[str]) -> str | None:
    """Of several spellings in one object: one with a value, then `name` itself (Azure's own), then the first in the alphabet.

    Their order in the document cannot decide, because databases do not keep it.
    """
    return min(alike, key=lambda given: (document[given] is None, given != name, given), default=None)


def without_field(document: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """A copy in which the field at `path` is not, in no spelling."""
    name, *rest = path
    if not rest:
        return {key: value for key, value in document.items() if key.lower() != name.lower()}
    stands = spelling_in(document, name)
    inner = document.get(stands) if stands is not None else None
    if stands is None or not isinstance(inner, Mapping):
        return dict(document)
    return {**document, stands: without_field(inner, *rest)}
