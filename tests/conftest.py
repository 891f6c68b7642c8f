"""What all tests share."""

import gc
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from tests import databases

pytest.register_assert_rewrite("upgrades.providers.checks")  # a failing line shows its values

# Only `up` makes keys. Tests that start one have a state folder, and a key, of their own.
settings.SECRET_KEY = "only for tests: nothing that is signed or sealed with it outlives them"
# A password is made to cost a third of a second, and hundreds of stories begin with a new user.
settings.PASSWORD_HASHERS = ["tests.hashing.Quick"]
# SQLite makes a file and not its folder, and a fresh clone has none yet.
settings.ROLLGRID_HOME.mkdir(parents=True, exist_ok=True)
# Hypothesis fails an example that takes 0.2 seconds, which any example may on a busy machine.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="write the transcripts of tests/scenarios anew")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """SQLite in a file, as in production: Django's database in memory locks whole tables between threads.

    Nothing in it outlives the tests, so that no commit waits for the disk; on PostgreSQL neither: tests/private_postgres.py.
    PostgreSQL without its time limit: tests are transactions themselves, and wait in the middle of them.
    """
    default = settings.DATABASES["default"]
    default["OPTIONS"].pop("options", None)
    if default["ENGINE"].endswith("sqlite3"):
        default["OPTIONS"]["init_command"] += databases.WAITS_FOR_NO_DISK
        file: Path = tmp_path_factory.mktemp("database") / "test.sqlite3"
        default.setdefault("TEST", {})["NAME"] = str(file)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A copy of the database as migrations leave it is kept: whoever starts a Rollgrid of its own begins with another copy.

    After each test that commits, the database is brought back to it.
    """
    # Django would write these rows anew before each test.
    vars(connections[DEFAULT_DB_ALIAS]).pop("_test_serialized_contents", None)
    with django_db_blocker.unblock(), databases.kept(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: databases.bring_back())
        yield


# The longest first.
LONG = ("slow", "end_to_end", "browser")
CHECKED = ("tests/commands/", "tests/orchestrator/", "tests/management/", "tests/admin/", "tests/arm/", "tests/prober/")
CHECKS_ITSELF = "test_model.py"  # after every command, and the deaths in the middle of them too


@pytest.fixture(autouse=True)
def every_command_writes_its_events(request: pytest.FixtureRequest) -> Iterator[None]:
    """What commands and the orchestrator do is in the feed, whatever the test is about: tests/event_check.py.

    On SQLite only: events and snapshots are made of rows by the same code on either database, and whether the rows are the same on both
    is what tests/feed and the model are for.
    """
    path = request.path.as_posix()
    is_sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    if not is_sqlite or path.endswith(CHECKS_ITSELF) or not any(part in path for part in CHECKED):
        yield
        return
    from tests.event_check import all_checked  # needs Django, which not all tests do

    with all_checked():
        yield


def pytest_collection_finish() -> None:
    """What has been imported and collected stays to the end: the garbage collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first: where files are dealt out to several processes, none is left alone with a long one."""
    rank: dict[Path, int] = {}
    for item in items:
        rank[item.path] = min(rank.get(item.path, len(LONG)), _rank(item))
    items.sort(key=lambda item: rank[item.path])


def _rank(item: pytest.Item) -> int:
    return next((number for number, name in enumerate(LONG) if item.get_closest_marker(name)), len(LONG))
