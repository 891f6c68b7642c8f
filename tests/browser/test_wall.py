"""A wall beside a running upgrade: it fits, it says what the feed says, and it never shows old news as new."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.crash.troubles import halted
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import Installation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
MOVING, CALM = "walls/moving", "walls/calm"
INSTANCES = 20
SCREENS = [(1280, 720), (1920, 1080), (1080, 1920)]
SLOW_MS = 90_000
STALE_MS = 10_000
FITS = """() => { const { scrollWidth, scrollHeight } = document.documentElement;
  const outside = [...document.querySelectorAll("header, h1, .reason, .counts > *, canvas, .legend")].filter((element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return left < 0 || top < 0 || right > innerWidth + 1 || bottom > innerHeight + 1; });
  return { scrolls: scrollWidth > innerWidth || scrollHeight > innerHeight, outside: outside.map((element) => element.className) };
}"""


@pytest.fixture(scope="module")
def wall_path(up: Installation) -> str:
    for path in (MOVING, CALM):
        put_fleet(up, path, INSTANCES)
    up.wait_healthy(MOVING)
    said = up.manage("wallboard_link", "lobby", "--group", "walls", "--json")
    return f"/wall/{said.rpartition('/wall/')[2].partition('/')[0]}/"


@pytest.fixture
def walls(up: Installation, browser: Browser, wall_path: str) -> Iterator[list[Page]]:
    """One wall for each size, without a session; no script fails on any of them."""
    troubles: list[str] = []
    contexts, pages = [], []
    for width, height in SCREENS:
        contexts.append(
            browser.new_context(
                base_url=f"http://127.0.0.1:{up.http_port}", viewport={"width": width, "height": height}
            )
        )
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if _is_fault(said.type, said.text) else None)
        page.goto(wall_path)
        pages.append(page)
    yield pages
    for context in contexts:
        context.close()
    assert not troubles, troubles


def _is_fault(kind: str, text: str) -> bool:
    return kind == "error" and not text.startswith(("WebSocket connection", "Failed to load resource"))


ENGLISH = re.compile(
    r"\b(the|is|are|all|calm:|of|up to date|in progress|live|needs?|instances?|waiting|batch|expected|held|failed)\b",
    re.I,
)


def _says_nothing_in_english(page: Page, wall_path: str) -> None:
    page.goto(f"{wall_path}?lang=sv&rotate=off&colour=red")
    expect(page.locator("body:not(.loading)")).to_be_visible()
    expect(page.locator(".problems")).to_contain_text("colour är inget val")
    shown = page.locator("body").inner_text().replace(CALM.partition("/")[2] + ":", "")
    assert not ENGLISH.findall(shown), shown


def _done_in_snapshots(page: Page, wall_path: str) -> int:
    token = wall_path.split("/")[2]
    answers = [page.request.get(f"/feed/snapshot?set={path}&token={token}") for path in (MOVING, CALM)]
    return sum(answer.json()["board"]["counts"]["up_to_date"] for answer in answers)


def test_a_wall_beside_an_upgrade(up: Installation, wall_path: str, walls: list[Page]) -> None:
    """It fits on each screen, has one sentence and the counts of the board; hatched while the server is frozen, and well again after."""
    for page in walls:
        expect(page.locator(".counts [data-count=done] dd")).to_have_text(str(2 * INSTANCES), timeout=SLOW_MS)
        expect(page.locator("h1")).to_contain_text("All is calm: 2 scale sets")
    publish(up, next_version())
    first = walls[0]
    expect(first.locator("h1")).to_contain_text("Rolling forward", timeout=SLOW_MS)
    expect(first.locator("header .what b")).to_have_text(re.compile("^(moving|calm)$"))
    expect(first.locator(".counts .end dt")).to_contain_text("Expected end, ")
    for page in walls:
        assert page.evaluate(FITS) == {"scrolls": False, "outside": []}, page.viewport_size
        assert "instances: " in (page.locator("canvas").get_attribute("aria-label") or "")
        expect(page.locator("#twin tbody tr")).to_have_count(2)
    _says_nothing_in_english(walls[-1], wall_path)
    walls[-1].goto(wall_path)
    with halted(up.children()[up.server]):
        for page in walls:
            expect(page.locator("body.stale")).to_be_visible(timeout=STALE_MS)
            expect(page.locator("h1")).to_contain_text("No news since")
            assert page.locator(".counts dd").first.inner_text().isdigit(), "the screen is not cleared"
    for page in walls:
        expect(page.locator("body:not(.stale)")).to_be_visible()
        expect(page.locator("h1")).to_contain_text("All is calm", timeout=SLOW_MS)
        expect(page.locator(".counts [data-count=done] dd")).to_have_text(str(_done_in_snapshots(page, wall_path)))
