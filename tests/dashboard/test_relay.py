"""The feed's relay: a client that applies what it is sent always equals a fresh snapshot. Real database, no broker: no hint ever comes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.db import transaction
from pytest_django import Settings

from dashboard.listener import EVERYBODY, NOT_SIGNED_IN, TOO_SLOW, Listener
from dashboard.relay import MAX_RECENT_BYTES, RECENT_SECONDS, FeedStream, Relay
from dashboard.viewers import Viewer, viewer_with
from tests import waiting
from tests.feed_client import validator
from tests.stories import NOW, a_batch, a_scale_set, publish
from tests.threads import in_thread
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.upgrades import start
from upgrades.commands.wallboard_links import change_link, create_link, revoke_link, rotate_link
from upgrades.core.feed_scope import FeedScope
from upgrades.core.states import InstanceUpgradeState
from upgrades.feed import frames, read
from upgrades.feed.frames import Frame, merge
from upgrades.feed.writing import writing
from upgrades.models import Event, Instance, ScaleSet

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
ANSWER_TIMEOUT_SECONDS = 20
SECONDS_UNTIL_CLOSED = 2
T = TypeVar("T")


class Client:
    """What a browser does: fetches a snapshot when told to reset, and applies deltas by replacing resources."""

    def __init__(
        self,
        *keys: str,
        since: dict[str, str] | None = None,
        states: dict[str, Any] | None = None,
        viewer: Viewer = EVERYBODY,
    ) -> None:
        self.said: list[dict[str, Any]] = []
        self.closed: list[int] = []
        self.states: dict[str, Any] = states or {}
        self.listener = Listener(frozenset(keys) or None, since or {}, self._receive, self._close, viewer)

    async def _receive(self, text: str) -> None:
        message = json.loads(text)
        self.said.append(message)
        if message["type"] == "reset" and message["reason"] != "gone":
            self.states[message["set"]] = await in_thread(_snapshot, message["set"])
        if message["type"] == "delta":
            self._apply(message)

    def _apply(self, message: dict[str, Any]) -> None:
        state = self.states[message["set"]]
        if message["seq"] > state["seq"]:
            assert message["since"] <= state["seq"], "a gap"
            self.states[message["set"]] = read.apply(state, Event(seq=message["seq"], body=message))

    async def _close(self, code: int) -> None:
        self.closed.append(code)

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.said if message["type"] != "heartbeat"]

    def is_current(self) -> bool:
        return all(state == _snapshot(key) for key, state in self.states.items())


def _snapshot(key: str) -> Any:
    return json.loads(json.dumps(read.snapshot(ScaleSet.objects.get(key=key).pk)))


def clock() -> datetime:
    return NOW


async def until(condition: Callable[[], object]) -> None:
    await waiting.until(lambda: in_thread(condition), seconds=ANSWER_TIMEOUT_SECONDS)


@pytest.fixture
def tell(settings: Settings, tmp_path: Path) -> Callable[[Callable[[Relay], Awaitable[None]]], None]:
    """Tells a story with a relay in an event loop of its own."""
    settings.REDIS_URL = f"unix://{tmp_path}/no-broker.sock"

    def telling(story: Callable[[Relay], Awaitable[None]]) -> None:
        async def run() -> None:
            relay = Relay(clock)
            try:
                await story(relay)
            finally:
                await relay.close()

        asyncio.run(run())

    return telling


def change(row: ScaleSet, number: int, health: str) -> None:
    with writing(NOW, row.pk) as writer:
        instance = Instance.objects.get(scale_set=row, number=number)
        instance.health = health
        instance.save(update_fields=["health"])
        writer.changed(instance)


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


def test_a_client_is_told_at_once_which_scale_sets_that_it_names_are_not_there(tell: Any) -> None:
    """Deleted while it was away, mistyped, or not for it: all the same. One that it has no wish for is not spoken of."""
    row = a_scale_set("web", instances=1)
    a_scale_set("db", instances=1)
    here = f"{row.stream}.{row.seq}"
    link = create_link("lobby", "ada", NOW, scale_sets=[row.key])[1]

    async def story(relay: Relay) -> None:
        back = Client(since={row.key: here, "fleet/old": "s.7"})
        await relay.join(back.listener)
        assert _resets(back) == [("fleet/db", "new"), ("fleet/old", "gone")]
        assert (back.said[-1]["stream"], back.said[-1]["seq"]) == ("s", 7)
        narrow = Client(row.key, "fleet/typo", since={row.key: here, "fleet/old": "s.7"})
        await relay.join(narrow.listener)
        assert _resets(narrow) == [("fleet/typo", "gone")]
        scoped = Client(row.key, "fleet/db", viewer=await in_thread(viewer_with, link, NOW))
        await relay.join(scoped.listener)
        assert _resets(scoped) == [(row.key, "new"), ("fleet/db", "gone")]
        await relay.resume(back.listener, {"fleet/older": "s.1"})
        assert _resets(back)[-1] == ("fleet/older", "gone")
        await in_thread(lambda: a_scale_set("typo", instances=1))
        new = Client("fleet/typo")
        await relay.join(new.listener)
        await until(lambda: "fleet/typo" in new.states)
        assert _resets(new) == [("fleet/typo", "new")], "one that was made just now is not taken for gone"

    tell(story)


def _resets(client: Client) -> list[tuple[str, str]]:
    return [(message["set"], message["reason"]) for message in client.said if message["type"] == "reset"]


def test_a_client_gets_only_the_scale_sets_that_it_asked_for(tell: Any) -> None:
    scale_set, two = a_scale_set("one", instances=1), a_scale_set("two", instances=1)

    async def story(relay: Relay) -> None:
        client = Client(scale_set.key)
        await relay.join(client.listener)
        await in_thread(change, two, 0, "unhealthy")
        await in_thread(change, scale_set, 0, "unhealthy")
        await until(lambda: "delta" in client.kinds())
        assert {message["set"] for message in client.said if "set" in message} == {scale_set.key}

    tell(story)


def test_a_client_that_does_not_acknowledge_gets_heartbeats_only_until_it_does(tell: Any) -> None:
    row = a_scale_set(instances=2)

    async def story(relay: Relay) -> None:
        client = Client(row.key)
        await relay.join(client.listener)
        await until(lambda: sum(message["type"] == "heartbeat" for message in client.said) >= 3)
        await in_thread(change, row, 0, "unhealthy")
        other = Client(row.key)
        await relay.join(other.listener)
        await until(lambda: other.listener.position(row.key)[1] == row.seq + 1)
        assert client.kinds() == ["reset"]
        last = client.said[-1]
        await relay.acknowledged(client.listener, last["n"])
        assert client.kinds() == ["reset", "delta"]
        assert last["heads"] == {row.key: f"{row.stream}.{last['heads'][row.key].rpartition('.')[2]}"}

    tell(story)


def test_the_credit_is_counted_in_bytes_too() -> None:
    async def story() -> None:
        said: list[str] = []

        async def take(text: str) -> None:
            said.append(text)

        listener = Listener(None, {"a/b": "s.0"}, take, Client()._close)
        for seq in range(1, 100):
            await listener.send_frame("a/b", "s", Frame(seq - 1, seq, "x" * 100_000))
        assert 19 <= len(said) <= 22

    asyncio.run(story())


def test_a_client_that_stays_behind_is_closed() -> None:
    async def story() -> None:
        client = Client("a/b")
        for number in range(1, 40):
            await client.listener.send_heartbeat(number, json.dumps({"type": "heartbeat", "n": number}))
        assert set(client.closed) == {TOO_SLOW}
        assert len(client.said) <= 20

    asyncio.run(story())


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


def test_an_acknowledgement_before_the_first_heartbeat_is_none() -> None:
    """`{"ack": 0}` right after connecting was taken for one of hundreds of heartbeats ago, and the socket was closed."""

    async def story() -> None:
        client = Client("a/b")
        for number in (0, -1, 10**30):
            assert not client.listener.acknowledge(number)
        for number in range(500, 510):
            await client.listener.send_heartbeat(number, json.dumps({"type": "heartbeat", "n": number}))
        assert client.closed == []

    asyncio.run(story())


def test_a_link_hears_of_its_scale_sets_only(tell: Any) -> None:
    """No delta, no reset, no heartbeat names another one, whether it is there, new, deleted, or asked for by its name."""
    seen, hidden = a_scale_set("seen", instances=1), a_scale_set("hidden", instances=1)

    async def story(relay: Relay) -> None:
        viewer = Viewer(FeedScope.of(["fleet/seen"], ["other"]))
        clients = [Client(viewer=viewer), Client("fleet/seen", "fleet/hidden", "other/new", viewer=viewer)]
        watcher = Client()
        for client in (*clients, watcher):
            await relay.join(client.listener)
        await relay.resume(clients[1].listener, {"fleet/hidden": f"{hidden.stream}.0"})
        for row in (hidden, seen):
            await in_thread(change, row, 0, "unhealthy")
        await in_thread(partial(a_scale_set, "new", group="other", instances=1))
        await in_thread(partial(ScaleSet.objects.filter(pk=hidden.pk).delete))
        await until(lambda: any(said.get("reason") == "gone" for said in watcher.said))
        await until(lambda: all(len(_heartbeats(client)) > 1 for client in clients))
        assert [reset for reset in _resets(clients[1]) if reset[1] == "gone"] == [
            ("fleet/hidden", "gone"),
            ("other/new", "gone"),
            ("fleet/hidden", "gone"),
        ], "told when it names them, as of any that are not there; not when the hidden one is deleted"
        for client in clients:
            told = [said for said in client.said if said.get("reason") != "gone"]
            assert {said["set"] for said in told if "set" in said} == {"fleet/seen", "other/new"}
            assert set(_heartbeats(client)[-1]["heads"]) == {"fleet/seen", "other/new"}
            assert "hidden" not in json.dumps(told)

    tell(story)


def _heartbeats(client: Client) -> list[dict[str, Any]]:
    return [said for said in client.said if said["type"] == "heartbeat"]


def _rotate() -> None:
    rotate_link("lobby", NOW)


def _revoke() -> None:
    revoke_link("lobby", NOW)


def _change() -> None:
    change_link("lobby", groups=["fleet"])


@pytest.mark.parametrize("happens", [_rotate, _revoke, _change])
def test_a_socket_of_a_link_that_ends_is_closed_within_two_seconds(tell: Any, happens: Callable[[], None]) -> None:
    a_scale_set(instances=1)
    viewer = viewer_with(create_link("lobby", "ada", NOW)[1], NOW)
    other = viewer_with(create_link("hall", "ada", NOW)[1], NOW)

    async def story(relay: Relay) -> None:
        ends, stays, person = Client(viewer=viewer), Client(viewer=other), Client()
        for client in (ends, stays, person):
            await relay.join(client.listener)
        began = asyncio.get_running_loop().time()
        await in_thread(happens)
        await until(lambda: ends.closed)
        assert asyncio.get_running_loop().time() - began < SECONDS_UNTIL_CLOSED
        assert ends.closed == [NOT_SIGNED_IN]
        assert (ends.said[-1]["type"], ends.said[-1]["code"]) == ("error", "InvalidToken")
        assert not stays.closed
        assert not person.closed

    tell(story)
