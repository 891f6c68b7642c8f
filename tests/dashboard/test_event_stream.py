"""Streams of events: a client that does not read costs a bounded amount of memory; tickets open one stream each, for a moment."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from dashboard.event_stream import MAX_ID_BYTES, EventStream, StreamListener, answer
from dashboard.listener import EVERYBODY, MAX_UNACKNOWLEDGED_BYTES
from dashboard.viewers import NotLetIn, viewer_with_ticket
from tests.dashboard.people import the_time
from tests.stories import NOW, a_scale_set
from upgrades.commands.feed_tickets import make_ticket, take_ticket
from upgrades.commands.wallboard_links import change_link, create_link, revoke_link, rotate_link
from upgrades.feed.frames import Frame
from upgrades.models import FeedTicket

KEY = "fleet/web"
BOARD = "https://board.example.com"


class ClosedTap:
    """The flow of a client that does not read."""

    async def wait(self) -> None:
        await asyncio.Event().wait()

    def end(self) -> None:
        pass


class Written:
    def __init__(self) -> None:
        self.text = ""
        self.is_over = False

    async def __call__(self, message: Any) -> None:
        self.text += message.get("body", b"").decode()
        self.is_over = self.is_over or not message.get("more_body", True)


def a_stream(written: Written, since: dict[str, str] | None = None) -> EventStream:
    stream = EventStream(EVERYBODY, written, ClosedTap())
    stream.listener = StreamListener(stream, None, since or {}, EVERYBODY)
    return stream


def test_a_client_that_does_not_read_is_sent_no_more_than_two_megabytes() -> None:
    async def story() -> None:
        stream = a_stream(Written(), {KEY: "s.0"})
        await stream.listener.send_heartbeat(1, "{}")
        for seq in range(100):
            await stream.listener.send_frame(KEY, "s", Frame(seq, seq + 1, "x" * 100_000))
        waiting = sum(len(text) for text in stream._waiting if isinstance(text, bytes))
        assert MAX_UNACKNOWLEDGED_BYTES < waiting < MAX_UNACKNOWLEDGED_BYTES + 200_000
        for number in range(2, 40):
            await stream.listener.send_heartbeat(number, "{}")
        assert stream._is_closed.is_set(), "half a minute is enough"

    asyncio.run(story())


def test_the_id_of_a_large_fleet_fits_into_a_header() -> None:
    async def story() -> None:
        since = {f"fleet/set-{number}": f"{'a' * 36}.{number}" for number in range(1000)}
        text = a_stream(Written(), since).listener.event_id()
        assert len(text) <= MAX_ID_BYTES
        assert all(part.count(":") == 1 for part in text.split(","))

    asyncio.run(story())


@pytest.mark.parametrize("position", ["s.x", "s.", "nowhere", f"s.{'1' * 5000}"])
def test_a_position_that_is_none_is_refused_in_words_of_the_feed(position: str) -> None:
    with pytest.raises(ValueError, match=f"^the position of {KEY} is stream.seq, not '{position[:200]}'$"):
        a_stream(Written(), {KEY: position})


@pytest.mark.django_db
def test_a_ticket_is_made_with_a_token_or_by_a_page(client: Client) -> None:
    token = create_link("lobby", "ada", NOW, origins=[BOARD])[1]
    bearer = {"Authorization": f"Bearer {token}", "Origin": BOARD}
    made = client.post("/feed/ticket", headers=bearer)
    assert made["Access-Control-Allow-Origin"] == BOARD
    assert made["Cache-Control"] == "no-store"
    viewer = viewer_with_ticket(made.json()["ticket"], the_time())
    assert viewer.link
    page = Client(enforce_csrf_checks=True)
    assert page.post("/feed/ticket").status_code in (401, 403)
    page.force_login(User.objects.create_user("ada"))
    assert page.post("/feed/ticket").status_code == 403, "no page of another site makes one with our cookie"
    page.get("/images/")
    own = page.post("/feed/ticket", headers={"X-CSRFToken": page.cookies["csrftoken"].value})
    assert viewer_with_ticket(own.json()["ticket"], the_time()).session
    assert client.post("/feed/ticket", headers={"Authorization": "Bearer made-up"}).status_code == 401
    assert client.get("/feed/ticket").status_code == 405


@pytest.mark.django_db
def test_a_ticket_is_good_once_and_for_half_a_minute() -> None:
    link, _ = create_link("lobby", "ada", NOW)
    ticket = make_ticket(NOW, link=link.identity)
    assert take_ticket(ticket, NOW)
    assert take_ticket(ticket, NOW) is None
    late = make_ticket(NOW, link=link.identity)
    assert take_ticket(late, NOW + timedelta(seconds=30)) is None
    make_ticket(NOW, link=link.identity)
    make_ticket(NOW + timedelta(minutes=1), link=link.identity)
    assert FeedTicket.objects.count() == 1, "those that nobody used are deleted"
    for hostile in ("", "x" * 9000, "a\0b", "日本語"):
        assert take_ticket(hostile, NOW) is None


@pytest.mark.django_db
@pytest.mark.parametrize("happens", ["rotated", "changed", "revoked"])
def test_a_ticket_ends_with_its_link(happens: str) -> None:
    a_scale_set(instances=1)
    link, _ = create_link("lobby", "ada", NOW)
    ticket = make_ticket(NOW, link=link.identity)
    if happens == "rotated":
        rotate_link("lobby", NOW)
    elif happens == "changed":
        change_link("lobby", groups=["fleet"])
    else:
        revoke_link("lobby", NOW)
    with pytest.raises(NotLetIn):
        viewer_with_ticket(ticket, NOW)


@pytest.mark.django_db
def test_a_ticket_ends_with_its_session(ada: Client) -> None:
    ada.get("/images/")
    ticket = ada.post("/feed/ticket").json()["ticket"]
    ada.post("/logout/")
    with pytest.raises(NotLetIn):
        viewer_with_ticket(ticket, the_time())


@pytest.mark.django_db
def test_pages_of_the_origins_of_a_link_may_read_and_no_others(client: Client, ada: Client) -> None:
    a_scale_set(instances=1)
    token = create_link("lobby", "ada", NOW, origins=[BOARD])[1]
    for path in ("/feed/snapshot?set=fleet/web", "/feed/heads"):
        for origin in (BOARD, "https://evil.example.com", f"{BOARD}.evil.example.com", f"{BOARD}:444", "null"):
            told = Client().get(path, headers={"Authorization": f"Bearer {token}", "Origin": origin})
            allowed = told.headers.get("Access-Control-Allow-Origin")
            assert (told.status_code, allowed) == ((200, BOARD) if origin == BOARD else (403, "*"))
            assert "Origin" in told["Vary"]
            assert "Access-Control-Allow-Credentials" not in told
        assert "Access-Control-Allow-Origin" not in ada.get(path, headers={"Origin": BOARD}), "a session opens nothing"
        asked = client.options(path, headers={"Origin": BOARD, "Access-Control-Request-Headers": "authorization"})
        assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, BOARD)
        assert "Authorization" in asked["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in asked
    for path in ("/", "/images/", "/wallboards/"):
        assert "Access-Control-Allow-Origin" not in ada.options(path, headers={"Origin": BOARD})


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/feed/heads", "/feed/snapshot?set=fleet/web", "/feed/summary", "/feed/table"])
def test_pages_of_any_site_may_read_why_a_token_was_refused_and_nothing_else(ada: Client, path: str) -> None:
    """Otherwise they could not tell a revoked link from a server that is down. What depends on a cookie stays closed to them."""
    a_scale_set(instances=1)
    token = create_link("lobby", "ada", NOW)[1]
    from_there = {"Origin": BOARD}
    refused = [
        (401, "InvalidToken", ada.get(path, {"token": "made-up"}, headers=from_there)),
        (401, "InvalidToken", ada.get(path, {"ticket": "made-up"}, headers=from_there)),
        (400, "BadRequest", ada.get(path, {"token": "a"}, headers={**from_there, "Authorization": "Bearer b"})),
        (403, "ForeignOrigin", ada.get(path, {"token": token}, headers=from_there)),
    ]
    for status, code, told in refused:
        assert (told.status_code, told.json()["error"]["code"]) == (status, code)
        assert told["Access-Control-Allow-Origin"] == "*"
        assert "Origin" in told["Vary"]
        assert "Access-Control-Allow-Credentials" not in told
    for browser in (ada, Client()):
        for more in ({}, {"Authorization": "Basic eA=="}):
            assert "Access-Control-Allow-Origin" not in browser.get(path, headers={**from_there, **more})


@pytest.mark.django_db(transaction=True)
def test_a_used_ticket_is_answered_as_such_to_a_page_of_the_links_origin() -> None:
    link, _ = create_link("lobby", "ada", NOW, origins=[BOARD])
    ticket = make_ticket(the_time(), link=link.identity)
    assert take_ticket(ticket, the_time())
    status, headers, body = asyncio.run(_refused_stream(f"ticket={ticket}", BOARD))
    assert (status, body["error"]["code"]) == (401, "InvalidToken")
    assert headers[b"access-control-allow-origin"] == b"*"


async def _refused_stream(query: str, origin: str) -> tuple[int, dict[bytes, bytes], Any]:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    headers = [(b"host", b"here.example.com"), (b"origin", origin.encode())]
    await answer({"query_string": query.encode(), "headers": headers}, None, send)
    await sync_to_async(connections.close_all)()  # of the thread that has looked for the ticket
    return said[0]["status"], dict(said[0]["headers"]), json.loads(said[1]["body"])


def test_the_id_of_an_event_leaves_out_scale_sets_that_were_just_reset() -> None:
    """Who loses the connection right after a reset, and comes back with the last id, is told again to fetch the snapshot."""

    async def story() -> None:
        stream = a_stream(Written(), {KEY: "s.7", "a/b": "t.1"})
        listener = stream.listener
        await listener.send_heartbeat(1, "{}")
        assert listener.event_id() == f"{KEY}:s.7,a/b:t.1"
        await listener.send_reset(KEY, "s", 9, "gap", NOW)
        await listener.send_reset("a/b", "t", 1, "gone", NOW)
        assert _ids(stream)[-2:] == ["a/b:t.1", ""]
        await listener.send_heartbeat(2, "{}")
        assert listener.event_id() == f"{KEY}:s.9", "what is gone has no position"

    asyncio.run(story())


def _ids(stream: EventStream) -> list[str]:
    return [text.decode().partition("\n")[0][4:] for text in stream._waiting if isinstance(text, bytes)]
