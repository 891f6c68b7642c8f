"""Functions of strings. Searching is without regard to case in startsWith, endsWith, indexOf and lastIndexOf, as in Azure."""

import base64
import binascii
import json
import math
import re
from urllib.parse import quote, unquote, urljoin

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions.table import Table
from upgrades.arm.template.values import MAX_TEXT, TOO_LONG, Value, as_text, bounded, joined

TABLE = Table()
MAX_DELIMITERS = 100


@TABLE.add("toLower", "string")
def to_lower(text: str) -> str:
    return text.lower()


@TABLE.add("toUpper", "string")
def to_upper(text: str) -> str:
    return text.upper()


@TABLE.add("trim", "string")
def trim(text: str) -> str:
    return text.strip()


@TABLE.add("string", "any", looks_at_all=True)
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
        raise TemplateError(TOO_LONG)
    return text.replace(old, new)


@TABLE.add("split", "string", "string|array")
def split(text: str, delimiters: str | list[str]) -> list[str]:
    wanted = [delimiters] if isinstance(delimiters, str) else delimiters
    if not all(isinstance(each, str) and each for each in wanted):
        raise TemplateError("split: delimiters must be strings that are not empty")
    if len(wanted) > MAX_DELIMITERS:
        raise TemplateError(f"split: at most {MAX_DELIMITERS} delimiters, not {len(wanted)}")
    # The longest first, so that one that begins like another is found.
    return (
        re.split("|".join(re.escape(each) for each in sorted(wanted, key=len, reverse=True)), text)
        if wanted
        else [text]
    )


@TABLE.add("join", "array", "string", looks_at_all=True)
def join(values: list[Value], delimiter: str) -> str:
    return joined(map(as_text, values), delimiter)


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
        return json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise TemplateError(f"json: this is not JSON: {text[:60]!r}") from error


def _no_number(name: str) -> Value:
    raise ValueError(name)


def _finite(text: str) -> float:
    if not math.isfinite(found := float(text)):
        raise ValueError(text)
    return found


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
