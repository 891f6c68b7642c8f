"""Machines that somebody deletes behind our back: seen, said, made again, and nobody's failure."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.surging import begun, surging
from tests.orchestrator.test_recovery import begin_only, lapse
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.steering import pause, resume, retry_now
from upgrades.core.states import InstanceUpgradeState, Power, Provisioning, UpgradeStatus
from upgrades.models import Instance, InstanceUpgrade, Transition
from upgrades.orchestrator.reconcile import WorkClaim
from upgrades.prober import probe_targets, write_back
from upgrades.prober.absence import Absences
from upgrades.providers.simulated.client import SimulatorControl

NEW = "16.04.1"


def vanish(fleet: Fleet, *numbers: int) -> None:
    """Nobody has noticed yet."""

    async def act() -> None:
        control = SimulatorControl(fleet.home)
        try:
            await control.act(fleet.path, {"vanish": [str(number) for number in numbers]})
        finally:
            await control.close()

    asyncio.run(act())


def notice(fleet: Fleet, *, answers: int = 3, apart: float = 20.0) -> None:
    """The prober asks the provider so often."""
    absences = Absences()
    for answer in range(answers):
        probed, views = probe_targets.read(fleet.id), fleet.views()
        assert probed
        if gone := absences.note(probed, views, answer * apart):
            write_back.write_gone(fleet.id, gone, fleet.now)
        there = {
            instance.pk: views[str(instance.number)]
            for instance in probed.instances.values()
            if str(instance.number) in views
        }
        write_back.write_views(fleet.id, there, probed.instances, fleet.now)


def missing(fleet: Fleet) -> list[int]:
    return [row.number for row in fleet.instances if row.missing_since]


def reasons(fleet: Fleet) -> dict[str, Any]:
    return {each["code"]: each for each in fleet.row.decision["reasons"]}


@pytest.fixture
def six(make_fleet: MakeFleet) -> Fleet:
    fleet = make_fleet(6)
    fleet.go_on()
    return fleet


def test_a_machine_that_vanished_is_seen_and_said(six: Fleet) -> None:
    vanish(six, 2)
    notice(six)
    row = six.instances[2]
    assert (row.power, row.provisioning, row.health) == (Power.UNKNOWN, Provisioning.FAILED, "unknown")
    assert (row.version, row.os_disk, row.address, row.was_made) == ("", "", "", True)
    assert row.health_detail == "the machine is gone at the provider", "when that was is a time of its own"
    note = Transition.objects.filter(scale_set=six.id, instance_number=2).latest("seq").note
    assert note == "the machine is gone at the provider"
    six.reconcile()
    found = reasons(six)["MachinesGone"]
    assert found["instances"] == ["2"] and found["text"].startswith("The machine of instance 2 is gone at the provider")


def test_a_machine_that_vanished_is_made_again(six: Fleet) -> None:
    before = {row.number: (row.name, row.os_disk) for row in six.instances}
    vanish(six, 2)
    notice(six)
    six.go_on()
    after = {row.number: (row.name, row.os_disk) for row in six.instances}
    assert after.keys() == before.keys() and after[2][0] == before[2][0] and after[2][1] != before[2][1]
    assert {row.health for row in six.instances} == {"healthy"} and missing(six) == []
    assert six.row.decision["code"] == "NothingToDo" and reasons(six) == {}


def test_an_unnoticed_absence_fails_no_upgrade_and_quarantines_no_instance(six: Fleet) -> None:
    """Its reimage is refused, for there is no such machine: that is known at once."""
    vanish(six, 0, 3)
    six.publish(NEW)
    six.go_on(200)
    assert six.upgrade.status == UpgradeStatus.COMPLETED and six.row.upgrades.count() == 1
    rows = six.instances
    assert {row.version for row in rows} == {NEW} and missing(six) == []
    assert {(row.failures, row.quarantined_at, row.failed_version) for row in rows} == {(0, None, "")}


@pytest.mark.parametrize("when", ["queued", "upgrading", "verifying"])
def test_a_machine_that_vanishes_in_its_batch_is_no_failure(six: Fleet, when: str) -> None:
    six.publish(NEW)
    handed = six.reconcile()
    if when == "upgrading":
        begin_only_slowly(six, handed)
    if when == "verifying":
        six.work(handed)
    vanish(six, 0)
    if when == "verifying":
        notice(six)
    lapse(six)
    six.go_on(200)
    member = InstanceUpgrade.objects.get(upgrade=six.upgrade, instance_number=0)
    assert member.state == InstanceUpgradeState.SKIPPED
    assert six.upgrade.status == UpgradeStatus.COMPLETED
    assert {(row.version, row.health, row.failures) for row in six.instances} == {(NEW, "healthy", 0)}


def begin_only_slowly(fleet: Fleet, handed: list[WorkClaim]) -> None:
    fleet.edit({"tags": {**fleet.tags, "rollgrid-sim-boot-seconds": "0.5"}})
    begin_only(fleet, handed)


def test_a_machine_that_vanishes_during_rollback_was_a_failure(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(6, **{"bad-versions": NEW})
    fleet.go_on()
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    fleet.probe()
    fleet.later(minutes=6)
    fleet.probe()
    handed = fleet.reconcile()
    assert fleet.instances[0].operation_kind == "restore"
    vanish(fleet, 0)
    fleet.work(handed)
    member = InstanceUpgrade.objects.get(upgrade=fleet.upgrade, instance_number=0)
    assert member.state == InstanceUpgradeState.FAILED and "gone at the provider" in member.rollback_error
    fleet.reconcile()
    assert (
        fleet.upgrade.status == UpgradeStatus.FAULTED
        and missing(fleet) == []
        or fleet.instances[0].operation_kind == "create"
    )


def test_a_machine_that_vanishes_in_a_paused_upgrade_is_made_again_meanwhile(six: Fleet) -> None:
    six.publish(NEW)
    six.work(six.reconcile())
    pause(six.path, "ada", six.now)
    six.go_on()
    vanish(six, 0, 5)
    notice(six, answers=4)
    six.go_on(60)
    assert six.row.decision["code"] == "Paused" and missing(six) == []
    assert six.instances[5].version == NEW, "new ones take the newest image"
    resume(six.path, "ada", six.now)
    six.go_on(200)
    assert six.upgrade.status == UpgradeStatus.COMPLETED


@pytest.mark.parametrize("which", ["old", "new"])
def test_either_instance_of_a_surge_pair_may_vanish(make_fleet: MakeFleet, which: str) -> None:
    fleet, handed = begun(make_fleet)
    fleet.work(handed)
    vanish(fleet, 0 if which == "old" else 5)
    notice(fleet)
    fleet.go_on(200)
    rows = fleet.instances
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert len(rows) == 5 and {(row.health, row.failures) for row in rows} == {("healthy", 0)}
    fleet.go_on(200)
    assert {row.version for row in fleet.instances} == {NEW}


def test_a_new_one_that_vanishes_in_its_creation_is_no_failure_of_the_image(make_fleet: MakeFleet) -> None:
    fleet = surging(make_fleet, tags={"boot-seconds": "0.5"})
    fleet.publish(NEW)
    handed = fleet.reconcile()
    begin_only(fleet, handed)
    vanish(fleet, 5)
    lapse(fleet)
    fleet.go_on(300)
    assert {(row.failures, row.failed_version) for row in fleet.instances} == {(0, "")}


def test_all_of_a_set_are_made_again_so_many_at_a_time(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(10)
    fleet.go_on()
    vanish(fleet, *range(10))
    notice(fleet)
    assert missing(fleet) == list(range(10))
    handed = fleet.reconcile()
    assert Instance.objects.filter(scale_set=fleet.id, operation_kind="create").count() == 2
    fleet.work(handed)
    fleet.go_on(200)
    assert missing(fleet) == [] and {row.health for row in fleet.instances} == {"healthy"}


def test_a_provider_that_is_mistaken_about_all_of_them_costs_nothing(six: Fleet) -> None:
    """It says for a minute that there are none; its machines run on, and it makes none beside them."""
    disks = {row.number: row.os_disk for row in six.instances}
    probed = probe_targets.read(six.id)
    assert probed
    write_back.write_gone(six.id, probed.instances, six.now)
    six.go_on()
    assert "exists already" in reasons(six)["MachinesNotMade"]["text"]
    assert len(six.views()) == 6
    notice(six, answers=1)
    six.go_on()
    assert {row.number: row.os_disk for row in six.instances} == disks and missing(six) == []


def test_a_machine_that_comes_back_is_taken_as_it_is(six: Fleet) -> None:
    disk = six.instances[1].os_disk
    probed = probe_targets.read(six.id)
    assert probed
    write_back.write_gone(
        six.id, {pk: instance for pk, instance in probed.instances.items() if instance.number == 1}, six.now
    )
    notice(six, answers=1)
    six.go_on()
    assert six.instances[1].os_disk == disk and six.instances[1].health == "healthy"


def test_a_stale_report_of_a_vanished_machine_is_not_written(six: Fleet) -> None:
    """It was reimaged meanwhile, or something is being done to it."""
    probed = probe_targets.read(six.id)
    assert probed
    six.publish(NEW)
    six.reconcile()
    assert write_back.write_gone(six.id, probed.instances, six.now) is not None
    assert 0 not in missing(six), "it is in its batch"


def test_an_opt_out_holds_for_the_new_machine_of_its_instance(six: Fleet) -> None:
    opt_out(six.path, ["4"], reason="debugging", owner="ada", now=six.now)
    vanish(six, 4)
    notice(six)
    six.go_on()
    assert missing(six) == []
    six.publish(NEW)
    six.go_on(200)
    assert [row.version == NEW for row in six.instances] == [True] * 4 + [False, True]


def test_scaling_in_removes_a_vanished_instance_first(six: Fleet) -> None:
    vanish(six, 1)
    notice(six)
    six.put(5)
    six.go_on()
    assert [row.number for row in six.instances] == [0, 2, 3, 4, 5]


def test_two_workers_and_one_that_dies_make_one_machine(six: Fleet) -> None:
    vanish(six, 1)
    notice(six)
    handed = six.reconcile()
    begin_only(six, handed)
    lapse(six)
    again = six.reconcile()
    six.work(again)
    six.work(handed)
    six.go_on()
    assert missing(six) == [] and len(six.views()) == 6


def test_a_clock_set_back_while_a_machine_is_missing_costs_nothing(six: Fleet) -> None:
    vanish(six, 1)
    notice(six)
    six.now -= timedelta(days=1)
    handed = six.reconcile()
    assert len(handed) == 1
    six.work(handed)
    assert missing(six) == []


def test_a_machine_that_was_moved_is_not_made_a_second_time(six: Fleet) -> None:
    """A person decides: here, that it is gone for good."""
    six.edit({"tags": {**six.tags, "rollgrid-sim-elsewhere": "2"}})
    vanish(six, 2)
    notice(six)
    six.go_on()
    assert missing(six) == [2] and list(six.views()) == ["0", "1", "3", "4", "5"]
    found = reasons(six)["MachinesElsewhere"]
    assert (found["instances"], found["act"], found["who"]) == (["2"], "retry_now", "operator")
    assert found["text"].startswith(
        "The machine of instance 2 seems to live elsewhere, and no other is made: instance 2 of"
    )
    assert "Take it out of that tag if it is gone for good" in found["text"]
    assert "MachinesGone" not in reasons(six) and "MachinesNotMade" not in reasons(six)
    assert six.row.decision["code"] == "MachinesElsewhere"
    six.later(minutes=20)
    six.go_on()
    assert missing(six) == [2], "it is looked for again, and not made"
    six.edit({"tags": {key: value for key, value in six.tags.items() if not key.endswith("elsewhere")}})
    retry_now(six.path, "ada", six.now)
    six.go_on()
    assert missing(six) == [] and reasons(six) == {}


def test_a_machine_that_is_elsewhere_holds_up_no_upgrade_of_the_others(six: Fleet) -> None:
    six.edit({"tags": {**six.tags, "rollgrid-sim-elsewhere": "2"}})
    vanish(six, 2)
    notice(six)
    six.publish(NEW)
    six.go_on(200)
    assert six.upgrade.status == UpgradeStatus.COMPLETED
    assert {row.version for row in six.instances if row.number != 2} == {NEW} and missing(six) == [2]
