"""Copies of the feed that a test reads, and the snapshot that each must equal."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from rollgrid_feed import Change, FeedCopy

from tests.feed_client import Session

WEB = "shown/web"
SECONDS = 60


def snapshot(site: str, headers: dict[str, str]) -> Any:
    return json.loads(Session(site).get(f"/feed/snapshot?set={WEB}", **headers).body)


class Reader:
    """Reads all changes of a copy, until it is told to rest."""

    def __init__(self, copy: FeedCopy) -> None:
        self.copy = copy
        self.read: list[Change] = []
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def run(self) -> None:
        async for change in self.copy.changes():
            self.read.append(change)
            await self.may_read.wait()

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Asked whenever a moment has passed."""
        async with asyncio.timeout(SECONDS):
            while not await condition():
                await asyncio.sleep(0.05)

    async def equals_snapshot(self) -> bool:
        now = await asyncio.to_thread(snapshot, self.copy.site, self.copy._headers)
        return bool(now == self.copy.sets.get(WEB))

    async def has_snapshot(self) -> bool:
        return bool(self.reasons())

    def reasons(self) -> list[str]:
        return [change.reason for change in self.read if change.kind == "snapshot"]


@asynccontextmanager
async def reading(copy: FeedCopy) -> AsyncIterator[Reader]:
    async with copy:
        reader = Reader(copy)
        task = asyncio.create_task(reader.run())
        try:
            yield reader
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
