"""Limits how often the same message is logged. Standard library only."""

import logging
import threading
from time import monotonic


class RateLimit:
    """Lets one message of each kind through in `seconds`."""

    def __init__(self, seconds: float = 10.0) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._sent: dict[str, tuple[float | None, int]] = {}

    def take(self, kind: str) -> int | None:
        """Take a message: how many of this kind were left out since the last one let through, None where this one is left out too."""
        now = monotonic()
        with self._lock:
            last, left_out = self._sent.get(kind, (None, 0))
            if last is not None and now - last < self._seconds:
                self._sent[kind] = (last, left_out + 1)
                return None
            self._sent[kind] = (now, 0)
            return left_out


class PacedLogger:
    """Logs each message at most once in ten seconds; the next one says how many were left out."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._rate_limit = RateLimit()

    def warning(self, message: str, *arguments: object) -> None:
        left_out = self._rate_limit.take(message)
        if left_out is not None:
            more = f" ({left_out} more like it since the last line)" if left_out else ""
            self._log.warning(message + more, *arguments)
