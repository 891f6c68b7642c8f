"""Log filters: errors that are none are left out, and what any client can provoke is kept short."""

import logging
from asyncio import CancelledError

from upgrades.log_pacing import RateLimit
from upgrades.outages import is_database_away

NOT_READY_PATHS = ("/readyz", "/healthz/engine")
REFUSAL_LOGGERS = ("django.security.", "django.request", "daphne.server", "uvicorn.error")
MAX_LINE = 200  # characters


class DropNotReady(logging.Filter):
    """Drops Django's errors about the 503 of the health addresses, which is their normal answer while things start."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(getattr(record, "request", None), "path", None) not in NOT_READY_PATHS


class DropCancelled(logging.Filter):
    """Drops uvicorn's errors about applications that it has cancelled itself, when it was to stop."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], CancelledError))


class ShortenRefusals(logging.Filter):
    """Makes one short line of each refused request, and limits their number: Django logs some with a traceback of 5 kB.

    Faults of our own keep their traceback, unless it is the database that is away.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rate_limit = RateLimit()

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(REFUSAL_LOGGERS) or not self._is_theirs(record):
            return True
        left_out = self._rate_limit.take(f"{record.name} {getattr(record, 'status_code', '')} {record.levelno}")
        if left_out is None:
            return False
        more = f" ({left_out} more like it since the last line)" if left_out else ""
        record.msg, record.args = _legible(record.getMessage()[:MAX_LINE]) + more, ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True

    def _is_theirs(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and is_database_away(error):
            record.msg, record.args = "%s (%s)", (record.getMessage(), str(error).partition("\n")[0])
            return True
        if record.name in ("daphne.server", "uvicorn.error"):
            return record.levelno == logging.WARNING  # invalid handshakes and frames
        return record.name.startswith("django.security.") or getattr(record, "status_code", 500) < 500


def _legible(text: str) -> str:
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
