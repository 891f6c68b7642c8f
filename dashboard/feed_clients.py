"""How many clients read with each wallboard link now, over all server processes.

Each process writes its own numbers to the broker, where they expire by themselves: a process that was killed counts for a few seconds more.
"""

import asyncio
import json
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Mapping

import redis
import redis.asyncio
from django.conf import settings

KEY = "rollgrid:feed-clients:"
WRITE_SECONDS = 2.0
VALID_SECONDS = 6
ANSWER_TIMEOUT_SECONDS = 1.0

log = logging.getLogger(__name__)


async def publish(numbers: Callable[[], Mapping[int, int]]) -> None:
    """Write {link id: clients of this process}, as `numbers` answers it, every other second, for ever."""
    key = f"{KEY}{uuid.uuid4()}"
    while True:
        try:
            async with redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2) as client:
                while True:
                    await client.set(key, json.dumps(dict(numbers())), ex=VALID_SECONDS)
                    await asyncio.sleep(WRITE_SECONDS)
        except (redis.RedisError, OSError) as error:
            log.debug("the broker takes no numbers of clients (%s)", error)
        await asyncio.sleep(WRITE_SECONDS)


def clients_now() -> Mapping[int, int] | None:
    """{link id: clients}, some seconds old; None where the broker does not answer."""
    total: Counter[int] = Counter()
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=ANSWER_TIMEOUT_SECONDS, socket_connect_timeout=ANSWER_TIMEOUT_SECONDS
        ) as client:
            keys = list(client.scan_iter(f"{KEY}*", count=1000))
            for written in client.mget(keys) if keys else []:
                total.update({int(link): int(clients) for link, clients in json.loads(written or "{}").items()})
    except (redis.RedisError, OSError):
        return None
    return total
