"""Equality of JSON values. Python's own differs from it: for Python, True equals 1."""

from collections.abc import Mapping
from typing import Any


def same(one: Any, other: Any) -> bool:
    """Are both the same JSON, at every depth? true and false never equal a number; 1 and 1.0 are the same number, as in JSON.

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
