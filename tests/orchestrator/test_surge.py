"""New instances in the places of old ones (maxSurge, facts 1.10): real rows, real machines."""

from datetime import timedelta
from typing import Any

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_recovery import begin_only, lapse
from tests.providers.simulator import http_status
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.commands.steering import pause, resume
from upgrades.commands.upgrades import cancel
from upgrades.core.states import FaultCode, Health, MemberState, OperationKind, UpgradeStatus
from upgrades.core.zones import zone_of
from upgrades.feed import read
from upgrades.models import Batch, Chunk, Instance, InstanceUpgrade
from upgrades.models.rolling_upgrade import Progress
from upgrades.orchestrator.advance import HandOut
from upgrades.orchestrator.outcomes import mark_begun

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NEW = BAD = "16.04.1"
Json = dict[str, Any]
POLICY = "properties.upgradePolicy"
OWN = f"{POLICY}.rollingUpgradePolicy"
IN_FORCE = {f"{POLICY}.automaticOSUpgradePolicy.useRollingUpgradePolicy": True}


def surging(fleet: MakeFleet, instances: int = 5, *, own: Json | None = None, tags: Json | None = None) -> Fleet:
    """A fleet at rest whose policy surges: two at a time of five."""
    one = fleet(instances, **(tags or {}))
    one.edit({**IN_FORCE, OWN: {"maxSurge": True, "maxBatchInstancePercent": 40, **(own or {})}})
    one.go_on()
    return one


def begun(fleet: MakeFleet, *, own: Json | None = None, tags: Json | None = None) -> tuple[Fleet, list[HandOut]]:
    """The same with its first batch recorded and handed out."""
    one = surging(fleet, own=own, tags=tags)
    one.publish(NEW)
    return one, one.look()


def answering(one: Fleet) -> int:
    """Machines that serve: they answer well on their sockets."""
    return sum(1 for view in one.views().values() if view.address and http_status(view.address) == 200)


def watched(one: Fleet, least: int, most: int) -> None:
    """Goes on to the end, and looks at the machines after everything that anybody does."""
    while one.upgrade.ended_at is None or one.chunks:
        one.work(one.look())
        assert least <= answering(one) and len(one.views()) <= most
        one.probe()
        assert least <= answering(one) and len(one.views()) <= most
        one.later(seconds=1)


def numbers(one: Fleet) -> list[int]:
    return [row.number for row in one.instances]


def states(one: Fleet) -> dict[int, str]:
    return dict(one.upgrade.members.values_list("instance_number", "state"))


def whys(one: Fleet) -> list[str]:
    return [row.why for row in Batch.objects.filter(upgrade=one.upgrade).order_by("number")]


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
    """facts 1.10: quota is checked before every batch."""
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


def test_a_provider_that_does_not_say_how_much_room_there_is_is_asked_again(
    fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither are new instances made blindly, nor is capacity given up."""
    one = surging(fleet)
    one.publish(NEW)
    with monkeypatch.context() as away:
        away.setattr("upgrades.orchestrator.room.PATIENCE_SECONDS", 0)
        assert one.look() == []
    assert one.row.decision["code"] == "QuotaUnknown"
    assert "QuotaUnknown" in {reason["code"] for reason in one.row.decision["reasons"]}
    assert one.row.look_at - one.now <= timedelta(seconds=3)
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


# --- people -----------------------------------------------------------------------------------------------------------


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
    held_up = one.chunks[0]
    held_up.stretches = 1
    begin_only(one, [HandOut(held_up.pk, held_up.number)])
    Chunk.objects.filter(pk=held_up.pk).update(number=held_up.number + 1)
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now)
    mark_begun(held_up, one.now)
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


def test_three_bad_versions_of_new_instances_put_the_old_one_in_quarantine(fleet: MakeFleet) -> None:
    one = surging(fleet, 3, tags={"bad-versions": "16.04.1,16.04.2,16.04.3"})
    for number in (1, 2, 3):
        one.publish(f"16.04.{number}")
        one.go_on()
        one.later(minutes=5)
        one.go_on()
    assert [bool(row.quarantined_at) for row in one.instances] == [True, False, False]
    assert numbers(one) == [0, 1, 2]


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
