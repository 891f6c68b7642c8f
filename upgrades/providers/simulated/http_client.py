"""The client's HTTP calls to the simulator, to wherever `control.json` says it is now."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from upgrades.providers.base import ProviderError
from upgrades.providers.simulated.control import Control, read_control, unavailable


class SimulatorHttpClient:
    """One HTTP session per event loop, made when first used; no session of a closed loop is kept.

    Connections are not kept between calls: on loopback a new one costs next to nothing, and nothing then outlives its loop or a
    simulator that was started anew.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

    async def ask(self, path: str, body: object, *, seconds: float) -> Any:
        """The answer's JSON. Raises ProviderError: the simulator's own refusal, or SimulatorUnavailable where it is down or hangs."""
        control = read_control(self._home)
        data = json.dumps(body, separators=(",", ":")).encode()
        try:
            async with asyncio.timeout(seconds):
                return await self._ask_again_if_moved(control, path, data)
        except TimeoutError:
            raise unavailable(f"nothing in {seconds:g} seconds; process {control.pid} may hang") from None
        except (aiohttp.ClientError, OSError) as error:
            raise unavailable(f"{error or type(error).__name__} (process {control.pid}, {control.url})") from error

    async def close(self) -> None:
        """Closes the running loop's session; those of other loops that still run are theirs to close."""
        self._drop_dead_loops()
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session:
            await session.close()

    async def _ask_again_if_moved(self, control: Control, path: str, data: bytes) -> Any:
        try:
            return await self._post(control, path, data)
        except (aiohttp.ClientConnectionError, _NotOurs):
            now = read_control(self._home)
            if now == control:
                raise
            return await self._post(now, path, data)

    async def _post(self, control: Control, path: str, data: bytes) -> Any:
        headers = {"Authorization": f"Bearer {control.token}", "Content-Type": "application/json"}
        async with self._session().post(f"{control.url}/{path}", data=data, headers=headers) as response:
            content = await response.read()
            if response.status == 200:
                return _json(content)
            if response.status in (400, 409):
                raise _refusal(_json(content))
            raise _NotOurs(f"{control.url} answers {response.status}")

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


class _NotOurs(aiohttp.ClientError):
    """Whatever answers there does not know our token: the simulator was started anew, or another program has its port."""


def _refusal(content: Any) -> Exception:
    try:
        return ProviderError(content["code"], content["message"], permanent=content["permanent"])
    except (KeyError, TypeError):
        return _NotOurs(f"answers {str(content)[:200]!r}")


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise _NotOurs(f"answers no JSON: {error}") from error
