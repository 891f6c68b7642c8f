"""How much Incus does for this process at once: with too much on a small computer its own deadlines pass, and all of it fails."""

import asyncio

WAIT_SECONDS = 1.0


class Turns:
    """Each instance has a turn or waits for one. A turn lasts until it is given back, over several steps where Incus takes long."""

    def __init__(self, limit: int) -> None:
        self._free, self._held = asyncio.Semaphore(limit), set[str]()

    async def take(self, name: str) -> bool:
        """Whether it is the instance's turn, after at most WAIT_SECONDS."""
        if name not in self._held:
            try:
                await asyncio.wait_for(self._free.acquire(), WAIT_SECONDS)
            except TimeoutError:
                return False
            self._held.add(name)
        return True

    def give_back(self, name: str) -> None:
        if name in self._held:
            self._held.remove(name)
            self._free.release()
