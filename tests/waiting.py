"""Waiting for what another process does: on a condition with a deadline, never for a length of time."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
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


async def until(condition: Callable[[], Awaitable[object]], *, seconds: float = 10) -> None:
    """The same in an event loop, which goes on meanwhile."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(BETWEEN_SECONDS)
