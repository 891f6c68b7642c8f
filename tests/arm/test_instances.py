"""Instances over the API: listed, shown, protected."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.arm.client import Api, Json, is_error, scale_set
from tests.stories import NOW, a_scale_set, edited, everything_stored, nothing_changes, publish, snapshot_equals_events
from upgrades.commands.opt_outs import opt_out
from upgrades.core.decide import decide
from upgrades.core.steps import RemoveInstances
from upgrades.models import Instance, OptOut, ScaleSet
from upgrades.orchestrator.observe import observe

pytestmark = pytest.mark.django_db
ONE = f"{scale_set()}/virtualMachines/1"


def protection(scale_in: bool | None = None, actions: bool | None = None) -> Json:
    given = {"protectFromScaleIn": scale_in, "protectFromScaleSetActions": actions}
    return {"properties": {"protectionPolicy": {name: value for name, value in given.items() if value is not None}}}


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_an_instance(api: Api) -> None:
    row = a_scale_set(tags={"a": "b"}, os_profile={"adminUsername": "ada"})
    Instance.objects.filter(number=1).update(version="16.04.201809250")
    said = api.get(ONE)
    shown = said.body
    assert (shown["name"], shown["instanceId"], shown["type"]) == (
        "web_1",
        "1",
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
    )
    assert shown["id"] == f"/subscriptions/{api.subscription}{ONE}"
    assert (shown["location"], shown["tags"], shown["sku"]["name"]) == ("westeurope", {"a": "b"}, "Standard_D2s_v3")
    assert "capacity" not in shown["sku"] and said.headers["ETag"] == shown["etag"]
    properties = shown["properties"]
    assert properties["provisioningState"] == "Succeeded" and "protectionPolicy" not in properties
    storage = properties["storageProfile"]
    assert storage["imageReference"] == {
        "publisher": "Canonical",
        "offer": "UbuntuServer",
        "sku": "16.04-LTS",
        "version": "latest",
        "exactVersion": "16.04.201809250",
    }
    assert storage["osDisk"]["name"] == "web_1_OsDisk_1" and storage["osDisk"]["osType"] == "Linux"
    assert [disk["lun"] for disk in storage["dataDisks"]] == [0]
    assert properties["osProfile"] == {
        "adminUsername": "ada",
        "allowExtensionOperations": True,
        "computerName": "web000001",
        "linuxConfiguration": {"disablePasswordAuthentication": False, "provisionVMAgent": True},
        "requireGuestProvisionSignal": True,
        "secrets": [],
    }
    assert row.instances.count() == 10


def test_an_instance_view(api: Api) -> None:
    a_scale_set(healthy=False)
    fell_ill = NOW + timedelta(minutes=19)
    Instance.objects.filter(number=1).update(
        extensions=[{"name": "e", "state": "failed", "message": "no"}], power="stopped", health_changed_at=fell_ill
    )
    view = api.get(f"{ONE}/instanceView").body
    status = view["vmHealth"]["status"]
    assert (status["code"], datetime.fromisoformat(status["time"])) == ("HealthState/unhealthy", fell_ill)
    assert [status_code["code"] for status_code in view["statuses"]] == [
        "ProvisioningState/succeeded",
        "PowerState/stopped",
    ]
    assert view["extensions"][0]["statuses"][0] == {
        "code": "ProvisioningState/failed",
        "level": "Error",
        "displayStatus": "Provisioning failed",
        "message": "no",
    }
    assert "instanceView" not in api.get(ONE)["properties"]
    for path in (f"{ONE}?$expand=instanceView", f"{scale_set()}/virtualMachines?$expand=InstanceView"):
        shown = api.get(path).body
        assert (shown["value"][1] if "value" in shown else shown)["properties"]["instanceView"] == view


def test_the_instance_view_of_the_set_counts(api: Api) -> None:
    a_scale_set(instances=10)
    Instance.objects.filter(number__lt=3).update(
        health="unhealthy", power="stopped", extensions=[{"name": "e", "state": "failed", "message": ""}]
    )
    view = api.get(f"{scale_set()}/instanceView").body
    assert {summary["code"]: summary["count"] for summary in view["virtualMachine"]["statusesSummary"]} == {
        "ProvisioningState/succeeded": 10,
        "PowerState/running": 7,
        "PowerState/stopped": 3,
        "HealthState/healthy": 7,
        "HealthState/unhealthy": 3,
    }
    assert view["extensions"] == [
        {"name": "e", "statusesSummary": [{"code": "ProvisioningState/failed", "count": 3}]},
    ]
    assert view["statuses"][0]["code"] == "ProvisioningState/succeeded"


@pytest.mark.parametrize(
    ("operation", "state", "code"),
    [("create", "Creating", "creating"), ("reimage", "Updating", "updating"), ("delete", "Deleting", "deleting")],
)
def test_work_on_an_instance_is_its_provisioning_state(api: Api, operation: str, state: str, code: str) -> None:
    a_scale_set()
    Instance.objects.filter(number=1).update(operation_kind=operation, operation_at=NOW)
    assert api.get(ONE)["properties"]["provisioningState"] == state
    assert api.get(f"{ONE}/instanceView")["statuses"][0]["code"] == f"ProvisioningState/{code}"


def test_instances_by_pages(api: Api) -> None:
    a_scale_set(instances=600)
    found: list[str] = []
    link = f"{scale_set()}/virtualMachines?$expand=instanceView"
    pages = 0
    while link:
        said = api.get(link)
        assert said.status == 200
        assert "instanceView" in said["value"][0]["properties"], "the question is repeated"
        found += [instance["instanceId"] for instance in said["value"]]
        link, pages = said.body.get("nextLink"), pages + 1
        assert not link or (link.startswith("http://testserver/") and "%24skiptoken=" in link)
    assert pages == 2 and found == [str(number) for number in range(600)]


# --- protection -------------------------------------------------------------------------------------------------------


def test_s5_a_clients_protection_is_an_opt_out_of_its_own_without_an_end(api: Api) -> None:
    a_scale_set()
    with snapshot_equals_events():
        said = api.put(ONE, protection(True, True))
    assert said.status == 200
    assert said["properties"]["protectionPolicy"] == {"protectFromScaleIn": True, "protectFromScaleSetActions": True}
    row = OptOut.objects.get()
    assert (row.instance.number, row.owner, row.until, row.ended_at) == (1, api.name, None, None)
    assert "protectFromScaleSetActions" in row.reason
    with snapshot_equals_events():
        said = api.put(ONE, protection(False, False))
    off = {"protectFromScaleIn": False, "protectFromScaleSetActions": False}
    assert said["properties"]["protectionPolicy"] == off, "clients look for what they have just set"
    row.refresh_from_db()
    assert row.ended_at and row.ended_by == api.name


def test_a_get_and_a_put_of_an_instance_change_nothing(api: Api) -> None:
    a_scale_set()
    opt_out("fleet/web", ["2"], reason="busy", owner="ada", now=NOW)
    api.put(f"{scale_set()}/virtualMachines/3", protection(True, True))
    api.put(f"{scale_set()}/virtualMachines/4", protection(True, False))
    for number in (1, 2, 3, 4):
        path = f"{scale_set()}/virtualMachines/{number}"
        shown, before = api.get(path).body, everything_stored()
        assert api.put(path, shown).body == shown
        assert everything_stored() == before


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tags", {"a": "other"}),
        ("identity", {"type": "SystemAssigned"}),
        ("properties.licenseType", "RHEL_BYOS"),
        ("properties.userData", "c2VjcmV0"),
        ("properties.osProfile.adminPassword", "Hunter2-hunter2"),
        ("properties.storageProfile.dataDisks", []),
        ("properties.storageProfile.dataDisks", [{"lun": 1, "createOption": "Attach", "managedDisk": {"id": "/x"}}]),
        ("properties.networkProfileConfiguration.networkInterfaceConfigurations", [{"name": "second"}]),
    ],
)
def test_a_change_of_an_instance_that_is_not_done_is_not_passed_over(path: str, value: object, api: Api) -> None:
    """`az vmss disk attach --instance-id` ended well, and attached nothing."""
    a_scale_set(tags={"a": "b"})
    shown = api.get(ONE).body
    shown["properties"] |= protection(True, True)["properties"]
    with nothing_changes():
        is_error(api.put(ONE, edited(shown, path, value)), 400, "PropertyChangeNotAllowed", path, "protectionPolicy")


def test_an_upgrade_since_a_client_looked_is_no_change_of_its_own(api: Api) -> None:
    a_scale_set()
    shown = api.get(f"{ONE}?$expand=instanceView").body
    Instance.objects.filter(number=1).update(version="16.04.201809250", os_disk="another")
    assert api.put(ONE, {**shown, "tags": None}).status == 200


def test_a_persons_opt_out_shows_as_protection_and_can_be_ended(api: Api) -> None:
    a_scale_set()
    opt_out("fleet/web", ["1"], reason="busy", owner="ada", now=NOW)
    assert api.get(ONE)["properties"]["protectionPolicy"]["protectFromScaleSetActions"] is True
    api.put(ONE, protection(False, False))
    assert OptOut.objects.get().ended_by == api.name


def test_an_opt_out_that_is_over_protects_no_more(api: Api) -> None:
    a_scale_set()
    past = NOW - timedelta(days=2)
    opt_out("fleet/web", ["1"], reason="busy", owner="ada", now=past, until=past + timedelta(days=1))
    assert "protectionPolicy" not in api.get(ONE)["properties"]
    api.put(ONE, protection(True, True))
    assert OptOut.objects.filter(ended_at=None).get().owner == api.name


def test_scale_in_alone_keeps_an_instance_and_lets_it_be_upgraded(api: Api) -> None:
    row = a_scale_set(instances=4)
    api.put(f"{scale_set()}/virtualMachines/3", protection(True, False))
    assert not OptOut.objects.exists()
    api.patch(scale_set(), {"sku": {"capacity": 3}})
    step = decide(observe(row.pk, NOW).facts, NOW)
    assert step == RemoveInstances((2,))
    assert api.get(scale_set())["properties"]["provisioningState"] == "Updating"
    publish("16.04.201809250")
    api.patch(scale_set(), {"sku": {"capacity": 4}})
    assert 3 in {
        instance.id
        for instance in observe(row.pk, NOW).facts.instances
        if instance.is_protected_from_scale_in and not instance.is_opted_out
    }


def test_a_surplus_that_may_not_go_is_no_work_to_wait_for(api: Api) -> None:
    a_scale_set(instances=2)
    for number in (0, 1):
        api.put(f"{scale_set()}/virtualMachines/{number}", protection(True, bool(number)))
    said = api.patch(scale_set(), {"sku": {"capacity": 0}})
    assert api.get(scale_set())["properties"]["provisioningState"] == "Succeeded"
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "Succeeded"


@pytest.mark.parametrize(
    "body",
    [
        protection(False, True),
        edited(protection(True, True), "properties.protectionPolicy.protectFromScaleSetActions", "banana"),
        {"properties": {"protectionPolicy": []}},
        {"properties": "x"},
    ],
)
def test_invalid_protection_policies_are_refused(api: Api, body: Any) -> None:
    a_scale_set()
    with nothing_changes():
        is_error(api.put(ONE, body), 400, "InvalidParameter")


@pytest.mark.parametrize(
    "body", [{}, {"properties": {}}, {"properties": {"protectionPolicy": None}}, {"tags": {}}, {"tags": None}]
)
def test_a_request_without_protection_keeps_it(api: Api, body: Any) -> None:
    a_scale_set()
    with nothing_changes():
        assert api.put(ONE, body).status == 200


def test_names_in_any_case_and_texts_for_switches(api: Api) -> None:
    a_scale_set()
    body = {"Properties": {"ProtectionPolicy": {"ProtectFromScaleIn": "true", "PROTECTFROMSCALESETACTIONS": "True"}}}
    assert api.put(ONE, body).status == 200
    assert OptOut.objects.count() == 1


def test_a_protection_with_an_outdated_etag_is_refused(api: Api) -> None:
    a_scale_set()
    etag = api.get(ONE).headers["ETag"]
    api.put(ONE, protection(True, True), if_match=etag)
    with nothing_changes():
        is_error(api.put(ONE, protection(False, False), if_match=etag), 412, "PreconditionFailed")


def test_a_set_that_is_being_deleted(api: Api) -> None:
    a_scale_set()
    ScaleSet.objects.update(deleting=True)
    is_error(api.put(ONE, protection(True, True)), 409, "Conflict")


def test_a_failed_creation_has_the_providers_message(api: Api) -> None:
    a_scale_set(instances=3)
    row = Instance.objects.get(number=1)
    row.note_creation_failed("QuotaExceeded", "instance 1 is beyond the quota", NOW)
    row.os_disk, row.version = "", ""
    row.save()
    Instance.objects.filter(number=2).update(operation_kind="create")
    said = api.get(f"{scale_set()}/virtualMachines/1/instanceView")
    provisioning, power = said["statuses"]
    assert (provisioning["code"], provisioning["level"]) == ("ProvisioningState/failed", "Error")
    assert provisioning["message"] == "instance 1 is beyond the quota"
    assert power["code"] == "PowerState/unknown"
    states = [api.get(f"{scale_set()}/virtualMachines/{n}")["properties"]["provisioningState"] for n in (0, 1, 2)]
    assert states == ["Succeeded", "Failed", "Creating"]


def test_a_vanished_instance_says_since_when(api: Api) -> None:
    a_scale_set(instances=2)
    row = Instance.objects.get(number=1)
    row.note_gone(NOW)
    row.save()
    provisioning = api.get(f"{scale_set()}/virtualMachines/1/instanceView")["statuses"][0]
    assert provisioning["code"] == "ProvisioningState/failed"
    assert provisioning["message"] == "the machine is gone at the provider"
