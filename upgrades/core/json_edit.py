"""Changes one field of an ARM document and keeps all the rest as the client wrote it."""

from collections.abc import Mapping, Sequence
from typing import Any

from upgrades.core.spellings import spelling_in


def edited(document: Mapping[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    """A copy of the document with `value` at `path`. Names are found in any case and stay as the client spells them."""
    name = spelling_in(document, path[0]) or path[0]
    inner = edited(document.get(name) or {}, path[1:], value) if len(path) > 1 else value
    return {**document, name: inner}


def iso_duration(seconds: float) -> str:
    """A duration as documents write it: 90 -> "PT90S"."""
    return f"PT{seconds:.6f}".rstrip("0").rstrip(".") + "S"
