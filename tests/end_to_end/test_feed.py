"""The live feed over real sockets: who may listen, what is said, and that a client never misses anything."""

import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.crash import judging
from tests.crash.fleets import have_ended, publish, put_fleets
from tests.end_to_end.event_streams import events
from tests.end_to_end.installation import LIVE, Installation
from tests.feed_client import Conversation, FeedClient, Message, Session, converse, validator
from tests.waiting import wait_until
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import InstanceUpgrade

BOARD = "https://board.example.com"
FLEET = {"live/web": 30, "live/unprobed": 5}
pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture(scope="module")
def fleet(up: Installation) -> Installation:
    put_fleets(up, FLEET)
    return up


@pytest.fixture(scope="module")
def ada(up: Installation) -> Session:
    """Somebody who has signed in."""
    return up.signed_in()


def acknowledge(message: Message) -> Any:
    return {"ack": message["n"]} if message["type"] == "heartbeat" else None


def nothing(_: Message) -> None:
    return None


def has(number: int, kind: str) -> Callable[[list[Message]], bool]:
    return lambda said: sum(message["type"] == kind for message in said) >= number


def resets(heard: Conversation) -> list[tuple[str, str]]:
    return sorted((message["set"], message["reason"]) for message in heard.said if message["type"] == "reset")


def place(ada: Session, path: str) -> str:
    """stream.seq of now."""
    snapshot = json.loads(ada.get(f"/feed/snapshot?set={path}").body)
    return f"{snapshot['stream']}.{snapshot['seq']}"


# --- who may listen ---------------------------------------------------------------------------------------------------


def test_a_connection_without_a_session_is_told_so_and_closed(up: Installation) -> None:
    nobody = Session(f"http://127.0.0.1:{up.http_port}")
    heard = converse(nobody.feed(), nobody.headers(), nothing, enough=lambda said: False)
    assert [message["code"] for message in heard.said] == ["NotSignedIn"]
    assert (heard.status, heard.close) == (101, 4401)
    assert nobody.get("/feed/snapshot?set=live/web").status == 401


def test_a_session_that_was_made_up_is_none(up: Installation, ada: Session) -> None:
    headers = ada.headers(Cookie="sessionid=" + "x" * 32)
    assert converse(ada.feed(), headers, nothing, enough=lambda said: False).close == 4401


@pytest.mark.parametrize(
    "origin",
    ["https://example.com", "http://127.0.0.1:1", "http://localhost", "null", ""],
    ids=lambda value: value or "none",
)
def test_a_page_from_elsewhere_is_refused_though_it_brings_the_cookie(ada: Session, origin: str) -> None:
    headers = ada.headers(Origin=origin)
    if not origin:
        del headers["Origin"]
    heard = converse(ada.feed(), headers, nothing, enough=lambda said: False)
    assert (heard.status, heard.said) == (403, [])


def test_a_deactivated_account_is_disconnected(up: Installation) -> None:
    up.manage("shell", "-c", _WITH_BOB.format(active=True))
    bob = Session(f"http://127.0.0.1:{up.http_port}").sign_in("bob", "a long pass phrase")
    assert converse(bob.feed(), bob.headers(), acknowledge, enough=has(1, "heartbeat")).close is None
    up.manage("shell", "-c", _WITH_BOB.format(active=False))
    assert converse(bob.feed(), bob.headers(), nothing, enough=lambda said: False).close == 4401


_WITH_BOB = """
from django.contrib.auth.models import User
bob, _ = User.objects.get_or_create(username="bob")
bob.set_password("a long pass phrase") if {active} else None
bob.is_active = {active}
bob.save()
"""


def test_the_feed_is_served_over_https_too(fleet: Installation, ada: Session) -> None:
    """The page, the cookie and the socket all go through the https port."""
    secured = fleet.secured()
    with secured:
        cookie, origin = ada.headers()["Cookie"], f"https://127.0.0.1:{fleet.https_port}"
        lines = [
            "GET /ws/feed/?sets=live/web HTTP/1.1",
            f"Host: 127.0.0.1:{fleet.https_port}",
            f"Origin: {origin}",
            f"Cookie: {cookie}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ]
        secured.sendall("\r\n".join([*lines, "", ""]).encode())
        said = b""
        while b'"type":"reset"' not in said:
            said += secured.recv(4096) or pytest.fail(said.decode())
    assert said.startswith(b"HTTP/1.1 101 ")


# --- wallboard links --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nobody(fleet: Installation) -> Session:
    """Somebody who has not signed in."""
    return Session(f"http://127.0.0.1:{fleet.http_port}")


@pytest.fixture(scope="module")
def link(fleet: Installation) -> dict[str, str]:
    words = ("--set", "live/web", "--origin", BOARD, "--json")
    made: dict[str, str] = json.loads(fleet.manage("wallboard_link", "lobby", *words))
    return made


def listen(site: Session, headers: dict[str, str] | None = None, **query: str) -> Conversation:
    """What is heard until the first heartbeat."""
    return converse(site.feed(**query), headers or {}, nothing, enough=has(1, "heartbeat"))


def test_a_token_opens_the_socket_without_a_session(nobody: Session, link: dict[str, str]) -> None:
    bearer = {"Authorization": f"Bearer {link['token']}"}
    ways = [listen(nobody, bearer), listen(nobody, {"Origin": BOARD}, token=link["token"])]
    ways.append(listen(nobody, {"Origin": nobody.site}, token=link["token"], sets="live/web,live/unprobed"))
    for heard in ways:
        assert heard.status == 101
        assert resets(heard)[-1:] == [("live/web", "new")]
        assert list(heard.said[-1]["heads"]) == ["live/web"]
    assert [len(resets(heard)) for heard in ways[:2]] == [1, 1]
    assert resets(ways[2])[0] == ("live/unprobed", "gone"), "what the link does not show is not there"
    assert link["url"] == f"{nobody.site}/wall/{link['token']}/"


@pytest.mark.parametrize("origin", ["https://example.com", "http://board.example.com", f"{BOARD}:444", "null"])
def test_a_page_of_an_origin_that_the_link_does_not_name(nobody: Session, link: dict[str, str], origin: str) -> None:
    """It is refused. A wrong token is told from that: no link names it."""
    heard = listen(nobody, {"Origin": origin}, token=link["token"])
    assert (heard.status, heard.said) == (403, [])
    wrong = listen(nobody, {"Origin": origin}, token="made-up")
    assert (wrong.close, [message["code"] for message in wrong.said]) == (4401, ["InvalidToken"])


def test_hostile_tokens_open_no_socket(nobody: Session, link: dict[str, str]) -> None:
    for token in ("", "made-up", "x" * 5000, "a\0b", "日本語", link["token"][:-1]):
        heard = listen(nobody, token=token)
        assert (heard.close, [message["code"] for message in heard.said]) == (4401, ["InvalidToken"])
    twice = listen(nobody, {"Authorization": f"Bearer {link['token']}"}, token=link["token"])
    assert (twice.close, twice.said[-1]["code"]) == (4400, "BadRequest")


def test_the_clients_of_a_link_are_counted(fleet: Installation, nobody: Session, ada: Session) -> None:
    token = json.loads(fleet.manage("wallboard_link", "counted", "--json"))["token"]

    def are_counted(_: list[Message]) -> bool:
        return 1 in json.loads(ada.get("/wallboards/clients/").body)["clients"].values()

    assert converse(nobody.feed(token=token), {}, acknowledge, enough=are_counted).close is None


def test_a_revoked_link_ends_and_its_token_is_in_no_log(fleet: Installation, nobody: Session) -> None:
    token = json.loads(fleet.manage("wallboard_link", "hall", "--json"))["token"]
    revoked: list[str] = []

    def revoke_once(said: list[Message]) -> bool:
        if not revoked and has(1, "heartbeat")(said):
            revoked.append(fleet.manage("wallboard_link", "hall", "--revoke"))
        return False

    heard = converse(nobody.feed(token=token), {}, acknowledge, enough=revoke_once)
    assert (heard.close, heard.said[-1]["code"]) == (4401, "InvalidToken")
    assert nobody.get(f"/wall/{token}/").status == 404
    assert nobody.get(f"/feed/heads?token={token}").status == 401
    assert token not in fleet.said()


# --- server-sent events -----------------------------------------------------------------------------------------------


def test_events_are_the_messages_of_the_socket(nobody: Session, link: dict[str, str]) -> None:
    """A pause of the reader, or of the line, loses nothing: it goes on after the last id."""
    bearer = f"Bearer {link['token']}"
    first = events(nobody, "/feed/events", has(2, "heartbeat"), Authorization=bearer)
    assert first.headers["content-type"].startswith("text/event-stream")
    assert (first.headers["x-accel-buffering"], first.headers["cache-control"]) == ("no", "no-store")
    assert [(message["type"], message.get("set")) for _, message in first.said] == [
        ("reset", "live/web"),
        ("heartbeat", None),
        ("heartbeat", None),
    ]
    assert all(not list(validator().iter_errors(message)) for _, message in first.said)
    at = first.said[-1][0]
    assert at == f"live/web:{first.said[-1][1]['heads']['live/web']}"
    again = events(nobody, "/feed/events", has(1, "heartbeat"), Authorization=bearer, Last_Event_ID=at)
    assert [message["type"] for _, message in again.said] == ["heartbeat"], "it lacks nothing"
    old = events(nobody, "/feed/events", has(1, "reset"), Authorization=bearer, Last_Event_ID="live/web:other.3")
    assert old.said[0][1]["reason"] == "stream"
    bad = events(nobody, "/feed/events", has(1, "reset"), Authorization=bearer, Last_Event_ID="nonsense")
    assert bad.status == 400


def test_a_ticket_opens_one_stream(nobody: Session, link: dict[str, str], ada: Session) -> None:
    request = Request(f"{nobody.site}/feed/ticket", data=b"", headers={"Authorization": f"Bearer {link['token']}"})
    with urlopen(request, timeout=30) as answer:
        ticket = json.load(answer)["ticket"]
    path = f"/feed/events?ticket={ticket}"
    assert events(nobody, path, has(1, "reset"), Origin=BOARD).headers["access-control-allow-origin"] == BOARD
    assert events(nobody, path, has(1, "reset")).status == 401, "it is used up"
    assert events(nobody, f"{path}&token={link['token']}", has(1, "reset")).status == 400


def test_events_are_refused_without_a_session_or_a_token(nobody: Session, link: dict[str, str], ada: Session) -> None:
    assert events(nobody, "/feed/events", has(1, "reset")).status == 401
    for token in ("", "made-up", "x" * 5000, "%00"):
        assert events(nobody, f"/feed/events?token={token}", has(1, "reset")).status == 401
    path = f"/feed/events?token={link['token']}"
    refused = events(nobody, path, has(1, "reset"), Origin="https://example.com")
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (403, "*")
    cookie = ada.headers()["Cookie"]
    assert events(nobody, "/feed/events", has(1, "reset"), Cookie=cookie).status == 200
    foreign = events(nobody, "/feed/events", has(1, "reset"), Cookie=cookie, Origin="https://example.com")
    assert foreign.status == 403
    assert "access-control-allow-origin" not in foreign.headers, "nothing that depends on a cookie may be read"


def test_the_stream_of_a_revoked_link_ends(fleet: Installation, nobody: Session) -> None:
    token = json.loads(fleet.manage("wallboard_link", "stairs", "--json"))["token"]
    revoked: list[str] = []

    def revoke_once(said: list[Message]) -> bool:
        if not revoked and has(1, "heartbeat")(said):
            revoked.append(fleet.manage("wallboard_link", "stairs", "--revoke"))
        return False

    heard = events(nobody, f"/feed/events?token={token}", revoke_once)
    assert heard.has_ended
    assert heard.said[-1][1]["code"] == "InvalidToken"


# --- what is said -----------------------------------------------------------------------------------------------------


def test_only_the_sets_that_were_asked_for_are_served(fleet: Installation, ada: Session) -> None:
    heard = converse(ada.feed(sets="LIVE/Web"), ada.headers(), acknowledge, enough=has(1, "heartbeat"))
    assert resets(heard) == [("live/web", "new")]
    assert heard.said[-1]["heads"].keys() == {"live/web"}
    everything = converse(ada.feed(), ada.headers(), acknowledge, enough=has(1, "heartbeat"))
    assert resets(everything) == [("live/unprobed", "new"), ("live/web", "new")]
    assert everything.said[-1]["heads"].keys() == FLEET.keys()


def test_a_client_continues_from_the_seq_it_names(fleet: Installation, ada: Session) -> None:
    at = place(ada, "live/web")
    heard = converse(
        ada.feed(sets="live/web", since=f"live/web:{at}"), ada.headers(), nothing, enough=has(1, "heartbeat")
    )
    assert resets(heard) == []
    assert heard.said[-1]["heads"] == {"live/web": at}


@pytest.mark.parametrize(
    ("position", "reason"), [("another.{seq}", "stream"), ("{stream}.999999", "gap"), ("{stream}.{seq}", "")]
)
def test_a_client_may_say_later_where_it_is(fleet: Installation, ada: Session, position: str, reason: str) -> None:
    stream, seq = place(ada, "live/web").split(".")
    resume = {"type": "resume", "since": {"LIVE/web": position.format(stream=stream, seq=seq)}}

    def once(message: Message) -> Any:
        return resume if message["type"] == "reset" and message["reason"] == "new" else acknowledge(message)

    heard = converse(ada.feed(sets="live/web"), ada.headers(), once, enough=has(2, "heartbeat"))
    assert [why for _, why in resets(heard) if why != "new"] == ([reason] if reason else [])


@pytest.mark.parametrize("words", ["since=live/web", "since=live/web:nowhere"])
def test_a_position_that_is_none_is_refused(ada: Session, words: str) -> None:
    name, _, word = words.partition("=")
    heard = converse(ada.feed(**{name: word}), ada.headers(), nothing, enough=lambda said: False)
    assert ([message["code"] for message in heard.said], heard.close) == (["BadRequest"], 4400)


@pytest.mark.parametrize(
    "reply",
    [
        *("{", "[]", '{"ack": "x"}', '{"ack": 1e999}', '{"type": "dance"}', "{}", "[" * 30_000),
        *('{"type": "resume", "since": 3}', '{"type": "resume"}', '{"type": "resume", "since": {"a/b": "s.x"}}'),
    ],
)
def test_unreadable_messages_close_the_connection(fleet: Installation, ada: Session, reply: str) -> None:
    heard = converse(ada.feed(sets="live/web"), ada.headers(), lambda _: reply, enough=lambda said: False)
    assert (heard.said[-1]["code"], heard.close) == ("BadRequest", 4400)
    for message in heard.said:
        validator().validate(message)


def test_heartbeats_are_numbered_and_say_where_each_set_is(fleet: Installation, ada: Session) -> None:
    heard = converse(ada.feed(), ada.headers(), acknowledge, enough=has(2, "heartbeat"))
    first, second = (message for message in heard.said if message["type"] == "heartbeat")
    assert second["n"] == first["n"] + 1
    assert second["heads"] == {path: place(ada, path) for path in FLEET}


def test_snapshots_are_compressed_and_not_sent_twice(fleet: Installation, ada: Session) -> None:
    first = ada.get("/feed/snapshot?set=live/web", Accept_Encoding="gzip")
    assert first.headers["Content-Encoding"] == "gzip"
    snapshot = json.loads(gzip.decompress(first.body))
    assert first.headers["ETag"] == f'"{snapshot["stream"]}.{snapshot["seq"]}"'
    assert len(first.body) < len(json.dumps(snapshot)) / 4
    again = ada.get("/feed/snapshot?set=live/web", Accept_Encoding="gzip", If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert snapshot == judging.settled_snapshot("live/web")


# --- a client that stays ----------------------------------------------------------------------------------------------


def test_a_client_holds_all_through_an_upgrade_and_a_death_of_the_web_server(fleet: Installation, ada: Session) -> None:
    """Snapshot and deltas, over lost connections and another Daphne: in the end exactly what there is."""
    with FeedClient(ada, FLEET, strict=True) as client:
        for path in FLEET:
            judging.client_holds_all(client, path)
        version = publish(fleet)
        _wait_for_batch(version, 2)
        client.lose_connection()
        _wait_for_batch(version, 3)
        wait_until(lambda: client.connections == 2, seconds=30, what="the client is back")
        assert {reason for _, reason in client.resets} == {"new"}, "a lost connection is gone on with, without a reset"
        fleet.kill(fleet.server)
        wait_until(lambda: have_ended(FLEET, version), seconds=120, what="the upgrades' end")
        wait_until(lambda: client.connections >= 3, seconds=30, what="the client is back")
        for path in FLEET:
            judging.client_holds_all(client, path)
        held = client.holding("live/web")
    assert held and held["upgrade"]["status"] == UpgradeStatus.COMPLETED
    assert {instance["version"] for instance in held["instances"].values()} == {version}
    assert client.counts["delta"] > 10


def _wait_for_batch(version: str, number: int) -> None:
    members = InstanceUpgrade.objects.using(LIVE).filter(
        upgrade__target_version=version, batch__number__gte=number, state=InstanceUpgradeState.UPGRADING
    )
    wait_until(members.exists, seconds=60, what=f"batch {number} under way")


def test_scale_sets_come_and_go_and_come_anew(up: Installation, ada: Session) -> None:
    with FeedClient(ada, strict=True) as client:
        wait_until(lambda: client.counts["heartbeat"], seconds=30, what="a heartbeat")
        put_fleets(up, {"brief/one": 2})
        judging.client_holds_all(client, "brief/one")
        first = client.holding("brief/one")
        up.manage("delete_scale_set", "brief/one")
        wait_until(lambda: client.holding("brief/one") is None, seconds=60, what="it is gone for the client too")
        put_fleets(up, {"brief/one": 1})
        judging.client_holds_all(client, "brief/one")
        again = client.holding("brief/one")
        up.manage("delete_scale_set", "brief/one")
        wait_until(lambda: client.holding("brief/one") is None, seconds=60, what="gone again")
    assert first and again and first["stream"] != again["stream"]
