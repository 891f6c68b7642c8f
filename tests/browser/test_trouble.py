"""The pages when something is slow, goes, or is done by keyboard only: nothing is lost, least of all the place where one was."""

import json
import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission, User
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PASSWORD, SignIn
from tests.browser.test_scale_set import address, agreed, cell
from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import LIVE, Installation
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SETS = ["trouble/a", "trouble/b", "trouble/c"]


@pytest.fixture(scope="module", autouse=True)
def fleets(up: Installation) -> None:
    for path in SETS:
        put_fleet(up, path, 5)


@pytest.fixture
def halfway(up: Installation) -> Iterator[str]:
    """Somebody who may opt instances out, not in again."""
    user = User(username="halfway", password=make_password(PASSWORD))
    user.save(using=LIVE)
    right = Permission.objects.using(LIVE).get(codename="add_optout")
    User.user_permissions.through.objects.using(LIVE).create(user=user, permission=right)
    yield user.username
    User.objects.using(LIVE).filter(pk=user.pk).delete()


def ready(page: Page) -> Page:
    expect(page.locator("#grid .cell").first).to_be_attached()
    expect(page.locator("#legend b").first).to_be_attached()
    return page


def _pending(page: Page) -> bool:
    """Lets the page do all that it has at hand: what answers set off comes before a timer that is set now."""
    return bool(page.evaluate("() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => done(true))))"))


def test_a_slow_server_loses_no_act(up: Installation, sign_in: SignIn) -> None:
    """Three switches are turned before the first answer comes."""
    page = sign_in("/")
    held: list[Route] = []
    page.route("**/automatic/", lambda route: held.append(route))
    for path in SETS:
        switch = page.locator(f'tr[data-key="{path}"]').get_by_role("switch")
        expect(switch).to_have_attribute("aria-checked", "true")
        switch.click()
        switch.click()  # in vain: it is asked already
    wait_until(lambda: _pending(page) and len(held) == len(SETS), what="they are all asked")
    for route in held:
        route.continue_()
    for path in SETS:
        expect(page.locator(f'tr[data-key="{path}"]').get_by_role("switch")).to_have_attribute("aria-checked", "false")
    assert len(held) == 3
    page.unroute("**/automatic/")
    for path in SETS:
        page.locator(f'tr[data-key="{path}"]').get_by_role("switch").click()
        expect(page.locator(f'tr[data-key="{path}"]').get_by_role("switch")).to_have_attribute("aria-checked", "true")


def test_a_switch_without_an_answer_can_be_turned_again(sign_in: SignIn) -> None:
    page = ready(sign_in(address(SETS[0])))
    page.route("**/automatic/", lambda route: route.fulfill(json={}))
    switch = page.get_by_role("switch", name="Automatic upgrades")
    switch.click()
    expect(switch).to_have_attribute("aria-busy", "true")
    expect(switch).not_to_have_attribute("aria-busy", "true", timeout=15_000)


def test_history_that_comes_late_is_not_shown_with_another_instance(sign_in: SignIn) -> None:
    page = ready(sign_in(address(SETS[0])))
    late: list[Route] = []
    page.route("**/instances/1/history/", lambda route: late.append(route))
    page.route("**/instances/2/history/", lambda route: route.fulfill(body="<p>of two</p>"))
    cell(page, 1).click()
    cell(page, 2).click()
    expect(page.locator("#history")).to_have_text("of two")
    with page.expect_request_finished(lambda request: "/instances/1/history/" in request.url):
        late[0].fulfill(body="<p>of one</p>")
    assert _pending(page)
    expect(page.locator("#history")).to_have_text("of two")


def test_the_panel_of_a_signed_out_tab_does_not_become_the_sign_in_page(sign_in: SignIn) -> None:
    page = ready(sign_in(address(SETS[0])))
    page.wait_for_load_state("networkidle")  # what it still fetches would tell it, and its controls be off
    page.context.clear_cookies(name="sessionid")
    cell(page, 1).click()
    expect(page.locator("#history")).to_have_text("Could not load.")
    page.get_by_role("switch", name="Automatic upgrades").click()
    expect(page.get_by_role("alert").filter(has_text="You are signed out.")).to_be_visible()


def test_a_scale_set_that_is_deleted_and_created_again(up: Installation, sign_in: SignIn) -> None:
    put_fleet(up, "trouble/gone", 3)
    page = ready(sign_in(address("trouble/gone")))
    cell(page, 1).click()
    page.keyboard.press("o")
    up.manage("delete_scale_set", "trouble/gone")
    expect(page.get_by_role("heading", name="This scale set is gone")).to_be_visible()
    expect(page.locator("#gone a")).to_be_focused()
    for key in ("t", "/", "Escape"):
        page.keyboard.press(key)
    put_fleet(up, "trouble/gone", 4)
    expect(page.locator("#grid .cell")).to_have_count(4)


def test_the_focus_stays_where_it_was_for_every_control_keeps_its_place(up: Installation, sign_in: SignIn) -> None:
    put_fleet(up, "trouble/focus", 5, boot="20")  # so that its first batch is still there when it is cancelled
    page = ready(sign_in(address("trouble/focus")))
    page.get_by_role("switch", name="Automatic upgrades").click()
    publish(up, next_version())
    expect(page.locator("#why")).to_contain_text("Automatic upgrades are off")
    agreed(page.locator("#start"), "Start upgrade")
    expect(page.locator("#rail .is-now")).to_be_visible()
    expect(page.locator("#start")).to_be_focused()  # off, in its place, and saying why
    expect(page.locator("#start")).to_have_accessible_description(re.compile("An upgrade to .* is running."))
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).not_to_be_visible()
    agreed(page.locator("#cancel"), "Cancel upgrade")
    expect(page.locator("#cancel")).to_have_accessible_description("Already requested.")
    expect(page.locator("#cancel")).to_be_focused()


def test_the_focus_follows_between_grid_and_table(sign_in: SignIn) -> None:
    page = ready(sign_in(address(SETS[0])))
    cell(page, 3).focus()
    page.keyboard.press("3")
    page.keyboard.press("t")
    expect(page.locator('#table [data-act="open"][data-key="3"]')).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_contain_text("_3")
    page.keyboard.press("Escape")
    expect(page.locator('#table [data-act="open"][data-key="3"]')).to_be_focused()
    page.keyboard.press("t")
    expect(cell(page, 3)).to_be_focused()


def test_keys_of_one_letter_can_be_kept_to_the_grid(sign_in: SignIn) -> None:
    """Who dictates, or leans on a key, does not turn the page over (WCAG 2.1.4)."""
    page = ready(sign_in(address(SETS[0])))
    page.keyboard.press("?")
    page.get_by_label("work anywhere on the page").uncheck()
    page.locator("#sheet").get_by_role("button", name="Close").click()
    page.reload()
    ready(page)
    page.locator("#automatic").focus()
    for key in ("t", "/", "?"):
        page.keyboard.press(key)
    expect(page.locator("#automatic")).to_be_focused()
    expect(page.locator("#sheet")).not_to_be_visible()
    expect(page.locator("#table")).not_to_be_visible()
    page.locator('#grid .cell[tabindex="0"]').focus()
    page.keyboard.press("t")
    expect(page.locator("#table tbody tr")).to_have_count(5)
    page.keyboard.press("?")
    expect(page.get_by_label("work anywhere on the page")).not_to_be_checked()
    page.get_by_label("work anywhere on the page").check()
    page.keyboard.press("Escape")
    page.locator("#automatic").focus()
    page.keyboard.press("t")
    expect(page.locator("#table")).not_to_be_visible()


def test_keys_before_the_page_can_answer_are_not_lost(sign_in: SignIn) -> None:
    """On a slow line, what people do comes after the cells: a key that is pressed between them is answered then."""
    page = sign_in("/")
    waiting: list[Route] = []
    page.route("**/scale-set-later*.js", lambda route: waiting.append(route))
    page.goto(address(SETS[0]))
    cell(ready(page), 2).focus()
    page.keyboard.press("Space")
    page.keyboard.press("?")
    wait_until(lambda: _pending(page) and bool(waiting), what="the script is asked for")
    for route in waiting:
        route.continue_()
    expect(page.locator("#sheet")).to_be_visible()
    expect(page.locator("#selection")).to_contain_text("1")


def test_enter_in_a_field_of_a_new_form_sends_it(sign_in: SignIn) -> None:
    """A button takes no click in its first moment, for it may be meant for what stood there before; Enter in a field is meant."""
    page = sign_in("/wallboards/")
    name = page.get_by_label("Name")
    send = page.get_by_role("button", name="Make the link")
    send.evaluate("button => void button.animate([{ pointerEvents: 'none' }, { pointerEvents: 'none' }], 600_000)")
    name.fill("canteen")
    name.press("Enter")
    expect(page.get_by_text("The link of canteen")).to_be_visible()


def test_a_selection_that_ends_gives_the_focus_back(sign_in: SignIn) -> None:
    page = ready(sign_in(address(SETS[0])))
    cell(page, 2).focus()
    page.keyboard.press("2")
    page.keyboard.press("Space")
    page.locator("#selection").get_by_role("button", name="Clear").press("Enter")
    expect(cell(page, 2)).to_be_focused()


def test_a_batch_in_the_rail_leads_to_its_group(up: Installation, sign_in: SignIn) -> None:
    version = next_version()
    publish(up, version)
    up.wait_ended(SETS[0], version)
    page = ready(sign_in(address(SETS[0])))
    expect(page.locator("#status")).to_have_text("Completed")
    page.locator(".segments label", has_text="Version").click()
    page.locator('#rail [data-key="2"]').click()
    expect(page.locator('.group[data-key="2"] .cell').first).to_be_focused()


def test_live_is_not_said_each_second(sign_in: SignIn) -> None:
    page = ready(sign_in(address(SETS[0])))
    assert page.locator("#feed").evaluate("chip => chip.closest('[aria-live], [role=status], [role=log]')") is None


def test_magnified_four_times_everything_can_be_done(sign_in: SignIn) -> None:
    page = ready(sign_in(address(SETS[0]), width=320, height=256))
    expect(page.get_by_role("button", name="Start upgrade")).to_be_visible()
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], wide


def test_opting_in_without_the_right_says_why_not(up: Installation, halfway: str, sign_in: SignIn) -> None:
    up.manage("opt_out", SETS[1], "1", "--reason", "<img src=x onerror=alert(1)> & =1+1")
    page = ready(sign_in(address(SETS[1], "?open=1"), user=halfway, password=PASSWORD))
    expect(page.locator("#panel")).to_contain_text("<img src=x onerror=alert(1)> & =1+1")
    button = page.locator("#panel").get_by_role("button", name="Opt in again")
    expect(button).to_have_accessible_description(re.compile("view-only access. To opt instances in again"))
    up.manage("opt_in", SETS[1], "1")


def test_addresses_that_make_no_sense_do_no_harm(sign_in: SignIn) -> None:
    page = sign_in("/?only=__proto__")
    expect(page.locator("#figures [data-key=all] .number")).to_have_text(re.compile(r"\d"))
    page.goto(address(SETS[0], "?state=nonsense&open=99&q="))
    ready(page)
    expect(page.locator("#grid .cell:not(.dim)")).to_have_count(5)


def test_signing_out_in_one_tab_ends_the_feed_in_all(up: Installation, sign_in: SignIn) -> None:
    page = ready(sign_in(address(SETS[2])))
    expect(page.locator("#feed")).to_have_attribute("data-feed", "live")
    other = page.context.new_page()
    other.goto("/images/")
    other.get_by_role("button", name="Sign out").click()
    expect(page.locator("#feed")).to_have_attribute("data-feed", "signed-out")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    up.manage("opt_out", SETS[2], "1", "--reason", "Nobody is told")
    expect(cell(page, 1)).not_to_have_attribute("data-state", "opted-out")
    up.manage("opt_in", SETS[2], "1")


def test_the_page_of_a_scale_set_stays_live_without_web_sockets(up: Installation, sign_in: SignIn) -> None:
    page = sign_in("/")
    page.route_web_socket("**/ws/feed/**", lambda socket: socket.close())
    page.goto(address(SETS[2]))
    expect(page.locator("#feed")).to_have_attribute("data-feed", "polling")
    expect(page.locator("#grid .cell")).to_have_count(5)
    up.manage("opt_out", SETS[2], "1", "--reason", json.dumps({"why": "not"}))
    expect(cell(page, 1)).to_have_attribute("data-state", "opted-out")
    up.manage("opt_in", SETS[2], "1")


def test_the_fleet_page_finds_a_new_scale_set_without_web_sockets(up: Installation, sign_in: SignIn) -> None:
    page = sign_in("/")
    page.route_web_socket("**/ws/feed/**", lambda socket: socket.close())
    page.goto("/")
    expect(page.locator("#feed")).to_have_attribute("data-feed", "polling")
    put_fleet(up, "trouble/late", 2)
    expect(page.locator('#sets tr[data-key="trouble/late"] .n')).to_contain_text("2 / 2")
    up.manage("delete_scale_set", "trouble/late")
    expect(page.locator('#sets tr[data-key="trouble/late"]')).to_have_count(0)
