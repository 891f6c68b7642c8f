"""Equality of JSON values. Python's own differs from it: for Python, True equals 1."""

from collections.abc import Mapping
from typing import Any


def same(left: Any, right: Any) -> bool:
    """Are both the same JSON, at every depth? true and false never equal a number; 1 and 1.0 are the same number, as in JSON.

    >>> same({"a": [True]}, {"a": [1]}), same(1, 1.0), same({"a": None}, {})
    (False, True, False)
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(value, right[name]) for name, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)
