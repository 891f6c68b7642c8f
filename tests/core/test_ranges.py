"""Numbers of instances, to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrades.core.ranges import ranges


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [([], ""), ([4], "4"), ([7, 0, 1, 2, 3], "0-3 7"), ([1, 0, 1], "0-1"), ([0, 2, 4, 5, 6], "0 2 4-6")],
)
def test_neighbouring_numbers_are_joined(numbers: list[int], shown: str) -> None:
    assert ranges(numbers) == shown


def test_ranges_beyond_the_limit_are_counted() -> None:
    assert ranges([0, 2, 4, 5, 6, 9], max_shown=2) == "0 2 and 4 more"


@given(st.sets(st.integers(0, 200)))
def test_ranges_contain_every_number_once(numbers: set[int]) -> None:
    found = [part.split("-") for part in ranges(numbers, max_shown=1000).split()]
    assert [number for part in found for number in range(int(part[0]), int(part[-1]) + 1)] == sorted(numbers)
