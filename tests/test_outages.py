"""The log, during an outage of a dependency: a line a minute, not a traceback a second."""

import errno
import logging
import time
from collections.abc import Iterator

import django.db
import kombu.exceptions
import pytest
import redis.exceptions
from billiard.exceptions import RestartFreqExceeded
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError

from upgrades import log_pacing, outages
from upgrades.outages import OnceAMinute, dependency_of, is_database_away, why
from upgrades.providers.base import ProviderError

OUT_OF_MEMORY = redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")


class Shown(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def shown() -> Iterator[Shown]:
    """What a handler with our filter writes."""
    handler, log = Shown(), logging.getLogger("a library")
    handler.addFilter(OnceAMinute())
    log.addHandler(handler)
    log.propagate = False
    yield handler
    log.removeHandler(handler)


def stumble(error: BaseException, *, times: int = 1) -> None:
    """As libraries log it: with a traceback, in an own handler of the error."""
    for _ in range(times):
        try:
            raise RuntimeError("cannot be sent") from error
        except RuntimeError:
            logging.getLogger("a library").exception("Message Error: %s\n%s", "cannot be sent", "a stack")


@pytest.mark.parametrize(
    "error",
    [
        OUT_OF_MEMORY,
        redis.exceptions.ReadOnlyError("You can't write against a read only replica."),
        redis.exceptions.ResponseError("MISCONF Errors writing to the AOF file"),
        redis.exceptions.ConnectionError("Connection refused."),
        kombu.exceptions.OperationalError("Error 111"),
        RestartFreqExceeded("5 in 1s"),
        django.db.OperationalError("database or disk is full"),
        django.db.InterfaceError("connection already closed"),
        ProviderError("SimulatorUnavailable", "the simulator does not answer", permanent=False),
        OSError(errno.EMFILE, "Too many open files"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_outage_is_one_line_a_minute(error: BaseException, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """275 lines of tracebacks a second."""
    stumble(error, times=275)
    (line,) = shown.lines
    assert "\n" not in line and line.startswith("Message Error: cannot be sent")
    later = time.monotonic() + outages.SECONDS
    monkeypatch.setattr(log_pacing, "monotonic", lambda: later)
    stumble(error)
    assert shown.lines[1].endswith("[274 lines like it were left out]")


def test_our_own_errors_keep_their_traceback_each_time(shown: Shown) -> None:
    stumble(ValueError("ours"), times=2)
    stumble(django.db.IntegrityError("ours too"), times=2)
    assert len(shown.lines) == 4
    assert all("Traceback" in line for line in shown.lines)


def test_an_error_among_the_arguments_counts_too(shown: Shown) -> None:
    log = logging.getLogger("a library")
    for number in range(3):
        log.error("the broker did not take %s (%s); it is done later", f"advance({number})", OUT_OF_MEMORY)
    log.error("100%% sure: %s", "no outage")
    assert shown.lines == [
        f"the broker did not take advance(0) ({OUT_OF_MEMORY}); it is done later",
        "100% sure: no outage",
    ]


def test_each_dependency_has_a_line_of_its_own(shown: Shown) -> None:
    for _ in range(3):
        stumble(OUT_OF_MEMORY)
        stumble(django.db.OperationalError("the connection is closed"))
    assert len(shown.lines) == 2


def test_the_disk_and_the_rights_are_named() -> None:
    assert why(django.db.OperationalError("database or disk is full\nHINT")).startswith("the disk is full: ")
    assert why(OSError(errno.EROFS, "Read-only file system")).startswith("there is no right to write: ")
    assert why(KeyError()) == "KeyError"
    assert dependency_of(KeyError()) == ""


def test_errors_of_an_absent_database_are_recognized() -> None:
    """The error itself says it, or the driver's error that Django wrapped; not one that was met on the way to another fault."""

    class ReadOnlySqlTransaction(Exception):
        __module__, __qualname__ = "psycopg.errors", "ReadOnlySqlTransaction"

    wrapped = InternalError("read-only")
    wrapped.__cause__ = ReadOnlySqlTransaction()
    for error in (OperationalError("locked"), InterfaceError("closed"), wrapped):
        assert is_database_away(error) and dependency_of(error) == "database"
    ours = KeyError("of ours")
    ours.__cause__ = OperationalError("locked")
    for fault in (ours, InternalError("cursor"), IntegrityError("twice")):
        assert not is_database_away(fault)
