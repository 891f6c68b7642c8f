"""The catalogues of Django's texts hold all texts, and only complete languages are offered."""

import json
import re
from pathlib import Path

import pytest
from babel.messages import Catalog

from dashboard import languages
from dashboard.environment import CHECKOUT
from tests.texts import catalogues
from tests.texts.collect import collected
from upgrades.core.messages import GONE
from upgrades.orchestrator.outcomes import HEALTH_DETAIL_OF

OTHERS = sorted(path.name for path in languages.FOLDER.iterdir() if path.name != languages.ENGLISH)


def test_the_english_catalogue_is_of_today() -> None:
    file = catalogues.file_of(languages.ENGLISH)
    assert file.read_bytes() == catalogues.written(collected()), "run `make texts`"


def test_english_and_complete_languages_are_offered() -> None:
    english = collected()
    for name in OTHERS:
        catalogue = catalogues.read(catalogues.file_of(name))
        mo = catalogues.file_of(name).with_suffix(".mo")
        open_ones = [*catalogues.problems(catalogue, english), *catalogues.missing_elsewhere(name)]
        assert mo.exists() == (not open_ones), f"run `make texts` ({name})"
        assert not mo.exists() or mo.read_bytes() == catalogues.compiled(catalogue), f"run `make texts` ({name})"


def test_a_language_is_offered_as_soon_as_it_is_complete(tmp_path: Path) -> None:
    folder, tree = tmp_path / "locale", tmp_path
    (line,) = catalogues.renew(begin=["sv"], folder=folder, root=tree)
    assert line.startswith("sv: ") and "texts to do" in line
    assert languages.offered(folder) == [("en", "English")]
    file = catalogues.file_of("sv", folder)
    catalogue = catalogues.read(file)
    for message in catalogue:
        message.string = tuple(message.id) if message.pluralizable else message.id
    file.write_bytes(catalogues.written(catalogue))
    (line,) = catalogues.renew(folder=folder, root=tree)
    assert "static/texts/sv.json: " in line, "one of its three files is not there"
    assert languages.offered(folder) == [("en", "English")]
    for place in catalogues.missing_elsewhere("sv", tree):
        path, _, key = place.partition(": ")
        file = tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        has = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**has, key: "x"}))
    assert list(catalogues.renew(folder=folder, root=tree)) == ["sv: complete"]
    assert languages.offered(folder) == [("en", "English"), ("sv", "svenska")]


def test_the_pages_know_each_word_that_the_engine_has_for_a_health_it_voids() -> None:
    """static/js/details.js has them in the page's language; it is told nothing but the English text."""
    known = (CHECKOUT / "static/js/details.js").read_text()
    said = [GONE, *HEALTH_DETAIL_OF.values()]
    for file in ("orchestrator/record.py", "prober/write_back.py"):
        said += re.findall(r'Health\.INITIALIZING, now, "([^"]+)"', (CHECKOUT / "upgrades" / file).read_text())
    assert len(said) == 7 and all(f'"{text}": t(' in known for text in said)
    assert "it could not be created: " in (CHECKOUT / "upgrades/models/instance.py").read_text()


@pytest.mark.parametrize(
    ("text", "translation", "is_right"),
    [
        ("Upgrade of {name} resumed.", "{name} fortsätter.", True),
        ("Upgrade of {name} resumed.", "{namn} fortsätter.", False),
        ("%(version)s (pinned)", "%(version)s (låst)", True),
        ("Follow <b>latest</b>", "Följ latest", False),
        ("Main", 'Huvud"meny', False),
        ("Main", "", False),
    ],
)
def test_a_translation_has_the_places_of_the_text(text: str, translation: str, is_right: bool) -> None:
    english, swedish = Catalog(), Catalog(locale="sv")
    english.add(text)
    swedish.add(text, translation)
    assert (not list(catalogues.problems(swedish, english))) == is_right
