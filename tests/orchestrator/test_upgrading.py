"""Whole upgrades through the orchestrator: real rows, real machines."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from upgrades.core.progress import Progress
from upgrades.core.states import Health, InstanceUpgradeState, OperationKind, Provisioning, UpgradeStatus
from upgrades.feed import read
from upgrades.models import InstanceUpgrade, OptOut, ScaleSet, Transition, WorkItem


def test_instances_are_created_and_run_the_newest_image(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(12)
    fleet.go_on()
    assert [row.number for row in fleet.instances] == list(range(12))
    assert {(row.version, row.health, row.provisioning) for row in fleet.instances} == {
        ("0.0.1", Health.HEALTHY, Provisioning.SUCCEEDED)
    }
    assert fleet.work_items == []


def test_a_published_image_rolls_the_set(make_fleet: MakeFleet) -> None:
    """S-1, S-2, S-7, S-8, S-9, S-16: batches of two, new OS disks, the same data disks, extensions and custom data again."""
    fleet = make_fleet(10)
    fleet.go_on()
    before = fleet.views()

    fleet.publish("16.04.1")
    fleet.go_on()

    after = fleet.views()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert [batch.members.count() for batch in fleet.upgrade.batches.all()] == [2, 2, 2, 2, 2]
    for id, view in after.items():
        assert view.version == "16.04.1"
        assert view.os_disk != before[id].os_disk
        assert view.data_disks == before[id].data_disks
        assert [(run.what, run.os_disk) for run in view.runs] == [
            ("customData", view.os_disk),
            ("health", view.os_disk),
        ]


def test_each_os_disk_is_swapped_once_and_the_history_says_so(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    old = {row.number: row.os_disk for row in fleet.instances}
    fleet.publish("16.04.1")
    fleet.go_on()

    members = InstanceUpgrade.objects.filter(upgrade=fleet.upgrade).order_by("instance_number")
    assert [(member.instance_number, member.old_os_disk) for member in members] == sorted(old.items())
    assert {row.number: row.os_disk for row in fleet.instances} == {m.instance_number: m.new_os_disk for m in members}
    states = Transition.objects.filter(upgrade_id=fleet.upgrade.pk, instance_number=3).order_by("seq")
    assert list(states.values_list("state", flat=True)) == [
        "queued",
        "upgrading",
        "verifying",
        "verifying",
        "succeeded",
    ]
    statuses = Transition.objects.filter(upgrade_id=fleet.upgrade.pk, instance_number=None).order_by("seq")
    assert statuses.first().state == UpgradeStatus.ROLLING_FORWARD  # type: ignore[union-attr]
    assert statuses.last().state == UpgradeStatus.COMPLETED  # type: ignore[union-attr]


def test_progress_adds_up_at_every_reconcile(make_fleet: MakeFleet) -> None:
    """S-52"""
    fleet = make_fleet(11)
    fleet.go_on()
    fleet.publish("16.04.1")
    seen: set[Progress] = set()
    while not seen or fleet.upgrade.ended_at is None:
        handed = fleet.reconcile()
        progress = fleet.upgrade.progress()
        assert progress.successful + progress.failed + progress.in_progress + progress.pending == 11
        assert progress.in_progress <= 2
        seen.add(progress)
        fleet.work(handed)
        fleet.probe()
        fleet.later(seconds=1)
    assert len(seen) > 5
    assert (fleet.upgrade.progress().successful, fleet.upgrade.progress().pending) == (11, 0)


def test_the_events_lead_to_the_snapshot(make_fleet: MakeFleet) -> None:
    """House 1.5: snapshot + events == new snapshot, around a whole upgrade."""
    fleet = make_fleet(5)
    fleet.go_on()
    state = read.snapshot(fleet.id)
    fleet.publish("16.04.1")
    fleet.go_on()
    events = read.since(fleet.id, state["seq"])
    assert [event.seq for event in events] == list(range(state["seq"] + 1, fleet.row.seq + 1))
    for event in events:
        state = read.apply(state, event)
    assert state == read.snapshot(fleet.id)


def test_a_version_that_answers_503_stops_after_its_first_batch(make_fleet: MakeFleet) -> None:
    """S-43: exactly one failed batch, the others untouched; the reason is stored."""
    fleet = make_fleet(10, **{"bad-versions": "16.04.1"})
    fleet.go_on()
    before = {row.number: row.os_disk for row in fleet.instances}
    fleet.publish("16.04.1")
    fleet.go_on()
    assert fleet.row.decision["code"] == "WaitingForHealth"

    fleet.later(minutes=5)
    fleet.go_on()

    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert fleet.upgrade.error and fleet.upgrade.error["code"].startswith("MaxUnhealthyUpgraded")
    assert [detail["target"].split("/")[-1] for detail in fleet.upgrade.error["details"]] == ["0", "1"]
    assert [row.member.state for row in fleet.instances if row.member] == [InstanceUpgradeState.ROLLED_BACK] * 2
    assert all(row.os_disk == before[row.number] for row in fleet.instances)
    assert fleet.upgrade.progress().pending == 8


def test_a_version_that_never_boots_is_no_better(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5, **{"dead-versions": "16.04.1"})
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on()
    fleet.later(minutes=5)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert {row.version for row in fleet.instances} == {"0.0.1"}
    assert [row.health for row in fleet.instances] == [Health.HEALTHY] * 5


def test_a_reimage_that_fails_keeps_its_error(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5, **{"fail-percent": "100"})
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on()
    member = fleet.instances[0].member
    assert member and member.state == InstanceUpgradeState.ROLLED_BACK
    assert member.error_code and member.error_message
    assert fleet.upgrade.error and fleet.upgrade.error["details"][0]["code"] == member.error_code
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert {row.version for row in fleet.instances} == {"0.0.1"}


def test_an_operation_that_never_ends_is_given_up(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.tags["rollgrid-sim-boot-seconds"] = "3600"
    fleet.put(5)
    fleet.publish("16.04.1")
    handed = fleet.reconcile()
    WorkItem.objects.update(attempts=1200 // 3)
    fleet.work(handed)
    member = fleet.instances[0].member
    assert member and (member.state, member.error_code) == (InstanceUpgradeState.FAILED, "OSProvisioningTimedOut")


def test_an_opted_out_instance_is_never_touched(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    kept = fleet.instances[2]
    OptOut.objects.create(instance=kept, owner="ada", reason="debugging", created_at=fleet.now)
    fleet.publish("16.04.1")
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert fleet.instances[2].os_disk == kept.os_disk
    assert [row.version for row in fleet.instances] == ["16.04.1", "16.04.1", "0.0.1", "16.04.1", "16.04.1"]


def test_opting_out_after_the_batch_was_recorded_still_counts(make_fleet: MakeFleet) -> None:
    """Until its disk is touched, an instance can be let go."""
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    handed = fleet.reconcile()
    first = fleet.instances[0]
    assert first.member and first.member.state == InstanceUpgradeState.QUEUED
    OptOut.objects.create(instance=first, owner="ada", reason="debugging", created_at=fleet.now)
    fleet.work(handed)
    again = fleet.instances[0]
    assert again.member and again.member.state == InstanceUpgradeState.SKIPPED
    assert (again.os_disk, again.operation_id, again.health) == (first.os_disk, None, Health.HEALTHY)
    fleet.go_on()
    assert [row.version for row in fleet.instances] == ["0.0.1"] + ["16.04.1"] * 4


def test_an_opt_out_ends_by_itself_and_the_instance_follows(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3)
    fleet.go_on()
    end = fleet.now.replace(hour=13)
    opt_out = OptOut.objects.create(
        instance=fleet.instances[1], owner="ada", reason="x", created_at=fleet.now, until=end
    )
    fleet.publish("16.04.1")
    fleet.go_on()
    assert fleet.instances[1].version == "0.0.1"
    fleet.later(hours=1)
    fleet.go_on()
    opt_out.refresh_from_db()
    assert opt_out.ended_by == "its own time limit"
    assert fleet.instances[1].version == "16.04.1"


def test_scaling_out_and_in(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3)
    fleet.go_on()
    fleet.put(5)
    fleet.go_on()
    assert len(fleet.views()) == len(fleet.instances) == 5
    disks = {number: view.os_disk for number, view in fleet.views().items()}
    fleet.put(2)
    fleet.go_on()
    assert {str(row.number): row.os_disk for row in fleet.instances} == {"0": disks["0"], "1": disks["1"]}
    assert set(fleet.views()) == {"0", "1"}


def test_a_scale_set_is_deleted_with_its_machines(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3)
    fleet.go_on()
    ScaleSet.objects.filter(pk=fleet.id).update(deleting=True)
    fleet.work(fleet.reconcile())
    assert fleet.views() == {}
    fleet.reconcile()
    assert not ScaleSet.objects.filter(pk=fleet.id).exists()


def test_work_under_way_is_told_by_the_rows(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.reconcile()
    begun = fleet.instances[0]
    assert begun.member and begun.operation_id == begun.member.pk
    assert (begun.operation_kind, begun.operation_version) == (OperationKind.REIMAGE, "16.04.1")
    assert fleet.row.decision["text"] == "Replacing the OS disk of 1 instance."


def test_an_unexpected_error_stops_the_upgrade_between_two_batches(make_fleet: MakeFleet) -> None:
    """Z-1.6: InternalExecutionError. Here its row has a policy that nobody could have written."""
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.work(fleet.reconcile())
    upgrade = fleet.upgrade
    upgrade.policy = {**upgrade.policy, "max_batch_percent": "twenty"}
    upgrade.save()
    fleet.reconcile()
    assert fleet.upgrade.status == UpgradeStatus.ROLLING_FORWARD, "a batch is in flight"
    fleet.probe()
    fleet.reconcile()
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert fleet.upgrade.error and fleet.upgrade.error["code"] == "InternalExecutionError"
    assert "TypeError" in fleet.upgrade.error["message"]
    assert fleet.upgrade.progress() == Progress(successful=1, failed=0, in_progress=0, pending=4)


def test_an_error_before_the_first_batch_is_not_met_again_at_once(
    make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again after the wait that stopped attempts have, not fifty times in one reconcile."""
    fleet = make_fleet(5)
    fleet.go_on()
    monkeypatch.setattr("upgrades.core.batches.choose", lambda *_: 1 // 0)
    fleet.publish("16.04.1")
    fleet.reconcile()
    fleet.reconcile()
    assert [row.status for row in fleet.row.upgrades.all()] == [UpgradeStatus.FAULTED]
    assert fleet.row.decision["code"] == "WaitingToTryAgain"
