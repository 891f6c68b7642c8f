"""New instances in the places of old ones (maxSurge, Z-1.10): real rows, real machines."""

from datetime import timedelta

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.surging import (
    BAD,
    IN_FORCE,
    NEW,
    OWN,
    answering,
    begun,
    numbers,
    states,
    surging,
    watched,
    whys,
)
from tests.orchestrator.test_recovery import begin_only, lapse
from upgrades.commands.opt_outs import opt_out
from upgrades.core.progress import Progress
from upgrades.core.states import FaultCode, Health, InstanceUpgradeState, OperationKind, UpgradeStatus
from upgrades.core.zones import zone_of
from upgrades.feed import read
from upgrades.models import InstanceUpgrade

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


# --- capacity ---------------------------------------------------------------------------------------------------------


def test_capacity_never_drops_below_the_start_value(make_fleet: MakeFleet) -> None:
    """A-18: new ones first; the old ones go when those are healthy."""
    fleet = surging(make_fleet)
    fleet.publish(NEW)
    fleet.reconcile()
    assert numbers(fleet) == list(range(7))
    assert [row.operation_kind for row in fleet.instances] == [""] * 5 + [OperationKind.CREATE] * 2
    lapse(fleet)
    watched(fleet, least=5, most=7)
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert [batch.members.count() for batch in fleet.upgrade.batches.all()] == [2, 2, 1]
    assert numbers(fleet) == [5, 6, 7, 8, 9]
    assert {row.version for row in fleet.instances} == {NEW}
    assert {(row.health, row.operation_id) for row in fleet.instances} == {(Health.HEALTHY, None)}
    assert set(fleet.views()) == {str(number) for number in numbers(fleet)}
    assert fleet.upgrade.progress() == Progress(successful=5, failed=0, in_progress=0, pending=0)


def test_capacity_does_not_drop_where_new_instances_are_bad(make_fleet: MakeFleet) -> None:
    fleet = surging(make_fleet, tags={"bad-versions": BAD})
    before = fleet.views()
    fleet.publish(BAD)
    fleet.work(fleet.reconcile())
    fleet.probe()
    assert answering(fleet) == 5
    fleet.later(minutes=5)
    watched(fleet, least=5, most=7)
    assert fleet.views() == before
    assert fleet.upgrade.error and fleet.upgrade.error["code"] == FaultCode.TOO_MANY_FAILED
    assert [each["target"].rpartition("/")[2] for each in fleet.upgrade.error["details"]] == ["0", "1"]
    assert [(row.failed_version, row.failures) for row in fleet.instances] == [(BAD, 1)] * 2 + [("", 0)] * 3
    assert fleet.upgrade.progress() == Progress(successful=0, failed=2, in_progress=0, pending=3)


def test_a_batch_without_quota_is_done_in_place(make_fleet: MakeFleet) -> None:
    """Z-1.10: quota is checked before every batch."""
    fleet = surging(make_fleet, tags={"quota": "6"})
    disks = {row.number: row.os_disk for row in fleet.instances}
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    assert numbers(fleet) == list(range(5))
    assert whys(fleet) == ["40 % of 5 is 2, so at most 2; in place, because the quota has room for 1 more (maxSurge)."]
    fleet.edit({"tags": {**fleet.tags, "rollgrid-sim-quota": "7"}})
    watched(fleet, least=3, most=7)
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert numbers(fleet) == [0, 1, 5, 6, 7]
    assert not {row.os_disk for row in fleet.instances} & set(disks.values())
    assert [why.rpartition("; ")[2] for why in whys(fleet)[1:]] == ["new instances take their places (maxSurge)."] * 2


def test_capacity_does_not_drop_where_the_quota_is_used_up_meanwhile(make_fleet: MakeFleet) -> None:
    """Between the question and the creation: those fail, the old ones stay."""
    fleet, handed = begun(make_fleet)
    before = fleet.views()
    fleet.edit({"tags": {**fleet.tags, "rollgrid-sim-quota": "5"}})
    fleet.work(handed)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert fleet.views() == before
    assert answering(fleet) == 5
    failed = {
        (row.state, row.error_code, row.replacement, row.replacement_number) for row in fleet.upgrade.members.all()
    }
    assert failed == {(InstanceUpgradeState.FAILED, "QuotaExceeded", None, number) for number in (5, 6)}
    assert [(row.failed_version, row.failures) for row in fleet.instances] == [(NEW, 0)] * 2 + [("", 0)] * 3


def test_a_provider_that_does_not_tell_its_quota_is_asked_again(
    make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither are new instances made blindly, nor is capacity given up."""
    fleet = surging(make_fleet)
    fleet.publish(NEW)
    with monkeypatch.context() as away:
        away.setattr("upgrades.orchestrator.questions.ANSWER_TIMEOUT_SECONDS", 0)
        assert fleet.reconcile() == []
    assert fleet.row.decision["code"] == "QuotaUnknown"
    assert "QuotaUnknown" in {reason["code"] for reason in fleet.row.decision["reasons"]}
    assert fleet.row.reconcile_at - fleet.now <= timedelta(seconds=3)
    fleet.later(seconds=3)
    watched(fleet, least=5, most=7)
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_the_next_batch_waits_until_the_old_ones_are_gone(make_fleet: MakeFleet) -> None:
    """With room for just one batch more each can surge."""
    fleet = surging(make_fleet, tags={"quota": "7"})
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    fleet.probe()
    removing = fleet.reconcile()
    assert fleet.row.decision["code"] == "RemovingReplaced"
    assert [row.number for row in fleet.instances if row.operation_kind == OperationKind.DELETE] == [0, 1]
    assert fleet.upgrade.batches.count() == 1
    fleet.work(removing)
    fleet.reconcile()
    assert fleet.upgrade.batches.count() == 2
    assert all("take their places" in why for why in whys(fleet))


# --- what is made -----------------------------------------------------------------------------------------------------


def test_new_instances_stand_in_the_zones_of_the_old_ones(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(6)
    fleet.edit({"zones": ["1", "2"], **IN_FORCE, OWN: {"maxSurge": True, "maxBatchInstancePercent": 50}})
    fleet.go_on()
    fleet.publish(NEW)
    fleet.go_on()
    zones = ["1", "2"]
    pairs = [(row.instance_number, row.replacement_number or 0) for row in InstanceUpgrade.objects.all()]
    assert len(pairs) == 6
    assert all(zone_of(zones, old) == zone_of(zones, new) for old, new in pairs)
    assert sorted(zone_of(zones, number) for number in numbers(fleet)) == ["1"] * 3 + ["2"] * 3


def test_scale_in_protection_passes_to_the_new_instance(make_fleet: MakeFleet) -> None:
    fleet = surging(make_fleet, 3)
    fleet.change(0, protected_from_scale_in=True)
    fleet.publish(NEW)
    fleet.go_on()
    new = InstanceUpgrade.objects.get(upgrade=fleet.upgrade, instance_number=0).replacement
    assert [row.protected_from_scale_in for row in fleet.instances] == [row == new for row in fleet.instances]


def test_no_number_is_given_twice_in_one_upgrade(make_fleet: MakeFleet) -> None:
    """Not even those of new instances that failed and are gone."""
    fleet, _ = begun(make_fleet, own={"maxUnhealthyUpgradedInstancePercent": 100}, tags={"bad-versions": BAD})
    for _ in range(3):
        lapse(fleet)
        fleet.go_on()
        fleet.later(minutes=5)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert set(states(fleet).values()) == {InstanceUpgradeState.FAILED}
    given = list(fleet.upgrade.members.order_by("instance_number").values_list("replacement_number", flat=True))
    assert given == [5, 6, 7, 8, 9]
    assert numbers(fleet) == [0, 1, 2, 3, 4]


def test_the_events_of_a_surge_lead_to_the_snapshot(make_fleet: MakeFleet) -> None:
    fleet = surging(make_fleet, tags={"bad-versions": "16.04.2"})
    state = read.snapshot(fleet.id)
    fleet.publish(NEW)
    fleet.go_on()
    opt_out(fleet.path, ["7"], reason="busy", owner="ada", now=fleet.now)
    fleet.publish("16.04.2")
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.go_on()
    for event in read.since(fleet.id, state["seq"]):
        state = read.apply(state, event)
    assert state == read.snapshot(fleet.id)


def test_progress_of_a_surge_adds_up_at_every_reconcile(make_fleet: MakeFleet) -> None:
    """S-52"""
    fleet = surging(make_fleet)
    fleet.publish(NEW)
    seen: set[Progress] = set()
    while not seen or fleet.upgrade.ended_at is None:
        handed = fleet.reconcile()
        progress = fleet.upgrade.progress()
        assert progress.successful + progress.failed + progress.in_progress + progress.pending == 5
        seen.add(progress)
        fleet.work(handed)
        fleet.probe()
        fleet.later(seconds=1)
    assert len(seen) > 4


# --- deaths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_worker_that_dies_over_new_instances_costs_time_only(make_fleet: MakeFleet, is_begun: bool) -> None:
    fleet, lost = begun(make_fleet)
    if is_begun:
        begin_only(fleet, lost)
    lapse(fleet)
    watched(fleet, least=5, most=7)
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert numbers(fleet) == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_worker_that_dies_while_old_instances_are_deleted_costs_only_time(
    make_fleet: MakeFleet, is_begun: bool
) -> None:
    fleet, handed = begun(make_fleet)
    fleet.work(handed)
    fleet.probe()
    lost = fleet.reconcile()
    if is_begun:
        begin_only(fleet, lost)
    lapse(fleet)
    watched(fleet, least=5, most=7)
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert numbers(fleet) == [5, 6, 7, 8, 9]
