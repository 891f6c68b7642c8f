"""The function `format`: .NET's composite formats of numbers, {0,8:N2}, in the way of no country."""

import re
from decimal import ROUND_HALF_UP, Decimal

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions.table import Table
from upgrades.arm.template.values import MAX_TEXT, TOO_LONG, Value, as_text

TABLE = Table()
_PLACE = re.compile(r"\{\{|\}\}|\{(?P<index>\d+)(?:,\s*(?P<width>-?\d+))?(?::(?P<spec>[^{}]*))?\}|[{}]")
_STANDARD = re.compile(r"(?P<kind>[BCDEFGNPRX])(?P<digits>\d{0,2})", re.IGNORECASE)
_PATTERN = re.compile(
    r"(?P<before>[^0#,.%]*)(?P<whole>[0#,]*)(?:\.(?P<part>[0#]*))?(?P<percent>%?)(?P<after>[^0#,.%;]*)"
)
FOR_INTEGERS = "DXB"


@TABLE.add("format", "string", "any*", looks_at_all=True)
def format_(template: str, *values: Value) -> str:
    """As .NET's composite formatting: {0}, {0,8}, {0:D4}."""
    room = MAX_TEXT

    def filled(place: re.Match[str]) -> str:
        nonlocal room
        text = _filled(place, values)
        room -= len(text)
        if room < 0:
            raise TemplateError(TOO_LONG)
        return text

    return _PLACE.sub(filled, template)


def _filled(place: re.Match[str], values: tuple[Value, ...]) -> str:
    if place[0] in ("{{", "}}"):
        return place[0][0]
    if place["index"] is None:
        raise TemplateError(f"format: a single {place[0]!r} has no meaning; write it twice")
    if len(place["index"]) > 4 or int(place["index"]) >= len(values):
        raise TemplateError(f"format: {place[0][:40]} has no value, there are {len(values)}")
    text = _specified(values[int(place["index"])], place["spec"] or "")
    width = int((place["width"] or "0")[:7])
    if abs(width) > MAX_TEXT:
        raise TemplateError(TOO_LONG)
    return text.ljust(-width) if width < 0 else text.rjust(width)


def _specified(value: Value, spec: str) -> str:
    if not spec or isinstance(value, bool | str) or value is None:
        return as_text(value)  # only numbers have formats
    if not isinstance(value, int | float):
        raise TemplateError(f"format: {spec[:40]!r} is for numbers")
    match = _STANDARD.fullmatch(spec)
    if match is not None:
        return _standard(value, match["kind"], match["digits"])
    if spec[0].isalpha() or len(spec) > 60:
        raise TemplateError(
            f"format: {spec[:40]!r} is not known; known are B C D E F G N P R X, and patterns such as #,##0.00"
        )
    return _patterned(value, spec)


def _standard(value: int | float, kind: str, digits: str) -> str:
    if kind.upper() in FOR_INTEGERS:
        return _of_integer(value, kind, int(digits or 0))
    exact, upper = Decimal(str(value)), kind.upper()
    if upper == "E":
        mantissa, _, exponent = f"{exact:.{int(digits or 6)}e}".partition("e")
        return f"{mantissa}{kind}{exponent[0]}{exponent[1:].zfill(3)}"
    if upper in "GR":
        return f"{value:.{digits}g}" if digits and int(digits) else as_text(value)
    rounded = _rounded(exact * (100 if upper == "P" else 1), int(digits or 2))
    shown = f"{abs(rounded):{'' if upper == 'F' else ','}f}"
    sign = "-" if rounded < 0 else ""
    if upper == "C":
        return f"(\N{CURRENCY SIGN}{shown})" if sign else f"\N{CURRENCY SIGN}{shown}"
    return f"{sign}{shown} %" if upper == "P" else f"{sign}{shown}"


def _of_integer(value: int | float, kind: str, digits: int) -> str:
    if not isinstance(value, int):
        raise TemplateError(f"format: {kind!r} is for integers")
    if kind in "Dd":
        return f"{'-' if value < 0 else ''}{abs(value):0{digits}d}"
    return f"{value % 2**64:0{digits}{kind.lower() if kind in 'Bb' else kind}}"


def _patterned(value: int | float, spec: str) -> str:
    """A pattern of digits: 0 is always shown, # only where there is one."""
    match = _PATTERN.fullmatch(spec)
    if match is None:
        raise TemplateError(f"format: the pattern {spec[:40]!r} is not known; known are such as 000, #,##0.00 and 0.#%")
    whole, part = match["whole"], match["part"] or ""
    rounded = _rounded(Decimal(str(value)) * (100 if match["percent"] else 1), len(part))
    before, _, after = f"{abs(rounded):f}".partition(".")
    shown = before.zfill(whole.count("0"))
    if shown == "0" and "0" not in whole:
        shown = ""
    if "," in whole and shown:
        shown = f"{int(shown):0{len(shown) + (len(shown) - 1) // 3},}"
    kept = after[: part.rfind("0") + 1] + after[part.rfind("0") + 1 :].rstrip("0")
    text = f"{match['before']}{shown}{f'.{kept}' if kept else ''}{match['percent']}{match['after']}"
    return f"-{text}" if rounded < 0 else text


def _rounded(number: Decimal, places: int) -> Decimal:
    return (
        number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        if abs(number) < 10**20
        else number.to_integral_value()
    )
