"""Two rules at once, in whole runs."""

from datetime import timedelta

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.commands.steering import next_batch_now
from upgrades.core.states import FaultCode, MemberState, OperationKind
from upgrades.models import InstanceUpgrade, OptOut

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NEW = BAD = "16.04.1"
POLICY = "properties.upgradePolicy"
AUTOMATIC, OWN = f"{POLICY}.automaticOSUpgradePolicy", f"{POLICY}.rollingUpgradePolicy"
IN_FORCE = {f"{AUTOMATIC}.useRollingUpgradePolicy": True}


def numbers(one: Fleet) -> list[int]:
    return sorted(one.upgrade.members.values_list("instance_number", flat=True))


def test_a_new_instance_is_not_mistaken_for_one_that_failed_and_is_gone(fleet: MakeFleet) -> None:
    """A breach would roll it back, and could not: the upgrade stood still for ever."""
    one = fleet(10)
    own = {
        "rollbackFailedInstancesOnPolicyBreach": True,
        "maxUnhealthyUpgradedInstancePercent": 100,
        "pauseTimeBetweenBatches": "PT30M",
    }
    one.edit(
        {**IN_FORCE, f"{AUTOMATIC}.disableAutomaticRollback": True, OWN: {**own, "prioritizeUnhealthyInstances": True}}
    )
    one.go_on()
    one.sick = {9}
    one.probe()
    one.publish(NEW)
    one.go_on()
    one.later(minutes=5)
    one.go_on()
    assert numbers(one) == [9]
    one.edit({"sku.capacity": 9})
    one.go_on()
    one.edit({"sku.capacity": 10})
    one.go_on()
    assert [row.number for row in one.instances] == [*range(9), 10]
    one.sick = {1, 4, 7}
    one.probe()
    next_batch_now(one.path, "ada", one.now)
    one.go_on()
    assert one.upgrade.status == "Faulted"


def test_opting_out_after_a_rollback_was_decided_still_counts(fleet: MakeFleet) -> None:
    """Until its disk is touched, an instance can be let go."""
    one = fleet(10, **{"bad-versions": BAD})
    one.go_on()
    one.publish(BAD)
    one.go_on()
    one.later(minutes=5)
    handed = one.look()
    first = one.instances[0]
    assert first.operation_kind == OperationKind.RESTORE
    opt_out(one.path, ["0"], reason="I look into it", owner="ada", now=one.now)
    one.work(handed)
    one.go_on()
    assert one.instances[0].os_disk == first.os_disk
    assert one.instances[0].operation_id is None
    states = dict(InstanceUpgrade.objects.values_list("instance_number", "state"))
    assert states == {0: MemberState.FAILED, 1: MemberState.ROLLED_BACK}
    assert one.upgrade.status == "Faulted"


def test_after_the_gate_stopped_the_second_attempt_there_is_a_third(fleet: MakeFleet) -> None:
    one = fleet(1, **{"bad-versions": BAD})
    one.go_on()
    one.publish(BAD)
    one.go_on()
    one.later(minutes=5)
    one.go_on()
    assert one.row.decision["code"] == "WaitingToTryAgain"
    one.sick = {0}
    one.probe()
    one.later(minutes=31)
    one.go_on()
    assert one.upgrade.error and one.upgrade.error["code"] == FaultCode.BEFORE
    one.sick = set()
    one.probe()
    one.go_on()
    one.later(hours=1)
    one.probe()
    one.go_on()
    assert one.row.upgrades.count() == 3
    assert numbers(one) == [0]


def test_what_failed_is_left_alone_when_another_is_opted_in(fleet: MakeFleet) -> None:
    one = fleet(10)
    one.edit({**IN_FORCE, OWN: {"maxUnhealthyUpgradedInstancePercent": 50}})
    one.go_on()
    opt_out(one.path, ["3"], reason="busy", owner="ada", now=one.now)
    one.publish(NEW)
    one.sick = {0}
    one.go_on()
    one.later(minutes=5)
    one.work(one.look())
    one.sick = set()
    one.go_on()
    assert one.upgrade.status == "Completed"
    assert (one.instances[0].failed_version, one.instances[0].version) == (NEW, "0.0.1")
    opt_in(one.path, ["3"], owner="ada", now=one.now)
    one.go_on()
    assert numbers(one) == [3]
    assert one.upgrade.status == "Completed"
    assert one.upgrade.progress().pending == 0


def test_a_dip_during_the_pause_stops_nothing(fleet: MakeFleet) -> None:
    """S-19"""
    one = fleet(10)
    one.edit({**IN_FORCE, OWN: {"pauseTimeBetweenBatches": "PT30M"}})
    one.go_on()
    one.publish(NEW)
    one.go_on()
    assert one.row.decision["code"] == "PauseBetweenBatches"
    one.sick = {5, 6, 7}
    one.probe()
    one.look()
    one.sick = set()
    one.go_on()
    assert one.upgrade.status == "RollingForward"


def test_an_opt_out_of_one_upgrade_outlives_an_attempt_that_touched_nothing(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.sick = {3, 4}
    one.probe()
    one.publish(NEW)
    one.go_on()
    opt_out(one.path, ["0"], reason="not now", owner="ada", now=one.now, scope=OptOut.Scope.UPGRADE)
    one.go_on()
    assert one.upgrade.error and one.upgrade.error["code"] == FaultCode.BEFORE
    one.sick = set()
    one.probe()
    one.work(one.look())
    assert numbers(one) == [1]


def test_an_attempt_whose_only_instance_was_let_go_touched_nothing(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish(NEW)
    handed = one.look()
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now)
    one.sick = {3, 4}
    one.probe()
    one.work(handed)
    one.go_on()
    assert one.upgrade.status == "Faulted"
    one.sick = set()
    one.go_on()
    assert one.row.upgrades.count() == 2


def test_it_is_looked_at_when_an_opt_out_ends(fleet: MakeFleet) -> None:
    one = fleet(3)
    one.go_on()
    until = one.now + timedelta(seconds=20)
    opt_out(one.path, ["0", "1", "2"], reason="busy", owner="ada", now=one.now, until=until)
    one.publish(NEW)
    one.go_on()
    assert not one.row.upgrades.exists()
    assert one.row.reconcile_at == until


def test_machines_do_not_move_between_zones(fleet: MakeFleet) -> None:
    """A-16 would not hold for them."""
    one = fleet(6)
    one.edit({"zones": ["1", "2"]})
    one.go_on()
    with pytest.raises(Refused, match="Changing property 'zones' is not allowed"):
        one.edit({"zones": ["1", "2", "3"]})
