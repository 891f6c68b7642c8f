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


def withdraw(one: Fleet) -> None:
    withdraw_image(ImageReference(*IMAGE, NEW), one.now, by="eve", reason="it panics")


def versions(one: Fleet) -> list[str]:
    return [row.version for row in one.instances]


def codes(one: Fleet) -> set[str]:
    return {reason["code"] for reason in one.row.decision["reasons"]}


def test_a_withdrawal_stops_an_upgrade_and_a_person_takes_back_what_has_it(fleet: MakeFleet) -> None:
    one = fleet(10)
    one.go_on()
    one.publish(NEW)
    handed = one.look()
    withdraw(one)
    one.work(handed)
    one.go_on()
    assert (one.upgrade.status, one.upgrade.error and one.upgrade.error["code"]) == (
        UpgradeStatus.FAULTED,
        FaultCode.WITHDRAWN,
    )
    assert versions(one) == [NEW] * 2 + [OLD] * 8  # they run on
    assert codes(one) == {"VersionWithdrawn"}
    one.put(12)
    one.go_on()
    assert versions(one)[10:] == [OLD] * 2
    before = one.views()
    start(one.path, "ada", one.now)
    one.go_on()
    assert (one.upgrade.status, one.upgrade.progress().successful) == (UpgradeStatus.COMPLETED, 2)
    assert versions(one) == [OLD] * 12
    after = one.views()
    assert {id: view.data_disks for id, view in after.items()} == {id: view.data_disks for id, view in before.items()}
    assert one.row.decision["reasons"] == []


def test_what_was_put_back_goes_on(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish(NEW)
    handed = one.look()
    withdraw(one)
    one.work(handed)
    one.go_on()
    undo_withdrawal(ImageReference(*IMAGE, NEW), one.now, by="eve")
    one.go_on()
    assert versions(one) == [NEW] * 5


def test_a_pinned_set_is_brought_to_its_version_by_a_persons_start(fleet: MakeFleet) -> None:
    """Those that are opted out stay; by itself nothing happens."""
    one = fleet(5)
    one.publish(NEW)
    one.go_on()
    assert versions(one) == [NEW] * 5
    opt_out(one.path, ["4"], reason="debugging", owner="ada", now=one.now)
    one.edit({VERSION: OLD, AUTOMATIC: False})
    one.go_on()
    assert versions(one) == [NEW] * 5
    (said,) = one.row.decision["reasons"]
    assert (said["code"], said["act"]) == ("PinnedToAnotherVersion", "start")
    assert (
        said["text"]
        == f"The scale set is pinned to {OLD}, and 5 instances run {NEW}. Start the upgrade to move 4 of them to {OLD}."
    )
    start(one.path, "ada", one.now)
    one.go_on()
    assert versions(one) == [OLD] * 4 + [NEW]
    assert (one.upgrade.status, one.upgrade.progress().successful) == (UpgradeStatus.COMPLETED, 4)
