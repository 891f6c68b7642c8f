"""Every message of the catalogue, in English and in a made-up second language: all of it is translated, and every value is used."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from upgrades.core import catalogue
from upgrades.core.catalogue import messages_in, say
from upgrades.core.message_format import ParamType, Placeholder, TemplateError, params_of, read
from upgrades.core.reason_kinds import KINDS
from upgrades.core.sentences import sentence_of, sentence_shape

ENGLISH = messages_in("en")
NOON = datetime(2018, 9, 25, 12, tzinfo=UTC)
# Without letters of English, so that what was not translated shows.
WORDS = ("Ö", "ß", "Ñ")
ACCENTS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "àƀćđéƒǵĥíĵķłɱńóƥɋřšťúṽŵẋýžÀƁĆĐÉƑǴĤÍĴĶŁṀŃÓƤɊŘŠŤÚṼŴẊÝŽ"
)


def a_value(chance: random.Random, type: ParamType) -> Any:
    match type:
        case ParamType.INSTANT:
            return NOON + timedelta(seconds=chance.randrange(10**8))
        case ParamType.COUNT:
            return chance.choice([0, 1, 2, chance.randrange(3, 1000)])
        case ParamType.PERCENT:
            return chance.choice([20, 33.3, 100])
        case ParamType.FLAG:
            return chance.random() < 0.5
        case ParamType.INSTANCES:
            return sorted(chance.sample(range(40), chance.randrange(1, 6)))
        case ParamType.VERSIONS:
            return [str(chance.randrange(99)) for _ in range(chance.randrange(1, 3))]
        case ParamType.VERSION:
            return str(chance.randrange(99))
    return chance.choice(WORDS)


def values_of(template: str, chance: random.Random) -> dict[str, Any]:
    """Random values, some of them not there where the template says what is said then."""
    found = {name: a_value(chance, type) for name, type in params_of(template).items()}
    for place in _choices(read(template)):
        if words := [case for case in place.cases if case not in ("none", "true", "false", "other")]:
            found[place.name] = chance.choice([*words, "another"])
        if "none" in place.cases and chance.random() < 0.5:
            found[place.name] = None
    return found


def _choices(nodes: Any) -> Iterator[Placeholder]:
    for node in nodes:
        if isinstance(node, Placeholder):
            if node.type == "select":
                yield node
            for case in node.cases.values():
                yield from _choices(case)


def accented(template: str) -> str:
    """The template in the made-up language: each letter of a text has an accent, each place stays."""
    return _written(read(template))


def _written(nodes: Any) -> str:
    return "".join(
        node.translate(ACCENTS) if isinstance(node, str) else f"{{{node.name}, {node.type}{_cases(node)}}}"
        for node in nodes
    )


def _cases(place: Placeholder) -> str:
    return "," + "".join(f" {case} {{{_written(nodes)}}}" for case, nodes in place.cases.items()) if place.cases else ""


@pytest.mark.parametrize("key", ENGLISH)
def test_a_second_language_says_all_of_a_message(key: str) -> None:
    chance, template = random.Random(key), accented(ENGLISH[key])
    assert params_of(template) == params_of(ENGLISH[key])
    for _ in range(20):
        values = values_of(template, chance)
        said = sentence_of(key, template, values)
        # The times and their zone are written by the viewer.
        text = said.replace(" UTC", "")
        assert not any(letter.isascii() and letter.isalpha() for letter in text), said
        assert said.translate(ACCENTS).replace(" ÚŤĆ", " UTC") == say(key, **values).translate(ACCENTS).replace(
            " ÚŤĆ", " UTC"
        ), "the two languages say different things"


@pytest.mark.parametrize("key", [key for key, template in ENGLISH.items() if params_of(template)])
def test_every_value_of_a_message_changes_its_text(key: str) -> None:
    chance, template = random.Random(key), ENGLISH[key]
    for name in params_of(template):
        tries = [(values_of(template, chance), values_of(template, chance)[name]) for _ in range(500)]
        changed = [say(key, **values) != say(key, **{**values, name: other}) for values, other in tries]
        assert any(changed), f"{name} is written nowhere"


LANGUAGES = [path.stem for path in Path(str(catalogue.__file__)).parent.glob("*.json")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_languages_have_the_same_messages_with_the_same_values(language: str) -> None:
    """A language that has not all of them yet is not offered for pages: tests/texts."""
    theirs = {key: params_of(message) for key, message in messages_in(language).items()}
    assert theirs == {key: params_of(ENGLISH[key]) for key in theirs}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_each_message_that_a_wall_shows(language: str) -> None:
    """Those of scale sets as a whole: a wall has no dialogs, and no panel of an instance."""
    shown = {
        key
        for key in ENGLISH
        if key.partition(".")[0] in {*KINDS, "upgrade", "OverTheLimit"} and not key.endswith(".each")
    }
    assert len(shown) > 80 and not shown - messages_in(language).keys()


def test_every_code_has_its_sentences() -> None:
    texts = [key for key in ENGLISH if key.partition(".")[2] not in ("brief", "each", "word")]
    for code in KINDS:
        assert any(key.partition(".")[0] == code for key in texts), code
    assert messages_in("no such language") == {}


def test_sentences_about_many_instances_have_a_form_for_one() -> None:
    counting = {key for key, message in ENGLISH.items() if key in KINDS and "count, plural" in message}
    assert not [key for key in counting if f"{key}.each" not in ENGLISH]


@pytest.mark.parametrize("template", ["{a", "{a, plural, one {x}}", "{a, nosuch}", "a}", "{a, select, other {}", "{}"])
def test_a_template_that_is_not_understood_is_refused(template: str) -> None:
    with pytest.raises(TemplateError, match="not understood at character"):
        read(template)


def test_pages_read_the_catalogue_as_the_engine_does(tmp_path: Path) -> None:
    """The pages' own reader of templates makes the same sentences, in both languages; times are written by the viewer's clock."""
    node, chance = shutil.which("node"), random.Random(7)
    assert node, "Node is not installed (Debian: apt install nodejs)"
    cases = [case for key in ENGLISH for _ in range(10) for case in _told(key, chance)]
    script = Path(__file__).parents[1] / "js" / "format-all.mjs"
    words = [node, "--no-warnings", str(script)]
    done = subprocess.run(words, input=json.dumps(cases), capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(done.stdout)
    wrong = [(case["said"], page) for case, page in zip(cases, told, strict=True) if case["said"] != page]
    assert not wrong, wrong[:5]


def _told(key: str, chance: random.Random) -> Iterator[Mapping[str, Any]]:
    for template in (ENGLISH[key], accented(ENGLISH[key])):
        values = values_of(template, chance)
        said = sentence_shape(sentence_of(key, template, values))
        yield {"template": template, "params": said["params"], "said": said["template"]}
