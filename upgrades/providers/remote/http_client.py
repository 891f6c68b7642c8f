"""HTTP calls of the `remote` protocol: JSON in, JSON out, one shape for every refusal."""

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import aiohttp

from upgrades.providers.base import ProviderError

MAX_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is now. `name`: how messages call it. `tls`: the certificates that are trusted; None for those of the system."""

    url: str
    token: str
    name: str
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class LastAnswer:
    """The last answer to a question that is asked again and again: `digest` of its bytes, and the `meaning` that was read from it.

    Mostly the next answer is the same, and need not be read again.
    """

    digest: bytes = b""
    meaning: Any = None

    def is_same(self, content: bytes) -> bool:
        """Whether this is the same answer, and its meaning is known. If not, its meaning is to be set."""
        digest = blake2b(content, digest_size=16).digest()
        is_same = digest == self.digest and self.meaning is not None
        if not is_same:
            self.digest, self.meaning = digest, None
        return is_same


class RemoteHttpClient:
    """Two HTTP sessions per event loop, made when first used; no session of a closed loop is kept.

    Questions keep their connection: a new one takes two thirds of their CPU. A server may close it just when it is used again, so that
    nobody knows whether it has heard; therefore questions may be sent twice, and whatever changes something has a connection of its own.
    `find`: where the server is; it is asked before each call, and again where that fails.
    """

    def __init__(self, find: Callable[[], Server], unavailable_code: str) -> None:
        self._find, self._code = find, unavailable_code
        self._sessions: dict[tuple[asyncio.AbstractEventLoop, bool], aiohttp.ClientSession] = {}

    async def ask(
        self, path: str, body: object, *, seconds: float, is_question: bool = False, last: LastAnswer | None = None
    ) -> Any:
        """The answer's JSON; `last` itself where that is the same answer.

        `is_question`: it changes nothing, so it may be sent twice. Raises ProviderError: the server's own refusal, or one of
        `unavailable_code` where it is down or hangs.
        """
        server = self._find()
        call = _Call(path, json.dumps(body, separators=(",", ":")).encode(), last)
        try:
            async with asyncio.timeout(seconds):
                send = self._on_kept_connection if is_question else self._send_again_if_moved
                return await send(server, call)
        except TimeoutError:
            raise self._unavailable(server, f"nothing in {seconds:g} seconds; it may hang") from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._unavailable(server, str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Closes the running loop's sessions; those of other loops that still run are theirs to close."""
        self._drop_dead_loops()
        loop = asyncio.get_running_loop()
        for session in [self._sessions.pop(key) for key in list(self._sessions) if key[0] is loop]:
            await session.close()

    def _unavailable(self, server: Server, why: str) -> ProviderError:
        return ProviderError(self._code, f"{server.name} does not answer: {why} ({server.url})", permanent=False)

    async def _on_kept_connection(self, server: Server, call: "_Call") -> Any:
        try:
            return await self._post(server, call, is_kept=True)
        except (aiohttp.ClientConnectionError, _NotOurs):
            return await self._send_again_if_moved(self._find(), call)

    async def _send_again_if_moved(self, server: Server, call: "_Call") -> Any:
        try:
            return await self._post(server, call)
        except (aiohttp.ClientConnectionError, _NotOurs):
            now = self._find()
            if now == server:
                raise
            return await self._post(now, call)

    async def _post(self, server: Server, call: "_Call", *, is_kept: bool = False) -> Any:
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        url = f"{server.url}/{call.path}"
        # A redirect would take the token to wherever it leads.
        async with self._session(is_kept).post(
            url, data=call.body, headers=headers, allow_redirects=False, ssl=server.tls or True
        ) as response:
            content = await _whole(response)
            if response.status == 200:
                return call.read(content)
            if response.status in (400, 409, 503):
                raise _refusal(_json(content))
            raise _NotOurs(f"it answers {response.status}")

    def _session(self, is_kept: bool) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if (loop, is_kept) not in self._sessions:
            self._drop_dead_loops()
            connector = aiohttp.TCPConnector(force_close=not is_kept, limit=0)
            no_limit = aiohttp.ClientTimeout(total=None)  # `ask` has its own
            self._sessions[loop, is_kept] = aiohttp.ClientSession(
                connector=connector, timeout=no_limit, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._sessions[loop, is_kept]

    def _drop_dead_loops(self) -> None:
        """A session whose loop was closed before it can no longer be closed properly: letting go of it is enough."""
        for key in [key for key in list(self._sessions) if key[0].is_closed()]:
            self._sessions.pop(key).detach()


@dataclass(frozen=True, slots=True)
class _Call:
    path: str
    body: bytes
    last: LastAnswer | None

    def read(self, content: bytes) -> Any:
        return self.last if self.last and self.last.is_same(content) else _json(content)


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise _NotOurs(f"it answers more than {MAX_ANSWER_BYTES} bytes")
    return bytes(content)


class _NotOurs(aiohttp.ClientError):
    """Whatever answers there does not speak the protocol, or does not know our token: it was started anew, or is another program."""


def _refusal(content: Any) -> Exception:
    try:
        return ProviderError(str(content["code"]), str(content["message"]), permanent=bool(content["permanent"]))
    except (KeyError, TypeError):
        return _NotOurs(f"it answers {str(content)[:200]!r}")


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise _NotOurs(f"it answers no JSON: {error}") from error
