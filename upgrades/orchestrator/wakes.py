"""When scale sets are looked at: wakes that come together cost one look, which begins within a tenth of a second while a thread is free.

A wake is a hint: losing it is harmless, for the row says when to look (`ScaleSet.reconcile_at`), and the tick finds it.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.db import close_old_connections

SPACING_SECONDS = 0.08  # between the beginnings of two looks at one scale set; with the look itself still below 0.1
MAX_AT_ONCE = 8  # at once, in one process

log = logging.getLogger(__name__)


class Wakes:
    """The scale sets that are to be looked at, each at its moment. `clock`: seconds from anywhere, never back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[int, float] = {}
        self._began: dict[int, float] = {}
        self._busy: set[int] = set()

    def wake(self, scale_set_id: int, *, within: float = 0.0) -> None:
        """It is to be looked at: at once, or `within` so many seconds where more is likely to come; later only if it just was."""
        now = self._clock()
        at = max(now + within, self._began.get(scale_set_id, float("-inf")) + SPACING_SECONDS)
        self._due[scale_set_id] = min(at, self._due.get(scale_set_id, at))

    def take(self) -> list[int]:
        """Those whose moment has come, and that nobody looks at: a look at each begins now."""
        now = self._clock()
        taken = [pk for pk, at in self._due.items() if at <= now and pk not in self._busy]
        self._began = {pk: at for pk, at in self._began.items() if now - at < SPACING_SECONDS}
        for pk in taken:
            del self._due[pk]
            self._began[pk] = now
        self._busy.update(taken)
        return taken

    def done(self, scale_set_id: int) -> None:
        """The look at it is over."""
        self._busy.discard(scale_set_id)

    def next_in(self) -> float | None:
        """Seconds until there is one to take; None where nothing is waited for but a look's end or a wake."""
        waiting = [at for pk, at in self._due.items() if pk not in self._busy]
        return max(0.0, min(waiting) - self._clock()) if waiting else None


class Reconciler:
    """Looks at the scale sets that were woken, in threads of this process. An error of `look` is logged; the next look comes by itself."""

    def __init__(self, look: Callable[[int], None]) -> None:
        self._look = look
        self._wakes = Wakes()
        self._changed = threading.Condition()
        self._threads: ThreadPoolExecutor | None = None
        self._began: dict[int, float] = {}

    @property
    def is_running(self) -> bool:
        return self._threads is not None

    def is_hanging(self, seconds: float) -> bool:
        """One of the looks has taken longer than that."""
        began = list(self._began.values())
        return bool(began) and time.monotonic() - min(began) > seconds

    def start(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="look")
        threading.Thread(target=self._run, name="looks", daemon=True).start()

    def wake(self, scale_set_id: int, *, within: float = 0.0) -> None:
        with self._changed:
            self._wakes.wake(scale_set_id, within=within)
            self._changed.notify()

    def _run(self) -> None:
        assert self._threads is not None
        while True:
            with self._changed:
                for scale_set_id in self._wakes.take():
                    # Refused where the process ends.
                    with suppress(RuntimeError):
                        self._threads.submit(self._do, scale_set_id)
                self._changed.wait(self._wakes.next_in())

    def _do(self, scale_set_id: int) -> None:
        self._began[scale_set_id] = time.monotonic()
        try:
            close_old_connections()
            self._look(scale_set_id)
        except Exception:
            log.exception("the look at scale set %s failed; the next one comes by itself", scale_set_id)
        finally:
            self._began.pop(scale_set_id, None)
            with self._changed:
                self._wakes.done(scale_set_id)
                self._changed.notify()
