"""One client of the feed: what it wants, where it is, and how much it may still be sent.

Under Daphne a send never blocks: a client that does not read made the server buffer 200 MB in 0.2 s (measured). So there is credit: a
client answers each heartbeat with {"ack": n}; one that is two heartbeats or 2 MB behind is sent heartbeats only, until it acknowledges
again; then it is served from where it stopped. One that stays behind for half a minute is closed with 4408.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from dashboard.sessions import SessionIdentity
from upgrades.feed import frames
from upgrades.feed.frames import Frame

MAX_UNACKNOWLEDGED_BEATS = 2
MAX_UNACKNOWLEDGED_BYTES = 2_000_000
PATIENCE_BEATS = 15
TOO_SLOW = 4408
NOT_SIGNED_IN = 4401

Send = Callable[[str], Awaitable[None]]
Close = Callable[[int], Awaitable[None]]


def positions(since: dict[str, str]) -> dict[str, tuple[str, int]]:
    """{scale set: "stream.seq"} in parts. Raises ValueError for what is no position."""
    parts = {key: position.rpartition(".") for key, position in since.items()}
    return {key: (stream, int(seq)) for key, (stream, _, seq) in parts.items()}


class Listener:
    """`keys`: the scale sets it wants, None for all it may see. `since`: {scale set: "stream.seq"}. `seat`: the session it sits in."""

    def __init__(
        self,
        keys: frozenset[str] | None,
        since: dict[str, str],
        send: Send,
        close: Close,
        seat: SessionIdentity | None = None,
    ) -> None:
        self.keys = keys
        self.seat = seat
        self._send = send
        self._close = close
        self._positions: dict[str, tuple[str, int]] = {}
        self._unacknowledged_bytes = 0
        self._beat = 0
        self._acknowledged: int | None = None
        self._is_behind = False
        self.resume(since)

    def wants(self, key: str) -> bool:
        return self.keys is None or key in self.keys

    def resume(self, since: dict[str, str]) -> None:
        """Raises ValueError for what is no position."""
        self._positions.update(positions(since))

    def position(self, key: str) -> tuple[str, int]:
        """(stream, seq) up to where it was sent everything; ("", 0) where it has nothing yet."""
        return self._positions.get(key, ("", 0))

    async def send_frame(self, key: str, stream: str, frame: Frame) -> None:
        """Sends a delta, if the client is where the delta begins or within it, and keeps up."""
        known, seq = self.position(key)
        if self._is_behind or known != stream or not frame.since <= seq < frame.seq:
            return
        self._positions[key] = (stream, frame.seq)
        await self._pass_on(frame.text)

    async def send_reset(self, key: str, stream: str, seq: int, reason: str, now: datetime) -> None:
        if self._is_behind:
            return
        self._positions[key] = (stream, seq)
        await self._pass_on(frames.reset(key, stream, seq, reason, now))

    async def dismiss(self, now: datetime) -> None:
        """It is not signed in any more."""
        await self._send(frames.error("NotSignedIn", "signed out meanwhile; sign in again", now))
        await self._close(NOT_SIGNED_IN)

    async def send_heartbeat(self, number: int, text: str) -> None:
        if self._acknowledged is None:
            self._acknowledged = number - 1
        self._beat = number
        unanswered = number - 1 - self._acknowledged
        if unanswered >= PATIENCE_BEATS:
            await self._close(TOO_SLOW)
            return
        self._is_behind = self._is_behind or unanswered >= MAX_UNACKNOWLEDGED_BEATS
        await self._send(text)

    def acknowledge(self, number: int) -> bool:
        """True where it had fallen behind and has caught up: then it is to be served. Before the first heartbeat it says nothing."""
        if self._acknowledged is None:
            return False
        self._acknowledged = max(self._acknowledged, min(number, self._beat))
        was_behind = self._is_behind
        if self._acknowledged == self._beat:
            self._is_behind, self._unacknowledged_bytes = False, 0
        return was_behind and not self._is_behind

    async def _pass_on(self, text: str) -> None:
        self._unacknowledged_bytes += len(text)
        self._is_behind = self._is_behind or self._unacknowledged_bytes > MAX_UNACKNOWLEDGED_BYTES
        await self._send(text)
