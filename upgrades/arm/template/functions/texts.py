"""Functions of strings. Searching is without regard to case in startsWith, endsWith, indexOf and lastIndexOf, as in Azure."""

import base64
import binascii
import json
import re
import uuid
from hashlib import sha256
from urllib.parse import quote, unquote, urljoin

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions.table import Table
from upgrades.arm.template.values import MAX_TEXT, Value, as_text, bounded

TABLE = Table()
# Azure's `guid` makes version 5 UUIDs in this name space.
GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
UNIQUE_LENGTH = 13
_PLACE = re.compile(r"\{\{|\}\}|\{(?P<index>\d+)(?:,(?P<width>-?\d+))?(?::(?P<spec>[^{}]*))?\}|[{}]")
_SPEC = re.compile(r"(?P<kind>[DXNF])(?P<digits>\d{0,2})", re.IGNORECASE)


@TABLE.add("toLower", "string")
def to_lower(text: str) -> str:
    return text.lower()


@TABLE.add("toUpper", "string")
def to_upper(text: str) -> str:
    return text.upper()


@TABLE.add("trim", "string")
def trim(text: str) -> str:
    return text.strip()


@TABLE.add("string", "any")
def string(value: Value) -> str:
    return bounded(as_text(value))


@TABLE.add("startsWith", "string", "string")
def starts_with(text: str, wanted: str) -> bool:
    return text.lower().startswith(wanted.lower())


@TABLE.add("endsWith", "string", "string")
def ends_with(text: str, wanted: str) -> bool:
    return text.lower().endswith(wanted.lower())


@TABLE.add("replace", "string", "string", "string")
def replace(text: str, old: str, new: str) -> str:
    if not old:
        raise TemplateError("replace: the text to be replaced is empty")
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise TemplateError(f"a text has at most {MAX_TEXT} characters")
    return text.replace(old, new)


@TABLE.add("split", "string", "string|array")
def split(text: str, delimiters: str | list[str]) -> list[str]:
    wanted = [delimiters] if isinstance(delimiters, str) else delimiters
    if not all(isinstance(each, str) and each for each in wanted):
        raise TemplateError("split: delimiters must be strings that are not empty")
    # The longest first, so that one that begins like another is found.
    return (
        re.split("|".join(re.escape(each) for each in sorted(wanted, key=len, reverse=True)), text)
        if wanted
        else [text]
    )


@TABLE.add("join", "array", "string")
def join(values: list[Value], delimiter: str) -> str:
    return bounded(delimiter.join(map(as_text, values)))


@TABLE.add("substring", "string", "int", "int?")
def substring(text: str, start: int, length: int | None = None) -> str:
    end = len(text) if length is None else start + length
    if not 0 <= start <= end <= len(text):
        raise TemplateError(
            f"substring: the start and the length must lie within the text, which has {len(text)} characters"
        )
    return text[start:end]


@TABLE.add("padLeft", "string|int", "int", "string?")
def pad_left(value: str | int, width: int, fill: str = " ") -> str:
    if len(fill) != 1 or not 0 <= width <= MAX_TEXT:
        raise TemplateError("padLeft: the width must be positive, and it is filled with a single character")
    return as_text(value).rjust(width, fill)


@TABLE.add("format", "string", "any*")
def format_(template: str, *values: Value) -> str:
    """As .NET's composite formatting: {0}, {0,8}, {0:D4}; D, X, N and F of numbers."""

    def filled(place: re.Match[str]) -> str:
        if place[0] in ("{{", "}}"):
            return place[0][0]
        if place["index"] is None:
            raise TemplateError(f"format: a single {place[0]!r} has no meaning; write it twice")
        if len(place["index"]) > 4 or int(place["index"]) >= len(values):
            raise TemplateError(f"format: {place[0]} has no value, there are {len(values)}")
        text = _specified(values[int(place["index"])], place["spec"] or "")
        width = int((place["width"] or "0")[:7])
        bounded(" " * min(abs(width), MAX_TEXT + 1))
        return text.ljust(-width) if width < 0 else text.rjust(width)

    return bounded(_PLACE.sub(filled, template))


def _specified(value: Value, spec: str) -> str:
    if not spec:
        return as_text(value)
    match = _SPEC.fullmatch(spec)
    if match is None or isinstance(value, bool) or not isinstance(value, int | float):
        raise TemplateError(f"format: {spec!r} is not known for such a value; known are D, X, N and F for numbers")
    kind, digits = match["kind"], int(match["digits"] or 0)
    if kind in "NnFf":
        shown = int(match["digits"]) if match["digits"] else 2
        return f"{value:{',' if kind in 'Nn' else ''}.{shown}f}"
    if not isinstance(value, int):
        raise TemplateError(f"format: {spec!r} is for integers")
    if kind in "Dd":
        return f"{'-' if value < 0 else ''}{abs(value):0{digits}d}"
    return f"{value % 2**64:0{digits}{kind}}"


@TABLE.add("guid", "string+")
def guid(*texts: str) -> str:
    return str(uuid.uuid5(GUIDS, "-".join(texts)))


@TABLE.add("uniqueString", "string+")
def unique_string(*texts: str) -> str:
    """13 letters and digits, always the same for the same texts. They are others than Azure's, whose way is not published."""
    digest = sha256("-".join(texts).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:UNIQUE_LENGTH]


@TABLE.add("base64", "string")
def to_base64(text: str) -> str:
    return bounded(base64.b64encode(text.encode()).decode())


@TABLE.add("base64ToString", "string")
def base64_to_string(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise TemplateError("base64ToString: this is not a text in base64") from error


@TABLE.add("base64ToJson", "string")
def base64_to_json(text: str) -> Value:
    return from_json(base64_to_string(text))


@TABLE.add("json", "string")
def from_json(text: str) -> Value:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TemplateError(f"json: this is not JSON: {text[:60]!r}") from error


@TABLE.add("dataUri", "string")
def data_uri(text: str) -> str:
    return f"data:text/plain;charset=utf8;base64,{to_base64(text)}"


@TABLE.add("dataUriToString", "string")
def data_uri_to_string(uri: str) -> str:
    head, comma, content = uri.partition(",")
    if not comma or not head.lower().startswith("data:"):
        raise TemplateError("dataUriToString: this is not a data URI")
    return base64_to_string(content) if head.lower().endswith(";base64") else unquote(content)


@TABLE.add("uri", "string", "string")
def uri(base: str, relative: str) -> str:
    return bounded(urljoin(base, relative))


@TABLE.add("uriComponent", "string")
def uri_component(text: str) -> str:
    return bounded(quote(text, safe=""))


@TABLE.add("uriComponentToString", "string")
def uri_component_to_string(text: str) -> str:
    return unquote(text)
