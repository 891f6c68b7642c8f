"""Values of the template language are those of JSON. Names of their types, conversions and comparisons as Azure has them."""

import json
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from upgrades.arm.template.errors import TemplateError

Value = Any  # None, bool, int, float, str, list of values, or dict of values by string
MAX_TEXT = 131_072  # Azure's limit for a text that an expression makes
TOO_LONG = f"a text has at most {MAX_TEXT} characters"


def type_name(value: Value) -> str:
    """The name of its type in the template language."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def compact(value: Value) -> str:
    """As JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_text(value: Value) -> str:
    """As the function `string` writes it, and `concat` and `format` join it: True, not true. Raises TemplateError where it is too long."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, list | dict) and weight(value, MAX_TEXT) > MAX_TEXT:
        raise TemplateError(TOO_LONG)
    return compact(value)


def joined(texts: Iterable[str], delimiter: str = "") -> str:
    """All in one. Raises TemplateError before it makes a text that is longer than Azure allows."""
    parts = list(texts)
    if sum(map(len, parts)) + len(delimiter) * max(0, len(parts) - 1) > MAX_TEXT:
        raise TemplateError(TOO_LONG)
    return delimiter.join(parts)


def bounded(text: str) -> str:
    """The text. Raises TemplateError where it is longer than Azure allows."""
    if len(text) > MAX_TEXT:
        raise TemplateError(f"{TOO_LONG}, not {len(text)}")
    return text


def weight(value: Value, enough: int) -> int:
    """How many characters and elements are in it at all depths; not more are counted than are `enough`.

    The same list may be in a value many times over, so that a small one in memory is endless when it is written.
    """
    found, left = 1, [value]
    while left and found <= enough:
        each = left.pop()
        if isinstance(each, str | list | dict):
            found += len(each)
        if found <= enough and isinstance(each, list | dict):
            left += each.values() if isinstance(each, dict) else each
    return found


def canonical(value: Value) -> Hashable:
    """What is the same for equal values alone: of the same type and the same content.

    Texts are compared with their case, names of properties without.
    """
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, list):
        return "array", tuple(map(canonical, value))
    if isinstance(value, dict):
        return "object", frozenset((name.lower(), canonical(each)) for name, each in value.items())
    return value  # type: ignore[no-any-return]  # None, a number or a text


def equal(first: Value, second: Value) -> bool:
    """Whether both are of the same type and the same content."""
    return canonical(first) == canonical(second)


def spelled(of: Mapping[str, Value], name: str) -> str | None:
    """How the object spells the name of this property; None where it has none in any case."""
    if name in of:
        return name
    lower = name.lower()
    return next((each for each in of if each.lower() == lower), None)
