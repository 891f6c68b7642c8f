"""In a real browser: what cannot be taken back asks first, and says what would follow; what has just appeared takes no click."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PASSWORD, SignIn
from tests.browser.test_access import assert_accessible
from tests.browser.test_scale_set import address, agree, cell, count_of, os_disks
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import Installation
from tests.stories import FIRST_VERSION, WINDOWS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PATH = "actions/ten"


@pytest.fixture(scope="module")
def ten(up: Installation) -> str:
    put_fleet(up, PATH, 10, boot="3")
    return PATH


def selected(page: Page, count: int) -> list[int]:
    """Their numbers, as soon as there are so many."""
    marked = page.locator('#grid .cell[aria-selected="true"]')
    expect(marked).to_have_count(count)
    labels: list[str] = marked.evaluate_all("cells => cells.map(cell => cell.ariaLabel)")
    return [int(label.split(",")[0].rpartition("_")[2]) for label in labels]


def middle(locator: Locator) -> tuple[float, float]:
    box = locator.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_ending_the_opt_out_of_another_asks_and_can_be_taken_back(up: Installation, ten: str, sign_in: SignIn) -> None:
    """F1: whose it is, why, what would be upgraded; for ten seconds nothing is begun, and an undo leaves all as it was."""
    up.manage("opt_out", ten, "3", "--reason", "holds sessions")
    version = next_version()
    publish(up, version)
    up.wait_ended(ten, version)  # by its version: the page may still say of the upgrade before that it is completed
    page = sign_in(address(ten, "?open=3"))
    expect(page.locator("#status")).to_have_text("Completed")
    before = os_disks(up, ten)["3"]

    page.locator("#panel").get_by_role("button", name="Opt in again").click()
    dialog = page.locator("#confirm")
    expect(dialog).to_contain_text(re.compile(r"ten_3, opted out by .* until .*: holds sessions"))
    expect(dialog).to_contain_text(re.compile(r"1 instance would be upgraded to .*, in 1 batch\."))
    assert_accessible(page)
    agree(page, "Opt in again")
    expect(page.get_by_role("status").filter(has_text="Nothing starts for 10 s.")).to_be_visible()
    page.get_by_role("status").get_by_role("button", name="Undo").click()

    expect(page.get_by_role("status").filter(has_text="stays opted out")).to_be_visible()
    expect(cell(page, 3)).to_have_attribute("data-state", "opted-out")
    expect(page.locator("#panel")).to_contain_text("holds sessions")
    assert os_disks(up, ten)["3"] == before
    up.manage("opt_in", ten, "3", "--yes")
    expect(count_of(page, "Up to date")).to_have_text("10", timeout=90_000)


def test_restoring_a_version_asks_and_lists_the_affected_scale_sets(
    up: Installation, ten: str, sign_in: SignIn
) -> None:
    up.manage("withdraw_image", *WINDOWS, FIRST_VERSION, "--reason", "it panics")
    page = sign_in("/images/")
    restore = page.get_by_role("button", name=re.compile(f"^Restore version {FIRST_VERSION} of {':'.join(WINDOWS)}$"))
    folded = page.get_by_role("button", name=re.compile(r"^All \d+ versions$"))  # where many have been published
    expect(restore.or_(folded).first).to_be_visible()
    if not restore.is_visible():
        folded.click()
    restore.click()
    dialog = page.locator("#confirm")
    expect(dialog).to_contain_text(f"Restore {FIRST_VERSION} of {':'.join(WINDOWS)}?")
    expect(dialog).to_contain_text("it panics")
    assert_accessible(page)
    agree(page, "Restore")
    expect(page.get_by_role("status").filter(has_text=f"{FIRST_VERSION} is restored.")).to_be_visible()
    expect(restore).to_have_count(0)


def test_a_start_that_would_do_nothing_is_off_and_says_why(ten: str, sign_in: SignIn) -> None:
    page = sign_in(address(ten))
    start = page.locator("#start")
    expect(start).to_have_accessible_description(re.compile("All instances run"))
    start.click(force=True)
    start.press("Enter")
    expect(page.locator("#confirm")).not_to_be_visible()
    expect(page.locator("#cancel")).to_have_accessible_description("No upgrade is running.")
    refused = page.evaluate("() => fetch(`${location.pathname}would/start/`).then((answer) => answer.json())")
    assert (refused["possible"], refused["batches"]) == (False, [])


def test_controls_keep_their_places_and_a_second_click_begins_nothing(up: Installation, sign_in: SignIn) -> None:
    """F2, F3: the pixel of Cancel never becomes another control; two clicks in a row are one question."""
    put_fleet(up, "actions/places", 10, boot="6")
    page = sign_in(address("actions/places"))
    page.get_by_role("switch", name="Automatic upgrades").click()
    expect(page.get_by_role("switch", name="Automatic upgrades")).to_have_attribute("aria-checked", "false")
    publish(up, next_version())
    start = page.locator("#start")
    expect(start).to_have_attribute("aria-disabled", "false")
    places = {id: middle(page.locator(f"#{id}")) for id in ("start", "pause", "resume", "cancel", "extensions")}

    start.click()
    expect(page.locator("#confirm")).to_contain_text("10 instances would be upgraded to")
    expect(page.locator("#confirm .outline li")).to_have_count(5)
    page.locator("#confirm-do").evaluate("button => { button.click(); }")
    assert up.upgrade("actions/places") is None or up.upgrade("actions/places").ended_at  # type: ignore[union-attr]
    agree(page, "Start upgrade")
    expect(page.locator("#rail .is-now")).to_be_visible()
    assert {id: middle(page.locator(f"#{id}")) for id in places} == places

    page.locator("#cancel").dblclick()
    expect(page.locator("#confirm")).to_contain_text(re.compile("is finished first|No batch is in progress"))
    agree(page, "Cancel upgrade")
    said = re.compile(r"Upgrade of places cancelled|Cancelling the upgrade of places after batch 1\.")
    expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
    expect(page.locator("#status")).to_have_text("Cancelled")
    assert {id: middle(page.locator(f"#{id}")) for id in places} == places


def test_instances_are_selected_with_the_mouse(up: Installation, sign_in: SignIn) -> None:
    """F14: Ctrl, Shift, a drag, all that match; one form opts them out, one question opts them in."""
    put_fleet(up, "actions/picked", 20)
    page = sign_in(address("actions/picked"))
    expect(count_of(page, "Up to date")).to_have_text("20")
    cell(page, 2).click(modifiers=["Control"])
    cell(page, 5).click(modifiers=["Shift"])
    assert selected(page, 4) == [2, 3, 4, 5]
    cell(page, 3).click(modifiers=["Control"])
    assert selected(page, 3) == [2, 4, 5]
    page.mouse.move(*middle(cell(page, 8)))
    page.mouse.down()
    page.mouse.move(*middle(cell(page, 11)), steps=8)
    page.mouse.up()
    assert selected(page, 4) == [8, 9, 10, 11]
    expect(page.locator("#panel")).not_to_be_visible()
    assert "selected=8-11" in page.url


def test_a_single_form_serves_all_selected_scale_sets(up: Installation, sign_in: SignIn) -> None:
    """F14: all that match a filter are selected at once; F9: there is no upgrade that the opt-outs could end with."""
    put_fleet(up, "actions/many", 20)
    page = sign_in(address("actions/many", "?selected=8-11"))
    expect(count_of(page, "Up to date")).to_have_text("20")
    page.locator("#selection").get_by_role("button", name="Opt out…").click()
    dialog = page.get_by_role("dialog", name="Opt 4 instances out")
    dialog.get_by_label("Reason, required").fill("a migration")
    expect(dialog.get_by_label(re.compile("An upgrade to this version is complete"))).to_be_disabled()
    dialog.get_by_role("button", name="Opt out").click()
    expect(count_of(page, "Opted out")).to_have_text("4")
    page.locator("#legend button", has_text="Opted out").click()
    expect(page.locator("#matching")).to_contain_text("4 of 20 shown")
    page.get_by_role("button", name="Select the 4").click()
    page.locator("#selection").get_by_role("button", name="Opt in 4").click()
    expect(count_of(page, "Opted out")).to_have_text("0", timeout=60_000)
    page.get_by_role("button", name="Clear filter").click()
    page.locator(".segments label", has_text="Table").click()
    page.get_by_label("Select many_1", exact=True).check()
    page.get_by_label("Select many_3", exact=True).click(modifiers=["Shift"])
    expect(page.locator("#selection")).to_contain_text("instances selected")
    assert_accessible(page)


def test_the_address_holds_the_viewers_choices_and_the_back_button_undoes_them(ten: str, sign_in: SignIn) -> None:
    """F17: filter, health, group, colours, selection."""
    page = sign_in(address(ten))
    expect(page.locator("#grid .cell")).to_have_count(10)
    page.locator(".segments label", has_text="Version").click()
    page.locator(".segments label", has_text="Health").click()
    page.locator('#legend [data-key="healthy"]').wait_for()
    page.locator('#legend [data-key="unhealthy"]').click()
    expect(page.locator("#matching")).to_contain_text("0 of 10 shown")
    assert {"group=version", "by=health", "health=unhealthy"} <= set(page.url.partition("?")[2].split("&"))
    page.reload()
    expect(page.locator("#matching")).to_contain_text("0 of 10 shown")
    expect(page.locator('input[name="by"][value="health"]')).to_be_checked()
    page.go_back()
    expect(page.locator("#matching")).to_contain_text("10 instances")
    page.go_back()
    page.go_back()
    expect(page.locator('input[name="group"][value="batch"]')).to_be_checked()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_viewers_see_every_control_off(
    ten: str, onlooker: str, sign_in: Callable[..., Page], dark: bool, width: int
) -> None:
    page = sign_in(address(ten, "?selected=1-3"), user=onlooker, password=PASSWORD, dark=dark, width=width)
    expect(page.locator("#grid .cell")).to_have_count(10)
    for button in page.locator("#controls .button, #selection .button:not(.plain)").all():
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_accessible_description(re.compile("view-only access"))
    assert_accessible(page)
