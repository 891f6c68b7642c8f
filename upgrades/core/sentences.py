"""Sentences that carry the values in them, so that a viewer can show them in another language or time zone."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from inspect import signature
from typing import Annotated, Any, ParamSpec, TypedDict, get_args, get_type_hints

from upgrades.core.facts import Hold, Trial, Withdrawal
from upgrades.core.instants import iso


class ParamType(StrEnum):
    INSTANT = "instant"  # ISO 8601, in UTC
    VERSION = "version"
    COUNT = "count"
    PERCENT = "percent"
    TEXT = "text"  # in somebody's own words
    INSTANCES = "instances"  # a list of ids
    VERSIONS = "versions"
    FLAG = "flag"


Version = Annotated[str, ParamType.VERSION]
Versions = Annotated[Sequence[str], ParamType.VERSIONS]
Percent = Annotated[float, ParamType.PERCENT]


class Param(TypedDict):
    type: str
    value: Any


class SentenceShape(TypedDict):
    """A sentence as JSON. `text`: English, with times in UTC. `template`: the same with {name} instead of each time, other braces doubled.

    `params`: all values in the sentence by name, times among them."""

    text: str
    template: str
    params: dict[str, Param]


class Sentence(str):
    """An English sentence with times in UTC. Beside the text it has its template and its values (see SentenceShape)."""

    template: str
    params: Mapping[str, Param]

    def __new__(cls, text: str, template: str = "", params: Mapping[str, Param] | None = None) -> "Sentence":
        made = super().__new__(cls, text)
        made.template, made.params = template or _escaped(text), params or {}
        return made


def shaped(text: str) -> SentenceShape:
    """The sentence as JSON, as the feed and the API carry it. A plain text has no values.

    >>> shaped("It costs {5}.")
    {'text': 'It costs {5}.', 'template': 'It costs {{5}}.', 'params': {}}
    """
    made = text if isinstance(text, Sentence) else Sentence(text)
    return SentenceShape(text=str(made), template=made.template, params=dict(made.params))


def at(moment: datetime) -> str:
    """The time within marks, to be put into a sentence; `sentence` then replaces it by words."""
    return f"\x02{moment.isoformat()}\x03"


def in_utc(moment: datetime) -> str:
    """A time for people where their time zone is not known. A time too near the calendar's end to be converted stays in its own zone.

    >>> in_utc(datetime(2018, 9, 25, 12, tzinfo=UTC))
    '2018-09-25 12:00:00 UTC'
    """
    try:
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return moment.isoformat(sep=" ")


P = ParamSpec("P")


def sentence(function: Callable[P, str]) -> Callable[P, Sentence]:
    """Decorator: the text that the function returns becomes a Sentence with its arguments, of the types that its parameters have."""
    takes = signature(function)
    kinds = {name: _kind_of(hint) for name, hint in get_type_hints(function, include_extras=True).items()}

    @wraps(function)
    def said(*args: P.args, **kwargs: P.kwargs) -> Sentence:
        bound = takes.bind(*args, **kwargs).arguments
        params = {key: one for name, value in bound.items() for key, one in _params(name, value, kinds[name])}
        return _made(function(*args, **kwargs), params)

    return said


def _kind_of(hint: Any) -> ParamType | None:
    return next((one for one in get_args(hint) if isinstance(one, ParamType)), None)


def _params(name: str, value: Any, kind: ParamType | None) -> Iterator[tuple[str, Param]]:
    if isinstance(value, Hold | Withdrawal | Trial):
        for part, kind in _PARTS[type(value)].items():
            yield from _params(part, getattr(value, part), kind)
    elif value is not None and value != "":
        yield name, _param(value, kind)


_PARTS: dict[type, dict[str, ParamType]] = {
    Hold: {"owner": ParamType.TEXT, "reason": ParamType.TEXT, "until": ParamType.INSTANT},
    Withdrawal: {"by": ParamType.TEXT, "reason": ParamType.TEXT},
    Trial: {"failed": ParamType.COUNT, "tried": ParamType.COUNT},
}


def _param(value: Any, kind: ParamType | None) -> Param:
    match value:
        case bool():
            return Param(type=ParamType.FLAG.value, value=value)
        case int() | float():
            return Param(type=(kind or ParamType.COUNT).value, value=value)
        case datetime():
            return Param(type=ParamType.INSTANT.value, value=iso(value))
        case str():
            return Param(type=(kind or ParamType.TEXT).value, value=str(value))
    strings = [str(one) for one in value]
    return Param(type=(kind or ParamType.INSTANCES).value, value=strings)


_PLACE = re.compile("\x02([^\x03]*)\x03")


def _made(marked: str, params: Mapping[str, Param]) -> Sentence:
    known = {one["value"]: name for name, one in params.items() if one["type"] == ParamType.INSTANT.value}
    text, template = [], []
    for place, part in enumerate(_PLACE.split(marked)):
        moment = _read(part) if place % 2 else None
        name = known.get(iso(moment)) if moment else None
        text.append(in_utc(moment) if moment else part)
        template.append(f"{{{name}}}" if name else _escaped(text[-1]))
    return Sentence("".join(text), "".join(template), params)


def _read(part: str) -> datetime | None:
    """The time between two marks; None for a person's text that happens to contain the marks."""
    try:
        return datetime.fromisoformat(part)
    except ValueError:
        return None


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
