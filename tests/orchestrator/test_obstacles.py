"""A location that lacks the image, or has no room: nothing begins there, and it goes on by itself (rule 18)."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.surging import NEW
from tests.orchestrator.test_extension_upgrades import start, with_script
from upgrades.core.states import UpgradeKind, UpgradeStatus
from upgrades.preflight import checks

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def holds(fleet: Fleet, code: str) -> str:
    """The sentence of the reason that holds the scale set now, which has this code."""
    fleet.later(seconds=3)
    assert fleet.reconcile() == []
    assert fleet.row.decision["code"] == code
    (sentence,) = [reason["text"] for reason in fleet.row.decision["reasons"] if reason["code"] == code]
    return str(sentence)


def test_no_upgrade_begins_before_its_image_is_there(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5, **{"missing-versions": NEW})
    fleet.go_on()
    fleet.publish(NEW)
    assert NEW in holds(fleet, "ImageMissing")
    seq = fleet.row.seq
    holds(fleet, "ImageMissing")
    assert fleet.row.seq == seq, "the same answer is no news"
    assert not fleet.row.upgrades.exists()
    fleet.edit({"tags": {}})
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_a_host_that_is_full_after_a_batch_holds_the_next_one(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    fleet.edit({"tags": {"rollgrid-sim-full": "true"}})
    fleet.probe()
    assert "rollgrid-sim-full" in holds(fleet, "HostFull")
    done = [row.number for row in fleet.instances if row.version == NEW]
    assert len(done) == 1
    assert fleet.upgrade.status == UpgradeStatus.ROLLING_FORWARD
    fleet.edit({"tags": {}})
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_nothing_is_begun_while_the_storage_is_missing(make_fleet: MakeFleet) -> None:
    """No OS disk is taken off, no machine is stopped, no attempt is made."""
    fleet = make_fleet(5)
    fleet.go_on()
    before = [(row.os_disk, row.power) for row in fleet.instances]
    fleet.edit({"tags": {"rollgrid-sim-storage-missing": "true"}})
    fleet.publish(NEW)
    assert "rollgrid-sim-storage-missing" in holds(fleet, "StorageMissing")
    assert not fleet.row.upgrades.exists()
    assert [(row.os_disk, row.power) for row in fleet.instances] == before
    (found,) = [check for check in checks(fleet.row, fleet.now) if check.reference.kind == "image"]
    assert (found.result, "storage" in found.says) == ("failed", True)
    fleet.edit({"tags": {}})
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_extensions_need_no_image(make_fleet: MakeFleet) -> None:
    """Their upgrade makes no OS disk."""
    fleet = with_script(make_fleet, 3)
    fleet.edit({"tags": {"rollgrid-sim-full": "true", "rollgrid-sim-boot-seconds": "0"}})
    start(fleet)
    fleet.go_on()
    assert (fleet.upgrade.kind, fleet.upgrade.status) == (UpgradeKind.EXTENSIONS, UpgradeStatus.COMPLETED)


def test_the_pre_flight_finds_a_missing_image(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(2, **{"missing-versions": NEW})
    fleet.go_on()
    fleet.publish(NEW)
    (found,) = [check for check in checks(fleet.row, fleet.now) if check.reference.kind == "image"]
    assert found.result == "failed"
    assert found.says.endswith(": no upgrade begins before that is mended")
    fleet.edit({"tags": {}})
    assert not [check for check in checks(fleet.row, fleet.now) if check.reference.kind == "image"]
