"""Starting and cancelling; the latest upgrade, and what is told of one that went wrong. The history: test_upgrade_history.py."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.arm.attempts import CANCEL, HISTORY, LATEST, START, ended, shape
from tests.arm.bodies import VECTORS
from tests.arm.client import Api, is_error, scale_set
from tests.orchestrator.conftest import MakeFleet, make_fleet, shared_simulator
from tests.stories import NOW, a_batch, a_scale_set, publish, snapshot_equals_events
from upgrades.arm import clock
from upgrades.commands import async_operations
from upgrades.commands.upgrades import start
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import RollingUpgrade, ScaleSet
from upgrades.models.async_operation import RequestKind

__all__ = ["make_fleet", "shared_simulator"]

pytestmark = pytest.mark.django_db


# --- starting and cancelling ------------------------------------------------------------------------------------------


def test_s6_a_manual_start_works_with_automatic_upgrades_off(api: Api) -> None:
    a_scale_set(automatic=False)
    publish("16.04.201809250")
    with snapshot_equals_events():
        said = api.post(START)
    assert (said.status, said.body) == (202, None)
    assert {"Azure-AsyncOperation", "Location", "Retry-After"} <= set(said.headers)
    assert (RollingUpgrade.objects.get().started_by, RollingUpgrade.objects.get().started_by_name) == ("User", api.name)
    assert api.get(HISTORY)["value"][0]["properties"]["startedBy"] == "User"
    running = api.get(said.headers["Azure-AsyncOperation"])
    assert (running["status"], running.headers["Retry-After"]) == ("InProgress", "1")
    assert "endTime" not in running.body and "error" not in running.body
    waiting = api.get(said.headers["Location"])
    assert (waiting.status, waiting.body) == (202, None) and "Location" in waiting.headers


def test_the_latest_operations_are_kept_wherever_the_clock_is_set(api: Api) -> None:
    """38 days forward, and the next request forgot what clients were asking after."""
    a_scale_set(automatic=False)
    publish("16.04.201809250")
    said = api.post(START)
    async_operations.begin(RequestKind.CANCEL, "group/name", NOW + timedelta(days=38))
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "InProgress"


@pytest.mark.parametrize(
    ("status", "says", "monitored"),
    [
        (UpgradeStatus.COMPLETED, "Succeeded", 200),
        (UpgradeStatus.CANCELLED, "Canceled", 409),
        (UpgradeStatus.FAULTED, "Failed", 409),
    ],
)
def test_the_operation_ends_as_the_upgrade_does(api: Api, status: UpgradeStatus, says: str, monitored: int) -> None:
    a_scale_set()
    publish("16.04.201809250")
    said = api.post(START)
    error = {"code": "MaxUnhealthy", "message": "too many", "details": [{"code": "a", "message": "b"}]}
    RollingUpgrade.objects.update(
        status=status, ended_at=NOW, error=error if status == UpgradeStatus.FAULTED else None, pending_at_end=0
    )
    over = api.get(said.headers["Azure-AsyncOperation"])
    assert (over.status, over["status"]) == (200, says)
    assert over["startTime"] and over["endTime"] and ("error" in over.body) is (says != "Succeeded")
    if status == UpgradeStatus.FAULTED:
        assert over["error"] == error
        is_error(api.get(said.headers["Location"]), 409, "MaxUnhealthy", "too many")
    assert api.get(said.headers["Location"]).status == monitored
    ScaleSet.objects.all().delete()
    assert api.get(said.headers["Azure-AsyncOperation"]).body == over.body, "what has ended stays so"


def test_cancelling(api: Api) -> None:
    a_scale_set()
    publish("16.04.201809250")
    api.post(START)
    with snapshot_equals_events():
        said = api.post(CANCEL)
    assert said.status == 202 and {"Azure-AsyncOperation", "Location"} <= set(said.headers)
    assert RollingUpgrade.objects.get().cancel_requested_by == api.name
    assert api.get(LATEST)["properties"]["runningStatus"]["lastAction"] == "Cancel"
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "InProgress"
    RollingUpgrade.objects.update(status=UpgradeStatus.CANCELLED, ended_at=NOW, pending_at_end=0)
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "Succeeded"
    assert api.get(said.headers["Location"]).status == 200
    is_error(api.post(CANCEL), 409, "Conflict", "There is no ongoing Rolling Upgrade to cancel.")


def test_the_time_of_the_last_action_is_when_it_was_asked_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the batch in flight was finished, and asking again is no action."""
    a_scale_set()
    publish("16.04.201809250")
    api.post(START)
    for minutes in (5, 10):
        monkeypatch.setattr(clock, "now", lambda minutes=minutes: NOW + timedelta(minutes=minutes))
        api.post(CANCEL)

    def status() -> Any:
        return api.get(LATEST)["properties"]["runningStatus"]

    assert (status()["lastAction"], status()["lastActionTime"]) == ("Cancel", "2018-09-25T12:05:00.0000000+00:00")
    over = NOW + timedelta(minutes=20)
    RollingUpgrade.objects.update(status=UpgradeStatus.CANCELLED, ended_at=over, pending_at_end=10)
    assert (status()["code"], status()["lastActionTime"]) == ("Cancelled", "2018-09-25T12:05:00.0000000+00:00")


def test_impossible_starts_are_refused(api: Api) -> None:
    a_scale_set()
    publish("16.04.201809250")
    api.post(START)
    is_error(api.post(START), 409, "OperationNotAllowed", "another ongoing rolling upgrade operation")
    a_scale_set("pinned", version="0.0.1", model={})
    ScaleSet.objects.filter(name="pinned").update(image_version="0.0.1")
    said = api.post(f"{scale_set('pinned')}/osRollingUpgrade")
    is_error(said, 409, "OperationNotAllowed", "unprotected instances which have imageReference.version set to latest")


# --- the latest one ---------------------------------------------------------------------------------------------------


def test_the_latest_upgrade_shows_its_error(api: Api) -> None:
    sample = json.loads((VECTORS / "observed_RollingUpgrade_latest_Faulted.json").read_text())
    row = a_scale_set(rolling={"maxBatchInstancePercent": 50, "pauseTimeBetweenBatches": "PT90S"})
    upgrade = ended(row, NOW, status=UpgradeStatus.FAULTED, error=sample["properties"]["error"])
    said = api.get(LATEST)
    assert set(shape(sample)) <= set(shape(said.body)) | {".tags"}
    assert said["properties"]["error"] == sample["properties"]["error"]
    assert said["properties"]["runningStatus"]["code"] == "Faulted"
    upgrade.delete()
    publish("16.04.201809250")
    start("fleet/web", "ada", NOW)
    policy = api.get(LATEST)["properties"]["policy"]
    assert (policy["maxBatchInstancePercent"], policy["pauseTimeBetweenBatches"]) == (50, "PT90S")


def test_a_whole_upgrade_as_a_client_sees_it(api: Api, make_fleet: MakeFleet) -> None:
    """On a real simulator: the four counts add up at every reconcile, and the machines say what they run."""
    made = make_fleet(5)
    made.go_on()
    group, _, name = made.path.partition("/")
    path = scale_set(name, group)
    api.patch(path, {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}})
    made.publish("16.04.201809250")
    for _ in range(60):
        made.work(made.reconcile())
        made.probe()
        made.now += timedelta(seconds=1)
        said = api.get(f"{path}/rollingUpgrades/latest")
        if said.status == 200:
            assert sum(said["properties"]["progress"].values()) == 5
            if said["properties"]["runningStatus"]["code"] == "Completed":
                break
    assert said["properties"]["progress"]["successfulInstanceCount"] == 5
    machines = api.get(f"{path}/virtualMachines")["value"]
    assert {machine["properties"]["storageProfile"]["imageReference"]["exactVersion"] for machine in machines} == {
        "16.04.201809250"
    }


# --- what went wrong --------------------------------------------------------------------------------------------------


def a_bad_upgrade(make_fleet: MakeFleet, **tags: str) -> Any:
    """An upgrade to a version that some machines cannot take, as far as it goes in five minutes."""
    fleet = make_fleet(10, **tags)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.go_on()
    return fleet


def test_an_upgrade_that_was_rolled_back_says_so(api: Api, make_fleet: MakeFleet) -> None:
    """A-9, S-54: both counts; A-31: each instance with its own error."""
    fleet = a_bad_upgrade(make_fleet, **{"bad-versions": "16.04.1"})
    group, name = fleet.path.split("/")
    (attempt,) = api.get(f"{scale_set(name, of=group)}/osUpgradeHistory")["value"]
    properties = attempt["properties"]
    assert properties["rollbackInfo"] == {
        "successfullyRolledbackInstanceCount": 2,
        "failedRolledbackInstanceCount": 0,
    }
    assert properties["progress"]["failedInstanceCount"] == 2
    details = properties["error"]["details"]
    assert [detail["target"] for detail in details] == [f"{name}/virtualMachines/{id}" for id in (0, 1)]
    assert {detail["code"] for detail in details} == {"RollingUpgradeInstanceUnhealthyError"}


def test_a_disk_that_could_not_be_put_back_is_told(api: Api, make_fleet: MakeFleet) -> None:
    fleet = a_bad_upgrade(make_fleet, **{"bad-versions": "16.04.1", "restore-fail-percent": "100"})
    group, name = fleet.path.split("/")
    (attempt,) = api.get(f"{scale_set(name, of=group)}/osUpgradeHistory")["value"]
    rollback = attempt["properties"]["rollbackInfo"]
    assert (rollback["successfullyRolledbackInstanceCount"], rollback["failedRolledbackInstanceCount"]) == (0, 2)
    assert rollback["rollbackError"]["code"] == "OSProvisioningClientError" and rollback["rollbackError"]["message"]


def test_an_upgrade_that_goes_on_with_failed_instances_says_so(api: Api) -> None:
    """A-31, Z-1.6: RollingUpgradeInProgressWithFailedUpgradedVMs, while it is within its limits."""
    row = a_scale_set(instances=30)
    publish("16.04.201809250")
    states = {0: InstanceUpgradeState.FAILED, **dict.fromkeys(range(1, 6), InstanceUpgradeState.SUCCEEDED)}
    a_batch(start(str(row), "ada", NOW), states, finished=True)
    error = api.get(LATEST)["properties"]["error"]
    assert error["code"] == "RollingUpgradeInProgressWithFailedUpgradedVMs"
    assert "1 of 6 upgraded instances failed" in error["message"]
    assert [detail["target"] for detail in error["details"]] == ["web/virtualMachines/0"]


@pytest.mark.parametrize(("version", "code"), [("2026-04-01", "RollingBack"), ("2018-10-01", "RollingForward")])
def test_rolling_back_is_told_to_clients_that_know_it(api: Api, version: str, code: str) -> None:
    """A-37"""
    row = a_scale_set()
    publish("16.04.201809250")
    a_batch(start(str(row), "ada", NOW), {0: InstanceUpgradeState.ROLLING_BACK}, finished=True)
    error = {
        "code": "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
        "message": "too many",
        "details": [],
    }
    row.upgrades.update(status=UpgradeStatus.ROLLING_BACK, error=error)
    api.version = version
    assert api.get(LATEST)["properties"]["runningStatus"]["code"] == code


def test_the_reasons_are_told_beside_azures_own(api: Api, make_fleet: MakeFleet) -> None:
    """The same object as in the feed: of the upgrade, of the scale set, of each instance."""
    fleet = a_bad_upgrade(make_fleet, **{"bad-versions": "16.04.1"})
    group, name = fleet.path.split("/")
    path = scale_set(name, of=group)
    reason, suspicion = told = api.get(f"{path}/rollingUpgrades/latest")["properties"]["reasons"]
    assert (reason["code"], reason["act"], reason["liftedBy"]) == ("WaitingToTryAgain", "retry_now", "operator")
    assert reason["earliestRelease"] > reason["since"]
    assert reason["numbers"] == {"attempts": 1}
    assert (suspicion["code"], suspicion["numbers"]) == ("VersionSuspected", {"failed": 2, "tried": 2})
    assert api.get(f"{path}/instanceView")["reasons"] == told
    assert api.get(f"{path}/virtualMachines/5/instanceView")["reasons"] == []
