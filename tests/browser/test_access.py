"""Everybody can use every page: axe-core finds nothing in either theme, nothing is wider than a phone, nothing needs colour."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SignIn
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import Installation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TWELVE = "pages/twelve"
PAGES = ["/", f"/scale-sets/{TWELVE}/", f"/scale-sets/{TWELVE}/?table=1", f"/scale-sets/{TWELVE}/?open=4", "/images/"]
OF_THE_ADMIN = [
    "/admin/",
    "/admin/upgrades/scaleset/",
    "/admin/upgrades/instance/",
    "/admin/upgrades/auditentry/",
]
# Words of headings that stand in two lines.
BROKEN = """(all) => all.flatMap((one) => {
  const walker = document.createTreeWalker(one, NodeFilter.SHOW_TEXT), broken = [], range = document.createRange();
  while (walker.nextNode())
    for (const { 0: word, index } of walker.currentNode.data.matchAll(/[^\\s]+/g)) {
      range.setStart(walker.currentNode, index);
      range.setEnd(walker.currentNode, index + word.length);
      if (range.getClientRects().length > 1) broken.push(word);
    }
  return broken; })"""
COLOURS = """[document.documentElement, document.body].map((one) => getComputedStyle(one))
  .map((style) => style.color + style.backgroundColor)"""
# Colours that change from one theme to the other have changed.
SETTLED = "Promise.allSettled(document.getAnimations().map(({ finished }) => finished))"
# Where two lists are chosen from.
CHOOSING = ["/admin/upgrades/imageversion/add/", "/admin/auth/user/1/change/"]
FEEDLESS = [
    "/scale-sets/pages/nothing/",
    "/audit/",
    "/audit/?name=nobody",
    "/wallboards/",
    "/deployments/",
    "/deployments/new/",
    *OF_THE_ADMIN,
]


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
    if page.locator("#feed").count():
        expect(page.locator("#feed")).to_have_attribute("data-feed", "live")
    expect(page.locator("main")).not_to_be_empty()
    if page.locator("#legend").count():
        expect(page.locator("#legend b").first).to_be_attached()


def assert_accessible(page: Page) -> None:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = AxeResults(page.evaluate("axe.run({ resultTypes: ['violations'] })"))
    assert found.violations_count == 0, found.generate_report()


def assert_accessible_in_both_themes(page: Page) -> None:
    """The page follows the theme of the system while it is open."""
    assert_accessible(page)
    light = page.evaluate(COLOURS)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(COLOURS) != light
    page.evaluate(SETTLED)
    assert_accessible(page)
    page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("path", PAGES + FEEDLESS)
def test_axe_finds_nothing_in_either_theme(path: str, sign_in: SignIn) -> None:
    page = sign_in(path)
    wait_for_content(page)
    assert_accessible_in_both_themes(page)


def test_axe_finds_nothing_in_dialogs(sign_in: SignIn) -> None:
    page = sign_in(f"/scale-sets/{TWELVE}/?open=2")
    page.get_by_role("button", name="Opt out…").click()
    expect(page.locator("#opt-out")).to_be_visible()
    assert_accessible_in_both_themes(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keys").click()
    expect(page.locator("#sheet")).to_be_visible()
    assert_accessible_in_both_themes(page)


def test_axe_finds_nothing_on_the_sign_in_page(sign_in: SignIn) -> None:
    page = sign_in("/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert_accessible_in_both_themes(page)
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible_in_both_themes(page)


@pytest.mark.parametrize("path", CHOOSING)
def test_axe_finds_nothing_where_two_lists_are_chosen_from(
    path: str, up: Installation, browser: Browser, sign_in: SignIn
) -> None:
    """In a browser without our policy: there axe sets styles of its own, which that forbids."""
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{up.http_port}",
        storage_state=sign_in("/admin/").context.storage_state(),
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(path)
    expect(page.locator(".selector-chosen").first).to_be_visible()
    assert_accessible_in_both_themes(page)
    context.close()


@pytest.mark.parametrize(
    "path", ["/admin/upgrades/instance/", "/admin/upgrades/scaleset/", "/admin/upgrades/auditentry/"]
)
def test_lists_of_the_admin_are_not_cut_off_and_their_headings_break_between_words_only(
    path: str, sign_in: SignIn
) -> None:
    page = sign_in(path, width=1280)
    assert page.locator("#result_list thead .text").evaluate_all(BROKEN) == []
    wide = page.locator(".results").evaluate("one => [one.scrollWidth, one.clientWidth]")
    assert wide[0] <= wide[1], wide


def test_save_is_in_sight_and_times_are_in_the_viewers_zone(sign_in: SignIn) -> None:
    page = sign_in("/admin/upgrades/scaleset/", height=800)
    page.get_by_role("link", name=TWELVE).click()
    expect(page.get_by_role("button", name="Save", exact=True).first).to_be_in_viewport()
    page.goto("/admin/upgrades/auditentry/")
    moment = page.locator(".results time").first
    expect(moment).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+$"))
    assert (moment.get_attribute("title") or "").endswith(" UTC")


@pytest.mark.parametrize("path", PAGES + FEEDLESS)
def test_a_phone_shows_all_of_its_width(path: str, sign_in: SignIn) -> None:
    page = sign_in(path, width=390, height=844)
    wait_for_content(page)
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], wide


def test_scrolling_on_a_phone_turns_no_switch(up: Installation, browser: Browser, sign_in: SignIn) -> None:
    """A phone is for looking; a narrow window with a mouse is a magnified one."""
    state = sign_in("/").context.storage_state()
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{up.http_port}",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        storage_state=state,
    )
    page = context.new_page()
    page.goto("/")
    wait_for_content(page)
    switch = page.locator(f'.switch[data-key="{TWELVE}"]')
    expect(switch).to_have_text(re.compile(r"Automatic\s*On"))
    assert switch.evaluate("one => getComputedStyle(one).pointerEvents") == "none"
    page.goto(f"/scale-sets/{TWELVE}/")
    wait_for_content(page)
    expect(page.get_by_role("button", name="Start upgrade")).not_to_be_visible()
    small = page.locator(".legend button, .segments label").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().height < 42).map(one => one.textContent)"
    )
    assert small == []
    context.close()


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
    cells = page.locator("#grid .cell")
    glyphs = cells.evaluate_all(
        "cells => cells.map(cell => [cell.dataset.state, getComputedStyle(cell).backgroundImage])"
    )
    assert len(glyphs) == 12
    assert all("/img/cells/" in image for _, image in glyphs), glyphs
    images = {image.split('"')[1] for _, image in glyphs}
    assert len(images) == len({state for state, _ in glyphs}) > 1, "another glyph for each state"
    assert all(page.request.get(image).ok for image in images)
    sizes = cells.evaluate_all("cells => cells.map(cell => getComputedStyle(cell).backgroundSize)")
    assert all(0.4 <= float(size.split()[0].rstrip("%,")) / 100 <= 1 for size in sizes), sizes
