"""Hints on the broker: "this scale set has news up to seq n". Losing any or all of them costs a second, never an event."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping

import redis
import redis.asyncio
from django.conf import settings

CHANNEL = "rollgrid:hints"
PATIENCE_SECONDS = 0.25
SILENCE_SECONDS = 1.0

log = logging.getLogger(__name__)


class Hints:
    """Publishes without ever holding a writer up: after a failure it keeps silent for a second."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._silent_until = 0.0

    def publish(self, heads: Mapping[int, int]) -> None:
        """`heads`: scale set id -> its seq after the transaction."""
        if time.monotonic() < self._silent_until:
            return
        try:
            client = self._connected()
            for scale_set_id, seq in heads.items():
                client.publish(CHANNEL, json.dumps({"scale_set": scale_set_id, "seq": seq}))
        except (redis.RedisError, OSError) as error:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            log.warning("the broker took no hint (%s); readers find the news by themselves within a second", error)

    def _connected(self) -> "redis.Redis":
        if self._client is None:
            self._client = redis.Redis.from_url(
                settings.REDIS_URL, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
            )
        return self._client


HINTS = Hints()


async def listen(on_hint: Callable[[int, int], None]) -> None:
    """Calls `on_hint(scale set id, seq)` for each hint, for ever; while the broker is away it is silent and tries again."""
    while True:
        try:
            await _listen_once(on_hint)
        except (redis.RedisError, OSError) as error:
            log.info("no hints from the broker (%s); listening again in a moment", error)
        await asyncio.sleep(SILENCE_SECONDS)


async def _listen_once(on_hint: Callable[[int, int], None]) -> None:
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2)
    async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
        await subscription.subscribe(CHANNEL)
        async for message in subscription.listen():
            hint = json.loads(message["data"])
            on_hint(hint["scale_set"], hint["seq"])
