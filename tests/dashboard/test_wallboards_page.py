"""The page /wallboards/ and the admin's: who may make and end links, and that a token is shown once."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests.dashboard.people import text, with_rights
from tests.stories import NOW, a_scale_set
from upgrades.commands.wallboard_links import create_link, revoke_link
from upgrades.models import AuditEntry, ResourceGroup, WallboardLink

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_broker(settings: Settings, tmp_path: Any) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/no-broker.sock"


def token_in(page: str) -> str:
    found = re.search(r'readonly value="([^"/]+)" id="token"', page)
    assert found, "no token is shown"
    return found[1]


def test_a_link_is_made_and_its_token_shown_once(ada: Client, client: Client) -> None:
    a_scale_set("web", instances=1)
    a_scale_set("db", instances=1)
    assert "No links yet" in text(ada.get("/wallboards/"))
    form = {"name": "lobby", "sees": "some", "scale_sets": ["fleet/web"], "origins": "https://a.example\nhttp://b:80"}
    page = text(ada.post("/wallboards/create/", form))
    token = token_in(page)
    assert f'value="http://testserver/wall/{token}/"' in page
    seen = Client().get("/feed/heads", {"token": token}).json()["heads"]
    assert list(seen) == ["fleet/web"]
    link = WallboardLink.objects.get()
    assert (link.created_by, link.origins) == ("ada", ["http://b", "https://a.example"])
    again = text(ada.get("/wallboards/"))
    assert "lobby" in again
    assert token not in again
    assert token not in str(dict(ada.session))


def test_a_link_without_a_choice_is_refused_and_the_form_keeps_the_input(ada: Client) -> None:
    a_scale_set(instances=1)
    for form in (
        {"name": "lobby", "sees": "some"},
        {"name": "lobby", "sees": "some", "scale_sets": ["no/where"]},
        {"name": "", "sees": "all"},
        {"name": "lobby", "sees": "all", "origins": "javascript:alert(1)"},
        {"name": "lobby"},
    ):
        answer = ada.post("/wallboards/create/", form)
        assert answer.status_code == 409
        assert f'value="{form["name"]}"' in answer.content.decode()
    assert not WallboardLink.objects.exists()


def test_a_link_is_changed_and_the_change_undone(ada: Client) -> None:
    for name in ("web", "db"):
        a_scale_set(name, instances=1)
    link, token = create_link("lobby", "ada", NOW, scale_sets=["fleet/db"], origins=["https://a.example"])
    page = text(ada.get(f"/wallboards/?change={link.pk}"))
    assert "Change lobby" in page
    assert re.search(r'value="fleet/db" checked', page)
    assert not re.search(r'value="fleet/web" checked', page)
    form = {"link": link.pk, "name": "hall", "sees": "some", "scale_sets": ["fleet/web"], "origins": ""}
    changed = text(ada.post("/wallboards/change/", form))
    link.refresh_from_db()
    assert (link.name, link.scale_sets, link.origins, link.revision) == ("hall", ["fleet/web"], [], 1)
    assert list(Client().get("/feed/heads", {"token": token}).json()["heads"]) == ["fleet/web"]
    undo = dict(
        re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', changed.split("was changed")[1].split("</form>")[0])
    )
    assert "Undo" in changed
    assert ada.post("/wallboards/change/", undo).status_code == 200
    link.refresh_from_db()
    assert (link.name, link.scale_sets, link.origins) == ("lobby", ["fleet/db"], ["https://a.example"])


def test_another_name_alone_ends_nothing(ada: Client) -> None:
    link, _ = create_link("lobby", "ada", NOW)
    create_link("hall", "ada", NOW)
    assert ada.post("/wallboards/change/", {"link": link.pk, "name": "stairs", "sees": "all"}).status_code == 200
    link.refresh_from_db()
    assert (link.name, link.revision) == ("stairs", 0)
    taken = ada.post("/wallboards/change/", {"link": link.pk, "name": "hall", "sees": "all"})
    assert taken.status_code == 409
    assert "Change stairs" in taken.content.decode(), "the form stays, with what was sent"
    assert 'value="hall"' in taken.content.decode()
    revoke_link("stairs", NOW)
    assert ada.post("/wallboards/change/", {"link": link.pk, "name": "a", "sees": "all"}).status_code == 409
    assert "Change stairs" not in text(ada.get(f"/wallboards/?change={link.pk}"))


def test_links_are_rotated_and_revoked(ada: Client) -> None:
    link, old = create_link("lobby", "ada", NOW)
    new = token_in(text(ada.post("/wallboards/rotate/", {"link": link.pk})))
    assert Client().get("/feed/heads", {"token": old}).status_code == 401
    assert Client().get("/feed/heads", {"token": new}).status_code == 200
    assert "Revoked links" in text(ada.post("/wallboards/revoke/", {"link": link.pk}))
    assert Client().get("/feed/heads", {"token": new}).status_code == 401
    assert ada.post("/wallboards/revoke/", {"link": link.pk}).status_code == 409
    assert ada.post("/wallboards/rotate/", {"link": "9" * 30}).status_code == 404


def test_a_person_without_the_right_sees_links_and_changes_none() -> None:
    link, _ = create_link("lobby", "ada", NOW)
    bob = with_rights()
    page = text(bob.get("/wallboards/"))
    assert "lobby" in page
    assert "/wallboards/revoke/" not in page
    assert "?change=" not in page
    for path in ("create", "change", "rotate", "revoke"):
        assert bob.post(f"/wallboards/{path}/", {"link": link.pk, "name": "x", "sees": "all"}).status_code == 403
    link.refresh_from_db()
    assert (link.revoked_at, link.revision, WallboardLink.objects.count()) == (None, 0, 1)
    maker = with_rights("make_links")
    assert maker.post("/wallboards/create/", {"name": "x", "sees": "all"}).status_code == 200
    assert maker.post("/wallboards/revoke/", {"link": link.pk}).status_code == 403


def test_the_numbers_of_clients_need_a_session_and_are_unknown_without_the_broker(ada: Client) -> None:
    assert Client().get("/wallboards/clients/").status_code == 401
    assert ada.get("/wallboards/clients/").json() == {"clients": None}


def test_the_page_takes_as_many_queries_for_many_links(ada: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        create_link(f"link {number}", "ada", NOW)
    revoke_link("link 3", NOW)
    with django_assert_max_num_queries(10):
        page = text(ada.get("/wallboards/"))
    assert page.count("data-link=") == 29


def test_the_admin_changes_links(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    a_scale_set(instances=1)
    link, _ = create_link("lobby", "ada", NOW)
    address = f"/admin/upgrades/wallboardlink/{link.pk}/change/"
    form = {"name": "hall", "scale_sets": "fleet/web", "groups": "", "origins": "https://b.example\nhttps://a.example"}
    assert client.post(address, form).status_code == 302
    link.refresh_from_db()
    assert (link.name, link.scale_sets, link.revision) == ("hall", ["fleet/web"], 1)
    assert link.origins == ["https://a.example", "https://b.example"]
    assert "https://a.example\nhttps://b.example" in text(client.get(address))
    refused = text(client.post(address, {**form, "scale_sets": "no/where"}))
    assert "here is no scale set" in refused
    assert AuditEntry.objects.filter(code="WallboardLinkChanged").count() == 2, "the refusal too"
    revoke_link("hall", NOW)
    assert client.post(address, form).status_code == 403


def test_the_admin_ends_links_and_shows_no_token(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    a_scale_set(instances=1)
    link, token = create_link("lobby", "ada", NOW, groups=["fleet"])
    assert ResourceGroup.objects.filter(key="fleet").exists()
    address = "/admin/upgrades/wallboardlink/"
    for path in (address, f"{address}{link.pk}/change/"):
        page = text(client.get(path))
        assert "fleet" in page
        assert token not in page
        assert link.token_hash not in page
    for action in ("rotate_chosen", "revoke_chosen"):
        form = {"action": action, "_selected_action": [link.pk]}
        assert "lobby" in text(client.post(address, form))
        assert client.post(address, {**form, "agreed": "yes"}).status_code == 302
    link.refresh_from_db()
    assert link.revoked_at
    assert link.rotated_at
