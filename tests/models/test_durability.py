"""What was committed survives a power cut: neither database is told to leave that to chance."""

import pytest
from django.conf import settings
from django.db import connection

FULL = 2


@pytest.mark.django_db
def test_a_commit_waits_for_the_disk() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA synchronous").fetchone() == (FULL,)
    else:
        assert "synchronous_commit" not in str(settings.DATABASES)
