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
from upgrades.core.states import FaultCode, Health, MemberState, OperationKind, UpgradeStatus
from upgrades.core.zones import zone_of
from upgrades.feed import read
from upgrades.models import Instance, InstanceUpgrade

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


# --- capacity ---------------------------------------------------------------------------------------------------------


def test_capacity_never_drops_below_the_start_value(fleet: MakeFleet) -> None:
    """A-18: new ones first; the old ones go when those are healthy."""
    one = surging(fleet)
    one.publish(NEW)
    one.look()
    assert numbers(one) == list(range(7))
    assert [row.operation_kind for row in one.instances] == [""] * 5 + [OperationKind.CREATE] * 2
    lapse(one)
    watched(one, least=5, most=7)
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert [batch.members.count() for batch in one.upgrade.batches.all()] == [2, 2, 1]
    assert numbers(one) == [5, 6, 7, 8, 9]
    assert {row.version for row in one.instances} == {NEW}
    assert {(row.health, row.operation_id) for row in one.instances} == {(Health.HEALTHY, None)}
    assert set(one.views()) == {str(number) for number in numbers(one)}
    assert one.upgrade.progress() == Progress(successful=5, failed=0, in_progress=0, pending=0)


def test_capacity_does_not_drop_where_new_instances_are_bad(fleet: MakeFleet) -> None:
    one = surging(fleet, tags={"bad-versions": BAD})
    before = one.views()
    one.publish(BAD)
    one.work(one.look())
    one.probe()
    assert answering(one) == 5
    one.later(minutes=5)
    watched(one, least=5, most=7)
    assert one.views() == before
    assert one.upgrade.error and one.upgrade.error["code"] == FaultCode.UPGRADED
    assert [each["target"].rpartition("/")[2] for each in one.upgrade.error["details"]] == ["0", "1"]
    assert [(row.failed_version, row.failures) for row in one.instances] == [(BAD, 1)] * 2 + [("", 0)] * 3
    assert one.upgrade.progress() == Progress(successful=0, failed=2, in_progress=0, pending=3)


def test_without_quota_a_batch_is_done_in_place(fleet: MakeFleet) -> None:
    """Z-1.10: quota is checked before every batch."""
    one = surging(fleet, tags={"quota": "6"})
    disks = {row.number: row.os_disk for row in one.instances}
    one.publish(NEW)
    one.work(one.look())
    assert numbers(one) == list(range(5))
    assert whys(one) == ["40 % of 5 is 2, so at most 2; in place, for the quota has room for 1 more (maxSurge)."]
    one.edit({"tags": {**one.tags, "rollgrid-sim-quota": "7"}})
    watched(one, least=3, most=7)
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert numbers(one) == [0, 1, 5, 6, 7]
    assert not {row.os_disk for row in one.instances} & set(disks.values())
    assert [why.rpartition("; ")[2] for why in whys(one)[1:]] == ["new instances take their places (maxSurge)."] * 2


def test_capacity_does_not_drop_where_the_quota_is_used_up_meanwhile(fleet: MakeFleet) -> None:
    """Between the question and the creation: those fail, the old ones stay."""
    one, handed = begun(fleet)
    before = one.views()
    one.edit({"tags": {**one.tags, "rollgrid-sim-quota": "5"}})
    one.work(handed)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.FAULTED
    assert one.views() == before
    assert answering(one) == 5
    failed = {(row.state, row.error_code, row.replacement, row.replacement_number) for row in one.upgrade.members.all()}
    assert failed == {(MemberState.FAILED, "QuotaExceeded", None, number) for number in (5, 6)}
    assert [(row.failed_version, row.failures) for row in one.instances] == [(NEW, 0)] * 2 + [("", 0)] * 3


def test_a_provider_that_does_not_say_how_much_room_there_is_is_asked_again(
    fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither are new instances made blindly, nor is capacity given up."""
    one = surging(fleet)
    one.publish(NEW)
    with monkeypatch.context() as away:
        away.setattr("upgrades.orchestrator.quota.PATIENCE_SECONDS", 0)
        assert one.look() == []
    assert one.row.decision["code"] == "QuotaUnknown"
    assert "QuotaUnknown" in {reason["code"] for reason in one.row.decision["reasons"]}
    assert one.row.reconcile_at - one.now <= timedelta(seconds=3)
    one.later(seconds=3)
    watched(one, least=5, most=7)
    assert one.upgrade.status == UpgradeStatus.COMPLETED


def test_the_next_batch_waits_until_the_old_ones_are_gone(fleet: MakeFleet) -> None:
    """With room for just one batch more each can surge."""
    one = surging(fleet, tags={"quota": "7"})
    one.publish(NEW)
    one.work(one.look())
    one.probe()
    removing = one.look()
    assert one.row.decision["code"] == "RemovingReplaced"
    assert [row.number for row in one.instances if row.operation_kind == OperationKind.DELETE] == [0, 1]
    assert one.upgrade.batches.count() == 1
    one.work(removing)
    one.look()
    assert one.upgrade.batches.count() == 2
    assert all("take their places" in why for why in whys(one))


# --- what is made -----------------------------------------------------------------------------------------------------


def test_new_instances_stand_in_the_zones_of_the_old_ones(fleet: MakeFleet) -> None:
    one = fleet(6)
    one.edit({"zones": ["1", "2"], **IN_FORCE, OWN: {"maxSurge": True, "maxBatchInstancePercent": 50}})
    one.go_on()
    one.publish(NEW)
    one.go_on()
    zones = ["1", "2"]
    pairs = [(row.instance_number, row.replacement_number or 0) for row in InstanceUpgrade.objects.all()]
    assert len(pairs) == 6
    assert all(zone_of(zones, old) == zone_of(zones, new) for old, new in pairs)
    assert sorted(zone_of(zones, number) for number in numbers(one)) == ["1"] * 3 + ["2"] * 3


def test_what_is_kept_at_scale_in_stays_so_in_its_new_instance(fleet: MakeFleet) -> None:
    one = surging(fleet, 3)
    Instance.objects.filter(scale_set=one.id, number=0).update(kept_on_scale_in=True)
    one.publish(NEW)
    one.go_on()
    new = InstanceUpgrade.objects.get(upgrade=one.upgrade, instance_number=0).replacement
    assert [row.kept_on_scale_in for row in one.instances] == [row == new for row in one.instances]


def test_no_number_is_given_twice_in_one_upgrade(fleet: MakeFleet) -> None:
    """Not even those of new instances that failed and are gone."""
    one, _ = begun(fleet, own={"maxUnhealthyUpgradedInstancePercent": 100}, tags={"bad-versions": BAD})
    for _ in range(3):
        lapse(one)
        one.go_on()
        one.later(minutes=5)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert set(states(one).values()) == {MemberState.FAILED}
    given = list(one.upgrade.members.order_by("instance_number").values_list("replacement_number", flat=True))
    assert given == [5, 6, 7, 8, 9]
    assert numbers(one) == [0, 1, 2, 3, 4]


def test_the_events_of_a_surge_lead_to_the_snapshot(fleet: MakeFleet) -> None:
    one = surging(fleet, tags={"bad-versions": "16.04.2"})
    state = read.snapshot(one.id)
    one.publish(NEW)
    one.go_on()
    opt_out(one.path, ["7"], reason="busy", owner="ada", now=one.now)
    one.publish("16.04.2")
    one.go_on()
    one.later(minutes=5)
    one.go_on()
    for event in read.since(one.id, state["seq"]):
        state = read.apply(state, event)
    assert state == read.snapshot(one.id)


def test_progress_of_a_surge_adds_up_at_every_look(fleet: MakeFleet) -> None:
    """S-52"""
    one = surging(fleet)
    one.publish(NEW)
    seen: set[Progress] = set()
    while not seen or one.upgrade.ended_at is None:
        handed = one.look()
        progress = one.upgrade.progress()
        assert progress.successful + progress.failed + progress.in_progress + progress.pending == 5
        seen.add(progress)
        one.work(handed)
        one.probe()
        one.later(seconds=1)
    assert len(seen) > 4


# --- deaths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_worker_that_dies_over_new_instances_costs_time_only(fleet: MakeFleet, is_begun: bool) -> None:
    one, lost = begun(fleet)
    if is_begun:
        begin_only(one, lost)
    lapse(one)
    watched(one, least=5, most=7)
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert numbers(one) == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_worker_that_dies_over_those_that_go_costs_time_only(fleet: MakeFleet, is_begun: bool) -> None:
    one, handed = begun(fleet)
    one.work(handed)
    one.probe()
    lost = one.look()
    if is_begun:
        begin_only(one, lost)
    lapse(one)
    watched(one, least=5, most=7)
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert numbers(one) == [5, 6, 7, 8, 9]
