"""The feed's relay: a client that applies what it is sent always equals a fresh snapshot. Real database, no broker: no hint ever comes."""

import json
from typing import Any

import pytest
from django.db import transaction

from dashboard.listener import Listener
from dashboard.relay import MAX_RECENT_BYTES, RECENT_SECONDS, FeedStream, Relay
from tests.dashboard.relaying import Client, change, until
from tests.feed_client import validator
from tests.stories import NOW, a_batch, a_scale_set, publish
from tests.threads import in_thread
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.upgrades import start
from upgrades.core.states import InstanceUpgradeState
from upgrades.feed import frames, read
from upgrades.feed.frames import Frame, merge
from upgrades.feed.writing import writing
from upgrades.models import Event, Instance

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_a_new_client_is_told_to_fetch_a_snapshot_and_then_follows(tell: Any) -> None:
    row = a_scale_set(instances=3)

    async def story(relay: Relay) -> None:
        client = Client(row.key)
        await relay.join(client.listener)
        assert [(message["type"], message["reason"]) for message in client.said] == [("reset", "new")]
        await in_thread(change, row, 1, "unhealthy")
        await until(lambda: "delta" in client.kinds())
        assert await in_thread(client.is_current)
        assert client.states[row.key]["instances"]["1"]["health"] == "unhealthy"

    tell(story)


def test_a_client_that_comes_back_goes_on_where_it_was(tell: Any) -> None:
    row = a_scale_set(instances=3)

    async def story(relay: Relay) -> None:
        first = Client(row.key)
        await relay.join(first.listener)
        stream, seq = first.listener.position(row.key)
        relay.leave(first.listener)
        for number in range(3):
            await in_thread(change, row, number, "unknown")
        watcher = Client(row.key)
        await relay.join(watcher.listener)
        await until(lambda: watcher.listener.position(row.key)[1] == row.seq + 3)

        again = Client(row.key, since={row.key: f"{stream}.{seq}"}, states=first.states)
        await relay.join(again.listener)
        assert set(again.kinds()) == {"delta"}
        assert await in_thread(again.is_current)

    tell(story)


def test_events_during_a_send_reach_the_client_too(tell: Any) -> None:
    """Where sending takes time (a full socket): a frame that is made meanwhile does not fit yet when it comes by."""
    row = a_scale_set(instances=3)

    async def story(relay: Relay) -> None:
        watcher = Client(row.key)
        await relay.join(watcher.listener)
        for number in range(2):
            await in_thread(change, row, number, "unknown")
            await until(lambda number=number: watcher.kinds().count("delta") > number)  # type: ignore[misc]

        said: list[int] = []

        async def slowly(text: str) -> None:
            said.append(json.loads(text)["seq"])
            if len(said) == 1:
                await in_thread(change, row, 2, "unknown")
                await until(lambda: watcher.kinds().count("delta") == 3)

        late = Listener(frozenset([row.key]), {row.key: f"{row.stream}.{row.seq}"}, slowly, watcher._close)
        await relay.join(late)
        assert said == [row.seq + 1, row.seq + 2, row.seq + 3]

    tell(story)


@pytest.mark.parametrize(
    ("position", "reason"),
    [("{stream}.0", "gap"), ("{stream}.999999", "gap"), ("another.{seq}", "stream")],
)
def test_a_position_that_cannot_be_continued_is_a_reset(tell: Any, position: str, reason: str) -> None:
    row = a_scale_set(instances=1)

    async def story(relay: Relay) -> None:
        client = Client(row.key, since={row.key: position.format(stream=row.stream, seq=row.seq)})
        await relay.join(client.listener)
        assert [message["reason"] for message in client.said] == [reason]

    tell(story)


def test_the_ring_is_bounded() -> None:
    """Who lacks more than it holds fetches a snapshot, which is smaller."""
    feed = FeedStream(1, "a/b", "s", 0, 0)
    for seq in range(1, 100):
        feed.remember(Frame(seq - 1, seq, "x" * 100_000), now=0.0)
        feed.seq = seq
    assert sum(len(frame.text) for _, frame in feed.recent) == feed.recent_bytes <= MAX_RECENT_BYTES
    assert feed.frames_since(98) == [feed.recent[-1][1]]
    assert feed.frames_since(50) is None
    feed.remember(Frame(99, 100, "x"), now=RECENT_SECONDS + 1)
    assert (len(feed.recent), feed.recent_bytes) == (1, 1)


def test_many_events_of_one_tick_are_one_frame(tell: Any) -> None:
    row = a_scale_set(instances=30)

    async def story(relay: Relay) -> None:
        client = Client(row.key)
        await relay.join(client.listener)

        def all_at_once() -> None:
            for number in range(30):
                change(row, number, "unknown")

        await in_thread(all_at_once)
        await until(lambda: client.listener.position(row.key)[1] == row.seq + 30)
        assert client.kinds().count("delta") <= 10
        assert await in_thread(client.is_current)

    tell(story)


def test_a_delta_that_is_too_large_is_a_reset(tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The web server would drop it without a word."""
    row = a_scale_set(instances=30)
    monkeypatch.setattr("dashboard.relay.MAX_DELTA_BYTES", 5_000)

    async def story(relay: Relay) -> None:
        client = Client(row.key)
        await relay.join(client.listener)

        def all_at_once() -> None:
            with writing(NOW, row.pk) as writer:
                writer.changed(*writer.scale_set.instances.all())

        await in_thread(all_at_once)
        await until(lambda: client.listener.position(row.key)[1] == row.seq + 1)
        assert [message.get("reason") for message in client.said if message["type"] != "heartbeat"] == ["new", "gap"]
        await in_thread(change, row, 1, "unknown")
        await until(lambda: client.kinds()[-1] == "delta")
        assert await in_thread(client.is_current)

    tell(story)


def test_scale_sets_come_and_go(tell: Any) -> None:
    a_scale_set("one", instances=1)

    async def story(relay: Relay) -> None:
        client = Client()
        await relay.join(client.listener)
        two = await in_thread(lambda: a_scale_set("two", instances=2))
        await until(lambda: two.key in client.states)
        await in_thread(lambda: publish("16.04.1"))
        await until(lambda: client.kinds().count("delta") >= 2)
        assert await in_thread(client.is_current)
        await in_thread(two.delete)
        await until(lambda: client.said[-1].get("reason") == "gone")
        assert client.said[-1]["set"] == two.key

    tell(story)


def test_a_scale_set_that_is_made_anew_at_once_is_not_taken_for_gone(tell: Any) -> None:
    """Both between two looks at all heads."""
    row = a_scale_set(instances=1)

    async def story(relay: Relay) -> None:
        client = Client(row.key)
        await relay.join(client.listener)

        def anew() -> None:
            with transaction.atomic():
                row.delete()
                a_scale_set(instances=2)

        await in_thread(anew)
        await until(lambda: client.said[-1].get("reason") == "stream")
        assert [message["reason"] for message in client.said if message["type"] == "reset"] == ["new", "gone", "stream"]
        await until(client.is_current)

    tell(story)


def test_merged_events_lead_where_single_ones_do() -> None:
    row = a_scale_set(instances=4)
    before = read.snapshot(row.pk)
    for number in (0, 1, 0):
        change(row, number, "unknown" if number else "unhealthy")
    with writing(NOW, row.pk) as writer:
        gone = Instance.objects.get(scale_set=row, number=3)
        writer.removed(gone)
        gone.delete()
    events = read.since(row.pk, before["seq"])
    merged = read.apply(before, Event(seq=events[-1].seq, body=merge(events)))
    assert merged == read.snapshot(row.pk)
    assert len(events) == 4


def test_every_message_is_as_the_document_says(tell: Any) -> None:
    """docs/feed.md holds the schema."""
    row = a_scale_set(instances=2, probe="/health")
    opt_out(str(row), ["1"], reason="why", owner="ada", now=NOW)

    async def story(relay: Relay) -> None:
        client = Client(row.key)
        await relay.join(client.listener)

        def much() -> None:
            publish("16.04.1")
            upgrade = start(str(row), "ada", NOW)
            a_batch(upgrade, {0: InstanceUpgradeState.UPGRADING})
            change(row, 0, "unknown")
            with writing(NOW, row.pk) as writer:
                writer.removed(writer.scale_set.instances.get(number=1))
                writer.scale_set.instances.filter(number=1).delete()

        await in_thread(much)
        await until(lambda: any("removed" in sent for sent in client.said))
        await until(lambda: client.said[-1]["type"] == "heartbeat")
        for message in [*client.said, json.loads(frames.error("BadRequest", "no", NOW))]:
            validator().validate(message)
        assert {sent["type"] for sent in client.said} == {"reset", "delta", "heartbeat"}

    tell(story)
