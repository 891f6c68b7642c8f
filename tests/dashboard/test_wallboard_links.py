"""Wallboard links: their token opens what is in their scope, without a session, until they are revoked."""

import json
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.dashboard.people import text, the_time
from tests.management.terminal import run
from tests.stories import NOW, a_scale_set
from upgrades.commands.errors import Refused
from upgrades.commands.wallboard_links import change_link, create_link, revoke_link, rotate_link
from upgrades.core.feed_scope import FeedScope, origin_of
from upgrades.models import AuditEntry, WallboardLink

pytestmark = pytest.mark.django_db
HOSTILE = ("", "x" * 9_000, "ünïcödé-日本語", "../../admin", "a%20b", "%ff%fe", "null", "' OR 1=1 --")


def a_link(**may: Any) -> str:
    return create_link("lobby", "ada", NOW, **may)[1]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_link_shows_its_scale_sets_only_and_later_ones_of_its_groups(client: Client) -> None:
    a_scale_set("web", instances=1)
    a_scale_set("db", instances=1)
    a_scale_set("x", group="other", instances=1)
    token = a_link(scale_sets=["OTHER/x"])
    assert list(client.get("/feed/heads", {"token": token}).json()["heads"]) == ["other/x"]
    change_link("lobby", groups=["fleet"])
    a_scale_set("later", instances=1)
    seen = client.get("/feed/heads", headers=bearer(token)).json()["heads"]
    assert set(seen) == {"fleet/web", "fleet/db", "fleet/later"}


def test_a_scale_set_outside_the_scope_is_answered_as_missing(client: Client) -> None:
    a_scale_set("web", instances=1)
    a_scale_set("db", instances=1)
    token = a_link(scale_sets=["fleet/web"])
    hidden = client.get("/feed/snapshot?set=fleet/db", headers=bearer(token))
    missing = client.get("/feed/snapshot?set=fleet/nn", headers=bearer(token))
    assert hidden.status_code == missing.status_code == 404
    assert hidden.content == missing.content.replace(b"fleet/nn", b"fleet/db")
    assert hidden.headers == {**missing.headers, "Content-Length": hidden.headers["Content-Length"]}
    assert client.get("/feed/snapshot?set=fleet/web", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("path", ["/feed/heads", "/feed/snapshot?set=fleet/web"])
def test_a_revoked_a_rotated_and_a_made_up_token_are_answered_the_same(client: Client, path: str) -> None:
    a_scale_set(instances=1)
    revoked = a_link()
    revoke_link("lobby", NOW)
    old = a_link()
    _, new = rotate_link("lobby", NOW)
    answers = [client.get(path, headers=bearer(token)) for token in (revoked, old, "made-up")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
    assert answers[0].json()["error"]["code"] == "InvalidToken"
    assert client.get(path, headers=bearer(new)).status_code == 200


def test_hostile_tokens_open_nothing(client: Client) -> None:
    a_link()
    for token in HOSTILE:
        assert client.get("/feed/heads", {"token": token}).status_code == 401, token
    assert client.get("/feed/heads?token=%00").status_code == 400
    assert client.get("/feed/heads", headers={"Authorization": "Bearer \xff\xfe"}).status_code == 401


def test_several_tokens_are_refused(client: Client, ada: Client) -> None:
    token = a_link()
    for path in (f"/feed/heads?token={token}&token={token}", f"/feed/heads?token={token}"):
        answer = client.get(path, headers=bearer(token))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_a_token_counts_more_than_a_session(ada: Client) -> None:
    """Whoever tries a link in their own browser sees what the wall sees, also that it is revoked."""
    a_scale_set("web", instances=1)
    a_scale_set("db", instances=1)
    token = a_link(scale_sets=["fleet/web"])
    assert list(ada.get("/feed/heads", {"token": token}).json()["heads"]) == ["fleet/web"]
    assert ada.get("/feed/heads", {"token": "made-up"}).status_code == 401


def test_the_last_use_is_written_at_most_once_a_minute(client: Client, django_assert_num_queries: Any) -> None:
    token = a_link()
    client.get("/feed/heads", headers=bearer(token))
    used = WallboardLink.objects.get().used_at
    assert used and abs((used - the_time()).total_seconds()) < 60
    with django_assert_num_queries(2):  # the link and the heads
        client.get("/feed/heads", headers=bearer(token))
    assert WallboardLink.objects.get().used_at == used


def test_the_page_needs_no_cookie_and_sets_none(client: Client, ada: Client) -> None:
    token = a_link()
    for browser in (Client(), ada):
        answer = browser.get(f"/wall/{token}/")
        assert "lobby" in text(answer)
        assert not answer.cookies
        assert "Cookie" not in answer.headers.get("Vary", "")
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"


def test_pages_of_its_origins_may_embed_the_wall(client: Client) -> None:
    token = a_link(origins=["https://Board.example.com:443/", "http://10.0.0.7:8080"])
    answer = client.get(f"/wall/{token}/")
    assert "frame-ancestors http://10.0.0.7:8080 https://board.example.com;" in answer["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer


def test_a_revoked_and_a_made_up_wall_are_the_same_page(client: Client) -> None:
    token = a_link(origins=["https://board.example.com"])
    revoke_link("lobby", NOW)
    answers = [client.get(f"/wall/{word}/") for word in (token, "made-up", "x" * 900, "日本語")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert {answer["Referrer-Policy"] for answer in answers} == {"no-referrer"}
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


def test_the_token_is_kept_and_audited_nowhere(ada: Client) -> None:
    token = a_link()
    _, other = rotate_link("lobby", NOW)
    revoke_link("lobby", NOW)
    row = WallboardLink.objects.get()
    kept = json.dumps([list(AuditEntry.objects.values()), list(WallboardLink.objects.values())], default=str)
    assert token not in kept
    assert other not in kept
    assert len(row.token_hash) == 64
    assert AuditEntry.objects.filter(kind="wallboard link", path="lobby").count() == 3


def test_a_refused_post_to_a_wall_leaves_no_token_in_the_audit_trail() -> None:
    token = a_link()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_user("eve"))
    assert browser.post(f"/wall/{token}/").status_code == 403
    assert AuditEntry.objects.get(code="AccessRefused").path == "POST /wall/***/"


def test_refusals(ada: Client) -> None:
    a_link()
    for act, code in (
        (lambda: a_link(), "Conflict"),
        (lambda: create_link(" ", "ada", NOW), "InvalidParameter"),
        (lambda: create_link("a\nb", "ada", NOW), "InvalidParameter"),
        (lambda: create_link("a", "ada", NOW, scale_sets=["no/where"]), "ResourceNotFound"),
        (lambda: create_link("a", "ada", NOW, groups=["nowhere"]), "ResourceNotFound"),
        (lambda: create_link("a", "ada", NOW, origins=["https://a.example; script-src *"]), "InvalidParameter"),
        (lambda: rotate_link("nobody", NOW), "ResourceNotFound"),
    ):
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.code == code
    revoke_link("lobby", NOW)
    for command in (
        partial(rotate_link, "lobby", NOW),
        partial(revoke_link, "lobby", NOW),
        partial(change_link, "lobby"),
    ):
        with pytest.raises(Refused):
            command()
    assert a_link(), "the name of a revoked link is free again"


@pytest.mark.parametrize(
    "bad",
    [
        "null",
        "*",
        "https://*.example.com",
        "ftp://a",
        "https://a/b",
        "https://a b",
        "https://u@a",
        "https://a:99999",
        "",
    ],
)
def test_a_bad_origin_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"origin|ort"):
        origin_of(bad)


def test_a_scope_does_not_mix_up_groups_of_similar_names() -> None:
    scope = FeedScope.of(["a/one"], ["fleet"])
    assert scope.sees("fleet/x")
    assert scope.sees("a/one")
    assert not any(map(scope.sees, ("fleet2/x", "a/one2", "a/two", "", "a")))
    assert FeedScope.of([], []).sees("any/thing")


def test_links_at_the_terminal() -> None:
    a_scale_set(instances=1)
    made = json.loads(run("wallboard_link", "lobby", "--set", "fleet/web", "--json").out)
    assert made["url"] == f"http://127.0.0.1:8000/wall/{made['token']}/"
    rotated = json.loads(run("wallboard_link", "lobby", "--rotate", "--json").out)
    assert rotated["token"] != made["token"]
    run("wallboard_link", "lobby", "--change", "--group", "fleet", "--name", "hall")
    listed = run("wallboard_link", "--list", "--json").out
    assert (json.loads(listed)[0]["scope"], json.loads(listed)[0]["revoked_at"]) == ("fleet/*", None)
    assert rotated["token"] not in listed
    assert "no longer valid" in run("wallboard_link", "hall", "--revoke").out
