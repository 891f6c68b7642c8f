"""Sentences that carry their values with them, so that a viewer can show them in another language or time zone.

`core/catalogue` makes a sentence from the key and the values of a message.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from upgrades.core.instants import iso
from upgrades.core.message_format import ParamType, Placeholder, chosen, params_of, read
from upgrades.core.ranges import ranges

MAX_RANGES = 8  # of instances in a sentence


class Param(TypedDict):
    """A value of a message, with its ParamType."""

    type: str
    value: Any


class SentenceShape(TypedDict):
    """A sentence as JSON. `text`: in English, with times in UTC. `template`: the text with {name} for each time, and other braces doubled.

    `key`: that of its message in the catalogue, "" for a text that is not from the catalogue. `params`: {name: value} of the message."""

    text: str
    template: str
    key: str
    params: dict[str, Param]


class Sentence(str):
    """An English sentence with times in UTC, as a string that also has the template, key and values of SentenceShape."""

    template: str
    key: str
    params: Mapping[str, Param]

    def __new__(
        cls, text: str, template: str = "", key: str = "", params: Mapping[str, Param] | None = None
    ) -> "Sentence":
        sentence = super().__new__(cls, text)
        sentence.template, sentence.key, sentence.params = template or _escaped(text), key, params or {}
        return sentence


def sentence_shape(text: str) -> SentenceShape:
    """The sentence as JSON, as the feed and the API carry it. A plain string has no key and no values.

    >>> sentence_shape("It costs {5}.")
    {'text': 'It costs {5}.', 'template': 'It costs {{5}}.', 'key': '', 'params': {}}
    """
    sentence = text if isinstance(text, Sentence) else Sentence(text)
    params = dict(sentence.params)
    return SentenceShape(text=str(sentence), template=sentence.template, key=sentence.key, params=params)


class MessageShape(TypedDict):
    """The message that a text was made from; `key` is "" for a text that is not from the catalogue."""

    key: str
    params: dict[str, Param]


def message_of(text: str) -> MessageShape:
    """The message that a text was made from.

    >>> message_of("It costs {5}.")
    {'key': '', 'params': {}}
    """
    found = sentence_shape(text)
    return MessageShape(key=found["key"], params=found["params"])


def with_message(text: str, message: Mapping[str, Any]) -> str:
    """Give a stored text its message back. `message`: the result of `message_of`, {} where that was not stored."""
    return Sentence(text, key=message["key"], params=message["params"]) if message else text


def in_utc(moment: datetime) -> str:
    """A time for people whose time zone is not known. A time too near the calendar's end to be converted stays in its own zone.

    >>> in_utc(datetime(2018, 9, 25, 12, tzinfo=UTC))
    '2018-09-25 12:00:00 UTC'
    """
    try:
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return moment.isoformat(sep=" ")


def sentence_of(key: str, template: str, values: Mapping[str, object]) -> Sentence:
    """Make the sentence of a template and its values. None and "" count as no value."""
    text, shown = [], []
    for node in chosen(read(template), values):
        part = node if isinstance(node, str) else _written(node, values[node.name])
        is_time = isinstance(node, Placeholder) and node.type == ParamType.INSTANT
        text.append(part)
        shown.append(f"{{{node.name}}}" if is_time and isinstance(node, Placeholder) else _escaped(part))
    params = {
        name: _param(values[name], type)
        for name, type in params_of(template).items()
        if values[name] is not None and values[name] != ""
    }
    return Sentence("".join(text), "".join(shown), key, params)


def _written(place: Placeholder, value: Any) -> str:
    match place.type:
        case ParamType.INSTANT:
            return in_utc(value)
        case ParamType.PERCENT:
            return f"{round(value, 1):g}"
        case ParamType.INSTANCES:
            return ranges(value, max_shown=MAX_RANGES)
        case ParamType.VERSIONS:
            return ", ".join(value)
    return "" if value is None else str(value)


def _param(value: Any, type: ParamType) -> Param:
    match value:
        case bool():
            return Param(type=ParamType.FLAG.value, value=value)
        case int() | float():
            return Param(type=type.value, value=value)
        case datetime():
            return Param(type=ParamType.INSTANT.value, value=iso(value))
        case str():
            return Param(type=type.value, value=str(value))
    return Param(type=type.value, value=_strings(value))


def _strings(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
