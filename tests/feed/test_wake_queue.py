"""Wakes from other processes: each is taken once, none is waited for, and losing them is no trouble."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from tests import private_broker
from tests.waiting import wait_until
from upgrades import tasks
from upgrades.feed import wake_queue
from upgrades.feed.wake_queue import KEPT_SECONDS, KEY, WakeQueue


@pytest.fixture
def broker(settings: Settings) -> Iterator[str]:
    with private_broker.running() as url:
        settings.REDIS_URL = url
        yield url


def test_a_scale_set_woken_often_is_taken_once(broker: str) -> None:
    wake_queue, other = WakeQueue(), WakeQueue()
    for _ in range(20):
        wake_queue.put(7, 8)
        other.put(8, 9)
    assert sorted(wake_queue.take()) == [7, 8, 9]
    wake_queue.put(7)
    assert other.take() == [7]


def test_more_than_are_taken_at_once_are_taken_one_after_the_other(broker: str) -> None:
    queue, everybody = WakeQueue(), set(range(1, 251))
    queue.put(*everybody)
    found = [*queue.take(), *queue.take(), *queue.take()]
    assert set(found) == everybody and len(found) == len(everybody)


def test_foreign_entries_are_ignored(broker: str) -> None:
    redis.Redis.from_url(broker).zadd(KEY, {"rubbish": 0, "7": 0})
    assert WakeQueue().take() == [7]


def test_wakes_that_no_worker_takes_expire(broker: str) -> None:
    WakeQueue().put(7)
    left = redis.Redis.from_url(broker).pttl(KEY)
    assert 0 < left <= KEPT_SECONDS * 1000


def test_a_follower_hears_of_them_and_survives_a_broker_that_is_away_at_first(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_queue, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(wake_queue, "BLOCKS_SECONDS", 0.2)
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    woken, asked = set[int](), list[str]()
    queue = WakeQueue()
    monkeypatch.setattr(wake_queue.log, "info", lambda text, *_: asked.append(text))
    threading.Thread(target=queue.follow, args=(woken.add,), daemon=True).start()
    wait_until(lambda: bool(asked), seconds=10, what="the broker is asked for in vain")
    with private_broker.running() as url:
        settings.REDIS_URL = url
        queue._taking = None

        def is_woken() -> bool:
            WakeQueue().put(7)
            return 7 in woken

        wait_until(is_woken, seconds=10, what="the wake is heard")


def test_a_broker_that_does_not_answer_is_not_waited_for(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        settings.REDIS_URL = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        queue = WakeQueue()
        began = time.monotonic()
        with pytest.raises((redis.RedisError, OSError)):
            queue.put(7)
        assert time.monotonic() - began < 2


def test_a_process_goes_on_though_its_wakes_are_lost(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    monkeypatch.setattr(tasks, "WAKE_QUEUE", WakeQueue())
    tasks.wake(7, 8)
    assert "the tick finds them" in caplog.text
