"""Wakes from other processes: the scale sets that a worker should reconcile now, in a sorted set on the broker.

A scale set is in it at most once, which is enough: reconciling sees all that was written before. Each is taken by one worker. Losing wakes
costs a second, for the row says when to reconcile (`ScaleSet.reconcile_at`), and the tick finds it. A Celery message would do the same, but
costs ten times as much, mostly in the worker that receives it.
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
KEPT_SECONDS = 2  # for wakes that no worker takes: by then the tick has found their scale sets
BLOCKS_SECONDS = 2
ANSWER_TIMEOUT_SECONDS = 0.25  # for an answer of the broker
PAUSE_SECONDS = 1.0  # between two tries while the broker is away
MAX_AT_ONCE = 100

log = logging.getLogger(__name__)


class WakeQueue:
    """The queue as one process uses it. Only one thread may take."""

    def __init__(self) -> None:
        self._pause = threading.Event()
        self._putting: redis.Redis | None = None
        self._taking: redis.Redis | None = None

    def put(self, *scale_set_ids: int, queue: str | None = None) -> None:
        """Add wakes for the workers of that queue, or of this process' own where it is None.

        Raises redis.RedisError or OSError where the broker does not take them within ANSWER_TIMEOUT_SECONDS.
        """
        self._putting = self._putting or _client(ANSWER_TIMEOUT_SECONDS)
        commands = self._putting.pipeline(transaction=False)
        key = _key(settings.ROLLGRID_QUEUE if queue is None else queue)
        commands.zadd(key, dict.fromkeys(map(str, scale_set_ids), 0))
        commands.expire(key, KEPT_SECONDS)
        commands.execute()

    def follow(self, wake: Callable[[int], None]) -> None:
        """Call `wake(scale set id)` for each wake, for ever. While the broker is away, try again each second."""
        while True:
            try:
                for scale_set_id in self.take():
                    wake(scale_set_id)
            except (redis.RedisError, OSError) as error:
                log.info("no wakes from the broker (%s); the tick finds what is to be reconciled", error)
                self._pause.wait(PAUSE_SECONDS)

    def take(self) -> list[int]:
        """Take up to MAX_AT_ONCE + 1 wakes; waits up to BLOCKS_SECONDS for the first. Empty where none came."""
        self._taking = self._taking or _client(BLOCKS_SECONDS + ANSWER_TIMEOUT_SECONDS)
        taking: Any = self._taking  # redis has no types for the answers of these two commands
        key = _key(settings.ROLLGRID_QUEUE)
        first = taking.bzpopmin(key, timeout=BLOCKS_SECONDS)
        if not first:
            return []
        others = taking.zpopmin(key, MAX_AT_ONCE)
        return list(_ids([first[1], *(entry for entry, _ in others)]))


def _key(queue: str) -> str:
    return f"{KEY}:{queue}" if queue else KEY


def _client(patience: float) -> "redis.Redis":
    """A client that tries each command only once (redis would retry)."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=patience,
        socket_connect_timeout=ANSWER_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _ids(entries: Iterable[bytes]) -> Iterator[int]:
    """The entries as ids. An entry that is no number is only logged."""
    for entry in entries:
        try:
            yield int(entry)
        except ValueError:
            log.info("no scale set: %r", entry[:80])
