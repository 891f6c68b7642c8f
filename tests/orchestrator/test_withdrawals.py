"""Whole runs: a version is withdrawn in the middle of an upgrade, and a person takes instances back to an older one."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import IMAGE, Fleet
from upgrades.commands.images import undo_withdrawal, withdraw_image
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.upgrades import start
from upgrades.core.facts import ImageReference
from upgrades.core.states import FaultCode, UpgradeStatus

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
OLD, NEW = "0.0.1", "16.04.1"
VERSION = "properties.virtualMachineProfile.storageProfile.imageReference.version"
AUTOMATIC = "properties.upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade"


def withdraw(fleet: Fleet) -> None:
    withdraw_image(ImageReference(*IMAGE, NEW), fleet.now, by="eve", reason="it panics")


def versions(fleet: Fleet) -> list[str]:
    return [row.version for row in fleet.instances]


def codes(fleet: Fleet) -> set[str]:
    return {reason["code"] for reason in fleet.row.decision["reasons"]}


def test_a_withdrawal_stops_an_upgrade_and_a_person_takes_its_instances_back(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(10)
    fleet.go_on()
    fleet.publish(NEW)
    handed = fleet.reconcile()
    withdraw(fleet)
    fleet.work(handed)
    fleet.go_on()
    assert (fleet.upgrade.status, fleet.upgrade.error and fleet.upgrade.error["code"]) == (
        UpgradeStatus.FAULTED,
        FaultCode.WITHDRAWN,
    )
    assert versions(fleet) == [NEW] * 2 + [OLD] * 8  # they run on
    assert codes(fleet) == {"VersionWithdrawn"}
    fleet.put(12)
    fleet.go_on()
    assert versions(fleet)[10:] == [OLD] * 2
    before = fleet.views()
    start(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert (fleet.upgrade.status, fleet.upgrade.progress().successful) == (UpgradeStatus.COMPLETED, 2)
    assert versions(fleet) == [OLD] * 12
    after = fleet.views()
    assert {id: view.data_disks for id, view in after.items()} == {id: view.data_disks for id, view in before.items()}
    assert fleet.row.decision["reasons"] == []


def test_an_upgrade_to_a_reinstated_version_goes_on(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish(NEW)
    handed = fleet.reconcile()
    withdraw(fleet)
    fleet.work(handed)
    fleet.go_on()
    undo_withdrawal(ImageReference(*IMAGE, NEW), fleet.now, by="eve")
    fleet.go_on()
    assert versions(fleet) == [NEW] * 5


def test_a_pinned_set_is_brought_to_its_version_by_a_persons_start(make_fleet: MakeFleet) -> None:
    """Those that are opted out stay; by itself nothing happens."""
    fleet = make_fleet(5)
    fleet.publish(NEW)
    fleet.go_on()
    assert versions(fleet) == [NEW] * 5
    opt_out(fleet.path, ["4"], reason="debugging", owner="ada", now=fleet.now)
    fleet.edit({VERSION: OLD, AUTOMATIC: False})
    fleet.go_on()
    assert versions(fleet) == [NEW] * 5
    (said,) = fleet.row.decision["reasons"]
    assert (said["code"], said["act"]) == ("PinnedToAnotherVersion", "start")
    assert (
        said["text"]
        == f"The scale set is pinned to {OLD}, and 5 instances run {NEW}. Start the upgrade to move 4 of them to {OLD}."
    )
    start(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert versions(fleet) == [OLD] * 4 + [NEW]
    assert (fleet.upgrade.status, fleet.upgrade.progress().successful) == (UpgradeStatus.COMPLETED, 4)
