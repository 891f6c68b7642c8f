"""The scale set's page in a real browser, against a real Rollgrid: it shows what is, and what people do there is done."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PASSWORD, SignIn
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import LIVE, Installation
from tests.waiting import wait_until
from upgrades.core.states import UpgradeStatus
from upgrades.models import OptOut

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
TEN = "pages/ten"


@pytest.fixture(scope="module")
def ten(up: Installation) -> str:
    put_fleet(up, TEN, 10)
    return TEN


def address(path: str, query: str = "") -> str:
    return f"/scale-sets/{path}/{query}"


def cell(page: Page, number: int) -> Locator:
    return page.locator(f'#grid .cell[aria-label*="_{number},"]')


def count_of(page: Page, word: str) -> Locator:
    return page.locator("#legend button", has_text=word).locator("b")


def agree(page: Page, word: str) -> None:
    """Says yes where the page asks first."""
    page.locator("#confirm").get_by_role("button", name=word, exact=True).click()


def agreed(control: Locator, word: str) -> None:
    control.click()
    agree(control.page, word)


def shown(page: Page) -> dict[str, str]:
    """{instance's name: state}, as the cells say it."""
    labels: list[str] = page.locator("#grid .cell").evaluate_all("cells => cells.map(cell => cell.ariaLabel)")
    return {name: state for name, state, *_ in (label.split(", ") for label in labels)}


def os_disks(up: Installation, path: str) -> dict[str, str]:
    """At the machines themselves; in a thread, because Playwright's loop runs in this one."""

    def ask() -> dict[str, str]:
        try:
            return {number: view.os_disk for number, view in up.views(path).items()}
        finally:
            connections[LIVE].close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result()


def snapshot(page: Page, path: str) -> Any:
    return page.evaluate("key => fetch(`/feed/snapshot?set=${key}`).then(answer => answer.json())", path)


def test_a_published_image_turns_cells_without_a_reload(up: Installation, ten: str, sign_in: SignIn) -> None:
    page = sign_in(address(ten))
    expect(count_of(page, "Up to date")).to_have_text("10")
    page.evaluate("window.isTheSamePage = true")
    version = next_version()

    publish(up, version)

    expect(page.locator("#status")).to_have_text("Rolling forward")
    expect(page.locator("#rail .is-now")).to_be_visible()
    expect(page.locator('#steps [aria-current="step"]')).to_be_visible()
    expect(page.locator("#status")).to_have_text("Completed")
    expect(count_of(page, "Up to date")).to_have_text("10")
    expect(page.locator("#image")).to_have_text(version)
    assert page.evaluate("window.isTheSamePage")
    assert len(page.locator("#rail .is-done").all()) == 5


def test_new_instances_come_and_old_ones_go(up: Installation, sign_in: SignIn) -> None:
    """A-18: the figures are of five instances all the while, though there are seven."""
    rolling = {"maxSurge": True, "maxBatchInstancePercent": 40}
    put_fleet(up, "pages/surge", 5, boot="3", rolling=rolling)
    page = sign_in(address("pages/surge"))
    expect(page.locator("#policy")).to_contain_text("new instances")
    expect(page.locator("#grid .cell")).to_have_count(5)
    page.evaluate("window.isTheSamePage = true")

    publish(up, next_version())

    expect(page.locator("#grid .cell")).to_have_count(7)
    expect(page.locator("#eligible")).to_have_text("5 of 5")
    expect(page.locator("#rail .is-now")).to_contain_text("2 instances")
    cell(page, 0).click()
    expect(page.get_by_text("It stays in service until instance 5")).to_be_visible()
    expect(page.locator("#status")).to_have_text("Completed")
    expect(page.locator("#grid .cell")).to_have_count(5)
    expect(page.locator("#eligible")).to_have_text("5 of 5")
    assert shown(page) == {f"surge_{number}": "up to date" for number in range(5, 10)}
    assert [locator.inner_text().split(", ")[1] for locator in page.locator("#rail .sr").all()] == [
        "2 instances",
        "2 instances",
        "1 instance",
    ]
    assert page.evaluate("window.isTheSamePage")


def test_an_instance_that_is_opted_out_stays_as_it_is(up: Installation, ten: str, sign_in: SignIn) -> None:
    page = sign_in(address(ten))
    before = os_disks(up, ten)["3"]
    cell(page, 3).click()
    page.get_by_role("button", name="Opt out…").click()
    dialog = page.get_by_role("dialog", name=re.compile("Opt .*_3 out"))
    dialog.get_by_label("Reason, required").fill("A customer's demo runs on it")

    dialog.get_by_role("button", name="Opt out").click()

    expect(cell(page, 3)).to_have_attribute("data-state", "opted-out")
    expect(page.locator("#panel")).to_contain_text("A customer's demo runs on it")
    expect(page.locator("#eligible")).to_have_text("9 of 10, 1 opted out")
    publish(up, next_version())
    expect(page.locator("#status")).to_have_text("Rolling forward")
    expect(page.locator("#status")).to_have_text("Completed")
    assert os_disks(up, ten)["3"] == before
    expect(count_of(page, "Up to date")).to_have_text("9")

    page.locator("#panel").get_by_role("button", name="Opt in again").click()
    expect(cell(page, 3)).not_to_have_attribute("data-state", "opted-out")
    wait_until(
        lambda: not OptOut.objects.using(LIVE).filter(instance__scale_set__key=ten, ended_at=None).exists(),
        what="opted in again",
    )


def test_an_opt_out_can_be_undone_at_once(ten: str, sign_in: SignIn) -> None:
    page = sign_in(address(ten))
    cell(page, 5).click()
    page.get_by_role("button", name="Opt out…").click()
    page.locator("#opt-out").get_by_label("Reason, required").fill("By mistake")
    page.locator("#opt-out").get_by_role("button", name="Opt out").click()
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.locator("#eligible")).to_have_text("10 of 10")


def test_a_stop_is_explained(up: Installation, sign_in: SignIn) -> None:
    """Make instances sick, and read why it stopped."""
    put_fleet(up, "pages/sick", 10)
    page = sign_in(address("pages/sick"))
    expect(count_of(page, "Up to date")).to_have_text("10")
    up.manage("simulate", "pages/sick", "--sick", "1", "4", "7")
    expect(count_of(page, "Unhealthy")).to_have_text("3")
    expect(page.locator("#gauges .gauge").first).to_contain_text("1 over")

    publish(up, next_version())

    expect(page.locator("#status")).to_have_text("Stopped")
    expect(page.locator("#why")).to_contain_text("stopped before its first batch: 30 % unhealthy, limit 20 %")
    expect(page.locator("#steps")).to_contain_text(
        "30% of instances are in an unhealthy state, more than the threshold of 20%"
    )
    expect(page.locator("#why")).to_contain_text("Too many unhealthy: 30 % (3 of 10), limit 20 %. 1 more must")
    page.locator('#why [data-key="TooManyUnhealthy"]').click()
    expect(page.locator("#grid .cell:not(.dim)")).to_have_count(3)
    assert "reason=TooManyUnhealthy" in page.url

    up.manage("simulate", "pages/sick", "--heal", "1", "4", "7")
    expect(page.locator("#status")).to_have_text("Completed", timeout=60_000)


def test_the_server_restarts_in_mid_upgrade_and_nothing_is_missing(up: Installation, sign_in: SignIn) -> None:
    put_fleet(up, "pages/restart", 20, boot="2")
    page = sign_in(address("pages/restart"))
    expect(count_of(page, "Up to date")).to_have_text("20")
    publish(up, next_version())
    expect(page.locator("#rail .is-now")).to_be_visible()

    up.kill(up.server)

    expect(page.locator("#feed")).not_to_have_attribute("data-feed", "live")
    expect(page.locator("#grid .cell")).to_have_count(20)  # never cleared
    expect(page.locator("#feed")).to_have_attribute("data-feed", "live")
    expect(page.locator("#status")).to_have_text("Completed", timeout=60_000)
    assert up.upgrade("pages/restart").status == UpgradeStatus.COMPLETED  # type: ignore[union-attr]
    expect(count_of(page, "Up to date")).to_have_text("20")
    instances = snapshot(page, "pages/restart")["instances"].values()
    assert shown(page) == {instance["name"]: "up to date" for instance in instances}


def test_viewers_see_disabled_controls_with_the_reason(ten: str, onlooker: str, sign_in: SignIn) -> None:
    page = sign_in(address(ten, "?open=2"), user=onlooker, password=PASSWORD)
    start = page.get_by_role("button", name="Start upgrade")
    expect(start).to_have_attribute("aria-disabled", "true")
    expect(start).to_have_accessible_description(re.compile("You have view-only access. To steer upgrades,"))
    expect(page.get_by_role("switch", name="Automatic upgrades")).to_have_attribute("aria-disabled", "true")
    opt_out = page.locator("#panel").get_by_role("button", name="Opt out…")
    expect(opt_out).to_have_accessible_description(re.compile("view-only access. To opt instances out"))
    opt_out.press("Enter")
    expect(page.locator("#panel").get_by_role("tooltip")).to_be_visible()
    expect(page.locator("#opt-out")).not_to_be_visible()
    refused = page.evaluate(
        """() => fetch(location.pathname + "start/", {method: "POST", headers: JSON.parse(document.body.getAttribute("hx-headers"))})
            .then(async (answer) => [answer.status, (await answer.json()).error.message])"""
    )
    assert refused[0] == 403
    assert "upgrades.change_scaleset" in refused[1]


def test_a_person_starts_and_cancels_an_upgrade(up: Installation, sign_in: SignIn) -> None:
    put_fleet(up, "pages/manual", 10, boot="3")
    page = sign_in(address("pages/manual"))
    switch = page.get_by_role("switch", name="Automatic upgrades")
    expect(switch).to_have_attribute("aria-checked", "true")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    publish(up, next_version())
    expect(count_of(page, "Pending")).to_have_text("10")
    expect(page.locator("#why")).to_contain_text("Automatic upgrades are off")

    agreed(page.locator("#why").get_by_role("button", name="Start upgrade"), "Start upgrade")
    expect(page.locator("#rail .is-now")).to_be_visible()
    agreed(page.get_by_role("button", name="Cancel"), "Cancel upgrade")

    expect(page.locator("#status")).to_have_text("Cancelled")
    upgrade = up.upgrade("pages/manual")
    assert upgrade and (upgrade.started_by_name, upgrade.cancel_requested_by) == ("admin", "admin")
    expect(page.locator("#start")).to_be_visible()


def test_a_refusal_is_said_in_words(up: Installation, ten: str, sign_in: SignIn) -> None:
    page = sign_in(address(ten, "?open=1"))
    page.get_by_role("button", name="Opt out…").click()
    form = page.locator("#opt-out")
    form.get_by_label("Reason, required").fill("x")
    form.locator("[name=ids]").evaluate("field => { field.value = '4711' }")
    form.get_by_role("button", name="Opt out").click()
    expect(form.locator(".problem")).to_contain_text("no instance 4711; its instances: 0 to 9")


def test_the_keyboard_goes_everywhere(ten: str, sign_in: SignIn) -> None:
    page = sign_in(address(ten))
    expect(page.locator("#grid .cell")).to_have_count(10)
    page.locator('#grid .cell[tabindex="0"]').focus()
    page.keyboard.press("PageDown")
    page.keyboard.press("End")
    page.keyboard.press("7")
    expect(cell(page, 7)).to_be_focused()
    page.keyboard.press("Space")
    expect(cell(page, 7)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#selection")).to_contain_text("1 instance selected")
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_contain_text("_7")
    expect(page.locator("#history li").first).to_be_visible()
    page.keyboard.press("o")
    expect(page.locator("#opt-out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#opt-out")).not_to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).not_to_be_visible()
    expect(cell(page, 7)).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator("#table tbody tr")).to_have_count(10)
    page.keyboard.press("/")
    page.keyboard.type("_7")
    expect(page.locator("#table tbody tr")).to_have_count(1)


def test_the_table_goes_out_as_csv(ten: str, sign_in: SignIn) -> None:
    page = sign_in(address(ten, "?table=1"))
    expect(page.locator("#table tbody tr")).to_have_count(10)
    page.get_by_role("button", name="Instance", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0] == '"instance","state","health","batch","zone","image_version","health_began_at"'
    assert [line.split(",")[0] for line in lines[1:]] == [json.dumps(f"{ten.split('/')[1]}_{n}") for n in range(10)]


def test_a_server_that_halts_makes_the_board_stale(up: Installation, ten: str, sign_in: SignIn) -> None:
    page = sign_in(address(ten))
    expect(page.locator("#feed")).to_have_attribute("data-feed", "live")
    daphne = up.children()[up.server]
    daphne.suspend()
    try:
        expect(page.locator("body")).to_have_class("stale")
        expect(page.locator("#feed")).to_contain_text("Stale since")
    finally:
        daphne.resume()
    expect(page.locator("#feed")).to_have_attribute("data-feed", "live")
