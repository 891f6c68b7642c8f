"""The feed's relay and its single clients: who gets what, how much without an acknowledgement, and who is thrown out."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from dashboard.listener import CHANGED, NOT_SIGNED_IN, TOO_SLOW, Listener
from dashboard.relay import Relay
from dashboard.viewers import Viewer, viewer_with
from tests.dashboard.relaying import Client, change, until
from tests.stories import NOW, a_scale_set
from tests.threads import in_thread
from upgrades.commands.wallboard_links import change_link, create_link, revoke_link, rotate_link
from upgrades.core.feed_scope import FeedScope
from upgrades.feed.frames import Frame
from upgrades.models import ScaleSet

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
SECONDS_UNTIL_CLOSED = 2


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


def _change_and_rotate() -> None:
    _rotate()
    _change()


@pytest.mark.parametrize(
    ("happens", "close", "code"),
    [
        (_rotate, NOT_SIGNED_IN, "InvalidToken"),
        (_revoke, NOT_SIGNED_IN, "InvalidToken"),
        (_change, CHANGED, "LinkChanged"),
        (_change_and_rotate, NOT_SIGNED_IN, "InvalidToken"),
    ],
)
def test_a_socket_of_a_link_that_ends_is_closed_within_two_seconds(
    tell: Any, happens: Callable[[], None], close: int, code: str
) -> None:
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
        assert ends.closed == [close]
        assert (ends.said[-1]["type"], ends.said[-1]["code"]) == ("error", code)
        assert not stays.closed
        assert not person.closed

    tell(story)
