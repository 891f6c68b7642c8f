"""Acknowledgements that a server hands on without ASGI's messages: dealt with at once where nothing is to be sent for them."""

import asyncio

import pytest

from dashboard.consumers import FeedConsumer
from dashboard.listener import MAX_UNACKNOWLEDGED_BEATS, Listener


@pytest.fixture
def consumer() -> FeedConsumer:
    """Of a client that has been sent a heartbeat."""

    async def nothing(_: object) -> None: ...

    consumer = FeedConsumer()
    consumer.listener = Listener(None, {}, nothing, nothing)
    beat(consumer, 1)
    return consumer


def beat(consumer: FeedConsumer, number: int) -> None:
    assert consumer.listener
    asyncio.run(consumer.listener.send_heartbeat(number, ""))


@pytest.mark.parametrize("text", ['{"ack": 1}', '{"ack":1}'])
def test_an_acknowledgement_in_time_is_taken_at_once(consumer: FeedConsumer, text: str) -> None:
    assert consumer.listener
    for number in range(2, 3 * MAX_UNACKNOWLEDGED_BEATS):
        assert consumer.hears(text.replace("1", str(number - 1)))
        beat(consumer, number)
    assert not consumer.listener.is_behind


def test_a_client_that_was_behind_has_to_be_served(consumer: FeedConsumer) -> None:
    assert consumer.listener
    beat(consumer, 2)
    beat(consumer, 3)
    assert consumer.listener.is_behind
    assert not consumer.hears('{"ack": 3}')
    assert consumer.listener.is_behind, "the relay takes it, and sends what is lacking"


@pytest.mark.parametrize(
    "text", ["", "{}", '{"ack": -1}', '{"ack": 1.5}', '{"ack": "1"}', '{"ack": ' + "9" * 20 + "}", '{"type": "resume"}']
)
def test_other_texts_are_left_to_the_application(consumer: FeedConsumer, text: str) -> None:
    assert not consumer.hears(text)
