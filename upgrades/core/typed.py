"""Converts and checks the values of documents by the types of Azure's models.

Templates and command lines send numbers and switches as strings, and strings as numbers, which typed clients cannot read. As in Azure, such
a value is accepted, and given back in the model's type. A value that cannot be converted, such as an object instead of a text, is refused.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from upgrades.core.azure_types import element, fields_of
from upgrades.core.equality import same
from upgrades.core.json_fields import dotted_path, get_field, printable, wrong_value
from upgrades.core.secrets import name_of
from upgrades.core.spellings import effective_spelling
from upgrades.core.unknown_fields import by_spelling, enum_spelling

TEXTS = frozenset({"text", "duration", "time"})
EXPECTED = {
    "text": "a string",
    "duration": "a string such as PT30S",
    "time": "a string such as 2018-10-01T00:00:00Z",
    "whole": "an integer",
    "number": "a number",
    "switch": "true or false",
}
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}(\.[0-9]{1,18})?\s*")


def converted(value: Any, type: str) -> Any:
    """The value converted to `type` at every depth, with names spelled as Azure does. What cannot be converted stays as it is."""
    if isinstance(value, list):
        return [converted(item, element(type)) for item in value] if type.startswith("[") else value
    if isinstance(value, Mapping):
        return _converted_object(value, type)
    return _converted_value(value, type)


def _converted_object(body: Mapping[str, Any], type: str) -> dict[str, Any]:
    if type.startswith("{"):
        return {name: converted(value, element(type)) for name, value in body.items()}
    known = fields_of(type)
    spelled: dict[str, list[str]] = {}
    for name in body:
        field = known.get(name.lower())
        spelled.setdefault(field.name if field else name, []).append(name)
    return {
        name: converted(
            body[effective_spelling(body, name, alike) or name],
            known[name.lower()].type if name.lower() in known else "any",
        )
        for name, alike in spelled.items()
    }


def _converted_value(value: Any, type: str) -> Any:
    if value is None:
        return None
    if type in TEXTS:
        return as_text(value)
    if type == "switch":
        return value.lower() == "true" if isinstance(value, str) and value.lower() in ("true", "false") else value
    if type in ("whole", "number"):
        return _as_number(value, type)
    return (enum_spelling(value, type) or value) if isinstance(value, str) else value


def without_read_only(value: Any, type: str) -> Any:
    """The value without the read-only fields, which only the server sets, at every depth."""
    if isinstance(value, list):
        return [without_read_only(item, element(type)) for item in value]
    if not isinstance(value, Mapping):
        return value
    if type.startswith("{"):
        return {name: without_read_only(inner, element(type)) for name, inner in value.items()}
    known = fields_of(type)
    kept = {
        name: inner for name, inner in value.items() if not (name.lower() in known and known[name.lower()].is_read_only)
    }
    return {
        name: without_read_only(inner, known[name.lower()].type if name.lower() in known else "any")
        for name, inner in kept.items()
    }


def without_nulls(value: Any, type: str) -> Any:
    """The value without its null fields: as in Azure, a null is not stored and does not come back.

    Values of no known type, such as an extension's settings, stay as the client wrote them."""
    if isinstance(value, list) and type.startswith("["):
        return [without_nulls(item, element(type)) for item in value]
    known = fields_of(type)
    if not isinstance(value, Mapping) or not known:
        return value
    given = {name: inner for name, inner in value.items() if inner is not None}
    return {
        name: without_nulls(inner, known[name.lower()].type) if name.lower() in known else inner
        for name, inner in given.items()
    }


def cleaned(document: Any, type: str, before: Any) -> Any:
    """The document without its nulls; unchanged where the stored document, `before`, is an old one that has nulls itself."""
    has_nulls = before is not None and not same(before, without_nulls(before, type))
    return document if has_nulls else without_nulls(document, type)


def as_text(value: Any) -> Any:
    """A number or a switch as text, as a template would write it; any other value as it is.

    >>> as_text(2.1), as_text(True), as_text(42)
    ('2.1', 'true', '42')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def tags_of(document: object) -> dict[str, str]:
    """A document's tags, with all values as text."""
    return {name: str(as_text(value)) for name, value in (get_field(document, "tags") or {}).items()}


def _as_number(value: Any, type: str) -> Any:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    is_number = type == "number" and isinstance(value, str) and _NUMBER.fullmatch(value)
    return float(value) if is_number else value


# --- what is refused --------------------------------------------------------------------------------------------------


def check_types(document: Mapping[str, Any], type: str, before: Mapping[str, Any] | None = None) -> None:
    """Raises BadDocument for a known field whose value does not have its type. `before`: the stored document, whose values may stay."""
    _check(document, type, "", before)


def _check(value: Any, type: str, path: str, before: Any) -> None:
    if value is None or type == "any" or same(value, before):
        return
    if type.startswith("["):
        _check_list(value, type, path, before)
    elif type.startswith("{") or fields_of(type):
        _check_object(value, type, path, before)
    elif not _is_single(value, type):
        raise wrong_value(path, EXPECTED.get(type, "a string"), value)


def _check_list(value: Any, type: str, path: str, before: Any) -> None:
    if not isinstance(value, list):
        raise wrong_value(path, "a list", value)
    old = before if isinstance(before, list) else []
    named = {name: stored for stored in old if (name := name_of(stored)) is not None}
    for index, item in enumerate(value):
        place, name = f"{path}[{index}]", name_of(item)
        if item is None:
            what = "an object" if fields_of(element(type)) else EXPECTED.get(element(type), "a string")
            raise wrong_value(place, what, item)
        was = named.get(name) if name is not None else (old[index] if index < len(old) else None)
        _check(item, element(type), place, was)


def _check_object(value: Any, type: str, path: str, before: Any) -> None:
    if not isinstance(value, Mapping):
        raise wrong_value(path, "an object", value)
    known, old = fields_of(type), by_spelling(before)
    for name, inner in value.items():
        field = known.get(name.lower())
        if type.startswith("{"):
            _check(inner, element(type), dotted_path(path, printable(name)), old.get(name, old.get(name.lower())))
        elif field is not None and not field.is_read_only:
            _check(inner, field.type, dotted_path(path, name), old.get(name, old.get(name.lower())))


def _is_single(value: Any, type: str) -> bool:
    """Does a single value have this type, or can it be converted to it?"""
    given = _converted_value(value, type)
    if type == "switch":
        return isinstance(given, bool)
    if type == "whole":
        return isinstance(given, int) and not isinstance(given, bool)
    if type == "number":
        return isinstance(given, int | float) and not isinstance(given, bool)
    return isinstance(given, str)
