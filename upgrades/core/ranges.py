"""Numbers of instances, to read."""

from collections.abc import Iterable


def ranges(numbers: Iterable[int], most: int = 20) -> str:
    """In order, neighbours as one; what is beyond so many ranges is counted.

    >>> ranges([7, 0, 1, 2, 3])
    '0-3 7'
    >>> ranges(range(0, 10, 2), most=3)
    '0 2 4 and 2 more'
    """
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    words = [str(first) if first == last else f"{first}-{last}" for first, last in found[:most]]
    left = sum(last - first + 1 for first, last in found[most:])
    return " ".join([*words, f"and {left} more"] if left else words)
