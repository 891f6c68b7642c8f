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
from upgrades.core.states import FaultCode, MemberState, OperationKind, UpgradeStatus

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_who_is_opted_out_before_anything_is_made_is_let_go(fleet: MakeFleet) -> None:
    one, handed = begun(fleet)
    first = one.instances[0]
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now)
    one.work(handed)
    assert states(one)[0] == MemberState.SKIPPED
    assert "5" not in one.views()
    one.go_on()
    assert (one.instances[0].number, one.instances[0].os_disk) == (0, first.os_disk)
    assert numbers(one) == [0, 6, 7, 8, 9]
    assert one.upgrade.status == UpgradeStatus.COMPLETED


def test_who_is_opted_out_while_the_new_one_is_awaited_stays_and_that_one_goes(fleet: MakeFleet) -> None:
    one, handed = begun(fleet)
    first = one.instances[0]
    one.work(handed)
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now)
    one.probe()
    one.go_on()
    assert states(one)[0] == MemberState.SKIPPED
    assert (one.instances[0].number, one.instances[0].os_disk) == (0, first.os_disk)
    assert numbers(one) == [0, 6, 7, 8, 9]
    assert set(one.views()) == {str(number) for number in numbers(one)}
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert one.upgrade.progress() == Progress(successful=4, failed=0, in_progress=0, pending=0)


def test_who_is_opted_out_before_its_deletion_has_begun_stays(fleet: MakeFleet) -> None:
    """Until it is touched, an instance can be let go."""
    one, handed = begun(fleet)
    first = one.instances[0]
    one.work(handed)
    one.probe()
    removing = one.look()
    assert one.instances[0].operation_kind == OperationKind.DELETE
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now)
    one.work(removing)
    one.go_on()
    assert states(one)[0] == MemberState.SKIPPED
    assert (one.instances[0].number, one.instances[0].os_disk) == (0, first.os_disk)
    assert numbers(one) == [0, 6, 7, 8, 9]
    assert set(one.views()) == {str(number) for number in numbers(one)}
    opt_in(one.path, ["0"], owner="ada", now=one.now)
    one.go_on()
    assert numbers(one) == [6, 7, 8, 9, 10]


def test_a_worker_that_was_held_up_lets_nobody_go_whose_deletion_has_begun(fleet: MakeFleet) -> None:
    one, handed = begun(fleet)
    one.work(handed)
    one.probe()
    one.look()
    opt_out_while_its_worker_is_held_up(one)
    assert one.instances[0].operation_kind == OperationKind.DELETE
    assert states(one)[0] == MemberState.SUCCEEDED


def test_a_new_instance_that_failed_and_is_opted_out_stays_and_counts_for_nothing(fleet: MakeFleet) -> None:
    """Somebody looks into it: no other goes in its place, and it goes when they have done."""
    one, handed = begun(fleet, tags={"bad-versions": BAD})
    one.work(handed)
    opt_out(one.path, ["5"], reason="I look into it", owner="ada", now=one.now)
    one.probe()
    one.later(minutes=5)
    one.go_on()
    assert numbers(one) == [0, 1, 2, 3, 4, 5]
    assert answering(one) == 5
    one.publish("16.04.2")
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert sorted(states(one)) == [0, 1, 2, 3, 4]
    assert len(numbers(one)) == 6 and 5 in numbers(one)
    opt_in(one.path, ["5"], owner="ada", now=one.now)
    one.go_on()
    assert len(numbers(one)) == 5 and 5 not in numbers(one)


def test_a_new_instance_that_replaces_nobody_is_not_waited_for(fleet: MakeFleet) -> None:
    """S-52: of the next upgrade's counts it is none, in the moment before it goes."""
    one, handed = begun(fleet, tags={"bad-versions": BAD})
    one.work(handed)
    opt_out(one.path, ["5"], reason="I look into it", owner="ada", now=one.now)
    one.later(minutes=5)
    one.go_on()
    one.publish("16.04.2")
    one.look()
    opt_in(one.path, ["5"], owner="ada", now=one.now)
    assert one.upgrade.progress() == Progress(successful=0, failed=0, in_progress=2, pending=3)


def test_a_surge_that_is_cancelled_finishes_its_batch(fleet: MakeFleet) -> None:
    one, handed = begun(fleet)
    cancel(one.path, "ada", one.now)
    one.work(handed)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.CANCELLED
    assert numbers(one) == [2, 3, 4, 5, 6]
    assert set(one.views()) == {str(number) for number in numbers(one)}


def test_a_surge_that_is_paused_goes_on_where_it_was(fleet: MakeFleet) -> None:
    one, handed = begun(fleet)
    pause(one.path, "ada", one.now)
    one.work(handed)
    one.go_on()
    assert numbers(one) == [2, 3, 4, 5, 6]
    assert one.row.decision["code"] == "Paused"
    resume(one.path, "ada", one.now)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.COMPLETED


@pytest.mark.parametrize("capacity", [1, 4, 5, 8])
@pytest.mark.parametrize("when", ["recorded", "made", "replaced"])
def test_scaling_in_mid_surge(fleet: MakeFleet, capacity: int, when: str) -> None:
    one, handed = begun(fleet)
    if when != "recorded":
        one.work(handed)
    if when == "replaced":
        one.probe()
        one.look()
    one.edit({"sku.capacity": capacity})
    lapse(one)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert len(numbers(one)) == capacity
    assert {row.version for row in one.instances} == {NEW}
    assert set(one.views()) == {str(number) for number in numbers(one)}


def test_a_breach_rolls_nothing_back_that_was_never_replaced(fleet: MakeFleet) -> None:
    """The old ones still run on their own OS disks."""
    one, handed = begun(fleet, own={"rollbackFailedInstancesOnPolicyBreach": True}, tags={"bad-versions": BAD})
    before = {row.number: row.os_disk for row in one.instances if row.os_disk}
    one.work(handed)
    one.probe()
    one.later(minutes=5)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.FAULTED
    assert {row.number: row.os_disk for row in one.instances} == before
    assert set(states(one).values()) == {MemberState.FAILED}


def test_a_new_instance_that_falls_ill_later_counts_as_failed(fleet: MakeFleet) -> None:
    one, handed = begun(fleet)
    one.work(handed)
    one.probe()
    removing = one.look()
    one.sick = {5}
    one.probe()
    one.work(removing)
    one.go_on()
    assert one.upgrade.error and one.upgrade.error["code"] == FaultCode.UPGRADED
    assert [each["target"].rpartition("/")[2] for each in one.upgrade.error["details"]] == ["5"]


def test_three_bad_versions_of_new_instances_put_nobody_in_quarantine(fleet: MakeFleet) -> None:
    one = surging(fleet, 3, tags={"bad-versions": "16.04.1,16.04.2,16.04.3"})
    for number in (1, 2, 3):
        one.publish(f"16.04.{number}")
        one.go_on()
        one.later(minutes=5)
        one.go_on()
    assert one.instances[0].failures == 3
    assert [bool(row.quarantined_at) for row in one.instances] == [False, False, False]
    assert numbers(one) == [0, 1, 2]
