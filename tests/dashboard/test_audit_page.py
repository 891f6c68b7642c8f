"""The page /audit/: who may look, what its filters show, and its exports."""

import csv
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.contrib.auth.models import Permission, User
from django.test import AsyncClient, Client

from tests.dashboard.people import text
from tests.stories import NOW, a_scale_set, publish
from upgrades.commands import audit
from upgrades.commands.audit import as_actor
from upgrades.commands.opt_outs import opt_out
from upgrades.core.auditing import Actor, EntryPoint, ObjectKind, Who
from upgrades.models import AuditEntry

pytestmark = pytest.mark.django_db


def said(page: str) -> list[str]:
    """What each row of the table says was done or refused."""
    rows = re.findall(r'<td class="what">(.*?)<details>', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def done_by(name: str, act: Callable[[], Any], address: str = "192.0.2.7") -> None:
    with as_actor(lambda: Actor(Who.PERSON, name, "7", EntryPoint.PAGE, address, f"request of {name}")):
        act()


@pytest.fixture
def some() -> None:
    """Three acts of two people, an hour apart."""
    done_by("ada", a_scale_set)
    done_by("bob", lambda: publish("16.04.1", now=NOW + timedelta(hours=1)))
    later = NOW + timedelta(hours=11)
    done_by("bob", lambda: opt_out("fleet/web", ["1"], reason="<b>debugging</b>", owner="bob", now=later))


# --- who may look -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/audit/", "/audit/audit.csv", "/audit/audit.json"])
def test_the_audit_page_needs_the_right_to_view(path: str, client: Client) -> None:
    assert client.get(path)["Location"].startswith("/login/")
    bob = User.objects.create_user("bob")
    client.force_login(bob)
    assert client.get(path).status_code == 403
    assert "/audit/" not in text(client.get("/"))
    bob.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    assert client.get(path).status_code == 200
    assert "/audit/" in text(client.get("/"))
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.clear()
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 405


def test_a_scale_set_leads_to_its_entries(ada: Client, some: None) -> None:
    assert 'href="/audit/?path=fleet%2Fweb"' in text(ada.get("/scale-sets/fleet/web/"))


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_the_newest_first_and_nothing_of_it_is_html(ada: Client, some: None) -> None:
    page = text(ada.get("/audit/"))
    assert said(page) == [
        "Opted out instances 1: &lt;b&gt;debugging&lt;/b&gt;",
        "Published Canonical:UbuntuServer:16.04-LTS:16.04.1 in all locations.",
        "Created the scale set.",
    ]
    assert "<b>debugging" not in page
    assert "192.0.2.7" in page and '<time datetime="2018-09-25T13:00:00+00:00">' in page


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("name=bob", ["InstancesOptedOut", "ImagePublished"]),
        ("path=FLEET/Web", ["InstancesOptedOut", "ScaleSetCreated"]),
        ("path=fleet", ["InstancesOptedOut", "ScaleSetCreated"]),
        ("path=flee", []),
        ("code=ImagePublished", ["ImagePublished"]),
        ("outcome=refused", []),
        ("text=DEBUGG", ["InstancesOptedOut"]),
        ("request_id=request of ada", ["ScaleSetCreated"]),
        ("since=2018-09-25&until=2018-09-25", ["InstancesOptedOut", "ImagePublished", "ScaleSetCreated"]),
        ("since=2018-09-26", []),
        ("since=2018-09-26&zone=Asia/Tokyo", ["InstancesOptedOut"]),
        ("until=2018-09-25&zone=Asia/Tokyo", ["ImagePublished", "ScaleSetCreated"]),
        ("until=2018-09-25&zone=../../etc/passwd", ["InstancesOptedOut", "ImagePublished", "ScaleSetCreated"]),
        ("name=bob&text=latest", []),
    ],
)
def test_filters(query: str, codes: list[str], ada: Client, some: None) -> None:
    given = dict(part.split("=") for part in query.split("&"))
    found = ada.get("/audit/audit.json", given)
    assert [entry["code"] for entry in json.loads(found.getvalue())] == codes
    assert len(said(text(ada.get("/audit/", given)))) == len(codes)


def test_unreadable_filters_are_reported(ada: Client, some: None) -> None:
    page = text(ada.get("/audit/", {"since": "yesterday", "below": "x"}))
    assert "since: Enter a valid date." in page
    assert len(said(page)) == 3


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_days_at_the_ends_of_the_calendar(name: str, day: str, ada: Client, some: None) -> None:
    for zone in ("Asia/Tokyo", "America/Los_Angeles"):
        given = {name: day, "zone": zone}
        assert len(said(text(ada.get("/audit/", given)))) == 3
        assert ada.get("/audit/audit.csv", given).status_code == 400


@pytest.mark.parametrize("name", ["name", "path", "code", "outcome", "request_id", "text", "zone", "since", "below"])
@pytest.mark.parametrize("odd", ["\ud800", "%", "'\"<>", "x" * 5_000, "-1", "9" * 40, "/", "."])
def test_odd_filter_values_do_no_harm(name: str, odd: str, ada: Client, some: None) -> None:
    address = f"?{name}={quote(odd, errors='surrogatepass')}"
    assert ada.get(f"/audit/{address}").status_code == 200
    assert ada.get(f"/audit/audit.json{address}").status_code in (200, 400)


def test_an_empty_page_tells_no_entries_from_no_matches(ada: Client) -> None:
    assert "No entries yet" in text(ada.get("/audit/"))
    assert "No matches" in text(ada.get("/audit/", {"name": "bob"}))


def test_all_entries_are_reached_page_by_page(ada: Client) -> None:
    for number in range(120):
        audit.write_entry("Tried", ObjectKind.FLEET, "", f"Tried {number:03}.", now=NOW)
    seen, address = [], "/audit/?code=Tried"
    while address:
        page = text(ada.get(address))
        seen += said(page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = unquote(older[1].replace("&amp;", "&")) if older else ""
    assert seen == [f"Tried {number:03}." for number in reversed(range(120))]


def test_a_page_costs_as_many_queries_whatever_it_shows(
    ada: Client, some: None, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(3):  # the session, the person, the entries
        ada.get("/audit/")


# --- exports ----------------------------------------------------------------------------------------------------------


def test_all_as_csv(ada: Client, some: None) -> None:
    audit.write_entry("Tried", ObjectKind.FLEET, "", "=cmd|' /C calc'!A0", now=NOW)
    answer = ada.get("/audit/audit.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert [row["code"] for row in rows] == ["Tried", "InstancesOptedOut", "ImagePublished", "ScaleSetCreated"]
    assert rows[0]["says"].startswith("'=")
    assert (rows[1]["at"], rows[1]["name"]) == ("2018-09-25T23:00:00+00:00", "bob")
    assert json.loads(rows[1]["after"])["opt-outs"][0]["instances"] == "1"


def test_exports_hold_everything_and_are_made_while_they_are_sent(ada: Client) -> None:
    AuditEntry.objects.bulk_create(
        AuditEntry(at=NOW, who="person", entry_point="page", code="Tried", says=f"Tried {number}.")
        for number in range(2_345)
    )
    answer = ada.get("/audit/audit.json")
    parts = [bytes(part) for part in answer]
    assert len(parts) > 3
    assert len(json.loads(b"".join(parts))) == 2_345


@pytest.mark.filterwarnings("error")
def test_exports_are_sent_bit_by_bit_by_the_server_too(some: None) -> None:
    from asgiref.sync import async_to_sync

    async def parts() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(await User.objects.acreate(username="ada", is_staff=True))
        answer: Any = await client.get("/audit/audit.json")
        return [part async for part in answer]

    assert len(json.loads(b"".join(async_to_sync(parts)()))) == 3
