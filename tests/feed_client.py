"""A client of the feed as docs/feed.md describes it: another program, over http and a websocket, that shares no code with the server."""

import asyncio
import email.message
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

import aiohttp
import jsonschema

from dashboard.environment import CHECKOUT

STALE_SECONDS = 5.0  # without a heartbeat the connection counts as lost
BACK_OFF_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.0)
HTTP_SECONDS = 20.0
LOST = (aiohttp.ClientError, OSError, TimeoutError)

Message = dict[str, Any]
State = dict[str, Any]


@cache
def printed_schema() -> Any:
    """The schema in docs/feed.md, which bears what later versions may send."""
    (found,) = re.findall(r'```json\n(\{\n  "\$schema".*?)```', (CHECKOUT / "docs" / "feed.md").read_text(), re.DOTALL)
    return json.loads(found)


@cache
def validator(name: str = "") -> jsonschema.Draft202012Validator:
    """What every message (or what the schema calls `name`) must be now: as the schema says, with no other field and no other value."""
    schema = _closed(printed_schema())
    if name:
        schema = {"$defs": schema["$defs"], "$ref": f"#/$defs/{name}"}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    shown = {key: _closed(inner) for key, inner in node.items() if key != "examples"}
    if "properties" in node:
        shown.setdefault("additionalProperties", False)
    if "examples" in node:
        shown["enum"] = [*node["examples"], *([None] if "null" in node.get("type", "") else [])]
    return shown


# --- http -------------------------------------------------------------------------------------------------------------


class _Stay(HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Answer:
    status: int
    headers: "email.message.Message[str, str]"  # their names in upper or lower case, as the web server likes
    body: bytes


class Session:
    """What a browser keeps of one site: its cookies."""

    def __init__(self, site: str) -> None:
        """`site`: http://127.0.0.1:8000"""
        self.site = site
        self._cookies = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._cookies), _Stay)

    def get(self, path: str, **headers: str) -> Answer:
        """Header names with _ for -."""
        return self._ask(Request(self.site + path, headers={k.replace("_", "-"): v for k, v in headers.items()}))

    def sign_in(self, name: str, password: str) -> "Session":
        page = self.get("/login/").body.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, page
        form = {"username": name, "password": password, "csrfmiddlewaretoken": token[1]}
        answer = self._ask(Request(f"{self.site}/login/", data=urlencode(form).encode()))
        assert answer.status == 302, f"{name} is not let in: {answer.status}"
        return self

    def headers(self, **more: str) -> dict[str, str]:
        """As a page of this site sends them when it opens a socket."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)
        return {"Origin": self.site, **({"Cookie": cookies} if cookies else {}), **more}

    def feed(self, **query: str) -> str:
        """The address of the feed's socket."""
        return f"{self.site.replace('http', 'ws', 1)}/ws/feed/?{urlencode(query)}"

    def _ask(self, request: Request) -> Answer:
        try:
            with self._opener.open(request, timeout=HTTP_SECONDS) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except HTTPError as answer:
            with answer:
                return Answer(answer.code, answer.headers, answer.read())


# --- the feed ---------------------------------------------------------------------------------------------------------


class FeedClient:
    """Follows scale sets in a thread of its own, for as long as it is entered; comes back whenever it loses the connection.

    Whatever goes against the document is kept in `faults`: a gap between what it holds and a delta, a message that is not as the
    schema says (where `strict`).
    """

    def __init__(self, session: Session, sets: Iterable[str] = (), *, strict: bool = False) -> None:
        self.session = session
        self.sets = tuple(sets)
        self.strict = strict
        self.connections = 0
        self.counts: Counter[str] = Counter()
        self.resets: list[tuple[str, str]] = []
        self.faults: list[str] = []
        self._held: dict[str, State] = {}
        self._started = threading.Event()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._ended_by: BaseException | None = None
        self._thread = threading.Thread(target=self._follow, name="feed client")

    def __enter__(self) -> "FeedClient":
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        if self._ended_by:
            raise self._ended_by

    def holding(self, path: str) -> State | None:
        """What it knows of this scale set: as /feed/snapshot answers it. None: nothing (yet)."""
        return self._held.get(path)

    def lose_connection(self) -> None:
        """The line is cut; it will come back."""

        def cut() -> None:
            if self._socket is not None:
                self._closing = asyncio.ensure_future(self._socket.close())

        self._loop.call_soon_threadsafe(cut)

    # --- in its thread ---

    def _follow(self) -> None:
        try:
            asyncio.run(self._until_cancelled())
        except BaseException as error:  # told to the test when it leaves
            self._ended_by = error

    async def _until_cancelled(self) -> None:
        task = asyncio.current_task()
        assert task
        self._loop, self._task = asyncio.get_running_loop(), task
        self._started.set()
        with suppress(asyncio.CancelledError):
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HTTP_SECONDS)) as http:
                await self._again_and_again(http)

    async def _again_and_again(self, http: aiohttp.ClientSession) -> None:
        tries = 0
        while True:
            before = self.counts.total()
            with suppress(*LOST):
                await self._connect(http)
            tries = 0 if self.counts.total() > before else tries + 1
            await asyncio.sleep(BACK_OFF_SECONDS[min(tries, len(BACK_OFF_SECONDS) - 1)])

    async def _connect(self, http: aiohttp.ClientSession) -> None:
        query = {"sets": ",".join(self.sets), "since": ",".join(f"{key}:{at}" for key, at in self._positions().items())}
        address = self.session.feed(**{name: words for name, words in query.items() if words})
        async with http.ws_connect(address, headers=self.session.headers(), max_msg_size=0) as socket:
            self._socket = socket
            self.connections += 1
            while True:
                message = await socket.receive(timeout=STALE_SECONDS)
                if message.type != aiohttp.WSMsgType.TEXT:
                    return
                await self._take(http, socket, json.loads(message.data))

    def _positions(self) -> dict[str, str]:
        return {key: f"{state['stream']}.{state['seq']}" for key, state in self._held.items()}

    async def _take(
        self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, message: Message
    ) -> None:
        if self.strict:
            self.faults += [error.message[:500] for error in validator().iter_errors(message)]
        match message["type"]:
            case "heartbeat":
                await socket.send_json({"ack": message["n"]})
            case "delta":
                if not self._apply(message):
                    await self._fetch(http, message["set"])
            case "reset":
                self.resets.append((message["set"], message["reason"]))
                await self._reset(http, message)
            case other:
                self.faults.append(f"{other}: {message}"[:500])
        self.counts[message["type"]] += 1

    async def _reset(self, http: aiohttp.ClientSession, message: Message) -> None:
        if message["reason"] == "gone":
            self._held.pop(message["set"], None)
        else:
            await self._fetch(http, message["set"])

    async def _fetch(self, http: aiohttp.ClientSession, key: str) -> None:
        """A scale set that is gone is forgotten. Raises aiohttp.ClientError where nobody answers: then it connects again."""
        address = f"{self.session.site}/feed/snapshot"
        async with http.get(address, params={"set": key}, headers=self.session.headers()) as answer:
            if answer.status == 404:
                self._held.pop(key, None)
                return
            answer.raise_for_status()
            self._held[key] = await answer.json()

    def _apply(self, delta: Message) -> bool:
        """False where it does not follow on what is held."""
        state = self._held.get(delta["set"])
        if state is None or state["stream"] != delta["stream"] or delta["since"] > state["seq"]:
            held = f"{state['stream']}.{state['seq']}" if state else "nothing"
            self.faults.append(
                f"{delta['set']}: from {held} to {delta['stream']}.{delta['since']}-{delta['seq']}: a gap"
            )
            return False
        if delta["seq"] > state["seq"]:
            self._held[delta["set"]] = applied(state, delta)
        return True


def applied(state: State, delta: Message) -> State:
    """Replace by id."""
    instances = {id: instance for id, instance in state["instances"].items() if id not in delta.get("removed", ())}
    instances.update({instance["id"]: instance for instance in delta.get("instances", ())})
    replaced: State = {name: delta[name] for name in ("seq", "scale_set", "upgrade", "board") if name in delta}
    return {**state, **replaced, "instances": instances}


# --- one socket, by hand ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Conversation:
    """What came of one connection: http status where it was refused (else 101), what was said, and the close code."""

    status: int
    said: list[Message]
    close: int | None


def converse(
    address: str,
    headers: Mapping[str, str],
    answer: Callable[[Message], Any],
    *,
    enough: Callable[[list[Message]], bool],
    seconds: float = 30,
) -> Conversation:
    """Connects and listens until it has heard enough or is closed. What `answer` returns for a message is sent back (None: nothing)."""
    return asyncio.run(asyncio.wait_for(_converse(address, headers, answer, enough), seconds))


async def _converse(
    address: str,
    headers: Mapping[str, str],
    answer: Callable[[Message], Any],
    enough: Callable[[list[Message]], bool],
) -> Conversation:
    said: list[Message] = []
    async with aiohttp.ClientSession() as http:
        try:
            async with http.ws_connect(address, headers=headers, max_msg_size=0) as socket:
                async for message in socket:
                    said.append(json.loads(message.data))
                    if (reply := answer(said[-1])) is not None:
                        await socket.send_str(reply if isinstance(reply, str) else json.dumps(reply))
                    if enough(said):
                        return Conversation(101, said, None)
                return Conversation(101, said, socket.close_code)
        except aiohttp.WSServerHandshakeError as refusal:
            return Conversation(refusal.status, said, None)
