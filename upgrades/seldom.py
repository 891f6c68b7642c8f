"""Limits how often the same message is logged. Standard library only."""

import logging
import threading
from time import monotonic


class RateLimit:
    """Lets one message of each kind through in `seconds`."""

    def __init__(self, seconds: float = 10.0) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float | None, int]] = {}

    def left_out(self, kind: str) -> int | None:
        """How many messages of this kind were left out since the last one let through; None where this one is left out too."""
        now = monotonic()
        with self._lock:
            last, left_out = self._said.get(kind, (None, 0))
            if last is not None and now - last < self._seconds:
                self._said[kind] = (last, left_out + 1)
                return None
            self._said[kind] = (now, 0)
            return left_out


class Seldom:
    """Logs each message at most once in ten seconds; the next one says how many were left out."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._pace = RateLimit()

    def warning(self, message: str, *arguments: object) -> None:
        left_out = self._pace.left_out(message)
        if left_out is not None:
            more = f" ({left_out} more like it since the last line)" if left_out else ""
            self._log.warning(message + more, *arguments)
