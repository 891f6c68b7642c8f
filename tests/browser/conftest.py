"""Debian's Chromium for all files, and one running Rollgrid for all pages of a file."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from playwright._impl._api_structures import SetCookieParam
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django import DjangoDbBlocker

from tests.browser.chromium import CHROMIUM, FLAGS, MISSING
from tests.end_to_end.installation import LIVE, Installation, installation

PATIENCE_MS = 30_000
PASSWORD = "correct horse battery staple"

SignIn = Callable[..., Page]
Contexts = dict[str, list[BrowserContext]]  # by what they were made with
Cookies = dict[str, list[SetCookieParam]]


@pytest.fixture(scope="package")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Of this folder only: as long as it runs, Playwright's loop runs in this thread, and no other test could use the database."""
    assert CHROMIUM.exists(), MISSING
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def up(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    """After the browser and no longer than it: Django keeps the connections of a thread with a loop apart from those without."""
    home: Path = tmp_path_factory.mktemp("up") / "home"
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with installation(home, ROLLGRID_HEALTH_WAIT_SECONDS="12") as running:
            yield running


@pytest.fixture(scope="module")
def cookies(up: Installation) -> Cookies:
    """Those of each user's last session, which serve until somebody signs out: to check a password costs 0.4 s of a core."""
    return {}


@pytest.fixture(scope="module")
def contexts(up: Installation, browser: Browser) -> Contexts:
    """Those of one file that nobody uses now. What a page has loaded is in the cache of its context, and serves the next test too."""
    return defaultdict(list)


@pytest.fixture
def sign_in(up: Installation, browser: Browser, cookies: Cookies, contexts: Contexts) -> Iterator[SignIn]:
    """sign_in("/path", user="admin", dark=False, width=1280): a page on which no script failed and nothing was forbidden.

    `cold`: nothing that it needs has been loaded before.
    """
    used: list[tuple[str, BrowserContext]] = []
    troubles: list[str] = []
    home = f"http://127.0.0.1:{up.http_port}"

    def a_context(cold: bool, **options: Any) -> BrowserContext:
        alike = contexts[repr(options)]
        context = alike.pop() if alike and not cold else browser.new_context(base_url=home, **options)
        used.append((repr(options), context))
        return context

    def open_page(
        path: str,
        *,
        user: str = "admin",
        password: str = "",
        dark: bool = False,
        width: int = 1280,
        height: int = 900,
        zone: str | None = None,
        cold: bool = False,
    ) -> Page:
        context = a_context(
            cold,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            timezone_id=zone,
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies(cookies.get(user, []))
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
        page.on("console", lambda said: _note(said.type, said.text, troubles))
        page.goto(path)
        if "/login/" in page.url:
            _fill_in(page, path, user, password or (up.home / "admin-password").read_text().strip())
            cookies[user] = _for_another(context)
        page.wait_for_url(f"**{path}")
        return page

    yield open_page
    for options, context in used:
        _forget(context, home)
        contexts[options].append(context)
    assert not troubles, troubles


def _forget(context: BrowserContext, home: str) -> None:
    """Closes its pages, and leaves of what they kept only the cache."""
    line = context.new_cdp_session(context.pages[0] if context.pages else context.new_page())
    line.send("Storage.clearDataForOrigin", {"origin": home, "storageTypes": "local_storage"})
    for page in context.pages:
        page.close()
    context.clear_cookies()


def _fill_in(page: Page, path: str, user: str, password: str) -> None:
    page.goto(f"/login/?next={path}")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{path}")


def _for_another(context: BrowserContext) -> list[SetCookieParam]:
    """The cookies of this context, as another may be given them."""
    return [
        SetCookieParam(name=cookie["name"], value=cookie["value"], domain=cookie["domain"], path=cookie["path"])
        for cookie in context.cookies()
    ]


def _note(kind: str, text: str, troubles: list[str]) -> None:
    """What the browser itself complains of; a socket that is lost, and an answer that refuses, are part of the stories."""
    expected = ("WebSocket connection", "Failed to load resource", "Response Status Error Code 4")
    if kind == "error" and not text.startswith(expected):
        troubles.append(f"console: {text}")


@pytest.fixture
def onlooker(up: Installation) -> Iterator[str]:
    """Somebody who may look and do nothing."""
    # Not by set_password: that would be written to the audit trail of the tests' own database, which need not be there.
    user = User(username="onlooker", password=make_password(PASSWORD))
    user.save(using=LIVE)
    yield user.username
    User.objects.using(LIVE).filter(pk=user.pk).delete()
