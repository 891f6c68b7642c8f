"""People who change their minds while new instances take the places of old ones: opt-outs, scaling, pauses, cancels, breaches."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.surging import (
    BAD,
    NEW,
    answering,
    begun,
    numbers,
    opt_out_while_its_worker_is_held_up,
    states,
    surging,
)
from tests.orchestrator.test_recovery import lapse
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.commands.steering import pause, resume
from upgrades.commands.upgrades import cancel
from upgrades.core.progress import Progress
from upgrades.core.states import FaultCode, InstanceUpgradeState, OperationKind, UpgradeStatus

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_an_instance_opted_out_before_its_surge_begins_is_skipped(make_fleet: MakeFleet) -> None:
    fleet, handed = begun(make_fleet)
    first = fleet.instances[0]
    opt_out(fleet.path, ["0"], reason="busy", owner="ada", now=fleet.now)
    fleet.work(handed)
    assert states(fleet)[0] == InstanceUpgradeState.SKIPPED
    assert "5" not in fleet.views()
    fleet.go_on()
    assert (fleet.instances[0].number, fleet.instances[0].os_disk) == (0, first.os_disk)
    assert numbers(fleet) == [0, 6, 7, 8, 9]
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_an_instance_opted_out_while_its_replacement_is_awaited_stays(make_fleet: MakeFleet) -> None:
    fleet, handed = begun(make_fleet)
    first = fleet.instances[0]
    fleet.work(handed)
    opt_out(fleet.path, ["0"], reason="busy", owner="ada", now=fleet.now)
    fleet.probe()
    fleet.go_on()
    assert states(fleet)[0] == InstanceUpgradeState.SKIPPED
    assert (fleet.instances[0].number, fleet.instances[0].os_disk) == (0, first.os_disk)
    assert numbers(fleet) == [0, 6, 7, 8, 9]
    assert set(fleet.views()) == {str(number) for number in numbers(fleet)}
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert fleet.upgrade.progress() == Progress(successful=4, failed=0, in_progress=0, pending=0)


def test_an_instance_opted_out_before_its_deletion_stays(make_fleet: MakeFleet) -> None:
    """Until it is touched, an instance can be let go."""
    fleet, handed = begun(make_fleet)
    first = fleet.instances[0]
    fleet.work(handed)
    fleet.probe()
    removing = fleet.reconcile()
    assert fleet.instances[0].operation_kind == OperationKind.DELETE
    opt_out(fleet.path, ["0"], reason="busy", owner="ada", now=fleet.now)
    fleet.work(removing)
    fleet.go_on()
    assert states(fleet)[0] == InstanceUpgradeState.SKIPPED
    assert (fleet.instances[0].number, fleet.instances[0].os_disk) == (0, first.os_disk)
    assert numbers(fleet) == [0, 6, 7, 8, 9]
    assert set(fleet.views()) == {str(number) for number in numbers(fleet)}
    opt_in(fleet.path, ["0"], owner="ada", now=fleet.now)
    fleet.go_on()
    assert numbers(fleet) == [6, 7, 8, 9, 10]


def test_a_delayed_worker_lets_no_instance_go_after_its_deletion_began(make_fleet: MakeFleet) -> None:
    fleet, handed = begun(make_fleet)
    fleet.work(handed)
    fleet.probe()
    fleet.reconcile()
    opt_out_while_its_worker_is_held_up(fleet)
    assert fleet.instances[0].operation_kind == OperationKind.DELETE
    assert states(fleet)[0] == InstanceUpgradeState.SUCCEEDED


def test_a_new_instance_that_failed_and_is_opted_out_stays_and_counts_for_nothing(make_fleet: MakeFleet) -> None:
    """Somebody looks into it: no other goes in its place, and it goes when they have done."""
    fleet, handed = begun(make_fleet, tags={"bad-versions": BAD})
    fleet.work(handed)
    opt_out(fleet.path, ["5"], reason="I look into it", owner="ada", now=fleet.now)
    fleet.probe()
    fleet.later(minutes=5)
    fleet.go_on()
    assert numbers(fleet) == [0, 1, 2, 3, 4, 5]
    assert answering(fleet) == 5
    fleet.publish("16.04.2")
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert sorted(states(fleet)) == [0, 1, 2, 3, 4]
    assert len(numbers(fleet)) == 6 and 5 in numbers(fleet)
    opt_in(fleet.path, ["5"], owner="ada", now=fleet.now)
    fleet.go_on()
    assert len(numbers(fleet)) == 5 and 5 not in numbers(fleet)


def test_a_surge_instance_without_a_replaced_one_is_not_waited_for(make_fleet: MakeFleet) -> None:
    """S-52: of the next upgrade's counts it is none, in the moment before it goes."""
    fleet, handed = begun(make_fleet, tags={"bad-versions": BAD})
    fleet.work(handed)
    opt_out(fleet.path, ["5"], reason="I look into it", owner="ada", now=fleet.now)
    fleet.later(minutes=5)
    fleet.go_on()
    fleet.publish("16.04.2")
    fleet.reconcile()
    opt_in(fleet.path, ["5"], owner="ada", now=fleet.now)
    assert fleet.upgrade.progress() == Progress(successful=0, failed=0, in_progress=2, pending=3)


def test_a_surge_that_is_cancelled_finishes_its_batch(make_fleet: MakeFleet) -> None:
    fleet, handed = begun(make_fleet)
    cancel(fleet.path, "ada", fleet.now)
    fleet.work(handed)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.CANCELLED
    assert numbers(fleet) == [2, 3, 4, 5, 6]
    assert set(fleet.views()) == {str(number) for number in numbers(fleet)}


def test_a_surge_that_is_paused_goes_on_where_it_was(make_fleet: MakeFleet) -> None:
    fleet, handed = begun(make_fleet)
    pause(fleet.path, "ada", fleet.now)
    fleet.work(handed)
    fleet.go_on()
    assert numbers(fleet) == [2, 3, 4, 5, 6]
    assert fleet.row.decision["code"] == "Paused"
    resume(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


@pytest.mark.parametrize("capacity", [1, 4, 5, 8])
@pytest.mark.parametrize("when", ["recorded", "made", "replaced"])
def test_scaling_in_mid_surge(make_fleet: MakeFleet, capacity: int, when: str) -> None:
    fleet, handed = begun(make_fleet)
    if when != "recorded":
        fleet.work(handed)
    if when == "replaced":
        fleet.probe()
        fleet.reconcile()
    fleet.edit({"sku.capacity": capacity})
    lapse(fleet)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert len(numbers(fleet)) == capacity
    assert {row.version for row in fleet.instances} == {NEW}
    assert set(fleet.views()) == {str(number) for number in numbers(fleet)}


def test_a_breach_rolls_nothing_back_that_was_never_replaced(make_fleet: MakeFleet) -> None:
    """The old ones still run on their own OS disks."""
    fleet, handed = begun(make_fleet, own={"rollbackFailedInstancesOnPolicyBreach": True}, tags={"bad-versions": BAD})
    before = {row.number: row.os_disk for row in fleet.instances if row.os_disk}
    fleet.work(handed)
    fleet.probe()
    fleet.later(minutes=5)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert {row.number: row.os_disk for row in fleet.instances} == before
    assert set(states(fleet).values()) == {InstanceUpgradeState.FAILED}


def test_a_new_instance_that_becomes_unhealthy_later_counts_as_failed(make_fleet: MakeFleet) -> None:
    fleet, handed = begun(make_fleet)
    fleet.work(handed)
    fleet.probe()
    removing = fleet.reconcile()
    fleet.sick = {5}
    fleet.probe()
    fleet.work(removing)
    fleet.go_on()
    assert fleet.upgrade.error and fleet.upgrade.error["code"] == FaultCode.TOO_MANY_FAILED
    assert [each["target"].rpartition("/")[2] for each in fleet.upgrade.error["details"]] == ["5"]


def test_three_bad_versions_of_surge_instances_quarantine_no_instance(make_fleet: MakeFleet) -> None:
    fleet = surging(make_fleet, 3, tags={"bad-versions": "16.04.1,16.04.2,16.04.3"})
    for number in (1, 2, 3):
        fleet.publish(f"16.04.{number}")
        fleet.go_on()
        fleet.later(minutes=5)
        fleet.go_on()
    assert fleet.instances[0].failures == 3
    assert [bool(row.quarantined_at) for row in fleet.instances] == [False, False, False]
    assert numbers(fleet) == [0, 1, 2]
