from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.end_to_end.installation import Installation, installation

HEALTH_WAIT_SECONDS = 12


@pytest.fixture(scope="module")
def up(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    """One running Rollgrid for all stories of a file."""
    home: Path = tmp_path_factory.mktemp("up") / "home"
    with (
        django_db_blocker.unblock(),
        installation(home, ROLLGRID_HEALTH_WAIT_SECONDS=str(HEALTH_WAIT_SECONDS)) as running,
    ):
        yield running
