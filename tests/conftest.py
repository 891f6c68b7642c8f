"""What all tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

# Only `up` makes keys. Tests that start one have a state folder, and a key, of their own.
settings.SECRET_KEY = "only for tests: nothing that is signed or sealed with it outlives them"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="write the transcripts of tests/scenarios anew")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """SQLite in a file, as in production: Django's database in memory locks whole tables between threads.

    PostgreSQL without its time limit: tests are transactions themselves, and wait in the middle of them.
    """
    default = settings.DATABASES["default"]
    default["OPTIONS"].pop("options", None)
    if default["ENGINE"].endswith("sqlite3"):
        file: Path = tmp_path_factory.mktemp("database") / "test.sqlite3"
        default.setdefault("TEST", {})["NAME"] = str(file)


JUDGED = ("tests/commands/", "tests/orchestrator/", "tests/management/", "tests/admin/", "tests/arm/", "tests/prober/")
JUDGES_ITSELF = "test_model.py"  # after every act, and the deaths in the middle of them too


@pytest.fixture(autouse=True)
def every_act_is_told(request: pytest.FixtureRequest) -> Iterator[None]:
    """What commands and the orchestrator do is in the feed, whatever the test is about: tests/acts.py."""
    path = request.path.as_posix()
    if path.endswith(JUDGES_ITSELF) or not any(part in path for part in JUDGED):
        yield
        return
    from tests.acts import all_judged  # needs Django, which not all tests do

    with all_judged():
        yield


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that commit come last, in whatever order among themselves: each empties the database, what migrations put there included.

    They all ask for `serialized_rollback`, which brings that back for each of them.
    """
    items.sort(key=_commits)


def _commits(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("django_db")
    return bool(mark and mark.kwargs.get("transaction"))
