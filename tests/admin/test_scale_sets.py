"""Scale sets in the admin: the policy form and deleting."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.admin.people import Admitting, act, errors, page, post, saved, told
from tests.stories import NOW, a_scale_set, document, edited, nothing_changes, publish, snapshot_equals_events
from upgrades.commands.fleet_stops import stop_fleet
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.policies import policy_of
from upgrades.commands.scale_sets import set_model
from upgrades.commands.upgrades import start
from upgrades.core.json_fields import get_field
from upgrades.models import Event, Instance, ScaleSet, sealing
from upgrades.orchestrator.reconcile import reconcile

ROLLING = "properties.upgradePolicy.rollingUpgradePolicy"
SECRETS = {"adminUsername": "me", "adminPassword": "hunter2 hunter2"}

pytestmark = pytest.mark.django_db


def form(row: ScaleSet, **changes: Any) -> dict[str, Any]:
    """What a browser sends of the form as it is shown, with these changes."""
    fields = {**policy_of(ScaleSet.objects.get(pk=row.pk).document), **changes}
    return {name: "on" if value is True else value for name, value in fields.items() if value is not False}


def save(client: Client, row: ScaleSet, **changes: Any) -> Any:
    return post(client, f"scaleset/{row.pk}/change/", **form(row, **changes))


# --- the policy -------------------------------------------------------------------------------------------------------


def test_the_form_shows_the_values_of_the_document(ada: Client) -> None:
    row = a_scale_set(rolling={"maxBatchInstancePercent": "35", "pauseTimeBetweenBatches": "PT1M"})
    shown = page(ada, f"scaleset/{row.pk}/change/")
    for name, value in (("max_batch_percent", "35"), ("pause_between_batches", "60.0"), ("capacity", "10")):
        assert f'name="{name}" value="{value}"' in shown


def test_saving_changes_only_the_edited_fields_of_the_document(ada: Client) -> None:
    future = "properties.virtualMachineProfile.fromTheFuture"
    body = edited(document(capacity=3, os_profile=SECRETS), future, {"a": [1, None]})
    body = edited(body, ROLLING, {"MAXBATCHINSTANCEPERCENT": 30, "prioritizeUnhealthyInstances": True})
    row = a_scale_set(model=body)
    with snapshot_equals_events():
        changes = {"max_batch_percent": 50, "use_rolling_upgrade_policy": True, "pause_between_batches": 90}
        assert saved(save(ada, row, **changes, capacity=4))
    after = ScaleSet.objects.get()
    assert (after.capacity, after.policy.max_batch_percent) == (4, 50)
    assert after.policy.pause_between_batches == timedelta(seconds=90)
    rolling = get_field(after.document, *ROLLING.split("."))
    assert rolling == {
        "MAXBATCHINSTANCEPERCENT": 50,
        "prioritizeUnhealthyInstances": True,
        "pauseTimeBetweenBatches": "PT90S",
    }
    assert get_field(after.document, *future.split(".")) == {"a": [1, None]}
    assert list(sealing.unseal(after.sealed_secrets).values()) == ["hunter2 hunter2"]
    assert after.seq == row.seq + 1
    assert LogEntry.objects.get().object_repr == "fleet/web"


def test_a_client_that_gets_changes_and_puts_keeps_it(ada: Client) -> None:
    row = a_scale_set()
    assert saved(save(ada, row, use_rolling_upgrade_policy=True, max_batch_percent=40))
    set_model("fleet/web", edited(ScaleSet.objects.get().document, "sku.capacity", 12), NOW)
    after = ScaleSet.objects.get()
    assert (after.capacity, after.policy.max_batch_percent) == (12, 40)


def test_turning_automatic_upgrades_off_and_on(ada: Client) -> None:
    row = a_scale_set()
    for on in (False, True):
        assert saved(save(ada, row, automatic_upgrade=on))
        assert ScaleSet.objects.get().automatic_upgrade is on


def test_saving_an_unchanged_form_changes_nothing(ada: Client) -> None:
    row = a_scale_set()
    with nothing_changes():
        assert saved(save(ada, row))


SWITCHES = (
    *("cross_zone", "unhealthy_first", "rollback_on_breach", "max_surge"),
    *("disable_automatic_rollback", "deferral"),
)


def test_the_switches_of_the_policy(ada: Client) -> None:
    row = a_scale_set()
    with snapshot_equals_events():
        assert saved(save(ada, row, use_rolling_upgrade_policy=True, **dict.fromkeys(SWITCHES, True)))
    after = ScaleSet.objects.get()
    rolling = {
        *("enableCrossZoneUpgrade", "prioritizeUnhealthyInstances", "rollbackFailedInstancesOnPolicyBreach"),
        "maxSurge",
    }
    assert get_field(after.document, *ROLLING.split(".")) == dict.fromkeys(rolling, True)
    assert (
        after.policy.cross_zone,
        after.policy.unhealthy_first,
        after.policy.rollback_on_breach,
        after.policy.max_surge,
    ) == (True,) * 4
    assert (after.policy.automatic_rollback, after.policy.deferral) == (False, True)
    assert saved(save(ada, row, **dict.fromkeys(SWITCHES, False)))
    after.refresh_from_db()
    assert (after.policy.cross_zone, after.policy.rollback_on_breach, after.policy.automatic_rollback) == (
        False,
        False,
        True,
    )
    assert after.policy.max_surge is False


def test_no_automatic_rollback_is_in_force_whosever_the_limits_are(ada: Client) -> None:
    row = a_scale_set()
    assert saved(save(ada, row, disable_automatic_rollback=True))
    assert not any("Custom limits are saved" in message for message in told(ada, "scaleset/"))
    assert ScaleSet.objects.get().policy.automatic_rollback is False


@pytest.mark.parametrize("name", ["cross_zone", "unhealthy_first", "rollback_on_breach", "max_surge"])
def test_switches_that_are_not_in_force_are_told_of(ada: Client, name: str) -> None:
    row = a_scale_set()
    assert saved(save(ada, row, **{name: True}))
    assert any("Custom limits are saved" in message for message in told(ada, "scaleset/"))
    assert getattr(ScaleSet.objects.get().policy, name) is False


def test_limits_that_are_not_in_force_are_told_of(ada: Client) -> None:
    row = a_scale_set()
    assert saved(save(ada, row, max_batch_percent=50))
    assert any("Custom limits are saved" in message for message in told(ada, "scaleset/"))
    assert ScaleSet.objects.get().policy.max_batch_percent == 20


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_batch_percent", 4),
        ("max_batch_percent", 101),
        ("max_unhealthy_percent", 4),
        ("max_unhealthy_upgraded_percent", -1),
        ("pause_between_batches", -1),
        ("pause_between_batches", "nan"),
        ("capacity", 1001),
        ("capacity", ""),
    ],
)
def test_values_out_of_range_are_refused(ada: Client, field: str, value: object) -> None:
    row = a_scale_set()
    with nothing_changes():
        assert list(errors(save(ada, row, **{field: value}))) == [field]


def test_a_refusal_is_shown_in_the_form(ada: Client) -> None:
    """S-24: a set that is pinned to a version cannot be upgraded automatically."""
    row = a_scale_set(automatic=False, model=document(version="0.0.1", automatic=False))
    with nothing_changes():
        found = errors(save(ada, row, automatic_upgrade=True))
    assert "must use Platform or Gallery Image" in found["__all__"][0]


def test_a_set_that_is_being_deleted_is_left_alone(ada: Client) -> None:
    row = a_scale_set()
    ScaleSet.objects.update(deleting=True)
    with nothing_changes():
        assert "there is no scale set" in str(errors(save(ada, row, capacity=1))).lower()


def test_no_secrets_and_no_markup_of_others_on_the_page(ada: Client) -> None:
    row = a_scale_set(os_profile=SECRETS, tags={"note": "<script>alert(1)</script>"})
    shown = page(ada, f"scaleset/{row.pk}/change/")
    assert "adminUsername" in shown and "hunter2" not in shown
    assert "<script>alert" not in shown and "&lt;script&gt;alert" in shown


def test_a_waiting_scale_set_shows_its_reasons(ada: Client) -> None:
    row = a_scale_set()
    assert "it is not waiting" in page(ada, f"scaleset/{row.pk}/change/")
    publish("1.0.0")
    stop_fleet(reason="<b>panics</b>", owner="eve", now=NOW)
    opt_out("fleet/web", ["1", "2", "7"], reason="payroll", owner="bob", now=NOW)
    reconcile(row.pk, lambda: NOW)
    shown = page(ada, f"scaleset/{row.pk}/change/")
    assert (
        "<p><strong>FleetStopped</strong>: All automatic upgrades are stopped by eve until 2018-09-26 12:00:00 UTC: "
        "&lt;b&gt;panics&lt;/b&gt;<br>since 2018-09-25 12:00:00 UTC; until 2018-09-26 12:00:00 UTC; an operator can "
        "resolve it</p>"
    ) in shown
    assert (
        "instances 1-2 7; since 2018-09-25 12:00:00 UTC" in shown and "the owner of the opt-out can resolve it" in shown
    )


# --- permissions ------------------------------------------------------------------------------------------------------


def test_viewers_may_not_change(admitting: Admitting) -> None:
    bob, row = admitting("view_scaleset"), a_scale_set()
    page(bob, f"scaleset/{row.pk}/change/")
    with nothing_changes():
        assert save(bob, row, capacity=1).status_code == 403


def test_scale_sets_are_not_made_here(ada: Client) -> None:
    assert post(ada, "scaleset/add/").status_code == 403


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_deleting_asks_first(ada: Client) -> None:
    row = a_scale_set()
    with nothing_changes():
        answer = act(ada, "scaleset/", "delete_scale_sets", row.pk)
    asked = answer.content.decode()
    for words in ("Delete these scale sets and all their machines", "fleet/web: 10 instances", "cannot be undone"):
        assert words in asked
    with snapshot_equals_events():
        act(ada, "scaleset/", "delete_scale_sets", row.pk, agreed="1")
    assert ScaleSet.objects.get().deleting, "its machines go first"
    assert told(ada, "scaleset/") == ["Deleting: fleet/web."]


def test_a_refusal_for_one_scale_set_does_not_stop_the_others(ada: Client) -> None:
    busy, idle = a_scale_set("busy"), a_scale_set("idle")
    publish("1.0.0")
    start("fleet/busy", "me", NOW)
    act(ada, "scaleset/", "delete_scale_sets", busy.pk, idle.pk, agreed="1")
    assert list(ScaleSet.objects.filter(deleting=True)) == [idle]
    refusal, done = sorted(told(ada, "scaleset/"), key=lambda message: "Deleting" in message)
    assert "another ongoing rolling upgrade" in refusal
    assert done == "Deleting: fleet/idle."


def test_deleting_takes_the_permission(admitting: Admitting) -> None:
    bob, row = admitting("view_scaleset", "change_scaleset"), a_scale_set()
    with nothing_changes():
        act(bob, "scaleset/", "delete_scale_sets", row.pk, agreed="1")


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_counts_and_filters(ada: Client) -> None:
    web = a_scale_set(instances=4)
    a_scale_set("other", instances=2, automatic=False)
    Instance.objects.filter(scale_set=web, number=0).update(health="unhealthy")
    shown = page(ada, "scaleset/?automatic_upgrade__exact=1")
    assert "fleet/web" in shown and "fleet/other" not in shown
    assert f'?scale_set__id__exact={web.pk}">4</a>' in shown
    assert '<td class="field-healthy">3</td>' in shown
    assert "1 scale set" in page(ada, "scaleset/?q=other")


def test_saving_writes_an_event_with_the_change(ada: Client) -> None:
    row = a_scale_set()
    assert saved(save(ada, row, capacity=7))
    event = Event.objects.filter(scale_set=row).latest("seq")
    assert event.body["scale_set"]["capacity"] == 7
    assert event.at > NOW + timedelta(days=1), "the admin's clock is the real one"
    assert "hunter2" not in json.dumps(event.body)
