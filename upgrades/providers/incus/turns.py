"""How much Incus does for this process at once: with too much on a small computer its own deadlines pass, and all of it fails."""

import asyncio
import time
from collections import Counter
from threading import Lock

WAIT_SECONDS = 3.0
LOOK_SECONDS = 0.05

# How many turns are taken, and how many instances wait for one, by the place of the Incus. A process has several providers for one place,
# in several threads.
_taken, _waiting, _lock = Counter[str](), Counter[str](), Lock()


class Turns:
    """Each instance has a turn or waits for one. A turn lasts until it is given back, over several steps where Incus takes long."""

    def __init__(self, place: str, limit: int) -> None:
        self._place, self._limit, self._held = place, limit, set[str]()

    async def take(self, name: str) -> bool:
        """Whether it is the instance's turn, after at most WAIT_SECONDS."""
        if name in self._held or self._taken(name):
            return True
        end = time.monotonic() + WAIT_SECONDS
        _count_waiting(self._place, 1)
        try:
            while time.monotonic() < end:
                # The more wait, the less often each of them looks: together they look often enough.
                await asyncio.sleep(min(WAIT_SECONDS / 2, LOOK_SECONDS * max(1, _waiting[self._place] / self._limit)))
                if self._taken(name):
                    return True
        finally:
            _count_waiting(self._place, -1)
        return False

    def give_back(self, name: str) -> None:
        if name in self._held:
            self._held.remove(name)
            with _lock:
                _taken[self._place] -= 1

    def give_all_back(self) -> None:
        for name in tuple(self._held):
            self.give_back(name)

    def _taken(self, name: str) -> bool:
        with _lock:
            if _taken[self._place] >= self._limit:
                return False
            _taken[self._place] += 1
        self._held.add(name)
        return True


def _count_waiting(place: str, number: int) -> None:
    with _lock:
        _waiting[place] += number
