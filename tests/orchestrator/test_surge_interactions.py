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
from upgrades.core.states import InstanceUpgradeState, OperationKind
from upgrades.core.zones import zone_of
from upgrades.models import InstanceUpgrade, OptOut
from upgrades.orchestrator.beginnings import mark_begun

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
DEFERRED = {f"{POLICY}.automaticOSUpgradePolicy.osRollingUpgradeDeferral": True}


def waiting(make_fleet: MakeFleet, own: dict[str, object], **tags: str) -> Fleet:
    """A deferred upgrade of five that waits for approval."""
    fleet = make_fleet(5, **tags)
    fleet.edit({**IN_FORCE, **DEFERRED, OWN: own})
    fleet.go_on()
    fleet.publish(NEW)
    fleet.go_on()
    return fleet


# --- capacity ---------------------------------------------------------------------------------------------------------


def test_scaling_out_while_surge_instances_are_created_gets_all(make_fleet: MakeFleet) -> None:
    """Both have a place in the quota for a while; what is asked for comes after them."""
    fleet = surging(make_fleet, tags={"quota": "7"})
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    fleet.edit({"sku.capacity": 7})
    fleet.go_on()
    fleet.later(hours=1)
    fleet.go_on()
    assert (answering(fleet), fleet.upgrade.status) == (7, "Completed")


def test_scaling_out_while_old_instances_are_deleted_gets_all(make_fleet: MakeFleet) -> None:
    fleet = surging(make_fleet, tags={"quota": "7"})
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    fleet.probe()
    removing = fleet.reconcile()
    fleet.edit({"sku.capacity": 6})
    adding = fleet.reconcile()
    fleet.work(adding)
    fleet.work(removing)
    fleet.go_on()
    assert answering(fleet) == 6


@pytest.mark.parametrize("kept", [True, False])
def test_scale_in_protection_passes_from_the_old_to_the_new_instance(make_fleet: MakeFleet, kept: bool) -> None:
    """Also where it was said, or taken back, while the new one was awaited."""
    fleet = surging(make_fleet)
    for is_kept in (not kept, kept):
        protect(fleet.row, 0, from_actions=None, from_scale_in=is_kept, owner="ada", now=fleet.now)
        if is_kept != kept:
            fleet.publish(NEW)
            fleet.work(fleet.reconcile())
    fleet.go_on()
    new = InstanceUpgrade.objects.get(upgrade=fleet.upgrade, instance_number=0).replacement
    assert new and new.protected_from_scale_in is kept


@pytest.mark.parametrize("surge", [False, True])
def test_scaling_in_leaves_no_zone_empty(make_fleet: MakeFleet, surge: bool) -> None:
    """Zones are surged one after the other: the last one has all the highest numbers."""
    fleet = make_fleet(6)
    fleet.edit({"zones": ["1", "2"], **IN_FORCE, OWN: {"maxSurge": surge, "maxBatchInstancePercent": 50}})
    fleet.go_on()
    fleet.publish(NEW)
    fleet.go_on()
    fleet.edit({"sku.capacity": 3})
    fleet.go_on()
    assert sorted(zone_of(["1", "2"], row.number) for row in fleet.instances) in (["1", "1", "2"], ["1", "2", "2"])


def test_the_terminal_counts_one_for_each_place(make_fleet: MakeFleet) -> None:
    fleet, handed = begun(make_fleet)
    fleet.work(handed)
    assert history.standings([fleet.row], fleet.now)[fleet.id].instances == 5


# --- old ones that stay -----------------------------------------------------------------------------------------------


def test_a_machine_that_is_switched_off_while_its_new_one_is_awaited_stays(make_fleet: MakeFleet) -> None:
    """It is upgraded when it is started again, like any other; its data disks stay with it."""
    fleet, handed = begun(make_fleet)
    fleet.work(handed)
    fleet.change(0, power="stopped")
    fleet.probe()
    fleet.reconcile()
    assert fleet.instances[0].operation_kind != OperationKind.DELETE
    assert states(fleet)[0] == InstanceUpgradeState.SKIPPED


def test_an_opted_out_instance_has_not_failed_if_its_replacement_cannot_be_created(make_fleet: MakeFleet) -> None:
    fleet, _ = begun(make_fleet)
    fleet.edit({"tags": {**fleet.tags, "rollgrid-sim-quota": "5"}})
    work_item = fleet.work_items[0]
    work_item.attempts = 1
    mark_begun(work_item, fleet.now)
    opt_out(fleet.path, ["0"], reason="busy", owner="ada", now=fleet.now)
    lapse(fleet)
    fleet.go_on()
    assert (states(fleet)[0], states(fleet)[1]) == (InstanceUpgradeState.SKIPPED, InstanceUpgradeState.FAILED)
    assert fleet.instances[0].failed_version == ""


def test_three_times_no_quota_is_no_quarantine(make_fleet: MakeFleet) -> None:
    """The image was never tried: that there is no room says nothing of the instances."""
    fleet = surging(make_fleet)
    fleet.publish(NEW)
    for wait in (1, 2, 4):
        handed = fleet.reconcile()
        fleet.edit({"tags": {**fleet.tags, "rollgrid-sim-quota": "5"}})
        fleet.work(handed)
        fleet.go_on()
        fleet.edit({"tags": fleet.tags})
        fleet.later(minutes=31 * wait)
    assert fleet.row.upgrades.count() >= 3
    assert not any(row.quarantined_at for row in fleet.instances)


def test_a_worker_that_was_held_up_lets_no_restore_go_that_another_has_begun(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5, **{"bad-versions": NEW})
    fleet.go_on()
    fleet.publish(NEW)
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.reconcile()
    assert fleet.instances[0].operation_kind == OperationKind.RESTORE
    opt_out_while_its_worker_is_held_up(fleet)
    assert states(fleet)[0] == InstanceUpgradeState.ROLLING_BACK


# --- approvals --------------------------------------------------------------------------------------------------------


def test_an_instance_let_go_on_a_withdrawn_version_is_not_taken_next(make_fleet: MakeFleet) -> None:
    fleet = waiting(make_fleet, {"maxBatchInstancePercent": 100, "maxUnhealthyInstancePercent": 100})
    approve(fleet.path, None, by="ada", now=fleet.now)
    handed = fleet.reconcile()
    opt_out(fleet.path, ["0"], reason="busy", owner="ada", now=fleet.now)
    fleet.work(handed)
    assert [row.number for row in withdraw_approval(fleet.path, ["0"], by="ada", now=fleet.now)] == [0]
    opt_in(fleet.path, ["0"], owner="ada", now=fleet.now)
    disk = fleet.instances[0].os_disk
    fleet.go_on()
    assert fleet.instances[0].os_disk == disk


@pytest.mark.parametrize("surge", [False, True])
def test_the_approval_of_a_failed_instance_can_be_withdrawn(make_fleet: MakeFleet, surge: bool) -> None:
    fleet = waiting(
        make_fleet, {"maxUnhealthyUpgradedInstancePercent": 100, "maxSurge": surge}, **{"bad-versions": NEW}
    )
    approve(fleet.path, ["0"], by="ada", now=fleet.now)
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.go_on()
    assert states(fleet)[0] == (InstanceUpgradeState.FAILED if surge else InstanceUpgradeState.ROLLED_BACK)
    assert fleet.upgrade.ended_at is None
    assert [row.number for row in withdraw_approval(fleet.path, None, by="ada", now=fleet.now)] == [0]


def test_an_opt_out_of_one_upgrade_ends_where_a_newer_version_takes_its_place(make_fleet: MakeFleet) -> None:
    """What is said of a version holds for all attempts at it, and for no other version."""
    fleet = waiting(make_fleet, {})
    opt_out(fleet.path, ["0"], reason="busy", owner="ada", now=fleet.now, scope=OptOut.Scope.UPGRADE)
    fleet.publish("16.04.2")
    fleet.go_on()
    assert fleet.upgrade.target_version == "16.04.2"
    assert not OptOut.objects.filter(instance__number=0, ended_at=None).exists()
