"""Where things stand on the pages: nothing is cut, nothing moves by itself, and everything has room from 320 to 1920 pixels."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PASSWORD, SignIn
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import Installation
from tests.waiting import wait_until
from upgrades.core.states import Health

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SET = "pages/a-scale-set-with-a-rather-long-name"
SET_PAGE = f"/scale-sets/{SET}/"
WIDTHS = [320, 390, 640, 1024, 1280, 1920]
MAX_SHIFT = 0.01
COUNT_SHIFTS = """
window.shifted = 0;
window.moved = [];
const at = ({ x, y, width, height }) => [x, y, width, height].map(Math.round);
const named = (node) => `${node?.nodeName} ${node?.id ?? ""} ${node?.className ?? ""}: ${(node?.textContent ?? "").trim().slice(0, 60)}`;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) {
    shifted += one.value;
    for (const { node, previousRect, currentRect } of one.sources) moved.push([named(node), at(previousRect), at(currentRect)]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
# What is shown smaller than it is: its text ends where nobody can read on.
CUT = """(root) => [...document.querySelectorAll(root)].flatMap((one) => [one, ...one.querySelectorAll("*")])
  .filter((one) => one.checkVisibility() && !one.closest(".sr, thead") && getComputedStyle(one).overflow !== "visible")
  .filter((one) => one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1)
  .map((one) => `${one.id || one.className}: ${one.textContent.trim().slice(0, 40)}`)"""

# Whatever follows a new size has been drawn.
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"

# In how many lines each text stands.
LINES = """(all) => all.map((one) => { const range = document.createRange(); range.selectNodeContents(one);
  return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size; })"""
OVERFULL = """(all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""

# How much room the hint of a field has, less what it takes.
HINT = """(field) => { const style = getComputedStyle(field), pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontSize} ${style.fontFamily}`;
  return field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - pen.measureText(field.placeholder).width; }"""

# Where each cell is within the grid, and how large.
CELLS = """() => { const grid = document.querySelector("#grid").getBoundingClientRect();
  return [...document.querySelectorAll("#grid .cell")].map((cell) => cell.getBoundingClientRect())
    .map(({ x, y, width, height }) => [x - grid.x, y - grid.y, width, height]); }"""


@pytest.fixture(scope="module", autouse=True)
def fleet(up: Installation) -> None:
    put_fleet(up, SET, 20)
    sick = ("1", "4", "7", "9", "12")
    up.manage("simulate", SET, "--sick", *sick)

    def ill() -> set[str]:
        return {str(row.number) for row in up.instances(SET) if row.health == Health.UNHEALTHY}

    # Until then the pages rightly change while they load.
    wait_until(lambda: ill() == set(sick), seconds=60, what="all that are sick known as unhealthy")


def live(page: Page) -> Page:
    expect(page.locator("#feed")).to_have_attribute("data-feed", "live")
    expect(page.locator("main.loading")).to_have_count(0)
    return page


def box(page: Page, selector: str) -> Any:
    return page.locator(selector).first.bounding_box()


def in_each_width(page: Page, widths: list[int], holds: Callable[[int], bool], what: str) -> None:
    """As a window is that somebody draws larger; that a page is right when it is opened so wide is shown at a phone's and a desk's."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(DRAWN)
        wait_until(lambda width=width: holds(width), what=f"{what} at {width} of {page.url}")  # type: ignore[misc]


@pytest.mark.parametrize("address", ["/", SET_PAGE, f"{SET_PAGE}?table=1", "/images/", "/audit/"])
def test_no_page_is_wider_than_the_window_and_nothing_that_explains_is_cut(sign_in: SignIn, address: str) -> None:
    page = sign_in(address, width=WIDTHS[0])
    if address not in ("/images/", "/audit/"):
        live(page)
    fits = lambda width: page.evaluate("document.documentElement.scrollWidth") <= width  # noqa: E731
    in_each_width(page, WIDTHS, fits, "no wider than the window")
    if root := {SET_PAGE: ".instruments, .title", "/": ".needs, .sets, .figures"}.get(address):
        expect(page.locator("#why .reasons li, #needs .mark").first).to_be_visible()
        in_each_width(page, WIDTHS, lambda _: page.evaluate(CUT, root) == [], "nothing is cut")


def test_the_hint_of_the_search_is_whole_beside_the_table_too(sign_in: SignIn) -> None:
    page = live(sign_in(f"{SET_PAGE}?table=1", width=WIDTHS[1]))
    expect(page.locator("#csv")).to_be_visible()
    in_each_width(page, WIDTHS[1:], lambda _: page.locator("#find").evaluate(HINT) >= 0, "the hint is whole")


@pytest.mark.parametrize("address", ["/", SET_PAGE])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_does_not_shift_while_it_loads(sign_in: SignIn, address: str, width: int) -> None:
    page = sign_in("/", width=width, cold=True)
    page.add_init_script(COUNT_SHIFTS)
    page.goto(address)
    live(page)
    expect(page.locator("#why .reasons li, #needs .mark").first).to_be_visible()
    assert page.evaluate("shifted") < MAX_SHIFT, page.evaluate("moved")


@pytest.mark.parametrize("address", ["/audit/", "/images/", "/admin/upgrades/instance/", "/admin/upgrades/transition/"])
def test_a_page_on_a_phone_does_not_shift_when_times_are_localised(sign_in: SignIn, address: str) -> None:
    page = sign_in("/", width=390, zone="America/New_York")
    page.add_init_script(COUNT_SHIFTS)
    page.goto(address)
    expect(page.locator("tbody tr").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("shifted") < MAX_SHIFT, page.evaluate("moved")


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_a_form_of_the_admin_does_not_shift_and_its_first_field_has_the_focus(sign_in: SignIn, width: int) -> None:
    page = sign_in("/", width=width, cold=True)
    page.add_init_script(COUNT_SHIFTS)
    page.goto("/admin/upgrades/imageversion/add/")
    expect(page.locator(".selector")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("shifted") < MAX_SHIFT
    expect(page.get_by_label("SKU")).to_be_focused()


def test_a_dialog_is_no_wider_than_a_phone(sign_in: SignIn) -> None:
    """Whatever it names: its buttons are in sight."""
    page = sign_in("/images/", width=390)
    page.get_by_role("button", name=re.compile("^Withdraw version .* of MicrosoftWindowsServer")).last.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("MicrosoftWindowsServer:WindowsServer:2016-Datacenter-with-Containers")
    assert dialog.evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")


def test_the_counts_of_the_legend_have_equal_room_whatever_they_are(sign_in: SignIn) -> None:
    page = live(sign_in(SET_PAGE))
    counts = page.locator("#legend b")
    expect(counts.first).to_be_visible()
    assert len(set(counts.all_inner_texts())) > 1
    assert len(set(counts.evaluate_all("all => all.map((one) => Math.round(one.getBoundingClientRect().width))"))) == 1


@pytest.mark.parametrize(
    ("address", "words"), [("/audit/", ".trail .who a"), ("/images/", ".sku tbody th[scope=row]:visible")]
)
def test_names_and_versions_are_not_broken_on_a_phone(sign_in: SignIn, address: str, words: str) -> None:
    page = sign_in(address, width=390)
    expect(page.locator(words).first).to_be_visible()
    assert set(page.locator(words).evaluate_all(LINES)) == {1}


def test_a_page_that_takes_long_says_that_it_loads(sign_in: SignIn) -> None:
    page = sign_in("/images/")
    held: list[Route] = []
    is_held = [True]

    def hold(route: Route) -> None:
        if is_held[0]:
            held.append(route)
        else:
            route.continue_()

    page.route("**/feed/snapshot?**", hold)
    page.goto(SET_PAGE, wait_until="commit")
    expect(page.get_by_text("Loading.", exact=True)).to_be_visible()
    is_held[0] = False  # it may be asked for only now
    for route in held:
        route.continue_()
    live(page)
    expect(page.locator(".waits")).not_to_be_visible()


@pytest.mark.parametrize("width", [1024, 1280, 1920])
def test_opening_an_instance_moves_no_cell_and_marks_its_own(sign_in: SignIn, width: int) -> None:
    page = live(sign_in(SET_PAGE, width=width))
    before = page.evaluate(CELLS)
    page.locator("#grid .cell").first.click()
    expect(page.locator("#panel")).to_be_visible()
    assert page.evaluate(CELLS) == before
    expect(page.locator('#grid .cell[aria-current="true"]')).to_have_count(1)
    assert page.locator("#grid .cell").first.get_attribute("aria-current") == "true"


def test_the_grid_has_half_of_the_height_on_a_desk(up: Installation, sign_in: SignIn) -> None:
    put_fleet(up, "pages/desk", 10)
    page = live(sign_in("/scale-sets/pages/desk/", height=800))
    assert box(page, "#grid")["y"] < 440
    assert box(page, ".instruments")["x"] > box(page, "#grid")["x"] + box(page, "#grid")["width"]


def test_the_tooltip_of_a_disabled_control_stays_within_the_window(sign_in: SignIn, onlooker: str) -> None:
    page = live(sign_in(f"{SET_PAGE}?open=3", user=onlooker, password=PASSWORD))
    for place in page.locator(".why-off:visible").all():
        place.scroll_into_view_if_needed()
        place.hover(force=True)
        tip = place.get_by_role("tooltip")
        expect(tip).to_be_visible()
        inside = tip.evaluate(
            """(tip) => { const { left, top, right, bottom } = tip.getBoundingClientRect(), edge = 3;
              return [[left + edge, top + edge], [right - edge, top + edge], [left + edge, bottom - edge], [right - edge, bottom - edge]]
                .every(([x, y]) => tip.contains(document.elementFromPoint(x, y))); }"""
        )
        assert inside, tip.inner_text()
        page.mouse.move(0, 0)


def test_a_printed_page_holds_every_row_and_every_cell_with_its_sign(up: Installation, sign_in: SignIn) -> None:
    page = live(sign_in("/", height=200, dark=True))
    page.emulate_media(media="print")
    blank = page.locator("#sets canvas:not([hidden])").evaluate_all(
        """(all) => all.filter(({ width, height }) => !width || !height).length
          + all.filter((one) => one.getContext("2d").getImageData(0, 0, one.width, one.height).data.every((part) => !part)).length"""
    )
    assert blank == 0
    assert page.locator("#sets tr .n").evaluate_all("all => all.every((one) => one.textContent)")
    page.emulate_media(media="screen")
    page.goto(SET_PAGE)
    live(page).emulate_media(media="print")
    cells = page.locator("#grid .cell").evaluate_all(
        "cells => cells.map(getComputedStyle).map((style) => [style.printColorAdjust, style.backgroundImage !== 'none', style.visibility])"
    )
    assert cells == [["exact", True, "visible"]] * 20
    expect(page.locator("#legend")).to_be_visible()
    expect(page.locator("#why")).to_be_visible()


def test_a_page_without_events_says_so_and_does_nothing(up: Installation, sign_in: SignIn) -> None:
    page = live(sign_in(SET_PAGE))
    stop = box(page, "#fleet-stop-control")
    daphne = up.children()[up.server]
    daphne.suspend()
    try:
        expect(page.locator("#feed")).to_contain_text("Stale since")
        assert box(page, "#fleet-stop-control") == stop
        for control in (page.locator("#fleet-stop-control"), page.locator("#automatic")):
            expect(control).to_have_attribute("aria-disabled", "true")
            expect(control).to_have_accessible_description(re.compile("out of date"))
        page.locator("#fleet-stop-control").click(force=True)
        expect(page.locator("#stop-fleet")).not_to_be_visible()
        expect(page.locator(".toast")).to_contain_text("out of date")
    finally:
        daphne.resume()
    expect(page.locator("#feed")).to_have_attribute("data-feed", "live")
    expect(page.locator("#fleet-stop-control")).not_to_have_attribute("aria-disabled", "true")


def test_a_thin_line_stays_in_sight_while_an_upgrade_runs(up: Installation, sign_in: SignIn) -> None:
    put_fleet(up, "pages/line", 10)
    page = live(sign_in("/scale-sets/pages/line/", width=390, height=600))
    expect(page.locator("#line")).to_be_hidden()
    publish(up, next_version())
    expect(page.locator("#line")).to_be_visible()
    for width in (WIDTHS[0], 390):
        page.set_viewport_size({"width": width, "height": 600})
        page.evaluate(DRAWN)
        assert page.locator(".steps span").evaluate_all(OVERFULL) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.mouse.wheel(0, 600)
    assert box(page, "#line")["y"] < 120
    expect(page.locator("#status")).to_have_text("Completed", timeout=60_000)
    expect(page.locator("#line")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_below_moves_when_a_first_upgrade_starts(up: Installation, sign_in: SignIn, width: int) -> None:
    name = f"pages/first-{width}"
    put_fleet(up, name, 10)
    page = live(sign_in(f"/scale-sets/{name}/", width=width))
    expect(page.locator("#steps h2")).to_have_text("No upgrade yet")
    before = box(page, "#why")["y"]
    page.evaluate(COUNT_SHIFTS)
    page.evaluate("shifted = 0")
    publish(up, next_version())
    expect(page.locator("#steps h2")).to_contain_text("Batch 1")
    assert box(page, "#why")["y"] == before
    assert page.evaluate("shifted") < MAX_SHIFT
