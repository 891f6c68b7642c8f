"""Judges many cases by what must hold of each."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Case = TypeVar("Case")


def broken(holds: Iterable[Callable[[Case], None]], cases: Iterable[Case]) -> list[str]:
    """For each case of which something does not hold: which case, what, and the assertion that failed."""
    holds = list(holds)
    return [found for case in cases for hold in holds if (found := _broken(hold, case))]


def _broken(hold: Callable[[Case], None], case: Case) -> str:
    try:
        hold(case)
    except AssertionError as error:
        return f"{case}, {hold.__name__.strip('_').replace('_', ' ')}: {error}"
    return ""
