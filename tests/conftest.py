"""What all tests share."""

from pathlib import Path

import pytest
from django.conf import settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="write the transcripts of tests/scenarios anew")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """SQLite in a file, as in production: Django's database in memory locks whole tables between threads."""
    default = settings.DATABASES["default"]
    if default["ENGINE"].endswith("sqlite3"):
        file: Path = tmp_path_factory.mktemp("database") / "test.sqlite3"
        default.setdefault("TEST", {})["NAME"] = str(file)
