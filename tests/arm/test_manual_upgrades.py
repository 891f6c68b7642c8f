"""POST .../manualupgrade: instances that a client names are brought to the model of their scale set."""

import json

import pytest

from tests.arm.client import Api, Json, is_error, scale_set
from tests.stories import NOW, a_batch, a_scale_set, nothing_changes, publish, snapshot_equals_events
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.upgrades import start
from upgrades.core.states import InstanceUpgradeState
from upgrades.models import ApiClient, AuditEntry, Instance, ScaleSet, WorkItem

pytestmark = pytest.mark.django_db
UPGRADE = f"{scale_set()}/manualupgrade"
SIZE = {"sku": {"name": "Standard_D4s_v3"}}
DISKS = {"properties": {"virtualMachineProfile": {"storageProfile": {"dataDisks": [{"lun": 3, "diskSizeGB": 10}]}}}}
LICENCE = {"properties": {"virtualMachineProfile": {"licenseType": "RHEL_BYOS"}}}
EXTENSIONS = {
    "properties": {
        "virtualMachineProfile": {
            "extensionProfile": {"extensions": [{"name": "more", "properties": {"publisher": "p", "type": "t"}}]}
        }
    }
}


def these(*ids: str) -> Json:
    return {"instanceIds": list(ids)}


def operations() -> dict[int, str]:
    return dict(Instance.objects.exclude(operation_kind="").values_list("number", "operation_kind"))


def are_latest(api: Api) -> list[bool]:
    found = api.get(f"{scale_set()}/virtualMachines")["value"]
    return [each["properties"]["latestModelApplied"] for each in found]


def test_the_named_instances_get_a_new_os_disk(api: Api) -> None:
    """In the version that they run: a newer one comes by an upgrade, with all that may hold it back."""
    a_scale_set(instances=3, automatic=False)
    publish("16.04.201809250")
    api.patch(scale_set(), SIZE)
    with snapshot_equals_events():
        said = api.post(UPGRADE, these("0", "2"))
    assert (said.status, said.body) == (202, None)
    assert {"Azure-AsyncOperation", "Location", "Retry-After"} <= set(said.headers)
    assert operations() == {0: "reimage", 2: "reimage"}
    assert set(Instance.objects.exclude(operation_kind="").values_list("operation_version", flat=True)) == {"0.0.1"}
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "InProgress"
    assert AuditEntry.objects.filter(code="InstancesUpgraded").exists()
    assert WorkItem.objects.count() == 1


def test_new_extensions_alone_are_run_on_the_present_disks(api: Api) -> None:
    a_scale_set(instances=2)
    api.patch(scale_set(), EXTENSIONS)
    assert api.post(UPGRADE, these("*")).status == 202
    assert operations() == {0: "extensions", 1: "extensions"}


def test_each_instance_gets_the_work_it_needs(api: Api) -> None:
    row = a_scale_set(instances=3, automatic=False)
    api.patch(scale_set(), EXTENSIONS)
    Instance.objects.filter(number=1).update(model_parts={**row.model_parts, "size": "Standard_B1"})
    row.refresh_from_db()
    Instance.objects.filter(number=2).update(model_parts=row.model_parts, extensions_key="more")
    assert api.post(UPGRADE, these("*")).status == 202
    assert operations() == {0: "extensions", 1: "reimage"}


def test_parts_that_change_no_machine_are_only_noted(api: Api) -> None:
    a_scale_set(instances=2)
    api.patch(scale_set(), LICENCE)
    assert are_latest(api) == [False, False]
    said = api.post(UPGRADE, these("1"))
    assert said.status == 202 and operations() == {}
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "Succeeded"
    assert are_latest(api) == [False, True]


def test_an_instance_with_the_latest_model_is_left_alone(api: Api) -> None:
    a_scale_set(instances=2, automatic=False)
    publish("16.04.201809250")
    said = api.post(UPGRADE, these("*"))
    assert said.status == 202 and operations() == {}
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "Succeeded"


def test_another_image_comes_in_its_newest_version(api: Api) -> None:
    a_scale_set(instances=1, automatic=False)
    image = {"publisher": "CoreOS", "offer": "CoreOS", "sku": "Stable", "version": "latest"}
    said = api.patch(
        scale_set(), {"properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": image}}}}
    )
    assert said.status == 200, said
    publish("1855.4.0", image=("CoreOS", "CoreOS", "Stable"))
    assert api.post(UPGRADE, these("0")).status == 202
    assert Instance.objects.get().operation_version == "1855.4.0"


def test_data_disks_cannot_be_brought(api: Api) -> None:
    a_scale_set(instances=2)
    api.patch(scale_set(), DISKS)
    with nothing_changes():
        is_error(api.post(UPGRADE, these("*")), 409, "OperationNotAllowed", "data disks", "0-1")
    api.patch(scale_set(), SIZE)
    assert api.post(UPGRADE, these("1")).status == 202
    assert operations() == {1: "reimage"}


def test_protected_instances_are_left_alone_or_refused(api: Api) -> None:
    a_scale_set(instances=3)
    opt_out("fleet/web", ["1"], reason="busy", owner="ada", now=NOW)
    api.patch(scale_set(), SIZE)
    with nothing_changes():
        is_error(api.post(UPGRADE, these("0", "1")), 409, "OperationNotAllowed", "ada")
    assert api.post(UPGRADE, these("*")).status == 202
    assert set(operations()) == {0, 2}


def test_an_instance_in_the_running_batch_is_refused(api: Api) -> None:
    row = a_scale_set(instances=10)
    publish("16.04.201809250")
    upgrade = start("fleet/web", "ada", NOW)
    a_batch(upgrade, {0: InstanceUpgradeState.VERIFYING})
    Instance.objects.update(model_parts={**row.model_parts, "size": "Standard_B1"})
    with nothing_changes():
        is_error(api.post(UPGRADE, these("0")), 409, "OperationNotAllowed", "batch")
        is_error(api.post(UPGRADE, these("*")), 409, "OperationNotAllowed", "batch")
    assert api.post(UPGRADE, these("5")).status == 202


@pytest.mark.parametrize(
    "body", [None, {}, {"instanceIds": []}, {"instanceIds": None}, {"instanceIds": ["99"]}, {"ids": ["0"]}]
)
def test_which_instances_must_be_said(api: Api, body: object) -> None:
    a_scale_set(instances=2)
    api.patch(scale_set(), SIZE)
    with nothing_changes():
        said = api.post(UPGRADE, body)
        assert said.status == 400 and said.code in ("InvalidParameter", "InvalidRequestContent"), json.dumps(said.body)


def test_an_operator_may_bring_instances_to_the_model(api: Api) -> None:
    a_scale_set(instances=2)
    is_error(Api(ApiClient.Role.VIEWER).post(UPGRADE, these("*")), 403, "AuthorizationFailed")
    assert Api(ApiClient.Role.OPERATOR).post(UPGRADE, these("*")).status == 202
    ScaleSet.objects.update(deleting=True)
    with nothing_changes():
        assert api.post(UPGRADE, these("*")).status in (404, 409)
