"""What pages of the admin say, and where: moments, the banner of a fleet stop, Save, documents, how upgrades ended."""

import re

import pytest
from django.apps import apps
from django.test import Client

from tests.admin.people import page
from tests.admin.test_pages import a_fleet
from tests.stories import NOW, a_scale_set
from upgrades.admin.base import now
from upgrades.commands.fleet_stops import stop_fleet
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.core.states import StartedBy, UpgradeStatus
from upgrades.models import RollingUpgrade, ScaleSet

pytestmark = pytest.mark.django_db


def test_moments_have_seconds_and_a_zone(ada: Client) -> None:
    a_fleet("a", instances=4)
    for path in ("auditentry/", "transition/", "optout/", "rollingupgrade/", "imageversion/"):
        shown = page(ada, path)
        assert f"{NOW:%Y-%m-%d %H:%M:%S} UTC" in shown, path
        assert "a.m." not in shown and "p.m." not in shown, path


def test_every_page_says_that_the_fleet_is_stopped(ada: Client) -> None:
    a_scale_set()
    paths = ["", "scaleset/", f"scaleset/{ScaleSet.objects.get().pk}/change/", "imageversion/add/", "auditentry/"]
    for path in paths:
        assert "All automatic upgrades are stopped" not in page(ada, path)
    stop_fleet(reason="a <b>storm</b>", owner="eve", now=now())
    for path in paths:
        shown = page(ada, path)
        assert "<b>All automatic upgrades are stopped</b> by eve since" in shown, path
        assert "a &lt;b&gt;storm&lt;/b&gt;" in shown, path


@pytest.mark.parametrize("what", ["scaleset", "loadbalancer", "location", "imagesku"])
def test_save_stands_above_the_form_too(ada: Client, what: str) -> None:
    a_scale_set()
    put_load_balancer("fleet/lb", {"location": "westus"}, NOW)
    row = apps.get_model("upgrades", what).objects.first()
    assert row
    shown = page(ada, f"{what}/{row.pk}/change/")
    assert shown.index('name="_save"') < shown.index("<fieldset"), "it is seen without scrolling"
    assert shown.count('name="_save"') == 2


def test_long_documents_are_folded_away(ada: Client) -> None:
    row = a_scale_set()
    shown = page(ada, f"scaleset/{row.pk}/change/")
    assert re.search(r"<details><summary>\d+ lines</summary><pre", shown)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (UpgradeStatus.COMPLETED, "Completed: upgraded to 1.0.0 by me. 1 failed, 1 in progress, 1 not started."),
        (UpgradeStatus.CANCELLED, "Cancelled: upgrade to 1.0.0 by me. "),
        (UpgradeStatus.FAULTED, "Upgrade to 1.0.0 failed. "),
    ],
)
def test_the_end_of_an_upgrade_is_shown_in_words(ada: Client, status: UpgradeStatus, words: str) -> None:
    a_fleet("a", instances=4)
    RollingUpgrade.objects.update(status=status, ended_at=NOW)
    assert words in page(ada, f"rollingupgrade/{RollingUpgrade.objects.get().pk}/change/")
    RollingUpgrade.objects.update(started_by=StartedBy.PLATFORM)
    if status is UpgradeStatus.COMPLETED:
        assert "upgraded to 1.0.0 automatically" in page(
            ada, f"rollingupgrade/{RollingUpgrade.objects.get().pk}/change/"
        )
