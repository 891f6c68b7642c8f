"""Wakes: scale sets to reconcile soon, in threads of this process. Wakes of one scale set that come together cause one reconcile.

It begins within 0.1 s, if a thread is free. A wake may be lost: the row says when to reconcile (`ScaleSet.reconcile_at`), and the tick
finds it.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.db import close_old_connections

# The next reconcile of a scale set begins at least this long after the last one began. With the reconcile itself that is below 0.1 s.
SPACING_SECONDS = 0.08
MAX_AT_ONCE = 8  # scale sets reconciled at once, in one process

log = logging.getLogger(__name__)


class Wakes:
    """When each scale set is to be reconciled, and which are being reconciled now. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[int, float] = {}
        self._began: dict[int, float] = {}
        self._busy: set[int] = set()

    def wake(self, scale_set_id: int, *, within: float = 0.0) -> None:
        """Note that the scale set is to be reconciled: at once, or in `within` seconds, where more wakes are likely to follow.

        It waits longer only until SPACING_SECONDS have passed since its last reconcile began.
        """
        now = self._clock()
        at = max(now + within, self._began.get(scale_set_id, float("-inf")) + SPACING_SECONDS)
        self._due[scale_set_id] = min(at, self._due.get(scale_set_id, at))

    def take(self) -> list[int]:
        """Take the scale sets whose time has come and that are not being reconciled. From now on they count as being reconciled."""
        now = self._clock()
        taken = [pk for pk, at in self._due.items() if at <= now and pk not in self._busy]
        self._began = {pk: at for pk, at in self._began.items() if now - at < SPACING_SECONDS}
        for pk in taken:
            del self._due[pk]
            self._began[pk] = now
        self._busy.update(taken)
        return taken

    def done(self, scale_set_id: int) -> None:
        """Note that the reconcile of the scale set has ended."""
        self._busy.discard(scale_set_id)

    def next_in(self) -> float | None:
        """Seconds until `take` may return something; None where it will not before the next wake or `done`."""
        waiting = [at for pk, at in self._due.items() if pk not in self._busy]
        return max(0.0, min(waiting) - self._clock()) if waiting else None


class Reconciler:
    """Calls `reconcile` for the scale sets that were woken, in threads of this process. Errors are logged, and the tick tries again."""

    def __init__(self, reconcile: Callable[[int], None]) -> None:
        self._reconcile = reconcile
        self._wakes = Wakes()
        self._changed = threading.Condition()
        self._threads: ThreadPoolExecutor | None = None
        self._began: dict[int, float] = {}

    @property
    def is_running(self) -> bool:
        return self._threads is not None

    def is_hanging(self, seconds: float) -> bool:
        """Whether a call of `reconcile` has been going on for longer than `seconds`."""
        began = list(self._began.values())
        return bool(began) and time.monotonic() - min(began) > seconds

    def start(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="reconcile")
        threading.Thread(target=self._run, name="reconciler", daemon=True).start()

    def wake(self, scale_set_id: int, *, within: float = 0.0) -> None:
        with self._changed:
            self._wakes.wake(scale_set_id, within=within)
            self._changed.notify()

    def _run(self) -> None:
        assert self._threads is not None
        while True:
            with self._changed:
                for scale_set_id in self._wakes.take():
                    # The executor refuses new work while the process ends.
                    with suppress(RuntimeError):
                        self._threads.submit(self._do, scale_set_id)
                self._changed.wait(self._wakes.next_in())

    def _do(self, scale_set_id: int) -> None:
        self._began[scale_set_id] = time.monotonic()
        try:
            close_old_connections()
            self._reconcile(scale_set_id)
        except Exception:
            log.exception("scale set %s could not be reconciled; it is tried again by itself", scale_set_id)
        finally:
            self._began.pop(scale_set_id, None)
            with self._changed:
                self._wakes.done(scale_set_id)
                self._changed.notify()
