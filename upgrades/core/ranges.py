"""Sets of instance ids as text: `ranges` for people, `spans` for programs."""

from collections.abc import Iterable, Iterator


def ranges(numbers: Iterable[int], max_shown: int = 20) -> str:
    """The numbers in order, with neighbours joined to ranges. After `max_shown` ranges, the remaining numbers are only counted.

    >>> ranges([7, 0, 1, 2, 3])
    '0-3 7'
    >>> ranges(range(0, 10, 2), max_shown=3)
    '0 2 4 and 2 more'
    """
    found = list(_runs(numbers))
    left = sum(last - first + 1 for first, last in found[max_shown:])
    return " ".join([*map(_words, found[:max_shown]), f"and {left} more"] if left else map(_words, found[:max_shown]))


def spans(numbers: Iterable[int]) -> str:
    """All the numbers as ranges, for programs; "" where there are none. `numbers_in` reads it back.

    >>> spans([7, 0, 1, 2, 3])
    '0-3,7'
    """
    return ",".join(map(_words, _runs(numbers)))


def numbers_in(text: str) -> list[int]:
    """The numbers in a text that `spans` wrote, ascending.

    >>> numbers_in("0-3,7"), numbers_in("")
    ([0, 1, 2, 3, 7], [])
    """
    found: list[int] = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def count_in(text: str) -> int:
    """How many numbers are in a text that `spans` wrote.

    >>> count_in("0-3,7"), count_in("")
    (5, 0)
    """
    ends = (part.partition("-") for part in text.split(",")) if text else ()
    return sum(int(last or first) - int(first) + 1 for first, _, last in ends)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of each run of consecutive numbers."""
    first = last = None
    for number in sorted(set(numbers)):
        if first is None or last is None:
            first = number
        elif number != last + 1:
            yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last


def _words(run: tuple[int, int]) -> str:
    first, last = run
    return str(first) if first == last else f"{first}-{last}"
