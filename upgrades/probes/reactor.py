"""The engine's own poller, hung into the event loop as ONE reader, and its one timer.

Thousands of short-lived sockets cost less this way than as transports or readers of the loop, and the cost is the same on
uvloop and on asyncio. POSIX only: a poller must itself be something to poll (epoll, kqueue).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from upgrades.probes.pollers import best_poller


class Reactor:
    """Advances what is ready, then calls `step`; also calls `step` when woken. `run` raises what either of them raises."""

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.poller = best_poller()

    async def run(self) -> None:
        """Runs until cancelled."""
        self._loop.add_reader(self.poller.fileno(), self._turn)
        self.wake_in(0)
        await self._failure

    def close(self) -> None:
        """Nothing is called any more. Close all registered sockets first."""
        self._loop.remove_reader(self.poller.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self.poller.close()

    def wake_in(self, seconds: float) -> None:
        """Calls `step` after this time at the latest."""
        at = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(seconds, self._on_timer)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs this in the loop; what it raises ends `run`."""
        task = self._loop.create_task(work)
        task.add_done_callback(self._check)
        return task

    def _on_timer(self) -> None:
        self._timer = None
        self._turn()

    def _turn(self) -> None:
        """First what is ready, then the rest: an answer that came while the process was held up is no time-out."""
        try:
            for attempt, readable in self.poller.ready():
                attempt.advance(readable)
            self._step()
        except Exception as error:  # a loop only logs what a callback raises; nobody must go on without a prober
            self._fail(error)

    def _check(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)
