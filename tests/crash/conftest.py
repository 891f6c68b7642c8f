"""A running Rollgrid with a fleet, for the stories of one file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.end_to_end.installation import Installation, installation


def soak_minutes() -> float:
    """How long a soak lasts; 0: this is no soak."""
    return float(os.environ.get("ROLLGRID_SOAK") or 0)


def database_kind() -> str:
    return os.environ.get("DATABASE_URL", "").partition(":")[0] or "sqlite"


def once_on(kind: str) -> pytest.MarkDecorator:
    """For what does not depend on the kind of database: `make test` does it on this one only, `make soak` on both."""
    return pytest.mark.skipif(
        not soak_minutes() and database_kind() != kind, reason=f"`make test` does this on {kind}, `make soak` here too"
    )


@pytest.fixture(scope="module")
def up(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    home: Path = tmp_path_factory.mktemp("up") / "home"
    with django_db_blocker.unblock(), installation(home) as running:
        yield running
