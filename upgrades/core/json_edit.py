"""Changes one field of an ARM document and keeps all the rest as the client wrote it."""

from collections.abc import Mapping, Sequence
from typing import Any


def edited(document: Mapping[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    """A copy of the document with `value` at `path`. Names are found in any case and stay as the client spells them."""
    name = _spelled(document, path[0])
    inner = edited(document.get(name) or {}, path[1:], value) if len(path) > 1 else value
    return {**document, name: inner}


def _spelled(document: Mapping[str, Any], name: str) -> str:
    """The spelling of the field that `get_field` would read; `name` where the document has none."""
    alike = [key for key in document if key.lower() == name.lower()]
    counting = [key for key in alike if document[key] is not None] or alike
    return name if name in counting else min(counting, default=name)


def iso_duration(seconds: float) -> str:
    """A duration as documents write it: 90 -> "PT90S"."""
    return f"PT{seconds:.6f}".rstrip("0").rstrip(".") + "S"
