"""Equality of JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrades.core.equality import same


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_is_no_number(value: bool) -> None:
    for a, b in ((value, int(value)), ({"a": [value]}, {"a": [int(value)]}), ([[value]], [[float(value)]])):
        assert not same(a, b) and not same(b, a)
        assert same(a, a) and same(b, b)


@pytest.mark.parametrize(
    ("left", "other", "is_same"),
    [
        (1, 1.0, True),
        (0, -0.0, True),
        (1, "1", False),
        (None, False, False),
        (None, 0, False),
        ({}, [], False),
        ([], None, False),
        ({"a": None}, {}, False),
        ([1, 2], [2, 1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
    ],
)
def test_equal_json_values(left: Any, other: Any, is_same: bool) -> None:
    assert same(left, other) is same(other, left) is is_same


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_equality_is_that_of_the_json_text(left: Any, other: Any) -> None:
    assert same(left, other) == (json.dumps(left, sort_keys=True) == json.dumps(other, sort_keys=True))
