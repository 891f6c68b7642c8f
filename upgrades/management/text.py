"""How the terminal writes tables, times and lengths of time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def legible(text: str) -> str:
    """With what a terminal would obey, line breaks among it, written as Python writes it.

    >>> legible("on hold\\x1b[2J\\nready")
    'on hold\\\\x1b[2J\\\\nready'
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def align(table: Sequence[Sequence[str]]) -> list[str]:
    """Each column as wide as its widest cell."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def moment(at: datetime | str) -> str:
    """A time, or one as events write it."""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def length(time: timedelta) -> str:
    """In its two largest units.

    >>> [length(timedelta(seconds=seconds)) for seconds in (0, 45, 150, 6000, 200_000)]
    ['0 s', '45 s', '2 min 30 s', '1 h 40 min', '2 d 7 h']
    """
    left = round(time.total_seconds())
    words: list[str] = []
    for unit, seconds in UNITS:
        count, left = divmod(left, seconds)
        if count or words:
            words.append(f"{count} {unit}" if count else "")
        if len(words) == 2:
            break
    return " ".join(word for word in words if word) or "0 s"
