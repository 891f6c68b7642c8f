"""The catalogue of messages: what the engine says to people, one file for each language (docs/texts.md).

`en.json` has every message, as {key: template}; only the words of the policy's switches stand in their own table (core/policy.py). The
templates are those of core/message_format.py. A second language is a file beside it with the same keys. API, terminal and feed use English.
A page uses the file of its language; a message that is not in it stays English.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from upgrades.core.message_format import params_of
from upgrades.core.policy import FIELDS
from upgrades.core.sentences import Sentence, sentence_of

ENGLISH = "en"
SWITCHES = {field.key: field.words_if_changed for field in FIELDS.values() if field.words_if_changed}


@cache
def messages_in(language: str) -> Mapping[str, str]:
    """{key: template} of this language; {} where there is no file of it."""
    found = files(__package__).joinpath(f"{language}.json")
    messages: dict[str, str] = json.loads(found.read_text(encoding="utf-8")) if found.is_file() else {}
    return {**messages, **SWITCHES} if language == ENGLISH else messages


def say(key: str, /, **values: object) -> Sentence:
    """The message in English. Raises TypeError unless `values` are exactly those of its template; None for one that does not apply."""
    template = messages_in(ENGLISH)[key]
    takes = params_of(template).keys()
    if takes != values.keys():
        raise TypeError(f'message "{key}" takes {sorted(takes)}, got {sorted(values)}')
    return sentence_of(key, template, values)


def say_with(key: str, values: Mapping[str, object]) -> Sentence:
    """As `say`, but `values` may have more than the template takes."""
    return say(key, **{name: values[name] for name in params_of(messages_in(ENGLISH)[key]) if name in values})


def is_message(key: str) -> bool:
    return key in messages_in(ENGLISH)


def text_of(key: str) -> str:
    """The English of a message without values; "" where there is no such message."""
    return say(key) if is_message(key) else ""
