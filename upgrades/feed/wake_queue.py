"""Wakes from other processes: the scale sets that a worker is to look at now, in a sorted set on the broker.

One that is in it already is woken once: whoever takes it sees all that was written before. Each is taken by one worker. Losing any or all
of them costs a second, for the row says when to look (`ScaleSet.reconcile_at`), and the tick finds it. A message of Celery's did the same
and cost ten times as much, mostly where it was received.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

KEY = "rollgrid:wakes"
KEPT_SECONDS = 2  # while no worker takes them: by then the tick has found them
BLOCKS_SECONDS = 2
PATIENCE_SECONDS = 0.25  # for an answer of the broker
PAUSE_SECONDS = 1.0  # while the broker is away
MAX_AT_ONCE = 100

log = logging.getLogger(__name__)


class WakeQueue:
    """Of one process. One thread puts and one takes."""

    def __init__(self) -> None:
        self._pause = threading.Event()
        self._putting: redis.Redis | None = None
        self._taking: redis.Redis | None = None

    def put(self, *scale_set_ids: int) -> None:
        """Raises redis.RedisError or OSError where the broker does not take them: it is not waited for."""
        self._putting = self._putting or _client(PATIENCE_SECONDS)
        commands = self._putting.pipeline(transaction=False)
        commands.zadd(KEY, dict.fromkeys(map(str, scale_set_ids), 0))
        commands.expire(KEY, KEPT_SECONDS)
        commands.execute()

    def follow(self, wake: Callable[[int], None]) -> None:
        """Calls `wake(scale set id)` for each that is put, for ever; while the broker is away it tries again each second."""
        while True:
            try:
                for scale_set_id in self.take():
                    wake(scale_set_id)
            except (redis.RedisError, OSError) as error:
                log.info("no wakes from the broker (%s); the tick finds what is to be looked at", error)
                self._pause.wait(PAUSE_SECONDS)

    def take(self) -> list[int]:
        """Those there are; waits for the first of them for a while."""
        self._taking = self._taking or _client(BLOCKS_SECONDS + PATIENCE_SECONDS)
        taking: Any = self._taking  # redis does not say what these two answer
        first = taking.bzpopmin(KEY, timeout=BLOCKS_SECONDS)
        if not first:
            return []
        others = taking.zpopmin(KEY, MAX_AT_ONCE)
        return list(_ids([first[1], *(member for member, _ in others)]))


def _client(patience: float) -> "redis.Redis":
    """It tries once, whatever the client's own habit is."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=patience,
        socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _ids(members: Iterable[bytes]) -> Iterator[int]:
    """What is none of ours is passed over."""
    for member in members:
        try:
            yield int(member)
        except ValueError:
            log.info("no scale set: %r", member[:80])
