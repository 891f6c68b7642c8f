"""Names of fields in any case: the one rule for which spelling counts.

JSON names are case-sensitive, but Azure's clients treat them as if they were not. All code that reads or edits a document finds its fields
with these functions.
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
    """A copy without the field at `path`, however it is spelled."""
    name, *rest = path
    if not rest:
        return {key: value for key, value in document.items() if key.lower() != name.lower()}
    stands = spelling_in(document, name)
    inner = document.get(stands) if stands is not None else None
    if stands is None or not isinstance(inner, Mapping):
        return dict(document)
    return {**document, stands: without_field(inner, *rest)}
