"""A check that is shared by all callers: it runs once at a time, its result counts for a second, and callers wait until a deadline."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

BELIEVED_SECONDS = 1.0
CHECK_SECONDS = 2.0
LATE = f"no answer within {CHECK_SECONDS:g} s"


class SharedCheck:
    """Runs `check`, which raises where something is wrong; `why` puts the error into one line. At most one thread at a time is in it."""

    def __init__(self, check: Callable[[], None], why: Callable[[BaseException], str]) -> None:
        self._check = check
        self._why = why
        self._lock = threading.Lock()
        self._answer: Future[str] | None = None
        self._began_at = self._ended_at = 0.0
        self.took: float | None = None  # seconds that the last check took that found nothing wrong

    def ask(self) -> str:
        """What is wrong; "" where nothing is."""
        answer, seconds = self._current()
        try:
            return answer.result(timeout=seconds)
        except TimeoutError:
            return LATE

    async def ask_later(self) -> str:
        """As `ask`, but waiting takes no thread, so any number of callers can wait."""
        answer, seconds = self._current()
        waiting = asyncio.wrap_future(answer)
        await asyncio.wait([asyncio.shield(waiting)], timeout=seconds)
        return answer.result() if answer.done() else LATE

    def _current(self) -> tuple["Future[str]", float]:
        """The answer to wait for (a new check is started where the last one is too old), and for how many seconds."""
        with self._lock:
            now = time.monotonic()
            if self._answer is None or (self._answer.done() and now - self._ended_at >= BELIEVED_SECONDS):
                self._answer, self._began_at = Future(), now
                threading.Thread(target=self._run, args=(self._answer,), name="check", daemon=True).start()
            return self._answer, max(0.0, self._began_at + CHECK_SECONDS - now)

    def _run(self, answer: "Future[str]") -> None:
        problem, began = "", time.monotonic()
        try:
            self._check()
            self.took = time.monotonic() - began
        except Exception as error:
            problem = self._why(error)
        with self._lock:
            self._ended_at = time.monotonic()
        answer.set_result(problem)
