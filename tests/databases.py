"""A database for each Rollgrid that tests start: a copy of one that has been migrated, for migrating takes seconds."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.db import connection, transaction

# For connections to SQLite of the tests' own process, after what the settings say.
WAITS_FOR_NO_DISK = "; PRAGMA synchronous=OFF"
# The copy, and the server that has it: "" for SQLite.
_kept: list[tuple[str, str]] = []
# Statements, with their values, that lead from whatever a test has left to what migrations put there.
_leading_back: list[tuple[str, list[Any]]] = []


@contextmanager
def kept() -> Iterator[None]:
    """As long as this lasts there is a copy of the tests' database as it is now, and `bring_back` leads to that."""
    _leading_back[:] = _statements_back()
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
    """Leaves in the tests' database what migrations put there, and nothing else.

    Django's own way takes many times as long: it truncates each table, of which few have rows, and makes an object of each row and
    looks for it before it inserts it. Constraints are checked at the end of the transaction, so that the order does not matter.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        for statement, values in _leading_back:
            cursor.execute(statement, values)


def _statements_back() -> list[tuple[str, list[Any]]]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quoted = [connection.ops.quote_name(table) for table in tables]
    emptied: list[tuple[str, list[Any]]] = [(f"DELETE FROM {table}", []) for table in quoted]
    return emptied + [insert for table in quoted for insert in _insert_back(table)]


def _insert_back(table: str) -> Iterator[tuple[str, list[Any]]]:
    """One statement for all rows that there are now; none where there are none."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        names = ", ".join(connection.ops.quote_name(column[0]) for column in cursor.description)
        rows = cursor.fetchall()
    if rows:
        places = ", ".join([f"({', '.join(['%s'] * len(rows[0]))})"] * len(rows))
        yield f"INSERT INTO {table} ({names}) VALUES {places}", [value for row in rows for value in row]


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
