"""The Celery application where its broker is away."""

from pathlib import Path

import pytest
from kombu.exceptions import OperationalError
from redis import Redis

from dashboard.celery import RECONNECT_SECONDS, app
from tests import private_broker


def test_a_broker_that_is_away_is_asked_again_each_second(tmp_path: Path) -> None:
    """By itself kombu waits 2, 4, 6 ... 30 s: after a long outage the worker came back half a minute late."""
    waits: list[float] = []
    url = f"redis+socket://{tmp_path / 'nobody.sock'}"
    with app.connection_for_read(url) as line, pytest.raises(OperationalError):
        line.ensure_connection(lambda error, wait: waits.append(wait), max_retries=3)
    assert waits == [RECONNECT_SECONDS] * 3 == [1] * 3


def test_a_channel_that_was_closed_is_trouble_with_the_broker_and_no_end_of_sending() -> None:
    """Errors of a broker that refused writes left one behind, and beat ended with an AttributeError."""
    with (
        private_broker.running() as url,
        app.connection_for_write(url.replace("unix://", "redis+socket://", 1)) as line,
    ):
        producer = app.amqp.Producer(line)
        app.send_task("a.task", producer=producer, declare=[])
        line.maybe_close_channel(line.default_channel)
        with pytest.raises(OperationalError, match="closed"):
            app.send_task("a.task", producer=producer, declare=[])
        app.send_task("a.task", producer=app.amqp.Producer(line))
        with Redis.from_url(url) as client:
            assert client.llen("celery") == 2


def test_our_broker_keeps_nothing_on_disk(tmp_path: Path) -> None:
    """With a journal it refused all work while the disk was full, and the worker ended again and again."""
    with private_broker.running() as url, Redis.from_url(url) as client:
        client.lpush("celery", *(b"x" * 10_000 for _ in range(100)))
        folder = Path(str(client.config_get("dir")["dir"]))
        assert [path.name for path in folder.iterdir()] == ["broker.sock"]
