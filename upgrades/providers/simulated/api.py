"""The simulator's API on loopback: the `remote` protocol (docs/remote-provider.openapi.json), whose first server it is, and two more:

    GET  /alive                                        no token; 200 "alive"
    POST /act    {"set": key, "acts": {"sick": [...]}} -> {"done": n}

The token is that of control.json.
"""

import asyncio
import hmac
import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from upgrades.providers.base import Progress, ProviderError
from upgrades.providers.remote.provider import capabilities_to_json
from upgrades.providers.remote.wire import batch_from_json, image_from_json, scale_set_from_json
from upgrades.providers.simulated import control_actions
from upgrades.providers.simulated.beginning import begin, check_image
from upgrades.providers.simulated.client import SimulatedProvider
from upgrades.providers.simulated.cloud import Cloud
from upgrades.providers.simulated.scene import own_tags, read_scene
from upgrades.providers.simulated.ticker import OperationWaits, Ticker
from upgrades.providers.simulated.wire import batch_of, remote_view

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_WAIT_SECONDS = 60.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    def __init__(self, cloud: Cloud, ticker: Ticker, waits: OperationWaits, token: str) -> None:
        self._cloud, self._ticker, self._waits = cloud, ticker, waits
        self._bearer = f"Bearer {token}".encode()

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._guard])
        application.router.add_get("/alive", self._alive)
        answers = {
            "v1/capabilities": self._capabilities,
            "v1/begin": self._begin,
            "v1/poll": self._poll,
            "v1/views": self._views,
            "v1/quota": self._quota,
            "v1/check-image": self._check_image,
            "act": self._act,
        }
        for path, answer in answers.items():
            application.router.add_post(f"/{path}", _spoken(answer))
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode()
        if request.path == "/alive" or hmac.compare_digest(given, self._bearer):
            return await handler(request)
        return _refusal(401, ProviderError("Unauthorized", "the token of control.json is expected", permanent=False))

    async def _alive(self, request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _capabilities(self, body: Any) -> Any:
        return capabilities_to_json(SimulatedProvider.capabilities)

    async def _begin(self, body: Any) -> Any:
        refused = begin(self._cloud, batch_of(batch_from_json(body)))
        self._ticker.arm()
        return {"refused": {id: _error(error) for id, error in refused.items()}}

    async def _poll(self, body: Any) -> Any:
        ids = [str(id) for id in body["ids"]]
        wait = min(float(body.get("waitSeconds", 0)), MAX_WAIT_SECONDS)
        if wait > 0 and body.get("gather"):
            await self._gather(ids, asyncio.get_running_loop().time() + wait)
        elif wait > 0 and self._cloud.are_all_running(ids):
            await self._waits.wait_for_any(ids, wait)
        return {"outcomes": {id: _outcome(*found) for id, found in self._cloud.outcomes(ids).items()}}

    async def _gather(self, ids: list[str], until: float) -> None:
        """Wait until none of the operations runs any more, or one has failed, or until that time of the loop."""
        loop, running = asyncio.get_running_loop(), ids
        while (seconds := until - loop.time()) > 0:
            ends = self._cloud.outcomes(running)
            running = [id for id, (progress, *_) in ends.items() if progress == Progress.RUNNING]
            if not running or any(progress in (Progress.FAILED, Progress.UNKNOWN) for progress, *_ in ends.values()):
                return
            await self._waits.wait_for_any(running, seconds)

    async def _views(self, body: Any) -> Any:
        scale_set = scale_set_from_json(body["scaleSet"])
        if self._cloud.instances(scale_set.key):
            self._cloud.retag({scale_set.key: own_tags(scale_set.tags)})
        return {"machines": [remote_view(view) for view in self._cloud.views(scale_set.key)]}

    async def _quota(self, body: Any) -> Any:
        scale_set = scale_set_from_json(body["scaleSet"])
        return {"available": self._cloud.free_quota(scale_set.key, read_scene(own_tags(scale_set.tags)).quota)}

    async def _check_image(self, body: Any) -> Any:
        check_image(
            read_scene(own_tags(scale_set_from_json(body["scaleSet"]).tags)), image_from_json(body["image"]).version
        )
        return {}

    async def _act(self, body: Any) -> Any:
        asked = {str(kind): [str(instance) for instance in instances] for kind, instances in body["acts"].items()}
        done = control_actions.carry_out(self._cloud, str(body["set"]), asked)
        self._ticker.arm()
        return {"done": done}


def _spoken(answer: Callable[[Any], Awaitable[Any]]) -> Handler:
    """JSON in, JSON out, and one shape for every refusal."""

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            return _json(200, await answer(json.loads(await request.read())))
        except ProviderError as error:
            return _refusal(409, error)
        except sqlite3.OperationalError as error:
            log.error("%s: cannot use the state: %s", request.path, error)
            return _refusal(409, ProviderError("StateUnusable", f"the simulator's state: {error}", permanent=False))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            log.warning("%s: not understood: %r", request.path, error)
            return _refusal(400, ProviderError("BadRequest", f"not understood: {error!r}", permanent=True))

    return handler


def _outcome(progress: str, code: str, message: str, view: Mapping[str, Any] | None) -> dict[str, Any]:
    body: dict[str, Any] = {"progress": progress}
    if view:
        body["view"] = remote_view(view)
    return body | ({"code": code, "message": message} if code else {})


def _refusal(status: int, error: ProviderError) -> web.Response:
    return _json(status, _error(error))


def _error(error: ProviderError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "permanent": error.permanent}


def _json(status: int, content: Any) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(content, separators=(",", ":")).encode(), content_type="application/json"
    )
