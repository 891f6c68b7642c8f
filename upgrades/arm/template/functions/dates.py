"""Functions of dates. They are strings as in ISO 8601; formats are those of .NET, of which the usual ones are known."""

import calendar
import re
from datetime import UTC, datetime, timedelta

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions.table import Table

TABLE = Table()
_DURATION = re.compile(
    r"(?P<sign>-?)P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_PART = re.compile(r"yyyy|MMMM|MMM|MM|dddd|ddd|dd|HH|hh|mm|ss|f{1,7}|tt|zzz|K|'[^']*'|[A-Za-z]|.", re.DOTALL)
# One letter stands for a whole format.
STANDARD = {
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ssZ",
    "d": "MM/dd/yyyy",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
}
BY_PART = {
    "yyyy": "%Y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "dddd": "%A", "ddd": "%a", "dd": "%d",
    "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "tt": "%p",
}  # fmt: skip
DEFAULT = "yyyyMMddTHHmmssZ"  # of utcNow


@TABLE.add("dateTimeAdd", "string", "string", "string?")
def date_time_add(base: str, duration: str, wanted: str = "u") -> str:
    match = _DURATION.fullmatch(duration) if len(duration) < 60 else None
    if match is None:
        raise TemplateError(f"dateTimeAdd: {duration[:60]!r} is no duration such as P1DT2H or -PT30M")
    sign = -1 if match["sign"] else 1
    count = {name: sign * int(match[name] or 0) for name in _DURATION.groupindex if name != "sign"}
    try:
        moved = _months_later(_read("dateTimeAdd", base), 12 * count.pop("years") + count.pop("months"))
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
    """In this format of .NET's. `instant` is in UTC. Raises TemplateError for a part that is not known."""
    parts = _PART.findall(STANDARD.get(wanted.lower() if wanted in "OSURD" else wanted, wanted)[:200])
    return "".join(_formatted(instant, part) for part in parts)


def _formatted(instant: datetime, part: str) -> str:
    if part in BY_PART:
        text = instant.strftime(BY_PART[part])
        return text.zfill(4) if part == "yyyy" else text
    if part[0] == "f":
        return f"{instant.microsecond * 10:07d}"[: len(part)]
    if part in ("K", "zzz"):
        return "Z" if part == "K" else "+00:00"
    if part[0] == "'":
        return part[1:-1]
    if part.isalpha() and part not in "TZ":
        raise TemplateError(
            f"the part {part!r} of a date's format is not known; letters that are meant so stand in single quotes"
        )
    return part
