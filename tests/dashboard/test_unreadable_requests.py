"""Requests that no browser sends: refused in one short line, never with a traceback. All go through the whole ASGI application."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from io import StringIO
from itertools import product
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created
from django.test import Client

from dashboard.asgi import application
from dashboard.log_filters import MAX_LINE, ShortenRefusals
from tests.fuzz.asking import Ask, Headers, ask
from upgrades.models import Location

MANY = "&".join(f"a{number}=1" for number in range(1100))
FORM = b"application/x-www-form-urlencoded"
TOKEN = "a" * 32
PAGES = [
    "/",
    "/login/",
    "/admin/",
    "/admin/upgrades/location/",
    "/images/",
    "/feed/snapshot",
    "/scale-sets/a/b/opt-out/",
]
NO_FORMS = [
    FORM + b"; charset=utf-16",
    FORM + b"; charset=idna",
    FORM + b"; charset=base64",
    FORM + b"; charset*=utf-8''%00",
    b"multipart/form-data",
    b"multipart/form-data; boundary=\xff",
    b"multipart/form-data; boundary=" + b"x" * 300,
]

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in() -> Headers:
    user = User.objects.create_superuser("root")
    client = Client()
    client.force_login(user)
    return [(b"cookie", f"csrftoken={TOKEN}; sessionid={client.cookies['sessionid'].value}".encode())]


@pytest.mark.parametrize("page", PAGES)
def test_too_many_parameters(signed_in: Headers, page: str) -> None:
    for method, kind in product(("GET", "POST"), (b"application/json", b"application/json; charset=utf-8")):
        json_type = [(b"content-type", kind)]
        assert ask(Ask(method, f"{page}?{MANY}", [*signed_in, *json_type], b"{}")).status == 400
    body = f"csrfmiddlewaretoken={TOKEN}&{MANY}".encode()
    assert ask(Ask("POST", page, [*signed_in, (b"content-type", FORM)], body)).status == 400


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", NO_FORMS)
def test_unreadable_forms_are_refused(signed_in: Headers, page: str, kind: bytes) -> None:
    body = f"csrfmiddlewaretoken={TOKEN}&a=b".encode()
    said = ask(Ask("POST", page, [*signed_in, (b"content-type", kind)], body))
    assert said.status == 400
    if page.endswith("/opt-out/"):
        assert json.loads(said.body)["error"]["code"] == "BadRequest"


@pytest.mark.parametrize(
    "path", ["/common/discovery/keys", "/common/oauth2/v2.0/authorize", "/batch/x", "/subscriptions"]
)
@pytest.mark.parametrize("kind", NO_FORMS)
def test_unreadable_forms_to_the_api_are_refused(path: str, kind: bytes) -> None:
    said = ask(Ask("POST", path, [(b"content-type", kind)], b"a=%00b"))
    assert 400 <= said.status < 500
    assert json.loads(said.body)["error"]


@pytest.mark.parametrize(
    "address",
    [
        "/%00",
        "/static/%00",
        "/scale-sets/a%00/b/",
        "/scale-sets/a/b%00/",
        "/scale-sets/a/b%00/instances/1/history/",
        "/feed/snapshot?set=%00",
        "/?only=%00",
        "/?%00=1",
        "/login/?next=%00",
        "/admin/upgrades/location/%00/change/",
        "/admin/upgrades/location/?q=%00",
        "/admin/upgrades/scaleset/?location__id__exact=%00",
        "/admin/auth/user/?q=%00",
    ],
)
def test_a_nul_in_an_address(signed_in: Headers, address: str) -> None:
    assert ask(Ask("GET", address, signed_in)).status == 400


@pytest.mark.parametrize("page", ["/login/", "/admin/upgrades/location/add/", "/admin/auth/user/", "/images/publish/"])
def test_a_nul_in_a_form(signed_in: Headers, page: str) -> None:
    body = f"csrfmiddlewaretoken={TOKEN}&name=%00&username=%00&password=x&_selected_action=%00&action=delete_selected"
    assert ask(Ask("POST", page, [*signed_in, (b"content-type", FORM)], body.encode())).status == 400


@pytest.mark.parametrize("path", ["../x", "%2e%2e/x", "../../x", "x" * 5000, "css/", "css", "nowhere", "\\..\\x"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_invalid_file_uploads_are_refused(path: str, method: str) -> None:
    assert ask(Ask(method, f"/static/{path}")).status == 404


def test_files_are_read_and_nothing_else(signed_in: Headers) -> None:
    assert ask(Ask("GET", "/static/js/feed.js")).status == 200
    for kind in NO_FORMS:
        headers = [*signed_in, (b"content-type", kind)]
        assert ask(Ask("POST", "/static/js/feed.js", headers, b"a=b")).status in (400, 405)


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/nowhere/", "/ws/feed/x", "/login/"])
def test_a_socket_to_nowhere_is_refused(path: str) -> None:
    """It ended in a traceback."""

    async def story() -> bool:
        same = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
        connected, _ = await WebsocketCommunicator(application, path, headers=same).connect()
        return bool(connected)

    assert not asyncio.run(story())


@pytest.mark.parametrize(
    "settings_", ['{"a": NaN}', '{"a": [Infinity]}', '{"a": "\\u0000"}', '{"\\ud800": 1}', "[" * 5000]
)
def test_settings_of_a_location_that_no_database_takes(admin_client: Client, settings_: str) -> None:
    form = {"name": "moon", "display_name": "Moon", "provider": "simulated", "rules": "cloud", "settings": settings_}
    answer = admin_client.post("/admin/upgrades/location/add/", form)
    assert answer.status_code == 200
    assert "This cannot be " in answer.content.decode() or "This is not JSON" in answer.content.decode()
    assert not Location.objects.filter(name="moon").exists()


# --- a database that is not working -----------------------------------------------------------------------------------


def read_only(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
    """As a database answers whose file, or whose role, may not write."""
    if sql.split()[0] in ("INSERT", "UPDATE", "DELETE"):
        raise OperationalError("attempt to write a readonly database")
    return execute(sql, parameters, many, context)


@pytest.mark.parametrize("is_right", [True, False])
def test_signing_in_where_the_database_cannot_be_written(is_right: bool, caplog: pytest.LogCaptureFixture) -> None:
    User.objects.create_user("ada", password="right")
    body = f"csrfmiddlewaretoken={TOKEN}&username=ada&password={'right' if is_right else 'wrong'}".encode()
    headers = [(b"content-type", FORM), (b"cookie", f"csrftoken={TOKEN}".encode())]
    with connection.execute_wrapper(read_only):
        said = ask(Ask("POST", "/login/", headers, body))
    assert (said.status, said.headers["retry-after"]) == (503, "5")
    assert b"The database is unavailable" in said.body


def test_an_action_where_the_database_cannot_be_written(signed_in: Headers) -> None:
    headers = [*signed_in, (b"content-type", FORM)]
    body = f"csrfmiddlewaretoken={TOKEN}&reason=x".encode()
    with connection.execute_wrapper(read_only):
        said = ask(Ask("POST", "/fleet-stop/", headers, body))
    assert (said.status, json.loads(said.body)["error"]["code"]) == (503, "ServiceUnavailable")


# --- the log ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What a handler with our filter writes."""
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(ShortenRefusals())
    root = logging.getLogger()
    root.addHandler(handler)
    yield out
    root.removeHandler(handler)


def test_bad_hosts_are_one_short_line(log: StringIO, settings: LazySettings) -> None:
    """It was a traceback of 5 kB for each."""
    for number in range(50):
        host = f"evil{number}.example".encode() + b"x" * 3000
        assert ask(Ask("GET", "/", [(b"host", host)])).status == 400
    lines = log.getvalue().splitlines()
    assert len(lines) == 1
    assert "evil0.example" in lines[0]
    assert len(lines[0]) < MAX_LINE + 50


def test_control_characters_of_clients_do_not_reach_the_log(log: StringIO) -> None:
    ask(Ask("GET", "/nowhere%1b[2J%0afaked line"))
    assert "\x1b" not in log.getvalue()
    assert "\\x1b[2J\\n" in log.getvalue()


def test_our_own_errors_keep_their_traceback(log: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("upgrades.catalog.overview", fail)
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_user("ada"))
    assert client.get("/images/").status_code == 500
    assert "Traceback" in log.getvalue() and "a fault of ours" in log.getvalue()


@pytest.mark.parametrize(
    ("address", "status"), [("/nowhere", 404), ("/scale-sets/a/b/", 404), ("/%00", 400), ("/admin/auth/user/", 403)]
)
def test_a_page_that_says_an_error_asks_the_database_nothing(address: str, status: int) -> None:
    """Django renders it in another thread, whose connection nobody looks after: after a restart of the database it stayed broken."""
    opened: list[object] = []

    def note(**_: object) -> None:
        opened.append(threading.current_thread())

    client = Client()
    client.force_login(User.objects.create_user("ada", is_staff=True))
    cookie = [(b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())]
    connection_created.connect(note)
    try:
        assert ask(Ask("GET", address, cookie)).status == status
    finally:
        connection_created.disconnect(note)
    assert opened == []
