"""The copy: a socket that is opened again whenever it is lost, and snapshots where the deltas cannot be continued."""

import asyncio
import gzip
import json
import logging
import random
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from rollgrid_feed.state import Message, State, applied, follows, is_old, position

STALE_SECONDS = 5.0  # without a heartbeat
MAX_WAIT_SECONDS = 10.0  # before the next try to connect
HTTP_SECONDS = 15.0
MAX_AT_ONCE = 4  # snapshots
MAX_QUERY = 6000  # longer than this, positions are left out: resets say what to fetch
MAX_MESSAGE_BYTES = 16_000_000
NOT_LET_IN = (401, 403)  # of the handshake and of snapshots
ENDED = (4400, 4401)  # close codes that trying again would not change

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
        self, site: str, token: str, only: Iterable[str] = (), *, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self.site = site.rstrip("/")
        self.only = tuple(key.lower() for key in only)
        self.sets: dict[str, State] = {}
        self.is_stale = True
        self._token = token
        self._ssl = ssl_context
        self._waiting: dict[str, list[Message]] = {}  # deltas that came while a snapshot is fetched
        self._behind: dict[str, str] = {}  # where a set was when a heartbeat was ahead of it
        self._unread: dict[str, Change] = {}
        self._error = ""

    async def __aenter__(self) -> Self:
        self._news = asyncio.Event()
        self._places = asyncio.Semaphore(MAX_AT_ONCE)
        self._stale_timer: asyncio.TimerHandle | None = None
        self._waiting.clear()
        self._behind.clear()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _: self._news.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._stale_timer:
            self._stale_timer.cancel()
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
                return

    # --- the connection ---

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._follow()
        except BaseExceptionGroup as ended:
            raise ended.exceptions[0] from None

    async def _follow(self) -> None:
        self._tries = 0
        options: dict[str, Any] = {"ssl": self._ssl} if self._ssl else {}
        options |= {"additional_headers": self._headers(), "max_size": MAX_MESSAGE_BYTES, "close_timeout": 1}
        while True:
            self._tries += 1
            try:
                async with connect(self._address(), **options) as socket:
                    await self._listen(socket)
            except InvalidStatus as refusal:
                if refusal.response.status_code in NOT_LET_IN:
                    raise Refused(f"HTTP status {refusal.response.status_code} of {self.site}") from None
                log.info("%s", refusal)
            except ConnectionClosed as closed:
                self._check_close(closed)
            except (OSError, InvalidHandshake, TimeoutError) as lost:
                log.info("%s", lost or type(lost).__name__)
            max_wait = min(MAX_WAIT_SECONDS, 0.25 * 2 ** min(self._tries, 10))
            await asyncio.sleep(max_wait * random.uniform(0.5, 1))

    async def _listen(self, socket: ClientConnection) -> None:
        """Takes each message. Raises TimeoutError where no heartbeat comes, and ConnectionClosed."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(STALE_SECONDS) as patience:
            while True:
                message: Message = json.loads(await socket.recv())
                if message.get("type") == "heartbeat":
                    patience.reschedule(loop.time() + STALE_SECONDS)
                    await socket.send(json.dumps({"ack": message["n"]}))
                self._take(message)
                self._tries = 0

    def _check_close(self, closed: ConnectionClosed) -> None:
        code = closed.rcvd.code if closed.rcvd else None
        if code in ENDED:
            raise Refused(f"{self._error or 'the server ended the connection'} (close code {code})") from None
        log.info("%s", closed)

    def _address(self) -> str:
        since = ",".join(f"{key}:{position(state)}" for key, state in self.sets.items())
        query = {"sets": ",".join(self.only), "since": since if len(since) < MAX_QUERY else ""}
        words = urlencode({name: value for name, value in query.items() if value}, safe=":/,")
        return f"{self.site.replace('http', 'ws', 1)}/ws/feed/?{words}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    # --- messages ---

    def _take(self, message: Message) -> None:
        match message.get("type"):
            case "heartbeat":
                self._beat(message["heads"])
            case "delta":
                self._delta(message)
            case "reset" if message["reason"] == "gone":
                self._forget(message["set"])
            case "reset":
                self._reset(message)
            case "error":
                self._error = f"{message.get('code')}: {message.get('message')}"
            case other:
                log.debug("a message of a type that is not known is left out: %s", other)

    def _beat(self, heads: dict[str, str]) -> None:
        """Behind in two heartbeats, and where it was: something was missed. Not named at all: it may be gone."""
        if self._stale_timer:
            self._stale_timer.cancel()
        self._stale_timer = asyncio.get_running_loop().call_later(STALE_SECONDS, self._stand, True)
        self._stand(False)
        for key in {*heads, *self.sets} - self._waiting.keys():
            here = position(self.sets[key]) if key in self.sets else ""
            if heads.get(key) == here:
                self._behind.pop(key, None)
            elif self._behind.get(key) == here:
                self._fetch(key, "missed")
            else:
                self._behind[key] = here

    def _stand(self, is_stale: bool) -> None:
        if self.is_stale != is_stale:
            self.is_stale = is_stale
            self._tell(Change("stale" if is_stale else "live"))

    def _delta(self, delta: Message) -> None:
        key = delta["set"]
        state = self.sets.get(key)
        if key in self._waiting:
            self._waiting[key].append(delta)
        elif state is not None and follows(state, delta):
            self.sets[key] = applied(state, delta)
            changed = [instance["id"] for instance in delta.get("instances", ())]
            self._tell(Change("delta", key, frozenset([*changed, *delta.get("removed", ())])))
        elif state is None or not is_old(state, delta):
            self._fetch(key, "missed")

    def _reset(self, reset: Message) -> None:
        """A reset to where we are happens if positions were left out of the address."""
        state = self.sets.get(reset["set"])
        if state is None or position(state) != f"{reset['stream']}.{reset['seq']}":
            self._fetch(reset["set"], reset["reason"])

    def _forget(self, key: str) -> None:
        self._waiting.pop(key, None)
        self._behind.pop(key, None)
        if self.sets.pop(key, None) is not None:
            self._tell(Change("gone", key))

    def _tell(self, change: Change) -> None:
        self._unread[change.set] = change.after(self._unread.get(change.set))
        self._news.set()

    # --- snapshots ---

    def _fetch(self, key: str, reason: str) -> None:
        if key not in self._waiting:
            self._waiting[key] = []
            self._tasks.create_task(self._fetch_until_there(key, self._waiting[key], reason))

    async def _fetch_until_there(self, key: str, kept: list[Message], reason: str) -> None:
        while self._waiting.get(key) is kept:
            kept.clear()  # the snapshot that is asked for now is not older than these
            try:
                async with self._places:
                    state = await asyncio.to_thread(self._snapshot, key)
            except (OSError, ValueError) as lost:
                log.info("the snapshot of %s: %s", key, lost)
                await asyncio.sleep(random.uniform(0.5, 1.5))
                continue
            if self._waiting.get(key) is kept:
                self._keep(key, state, reason)

    def _keep(self, key: str, state: State | None, reason: str) -> None:
        kept = self._waiting.pop(key)
        self._behind.pop(key, None)
        if state is None:
            self._forget(key)
            return
        self.sets[key] = state
        self._tell(Change("snapshot", key, reason=reason))
        for delta in kept:
            self._delta(delta)

    def _snapshot(self, key: str) -> State | None:
        """None where there is no such scale set. In a thread. Raises Refused, OSError and ValueError."""
        address = f"{self.site}/feed/snapshot?{urlencode({'set': key})}"
        request = Request(address, headers={**self._headers(), "Accept-Encoding": "gzip"})
        try:
            with urlopen(request, timeout=HTTP_SECONDS, context=self._ssl) as answer:
                body = answer.read()
                is_packed = answer.headers.get("Content-Encoding") == "gzip"
        except HTTPError as answer:
            with answer:
                if answer.code == 404:
                    return None
                if answer.code in NOT_LET_IN:
                    raise Refused(f"HTTP status {answer.code} of {self.site}/feed/snapshot") from None
                raise
        state: dict[str, Any] = json.loads(gzip.decompress(body) if is_packed else body)
        return state
