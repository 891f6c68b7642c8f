"""Scale sets over the API: changed by PUT and PATCH, by several clients, and while an upgrade runs."""

import json
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.arm.bodies import OFF, PATCH_OF_THE_DOCUMENT, PROFILE, SECRETS, UPGRADE
from tests.arm.client import Api, Json, is_error, scale_set
from tests.management.terminal import file_of
from tests.stories import (
    NOW,
    a_scale_set,
    document,
    edited,
    everything_stored,
    nothing_changes,
    publish,
    snapshot_equals_events,
    without,
)
from upgrades.commands.scale_sets import set_model
from upgrades.commands.upgrades import start
from upgrades.models import ApiClient, ImageSku, Location, RollingUpgrade, ScaleSet, sealing

pytestmark = pytest.mark.django_db


def policy(api: Api) -> Json:
    found: Json = api.get(scale_set())["properties"]["upgradePolicy"]
    return found


def test_s27_a_put_of_the_switch_alone_turns_it_on(api: Api) -> None:
    """The document's body as a PUT: all that it does not speak of stays."""
    before = a_scale_set(automatic=False, tags={"a": "b"})
    said = api.put(scale_set(), PATCH_OF_THE_DOCUMENT)
    assert said.status == 200 and "Azure-AsyncOperation" in said.headers
    after = ScaleSet.objects.get()
    assert after.automatic_upgrade
    expected = edited(before.document, f"{UPGRADE}.automaticOSUpgradePolicy.enableAutomaticOSUpgrade", True)
    assert after.document == expected


def test_s27_a_whole_put_turns_it_on(api: Api) -> None:
    a_scale_set(automatic=False, instances=3)
    assert api.put(scale_set(), document(automatic=True)).status == 200
    assert ScaleSet.objects.get().automatic_upgrade


def test_s28_the_patch_of_the_document_changes_that_field_only(api: Api) -> None:
    before = a_scale_set(automatic=False, rolling={"maxBatchInstancePercent": 30})
    with snapshot_equals_events():
        said = api.patch(scale_set(), PATCH_OF_THE_DOCUMENT)
    assert (said.status, policy(api)["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"]) == (200, True)
    expected = edited(before.document, f"{UPGRADE}.automaticOSUpgradePolicy.enableAutomaticOSUpgrade", True)
    assert ScaleSet.objects.get().document == expected
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "Succeeded"


def test_s29_names_in_any_case(api: Api) -> None:
    """`az vmss update --set UpgradePolicy.AutomaticOSUpgradePolicy.EnableAutomaticOSUpgrade=true`"""
    a_scale_set(automatic=False)
    body = {"Properties": {"UpgradePolicy": {"AutomaticOSUpgradePolicy": {"EnableAutomaticOSUpgrade": True}}}}
    assert api.patch(scale_set(), body).status == 200
    assert ScaleSet.objects.get().automatic_upgrade
    assert policy(api)["automaticOSUpgradePolicy"] == {"enableAutomaticOSUpgrade": True}


def test_s29_the_switch_is_there_to_be_set(api: Api) -> None:
    """`az vmss update --set` refuses a field that its GET did not show; and to show it changes nothing."""
    body = document()
    del body["properties"]["upgradePolicy"]
    api.put(scale_set(), body)
    seen = api.get(scale_set()).body
    switch = seen["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]
    assert switch == {"enableAutomaticOSUpgrade": False}
    with nothing_changes():
        assert api.put(scale_set(), seen).status == 200
    switch["enableAutomaticOSUpgrade"] = True
    assert api.put(scale_set(), seen).status == 200
    assert ScaleSet.objects.get().automatic_upgrade


def test_s30_every_client_we_ship_reaches_the_switch(api: Api, tmp_path: Path, admin_client: Any) -> None:
    """The API, the terminal, the admin and the pages: all end in the same command."""
    row = a_scale_set(automatic=False)
    api.patch(scale_set(), PATCH_OF_THE_DOCUMENT)
    assert ScaleSet.objects.get().automatic_upgrade
    call_command("put_scale_set", "fleet/web", file_of(tmp_path, document(automatic=False)), stdout=StringIO())
    assert not ScaleSet.objects.get().automatic_upgrade
    form = {"capacity": 3, "automatic_upgrade": "on", "pause_between_batches": 0}
    form |= dict.fromkeys(("max_batch_percent", "max_unhealthy_percent", "max_unhealthy_upgraded_percent"), 20)
    assert admin_client.post(f"/admin/upgrades/scaleset/{row.pk}/change/", form).status_code == 302
    assert ScaleSet.objects.get().automatic_upgrade
    for on in ("false", "true"):
        assert admin_client.post("/scale-sets/fleet/web/automatic/", {"on": on}).status_code == 200
        assert policy(api)["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is (on == "true")


def test_a_null_in_a_patch_takes_away_and_in_a_put_says_nothing(api: Api) -> None:
    a_scale_set(tags={"a": "b"}, rolling={"maxBatchInstancePercent": 50})
    nothing = {"tags": None, "properties": {"upgradePolicy": {"rollingUpgradePolicy": None}}}
    before = everything_stored()
    assert api.put(scale_set(), nothing).status == 200
    assert everything_stored() == before
    assert api.patch(scale_set(), nothing).status == 200
    row = ScaleSet.objects.get()
    assert (row.tags, row.policy.max_batch_percent) == ({}, 20)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_null_within_a_new_object_says_nothing_too(api: Api, method: str) -> None:
    """RFC 7396; but what is in a list that no model knows is taken as it stands."""
    a_scale_set()
    given = {"identity": {"type": "SystemAssigned", "a": None, "b": {"c": None}, "d": [{"e": None}]}}
    shown = api(method, scale_set(), given)["identity"]
    assert {name: value for name, value in shown.items() if name not in ("principalId", "tenantId")} == {
        "type": "SystemAssigned",
        "b": {},
        "d": [{"e": None}],
    }


def test_a_null_in_a_new_scale_set_does_not_come_back(api: Api) -> None:
    body = edited(
        document(extensions=[{"name": "a", "properties": {"type": "b", "forceUpdateTag": None}}]),
        UPGRADE,
        {"mode": None},
    )
    body = edited(body, f"{PROFILE}.licenseType", None)
    body["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"][0]["properties"]["settings"] = {
        "c": None
    }
    api.put(scale_set(), {**body, "plan": None})
    stored = json.dumps(ScaleSet.objects.get().document)
    assert stored.count("null") == 1 and '"settings": {"c": null}' in stored, "what is in settings is the client's own"
    with nothing_changes():
        assert api.put(scale_set(), {**body, "plan": None}).status == 200


def test_the_switch_and_the_mode_are_there_where_they_are_null(api: Api) -> None:
    body = edited(document(), UPGRADE, {"mode": None, "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": None}})
    api.put(scale_set(), body)
    assert policy(api) == {"mode": "Manual", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}
    with nothing_changes():
        assert api.put(scale_set(), api.get(scale_set()).body).status == 200


def test_tags_are_replaced_whole(api: Api) -> None:
    a_scale_set(tags={"a": "b"})
    assert api.patch(scale_set(), {"tags": {"c": "d"}})["tags"] == {"c": "d"}


def test_puts_of_az_vmss_scale_and_az_vmss_update_are_accepted(api: Api) -> None:
    a_scale_set(instances=3)
    assert (
        api.put(scale_set(), {"location": "westeurope", "sku": {"name": "Standard_D2s_v3", "capacity": 5}}).status
        == 200
    )
    assert ScaleSet.objects.get().capacity == 5
    shown = api.get(scale_set()).body
    body = without(without(shown, f"{PROFILE}.storageProfile.imageReference"), "properties.provisioningState")
    body = edited(body, f"{UPGRADE}.automaticOSUpgradePolicy.enableAutomaticOSUpgrade", False)
    assert api.put(scale_set(), body).status == 200
    row = ScaleSet.objects.get()
    assert (row.automatic_upgrade, row.image_version) == (False, "latest")


def test_lists_are_replaced_and_their_secrets_stay(api: Api) -> None:
    extension = {
        "name": "one",
        "properties": {"publisher": "p", "type": "t", "protectedSettings": {"key": "hunter2-secret"}},
    }
    a_scale_set(extensions=[extension])
    shown = api.get(scale_set()).body
    shown["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"].append(
        {"name": "two", "properties": {"publisher": "p", "type": "u"}}
    )
    assert api.put(scale_set(), shown).status == 200
    row = ScaleSet.objects.get()
    assert "hunter2-secret" in json.dumps(sealing.unseal(row.sealed_secrets))
    assert len(row.document["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]) == 2


def test_secrets_never_come_back(api: Api) -> None:
    extension = {
        "name": "e",
        "properties": {"publisher": "p", "type": "t", "protectedSettings": {"k": "hunter2-secret"}},
    }
    body = document(os_profile=SECRETS, extensions=[extension])
    body["properties"]["virtualMachineProfile"]["osProfile"]["ADMINPASSWORD"] = "hunter2-secret"
    said = [api.put(scale_set(), body), api.get(scale_set()), api.patch(scale_set(), {"tags": {"a": "b"}})]
    said += [api.get(f"{scale_set()}{rest}") for rest in ("/virtualMachines", "/instanceView", "/preflight")]
    said += [api.put(scale_set(), edited(body, f"{PROFILE}.osProfile.adminPassword", {"x": "hunter2-secret"}))]
    for answer in said:
        assert "hunter2" not in json.dumps(answer.body) and "aHVudGVyMg" not in json.dumps(answer.body)


def sealed() -> str:
    return json.dumps(sealing.unseal(ScaleSet.objects.get().sealed_secrets))


def test_a_null_in_a_patch_takes_a_secret_away(api: Api) -> None:
    """In any case of its name; and only there: what is null in a PUT says nothing."""
    a_scale_set(os_profile=SECRETS)
    null = edited({}, f"{PROFILE}.osProfile.ADMINPASSWORD", None)
    with nothing_changes():
        assert api.put(scale_set(), null).status == 200
    etag = api.get(scale_set()).headers["ETag"]
    said = api.patch(scale_set(), null)
    assert said.status == 200 and "Azure-AsyncOperation" in said.headers and said.headers["ETag"] != etag
    assert "adminPassword" not in sealed() and "customData" in sealed()
    assert "null" not in json.dumps(ScaleSet.objects.get().document)
    with nothing_changes():
        assert "Azure-AsyncOperation" not in api.patch(scale_set(), null).headers


def test_a_null_in_a_patched_list_takes_a_secret_away(api: Api) -> None:
    def extension(name: str, **more: Any) -> Json:
        return {"name": name, "properties": {"publisher": "p", "type": name.lower(), **more}}

    secret = {"protectedSettings": {"key": "hunter2"}}
    a_scale_set(extensions=[extension("one", **secret), extension("two", **secret)])
    given = [extension("two"), extension("ONE", ProtectedSettings=None)]
    assert api.patch(scale_set(), edited({}, f"{PROFILE}.extensionProfile.extensions", given)).status == 200
    assert '\\"two\\"' in sealed() and '\\"one\\"' not in sealed()


def test_removing_a_secret_needs_the_right_and_no_running_upgrade(api: Api) -> None:
    a_scale_set(os_profile=SECRETS)
    operator, null = Api(ApiClient.Role.OPERATOR), edited({}, f"{PROFILE}.osProfile.adminPassword", None)
    with nothing_changes():
        is_error(operator.patch(scale_set(), null), 403, "AuthorizationFailed")
    publish("16.04.201809250")
    start("fleet/web", "ada", NOW)
    with nothing_changes():
        is_error(api.patch(scale_set(), null), 409, "OperationNotAllowed", "another ongoing rolling upgrade operation")


def test_unknown_fields_survive(api: Api) -> None:
    """Where Azure adds fields with new versions; around the switches they are refused (test_unknown_fields)."""
    future = {"A": [1, {"b": None}], "c": "true"}
    api.put(scale_set(), edited(document(), f"{PROFILE}.fromTheFuture", future))
    assert api.get(scale_set())["properties"]["virtualMachineProfile"]["fromTheFuture"] == future
    api.patch(scale_set(), edited({}, f"{PROFILE}.fromTheFuture", {"d": 1}))
    assert api.get(scale_set())["properties"]["virtualMachineProfile"]["fromTheFuture"] == {**future, "d": 1}


def test_answers_are_typed_whatever_came(api: Api) -> None:
    body = document(capacity=3)
    body["sku"]["capacity"] = "3"
    body["properties"]["overprovision"] = "True"
    body["properties"]["upgradePolicy"]["rollingUpgradePolicy"] = {"maxBatchInstancePercent": "30"}
    api.put(scale_set(), body)
    shown = api.get(scale_set())
    assert (shown["sku"]["capacity"], shown["properties"]["overprovision"]) == (3, True)
    assert policy(api)["rollingUpgradePolicy"] == {"maxBatchInstancePercent": 30}


# --- conditions -------------------------------------------------------------------------------------------------------


def test_a_request_with_an_outdated_etag_is_refused(api: Api) -> None:
    made = api.put(scale_set(), document())
    etag = made.headers["ETag"]
    assert etag == made["etag"] == api.get(scale_set()).headers["ETag"]
    assert api.patch(scale_set(), {"tags": {"a": "1"}}, if_match=etag).status == 200
    with nothing_changes():
        for said in (
            api.patch(scale_set(), {"tags": {"a": "2"}}, if_match=etag),
            api.put(scale_set(), {"tags": {"a": "2"}}, if_match=etag),
            api.delete(scale_set(), if_match=etag),
            api.put(scale_set(), document(), if_none_match="*"),
            api.put(scale_set("new"), document(), if_match="*"),
        ):
            is_error(said, 412, "PreconditionFailed")
    assert api.put(scale_set("new"), document(), if_none_match="*").status == 201
    assert api.patch(scale_set(), {"tags": {"a": "3"}}, if_match="*").status == 200
    assert api.delete(scale_set(), if_match=api.get(scale_set()).headers["ETag"]).status == 202


def test_the_etag_of_a_put_is_that_of_a_get(api: Api) -> None:
    """Whatever databases do to numbers."""
    numbers = [1e300, -1e16, -0.0, 0.1, 1.0, 5e-324, 10**30]
    made = api.put(scale_set(), edited(document(), f"{PROFILE}.numbers", numbers))
    shown = api.get(scale_set())
    assert shown.headers["ETag"] == made.headers["ETag"]
    assert shown["properties"]["virtualMachineProfile"]["numbers"] == numbers


def test_changes_by_the_engine_keep_the_etag(api: Api) -> None:
    row = a_scale_set()
    etag = api.get(scale_set()).headers["ETag"]
    publish("16.04.201809250")
    start("fleet/web", "ada", NOW)
    ScaleSet.objects.filter(pk=row.pk).update(seq=99)
    assert api.get(scale_set()).headers["ETag"] == etag


def test_two_changes_at_once_are_both_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one finds the document changed under its hands, and looks again."""
    a_scale_set(automatic=False, tags={"a": "b"})
    calls: list[int] = []

    def meanwhile(path: str, body: object, now: datetime, **more: Any) -> Any:
        if not calls:
            calls.append(1)
            set_model(path, {**ScaleSet.objects.get().document, "tags": {"other": "hand"}}, now)
        return set_model(path, body, now, **more)

    monkeypatch.setattr("upgrades.commands.model_update.set_model", meanwhile)
    assert api.patch(scale_set(), PATCH_OF_THE_DOCUMENT).status == 200
    row = ScaleSet.objects.get()
    assert (row.automatic_upgrade, row.tags) == (True, {"other": "hand"})


# --- while an upgrade runs --------------------------------------------------------------------------------------------


@pytest.fixture
def running(api: Api) -> RollingUpgrade:
    a_scale_set(automatic=False, probe="/health")
    publish("16.04.201809250")
    return start("fleet/web", "ada", NOW)


def test_a_running_upgrade_blocks_changes_of_the_model(api: Api, running: RollingUpgrade) -> None:
    change = {"properties": {"virtualMachineProfile": {"osProfile": {"adminUsername": "other"}}}}
    with nothing_changes():
        for method in ("PUT", "PATCH"):
            said = api(method, scale_set(), change)
            is_error(said, 409, "OperationNotAllowed", "another ongoing rolling upgrade operation")
        is_error(api.delete(scale_set()), 409, "OperationNotAllowed")
        is_error(api.delete("/resourceGroups/fleet"), 409, "OperationNotAllowed")


def test_s5_policy_tags_and_protection_are_always_accepted(api: Api, running: RollingUpgrade) -> None:
    protect = {"properties": {"protectionPolicy": {"protectFromScaleSetActions": True}}}
    assert api.put(f"{scale_set()}/virtualMachines/9", protect).status == 200
    changes: list[Json] = [
        {"tags": {"a": "b"}},
        {"properties": {"upgradePolicy": {"rollingUpgradePolicy": {"maxBatchInstancePercent": 10}}}},
        PATCH_OF_THE_DOCUMENT,
        OFF,
        {"sku": {"capacity": 12}},
    ]
    for change in changes:
        assert api.patch(scale_set(), change).status == 200
        shown = api.get(scale_set())
        assert api.put(scale_set(), shown.body).status == 200
    running.refresh_from_db()
    assert running.ended_at is None, "what runs, runs on"


def test_s5_turning_it_off_is_accepted_whatever_else_is_wrong_now(api: Api) -> None:
    """The image is no longer supported there, and today's rules ask for a probe that there is not."""
    a_scale_set()
    ImageSku.objects.get(sku="16.04-LTS").limited_to.add(Location.objects.get(name="westus"))
    Location.objects.update(rules="current")
    is_error(api.patch(scale_set(), {"sku": {"capacity": 4}}), 400, "BadRequest")
    assert api.patch(scale_set(), OFF).status == 200
    assert not ScaleSet.objects.get().automatic_upgrade
    is_error(api.patch(scale_set(), PATCH_OF_THE_DOCUMENT), 400, "BadRequest")


def test_a_resource_being_deleted_cannot_be_changed(api: Api) -> None:
    a_scale_set()
    api.delete(scale_set())
    with nothing_changes():
        for said in (api.put(scale_set(), document()), api.patch(scale_set(), OFF)):
            is_error(said, 409, "Conflict", "being deleted")
