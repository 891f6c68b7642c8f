"""Hints on the broker: quick where there is one, and no trouble where there is none."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from pytest_django import Settings
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from tests import private_broker
from tests.stories import NOW, a_scale_set
from tests.waiting import wait_until
from upgrades.feed import hints, writing
from upgrades.feed.hints import CHANNEL, Hints, listen
from upgrades.feed.writing import writing as transaction
from upgrades.models import ScaleSet

# A broker that hangs is given a quarter of a second to connect and a quarter to answer: where each of a hundred calls waited, 50 seconds.
# They take one; a machine with much else to do may need longer.
FAR_LESS_SECONDS = 20


@pytest.fixture
def broker(settings: Settings) -> object:
    with private_broker.running() as url:
        settings.REDIS_URL = url
        yield url


@pytest.fixture
def no_broker(settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"


@pytest.fixture
def deaf_broker(settings: Settings) -> object:
    """It takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        yield


def heard_by_listening(
    until: Callable[[list[tuple[int, int]]], bool], say: Callable[[], object]
) -> list[tuple[int, int]]:
    """What a listener hears while `say` is called again and again."""
    heard: list[tuple[int, int]] = []

    async def story() -> None:
        listening = asyncio.create_task(listen(lambda id, seq: heard.append((id, seq))))
        while not until(heard):
            await asyncio.to_thread(say)
            await asyncio.sleep(0.02)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening

    asyncio.run(asyncio.wait_for(story(), 10))
    return heard


def test_a_listener_hears_published_hints(broker: str) -> None:
    publisher = Hints()
    heard = heard_by_listening(lambda heard: len(heard) >= 2, lambda: publisher.publish({7: 41, 8: 42}))
    assert set(heard) == {(7, 41), (8, 42)}


def test_a_listener_ignores_messages_that_are_no_hint(broker: str) -> None:
    publisher = Hints()

    def say() -> None:
        with redis.Redis.from_url(broker) as client:
            for nonsense in ("", "nonsense", "[]", "5", "null", "{}", '{"scale_set": "x", "seq": 1}', b"\xff"):
                client.publish(CHANNEL, nonsense)
        publisher.publish({7: 41})

    assert set(heard_by_listening(lambda heard: len(heard) >= 3, say)) == {(7, 41)}


def test_a_listener_outlives_the_broker(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "SILENCE_SECONDS", 0.05)
    publisher = Hints()
    heard: list[tuple[int, int]] = []

    async def story() -> None:
        listening = asyncio.create_task(listen(lambda id, seq: heard.append((id, seq))))
        for seq in (1, 2):
            with private_broker.served(tmp_path) as url:
                settings.REDIS_URL = url
                while (7, seq) not in heard:
                    await asyncio.to_thread(publisher.publish, {7: seq})
                    await asyncio.sleep(0.02)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening

    asyncio.run(asyncio.wait_for(story(), 30))


def test_publishing_without_a_broker_does_not_wait(no_broker: None, caplog: pytest.LogCaptureFixture) -> None:
    publisher = Hints()
    began = time.monotonic()
    for seq in range(1000):
        publisher.publish({7: seq})
    assert time.monotonic() - began < FAR_LESS_SECONDS
    assert [record.levelname for record in caplog.records if record.name == hints.__name__] == ["WARNING"]


def test_a_broker_that_hangs_costs_a_fraction_of_a_second(deaf_broker: None) -> None:
    publisher = Hints()
    began = time.monotonic()
    for seq in range(1000):
        publisher.publish({id: seq for id in range(20)})
    assert time.monotonic() - began < FAR_LESS_SECONDS


def test_an_outage_is_logged_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hints, "SILENCE_SECONDS", 0.0)
    publisher = Hints()
    with caplog.at_level(logging.INFO, hints.__name__):
        with private_broker.served(tmp_path) as url:
            settings.REDIS_URL = url
            publisher.publish({7: 1})
        for seq in range(50):
            publisher.publish({7: seq})
        with private_broker.served(tmp_path):
            publisher.publish({7: 99})
            publisher.publish({7: 100})
        publisher.publish({7: 101})
    levels = [record.levelname for record in caplog.records if record.name == hints.__name__]
    assert levels == ["WARNING", "INFO", "WARNING"]


@pytest.mark.django_db
def test_a_hint_follows_the_commit(
    broker: str, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    row = a_scale_set(instances=1)
    monkeypatch.setattr(writing, "HINTS", Hints())
    with redis.Redis.from_url(broker) as client, client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(CHANNEL)
        wait_until(lambda: client.pubsub_numsub(CHANNEL)[0][1])
        with django_capture_on_commit_callbacks() as callbacks, transaction(NOW, row.pk) as writer:
            writer.changed(writer.scale_set)
        assert subscription.get_message(timeout=0.1) is None, "not before the commit"
        for callback in callbacks:
            callback()
        message = wait_until(lambda: subscription.get_message(timeout=0.1))
    assert message["data"] == f'{{"scale_set": {row.pk}, "seq": {ScaleSet.objects.get().seq}}}'.encode()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_writing_goes_on_without_a_broker(deaf_broker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "HINTS", Hints())
    row = a_scale_set(instances=1)
    began = time.monotonic()
    for _ in range(100):
        with transaction(NOW, row.pk) as writer:
            writer.changed(writer.scale_set)
    assert ScaleSet.objects.get().seq == row.seq + 100
    assert time.monotonic() - began < FAR_LESS_SECONDS
