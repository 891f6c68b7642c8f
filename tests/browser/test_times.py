"""One time format and one zone on all pages: the viewer's."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn
from tests.end_to_end.installation import LIVE, Installation
from upgrades.admin.base import now
from upgrades.models import FleetStop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
ZONE = ZoneInfo("Asia/Kolkata")
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def test_a_time_is_typed_and_read_in_the_viewers_zone(up: Installation, sign_in: SignIn) -> None:
    until = now().replace(second=0, microsecond=0) + timedelta(days=3)
    typed = until.astimezone(ZONE)
    page = sign_in("/admin/upgrades/fleetstop/add/", zone=ZONE.key)
    expect(page.locator(".help .zone")).to_have_text("GMT+5:30")
    page.get_by_label("Reason").fill("a bad image is out")
    page.get_by_label("Until").fill(f"{typed:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Save", exact=True).first.click()
    expect(page.locator("li.success")).to_be_visible()
    assert FleetStop.objects.using(LIVE).latest("pk").until == until

    said = f"{typed:%Y-%m-%d %H:%M:%S}"
    expect(page.locator(".fleet-stop")).to_contain_text(f"until {said} GMT+5:30")
    page.goto("/audit/")
    entry = page.locator(".trail tbody > tr", has_text="Stopped all automatic upgrades").first
    expect(entry.locator("time")).to_have_text(re.compile(f"^{MOMENT}$"))
    expect(entry.locator(".what")).to_contain_text(f"until {said} GMT+5:30: a bad image is out")
    expect(page.get_by_text(re.compile(f"{MOMENT} UTC"))).to_have_count(0)
    up.manage("end_fleet_stop")
