"""The relay, one per server process: reads new events once per scale set and tick, encodes them once, and sends them to all clients.

It keeps the frames of the last half minute, so that a client that reconnects goes on where it was. Hints make it fast; once a second it
reads all heads by itself, so that a lost hint or a dead broker costs a second, never an event.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DatabaseError

from dashboard import feed_clients, viewers
from dashboard.listener import Listener
from upgrades import measures
from upgrades.core.feed_scope import FeedScope
from upgrades.feed import frames, read
from upgrades.feed.frames import Frame
from upgrades.feed.hints import listen
from upgrades.feed.read import Head
from upgrades.models import Event
from upgrades.models.thread import DatabaseThread

TICK_SECONDS = 0.09  # between two frames of a scale set, on average. With 0.1, changes ten times a second would never catch up again
BURST_SECONDS = 0.2  # how much of that may be saved up: a change after a rest is told at once
MIN_PAUSE_SECONDS = 0.02  # the minimum pause between two rounds, however long they take: other tasks need time too
HEADS_SECONDS = 1.0
HEARTBEAT_SECONDS = 2.0
HEARTBEAT_SLOTS = 10  # heartbeats go to a part of the clients at a time: a thousand acknowledgements at once would delay the next frame
DISMISS_SECONDS = 1.0  # so that whoever may read no longer is thrown out within two seconds
RECENT_SECONDS = 30.0
MAX_RECENT_BYTES = 2_000_000  # for each scale set; a client that lacks more is served better by a snapshot
MAX_DELTA_BYTES = MAX_RECENT_BYTES
MAX_EVENTS = 500  # in one frame

log = logging.getLogger(__name__)


@dataclass(slots=True)
class FeedStream:
    """One scale set: how far its feed was read (`seq`), how far it goes (`head`), and its latest frames with the loop's time of each."""

    id: int
    key: str
    stream: str
    seq: int
    head: int
    recent: deque[tuple[float, Frame]] = field(default_factory=deque)
    recent_bytes: int = 0
    listeners: set[Listener] = field(default_factory=set)

    def remember(self, frame: Frame, now: float) -> None:
        self.recent.append((now, frame))
        self.recent_bytes += len(frame.text)
        while self.recent[0][0] < now - RECENT_SECONDS or (
            self.recent_bytes > MAX_RECENT_BYTES and len(self.recent) > 1
        ):
            self.recent_bytes -= len(self.recent.popleft()[1].text)

    def forget(self) -> None:
        self.recent.clear()
        self.recent_bytes = 0

    def frames_since(self, seq: int) -> list[Frame] | None:
        """The frames that a client at `seq` lacks; None where the ring does not go back that far, or `seq` is ahead of it."""
        oldest = self.recent[0][1].since if self.recent else self.seq
        if not oldest <= seq <= self.seq:
            return None
        return [frame for _, frame in self.recent if frame.seq > seq]


class Relay:
    """Sends the feed to the clients of this process. It runs in the event loop of the first client. `now` is the wall clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._feeds: dict[int, FeedStream] = {}
        self._unrestricted: set[Listener] = set()  # clients of all scale sets, also of new ones
        self._listeners: set[Listener] = set()
        self._has_changes = asyncio.Event()
        self._is_known = asyncio.Event()
        self._database = DatabaseThread()
        self._tasks: list[asyncio.Task[None]] = []
        self._beats = self._joined = 0

    # --- clients ---

    async def join(self, listener: Listener) -> None:
        """Serve this client from now on: first what it lacks, then what is new. It is registered first, so that it misses nothing."""
        self._start()
        await self._is_known.wait()
        self._joined += 1
        listener.slot = self._joined % HEARTBEAT_SLOTS
        self._listeners.add(listener)
        measures.FEED_CLIENTS.set(len(self._listeners))
        if listener.keys is None:
            self._unrestricted.add(listener)
        for feed in list(self._feeds.values()):
            if listener.wants(feed.key):
                feed.listeners.add(listener)
                await self._serve(listener, feed)
        await self._tell_missing(listener, listener.named)

    async def _tell_missing(self, listener: Listener, named: frozenset[str]) -> None:
        """Tell the client which of the scale sets that it names are not there (any more), or not for it: the same for both."""
        missing = named - {feed.key for feed in self._feeds.values() if listener in feed.listeners}
        if missing:  # one that was made just now is served after the next look at all heads
            missing -= {head.key for head in await self._database(read.heads) if listener.wants(head.key)}
        for key in sorted(missing):
            await listener.send_reset(key, *listener.position(key), "gone", self._now())

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        measures.FEED_CLIENTS.set(len(self._listeners))
        self._unrestricted.discard(listener)
        for feed in self._feeds.values():
            feed.listeners.discard(listener)

    async def acknowledged(self, listener: Listener, number: int) -> None:
        """Note that the client has read up to this heartbeat; where it was behind, send it what it lacks."""
        if not listener.acknowledge(number):
            return
        for feed in list(self._feeds.values()):
            if listener in feed.listeners:
                await self._serve(listener, feed)

    async def resume(self, listener: Listener, since: dict[str, str]) -> None:
        """Serve the client from the positions that it names."""
        listener.resume(since)
        for feed in list(self._feeds.values()):
            if feed.key in since and listener in feed.listeners:
                await self._serve(listener, feed)
        await self._tell_missing(listener, listener.named & since.keys())

    async def _serve(self, listener: Listener, feed: FeedStream) -> None:
        """Bring a client up to date: by the frames that it lacks, else by telling it to fetch a snapshot."""
        before = None
        while (position := listener.position(feed.key)) != before:
            await self._serve_once(listener, feed, *position)
            before = position  # again until nothing is new: frames may have come while others were sent

    async def _serve_once(self, listener: Listener, feed: FeedStream, stream: str, seq: int) -> None:
        lacking = feed.frames_since(seq) if stream == feed.stream else None
        if lacking is None:
            reason = "new" if not stream else "gap" if stream == feed.stream else "stream"
            await listener.send_reset(feed.key, feed.stream, feed.seq, reason, self._now())
            return
        for frame in lacking:
            await listener.send_frame(feed.key, feed.stream, frame)

    # --- running ---

    def _start(self) -> None:
        """Start the loops, with the first client: Daphne has no lifespan protocol, and uvicorn is not asked for its."""
        if not self._tasks:
            loops = (self._follow, self._ask_heads, self._beat, self._dismiss, self._count, lambda: listen(self._hear))
            self._tasks = [asyncio.create_task(self._supervised(loop)) for loop in loops]

    async def _supervised(self, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await loop()
            except DatabaseError as error:
                log.warning("the feed cannot read the database (%s); tried again", error)
            except Exception:
                log.exception("the feed's relay stumbled; it goes on")
            await asyncio.sleep(HEADS_SECONDS)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._database.close()

    def _hear(self, scale_set_id: int, seq: int) -> None:
        feed = self._feeds.get(scale_set_id)
        if feed and seq > feed.head:
            feed.head = seq
            self._has_changes.set()

    async def _ask_heads(self) -> None:
        while True:
            await self._learn(await self._database(read.heads))
            self._is_known.set()
            await asyncio.sleep(HEADS_SECONDS)

    async def _learn(self, heads: list[Head]) -> None:
        """Take over the present heads. Deleted scale sets come first, since one may have been created again under the same name."""
        for gone in self._feeds.keys() - {head.id for head in heads}:
            await self._end(self._feeds.pop(gone))
        for head in heads:
            feed = self._feeds.get(head.id)
            if feed is None or feed.stream != head.stream:
                await self._begin(head, feed)
            else:
                feed.head = max(feed.head, head.seq)
        if any(feed.head > feed.seq for feed in self._feeds.values()):
            self._has_changes.set()

    async def _begin(self, head: Head, before: FeedStream | None) -> None:
        """Begin to follow a scale set that is new here, or whose stream is another now (`before`: as it was)."""
        feed = FeedStream(head.id, head.key, head.stream, head.seq, head.seq)
        self._feeds[head.id] = feed
        feed.listeners = (
            before.listeners if before else {candidate for candidate in self._listeners if candidate.wants(head.key)}
        )
        for listener in list(feed.listeners):
            await self._serve(listener, feed)

    async def _end(self, feed: FeedStream) -> None:
        for listener in list(feed.listeners):
            await listener.send_reset(feed.key, feed.stream, feed.seq, "gone", self._now())

    async def _follow(self) -> None:
        """Read and send the new events of every scale set that has any: about ten times a second, and at once after a rest."""
        next_tick = 0.0
        while True:
            await self._has_changes.wait()
            self._has_changes.clear()
            next_tick = max(next_tick, asyncio.get_running_loop().time() - BURST_SECONDS) + TICK_SECONDS
            for feed in [stream for stream in self._feeds.values() if stream.head > stream.seq]:
                await self._take(feed, await self._database(read.since, feed.id, feed.seq, MAX_EVENTS))
            await asyncio.sleep(max(MIN_PAUSE_SECONDS, next_tick - asyncio.get_running_loop().time()))

    async def _take(self, feed: FeedStream, events: list[Event]) -> None:
        if not events:
            return
        frame = frames.delta(feed.key, feed.stream, feed.seq, events, self._now())
        if events[0].seq != feed.seq + 1 or len(frame.text) > MAX_DELTA_BYTES:
            await self._skip(feed, max(feed.head, frame.seq))
            return
        feed.seq = frame.seq
        if feed.head > feed.seq:
            self._has_changes.set()
        feed.remember(frame, asyncio.get_running_loop().time())
        for listener in list(feed.listeners):
            await listener.send_frame(feed.key, feed.stream, frame)
        measures.FEED_FRAMES.add(len(feed.listeners))
        measures.FEED_LAG.observe((self._now() - events[-1].at).total_seconds())

    async def _skip(self, feed: FeedStream, seq: int) -> None:
        """Go to `seq` and have all clients fetch a snapshot: the events until there were deleted, or are more than a snapshot."""
        feed.forget()
        feed.seq = seq
        for listener in list(feed.listeners):
            await self._serve(listener, feed)

    async def _beat(self) -> None:
        """Send heartbeats. A client that does not acknowledge them gets nothing else (listener.py)."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._beats += 1
            for slot in range(HEARTBEAT_SLOTS):
                due = max(due + HEARTBEAT_SECONDS / HEARTBEAT_SLOTS, loop.time())
                await asyncio.sleep(due - loop.time())
                await self._beat_to([each for each in self._listeners if each.slot == slot])

    async def _beat_to(self, listeners: list[Listener]) -> None:
        texts: dict[tuple[frozenset[str] | None, FeedScope], str] = {}
        for listener in listeners:
            if (sees := (listener.keys, listener.viewer.scope)) not in texts:
                texts[sees] = frames.heartbeat(self._beats, self._heads(listener), self._now())
            await listener.send_heartbeat(self._beats, texts[sees])

    async def _dismiss(self) -> None:
        """Close the sockets of those who may read no longer. Not done in `_beat`: heartbeats go on while the database is away."""
        while True:
            await asyncio.sleep(DISMISS_SECONDS)
            here = {connected.viewer for connected in self._listeners}
            gone = await self._database(viewers.ended, here, self._now()) if here else {}
            for listener in [connected for connected in self._listeners if connected.viewer in gone]:
                self.leave(listener)
                await listener.dismiss(gone[listener.viewer], self._now())

    async def _count(self) -> None:
        """Let the page of wallboard links know how many clients each has here."""
        await feed_clients.publish(self._clients_by_link)

    def _clients_by_link(self) -> Counter[int]:
        links = [connected.viewer.link for connected in self._listeners]
        return Counter(link.link for link in links if link)

    def _heads(self, listener: Listener) -> dict[str, str]:
        return {
            stream.key: f"{stream.stream}.{stream.seq}" for stream in self._feeds.values() if listener.wants(stream.key)
        }
