"""The pages in a made-up language, in a real browser: all that scripts write goes through the catalogues.

What Django renders stays English here and does not count: tests/texts/test_pages.py looks at that.
"""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from dashboard.environment import CHECKOUT
from tests.browser.conftest import SignIn
from tests.browser.test_layout import live
from tests.browser.test_scale_set import address, cell
from tests.core.test_catalogue import accented
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import Installation
from tests.texts.made_up import CODE, Reader, plain_words
from upgrades.core.catalogue import ENGLISH, messages_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
MOVING, HELD = "tongues/moving", "tongues/held"
SLOW_MS = 90_000
SCRIPTS = sorted((CHECKOUT / "static/js").glob("texts*.js"))
# What is data: names, addresses, the answer of a probe, what people wrote, units and keys of a keyboard.
DATA = (
    "tongues",
    "moving",
    "held",
    "admin",
    "root",
    "latest",
    "ada",
    "http",
    "HTTP",
    "Service Unavailable",
    "soon",
    "probe",
)
KEYS = ("Esc", "Enter", "Space", "Shift", "Ctrl", "PgUp", "PgDn", "Home", "End")


def made_up() -> str:
    """The texts of scripts and of the engine, with accents, as a page carries those of its language."""
    line = re.compile(r'^  "([^"]+)":\s+("(?:[^"\\]|\\.)*"),$', re.MULTILINE)
    own = {key: json.loads(text) for file in SCRIPTS for key, text in line.findall(file.read_text(encoding="utf-8"))}
    return json.dumps({key: accented(text) for key, text in {**own, **messages_in(ENGLISH)}.items()})


# What a page in that language has, before its scripts run.
SPEAK = """(({ language, texts }) => {
  Object.defineProperty(HTMLHtmlElement.prototype, "lang", { get: () => language });
  const found = document.getElementById.bind(document);
  document.getElementById = (id) => (id === "texts" ? { textContent: texts } : found(id));
})(%s);"""
# The page as it is, without what Django wrote that came later than the page: questions, histories.
SHOWN = """() => { const page = document.documentElement.cloneNode(true);
  for (const part of page.querySelectorAll("#confirm-name, #confirm .actions, #history")) part.remove();
  page.setAttribute("lang", "en-xa");
  return page.outerHTML; }"""


class Speaker:
    """Goes to pages in the made-up language, and looks for English that their scripts have written."""

    def __init__(self, page: Page) -> None:
        self.page, self.rendered = page, list[str]()
        page.add_init_script(SPEAK % json.dumps({"language": CODE, "texts": made_up()}))

    def go(self, path: str) -> None:
        reader = Reader()
        reader.feed(self.page.request.get(path).text().replace('<html lang="en"', f'<html lang="{CODE}"'))
        self.rendered = [text.strip() for text in reader.texts if text.strip()]
        self.page.goto(path)

    def says_nothing_in_english(self) -> None:
        found = plain_words(self.page.evaluate(SHOWN), (*DATA, *KEYS), self.rendered)
        assert not found, "\n".join(["not through a catalogue:", *sorted(set(found))])


@pytest.fixture(scope="module", autouse=True)
def fleet(up: Installation) -> None:
    for path in (MOVING, HELD):
        put_fleet(up, path, 10)
    up.manage("opt_out", HELD, "3", "--reason", "soon")
    up.manage("simulate", HELD, "--sick", "1", "4", "7")
    up.wait_healthy(MOVING)


def test_the_pages_while_an_upgrade_runs(up: Installation, sign_in: SignIn) -> None:
    page = sign_in("/")
    speaker = Speaker(page)
    publish(up, next_version())
    speaker.go(address(MOVING))
    live(page)
    expect(page.locator("#rail .is-now")).to_be_visible(timeout=SLOW_MS)
    cell(page, 0).click()
    expect(page.locator("#history time").first).to_be_visible()
    speaker.says_nothing_in_english()
    page.locator("#cancel").click()
    expect(page.locator("#confirm")).to_be_visible()
    speaker.says_nothing_in_english()
    speaker.go("/")
    live(page)
    speaker.says_nothing_in_english()
    speaker.go("/images/")
    speaker.says_nothing_in_english()


def test_the_pages_while_something_holds(up: Installation, sign_in: SignIn) -> None:
    page = sign_in("/")
    speaker = Speaker(page)
    speaker.go(address(HELD, "?open=3"))
    live(page)
    expect(page.locator("#legend [data-key='unhealthy'] b")).to_have_text("3", timeout=SLOW_MS)
    speaker.says_nothing_in_english()
    speaker.go(address(HELD, "?table=1&open=1&selected=1,3"))
    live(page)
    expect(page.locator("#table tbody tr").first).to_be_visible()
    speaker.says_nothing_in_english()
    page.keyboard.press("?")
    expect(page.locator("#sheet")).to_be_visible()
    speaker.says_nothing_in_english()
    page.keyboard.press("Escape")
    page.locator("#selection [data-act='opt-out-selected']").click()
    expect(page.locator("#opt-out")).to_be_visible()
    speaker.says_nothing_in_english()
