"""The made-up language, offered beside English."""

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.texts import made_up


@pytest.fixture(scope="session")
def its_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locale")
    made_up.write(folder)
    return folder


@pytest.fixture
def made_up_language(its_folder: Path, settings: Settings) -> str:
    settings.LOCALE_PATHS = [its_folder]
    settings.LANGUAGES = [("en", "English"), (made_up.CODE, "accents")]
    return made_up.CODE
