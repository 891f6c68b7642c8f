"""The catalogues of Django's texts hold all texts, and only complete languages are offered."""

from pathlib import Path

import pytest
from babel.messages import Catalog

from dashboard import languages
from tests.texts import catalogues
from tests.texts.collect import collected

OTHERS = sorted(path.name for path in languages.FOLDER.iterdir() if path.name != languages.ENGLISH)


def test_the_english_catalogue_is_of_today() -> None:
    file = catalogues.file_of(languages.ENGLISH)
    assert file.read_bytes() == catalogues.written(collected()), "run `make texts`"


def test_the_offered_languages_are_english_and_those_that_are_complete() -> None:
    english = collected()
    for name in OTHERS:
        catalogue = catalogues.read(catalogues.file_of(name))
        mo = catalogues.file_of(name).with_suffix(".mo")
        assert mo.exists() == (not list(catalogues.problems(catalogue, english))), f"run `make texts` ({name})"
        assert not mo.exists() or mo.read_bytes() == catalogues.compiled(catalogue), f"run `make texts` ({name})"


def test_a_language_is_offered_as_soon_as_it_is_complete(tmp_path: Path) -> None:
    (line,) = catalogues.renew(begin=["sv"], folder=tmp_path)
    assert line.startswith("sv: ") and "texts to do" in line
    assert languages.offered(tmp_path) == [("en", "English")]
    file = catalogues.file_of("sv", tmp_path)
    catalogue = catalogues.read(file)
    for message in catalogue:
        message.string = tuple(message.id) if message.pluralizable else message.id
    file.write_bytes(catalogues.written(catalogue))
    assert list(catalogues.renew(folder=tmp_path)) == ["sv: complete"]
    assert languages.offered(tmp_path) == [("en", "English"), ("sv", "svenska")]


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
