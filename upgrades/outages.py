"""Recognizes errors that are an outage of a dependency, and a log filter that lets them through once a minute. Standard library only.

A broker that refuses writes, a database that is away, a provider that is silent, a lack of file descriptors: every process meets these
again and again, and a traceback each time tells nobody more than one line does.
"""

import errno
import logging
from collections.abc import Iterator

from upgrades.log_pacing import RateLimit

SECONDS = 60.0
MAX_LINE = 300
# By the names of the error classes, since this module must not import their libraries; subclasses count too.
_BY_NAME = {
    "redis.exceptions.RedisError": "broker",
    "kombu.exceptions.OperationalError": "broker",
    "kombu.exceptions.KombuError": "broker",
    "billiard.exceptions.RestartFreqExceeded": "broker",
    "celery.beat.SchedulingError": "broker",
    "django.db.utils.OperationalError": "database",
    "django.db.utils.InterfaceError": "database",
    "psycopg.errors.ReadOnlySqlTransaction": "database",
    "upgrades.providers.base.ProviderError": "provider",
    "builtins.TimeoutError": "provider",
}
_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}
DISK, RIGHTS = "the disk is full", "there is no right to write"
_REASONS = {
    "disk is full": DISK,
    "no space left": DISK,
    "disk quota exceeded": DISK,
    "readonly database": RIGHTS,
    "read-only transaction": RIGHTS,
    "permission denied": RIGHTS,
    "read-only file system": RIGHTS,
}


def dependency_of(error: BaseException) -> str:
    """Whose trouble an error is: "broker", "database", "provider", "descriptors"; "" where it may be a fault of our own."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno in _DESCRIPTORS:
            return "descriptors"
        if found := _named(cause):
            return found
    return ""


def is_database_away(error: BaseException) -> bool:
    """Whether the error means that the database is away, locked, full or read-only. Only the error and the driver's in it are examined."""
    is_wrapped = type(error).__module__ == "django.db.utils"
    return any(_named(cause) == "database" for cause in (error, error.__cause__ if is_wrapped else None) if cause)


def _named(error: BaseException) -> str:
    found = (_BY_NAME.get(f"{kind.__module__}.{kind.__qualname__}") for kind in type(error).__mro__)
    return next(filter(None, found), "")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, its cause, the cause of that, and so on."""
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def why(error: BaseException) -> str:
    """An error in one line, which names the disk or the rights first where they are what is wrong."""
    line = (str(error).strip() or type(error).__name__).partition("\n")[0].strip()[:MAX_LINE]
    reason = next((reason for sign, reason in _REASONS.items() if sign in line.lower()), "")
    return f"{reason}: {line}" if reason else line


class OnceAMinute(logging.Filter):
    """Lets each kind of outage through once a minute, as one line with the number of lines left out before it.

    A record counts as such where its `exc_info`, or one of its arguments, is such an error.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rate_limit = RateLimit(SECONDS)

    def filter(self, record: logging.LogRecord) -> bool:
        error = _error_of(record)
        dependency = dependency_of(error) if error else ""
        if not error or not dependency:
            return True
        left_out = self._rate_limit.take(f"{dependency} {type(error).__name__} {getattr(error, 'code', '')}")
        if left_out is None:
            return False
        self._shorten(record, error, left_out)
        return True

    @staticmethod
    def _shorten(record: logging.LogRecord, error: BaseException, left_out: int) -> None:
        if isinstance(record.args, tuple):
            record.args = tuple(
                why(argument) if isinstance(argument, BaseException) else argument for argument in record.args
            )
        line = record.getMessage().partition("\n")[0][:MAX_LINE]
        reason = why(error)
        more = "" if reason in line else f" ({reason})"
        count = f" [{left_out} lines like it were left out]" if left_out else ""
        # Without arguments the line is not formatted again, so a % in it does no harm.
        record.msg, record.args = f"{line}{more}{count}", ()
        record.exc_info = record.exc_text = record.stack_info = None


def _error_of(record: logging.LogRecord) -> BaseException | None:
    if record.exc_info and isinstance(record.exc_info[1], BaseException):
        return record.exc_info[1]
    arguments = record.args.values() if isinstance(record.args, dict) else record.args or ()
    return next((argument for argument in arguments if isinstance(argument, BaseException)), None)
