"""The fleet's page and the images' in a real browser: publish on one, watch the others."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PASSWORD, SignIn
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import LIVE, Installation
from tests.stories import WINDOWS
from upgrades.models import ImageVersion

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SKU = ":".join(WINDOWS)
CALM = "pages/calm"


@pytest.fixture(scope="module", autouse=True)
def calm(up: Installation) -> None:
    put_fleet(up, CALM, 10)


def row(page: Page, path: str) -> Locator:
    return page.locator(f'tr[data-key="{path}"]')


def test_publishing_on_the_page_turns_cells_elsewhere(sign_in: SignIn) -> None:
    version = next_version()
    watching = sign_in(f"/scale-sets/{CALM}/")
    expect(watching.locator("#legend button", has_text="Up to date").locator("b")).to_have_text("10")
    watching.evaluate("window.isTheSamePage = true")
    page = sign_in("/images/")
    page.get_by_role("button", name=f"Publish a version of {SKU}", exact=True).click()
    page.get_by_label("Version", exact=True).fill("0.0.0")
    page.locator("#publish").get_by_role("button", name="Publish…", exact=True).click()
    expect(page.locator("#publish .problem")).to_contain_text("is not newer")

    page.get_by_label("Version", exact=True).fill(version)
    page.locator("#publish").get_by_role("button", name="Publish…", exact=True).click()
    expect(page.locator("#confirm-says")).to_contain_text(f"{CALM} (10)")
    assert not ImageVersion.objects.using(LIVE).filter(version=version).exists(), (
        "nothing is done before somebody agrees"
    )
    page.get_by_role("button", name="Publish", exact=True).click()

    expect(page.locator("#publish")).not_to_be_visible()
    expect(page.locator("#confirm")).not_to_be_visible()
    expect(page.get_by_role("status").filter(has_text=f"{version} is published.")).to_be_visible()
    expect(page.locator(f'[data-version="{version}"] .runs b')).to_have_text(re.compile(r"^[1-9]\d$"), timeout=60_000)
    expect(watching.locator("#image")).to_have_text(version)
    expect(watching.locator("#status")).to_have_text("Completed")
    assert watching.evaluate("window.isTheSamePage")


def test_the_fleet_shows_an_upgrade_as_it_goes(up: Installation, sign_in: SignIn) -> None:
    page = sign_in("/")
    expect(row(page, CALM).locator(".n")).to_contain_text("10 / 10")
    publish(up, next_version())
    expect(row(page, CALM).locator(".run")).to_contain_text(re.compile(r"Batch \d of 5"))
    expect(row(page, CALM).locator(".run")).to_contain_text("Completed", timeout=60_000)
    expect(row(page, CALM).locator(".n")).to_contain_text("10 / 10")


def test_the_map_leads_to_the_instance_that_arrow_keys_went_to(sign_in: SignIn) -> None:
    page = sign_in("/")
    link, tip = page.locator("#map"), page.locator("#map-tip")
    expect(page.locator("#map canvas")).to_have_attribute(
        "aria-label", re.compile(r"^\d+ instances of \d+ scale sets?, each a cell$")
    )
    link.focus()
    expect(tip).to_have_text(re.compile(r"^\w+_0: .+, in \w+$"))
    page.keyboard.press("ArrowRight")
    expect(tip).to_have_text(re.compile(r"^\w+_1: "))
    expect(link).to_have_attribute("aria-label", tip.inner_text())
    page.keyboard.press("Enter")
    page.wait_for_url("**/scale-sets/**/?open=1")


def test_the_switch_asks_and_the_feed_answers(up: Installation, sign_in: SignIn) -> None:
    page, other = sign_in("/"), sign_in("/")
    switch = row(page, CALM).get_by_role("switch")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(row(other, CALM).get_by_role("switch")).to_have_attribute("aria-checked", "false")
    page.get_by_role("button", name="Undo").click()
    expect(row(other, CALM).get_by_role("switch")).to_have_attribute("aria-checked", "true")
    assert up.scale_set(CALM).automatic_upgrade


def test_scale_sets_that_need_a_person_are_named_and_linked(up: Installation, sign_in: SignIn) -> None:
    put_fleet(up, "pages/ill", 5)
    page = sign_in("/")
    expect(page.locator("#needs")).to_contain_text("Nothing needs attention.")
    up.manage("simulate", "pages/ill", "--sick", "0", "3")
    expect(page.locator("#needs")).to_contain_text("40\u00a0% unhealthy (2 of 5), limit 20\u00a0%")
    page.locator("#needs").get_by_role("link", name="See the 2").click()
    page.wait_for_url("**/scale-sets/pages/ill/**")
    expect(page.locator("#grid .cell:not(.dim)")).to_have_count(2)
    up.manage("simulate", "pages/ill", "--heal", "0", "3")


def test_sets_appear_and_go_while_the_page_is_open(up: Installation, sign_in: SignIn) -> None:
    page = sign_in("/")
    expect(row(page, CALM)).to_be_visible()
    put_fleet(up, "pages/new", 2)
    expect(row(page, "pages/new").locator(".n")).to_contain_text("2 / 2")
    row(page, "pages/new").get_by_role("link").click()
    page.wait_for_url("**/scale-sets/pages/new/")
    expect(page.locator("#grid .cell")).to_have_count(2)
    up.manage("delete_scale_set", "pages/new")
    expect(page.get_by_role("heading", name="This scale set is gone")).to_be_visible()
    page.get_by_role("link", name="Fleet").last.click()
    expect(row(page, CALM)).to_be_visible()
    expect(row(page, "pages/new")).to_have_count(0)


def test_viewers_alone_may_not_publish(onlooker: str, sign_in: SignIn) -> None:
    page = sign_in("/images/", user=onlooker, password=PASSWORD)
    button = page.get_by_role("button", name="Publish a version…")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description(
        re.compile("view-only access. To publish and withdraw image versions")
    )
    page.goto("/")
    switch = row(page, CALM).get_by_role("switch")
    expect(switch).to_have_attribute("aria-disabled", "true")
    expect(switch).to_have_accessible_description(re.compile("view-only access. To steer upgrades"))
