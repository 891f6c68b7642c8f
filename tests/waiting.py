"""Waiting for what another process does: on a condition with a deadline, never for a length of time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
BETWEEN_SECONDS = 0.02


def wait_until(condition: Callable[[], T], *, seconds: float = 10, what: str = "") -> T:
    """Asks until the answer is true and returns it. AssertionError with the last answer after that many seconds."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what or condition} still {answer!r} after {seconds} seconds"
        pause.wait(BETWEEN_SECONDS)
    return answer
