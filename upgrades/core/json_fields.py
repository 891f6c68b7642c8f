"""Readers of single fields of JSON documents. They find names in any case, check values, and name the field in every error.

A path is the names that lead to a field: ("properties", "probes"). A place is a path as text, with indices: properties.probes[0].

Azure's clients differ in the case of names, and templates send numbers and switches as strings.
"""

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from upgrades.core.masking import SECRET_FIELDS, masked
from upgrades.core.spellings import spelling_in

MAX_NESTING = 100  # levels of objects and lists within each other

UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

Json = Mapping[str, Any]


class BadDocument(ValueError):
    """The document cannot be used. `code`: Azure's error code, `target`: the path of the wrong field, "" for the whole document."""

    def __init__(self, message: str, *, target: str = "", code: str = "InvalidParameter") -> None:
        super().__init__(message)
        self.message = message
        self.target = target
        self.code = code


def get_field(document: object, *path: str) -> Any:
    """The value at `path`, with names in any case; None where it is absent."""
    value = document
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = _in_any_case(value, name)
    return value


def _in_any_case(document: Json, name: str) -> Any:
    """The value of a field of this object; None where it is null or absent."""
    spelling = spelling_in(document, name)
    return None if spelling is None else document[spelling]


# --- single values ----------------------------------------------------------------------------------------------------
# Each reader takes the path of a field. `parent` is the place where that path begins, for the error message.


def read_str(
    document: object, *path: str, required: bool = False, parent: str = "", max_length: int | None = None
) -> str:
    value, target = _value(document, path, parent), dotted_path(parent, *path)
    if value in (None, ""):
        if required:
            raise BadDocument(f"{target} is missing", target=target)
        return ""
    if not isinstance(value, str):
        raise wrong_value(target, "a string", value)
    if max_length is not None and len(value) > max_length:
        raise BadDocument(f"{target} has at most {max_length} characters, not {len(value)}", target=target)
    return value


def read_int(document: object, *path: str, default: int | None, minimum: int, maximum: int, parent: str = "") -> int:
    value, target = _value(document, path, parent), dotted_path(parent, *path)
    if value is None:
        if default is None:
            raise BadDocument(f"{target} is missing", target=target)
        return default
    number = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    if not isinstance(number, int) or isinstance(number, bool) or not minimum <= number <= maximum:
        raise wrong_value(target, f"an integer from {minimum} to {maximum}", value)
    return number


_WHOLE = re.compile(r"\s*-?[0-9]{1,9}\s*")


def read_bool(document: object, *path: str) -> bool:
    """A switch, also as the string "true" or "false"; False where it is absent."""
    value, target = _value(document, path), dotted_path("", *path)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return bool(value)
    raise wrong_value(target, "true or false", value)


_DURATION = re.compile(
    r"P(?:([0-9]{1,9})D)?(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)S)?)?",
    re.IGNORECASE,
)


def read_duration(document: object, *path: str, maximum: timedelta) -> timedelta:
    """An ISO 8601 duration of days, hours, minutes and seconds, such as PT30S; zero where it is absent."""
    value = read_str(document, *path)
    if not value:
        return timedelta(0)
    match = _DURATION.fullmatch(value)
    if not match or not any(match.groups()):
        raise wrong_value(".".join(path), "an ISO 8601 duration such as PT30S", value)
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    length = timedelta(seconds=min(((days * 24 + hours) * 60 + minutes) * 60 + seconds, 1e10))
    if length > maximum:
        raise wrong_value(".".join(path), f"at most P{maximum.days}D", value)
    return length


def read_objects(document: object, *path: str, parent: str = "") -> Iterator[tuple[str, Json]]:
    """(place, object) of each element of a list of objects."""
    for index, element in enumerate(read_list(document, *path, parent=parent)):
        place = f"{dotted_path(parent, *path)}[{index}]"
        if not isinstance(element, Mapping):
            raise wrong_value(place, "an object", element)
        yield place, element


def read_list(document: object, *path: str, parent: str = "") -> list[Any]:
    """A list; [] where it is absent."""
    value = _value(document, path, parent)
    if value is not None and not isinstance(value, list):
        raise wrong_value(dotted_path(parent, *path), "a list", value)
    return value or []


def read_object(document: object, *path: str, parent: str = "") -> Json:
    """An object; {} where it is absent."""
    value = _value(document, path, parent)
    if value is not None and not isinstance(value, Mapping):
        raise wrong_value(dotted_path(parent, *path), "an object", value)
    return value or {}


def unprintable(words: str) -> int | None:
    """The index of the first control character, line break or mark of direction; None where there is none."""
    found = (
        index
        for index, letter in enumerate(words)
        if unicodedata.category(letter) in UNPRINTABLE or letter in DIRECTIONS
    )
    return next(found, None)


def check_tags(document: object) -> None:
    """Raises BadDocument for tags that are not printable text in one line."""
    for name, value in read_object(document, "tags").items():
        for words in (str(name), str(value)):
            if (index := unprintable(words)) is not None:
                raise BadDocument(
                    f"tags are printable text, in one line; not {show_value(words[max(index - 10, 0) : index + 10])}",
                    target="tags",
                )
        if not isinstance(value, str | int | float):
            raise wrong_value(f"tags.{printable(name)}", "a string", value)


def _value(document: object, path: Sequence[str], parent: str = "") -> Any:
    """Like `get_field`, but raises BadDocument where the path goes through a value that is not an object."""
    value = document
    for depth, name in enumerate(path):
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise wrong_value(dotted_path(parent, *path[:depth]) or "the document", "an object", value)
        value = _in_any_case(value, name)
    return value


def dotted_path(parent: str, *path: str) -> str:
    """The place of a path that begins at `parent`, "" for the whole document."""
    return ".".join([parent, *path] if parent else path)


def wrong_value(target: str, expected: str, value: object) -> BadDocument:
    """The error for a value of the wrong kind at `target`. The value of a secret field is not shown, only its kind."""
    came = kind_of_value(value) if target.rpartition(".")[2].lower() in SECRET_FIELDS else show_value(value)
    return BadDocument(f"{target} must be {expected}, got {came}", target=target)


def printable(name: object) -> str:
    """A name from outside, made fit for a message or a header: ASCII, at most 80 characters, without quotes."""
    return "".join(letter if " " <= letter <= "~" and letter not in "\"'\\" else "?" for letter in str(name)[:80])


def show_value(value: object) -> str:
    """A value for a message: short, in one line, without signatures. Objects and lists may hold secrets, so only their kind is named."""
    if isinstance(value, str):
        text = masked(value[:2000])
        return repr(text if len(text) <= 80 else f"{text[:80]}...")
    return json.dumps(value)[:80] if isinstance(value, int | float) else kind_of_value(value)


def kind_of_value(value: object) -> str:
    """What kind of JSON value it is, with its article: "a string", "an object"."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (str, "a string"),
        ((int, float), "a number"),
        (list, "a list"),
        (Mapping, "an object"),
    )
    return next((word for types, word in kinds if isinstance(value, types)), f"a {type(value).__name__}")


def refuse_duplicate_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """`object_pairs_hook` for json.loads. Raises BadDocument for a field that is given twice, because readers differ in which they take."""
    read = dict(pairs)
    if len(read) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise BadDocument(f"the field '{printable(twice)}' is given twice in one object", code="InvalidRequestContent")
    return read


# --- what no database can store ---------------------------------------------------------------------------------------


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def check_json(document: object) -> None:
    """Raises BadDocument for what Python accepts as JSON but a database or another JSON reader refuses."""
    waiting: list[tuple[object, int]] = [(document, 1)]
    while waiting:
        value, level = waiting.pop()
        if level > MAX_NESTING:
            raise BadDocument(f"the document is nested more than {MAX_NESTING} levels deep")
        if isinstance(value, Mapping):
            waiting += [(inner, level + 1) for inner in value.values()]
            waiting += [(name, level) for name in value]
        elif isinstance(value, list):
            waiting += [(inner, level + 1) for inner in value]
        else:
            _check_single(value)


def _check_single(value: object) -> None:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise BadDocument(
                "the document has a text with a NUL or half a surrogate pair in it, which cannot be stored"
            )
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadDocument(f"the document has the number {value} in it, which is not JSON")
    elif value is not None and not isinstance(value, int):
        raise BadDocument(f"the document has {kind_of_value(value)} in it, which is not JSON")
