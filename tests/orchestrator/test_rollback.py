"""Old OS disks are put back: of instances that failed, and of all that failed when a limit stops an upgrade (Z-1.7)."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from upgrades import attempts
from upgrades.commands.steering import retry_now
from upgrades.commands.upgrades import cancel, start
from upgrades.core.progress import Progress
from upgrades.core.states import Health, InstanceUpgradeState, UpgradeStatus
from upgrades.feed import shapes
from upgrades.models import InstanceUpgrade, Transition, WorkItem

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
BAD = "16.04.1"
ROLLING = "properties.upgradePolicy.rollingUpgradePolicy"


def failing(make_fleet: MakeFleet, instances: int = 10, **changes: object) -> Fleet:
    """A fleet whose next version never answers well, published, and its five minutes over."""
    fleet = make_fleet(instances, **{"bad-versions": BAD})
    fleet.go_on()
    if changes:
        fleet.edit(changes)
    fleet.publish(BAD)
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.go_on()
    return fleet


def test_an_instance_that_is_not_healthy_in_time_gets_its_old_disk_back(make_fleet: MakeFleet) -> None:
    """A-9: the very disk, its data disks untouched, and it is well again; counted as failed and as rolled back."""
    fleet = make_fleet(10, **{"bad-versions": BAD})
    fleet.go_on()
    before = fleet.views()
    fleet.publish(BAD)
    fleet.go_on()
    assert fleet.instances[0].version == BAD
    fleet.later(minutes=5)
    fleet.go_on()
    assert {id: (view.os_disk, view.version, view.data_disks) for id, view in fleet.views().items()} == {
        id: (view.os_disk, view.version, view.data_disks) for id, view in before.items()
    }
    assert {row.health for row in fleet.instances} == {Health.HEALTHY}
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert fleet.upgrade.progress() == Progress(successful=0, failed=2, in_progress=0, pending=8)
    assert attempts.rollbacks_of([fleet.upgrade])[fleet.upgrade.pk] == attempts.Rollback(succeeded=2)
    lines = Transition.objects.filter(scale_set=fleet.id, instance_number=0, upgrade_id=fleet.upgrade.pk).order_by("pk")
    states = [line.state for line in lines]
    ways = ["queued", "upgrading", "verifying", "failed", "rolling_back", "rolled_back"]
    assert [state for at, state in enumerate(states) if state not in states[:at]] == ways


def test_an_instance_stays_on_its_new_disk_where_rollback_is_off(make_fleet: MakeFleet) -> None:
    """A-10"""
    off = {"properties.upgradePolicy.automaticOSUpgradePolicy.disableAutomaticRollback": True}
    fleet = failing(make_fleet, **off)
    assert [row.version for row in fleet.instances][:3] == [BAD, BAD, "0.0.1"]
    assert {row.member.state for row in fleet.instances if row.member} == {InstanceUpgradeState.FAILED}
    assert attempts.rollbacks_of([fleet.upgrade])[fleet.upgrade.pk] == attempts.Rollback()


def test_a_manual_upgrade_rolls_back_only_on_a_breach_if_the_policy_says_so(make_fleet: MakeFleet) -> None:
    """Z-0.9; A-17: RollingBack while they go back, then Faulted."""
    fleet = make_fleet(10, **{"bad-versions": BAD})
    fleet.put(10, automatic=False)
    fleet.edit({f"{ROLLING}.rollbackFailedInstancesOnPolicyBreach": True})
    fleet.go_on()
    fleet.publish(BAD)
    start(fleet.path, "ada", fleet.now)
    fleet.go_on()
    fleet.later(minutes=5)
    handed = fleet.reconcile()
    assert fleet.upgrade.status == UpgradeStatus.ROLLING_BACK
    assert fleet.upgrade.ended_at is None and fleet.upgrade.error
    assert {row.member.state for row in fleet.instances if row.member} == {InstanceUpgradeState.ROLLING_BACK}
    fleet.work(handed)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert {row.version for row in fleet.instances} == {"0.0.1"}
    assert fleet.upgrade.error["code"].startswith("MaxUnhealthyUpgraded")
    # The numbers themselves: nobody reads them out of the sentence.
    said = shapes.upgrade(fleet.upgrade)["breach"]
    assert said is not None
    assert said["instances"] == ["0", "1"]
    assert said["exceeded"] == {"share_percent": 100, "limit_percent": 20, "of_upgraded": True}


def test_a_disk_that_cannot_be_put_back_is_said(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(10, **{"bad-versions": BAD, "restore-fail-percent": "100"})
    fleet.go_on()
    fleet.publish(BAD)
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.go_on()
    assert {row.member.state for row in fleet.instances if row.member} == {InstanceUpgradeState.FAILED}
    found = attempts.rollbacks_of([fleet.upgrade])[fleet.upgrade.pk]
    assert (found.succeeded, found.failed) == (0, 2)
    assert found.error.startswith("OSProvisioningClientError: ")


def test_a_worker_that_dies_over_a_rollback_costs_time_only(make_fleet: MakeFleet) -> None:
    """The same operation is handed out again: its disk is put back once."""
    fleet = make_fleet(10, **{"bad-versions": BAD})
    fleet.go_on()
    disks = [row.os_disk for row in fleet.instances]
    fleet.publish(BAD)
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.reconcile()
    assert [row.operation_kind for row in fleet.instances][:3] == ["restore", "restore", ""]
    WorkItem.objects.update(worked_until=None)  # whoever had taken it up is dead, and its lease is over
    fleet.go_on()
    assert [row.os_disk for row in fleet.instances] == disks
    assert {row.operation_id for row in fleet.instances} == {None}
    assert {row.member.state for row in fleet.instances if row.member} == {InstanceUpgradeState.ROLLED_BACK}


def test_a_person_need_not_wait_for_the_next_attempt(make_fleet: MakeFleet) -> None:
    fleet = failing(make_fleet)
    before = fleet.row.upgrades.count()
    fleet.go_on()
    assert fleet.row.upgrades.count() == before
    retry_now(fleet.path, "ada", fleet.now)
    fleet.reconcile()
    assert fleet.row.upgrades.count() == before + 1
    assert fleet.upgrade.started_by == "Platform"


def test_a_new_model_ends_the_wait_too(make_fleet: MakeFleet) -> None:
    """S-47, Z-1.8: "any model change ... start a new rolling upgrade"."""
    fleet = failing(make_fleet)
    before = fleet.row.upgrades.count()
    fleet.edit({"properties.virtualMachineProfile.osProfile.computerNamePrefix": "mended"})
    fleet.reconcile()
    assert fleet.row.upgrades.count() == before + 1


def test_only_failed_instances_are_retried(make_fleet: MakeFleet) -> None:
    """A-21: by hand, from the disk that they are on."""
    fleet = failing(make_fleet, 10)
    upgrade = start(fleet.path, "ada", fleet.now, only_failed=True)
    assert upgrade.progress() == Progress(0, 0, 0, 2)
    fleet.go_on()
    assert [row.instance_number for row in InstanceUpgrade.objects.filter(upgrade=upgrade)] == [0, 1]


def test_an_upgrade_cancelled_during_rollback_is_not_retried_by_itself(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(10, **{"bad-versions": BAD})
    policy = "properties.upgradePolicy.automaticOSUpgradePolicy"
    fleet.edit({f"{policy}.useRollingUpgradePolicy": True, f"{policy}.disableAutomaticRollback": True})
    fleet.edit({f"{ROLLING}.rollbackFailedInstancesOnPolicyBreach": True})
    fleet.go_on()
    fleet.publish(BAD)
    fleet.go_on()
    fleet.later(minutes=5)
    handed = fleet.reconcile()
    assert fleet.upgrade.status == UpgradeStatus.ROLLING_BACK
    cancel(fleet.path, "ada", fleet.now)
    fleet.work(handed)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert fleet.row.decision["code"] == "LastAttemptStopped"
