"""The copy: a socket that is opened again whenever it is lost, and snapshots where the deltas cannot be continued.

Messages are taken one by one, and a snapshot is fetched before the next one is taken: what came meanwhile is then old, or follows.
"""

import asyncio
import gzip
import json
import logging
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from rollgrid_feed.state import Message, State, applied, follows, lacks, position

STALE_SECONDS = 5.0  # without a heartbeat
MAX_WAIT_SECONDS = 10.0  # for an answer, and before the next try to connect
MAX_QUERY = 6000  # longer than this, positions are left out: resets say what to fetch
MAX_MESSAGE_BYTES = 16_000_000
ENDED = (401, 403, 4400, 4401)  # HTTP statuses and close codes that trying again would not change

log = logging.getLogger(__name__)


class Refused(Exception):
    """The server lets nobody in with this token, or lets it in no longer."""


@dataclass(frozen=True)
class Change:
    """Something is different. `kind`: "snapshot", "delta" or "gone" of a scale set; "live" or "stale" of the feed (`set` is "").

    `instances`: the ids of those that changed; with a snapshot it may be any. `reason`: of the reset that a snapshot answers.
    """

    kind: str
    set: str = ""
    instances: frozenset[str] = frozenset()
    reason: str = ""

    def after(self, before: "Change | None") -> "Change":
        """Both as one, for a reader who has not read the one before."""
        if self.kind != "delta" or before is None or before.kind == "gone":
            return self
        return Change(before.kind, self.set, before.instances | self.instances, before.reason)


class FeedCopy:
    """A copy of the scale sets that a wallboard link's token shows. `sets` {"rg/name": as /feed/snapshot answers it} is always whole.

    It is never cleared: while there is no connection it shows what was last known, and `is_stale` says so. It may be left and entered
    again, and goes on where it was. `only`: the scale sets to follow; all if it is empty.
    """

    def __init__(
        self, site: str, token: str, only: Iterable[str] = (), *, ssl_context: SSLContext | None = None
    ) -> None:
        self.site = site.rstrip("/")
        self.only = tuple(key.lower() for key in only)
        self.sets: dict[str, State] = {}
        self.is_stale = True
        self._headers = {"Authorization": f"Bearer {token}"}
        self._ssl = ssl_context
        self._unread: dict[str, Change] = {}
        self._error = ""

    async def __aenter__(self) -> Self:
        self._news = asyncio.Event()
        self._behind: dict[str, str] = {}  # where a set was when a heartbeat was ahead of it
        self._patience = asyncio.get_running_loop().call_later(STALE_SECONDS, self._stand, True)
        self._task = asyncio.create_task(self._follow())
        self._task.add_done_callback(lambda _: self._news.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._patience.cancel()
        self.is_stale = True

    async def changes(self) -> AsyncIterator[Change]:
        """What changed, for ever. Changes that were not read yet are joined, one for each set, so that a slow reader costs nothing.

        Raises Refused where the token opens nothing, or no longer.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            while self._unread:
                yield self._unread.pop(next(iter(self._unread)))
            if self._task.done():
                self._task.result()

    async def _follow(self) -> None:
        self._tries = 0
        more: dict[str, Any] = {"ssl": self._ssl} if self._ssl else {}
        more |= {"additional_headers": self._headers, "max_size": MAX_MESSAGE_BYTES, "close_timeout": 1}
        while True:
            self._tries += 1
            code = 0
            try:
                async with connect(self._address(), ping_interval=None, **more) as socket:
                    await self._listen(socket)
            except InvalidStatus as refusal:
                code = refusal.response.status_code
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 0
            except (OSError, InvalidHandshake) as lost:
                log.info("%s: %s", self.site, lost or type(lost).__name__)
            if code in ENDED:
                raise Refused(f"{self._error or self.site} ({'close code' if code > 1000 else 'HTTP status'} {code})")
            await asyncio.sleep(random.uniform(0.5, 1) * min(MAX_WAIT_SECONDS, 0.25 * 2 ** min(self._tries, 10)))

    async def _listen(self, socket: ClientConnection) -> None:
        """Takes each message. Raises ConnectionClosed, and TimeoutError where none comes: a socket that is silent is dead."""
        while True:
            async with asyncio.timeout(STALE_SECONDS):
                message: Message = json.loads(await socket.recv())
            if message.get("type") == "heartbeat":
                await socket.send(json.dumps({"ack": message["n"]}))
            await self._take(message)
            self._tries = 0

    def _address(self) -> str:
        since = ",".join(f"{key}:{position(state)}" for key, state in self.sets.items())
        query = {"sets": ",".join(self.only), "since": since if len(since) < MAX_QUERY else ""}
        return f"{self.site.replace('http', 'ws', 1)}/ws/feed/?{urlencode(query, safe=':/,')}"

    async def _take(self, message: Message) -> None:
        """Messages of types that are not known are left out."""
        match message.get("type"):
            case "heartbeat":
                await self._beat(message["heads"])
            case "delta":
                self._delta(message["set"], message)
            case "reset" if message["reason"] == "gone":
                self._put(message["set"], None)
            case "reset" if lacks(self.sets.get(message["set"]), position(message)):
                await self._fetch(message["set"], message["reason"])
            case "error":
                self._error = f"{message.get('code')}: {message.get('message')}"

    async def _beat(self, heads: dict[str, str]) -> None:
        """Behind in two heartbeats, and where it was: something was missed. Not named at all: it may be gone."""
        self._patience.cancel()
        self._patience = asyncio.get_running_loop().call_later(STALE_SECONDS, self._stand, True)
        self._stand(False)
        before, self._behind = self._behind, {}
        for key in {*heads, *self.sets}:
            state = self.sets.get(key)
            if lacks(state, heads.get(key, "")):
                if before.get(key) == position(state):
                    await self._fetch(key, "missed")
                else:
                    self._behind[key] = position(state)

    def _stand(self, is_stale: bool) -> None:
        if self.is_stale != is_stale:
            self.is_stale = is_stale
            self._tell(Change("stale" if is_stale else "live"))

    def _delta(self, key: str, delta: Message) -> None:
        """An old one, and one of what is not known yet, is left out."""
        state = self.sets.get(key)
        if state is not None and follows(state, delta):
            self.sets[key] = applied(state, delta)
            changed = [instance["id"] for instance in delta.get("instances", ())]
            self._tell(Change("delta", key, frozenset([*changed, *delta.get("removed", ())])))

    def _tell(self, change: Change) -> None:
        self._unread[change.set] = change.after(self._unread.get(change.set))
        self._news.set()

    async def _fetch(self, key: str, reason: str) -> None:
        """Where no snapshot can be had, the next heartbeats find the scale set behind again."""
        try:
            self._put(key, await asyncio.to_thread(self._snapshot, key), reason)
        except (OSError, ValueError) as lost:
            log.info("the snapshot of %s: %s", key, lost)

    def _put(self, key: str, state: State | None, reason: str = "") -> None:
        """Put a whole state in place of what is known; None: the scale set is gone."""
        if state is not None:
            self.sets[key] = state
            self._tell(Change("snapshot", key, reason=reason))
        elif self.sets.pop(key, None) is not None:
            self._tell(Change("gone", key))

    def _snapshot(self, key: str) -> State | None:
        """None where there is no such scale set. In a thread. Raises OSError and ValueError."""
        address = f"{self.site}/feed/snapshot?{urlencode({'set': key})}"
        request = Request(address, headers={**self._headers, "Accept-Encoding": "gzip"})
        try:
            with urlopen(request, timeout=MAX_WAIT_SECONDS, context=self._ssl) as answer:
                body = answer.read()
                is_packed = answer.headers.get("Content-Encoding") == "gzip"
        except HTTPError as refusal:
            with refusal:
                if refusal.code == 404:
                    return None
            raise
        return dict(json.loads(gzip.decompress(body) if is_packed else body))
