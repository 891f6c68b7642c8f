"""Streams of events: a client that does not read costs a bounded amount of memory; tickets open one stream each, for a moment."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard.event_stream import MAX_ID_BYTES, EventStream, StreamListener
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
            answer = Client().get(path, headers={"Authorization": f"Bearer {token}", "Origin": origin})
            allowed = answer.headers.get("Access-Control-Allow-Origin")
            assert allowed == (BOARD if origin == BOARD else None)
            assert "Origin" in answer["Vary"]
            assert "Access-Control-Allow-Credentials" not in answer
        assert "Access-Control-Allow-Origin" not in ada.get(path, headers={"Origin": BOARD}), "a session opens nothing"
        asked = client.options(path, headers={"Origin": BOARD, "Access-Control-Request-Headers": "authorization"})
        assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, BOARD)
        assert "Authorization" in asked["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in asked
    for path in ("/", "/images/", "/wallboards/"):
        assert "Access-Control-Allow-Origin" not in ada.options(path, headers={"Origin": BOARD})
