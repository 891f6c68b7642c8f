"""All pages of the admin: they open, keep to the policy of what may be loaded, ask few questions, and the readable ones only read."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard.content_policy import POLICY
from tests.admin.people import Admitting, act, page
from tests.stories import NOW, a_batch, a_scale_set, nothing_changes, publish
from upgrades.commands.access import create_client
from upgrades.commands.fleet_stops import stop_fleet
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.steering import pause
from upgrades.commands.upgrades import start
from upgrades.commands.wallboard_links import create_link
from upgrades.core.states import InstanceUpgradeState
from upgrades.models import ApiClient, Batch, ImageSource, Instance, InstanceUpgrade, RollingUpgrade, Transition

OURS = [model for model in admin.site._registry if model._meta.app_label == "upgrades"]
READ_ONLY = ["apiclient", "instance", "optout", "rollingupgrade", "instanceupgrade", "transition"]
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|javascript:|<script(?![^>]*\ssrc=)[^>]*>(?!\s*</script>)")

pytestmark = pytest.mark.django_db


def a_fleet(names: str = "ab", instances: int = 3) -> None:
    """Something of everything."""
    stop_fleet(reason="why", owner="me", now=NOW)
    put_load_balancer("fleet/lb", {"location": "westeurope"}, NOW)
    create_client("pipeline", ApiClient.Role.ADMIN, NOW)
    create_link("lobby", "ada", NOW)
    sets = [a_scale_set(name, instances=instances) for name in names]
    publish("1.0.0")
    ImageSource.objects.create(name="debian", kind="directory", root="/srv/images", sku=sets[0].sku)
    for row in sets:
        upgrade = start(str(row), "me", NOW)
        a_batch(upgrade, {0: InstanceUpgradeState.FAILED, 1: InstanceUpgradeState.UPGRADING})
        opt_out(str(row), ["2"], reason="why", owner="me", now=NOW)


def everywhere() -> list[str]:
    """Each list, and the page of one row of it."""
    paths = [reverse("admin:index"), reverse("admin:password_change")]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        paths.append(reverse(f"{name}_changelist"))
        row = model._default_manager.first()
        if row is not None:
            paths.append(reverse(f"{name}_change", args=[row.pk]))
    return paths


def test_every_page_opens_and_keeps_to_the_policy(ada: Client) -> None:
    a_fleet()
    adding = [
        f"/admin/upgrades/{name}/add/"
        for name in ("imagesku", "imageversion", "imagesource", "location", "loadbalancer", "fleetstop")
    ]
    asking = act(ada, "scaleset/", "delete_scale_sets", 1, select_across="1")
    answers = [asking, *(ada.get(path) for path in [*everywhere(), *adding, "/admin/auth/user/add/"])]
    for answer in answers:
        where = answer.request["PATH_INFO"]
        assert answer.status_code == 200, where
        assert answer["Content-Security-Policy"] == POLICY
        assert not INLINE.search(answer.content.decode()), (where, INLINE.search(answer.content.decode()))


@pytest.mark.parametrize("name", READ_ONLY)
def test_read_only_pages_take_nothing(ada: Client, name: str) -> None:
    a_fleet()
    model = next(model for model in OURS if model._meta.model_name == name)
    pk = model._default_manager.values_list("pk", flat=True)[0]
    with nothing_changes():
        for path in (f"{pk}/change/", f"{pk}/delete/", "add/"):
            assert ada.post(f"/admin/upgrades/{name}/{path}", {"post": "yes"}).status_code == 403, path
        act(ada, f"{name}/", "delete_selected", pk, post="yes")


def test_no_list_offers_djangos_own_deletion(ada: Client) -> None:
    """What is deleted here goes through a command."""
    a_fleet()
    for model in OURS:
        assert "delete_selected" not in page(ada, f"{model._meta.model_name}/")
        row = model._default_manager.first()
        assert row is not None
        with nothing_changes():
            assert ada.post(f"/admin/upgrades/{model._meta.model_name}/{row.pk}/delete/").status_code == 403


def test_events_and_work_items_are_not_shown() -> None:
    assert not {"event", "work_item"} & {model._meta.model_name for model in OURS}


def test_the_admin_is_for_staff_only(client: Client) -> None:
    client.force_login(User.objects.create_user("eve"))
    a_fleet()
    for path in everywhere():
        assert client.get(path).status_code == 302


def test_staff_without_permissions_see_nothing(admitting: Admitting) -> None:
    bob = admitting()
    for model in OURS:
        assert bob.get(f"/admin/upgrades/{model._meta.model_name}/").status_code == 403


def _queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        page(client, path)
    return len(captured)


def test_no_list_asks_once_for_each_row(ada: Client) -> None:
    a_fleet("a")
    paths = [f"{model._meta.model_name}/" for model in OURS]
    few = {path: _queries(ada, path) for path in paths}
    for name in "bcdef":
        a_fleet_more(name)
    many = {path: _queries(ada, path) for path in paths}
    assert {path: count for path, count in many.items() if count > min(few[path], 12)} == {}


def a_fleet_more(name: str) -> None:
    row = a_scale_set(name, instances=4)
    put_load_balancer(f"fleet/lb{name}", {"location": "westus"}, NOW)
    a_batch(start(str(row), "me", NOW), {0: InstanceUpgradeState.SUCCEEDED, 1: InstanceUpgradeState.QUEUED})
    opt_out(str(row), ["2", "3"], reason="why", owner="me", now=NOW)
    publish(f"1.0.{ord(name)}", locations=["westus", "eastus"])


def test_an_upgrade_shows_its_batches_and_leads_to_their_members(ada: Client) -> None:
    a_fleet("a", instances=4)
    upgrade, batch = RollingUpgrade.objects.get(), Batch.objects.get()
    shown = page(ada, f"rollingupgrade/{upgrade.pk}/change/")
    assert "1 failed, 1 in progress, 1 not started." in shown
    assert f'?batch__id__exact={batch.pk}">batch 1</a>' in shown and "1 failed, 1 upgrading" in shown
    members = page(ada, f"instanceupgrade/?batch__id__exact={batch.pk}")
    assert "2 instance upgrades" in members


def test_an_upgrade_shows_its_steering_and_its_rollbacks(ada: Client) -> None:
    a_scale_set()
    publish("1.0.0")
    Instance.objects.update(failed_version="1.0.0")
    upgrade = start("fleet/web", "me", NOW, only_failed=True)
    batch = a_batch(upgrade, {0: InstanceUpgradeState.ROLLED_BACK, 1: InstanceUpgradeState.FAILED}, finished=True)
    batch.why = "20 % of 10 is 2, so at most 2."
    batch.save()
    InstanceUpgrade.objects.filter(instance_number=1).update(rollback_error="DiskInUse: locked by a backup")
    pause("fleet/web", "the night shift", NOW)
    shown = page(ada, f"rollingupgrade/{upgrade.pk}/change/")
    for words in (
        "the night shift",
        "1 rolled back, 1 failed to roll back. First error: DiskInUse: locked by a backup",
        "1 failed, 1 rolled back<br>because 20 % of 10 is 2, so at most 2.",
        "Retry skipped by",
        "Only failed",
    ):
        assert words in shown, words
    assert page(ada, "instanceupgrade/?rollback_error__isempty=0").count('<th class="field-') == 1
    assert "locked by a backup" in page(ada, "instanceupgrade/")
    member = InstanceUpgrade.objects.get(instance_number=1)
    assert "locked by a backup" in page(ada, f"instanceupgrade/{member.pk}/change/")


def test_filters_search_and_dates_of_the_history(ada: Client) -> None:
    a_fleet()
    for path, count in (
        ("rollingupgrade/?q=fleet/a", 1),
        ("rollingupgrade/?status__exact=RollingForward&started_at__year=2018", 2),
        ("instanceupgrade/?state__exact=failed", InstanceUpgrade.objects.filter(state="failed").count()),
        ("transition/?state=upgrading&at__year=2018", Transition.objects.filter(state="upgrading").count()),
        ("transition/?q=Opted+out", 2),
        ("transition/?state=Completed", 0),
    ):
        assert count == page(ada, path).count('<th class="field-'), path


def test_clients_of_the_api_are_shown_without_secrets_and_revoked(ada: Client, admitting: Admitting) -> None:
    row, secret = create_client("pipeline", ApiClient.Role.OPERATOR, NOW)
    shown = page(ada, "apiclient/") + page(ada, f"apiclient/{row.pk}/change/")
    assert str(row.pk) in shown and secret not in shown and row.secret_hash not in shown
    with nothing_changes():
        act(admitting("view_apiclient"), "apiclient/", "revoke_chosen", row.pk, agreed="1")
        assert "Only a new secret" in act(ada, "apiclient/", "revoke_chosen", row.pk).content.decode()
    act(ada, "apiclient/", "revoke_chosen", row.pk, agreed="1")
    row.refresh_from_db()
    assert row.revoked_at is not None
