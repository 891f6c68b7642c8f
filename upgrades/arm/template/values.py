"""Values of the template language are those of JSON. Names of their types, conversions and comparisons as Azure has them."""

import json
from collections.abc import Mapping
from typing import Any

from upgrades.arm.template.errors import TemplateError

Value = Any  # None, bool, int, float, str, list of values, or dict of values by string
MAX_TEXT = 131_072  # Azure's limit for a text that an expression makes


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
    """As the function `string` writes it, and `concat` and `format` join it: True, not true."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    return compact(value)


def bounded(text: str) -> str:
    """The text. Raises TemplateError where it is longer than Azure allows."""
    if len(text) > MAX_TEXT:
        raise TemplateError(f"a text has at most {MAX_TEXT} characters, not {len(text)}")
    return text


def equal(first: Value, second: Value) -> bool:
    """Of the same type and the same content. Texts are compared with their case, names of properties without."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(equal, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        others = {name.lower(): value for name, value in second.items()}
        mine = {name.lower(): value for name, value in first.items()}
        return mine.keys() == others.keys() and all(equal(value, others[name]) for name, value in mine.items())
    return bool(first == second)


def spelled(of: Mapping[str, Value], name: str) -> str | None:
    """How the object spells the name of this property; None where it has none in any case."""
    if name in of:
        return name
    lower = name.lower()
    return next((each for each in of if each.lower() == lower), None)
