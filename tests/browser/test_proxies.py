"""Behind the usual proxies: pages, the live feed and the API, through a real nginx, as docs/operations.md describes the set-ups."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, expect
from pytest_django import DjangoDbBlocker

from tests.browser.nginx import FORWARDED, nginx, trusting
from tests.end_to_end.installation import Installation, installation
from tests.feed_client import Session
from tests.supervisor.starting import free_port

pytestmark = [pytest.mark.end_to_end, pytest.mark.browser, pytest.mark.slow]

ACT = """
async () => {
  const { body } = document;
  const headers = JSON.parse(body.getAttribute("hx-headers"));
  return (await fetch(body.dataset.endFleetStop, { method: "POST", headers })).status;
}
"""
Start = Callable[..., Installation]


@pytest.fixture
def start(browser: Browser, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Start]:
    """start(ROLLGRID_EXTERNAL_URL=...): a Rollgrid of its own."""
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        running: list[Any] = []

        def begin(**environment: str) -> Installation:
            context = installation(tmp_path / "home", **environment)
            running.append(context)
            return context.__enter__()

        yield begin
        for context in running:
            context.__exit__(None, None, None)


@contextmanager
def site(up: Installation, folder: Path, port: int, **setup: Any) -> Iterator[None]:
    place = folder / f"nginx-{len(list(folder.iterdir()))}"
    place.mkdir()
    with nginx(up, place, port, **setup):
        yield


def pages_work(browser: Browser, up: Installation, address: str) -> None:
    """Signing in, the feed, an act of its scripts, the admin and signing out; not one address leads elsewhere."""
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(30_000)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws", "http", 1)))
    page.goto(f"{address}/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill((up.home / "admin-password").read_text().strip())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")
    expect(page.locator("#feed")).to_have_attribute("data-feed", "live")
    assert page.evaluate(ACT) in (200, 409)
    page.get_by_role("link", name="Images").click()
    page.wait_for_url(f"{address}/images/")
    page.get_by_role("link", name="Admin").click()
    page.wait_for_url(f"{address}/admin/")
    page.goto(f"{address}/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{address}/login/")
    elsewhere = [url for url in asked if not url.startswith((f"{address}/", "data:"))]
    assert elsewhere == []
    assert any(url.startswith(f"{address}/ws/feed/") for url in asked)
    context.close()


def ask(
    up: Installation, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any, str]:
    """(status, JSON, all headers)"""
    request = Request(url, body, dict(headers or {}), method=method)
    try:
        with urlopen(request, context=trusting(up), timeout=30) as answer:
            return answer.status, json.loads(answer.read() or "null"), str(answer.headers)
    except HTTPError as answer:
        with answer:
            return answer.code, json.loads(answer.read() or "null"), str(answer.headers)


def api_works(up: Installation, address: str) -> None:
    """Every address in an answer begins with the one that people use."""
    client = json.loads(up.manage("api_client", f"client{len(address)}{free_port()}", "--role", "admin", "--json"))
    cloud = ask(up, "GET", f"{address}/metadata/endpoints?api-version=2022-09-01")[1]
    assert cloud["resourceManager"] == cloud["authentication"]["loginEndpoint"] == address
    found = ask(up, "GET", f"{address}/{client['tenantId']}/v2.0/.well-known/openid-configuration")[1]
    assert found["token_endpoint"] == f"{address}/{client['tenantId']}/oauth2/v2.0/token"
    form = {
        "client_id": client["clientId"],
        "client_secret": client["clientSecret"],
        "grant_type": "client_credentials",
        "scope": f"{address}/.default",
    }
    token = ask(up, "POST", found["token_endpoint"], urlencode(form).encode())[1]["access_token"]
    group = f"{address}/subscriptions/{client['subscriptionId']}/resourceGroups/proxied?api-version=2021-04-01"
    bearer = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    status, answer, _ = ask(up, "PUT", group, b'{"location": "westeurope"}', bearer)
    assert (status, answer["id"]) == (201, f"/subscriptions/{client['subscriptionId']}/resourceGroups/proxied")
    status, _, headers = ask(up, "DELETE", group, headers=bearer)
    assert status == 202
    places = re.findall(r"(?im)^(?:location|azure-asyncoperation): (.*)$", headers)
    assert places and all(link.startswith(f"{address}/subscriptions/") for link in places)
    for place in places:
        assert ask(up, "GET", place.strip(), headers=bearer)[0] in (200, 202, 204)
    assert f'authorization_uri="{address}/' in ask(up, "GET", group)[2]


SETUPS: dict[str, dict[str, Any]] = {
    "tls ends at the proxy": {},
    "tls behind too": {"tls_behind": True},
    "Host without its port": {"host": "$host", "tls_behind": True},
    "Host rewritten, X-Forwarded-Host": {
        "host": "",
        "says": f"{FORWARDED}\n      proxy_set_header X-Forwarded-Host $http_host;",
        "tls_behind": True,
    },
    "Host rewritten, nothing said of it": {"host": ""},
    "nothing said": {"says": ""},
}


def test_the_usual_proxies(start: Start, browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    address = f"https://127.0.0.1:{port}"
    up = start(ROLLGRID_EXTERNAL_URL=address, ROLLGRID_TRUSTED_PROXIES="127.0.0.1")
    for setup in SETUPS.values():
        with site(up, tmp_path, port, **setup):
            pages_work(browser, up, address)
            api_works(up, address)
    pages_work(browser, up, f"https://127.0.0.1:{up.https_port}")


def test_a_sub_path(start: Start, browser: Browser, tmp_path: Path) -> None:
    """Whether the proxy takes the sub-path off or passes it on."""
    port = free_port()
    address = f"https://127.0.0.1:{port}/tools/rollgrid"
    up = start(ROLLGRID_EXTERNAL_URL=f"{address}/")
    for takes_off in (True, False):
        with site(up, tmp_path, port, location="/tools/rollgrid/", takes_off=takes_off, tls_behind=takes_off):
            pages_work(browser, up, address)
            api_works(up, address)
        status, _ = up.ask("/healthz")
        assert (status, up.ask("/tools/rollgrid/healthz")[0]) == (200, 200)


def test_proxies_that_say_it_themselves(start: Start, browser: Browser, tmp_path: Path) -> None:
    """Without an external address, several proxies may stand before one Rollgrid."""
    up = start(ROLLGRID_TRUSTED_PROXIES="127.0.0.1,::1")
    said = f"{FORWARDED}\n      proxy_set_header X-Forwarded-Host $http_host;"
    for setup in ({}, {"tls_behind": True}, {"host": "", "says": said}, {"tls_in_front": False}):
        port = free_port()
        address = f"{'http' if 'tls_in_front' in setup else 'https'}://127.0.0.1:{port}"
        with site(up, tmp_path, port, **setup):
            pages_work(browser, up, address)


def test_production_behind_a_proxy_that_ends_tls(start: Start, browser: Browser, tmp_path: Path) -> None:
    """Plain http is the proxy's; whoever comes to it in another way is sent on, and browsers are told to stay with https."""
    port = free_port()
    address = f"https://127.0.0.1:{port}"
    up = start(ROLLGRID_EXTERNAL_URL=address, ROLLGRID_HTTPS_ONLY="1")
    with site(up, tmp_path, port):
        pages_work(browser, up, address)
        with urlopen(f"{address}/login/", context=trusting(up), timeout=30) as answer:
            assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
            assert "Secure" in answer.headers["Set-Cookie"]
    sent_on = Session(f"http://127.0.0.1:{up.http_port}").get("/login/")
    assert (sent_on.status, sent_on.headers["Location"]) == (301, f"{address}/login/")
