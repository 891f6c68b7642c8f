"""A database for each Rollgrid that tests start: a copy of one that has been migrated, for migrating takes seconds."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.db import DEFAULT_DB_ALIAS, connection, connections

# The copy, and the server that has it: "" for SQLite.
_kept: list[tuple[str, str]] = []


@contextmanager
def kept() -> Iterator[None]:
    """As long as this lasts there is a copy of the tests' database as it is now."""
    copy = _copy_of_file() if connection.vendor == "sqlite" else f"kept_{uuid.uuid4().hex}"
    if connection.vendor == "postgresql":
        own = connection.settings_dict["NAME"]
        connection.close()  # PostgreSQL copies a database that nobody is connected to
        _tell(f'CREATE DATABASE "{copy}" TEMPLATE "{own}"')
    entry = (copy, os.environ.get("DATABASE_URL", ""))
    _kept.append(entry)
    try:
        yield
    finally:
        _kept.remove(entry)
        if connection.vendor == "postgresql":
            _tell(f'DROP DATABASE "{copy}"')


def _copy_of_file() -> str:
    copy = f"{connection.settings_dict['NAME']}.kept"
    Path(copy).unlink(missing_ok=True)  # of a run before
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [copy])
    return copy


def bring_back() -> None:
    """What migrations put into the tests' database, into one that has been emptied."""
    connection.creation.deserialize_db_from_string(vars(connections[DEFAULT_DB_ALIAS])["_test_serialized_contents"])


@contextmanager
def one_for(home: Path) -> Iterator[str]:
    """The URL of a database for a Rollgrid with this state folder; "" for SQLite in that folder.

    On a PostgreSQL server of a test's own it is empty, and where no test runs there is none yet: `up` migrates it.
    """
    if not _kept:
        yield ""
        return
    ((copy, server),) = _kept
    if connection.vendor == "sqlite":
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(copy, home / "rollgrid.sqlite3")
        yield ""
        return
    name = f"live_{uuid.uuid4().hex}"
    template = f' TEMPLATE "{copy}"' if server == os.environ["DATABASE_URL"] else ""
    _tell(f'CREATE DATABASE "{name}"{template}')
    try:
        yield urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    finally:
        _tell(f'DROP DATABASE "{name}" WITH (FORCE)')


def _tell(sql: str) -> None:
    import psycopg

    server = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres"))
    with psycopg.connect(server, autocommit=True) as line:
        line.execute(sql.encode())
