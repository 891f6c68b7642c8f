"""When things finish: the one timer of the simulator, and those who wait for its news."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from upgrades.providers.simulated.cloud import Cloud
from upgrades.providers.simulated.finishing import finish_due

log = logging.getLogger(__name__)

COALESCE_SECONDS = 0.005  # what finishes together is told together
MAX_NAP_SECONDS = 60.0


class OperationWaits:
    """Wakes those that wait for one of their operations to end."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    async def wait_for_any(self, ids: Sequence[str], seconds: float) -> None:
        """Returns when one of the operations has ended, or after the time."""
        event = asyncio.Event()
        for id in ids:
            self._waiting.setdefault(id, set()).add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
                await asyncio.sleep(COALESCE_SECONDS)
        except TimeoutError:
            pass
        finally:
            self._forget(ids, event)

    def wake(self, ids: Iterable[str]) -> None:
        for id in ids:
            for event in self._waiting.get(id, ()):
                event.set()

    def wake_all(self) -> None:
        self.wake(list(self._waiting))

    def _forget(self, ids: Sequence[str], event: asyncio.Event) -> None:
        for id in set(ids):
            waiting = self._waiting[id]
            waiting.discard(event)
            if not waiting:
                del self._waiting[id]


class Ticker:
    """Finishes jobs when they are due. An error there ends the process (`on_error`): what is on disk is right, so a new start heals."""

    def __init__(self, cloud: Cloud, waits: OperationWaits, on_error: Callable[[], None]) -> None:
        self._cloud, self._waits, self._on_error = cloud, waits, on_error
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """To be called whenever something was begun."""
        self.stop()
        due = self._cloud.next_due()
        if due is not None:
            nap = min(max(0.0, due - self._cloud.clock()), MAX_NAP_SECONDS)
            self._timer = self._loop.call_later(nap, self._tick)

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _tick(self) -> None:
        try:
            self._waits.wake(finish_due(self._cloud))
        except Exception:
            log.exception("cannot finish operations")
            self._on_error()
        else:
            self.arm()
