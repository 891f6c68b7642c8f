"""Everybody can use every page: axe-core finds nothing in either theme, nothing is wider than a phone, nothing needs colour."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import Installation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TWELVE = "pages/twelve"
PAGES = ["/", f"/scale-sets/{TWELVE}/", f"/scale-sets/{TWELVE}/?table=1", f"/scale-sets/{TWELVE}/?open=4", "/images/"]
THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


@pytest.fixture(scope="module", autouse=True)
def fleet(up: Installation) -> Iterator[None]:
    """One set with something of everything: an upgrade that failed on some, one opted out, one sick."""
    version = next_version()
    put_fleet(up, TWELVE, 12, bad_versions=version)
    up.manage("opt_out", TWELVE, "4", "--reason", "A customer's demo runs on it")
    publish(up, version)
    up.wait_ended(TWELVE, version)
    up.manage("simulate", TWELVE, "--sick", "9")
    yield


def wait_for_content(page: Page) -> None:
    """Drawn, and told by the feed."""
    expect(page.locator("#feed")).to_have_attribute("data-feed", "live")
    expect(page.locator("main")).not_to_be_empty()
    if "/scale-sets/" in page.url:
        expect(page.locator("#legend b").first).to_be_attached()


def assert_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@THEMES
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(path: str, dark: bool, sign_in: SignIn) -> None:
    page = sign_in(path, dark=dark)
    wait_for_content(page)
    assert_accessible(page)


@THEMES
def test_axe_finds_nothing_in_dialogs(dark: bool, sign_in: SignIn) -> None:
    page = sign_in(f"/scale-sets/{TWELVE}/?open=2", dark=dark)
    page.get_by_role("button", name="Opt out…").click()
    expect(page.locator("#opt-out")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keys").click()
    expect(page.locator("#sheet")).to_be_visible()
    assert_accessible(page)


@THEMES
def test_axe_finds_nothing_at_the_door(dark: bool, sign_in: SignIn) -> None:
    page = sign_in("/", dark=dark)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_shows_all_of_its_width(path: str, sign_in: SignIn) -> None:
    page = sign_in(path, width=390, height=844)
    wait_for_content(page)
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], wide


def test_every_state_is_said_in_words(sign_in: SignIn) -> None:
    page = sign_in(f"/scale-sets/{TWELVE}/")
    wait_for_content(page)
    labels = page.locator("#grid .cell").evaluate_all("cells => cells.map(cell => cell.ariaLabel)")
    assert len(labels) == 12
    assert all(", " in label for label in labels)
    assert "twelve_4, opted out" in labels


def test_every_cell_shows_its_glyph(sign_in: SignIn) -> None:
    """Never colour alone: the glyph is drawn within its cell."""
    page = sign_in(f"/scale-sets/{TWELVE}/")
    wait_for_content(page)
    sizes = page.locator("#grid .cell").evaluate_all(
        "cells => cells.map(cell => [cell.clientHeight, cell.querySelector('svg').getBoundingClientRect().height])"
    )
    assert len(sizes) == 12
    assert all(0.4 * cell < glyph < cell for cell, glyph in sizes), sizes
