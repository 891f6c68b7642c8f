"""The pages: who may look, what they say, and that they ask the database little."""

import re
from datetime import datetime

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard.content_policy import POLICY
from dashboard.rights import RIGHTS
from tests.dashboard.people import HERE, SKU, text, with_rights
from tests.stories import NOW, a_batch, a_scale_set, publish
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.upgrades import start
from upgrades.core.states import Health, InstanceUpgradeState
from upgrades.feed.writing import writing
from upgrades.models import ImageSku, ImageVersion, ScaleSet, Transition

PAGES = ["/", "/images/", "/wallboards/", "/images/skus/", HERE, f"{HERE}instances/0/history/", f"{HERE}checks/"]
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|javascript:|<script(?![^>]*\ssrc=)[^>]*>(?!\s*</script>)")

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", PAGES)
def test_pages_require_signing_in(client: Client, path: str) -> None:
    a_scale_set(instances=1)
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={path}")


@pytest.mark.parametrize("path", PAGES)
def test_pages_open_and_keep_to_the_policy(ada: Client, path: str) -> None:
    a_scale_set(instances=2)
    answer = ada.get(path)
    assert not INLINE.search(text(answer)), INLINE.search(text(answer))
    assert answer["Content-Security-Policy"] == POLICY
    assert ada.post(path).status_code == 405


@pytest.mark.parametrize("path", [HERE, f"{HERE}instances/0/history/"])
def test_an_unknown_scale_set_is_not_found(ada: Client, path: str) -> None:
    assert ada.get(path).status_code == 404
    a_scale_set(instances=1)
    assert ada.get(path.replace("fleet/web", "Fleet/WEB")).status_code == 200


@pytest.mark.parametrize(("path", "says"), [(HERE, "Nothing was found at this address"), ("/nowhere/at/all", "")])
def test_missing_pages_have_our_own_error_page(ada: Client, path: str, says: str) -> None:
    answer = ada.get(path)
    page = answer.content.decode()
    assert (answer.status_code, says in page) == (404, True)
    assert not INLINE.search(page)


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500", "503"])
def test_error_pages_need_nothing(name: str) -> None:
    """Not even a request: the 500 page is drawn when much is broken."""
    page = render_to_string(f"{name}.html")
    assert "Rollgrid" in page and "<h1>" in page and not INLINE.search(page)
    assert f'href="{reverse("fleet")}"' in page, "there is a way back"


def a_fleet(names: str) -> None:
    """Scale sets with an upgrade, someone unhealthy and someone opted out."""
    for name in names:
        row = a_scale_set(name, instances=4)
        sicken(row, 3)
        opt_out(str(row), ["2"], reason="why", owner="me", now=NOW)
    publish(f"1.0.{len(ImageVersion.objects.all())}")
    for name in names:
        a_batch(start(f"fleet/{name}", "me", NOW), {0: InstanceUpgradeState.FAILED, 1: InstanceUpgradeState.UPGRADING})


def sicken(row: ScaleSet, number: int, now: datetime = NOW, health: Health = Health.UNHEALTHY) -> None:
    with writing(now, row.pk) as writer:
        instance = writer.scale_set.instances.get(number=number)
        instance.health = health
        instance.save(update_fields=["health"])
        writer.changed(instance)


@pytest.mark.parametrize(("path", "most"), [("/", 6), ("/images/", 14), ("/images/skus/", 11)])
def test_queries_do_not_grow_with_the_fleet(ada: Client, path: str, most: int) -> None:
    a_fleet("ab")
    few = queries(ada, path)
    a_fleet("cdefg")
    assert queries(ada, path) == few <= most


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        text(client.get(path))
    return len(caught)


# --- fleet ------------------------------------------------------------------------------------------------------------


def test_the_fleet_names_its_scale_sets_before_any_script_runs(ada: Client) -> None:
    a_scale_set("web", instances=1)
    a_scale_set("api", instances=1, automatic=False)
    page = text(ada.get("/"))
    assert 'data-sets="fleet/api,fleet/web"' in page
    assert page.index('href="/scale-sets/fleet/api/"') < page.index(f'href="{HERE}"')
    assert re.findall(r'aria-label="Automatic upgrades of (\w+)" aria-checked="(\w+)"', page) == [
        ("api", "false"),
        ("web", "true"),
    ]


def test_an_empty_fleet_says_how_to_begin(ada: Client) -> None:
    assert "manage.py demo" in text(ada.get("/"))
    assert re.search(r'id="none">', text(ada.get("/")))
    a_scale_set(instances=1)
    assert re.search(r'id="none" hidden>', text(ada.get("/")))


@pytest.mark.parametrize("only", ["latest", "moving", "bad", "out", "needs"])
def test_headline_numbers_are_links_that_filter(ada: Client, only: str) -> None:
    a_scale_set(instances=1)
    page = text(ada.get(f"/?only={only}"))
    assert f'href="/?only={only}" data-act="only" data-key="{only}" aria-current="true"' in page
    assert page.count('aria-current="true"') == 1


@pytest.mark.parametrize(("path", "right"), [("/", "steer"), ("/images/", "publish"), (HERE, "steer")])
def test_a_control_without_the_right_is_off_with_its_reason(path: str, right: str) -> None:
    a_scale_set(instances=1)
    page = text(with_rights().get(path))
    assert 'aria-disabled="true"' in page and RIGHTS[right].why_not in page
    assert 'aria-disabled="true"' not in text(with_rights(*RIGHTS).get(path))


def test_each_control_that_is_off_says_its_own_reason() -> None:
    a_scale_set(instances=1)
    page = text(with_rights("opt_out").get(HERE))
    for name, right in RIGHTS.items():
        assert f'data-why-{name}="{right.why_not}"' in page


def test_the_history_of_an_instance_is_shown(ada: Client) -> None:
    row = a_scale_set(instances=2)
    assert "No events yet." in text(ada.get(f"{HERE}instances/7/history/"))
    assert ada.get(f"{HERE}instances/{10**20}/history/").status_code == 404
    sicken(row, 1)
    opt_out(str(row), ["1"], reason="<b>payroll</b>", owner="me", now=NOW)
    page = text(ada.get(f"{HERE}instances/1/history/"))
    assert "Opted out by me: &lt;b&gt;payroll&lt;/b&gt;" in page and page.count("<li>") == 3
    assert "<span>Unhealthy " in page and "<span>," not in page


def test_a_state_is_written_in_words(ada: Client) -> None:
    row = a_scale_set(instances=1)
    Transition.objects.create(scale_set=row, seq=9, at=NOW, instance_number=0, state="rolled_back", health="healthy")
    page = text(ada.get(f"{HERE}instances/0/history/"))
    assert "Rolled back, healthy" in page and "olled_back" not in page


# --- images -----------------------------------------------------------------------------------------------------------


def test_images_list_the_newest_version_first_with_its_users(ada: Client) -> None:
    publish("16.04.9")
    publish("16.04.10", locations=["eastus"])
    a_scale_set("web", instances=3, version="16.04.9")
    page = text(ada.get("/images/skus/"))
    section = page[page.index(f'data-sku="{SKU.lower()}"') :].partition("</section>")[0]
    assert re.findall(r'data-version="([^"]+)"', section) == ["16.04.10", "16.04.9", "0.0.1"]
    assert re.findall(r'data-count="(\d+)"', section) == ["0", "3", "0"]
    assert ">eastus</span>" in section and section.count(">all</span>") == 2
    assert 'data-latest="16.04.10" data-next="16.04.11"' in section
    assert f'<a href="{HERE}" title="fleet/web">web</a>' in section


def test_an_image_without_versions_and_a_catalogue_without_images(ada: Client) -> None:
    ImageVersion.objects.all().delete()
    assert text(ada.get("/images/")).count("No version is published yet") == ImageSku.objects.count()
    ImageSku.objects.all().delete()
    assert "An administrator can add a SKU." in text(ada.get("/images/"))
