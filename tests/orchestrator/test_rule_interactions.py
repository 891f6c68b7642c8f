"""Two rules at once, in whole runs."""

from datetime import timedelta

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.commands.steering import next_batch_now
from upgrades.core.states import FaultCode, InstanceUpgradeState, OperationKind
from upgrades.models import InstanceUpgrade, OptOut

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NEW = BAD = "16.04.1"
POLICY = "properties.upgradePolicy"
AUTOMATIC, OWN = f"{POLICY}.automaticOSUpgradePolicy", f"{POLICY}.rollingUpgradePolicy"
IN_FORCE = {f"{AUTOMATIC}.useRollingUpgradePolicy": True}


def numbers(fleet: Fleet) -> list[int]:
    return sorted(fleet.upgrade.members.values_list("instance_number", flat=True))


def test_a_new_instance_is_not_mistaken_for_one_that_failed_and_is_gone(make_fleet: MakeFleet) -> None:
    """A breach would roll it back, and could not: the upgrade stood still for ever."""
    fleet = make_fleet(10)
    own = {
        "rollbackFailedInstancesOnPolicyBreach": True,
        "maxUnhealthyUpgradedInstancePercent": 100,
        "pauseTimeBetweenBatches": "PT30M",
    }
    fleet.edit(
        {**IN_FORCE, f"{AUTOMATIC}.disableAutomaticRollback": True, OWN: {**own, "prioritizeUnhealthyInstances": True}}
    )
    fleet.go_on()
    fleet.sick = {9}
    fleet.probe()
    fleet.publish(NEW)
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.go_on()
    assert numbers(fleet) == [9]
    fleet.edit({"sku.capacity": 9})
    fleet.go_on()
    fleet.edit({"sku.capacity": 10})
    fleet.go_on()
    assert [row.number for row in fleet.instances] == [*range(9), 10]
    fleet.sick = {1, 4, 7}
    fleet.probe()
    next_batch_now(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert fleet.upgrade.status == "Faulted"


def test_opting_out_after_a_rollback_was_decided_still_counts(make_fleet: MakeFleet) -> None:
    """Until its disk is touched, an instance can be let go."""
    fleet = make_fleet(10, **{"bad-versions": BAD})
    fleet.go_on()
    fleet.publish(BAD)
    fleet.go_on()
    fleet.later(minutes=5)
    handed = fleet.reconcile()
    first = fleet.instances[0]
    assert first.operation_kind == OperationKind.RESTORE
    opt_out(fleet.path, ["0"], reason="I look into it", owner="ada", now=fleet.now)
    fleet.work(handed)
    fleet.go_on()
    assert fleet.instances[0].os_disk == first.os_disk
    assert fleet.instances[0].operation_id is None
    states = dict(InstanceUpgrade.objects.values_list("instance_number", "state"))
    assert states == {0: InstanceUpgradeState.FAILED, 1: InstanceUpgradeState.ROLLED_BACK}
    assert fleet.upgrade.status == "Faulted"


def test_a_third_attempt_follows_a_second_that_the_gate_stopped(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(1, **{"bad-versions": BAD})
    fleet.go_on()
    fleet.publish(BAD)
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.go_on()
    assert fleet.row.decision["code"] == "WaitingToTryAgain"
    fleet.sick = {0}
    fleet.probe()
    fleet.later(minutes=31)
    fleet.go_on()
    assert fleet.upgrade.error and fleet.upgrade.error["code"] == FaultCode.UNHEALTHY_BEFORE
    fleet.sick = set()
    fleet.probe()
    fleet.go_on()
    fleet.later(hours=1)
    fleet.probe()
    fleet.go_on()
    assert fleet.row.upgrades.count() == 3
    assert numbers(fleet) == [0]


def test_failed_instances_are_left_alone_when_another_is_opted_in(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(10)
    fleet.edit({**IN_FORCE, OWN: {"maxUnhealthyUpgradedInstancePercent": 50}})
    fleet.go_on()
    opt_out(fleet.path, ["3"], reason="busy", owner="ada", now=fleet.now)
    fleet.publish(NEW)
    fleet.sick = {0}
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.work(fleet.reconcile())
    fleet.sick = set()
    fleet.go_on()
    assert fleet.upgrade.status == "Completed"
    assert (fleet.instances[0].failed_version, fleet.instances[0].version) == (NEW, "0.0.1")
    opt_in(fleet.path, ["3"], owner="ada", now=fleet.now)
    fleet.go_on()
    assert numbers(fleet) == [3]
    assert fleet.upgrade.status == "Completed"
    assert fleet.upgrade.progress().pending == 0


def test_a_dip_during_the_pause_stops_nothing(make_fleet: MakeFleet) -> None:
    """S-19"""
    fleet = make_fleet(10)
    fleet.edit({**IN_FORCE, OWN: {"pauseTimeBetweenBatches": "PT30M"}})
    fleet.go_on()
    fleet.publish(NEW)
    fleet.go_on()
    assert fleet.row.decision["code"] == "PauseBetweenBatches"
    fleet.sick = {5, 6, 7}
    fleet.probe()
    fleet.reconcile()
    fleet.sick = set()
    fleet.go_on()
    assert fleet.upgrade.status == "RollingForward"


def test_an_opt_out_of_one_upgrade_outlives_an_attempt_that_touched_nothing(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.sick = {3, 4}
    fleet.probe()
    fleet.publish(NEW)
    fleet.go_on()
    opt_out(fleet.path, ["0"], reason="not now", owner="ada", now=fleet.now, scope=OptOut.Scope.UPGRADE)
    fleet.go_on()
    assert fleet.upgrade.error and fleet.upgrade.error["code"] == FaultCode.UNHEALTHY_BEFORE
    fleet.sick = set()
    fleet.probe()
    fleet.work(fleet.reconcile())
    assert numbers(fleet) == [1]


def test_an_attempt_with_its_only_instance_skipped_has_not_begun(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish(NEW)
    handed = fleet.reconcile()
    opt_out(fleet.path, ["0"], reason="busy", owner="ada", now=fleet.now)
    fleet.sick = {3, 4}
    fleet.probe()
    fleet.work(handed)
    fleet.go_on()
    assert fleet.upgrade.status == "Faulted"
    fleet.sick = set()
    fleet.go_on()
    assert fleet.row.upgrades.count() == 2


def test_a_scale_set_is_reconciled_when_an_opt_out_ends(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3)
    fleet.go_on()
    until = fleet.now + timedelta(seconds=20)
    opt_out(fleet.path, ["0", "1", "2"], reason="busy", owner="ada", now=fleet.now, until=until)
    fleet.publish(NEW)
    fleet.go_on()
    assert not fleet.row.upgrades.exists()
    assert fleet.row.reconcile_at == until


def test_machines_do_not_move_between_zones(make_fleet: MakeFleet) -> None:
    """A-16 would not hold for them."""
    fleet = make_fleet(6)
    fleet.edit({"zones": ["1", "2"]})
    fleet.go_on()
    with pytest.raises(Refused, match="Changing property 'zones' is not allowed"):
        fleet.edit({"zones": ["1", "2", "3"]})
