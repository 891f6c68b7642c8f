"""What people do on the pages, and when they sign in, in the audit trail."""

import logging

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from tests.dashboard.people import HERE, with_rights
from tests.stories import a_scale_set, publish
from upgrades.models import AuditEntry

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def ada() -> User:
    user = User.objects.create_user("ada", password=PASSWORD)
    return user


def sign_in(name: str = "ada", password: str = PASSWORD) -> Client:
    client = Client()
    client.post("/login/", {"username": name, "password": password}, REMOTE_ADDR="192.0.2.7")
    return client


def last() -> AuditEntry:
    return AuditEntry.objects.order_by("pk").reverse()[0]


def test_signing_in_and_out(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "upgrades.commands.people"):
        client = sign_in()
        row = last()
        assert (row.code, row.who, row.name, row.who_id) == ("SignedIn", "person", "ada", str(ada.pk))
        assert (row.came_from, row.entry_point) == ("192.0.2.7", "page")
        client.post("/logout/", REMOTE_ADDR="192.0.2.7")
    assert (last().code, last().name) == ("SignedOut", "ada")
    assert caplog.messages == ["'ada' signed in from 192.0.2.7", "'ada' signed out from 192.0.2.7"]


def test_signing_out_without_a_session_is_not_audited() -> None:
    Client().post("/logout/")
    assert not AuditEntry.objects.exists()


def test_a_wrong_password_is_audited_without_the_typed_text(ada: User) -> None:
    sign_in(password="wrong-horse-9")
    row = last()
    assert (row.code, row.outcome, row.error_code) == ("SignInRefused", "refused", "InvalidCredentials")
    assert (row.who, row.name, row.path, row.came_from) == ("nobody", "", "ada", "192.0.2.7")
    sign_in("my-Pa55word-in-the-wrong-field", "x")
    assert (last().code, last().path) == ("SignInRefused", "")
    written = str(list(AuditEntry.objects.values()))
    assert "horse-9" not in written and "Pa55word" not in written


def test_a_sign_in_that_has_to_wait_is_audited_once(ada: User) -> None:
    for _ in range(12):
        sign_in(password="wrong")
    assert sorted(AuditEntry.objects.values_list("error_code", flat=True).exclude(error_code="")) == [
        "InvalidCredentials",
        "TooManyTries",
    ]


def test_a_form_that_is_not_whole_is_no_try(ada: User) -> None:
    before = AuditEntry.objects.count()
    sign_in(password="")
    assert AuditEntry.objects.count() == before


def test_every_new_password_is_written_whatever_made_it(ada: User) -> None:
    ada.set_password("another horse battery")
    ada.save()
    assert (last().code, last().path) == ("PasswordChanged", "ada")
    assert "horse" not in str(list(AuditEntry.objects.values()))


def test_an_act_on_a_page_has_the_name_and_the_address() -> None:
    a_scale_set()
    publish("16.04.1")
    client = with_rights("steer")
    assert client.post(f"{HERE}start/", REMOTE_ADDR="192.0.2.9").status_code == 200
    row = last()
    assert (row.code, row.name, row.came_from, row.entry_point) == ("UpgradeStarted", "bob steer", "192.0.2.9", "page")
    assert row.request_id


def test_refusals_of_commands_are_audited() -> None:
    a_scale_set()
    assert with_rights("steer").post(f"{HERE}cancel/").status_code == 409
    assert (last().code, last().outcome, last().name) == ("UpgradeCancelled", "refused", "bob steer")


def test_forbidden_requests_are_audited() -> None:
    a_scale_set()
    assert with_rights("opt_in").post(f"{HERE}cancel/").status_code == 403
    row = last()
    assert (row.code, row.outcome, row.path) == ("AccessRefused", "refused", f"POST {HERE}cancel/")
    before = AuditEntry.objects.count()
    Client().post(f"{HERE}cancel/")
    assert AuditEntry.objects.count() == before


def test_the_async_server_audits_the_same() -> None:
    """Daphne's requests come in on a loop of their own, and their views run in a thread: who acts goes along."""
    a_scale_set()

    async def act() -> list[int]:
        client = AsyncClient()
        bob = await User.objects.acreate(username="bob", is_superuser=True)
        await client.aforce_login(bob)
        on = await client.post(f"{HERE}automatic/", {"on": "false"})
        refused = await client.post(f"{HERE}cancel/")
        await User.objects.filter(pk=bob.pk).aupdate(is_superuser=False)
        forbidden = await client.post(f"{HERE}cancel/")
        return [on.status_code, refused.status_code, forbidden.status_code]

    assert async_to_sync(act)() == [200, 409, 403]
    written = [(entry.code, entry.outcome, entry.name) for entry in AuditEntry.objects.order_by("pk")][-3:]
    assert written == [
        ("ScaleSetChanged", "done", "bob"),
        ("UpgradeCancelled", "refused", "bob"),
        ("AccessRefused", "refused", "bob"),
    ]
