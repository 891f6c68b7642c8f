"""Why it waits and what lifts it, in a real browser: bad versions, bad machines, pauses, approvals, the fleet stop."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, SignIn
from tests.browser.test_access import assert_accessible
from tests.browser.test_scale_set import address, agree, agreed, cell, count_of
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import Installation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
STEERED = "steered/ten"
SLOW_MS = 90_000  # a swap, a wait for health in vain, and a swap back


def why(page: Page, text: str) -> None:
    expect(page.locator("#why")).to_contain_text(text)


def tried_in_vain(page: Page) -> None:
    expect(page.locator("#status")).to_have_text("Rolling forward")
    expect(page.locator("#status")).to_have_text("Stopped", timeout=SLOW_MS)


def test_a_bad_version_is_rolled_back_and_the_page_says_why_it_waits(up: Installation, sign_in: SignIn) -> None:
    """Tried again by hand, twice, it takes others first; then the version is suspected, and no machine is blamed."""
    bad = next_version()
    put_fleet(up, "steered/bad", 5, bad_versions=bad)
    page = sign_in(address("steered/bad"))
    expect(count_of(page, "Up to date")).to_have_text("5")
    page.evaluate("window.isTheSamePage = true")

    publish(up, bad)

    expect(count_of(page, "Rolling back")).to_have_text("1", timeout=SLOW_MS)
    expect(page.locator("#status")).to_have_text("Stopped", timeout=SLOW_MS)
    expect(cell(page, 0)).to_have_attribute("data-state", "rolled-back")
    expect(count_of(page, "Held")).to_have_text("4")
    why(page, "failed. Retries at")
    left = page.locator("#why [data-until]").first
    expect(left).to_have_text(re.compile(r"^\d+ m \d+ s$"))
    expect(left).not_to_have_text(left.inner_text())  # it counts down
    cell(page, 0).click()
    expect(page.locator("#panel")).to_contain_text("has its old OS disk again")
    expect(page.locator("#panel")).to_contain_text("Why not now")

    agreed(page.locator("#panel").get_by_role("button", name="Retry now"), "Retry now")
    tried_in_vain(page)
    agreed(page.locator("#retry"), "Retry now")
    tried_in_vain(page)
    why(page, f"{bad} failed on 3 of 3 instances that tried it: the version is suspected, not the machines.")
    for number in range(3):
        expect(cell(page, number)).to_have_attribute("data-state", "rolled-back")

    for dark in (False, True):
        reconciled_at = sign_in(address("steered/bad", "?open=0"), dark=dark)
        expect(reconciled_at.locator("#panel")).to_contain_text("has its old OS disk again")
        assert_accessible(reconciled_at)
    assert page.evaluate("window.isTheSamePage")


def test_a_machine_that_fails_where_others_succeed_is_quarantined_until_it_is_released(
    up: Installation, sign_in: SignIn
) -> None:
    """On three versions, one after the other: it is to blame, and left alone. Mended and released it is upgraded with the rest."""
    path = "steered/lemon"
    put_fleet(up, path, 5, rolling={"maxBatchInstancePercent": 100})
    up.manage("simulate", path, "--sick", "4")
    for _ in range(3):
        version = next_version()
        publish(up, version)
        up.wait_ended(path, version, seconds=SLOW_MS / 1000)
    page = sign_in(address(path, "?open=4"))
    expect(cell(page, 4)).to_have_attribute("data-state", "quarantined")
    expect(count_of(page, "Up to date")).to_have_text("4")
    expect(page.locator("#panel")).to_contain_text("Quarantine")
    assert_accessible(page)

    up.manage("simulate", path, "--heal", "4")
    agreed(page.locator("#panel").get_by_role("button", name="Release"), "Release")

    expect(cell(page, 4)).to_have_attribute("data-state", "done", timeout=SLOW_MS)
    expect(page.locator("#panel #history")).to_contain_text("Released by admin.")
    expect(page.locator("#panel").get_by_role("button", name="Release")).not_to_be_visible()


def test_a_deferred_upgrade_waits_until_its_instances_are_approved(
    up: Installation, onlooker: str, sign_in: SignIn
) -> None:
    """A-24: those that are selected, then all that are left."""
    put_fleet(up, "steered/deferred", 5, deferred=True)
    page = sign_in(address("steered/deferred"))
    expect(count_of(page, "Up to date")).to_have_text("5")
    version = next_version()
    publish(up, version)
    expect(page.locator("#status")).to_have_text("Waiting for approval")
    expect(count_of(page, "Held")).to_have_text("5")
    why(page, f"5 instances are waiting for approval of the upgrade to {version}.")
    other = sign_in(address("steered/deferred"), user=onlooker, password=PASSWORD, dark=True)
    refused = other.locator("#why").get_by_role("button", name="Approve 5")
    expect(refused).to_have_accessible_description(re.compile("view-only access. To steer upgrades"))
    assert_accessible(other)

    cell(page, 0).focus()
    for key in ("ArrowRight", "Space", "ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    agreed(page.locator("#selection").get_by_role("button", name="Approve 2"), "Approve")

    for number in (1, 3):
        expect(cell(page, number)).to_have_attribute("data-state", "done", timeout=SLOW_MS)
    expect(page.locator("#status")).to_have_text("Waiting for approval")
    expect(count_of(page, "Held")).to_have_text("3")
    cell(page, 0).click()
    expect(page.locator("#panel")).to_contain_text(f"Waiting for approval of the upgrade to {version}.")
    agreed(page.locator("#panel").get_by_role("button", name="Approve"), "Approve")
    expect(cell(page, 0)).to_have_attribute("data-state", "done", timeout=SLOW_MS)
    expect(page.locator("#panel #history")).to_contain_text(f"Approved for {version} by admin.")
    assert_accessible(page)

    agreed(page.locator("#approve"), "Approve")

    expect(page.locator("#status")).to_have_text("Completed", timeout=SLOW_MS)
    expect(count_of(page, "Up to date")).to_have_text("5")
    expect(page.locator("#approve")).to_have_accessible_description("Nothing waits for approval.")


@pytest.fixture(scope="module")
def steered(up: Installation) -> str:
    put_fleet(up, STEERED, 10, boot="2")
    return STEERED


def test_a_paused_upgrade_names_the_person_and_goes_on_when_resumed(
    up: Installation, steered: str, sign_in: SignIn
) -> None:
    page = sign_in(address(steered))
    expect(count_of(page, "Up to date")).to_have_text("10")
    publish(up, next_version())
    expect(page.locator("#rail .is-now")).to_be_visible()
    expect(page.locator("#steps")).to_contain_text("20 % of 10 is 2, so at most 2.")
    following = page.get_by_role("button", name="Next batch now")
    expect(following).to_have_accessible_description("A batch is in progress.")

    page.locator("#pause").click()

    expect(page.locator("#pause")).to_have_accessible_description("Already paused by admin.")
    expect(page.locator("#pause")).to_be_focused()
    expect(page.locator("#status")).to_have_text("Paused")
    why(page, "Paused by admin, until somebody resumes it.")
    waiting = page.locator('#why [data-key="WaitsForItsTurn"]')
    count = int(waiting.inner_text().removeprefix("See the "))
    waiting.click()
    shown = page.locator("#grid .cell:not(.dim)")
    expect(shown).to_have_count(count)
    assert "reason=WaitsForItsTurn" in page.url
    page.locator("#why").get_by_role("button", name="Show all").click()
    expect(shown).to_have_count(10)

    agreed(page.locator("#why").get_by_role("button", name="Resume"), "Resume")

    expect(page.locator("#status")).to_have_text("Completed", timeout=SLOW_MS)
    expect(page.locator("#retry")).to_have_accessible_description("Nothing to retry.")


def test_a_fleet_stop_holds_all_until_it_is_ended(up: Installation, steered: str, sign_in: SignIn) -> None:
    page, other, images = sign_in("/"), sign_in(address(steered), dark=True), sign_in("/images/")
    expect(page.locator("#sets canvas").first).to_be_visible()
    page.get_by_role("button", name="Stop all automatic upgrades").click()
    dialog = page.get_by_role("dialog", name="Stop all automatic upgrades")
    dialog.get_by_role("button", name="Stop all").click()  # in vain: without a reason
    assert_accessible(page)
    dialog.get_by_label("Reason, required").fill("A bad image is out")
    dialog.get_by_role("button", name="Stop all").click()

    for shown_page in (page, other, images):
        banner = shown_page.get_by_role("region", name="All automatic upgrades are stopped")
        expect(banner).to_contain_text(re.compile(r"by admin since .*, until .*: A bad image is out"))
        assert_accessible(shown_page)
    expect(page.locator("#fleet-stop-control")).to_have_accessible_description(re.compile("Already stopped"))
    publish(up, next_version())
    why(other, "All automatic upgrades are stopped by admin")
    expect(count_of(other, "Held")).to_have_text("10")
    expect(page.locator(f'tr[data-key="{steered}"] .run')).to_contain_text("Automatic upgrades are stopped")

    other.locator("#fleet-stop").get_by_role("button", name="Resume automatic upgrades").click()
    expect(other.locator("#confirm")).to_contain_text("can start or continue at once")
    agree(other, "Resume automatic upgrades")

    for shown_page in (page, other, images):
        expect(shown_page.locator("#fleet-stop")).not_to_be_visible()
    expect(other.locator("#status")).to_have_text("Completed", timeout=SLOW_MS)


def test_viewers_read_why_they_can_steer_nothing(steered: str, onlooker: str, sign_in: SignIn) -> None:
    page = sign_in(address(steered), user=onlooker, password=PASSWORD)
    stop = page.get_by_role("button", name="Stop all automatic upgrades")
    expect(stop).to_have_accessible_description(re.compile("view-only access. To stop all automatic upgrades"))
    stop.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
