"""The tasks as Celery calls them, where the world does not do its part."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from upgrades import tasks
from upgrades.outages import OnceAMinute


def full_disk(execute: Callable[..., Any], *args: Any) -> None:
    raise OperationalError("database or disk is full\nHINT: not for the log")


@pytest.mark.django_db
@pytest.mark.parametrize("call", [lambda: tasks.tick(), lambda: tasks.advance(1), lambda: tasks.work(1, 1)])
def test_a_database_that_does_not_work_is_said_in_one_line(
    call: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Found by filling the disk: each second a traceback of forty lines. The task is not needed, a later tick does the same."""
    with connection.execute_wrapper(full_disk):
        call()
    # Threads of other tests may have something to say, too.
    (entry,) = [record for record in caplog.records if record.name == tasks.__name__]
    assert OnceAMinute().filter(entry)
    assert entry.levelno == logging.ERROR
    assert entry.getMessage().startswith("the database is not working (the disk is full: database or disk is full): ")
    # The log's own filter may have counted such lines of other tests.
    said = entry.getMessage().partition(" [")[0]
    assert said.endswith("is done later by itself")
    assert entry.exc_info is None
