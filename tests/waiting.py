"""Waiting for what another process does: on a condition with a deadline, never for a length of time."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
# Between two questions. Whoever has waited for long is asked about less often: a question may take a part of a core.
SHORTEST_SECONDS, LONGEST_SECONDS = 0.02, 0.1
SHARE = 20


def wait_until(condition: Callable[[], T], *, seconds: float = 10, what: str = "") -> T:
    """Asks until the answer is true and returns it. AssertionError with the last answer after that many seconds."""
    pause, began = threading.Event(), time.monotonic()
    while not (answer := condition()):
        waited = time.monotonic() - began
        assert waited < seconds, f"{what or condition} still {answer!r} after {seconds} seconds"
        pause.wait(_pause(waited))
    return answer


async def until(condition: Callable[[], Awaitable[object]], *, seconds: float = 10) -> None:
    """The same in an event loop, which goes on meanwhile."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(_pause(time.monotonic() - began))


def _pause(waited: float) -> float:
    return min(LONGEST_SECONDS, max(SHORTEST_SECONDS, waited / SHARE))
