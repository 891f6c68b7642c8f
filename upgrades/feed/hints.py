"""Hints on the broker: "this scale set has news up to seq n". Losing any or all of them costs a second, never an event."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping

import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

CHANNEL = "rollgrid:hints"
ANSWER_TIMEOUT_SECONDS = 0.25
SILENCE_SECONDS = 1.0

log = logging.getLogger(__name__)


class Hints:
    """Publishes hints without holding up writers: after a failure it publishes none for a second. An outage is logged once."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._silent_until = 0.0
        self._failures = 0

    def publish(self, heads: Mapping[int, int]) -> None:
        """Publish {scale set id: its seq after the transaction}. Never raises a broker's error."""
        if time.monotonic() < self._silent_until:
            return
        try:
            self._send(heads)
        except (redis.RedisError, OSError) as error:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            self._failures += 1
            if self._failures == 1:
                log.warning(
                    "the broker takes no hints (%s); readers find the news by themselves within a second", error
                )
            return
        if self._failures:
            self._failures = 0
            log.info("the broker takes hints again")

    def _send(self, heads: Mapping[int, int]) -> None:
        hints = [json.dumps({"scale_set": scale_set_id, "seq": seq}) for scale_set_id, seq in heads.items()]
        client = self._connected()
        if len(hints) == 1:
            client.publish(CHANNEL, hints[0])  # cheaper than a pipeline, and mostly there is one
            return
        messages = client.pipeline(transaction=False)
        for hint in hints:
            messages.publish(CHANNEL, hint)
        messages.execute()

    def _connected(self) -> "redis.Redis":
        """The client of this process. It tries each command only once (redis would retry), since a writer is waiting for it."""
        if self._client is None:
            self._client = redis.Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=ANSWER_TIMEOUT_SECONDS,
                socket_connect_timeout=ANSWER_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        return self._client


HINTS = Hints()


async def listen(on_hint: Callable[[int, int], None]) -> None:
    """Call `on_hint(scale set id, seq)` for each hint, for ever. While the broker is away, try again each second."""
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
            _hear(message["data"], on_hint)


def _hear(data: bytes, on_hint: Callable[[int, int], None]) -> None:
    """Hand a message on to `on_hint`. A message that is no hint is only logged."""
    try:
        hint = json.loads(data)
        scale_set_id, seq = int(hint["scale_set"]), int(hint["seq"])
    except (ValueError, TypeError, LookupError):
        log.info("no hint: %r", data[:80])
        return
    on_hint(scale_set_id, seq)
