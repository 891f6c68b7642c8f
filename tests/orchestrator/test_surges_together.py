"""Surges and approvals beside all that people and machines do meanwhile."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.surging import (
    IN_FORCE,
    NEW,
    OWN,
    POLICY,
    answering,
    begun,
    opt_out_while_its_worker_is_held_up,
    states,
    surging,
)
from tests.orchestrator.test_recovery import lapse
from upgrades import history
from upgrades.commands.approvals import approve, withdraw_approval
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.commands.protection import protect
from upgrades.core.states import MemberState, OperationKind
from upgrades.core.zones import zone_of
from upgrades.models import Instance, InstanceUpgrade, OptOut
from upgrades.orchestrator.outcomes import mark_begun

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
DEFERRED = {f"{POLICY}.automaticOSUpgradePolicy.osRollingUpgradeDeferral": True}


def waiting(fleet: MakeFleet, own: dict[str, object], **tags: str) -> Fleet:
    """A deferred upgrade of five that waits for approval."""
    one = fleet(5, **tags)
    one.edit({**IN_FORCE, **DEFERRED, OWN: own})
    one.go_on()
    one.publish(NEW)
    one.go_on()
    return one


# --- capacity ---------------------------------------------------------------------------------------------------------


def test_who_scales_out_while_new_ones_are_made_gets_all_of_it(fleet: MakeFleet) -> None:
    """Both have a place in the quota for a while; what is asked for comes after them."""
    one = surging(fleet, tags={"quota": "7"})
    one.publish(NEW)
    one.work(one.look())
    one.edit({"sku.capacity": 7})
    one.go_on()
    one.later(hours=1)
    one.go_on()
    assert (answering(one), one.upgrade.status) == (7, "Completed")


def test_who_scales_out_while_old_ones_leave_gets_all_of_it(fleet: MakeFleet) -> None:
    one = surging(fleet, tags={"quota": "7"})
    one.publish(NEW)
    one.work(one.look())
    one.probe()
    removing = one.look()
    one.edit({"sku.capacity": 6})
    adding = one.look()
    one.work(adding)
    one.work(removing)
    one.go_on()
    assert answering(one) == 6


@pytest.mark.parametrize("kept", [True, False])
def test_what_protects_the_old_one_at_scale_in_protects_the_new_one(fleet: MakeFleet, kept: bool) -> None:
    """Also where it was said, or taken back, while the new one was awaited."""
    one = surging(fleet)
    for is_kept in (not kept, kept):
        protect(one.row, 0, from_actions=None, from_scale_in=is_kept, owner="ada", now=one.now)
        if is_kept != kept:
            one.publish(NEW)
            one.work(one.look())
    one.go_on()
    new = InstanceUpgrade.objects.get(upgrade=one.upgrade, instance_number=0).replacement
    assert new and new.kept_on_scale_in is kept


@pytest.mark.parametrize("surge", [False, True])
def test_scaling_in_leaves_no_zone_empty(fleet: MakeFleet, surge: bool) -> None:
    """Zones are surged one after the other: the last one has all the highest numbers."""
    one = fleet(6)
    one.edit({"zones": ["1", "2"], **IN_FORCE, OWN: {"maxSurge": surge, "maxBatchInstancePercent": 50}})
    one.go_on()
    one.publish(NEW)
    one.go_on()
    one.edit({"sku.capacity": 3})
    one.go_on()
    assert sorted(zone_of(["1", "2"], row.number) for row in one.instances) in (["1", "1", "2"], ["1", "2", "2"])


def test_the_terminal_counts_one_for_each_place(fleet: MakeFleet) -> None:
    one, handed = begun(fleet)
    one.work(handed)
    assert history.standings([one.row], one.now)[one.id].instances == 5


# --- old ones that stay -----------------------------------------------------------------------------------------------


def test_a_machine_that_is_switched_off_while_its_new_one_is_awaited_stays(fleet: MakeFleet) -> None:
    """It is upgraded when it is started again, like any other; its data disks stay with it."""
    one, handed = begun(fleet)
    one.work(handed)
    Instance.objects.filter(scale_set=one.id, number=0).update(power="stopped")
    one.probe()
    one.look()
    assert one.instances[0].operation_kind != OperationKind.DELETE
    assert states(one)[0] == MemberState.SKIPPED


def test_who_is_opted_out_has_not_failed_where_its_new_one_cannot_be_made(fleet: MakeFleet) -> None:
    one, _ = begun(fleet)
    one.edit({"tags": {**one.tags, "rollgrid-sim-quota": "5"}})
    work_item = one.work_items[0]
    work_item.attempts = 1
    mark_begun(work_item, one.now)
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now)
    lapse(one)
    one.go_on()
    assert (states(one)[0], states(one)[1]) == (MemberState.SKIPPED, MemberState.FAILED)
    assert one.instances[0].failed_version == ""


def test_three_times_no_quota_is_no_quarantine(fleet: MakeFleet) -> None:
    """The image was never tried: that there is no room says nothing of the instances."""
    one = surging(fleet)
    one.publish(NEW)
    for wait in (1, 2, 4):
        handed = one.look()
        one.edit({"tags": {**one.tags, "rollgrid-sim-quota": "5"}})
        one.work(handed)
        one.go_on()
        one.edit({"tags": one.tags})
        one.later(minutes=31 * wait)
    assert one.row.upgrades.count() >= 3
    assert not any(row.quarantined_at for row in one.instances)


def test_a_worker_that_was_held_up_lets_no_restore_go_that_another_has_begun(fleet: MakeFleet) -> None:
    one = fleet(5, **{"bad-versions": NEW})
    one.go_on()
    one.publish(NEW)
    one.go_on()
    one.later(minutes=5)
    one.look()
    assert one.instances[0].operation_kind == OperationKind.RESTORE
    opt_out_while_its_worker_is_held_up(one)
    assert states(one)[0] == MemberState.ROLLING_BACK


# --- approvals --------------------------------------------------------------------------------------------------------


def test_what_was_let_go_and_withdrawn_is_not_taken_by_the_next_upgrade(fleet: MakeFleet) -> None:
    one = waiting(fleet, {"maxBatchInstancePercent": 100, "maxUnhealthyInstancePercent": 100})
    approve(one.path, None, by="ada", now=one.now)
    handed = one.look()
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now)
    one.work(handed)
    assert [row.number for row in withdraw_approval(one.path, ["0"], by="ada", now=one.now)] == [0]
    opt_in(one.path, ["0"], owner="ada", now=one.now)
    disk = one.instances[0].os_disk
    one.go_on()
    assert one.instances[0].os_disk == disk


@pytest.mark.parametrize("surge", [False, True])
def test_the_approval_of_what_failed_can_be_withdrawn(fleet: MakeFleet, surge: bool) -> None:
    one = waiting(fleet, {"maxUnhealthyUpgradedInstancePercent": 100, "maxSurge": surge}, **{"bad-versions": NEW})
    approve(one.path, ["0"], by="ada", now=one.now)
    one.go_on()
    one.later(minutes=5)
    one.go_on()
    assert states(one)[0] == (MemberState.FAILED if surge else MemberState.ROLLED_BACK)
    assert one.upgrade.ended_at is None
    assert [row.number for row in withdraw_approval(one.path, None, by="ada", now=one.now)] == [0]


def test_an_opt_out_of_one_upgrade_ends_where_a_newer_version_takes_its_place(fleet: MakeFleet) -> None:
    """What is said of a version holds for all attempts at it, and for no other version."""
    one = waiting(fleet, {})
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now, scope=OptOut.Scope.UPGRADE)
    one.publish("16.04.2")
    one.go_on()
    assert one.upgrade.target_version == "16.04.2"
    assert not OptOut.objects.filter(instance__number=0, ended_at=None).exists()
