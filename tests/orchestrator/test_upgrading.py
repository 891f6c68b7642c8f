"""Whole upgrades through the orchestrator: real rows, real machines."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from upgrades.core.progress import Progress
from upgrades.core.states import Health, MemberState, OperationKind, Provisioning, UpgradeStatus
from upgrades.feed import read
from upgrades.models import InstanceUpgrade, OptOut, ScaleSet, Transition, WorkItem


def test_instances_are_created_and_run_the_newest_image(fleet: MakeFleet) -> None:
    one = fleet(12)
    one.go_on()
    assert [row.number for row in one.instances] == list(range(12))
    assert {(row.version, row.health, row.provisioning) for row in one.instances} == {
        ("0.0.1", Health.HEALTHY, Provisioning.SUCCEEDED)
    }
    assert one.work_items == []


def test_a_published_image_rolls_the_set(fleet: MakeFleet) -> None:
    """S-1, S-2, S-7, S-8, S-9, S-16: batches of two, new OS disks, the same data disks, extensions and custom data again."""
    one = fleet(10)
    one.go_on()
    before = one.views()

    one.publish("16.04.1")
    one.go_on()

    after = one.views()
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert [batch.members.count() for batch in one.upgrade.batches.all()] == [2, 2, 2, 2, 2]
    for id, view in after.items():
        assert view.version == "16.04.1"
        assert view.os_disk != before[id].os_disk
        assert view.data_disks == before[id].data_disks
        assert [(run.what, run.os_disk) for run in view.runs] == [
            ("customData", view.os_disk),
            ("health", view.os_disk),
        ]


def test_each_os_disk_is_swapped_once_and_the_history_says_so(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    old = {row.number: row.os_disk for row in one.instances}
    one.publish("16.04.1")
    one.go_on()

    members = InstanceUpgrade.objects.filter(upgrade=one.upgrade).order_by("instance_number")
    assert [(one.instance_number, one.old_os_disk) for one in members] == sorted(old.items())
    assert {row.number: row.os_disk for row in one.instances} == {m.instance_number: m.new_os_disk for m in members}
    states = Transition.objects.filter(upgrade_id=one.upgrade.pk, instance_number=3).order_by("seq")
    assert list(states.values_list("state", flat=True)) == [
        "queued",
        "upgrading",
        "verifying",
        "verifying",
        "succeeded",
    ]
    statuses = Transition.objects.filter(upgrade_id=one.upgrade.pk, instance_number=None).order_by("seq")
    assert statuses.first().state == UpgradeStatus.ROLLING_FORWARD  # type: ignore[union-attr]
    assert statuses.last().state == UpgradeStatus.COMPLETED  # type: ignore[union-attr]


def test_progress_adds_up_at_every_look(fleet: MakeFleet) -> None:
    """S-52"""
    one = fleet(11)
    one.go_on()
    one.publish("16.04.1")
    seen: set[Progress] = set()
    while not seen or one.upgrade.ended_at is None:
        handed = one.look()
        progress = one.upgrade.progress()
        assert progress.successful + progress.failed + progress.in_progress + progress.pending == 11
        assert progress.in_progress <= 2
        seen.add(progress)
        one.work(handed)
        one.probe()
        one.later(seconds=1)
    assert len(seen) > 5
    assert (one.upgrade.progress().successful, one.upgrade.progress().pending) == (11, 0)


def test_the_events_lead_to_the_snapshot(fleet: MakeFleet) -> None:
    """House 1.5: snapshot + events == new snapshot, around a whole upgrade."""
    one = fleet(5)
    one.go_on()
    state = read.snapshot(one.id)
    one.publish("16.04.1")
    one.go_on()
    events = read.since(one.id, state["seq"])
    assert [event.seq for event in events] == list(range(state["seq"] + 1, one.row.seq + 1))
    for event in events:
        state = read.apply(state, event)
    assert state == read.snapshot(one.id)


def test_a_version_that_answers_503_stops_after_its_first_batch(fleet: MakeFleet) -> None:
    """S-43: exactly one failed batch, the others untouched; the reason is stored."""
    one = fleet(10, **{"bad-versions": "16.04.1"})
    one.go_on()
    before = {row.number: row.os_disk for row in one.instances}
    one.publish("16.04.1")
    one.go_on()
    assert one.row.decision["code"] == "WaitingForHealth"

    one.later(minutes=5)
    one.go_on()

    assert one.upgrade.status == UpgradeStatus.FAULTED
    assert one.upgrade.error and one.upgrade.error["code"].startswith("MaxUnhealthyUpgraded")
    assert [detail["target"].split("/")[-1] for detail in one.upgrade.error["details"]] == ["0", "1"]
    assert [row.member.state for row in one.instances if row.member] == [MemberState.ROLLED_BACK] * 2
    assert all(row.os_disk == before[row.number] for row in one.instances)
    assert one.upgrade.progress().pending == 8


def test_a_version_that_never_boots_is_no_better(fleet: MakeFleet) -> None:
    one = fleet(5, **{"dead-versions": "16.04.1"})
    one.go_on()
    one.publish("16.04.1")
    one.go_on()
    one.later(minutes=5)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.FAULTED
    assert {row.version for row in one.instances} == {"0.0.1"}
    assert [row.health for row in one.instances] == [Health.HEALTHY] * 5


def test_a_reimage_that_fails_keeps_its_error(fleet: MakeFleet) -> None:
    one = fleet(5, **{"fail-percent": "100"})
    one.go_on()
    one.publish("16.04.1")
    one.go_on()
    member = one.instances[0].member
    assert member and member.state == MemberState.ROLLED_BACK
    assert member.error_code and member.error_message
    assert one.upgrade.error and one.upgrade.error["details"][0]["code"] == member.error_code
    assert one.upgrade.status == UpgradeStatus.FAULTED
    assert {row.version for row in one.instances} == {"0.0.1"}


def test_an_operation_that_never_ends_is_given_up(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.tags["rollgrid-sim-boot-seconds"] = "3600"
    one.put(5)
    one.publish("16.04.1")
    handed = one.look()
    WorkItem.objects.update(attempts=1200 // 3)
    one.work(handed)
    member = one.instances[0].member
    assert member and (member.state, member.error_code) == (MemberState.FAILED, "OSProvisioningTimedOut")


def test_an_opted_out_instance_is_never_touched(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    kept = one.instances[2]
    OptOut.objects.create(instance=kept, owner="ada", reason="debugging", created_at=one.now)
    one.publish("16.04.1")
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert one.instances[2].os_disk == kept.os_disk
    assert [row.version for row in one.instances] == ["16.04.1", "16.04.1", "0.0.1", "16.04.1", "16.04.1"]


def test_opting_out_after_the_batch_was_recorded_still_counts(fleet: MakeFleet) -> None:
    """Until its disk is touched, an instance can be let go."""
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    handed = one.look()
    first = one.instances[0]
    assert first.member and first.member.state == MemberState.QUEUED
    OptOut.objects.create(instance=first, owner="ada", reason="debugging", created_at=one.now)
    one.work(handed)
    again = one.instances[0]
    assert again.member and again.member.state == MemberState.SKIPPED
    assert (again.os_disk, again.operation_id, again.health) == (first.os_disk, None, Health.HEALTHY)
    one.go_on()
    assert [row.version for row in one.instances] == ["0.0.1"] + ["16.04.1"] * 4


def test_an_opt_out_ends_by_itself_and_the_instance_follows(fleet: MakeFleet) -> None:
    one = fleet(3)
    one.go_on()
    end = one.now.replace(hour=13)
    opt_out = OptOut.objects.create(instance=one.instances[1], owner="ada", reason="x", created_at=one.now, until=end)
    one.publish("16.04.1")
    one.go_on()
    assert one.instances[1].version == "0.0.1"
    one.later(hours=1)
    one.go_on()
    opt_out.refresh_from_db()
    assert opt_out.ended_by == "its own time limit"
    assert one.instances[1].version == "16.04.1"


def test_scaling_out_and_in(fleet: MakeFleet) -> None:
    one = fleet(3)
    one.go_on()
    one.put(5)
    one.go_on()
    assert len(one.views()) == len(one.instances) == 5
    disks = {number: view.os_disk for number, view in one.views().items()}
    one.put(2)
    one.go_on()
    assert {str(row.number): row.os_disk for row in one.instances} == {"0": disks["0"], "1": disks["1"]}
    assert set(one.views()) == {"0", "1"}


def test_a_deleted_scale_set_goes_with_its_machines(fleet: MakeFleet) -> None:
    one = fleet(3)
    one.go_on()
    ScaleSet.objects.filter(pk=one.id).update(deleting=True)
    one.work(one.look())
    assert one.views() == {}
    one.look()
    assert not ScaleSet.objects.filter(pk=one.id).exists()


def test_what_is_under_way_is_told_by_the_rows(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    one.look()
    begun = one.instances[0]
    assert begun.member and begun.operation_id == begun.member.pk
    assert (begun.operation_kind, begun.operation_version) == (OperationKind.REIMAGE, "16.04.1")
    assert one.row.decision["text"] == "Replacing the OS disk of 1 instance."


def test_an_error_that_nobody_expected_stops_the_upgrade_between_two_batches(fleet: MakeFleet) -> None:
    """Z-1.6: InternalExecutionError. Here its row has a policy that nobody could have written."""
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    one.work(one.look())
    upgrade = one.upgrade
    upgrade.policy = {**upgrade.policy, "max_batch_percent": "twenty"}
    upgrade.save()
    one.look()
    assert one.upgrade.status == UpgradeStatus.ROLLING_FORWARD, "a batch is in flight"
    one.probe()
    one.look()
    assert one.upgrade.status == UpgradeStatus.FAULTED
    assert one.upgrade.error and one.upgrade.error["code"] == "InternalExecutionError"
    assert "TypeError" in one.upgrade.error["message"]
    assert one.upgrade.progress() == Progress(successful=1, failed=0, in_progress=0, pending=4)


def test_an_error_before_the_first_batch_is_not_met_again_at_once(
    fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again after the wait that stopped attempts have, not fifty times in one look."""
    one = fleet(5)
    one.go_on()
    monkeypatch.setattr("upgrades.core.batches.choose", lambda *_: 1 // 0)
    one.publish("16.04.1")
    one.look()
    one.look()
    assert [row.status for row in one.row.upgrades.all()] == [UpgradeStatus.FAULTED]
    assert one.row.decision["code"] == "WaitingToTryAgain"
