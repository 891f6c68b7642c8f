"""Equality of JSON: what Python calls equal is not always the same to a reader of JSON."""

from collections.abc import Mapping
from typing import Any


def same(one: Any, other: Any) -> bool:
    """Whether both are the same JSON, at every depth. A truth value is never a number; 1 and 1.0 are one number, as JSON has it.

    >>> same({"a": [True]}, {"a": [1]}), same(1, 1.0), same({"a": None}, {})
    (False, True, False)
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
