"""Functions of dates. They are strings as in ISO 8601; formats are those of .NET."""

import calendar
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions.table import Table

TABLE = Table()
_DURATION = re.compile(
    r"(?P<sign>-?)P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_PART = re.compile(
    r"y{1,9}|M{1,9}|d{1,9}|H{1,9}|h{1,9}|m{1,9}|s{1,9}|f{1,7}|F{1,7}|t{1,9}|z{1,9}|g{1,9}|K|'[^']*'|\"[^\"]*\"|\\.|.",
    re.DOTALL,
)
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# One letter stands for a whole format, in the way of no country.
STANDARD = {
    "d": "MM/dd/yyyy", "D": "dddd, dd MMMM yyyy", "f": "dddd, dd MMMM yyyy HH:mm", "F": "dddd, dd MMMM yyyy HH:mm:ss",
    "g": "MM/dd/yyyy HH:mm", "G": "MM/dd/yyyy HH:mm:ss", "m": "MMMM dd", "M": "MMMM dd", "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "O": "yyyy-MM-ddTHH:mm:ss.fffffffK", "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'", "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss", "t": "HH:mm", "T": "HH:mm:ss", "u": "yyyy-MM-dd HH:mm:ssZ",
    "U": "dddd, dd MMMM yyyy HH:mm:ss", "y": "yyyy MMMM", "Y": "yyyy MMMM",
}  # fmt: skip
DEFAULT = "yyyyMMddTHHmmssZ"  # of utcNow


@TABLE.add("dateTimeAdd", "string", "string", "string?")
def date_time_add(base: str, duration: str, wanted: str = "u") -> str:
    match = _DURATION.fullmatch(duration) if len(duration) < 60 else None
    if match is None:
        raise TemplateError(f"dateTimeAdd: {duration[:60]!r} is no duration such as P1DT2H or -PT30M")
    sign = -1 if match["sign"] else 1
    count = {name: sign * float(match[name] or 0) for name in _DURATION.groupindex if name != "sign"}
    try:
        moved = _months_later(_read("dateTimeAdd", base), int(12 * count.pop("years") + count.pop("months")))
        return formatted(moved + timedelta(**count), wanted)
    except (OverflowError, ValueError) as error:
        raise TemplateError("dateTimeAdd: the result is not within the years 1 to 9999") from error


def _months_later(start: datetime, months: int) -> datetime:
    """The same day of that month, or its last where it has fewer days."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ValueError(year)
    return start.replace(year=year, month=month + 1, day=min(start.day, calendar.monthrange(year, month + 1)[1]))


@TABLE.add("dateTimeFromEpoch", "int")
def date_time_from_epoch(seconds: int) -> str:
    try:
        return formatted(datetime.fromtimestamp(seconds, UTC), "yyyy-MM-ddTHH:mm:ssZ")
    except (OverflowError, ValueError, OSError) as error:
        raise TemplateError(f"dateTimeFromEpoch: {seconds} is not within the years 1 to 9999") from error


@TABLE.add("dateTimeToEpoch", "string")
def date_time_to_epoch(text: str) -> int:
    return int(_read("dateTimeToEpoch", text).timestamp())


def _read(name: str, text: str) -> datetime:
    """In UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise TemplateError(f"{name}: {text[:60]!r} is no date such as 2018-09-25T12:00:00Z") from None


def formatted(instant: datetime, wanted: str) -> str:
    """In this format of .NET's. `instant` is in UTC. Raises TemplateError for a single letter that stands for no format."""
    if len(wanted) == 1 and wanted.isalpha() and wanted not in STANDARD:
        raise TemplateError(f"{wanted!r} stands for no format of a date")
    pattern = STANDARD.get(wanted, wanted).removeprefix("%")
    if len(pattern) > 200:
        raise TemplateError("the format of a date has at most 200 characters")
    return "".join(_formatted(instant, part) for part in _PART.findall(pattern))


def _formatted(instant: datetime, part: str) -> str:
    letter, width = part[0], len(part)
    if letter in SPECIAL:
        return SPECIAL[letter](instant, width)
    if letter in "'\"" and width > 1:
        return part[1:-1]
    return part[1:] if letter == "\\" else part


def _named(names: Sequence[str], number: int, shown: int, width: int) -> str:
    """A month or a day: its name, its first three letters, or its number."""
    if width > 2:
        return names[number][: 3 if width == 3 else None]
    return str(shown).zfill(width)


def _two(number: int, width: int) -> str:
    return str(number).zfill(min(width, 2))


def _fraction(instant: datetime, width: int) -> str:
    return f"{instant.microsecond * 10:07d}"[:width]


# By the letter of a part: what it shows, in so many letters.
SPECIAL: Mapping[str, Callable[[datetime, int], str]] = {
    "y": lambda at, width: str(at.year % 100 if width < 3 else at.year).zfill(width),
    "M": lambda at, width: _named(MONTHS, at.month - 1, at.month, width),
    "d": lambda at, width: _named(DAYS, at.weekday(), at.day, width),
    "H": lambda at, width: _two(at.hour, width),
    "h": lambda at, width: _two(at.hour % 12 or 12, width),
    "m": lambda at, width: _two(at.minute, width),
    "s": lambda at, width: _two(at.second, width),
    "f": _fraction,
    "F": lambda at, width: _fraction(at, width).rstrip("0"),
    "t": lambda at, width: ("AM" if at.hour < 12 else "PM")[: min(width, 2)],
    "z": lambda _, width: ("+0", "+00", "+00:00")[min(width, 3) - 1],
    "K": lambda _, __: "Z",
    "g": lambda _, __: "A.D.",
}
