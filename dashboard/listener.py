"""One client of the feed: which scale sets it wants, its position in each, and how much it may still be sent.

A send never blocks: a client that did not read made the server buffer 200 MB in 0.2 s (measured). So clients answer each
heartbeat with {"ack": n}. A client that is two heartbeats or 2 MB behind is sent heartbeats only, until it acknowledges again; then it is
served from where it stopped. A client that stays behind for half a minute is closed with 4408.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from dashboard.viewers import Ending, Viewer
from upgrades.feed import frames
from upgrades.feed.frames import Frame

MAX_UNACKNOWLEDGED_BEATS = 2
MAX_UNACKNOWLEDGED_BYTES = 2_000_000
PATIENCE_BEATS = 15
TOO_SLOW = 4408
NOT_SIGNED_IN = 4401
CHANGED = 4409
EVERYBODY = Viewer()
SIGNED_OUT = "signed out meanwhile; sign in again"
LINK_ENDED = "this link was revoked meanwhile, or has a new token"
LINK_CHANGED = "what this link shows was changed meanwhile; connect again"

_GOODBYES = {
    Ending.SIGNED_OUT: (NOT_SIGNED_IN, "NotSignedIn", SIGNED_OUT),
    Ending.LINK_ENDED: (NOT_SIGNED_IN, "InvalidToken", LINK_ENDED),
    Ending.LINK_CHANGED: (CHANGED, "LinkChanged", LINK_CHANGED),
}

Send = Callable[[str], Awaitable[None]]
Close = Callable[[int], Awaitable[None]]


def positions(since: dict[str, str]) -> dict[str, tuple[str, int]]:
    """{scale set: "stream.seq"} -> {scale set: (stream, seq)}. Raises ValueError for what is no position."""
    return {key: _position(key, position) for key, position in since.items()}


def _position(key: str, position: str) -> tuple[str, int]:
    stream, _, seq = position.rpartition(".")
    try:
        return stream, int(seq)
    except ValueError:
        raise ValueError(f"the position of {key[:200]} is stream.seq, not {position[:200]!r}") from None


class Listener:
    """One client. `keys`: the scale sets that it wants, None for all that it may see. `since`: {scale set: "stream.seq"}."""

    def __init__(
        self,
        keys: frozenset[str] | None,
        since: dict[str, str],
        send: Send,
        close: Close,
        viewer: Viewer = EVERYBODY,
    ) -> None:
        self.keys = keys
        self.viewer = viewer
        self.slot = 0  # when in each round of heartbeats it gets its own; the relay says
        self._send = send
        self._close = close
        self._positions: dict[str, tuple[str, int]] = {}
        self._unacknowledged_bytes = 0
        self._beat = 0
        self._acknowledged: int | None = None
        self._is_behind = False
        self.resume(since)

    def wants(self, key: str) -> bool:
        """Whether it is to be served this scale set: it wants it, and may see it."""
        return (self.keys is None or key in self.keys) and self.viewer.scope.sees(key)

    @property
    def named(self) -> frozenset[str]:
        """The scale sets that it wants by name, or has a position of."""
        return frozenset(self._positions) if self.keys is None else self.keys

    def resume(self, since: dict[str, str]) -> None:
        """Take over where the client says it is, {scale set: "stream.seq"}. Raises ValueError for what is no position."""
        self._positions.update(positions(since))

    def position(self, key: str) -> tuple[str, int]:
        """(stream, seq) of the last event that it was sent; ("", 0) where it has nothing yet."""
        return self._positions.get(key, ("", 0))

    def positions_now(self) -> dict[str, tuple[str, int]]:
        """(stream, seq) of each scale set of which it was sent anything."""
        return self._positions

    async def send_frame(self, key: str, stream: str, frame: Frame) -> None:
        """Send a delta, unless the client is behind with acknowledging, or its position is not within the delta."""
        known, seq = self.position(key)
        if self._is_behind or known != stream or not frame.since <= seq < frame.seq:
            return
        self._positions[key] = (stream, frame.seq)
        await self._send_counted(frame.text)

    async def send_reset(self, key: str, stream: str, seq: int, reason: str, now: datetime) -> None:
        if self._is_behind:
            return
        self._positions[key] = (stream, seq)
        await self._send_counted(frames.reset(key, stream, seq, reason, now))

    async def dismiss(self, ending: Ending, now: datetime) -> None:
        """Tell the client that it may not go on reading, and close the socket."""
        close, code, why = _GOODBYES[ending]
        await self._send(frames.error(code, why, now))
        await self._close(close)

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

    @property
    def is_behind(self) -> bool:
        """Whether it is sent heartbeats only, until it has acknowledged the last one."""
        return self._is_behind

    def acknowledge(self, number: int) -> bool:
        """Take an acknowledgement. True where the client was behind and is no longer: then the caller must serve it.

        Before the first heartbeat it means nothing.
        """
        if self._acknowledged is None:
            return False
        self._acknowledged = max(self._acknowledged, min(number, self._beat))
        was_behind = self._is_behind
        if self._acknowledged == self._beat:
            self._is_behind, self._unacknowledged_bytes = False, 0
        return was_behind and not self._is_behind

    async def _send_counted(self, text: str) -> None:
        self._unacknowledged_bytes += len(text)
        self._is_behind = self._is_behind or self._unacknowledged_bytes > MAX_UNACKNOWLEDGED_BYTES
        await self._send(text)
