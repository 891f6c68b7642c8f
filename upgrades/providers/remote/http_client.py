"""HTTP calls of the `remote` protocol: JSON in, JSON out, one shape for every refusal."""

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
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


class RemoteHttpClient:
    """One HTTP session per event loop, made when first used; no session of a closed loop is kept.

    Connections are not kept between calls: on loopback a new one costs next to nothing, and nothing then outlives its loop or a
    server that was started anew. `find`: where the server is; it is asked before each call, and again where that fails.
    """

    def __init__(self, find: Callable[[], Server], unavailable_code: str) -> None:
        self._find, self._code = find, unavailable_code
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

    async def ask(self, path: str, body: object, *, seconds: float) -> Any:
        """The answer's JSON. Raises ProviderError: the server's own refusal, or one of `unavailable_code` where it is down or hangs."""
        server = self._find()
        data = json.dumps(body, separators=(",", ":")).encode()
        try:
            async with asyncio.timeout(seconds):
                return await self._ask_again_if_moved(server, path, data)
        except TimeoutError:
            raise self._unavailable(server, f"nothing in {seconds:g} seconds; it may hang") from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._unavailable(server, str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Closes the running loop's session; those of other loops that still run are theirs to close."""
        self._drop_dead_loops()
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session:
            await session.close()

    def _unavailable(self, server: Server, why: str) -> ProviderError:
        return ProviderError(self._code, f"{server.name} does not answer: {why} ({server.url})", permanent=False)

    async def _ask_again_if_moved(self, server: Server, path: str, data: bytes) -> Any:
        try:
            return await self._post(server, path, data)
        except (aiohttp.ClientConnectionError, _NotOurs):
            now = self._find()
            if now == server:
                raise
            return await self._post(now, path, data)

    async def _post(self, server: Server, path: str, data: bytes) -> Any:
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        url = f"{server.url}/{path}"
        # A redirect would take the token to wherever it leads.
        async with self._session().post(
            url, data=data, headers=headers, allow_redirects=False, ssl=server.tls or True
        ) as response:
            content = await _whole(response)
            if response.status == 200:
                return _json(content)
            if response.status in (400, 409, 503):
                raise _refusal(_json(content))
            raise _NotOurs(f"it answers {response.status}")

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if loop not in self._sessions:
            self._drop_dead_loops()
            connector = aiohttp.TCPConnector(force_close=True, limit=0)
            no_limit = aiohttp.ClientTimeout(total=None)  # `ask` has its own
            self._sessions[loop] = aiohttp.ClientSession(
                connector=connector, timeout=no_limit, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._sessions[loop]

    def _drop_dead_loops(self) -> None:
        """A session whose loop was closed before it can no longer be closed properly; it holds no connection, so letting go is enough."""
        for loop in [loop for loop in list(self._sessions) if loop.is_closed()]:
            self._sessions.pop(loop).detach()


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
