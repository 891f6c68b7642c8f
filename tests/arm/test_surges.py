"""Upgrades with maxSurge as clients see them (A-18)."""

from datetime import timedelta

import pytest

from tests.arm.client import Api, scale_set
from tests.orchestrator.conftest import MakeFleet, make_fleet, shared_simulator

__all__ = ["make_fleet", "shared_simulator"]

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NEW = "16.04.201809250"
POLICY = {"automaticOSUpgradePolicy": {"useRollingUpgradePolicy": True}, "rollingUpgradePolicy": {"maxSurge": True}}


def test_a_surge_as_a_client_sees_it(api: Api, make_fleet: MakeFleet) -> None:
    """Never fewer machines than before, counts that add up, and a capacity that is as it should be all the while."""
    made = make_fleet(3)
    made.go_on()
    group, _, name = made.path.partition("/")
    path = scale_set(name, group)
    api.patch(path, {"properties": {"upgradePolicy": POLICY}})
    made.publish(NEW)
    listed = set()
    for _ in range(60):
        made.work(made.reconcile())
        listed.add(len(api.get(f"{path}/virtualMachines")["value"]))
        assert api.get(path)["properties"]["provisioningState"] == "Succeeded"
        made.probe()
        made.now += timedelta(seconds=1)
        said = api.get(f"{path}/rollingUpgrades/latest")["properties"]
        assert said["policy"]["maxSurge"] is True
        assert sum(said["progress"].values()) == 3
        if said["runningStatus"]["code"] == "Completed":
            break
    assert said["progress"]["successfulInstanceCount"] == 3
    assert listed == {3, 4}
    assert api.get(path)["sku"]["capacity"] == 3
    machines = api.get(f"{path}/virtualMachines")["value"]
    assert {machine["properties"]["storageProfile"]["imageReference"]["exactVersion"] for machine in machines} == {NEW}
    assert [machine["instanceId"] for machine in machines] == ["3", "4", "5"]
