"""What was committed survives a power cut: neither database is told to leave that to chance."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests import databases

FULL = 2


@pytest.mark.django_db
def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    if connection.vendor == "sqlite":
        outside_tests = settings.DATABASES["default"]["OPTIONS"]["init_command"].removesuffix(
            databases.WAITS_FOR_NO_DISK
        )
        with closing(sqlite3.connect(tmp_path / "any.sqlite3")) as any_database:
            any_database.executescript(outside_tests)
            assert any_database.execute("PRAGMA synchronous").fetchone() == (FULL,)
    else:
        assert "synchronous_commit" not in str(settings.DATABASES)
