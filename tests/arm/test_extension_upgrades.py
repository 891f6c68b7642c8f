"""POST extensionRollingUpgrade, and where such an upgrade is told of (Z-4.2, Z-4.5)."""

import pytest

from tests.arm.client import Api, is_error, scale_set
from tests.stories import NOW, a_scale_set, snapshot_equals_events
from upgrades.core.states import OperationKind, UpgradeKind, UpgradeStatus
from upgrades.models import RollingUpgrade

pytestmark = pytest.mark.django_db
START = f"{scale_set()}/extensionRollingUpgrade"
LATEST = f"{scale_set()}/rollingUpgrades/latest"
HISTORY = f"{scale_set()}/osUpgradeHistory"


def test_a_21_an_extension_upgrade_is_started_and_asked_after(api: Api) -> None:
    a_scale_set(probe="/health", automatic=False)
    with snapshot_equals_events():
        said = api.post(START)
    assert (said.status, said.body) == (202, None)
    assert {"Azure-AsyncOperation", "Location", "Retry-After"} <= set(said.headers)
    upgrade = RollingUpgrade.objects.get()
    assert (upgrade.kind, upgrade.started_by, upgrade.started_by_name) == (UpgradeKind.EXTENSIONS, "User", api.name)
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "InProgress"
    assert api.get(said.headers["Location"]).status == 202
    RollingUpgrade.objects.update(status=UpgradeStatus.COMPLETED, ended_at=NOW, pending_at_end=0)
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "Succeeded"
    assert api.get(said.headers["Location"]).status == 200


def test_a_21_an_upgrade_of_extensions_is_the_latest_but_not_in_the_os_history(api: Api) -> None:
    a_scale_set(probe="/health")
    api.post(START)
    properties = api.get(LATEST)["properties"]
    assert properties["runningStatus"]["code"] == "RollingForward"
    assert properties["progress"]["pendingInstanceCount"] == 10
    assert properties["policy"]["maxBatchInstancePercent"] == 20
    assert api.get(HISTORY)["value"] == []
    assert api.post(f"{scale_set()}/rollingUpgrades/cancel").status == 202


def test_a_21_a_second_upgrade_and_a_model_without_extensions_are_refused(api: Api) -> None:
    a_scale_set()
    is_error(api.post(START), 409, "OperationNotAllowed", "its model has none")
    RollingUpgrade.objects.all().delete()
    a_scale_set("other", probe="/health")
    other = scale_set("other")
    assert api.post(f"{other}/extensionRollingUpgrade").status == 202
    for again in ("extensionRollingUpgrade", "osRollingUpgrade"):
        is_error(api.post(f"{other}/{again}"), 409, "OperationNotAllowed", "another ongoing rolling upgrade operation")


def test_a_21_an_instance_is_updating_while_its_extensions_run(api: Api) -> None:
    row = a_scale_set(probe="/health", instances=1)
    health = {"name": "health", "state": "succeeded", "message": "", "version": "1.0"}
    row.instances.update(operation_kind=OperationKind.EXTENSIONS, extensions=[health])
    instance = api.get(f"{scale_set()}/virtualMachines/0?$expand=instanceView")["properties"]
    assert instance["provisioningState"] == "Updating"
    (extension,) = instance["instanceView"]["extensions"]
    assert (extension["name"], extension["typeHandlerVersion"]) == ("health", "1.0")
    assert instance["instanceView"]["statuses"][0]["code"] == "ProvisioningState/updating"
