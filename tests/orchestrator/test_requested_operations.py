"""Operations on single instances that people ask for, on machines of the simulator: what becomes of them, and of upgrades."""

from datetime import timedelta

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_recovery import begin_only, lapse
from upgrades.commands.async_operations import begin, store_outcome
from upgrades.commands.instance_operations import (
    Requested,
    deallocate_machines,
    delete_instances,
    power_off_machines,
    reimage,
    restart_machines,
    start_machines,
)
from upgrades.commands.manual_upgrades import upgrade_instances
from upgrades.commands.opt_outs import opt_out
from upgrades.core.states import Health, Power, UpgradeStatus
from upgrades.models import AsyncOperation, Instance, ScaleSet, WorkItem
from upgrades.models.async_operation import RequestKind, Status

OLD, NEW = "16.04.1", "16.04.2"


@pytest.fixture
def fleet(make_fleet: MakeFleet) -> Fleet:
    """Ten instances that are up, on the newest version."""
    fleet = make_fleet(10)
    fleet.publish(OLD)
    fleet.go_on()
    assert {instance.version for instance in fleet.instances} == {OLD}
    return fleet


def reimaged(fleet: Fleet, *numbers: int, version: str = "") -> Requested:
    return reimage(fleet.path, [str(number) for number in numbers] or None, by="ada", now=fleet.now, version=version)


def status(fleet: Fleet, done: Requested) -> str:
    """What a client that polls is told."""
    row = AsyncOperation.objects.filter(pk=done.request).first()
    row = row or begin(RequestKind.INSTANCES, fleet.path, fleet.now, scale_set=fleet.row, id=done.request)
    return store_outcome(row, fleet.now).status


def test_a_reimaged_instance_is_on_a_fresh_disk_with_everything_run_again(fleet: Fleet) -> None:
    before = fleet.instances
    done = reimaged(fleet, 2, 7)
    assert status(fleet, done) == ""
    fleet.go_on()
    assert status(fleet, done) == Status.SUCCEEDED
    for old, new in zip(before, fleet.instances, strict=True):
        assert (new.os_disk != old.os_disk) == (new.number in (2, 7))
        assert (new.version, new.health, new.data_disks) == (OLD, Health.HEALTHY, old.data_disks)
        assert {run["what"] for run in new.runs} == {"customData", "health"}
        assert {run["os_disk"] for run in new.runs} == {new.os_disk}
    assert not fleet.work_items


def test_the_work_goes_on_when_a_worker_dies_in_the_middle(fleet: Fleet) -> None:
    """Its machine is reimaged once, by the same operation, whoever ends it."""
    done = reimaged(fleet, 2)
    begin_only(fleet, fleet.reconcile())  # and here it dies
    assert fleet.reconcile() == [], "its lease lasts"
    on_disk = fleet.views()["2"].os_disk
    lapse(fleet)
    fleet.go_on()
    (instance,) = [each for each in fleet.instances if each.number == 2]
    assert (instance.os_disk, instance.health) == (on_disk, Health.HEALTHY), "it was not begun again"
    assert status(fleet, done) == Status.SUCCEEDED


def test_the_work_begins_although_the_process_dies_after_the_request(fleet: Fleet) -> None:
    """The process dies right after the command's commit: the next look hands out what is in the database."""
    done = reimaged(fleet, 2)
    fleet.row_cache = type(fleet.row_cache)()
    assert ScaleSet.objects.get(pk=fleet.id).reconcile_at <= fleet.now
    fleet.go_on()
    assert status(fleet, done) == Status.SUCCEEDED


def test_the_gate_waits_for_instances_that_are_reimaged_by_hand(fleet: Fleet) -> None:
    """It counts as one that is down: until it has a verdict no batch begins, and then it counts as what it is."""
    reimaged(fleet, 8)
    fleet.publish(NEW)
    handed = fleet.reconcile()
    assert fleet.row.decision["code"] == "InstancesInitializing"
    assert not fleet.row.upgrades.exists()
    fleet.work(handed)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert {instance.version for instance in fleet.instances} == {NEW}


def test_three_that_stay_down_shut_the_gate(fleet: Fleet) -> None:
    reimaged(fleet, 7, 8, 9)
    fleet.work(fleet.reconcile())
    fleet.sick = {7, 8, 9}
    fleet.probe()
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    error = fleet.upgrade.error
    assert error and error["code"] == "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"


def test_an_upgrade_does_not_end_while_its_last_instance_is_reimaged(fleet: Fleet) -> None:
    """It is busy, not switched off: the upgrade takes it afterwards."""
    in_its_first_pause(fleet)
    fleet.change(*range(2, 9), version=NEW)
    done = reimaged(fleet, 9)
    fleet.later(minutes=10)
    fleet.reconcile()
    assert fleet.upgrade.ended_at is None
    assert fleet.row.decision["code"] == "CreatingInstances"
    lapse(fleet)
    fleet.go_on()
    assert status(fleet, done) == Status.SUCCEEDED
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert fleet.instances[9].version == NEW


def in_its_first_pause(fleet: Fleet) -> None:
    """An upgrade between its first batch and its second."""
    fleet.edit({"properties.upgradePolicy.automaticOSUpgradePolicy.useRollingUpgradePolicy": True})
    fleet.edit({"properties.upgradePolicy.rollingUpgradePolicy.pauseTimeBetweenBatches": "PT10M"})
    fleet.publish(NEW)
    for _ in range(4):
        fleet.work(fleet.reconcile())
        fleet.probe()
    assert fleet.row.decision["code"] == "PauseBetweenBatches"


def test_a_failed_reimage_blames_no_version_and_no_upgrade(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3, **{"fail-percent": "100"})
    fleet.publish(OLD)
    fleet.put(3, automatic=False)
    fleet.go_on()
    fleet.publish(NEW)
    before = fleet.instances[1]
    done = reimaged(fleet, 1, version=NEW)
    fleet.go_on()
    assert status(fleet, done) == Status.FAILED
    error = AsyncOperation.objects.get(pk=done.request).error
    assert error and error["code"] and "instances 1" in error["message"]
    after = fleet.instances[1]
    assert (after.os_disk, after.version, after.failed_version, after.failures) == (before.os_disk, OLD, "", 0)
    assert after.operation_id is None


def test_deleted_instances_go_and_are_not_made_again(fleet: Fleet) -> None:
    done = delete_instances(fleet.path, ["3", "9"], by="ada", now=fleet.now)
    assert status(fleet, done) == ""
    fleet.go_on()
    fleet.now += timedelta(minutes=5)
    fleet.go_on()
    assert status(fleet, done) == Status.SUCCEEDED
    assert [instance.number for instance in fleet.instances] == [0, 1, 2, 4, 5, 6, 7, 8]
    assert set(fleet.views()) == {"0", "1", "2", "4", "5", "6", "7", "8"}
    assert fleet.row.capacity == 8


def test_the_number_of_a_deleted_instance_may_come_back(fleet: Fleet) -> None:
    """Which must not make its deletion look as if it still went on."""
    done = delete_instances(fleet.path, ["9"], by="ada", now=fleet.now)
    fleet.go_on()
    fleet.put(10)
    fleet.go_on()
    assert Instance.objects.filter(scale_set=fleet.id, number=9).exists()
    assert status(fleet, done) == Status.SUCCEEDED


# --- opted out after the request ---------------------------------------------------------------------------------------


def opted_out(fleet: Fleet, *numbers: int) -> None:
    opt_out(fleet.path, [str(number) for number in numbers], reason="the demo", owner="bob", now=fleet.now)


def test_an_opt_out_before_it_began_holds_a_reimage(fleet: Fleet) -> None:
    """Who opts an instance out wants its disk kept: the others go on, and who asked for the reimage is told."""
    before = fleet.instances
    done = reimaged(fleet, 2, 7)
    opted_out(fleet, 2)
    fleet.go_on()
    changed = [old.number for old, new in zip(before, fleet.instances, strict=True) if old.os_disk != new.os_disk]
    assert changed == [7]
    assert fleet.instances[2].health == Health.HEALTHY and fleet.instances[2].operation_id is None
    assert status(fleet, done) == Status.FAILED
    error = AsyncOperation.objects.get(pk=done.request).error
    assert error and error["code"] == "OperationNotAllowed" and "instances 2. It was opted out" in error["message"]
    assert not fleet.work_items


def test_an_opt_out_after_it_began_lets_it_end(fleet: Fleet) -> None:
    """Half a disk is nobody's wish."""
    before = fleet.instances[2].os_disk
    done = reimaged(fleet, 2)
    begin_only(fleet, fleet.reconcile())
    WorkItem.objects.update(attempts=1)
    opted_out(fleet, 2)
    lapse(fleet)
    fleet.go_on()
    assert status(fleet, done) == Status.SUCCEEDED
    assert fleet.instances[2].os_disk != before


def test_an_opt_out_before_it_began_holds_a_manual_upgrade(fleet: Fleet) -> None:
    fleet.edit({"properties.virtualMachineProfile.osProfile.customData": "Y2hhbmdlZA=="})
    before = [instance.os_disk for instance in fleet.instances]
    done = upgrade_instances(fleet.path, ["1", "4"], by="ada", now=fleet.now)
    opted_out(fleet, 1, 4)
    fleet.go_on()
    assert [instance.os_disk for instance in fleet.instances] == before
    assert status(fleet, done) == Status.FAILED


def test_an_opt_out_before_it_began_holds_a_deletion_and_gives_its_capacity_back(fleet: Fleet) -> None:
    done = delete_instances(fleet.path, ["3", "8"], by="ada", now=fleet.now)
    opted_out(fleet, 3)
    fleet.go_on()
    assert [instance.number for instance in fleet.instances] == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    assert fleet.row.capacity == fleet.row.document["sku"]["capacity"] == 9
    assert fleet.instances[3].health == Health.HEALTHY
    assert status(fleet, done) == Status.FAILED


def test_a_smaller_capacity_that_was_asked_for_since_stays(fleet: Fleet) -> None:
    delete_instances(fleet.path, ["3"], by="ada", now=fleet.now)
    opted_out(fleet, 3)
    fleet.put(5)
    fleet.go_on()
    assert fleet.row.capacity == 5
    assert [instance.number for instance in fleet.instances] == [0, 1, 2, 3, 4]


def test_an_opt_out_does_not_hold_a_restart(fleet: Fleet) -> None:
    """It is about the OS disk."""
    done = restart_machines(fleet.path, ["3"], by="ada", now=fleet.now)
    opted_out(fleet, 3)
    fleet.go_on()
    assert status(fleet, done) == Status.SUCCEEDED


# --- power ------------------------------------------------------------------------------------------------------------


def test_a_machine_that_was_switched_off_by_hand_is_no_failure_and_is_not_started(fleet: Fleet) -> None:
    """An upgrade goes round it, says why, and takes it once it is on again."""
    done = power_off_machines(fleet.path, ["0", "1", "9"], by="ada", now=fleet.now)
    fleet.go_on()
    assert status(fleet, done) == Status.SUCCEEDED
    assert {number for number, view in fleet.views().items() if view.power is Power.STOPPED} == {"0", "1", "9"}
    fleet.publish(NEW)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED, "3 of 10 would be too many, were they failures"
    assert [instance.number for instance in fleet.instances if instance.version == OLD] == [0, 1, 9]
    assert {instance.power for instance in fleet.instances if instance.version == OLD} == {Power.STOPPED}
    start_machines(fleet.path, ["1"], by="ada", now=fleet.now)
    fleet.go_on()
    assert fleet.instances[1].version == NEW, "a new upgrade took it"
    assert {number for number, view in fleet.views().items() if view.power is Power.STOPPED} == {"0", "9"}


def test_the_reason_of_one_that_is_off_is_the_usual_one(fleet: Fleet) -> None:
    deallocate_machines(fleet.path, ["0"], by="ada", now=fleet.now)
    fleet.go_on()
    assert fleet.instances[0].power == Power.DEALLOCATED
    fleet.edit({"properties.upgradePolicy.automaticOSUpgradePolicy.osRollingUpgradeDeferral": True})
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    fleet.probe()
    fleet.reconcile()
    assert "SwitchedOff" in {reason["code"] for reason in fleet.row.decision["reasons"]}


def test_deallocated_machines_are_called_so_until_they_are_started(fleet: Fleet) -> None:
    done = deallocate_machines(fleet.path, ["3"], by="ada", now=fleet.now)
    fleet.go_on()
    assert status(fleet, done) == Status.SUCCEEDED
    assert fleet.instances[3].power == Power.DEALLOCATED
    start_machines(fleet.path, ["3"], by="ada", now=fleet.now)
    fleet.go_on()
    assert (fleet.instances[3].power, fleet.instances[3].health) == (Power.RUNNING, Health.HEALTHY)


def test_a_restart_keeps_the_disk(fleet: Fleet) -> None:
    before = fleet.instances[3]
    done = restart_machines(fleet.path, ["3"], by="ada", now=fleet.now)
    assert fleet.instances[3].health == Health.INITIALIZING
    begin_only(fleet, fleet.reconcile())
    lapse(fleet)  # its worker died
    fleet.go_on()
    after = fleet.instances[3]
    assert status(fleet, done) == Status.SUCCEEDED
    assert (after.os_disk, after.runs, after.power) == (before.os_disk, before.runs, Power.RUNNING)
    assert after.health == Health.HEALTHY


def test_a_machine_that_turns_out_to_be_off_is_not_restarted(fleet: Fleet) -> None:
    power_off_machines(fleet.path, ["3"], by="ada", now=fleet.now)
    fleet.go_on()
    fleet.change(3, power=Power.RUNNING)  # what is known of it is old
    done = restart_machines(fleet.path, ["3"], by="ada", now=fleet.now)
    fleet.go_on()
    assert status(fleet, done) == Status.FAILED
    error = AsyncOperation.objects.get(pk=done.request).error
    assert error and error["code"] == "InstanceNotRunning"
    assert fleet.views()["3"].power is Power.STOPPED


def test_switching_off_while_an_upgrade_runs_is_no_failure_of_it(fleet: Fleet) -> None:
    """Upgraded ones that a person switches off between the batches do not stop it."""
    in_its_first_pause(fleet)
    power_off_machines(fleet.path, ["0", "1"], by="ada", now=fleet.now)
    fleet.work(fleet.reconcile())
    for _ in range(8):  # of the eight that are on, one in each batch
        fleet.later(minutes=10)
        for _ in range(4):
            fleet.work(fleet.reconcile())
            fleet.probe()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert {instance.version for instance in fleet.instances} == {NEW}
    assert [instance.number for instance in fleet.instances if instance.power == Power.STOPPED] == [0, 1]
