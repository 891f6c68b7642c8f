"""Says what anybody can bring about in the log, but not as often as anybody likes."""

import logging
import threading
from time import monotonic

SECONDS = 10.0


class Pace:
    """One in SECONDS of each kind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}

    def left_out(self, kind: str) -> int | None:
        """How many were kept back since the last one; None where this one is kept back too."""
        now = monotonic()
        with self._lock:
            last, left_out = self._said.get(kind, (-SECONDS, 0))
            if now - last < SECONDS:
                self._said[kind] = (last, left_out + 1)
                return None
            self._said[kind] = (now, 0)
            return left_out


class Seldom:
    """Logs at most one line per message and SECONDS; the next one says how many were left out."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._pace = Pace()

    def warning(self, message: str, *arguments: object) -> None:
        left_out = self._pace.left_out(message)
        if left_out is not None:
            more = f" ({left_out} more like it since the last line)" if left_out else ""
            self._log.warning(message + more, *arguments)
