"""Signing in and out, and what pages may load."""

import re
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from dashboard.content_policy import POLICY
from upgrades.core.throttle import LIMITS, CountedBy

PASSWORD = "correct horse battery staple"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_passwords(settings: LazySettings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password=PASSWORD)


def sign_in(client: Client, name: str = "ada", password: str = PASSWORD, **more: str) -> Any:
    address = more.pop("address", "192.0.2.1")
    return client.post("/login/", {"username": name, "password": password, **more}, REMOTE_ADDR=address)


# --- in and out -------------------------------------------------------------------------------------------------------


def test_signing_in_and_out(client: Client, ada: User) -> None:
    signed_in = sign_in(client)
    assert (signed_in.status_code, signed_in["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(ada.pk)
    answer = client.post("/logout/")
    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    assert "_auth_user_id" not in client.session


def test_signing_out_is_a_post(client: Client, ada: User) -> None:
    """Or a picture in somebody's message could do it."""
    client.force_login(ada)
    assert client.get("/logout/").status_code == 405
    assert "_auth_user_id" in client.session


def test_signing_in_leads_back_to_the_page_asked_for(client: Client, ada: User) -> None:
    assert 'name="next" value="/admin/?q=1"' in client.get("/login/?next=/admin/%3Fq=1").content.decode()
    assert sign_in(client, next="/admin/?q=1")["Location"] == "/admin/?q=1"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_signing_in_never_leads_to_another_site(client: Client, ada: User, elsewhere: str) -> None:
    assert sign_in(client, next=elsewhere)["Location"] == "/"


def test_the_form_is_ready_to_type(client: Client) -> None:
    page = client.get("/login/").content.decode()
    assert re.search(r'<input name="username"[^>]*autocomplete="username"[^>]* autofocus>', page)
    assert re.search(r'<input name="password"[^>]*autocomplete="current-password"[^>]*required>', page)


def test_a_post_without_our_token_is_not_accepted(ada: User) -> None:
    answer = sign_in(Client(enforce_csrf_checks=True))
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()


def test_the_admin_has_the_same_sign_in_page(client: Client) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/login/?next=%2Fadmin%2F"
    assert "<h1>Sign in</h1>" in answer.content.decode()


def test_accounts_without_the_admin_are_told_so(client: Client, ada: User) -> None:
    client.force_login(ada)
    page = client.get("/admin/", follow=True).content.decode()
    assert "You are signed in as ada. This account has no access to that page." in page


def test_the_front_page_leads_to_the_sign_in_page(client: Client) -> None:
    assert client.get("/")["Location"] == "/login/?next=/"


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_wrong_password(client: Client, ada: User) -> None:
    page = sign_in(client, password="<b>hunter2").content.decode()
    assert "User name and password do not match. 4 tries left." in page
    assert 'role="alert"' in page and 'aria-invalid="true"' in page
    assert 'value="ada"' in page and "hunter2" not in page


@pytest.mark.parametrize(("name", "password"), [("", PASSWORD), ("ada", "")])
def test_an_incomplete_form_does_not_sign_in(client: Client, ada: User, name: str, password: str) -> None:
    assert sign_in(client, name, password).status_code == 200
    assert "_auth_user_id" not in client.session


FREE = LIMITS[CountedBy.PAIR].free_failures
WAYS_NOT_TO_TRY = [("", ""), ("ada", ""), ("", "guess"), ("ada\0", "guess"), ("ada", "gu\0ess"), ("a" * 200, "guess")]


def test_a_password_that_is_guessed_at_has_to_wait(client: Client, ada: User) -> None:
    for _ in range(FREE):
        page = sign_in(client, "ADA", "wrong").content.decode()
    assert "Too many tries: wait before you try again." in page
    answer = sign_in(client)
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")
    assert "Too many tries. Try again in 30 seconds." in answer.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(("name", "password"), WAYS_NOT_TO_TRY)
def test_invalid_sign_ins_keep_the_count_of_tries(client: Client, ada: User, name: str, password: str) -> None:
    """An empty form after each four guesses gave four more, for ever."""
    for left in reversed(range(FREE)):
        page = sign_in(client, "ada", "wrong").content.decode()
        assert (f"{left} tr" if left else "Too many tries: wait") in page
        assert sign_in(client, name, password).status_code == (400 if "\0" in name + password else 200)
    assert sign_in(client).status_code == 429


def test_the_page_of_the_admin_counts_the_same_tries(client: Client, ada: User) -> None:
    for _ in range(FREE):
        form = {"username": "ada", "password": "wrong"}
        answer = client.post("/admin/login/", form, REMOTE_ADDR="192.0.2.1")
        client.post(answer["Location"], form, REMOTE_ADDR="192.0.2.1")
    assert sign_in(client).status_code == 429


def test_other_accounts_need_not_wait(client: Client, ada: User) -> None:
    for _ in range(FREE + 1):
        sign_in(client, "ada", "wrong", address="198.51.100.9")
    assert sign_in(client).status_code == 302


def test_signing_in_forgets_the_failures(client: Client, ada: User) -> None:
    for _ in range(FREE - 1):
        sign_in(client, "ada", "wrong")
    assert sign_in(client).status_code == 302
    assert "4 tries left" in sign_in(client, "ada", "wrong").content.decode()


def test_a_failed_sign_in_is_one_line_without_the_typed_text(
    client: Client, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(client, "ada", "hunter2")
    sign_in(client, "hunter2", "ada")
    lines = [record.getMessage() for record in caplog.records if record.name == "upgrades.sign_ins"]
    assert lines == [
        "the sign-in of 'ada' from 192.0.2.1 failed",
        "the sign-in of an account that there is not from 192.0.2.1 failed",
    ]
    assert "hunter2" not in caplog.text


# --- what pages may load ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/login/", "/admin/", "/nowhere", "/feed/snapshot?set=a/b"])
def test_the_policy_is_on_every_answer(client: Client, path: str) -> None:
    assert client.get(path)["Content-Security-Policy"] == POLICY


def test_the_policy_under_asgi() -> None:
    answer = async_to_sync(AsyncClient().get)("/nowhere")
    assert answer["Content-Security-Policy"] == POLICY


def test_the_sign_in_page_keeps_to_the_policy(client: Client, ada: User) -> None:
    page = client.get("/login/").content.decode()
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=|javascript:|data:|https?://", page)
