"""The history of a scale set's upgrades (osUpgradeHistory), as clients read it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.arm.attempts import HISTORY, LATEST, ended, shape
from tests.arm.bodies import VECTORS
from tests.arm.client import Api
from tests.stories import NOW, UBUNTU, a_batch, a_scale_set, publish
from upgrades.attempts import months_before
from upgrades.commands.upgrades import start
from upgrades.core.states import InstanceUpgradeState, StartedBy, UpgradeStatus
from upgrades.models import RollingUpgrade

pytestmark = pytest.mark.django_db


def test_s49_the_last_five_within_two_months(api: Api) -> None:
    row, now = a_scale_set(), NOW
    ended(row, now - timedelta(days=63))
    assert api.get(HISTORY).body == {"value": []}
    for days in range(40, 47):
        ended(row, now - timedelta(days=days))
    times = [upgrade["properties"]["runningStatus"]["startTime"] for upgrade in api.get(HISTORY)["value"]]
    assert len(times) == 5 and times == sorted(times, reverse=True)
    assert times[0].startswith(f"{now - timedelta(days=40):%Y-%m-%d}")
    assert RollingUpgrade.objects.count() == 8, "kept all the same"


@pytest.mark.parametrize(
    ("at", "before"),
    [
        (datetime(2018, 9, 25, 1, tzinfo=UTC), datetime(2018, 7, 25, 1, tzinfo=UTC)),
        (datetime(2018, 1, 31, tzinfo=UTC), datetime(2017, 11, 30, tzinfo=UTC)),
        (datetime(2020, 4, 30, tzinfo=UTC), datetime(2020, 2, 29, tzinfo=UTC)),
        (datetime(2018, 2, 28, tzinfo=UTC), datetime(2017, 12, 28, tzinfo=UTC)),
    ],
)
def test_s49_two_months_are_months(at: datetime, before: datetime) -> None:
    assert months_before(at, 2) == before


def test_s50_the_shape_is_the_documents(api: Api) -> None:
    """Every field of the document's sample is there with the same type, and endTime besides its completedTime."""
    ended(a_scale_set(), NOW - timedelta(days=1))
    said = api.get(HISTORY)
    sample = json.loads((VECTORS / "document-2018_GET_osUpgradeHistory_response.json").read_text())
    ours = shape(said.body)
    assert shape(sample).items() <= ours.items()
    status = said["value"][0]["properties"]["runningStatus"]
    assert status["endTime"] == status["completedTime"] and status["endTime"].endswith("+00:00")
    more = {path for path in ours if path not in shape(sample)}
    assert more == {
        ".value[].properties.runningStatus.endTime",
        ".value[].properties.targetImageReference.exactVersion",
    }


def test_s50_the_shape_is_that_of_an_answer_seen_today(api: Api) -> None:
    ended(a_scale_set(), NOW - timedelta(days=1))
    sample = json.loads((VECTORS / "observed_OSUpgradeHistory_Completed.json").read_text())
    assert set(shape(sample)) <= set(shape(api.get(HISTORY).body))


def test_s51_platform_and_user(api: Api) -> None:
    row, now = a_scale_set(), NOW
    ended(row, now - timedelta(days=2))
    ended(row, now - timedelta(days=1), started_by=StartedBy.USER, status=UpgradeStatus.CANCELLED)
    assert [upgrade["properties"]["startedBy"] for upgrade in api.get(HISTORY)["value"]] == ["User", "Platform"]


def test_a_manual_upgrade_with_nothing_to_do_is_no_attempt(api: Api) -> None:
    """Five of them would push out all that says something. One of the platform's that found all opted out meanwhile is one."""
    row, now = a_scale_set(), NOW
    ended(row, now - timedelta(days=2))
    for days in (1, 0.5):
        ended(row, now - timedelta(days=days), started_by=StartedBy.USER)
    assert [upgrade["properties"]["startedBy"] for upgrade in api.get(HISTORY)["value"]] == ["Platform"]


def test_s52_the_four_counts_add_up(api: Api) -> None:
    a_scale_set(instances=20)
    publish("16.04.201809250")
    upgrade = start("fleet/web", "ada", NOW)
    states = {
        0: InstanceUpgradeState.SUCCEEDED,
        1: InstanceUpgradeState.FAILED,
        2: InstanceUpgradeState.VERIFYING,
        3: InstanceUpgradeState.UPGRADING,
    }
    a_batch(upgrade, states)
    expected = {
        "successfulInstanceCount": 1,
        "failedInstanceCount": 1,
        "inProgressInstanceCount": 2,
        "pendingInstanceCount": 16,
    }
    assert api.get(LATEST)["properties"]["progress"] == expected
    assert api.get(HISTORY)["value"][0]["properties"]["progress"] == expected
    assert sum(expected.values()) == 20


def test_s53_s54_the_target_is_a_version_and_the_rollback_counts_are_there(api: Api) -> None:
    ended(a_scale_set(), NOW)
    properties = api.get(HISTORY)["value"][0]["properties"]
    assert properties["targetImageReference"] == {
        **dict(zip(("publisher", "offer", "sku"), UBUNTU, strict=True)),
        "version": "16.04.201809250",
        "exactVersion": "16.04.201809250",
    }
    assert properties["rollbackInfo"] == {
        "successfullyRolledbackInstanceCount": 0,
        "failedRolledbackInstanceCount": 0,
    }


@pytest.mark.parametrize(
    "path",
    [
        # Get-AzureRmVmss -OSUpgradeHistory, az vmss get-os-upgrade-history, and the document's REST call
        "/resourceGroups/myResourceGroup/providers/Microsoft.Compute/virtualMachineScaleSets/myVMSS/osUpgradeHistory"
        "?api-version=2018-10-01",
        "/resourceGroups/myResourceGroup/providers/Microsoft.Compute/virtualMachineScaleSets/myVMSS/osUpgradeHistory"
        "?api-version=2023-09-01",
        "/resourcegroups/myresourcegroup/providers/microsoft.compute/virtualmachinescalesets/myvmss/osupgradehistory"
        "?api-version=2018-10-01",
    ],
)
def test_s48_the_history_is_one_get(api: Api, path: str) -> None:
    ended(a_scale_set("myVMSS", group="myResourceGroup"), NOW)
    said = api.get(path)
    assert said.status == 200 and len(said["value"]) == 1
    assert said["value"][0]["type"] == "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades"
