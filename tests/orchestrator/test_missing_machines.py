"""Capacity counts machines: what could not be made is made again, goes first, and is in nobody's way."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_vanished_machines import notice
from tests.waiting import wait_until
from upgrades import history, provisioning_status
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.commands.scale_sets import delete_scale_set
from upgrades.commands.steering import pause, resume, retry_now
from upgrades.core.states import Provisioning, UpgradeStatus
from upgrades.models import ScaleSet

NO_QUOTA = "rollgrid-sim-quota"


def reason(fleet: Fleet, code: str = "MachinesNotMade") -> dict[str, Any]:
    return next(each for each in fleet.row.decision["reasons"] if each["code"] == code)


def missing(fleet: Fleet) -> list[int]:
    return [row.number for row in fleet.instances if row.missing_since]


def raise_quota(fleet: Fleet, to: int) -> None:
    fleet.edit({"tags": {**fleet.tags, NO_QUOTA: str(to)}})


@pytest.fixture
def short(make_fleet: MakeFleet) -> Fleet:
    """Six are wanted, and there is room for four."""
    fleet = make_fleet(6, quota="4")
    fleet.go_on()
    return fleet


def test_a_refused_creation_has_the_providers_words_and_the_time_of_the_retry(short: Fleet) -> None:
    found = reason(short)
    assert found["instances"] == ["4", "5"] and found["act"] == "retry_now" and found["who"] == "operator"
    assert found["numbers"]["instances"] == 2 and found["numbers"]["capacity"] == 6
    assert "Could not create 2 machines: instance 4 is beyond the quota" in found["text"]
    assert f"Retries at {short.instances[4].creation_tried_at:%Y-%m-%d %H:%M}" in found["text"] and found["until"]
    assert (
        short.row.decision["code"] == "MachinesNotMade" and "2 of 6 machines are missing" in short.row.decision["text"]
    )
    standing = history.standings([short.row], short.now)[short.id]
    assert (standing.machines, standing.missing) == (4, 2)
    assert provisioning_status.provisioning_status([short.row], short.now)[short.id].state is Provisioning.FAILED


def test_a_refused_creation_is_tried_again_by_itself_with_a_growing_wait(short: Fleet) -> None:
    waits = []
    for _ in range(3):
        row = short.instances[5]
        assert row.creation_tried_at
        again_at = short.row.reconcile_at
        waits.append(again_at - row.creation_tried_at)
        short.now = again_at - timedelta(seconds=1)
        assert short.reconcile() == [], "not before its time"
        short.later(seconds=1)
        short.go_on()
        assert short.instances[5].creation_tries == row.creation_tries + 1
    assert waits == [timedelta(seconds=15), timedelta(seconds=30), timedelta(seconds=60)]
    assert {row.number: row.name for row in short.instances}.keys() == set(range(6))


@pytest.mark.parametrize("how", ["time", "a person", "capacity up"])
def test_all_instances_are_created_when_the_quota_allows(short: Fleet, how: str) -> None:
    """By itself after its time; at once where a person wants it. Another model says so too."""
    short.change(4, 5, creation_tries=4)
    short.tags[NO_QUOTA] = "100"
    document = {**short.row.document, "tags": short.tags}
    ScaleSet.objects.filter(pk=short.id).update(document=document)  # the provider's quota, and nobody says so
    if how == "time":
        short.later(seconds=121)
    elif how == "a person":
        assert retry_now(short.path, "ada", short.now) is None
    else:
        short.put(7)
    short.go_on()
    assert missing(short) == [] and {row.health for row in short.instances} == {"healthy"}
    assert short.row.decision["code"] == "NothingToDo" and short.row.decision["reasons"] == []


def test_a_raised_quota_is_tried_at_once(short: Fleet) -> None:
    before = short.now
    raise_quota(short, 6)
    short.go_on()
    assert missing(short) == [] and short.now - before < timedelta(seconds=10)
    assert [row.number for row in short.instances] == list(range(6))


def test_a_clock_that_is_set_back_does_not_lengthen_the_wait(short: Fleet) -> None:
    short.now -= timedelta(hours=2)
    raise_quota_silently(short)
    assert len(short.reconcile()) == 1


def raise_quota_silently(fleet: Fleet) -> None:
    fleet.tags[NO_QUOTA] = "100"
    ScaleSet.objects.filter(pk=fleet.id).update(document={**fleet.row.document, "tags": fleet.tags})


def test_instances_without_a_machine_shut_no_gate_and_are_in_no_upgrade(short: Fleet) -> None:
    """Two of six would be more than 20 %; of the four that are there a batch is one."""
    short.publish("16.04.1")
    short.go_on(200)
    upgrade = short.upgrade
    assert upgrade.status == UpgradeStatus.COMPLETED
    assert [sorted(batch.members.values_list("instance_number", flat=True)) for batch in upgrade.batches.all()] == [
        [0],
        [1],
        [2],
        [3],
    ]
    raise_quota(short, 6)
    short.go_on()
    assert {row.version for row in short.instances} == {"16.04.1"}


def test_instances_that_never_had_a_machine_are_removed_first(short: Fleet) -> None:
    short.put(4)
    short.go_on()
    assert [row.number for row in short.instances] == [0, 1, 2, 3] and len(short.views()) == 4


def test_a_missing_instance_is_removed_first_at_scale_in(short: Fleet) -> None:
    """Little by little: each time one that is not there, as long as there is one."""
    short.put(5)
    short.go_on()
    assert missing(short) == [4] and len(short.instances) == 5
    short.put(3)
    short.go_on()
    assert [row.number for row in short.instances] == [0, 1, 2]


def test_no_machine_is_deleted_while_others_are_created(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(4)
    fleet.go_on()
    fleet.put(6)
    handed = fleet.reconcile()
    fleet.put(4)
    assert fleet.reconcile() == [], "nobody goes while they are made"
    fleet.work(handed)
    fleet.go_on()
    assert [row.number for row in fleet.instances] == [0, 1, 2, 3]


def test_a_set_of_which_nothing_could_be_made_is_made_when_it_can(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3, quota="0")
    fleet.go_on()
    assert missing(fleet) == [0, 1, 2] and fleet.row.decision["code"] == "MachinesNotMade"
    fleet.publish("16.04.1")
    fleet.go_on()
    assert not fleet.row.upgrades.exists()
    raise_quota(fleet, 3)
    fleet.go_on()
    assert {row.version for row in fleet.instances} == {"16.04.1"} and missing(fleet) == []


def test_a_creation_that_fails_at_its_end_is_made_anew(make_fleet: MakeFleet) -> None:
    """What it left behind half made is in nobody's way."""
    fleet = make_fleet(4, **{"create-fail-percent": "60", "seed": "s"})
    fleet.go_on()
    left = missing(fleet)
    assert 0 < len(left) < 4
    assert "does not start from its new OS disk" in reason(fleet)["text"]
    fleet.edit({"tags": {**fleet.tags, "rollgrid-sim-create-fail-percent": "0"}})
    fleet.go_on()
    assert missing(fleet) == [] and len(fleet.views()) == 4


@pytest.mark.parametrize("paused", [False, True])
def test_scaling_out_without_quota_while_an_upgrade_runs(make_fleet: MakeFleet, paused: bool) -> None:
    fleet = make_fleet(5, quota="5")
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.work(fleet.reconcile())
    if paused:
        pause(fleet.path, "ada", fleet.now)
    fleet.put(7)
    fleet.go_on(200)
    assert missing(fleet) == [5, 6]
    assert reason(fleet)["instances"] == ["5", "6"]
    if paused:
        assert fleet.row.reconcile_at <= fleet.now + timedelta(seconds=20), (
            "it is reconciled again when they are tried again"
        )
        raise_quota(fleet, 7)
        fleet.go_on()
        assert missing(fleet) == []
        resume(fleet.path, "ada", fleet.now)
        fleet.go_on(200)
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_an_opt_out_survives_and_does_not_block_a_creation(short: Fleet) -> None:
    opt_out(short.path, ["5"], reason="debugging", owner="ada", now=short.now)
    raise_quota(short, 6)
    short.go_on()
    assert missing(short) == []
    short.publish("16.04.1")
    short.go_on(200)
    assert [row.version == "16.04.1" for row in short.instances] == [True] * 5 + [False]


def test_a_set_that_is_deleted_meanwhile_is_gone(short: Fleet) -> None:
    delete_scale_set(short.path, short.now)
    for _ in range(10):
        if not ScaleSet.objects.filter(pk=short.id).exists():
            break
        short.work(short.reconcile())
    assert not ScaleSet.objects.filter(pk=short.id).exists()


def test_a_creation_that_never_ended_is_taken_as_it_is_when_it_comes_up_after_all(
    make_fleet: MakeFleet, settings: Settings
) -> None:
    """Given up, said, tried again and refused for it still runs; then the machine is there, and is nobody's second one."""
    settings.OPERATION_TIMEOUT_SECONDS = 1
    fleet = make_fleet(1, **{"boot-seconds": "5"})
    fleet.work(fleet.reconcile())
    assert missing(fleet) == [0]
    fleet.reconcile()
    assert "did not end within 1 s" in reason(fleet)["text"]
    fleet.now += timedelta(seconds=15)
    fleet.work(fleet.reconcile())
    fleet.reconcile()
    assert "another operation runs on 0" in reason(fleet)["text"] and fleet.instances[0].creation_tries == 2
    wait_until(lambda: fleet.views()["0"].provisioning is Provisioning.SUCCEEDED)
    notice(fleet, answers=1)
    assert missing(fleet) == [] and fleet.instances[0].os_disk == fleet.views()["0"].os_disk
    fleet.go_on()
    assert fleet.row.decision["code"] == "NothingToDo"


def test_a_surplus_that_must_stay_is_reported(make_fleet: MakeFleet) -> None:
    """Rather than that there is nothing to do."""
    fleet = make_fleet(4)
    fleet.go_on()
    opt_out(fleet.path, ["0", "1", "2", "3"], reason="debugging", owner="ada", now=fleet.now)
    fleet.put(2)
    fleet.go_on()
    said, text = fleet.row.decision, "2 instances more than the capacity of 2, and none may be removed: 4 opted out."
    assert (said["code"], said["text"], len(fleet.instances)) == ("SurplusIsKept", text, 4)
    opt_in(fleet.path, ["0", "1", "2", "3"], owner="ada", now=fleet.now)
    fleet.go_on()
    assert (fleet.row.decision["code"], len(fleet.instances)) == ("NothingToDo", 2)
