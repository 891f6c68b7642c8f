"""What a person said about an upgrade holds for all attempts at its version, until a person or a newer version ends it."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from upgrades.commands.errors import Refused
from upgrades.commands.fleet_stops import end_fleet_stop, stop_fleet
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.steering import pause, resume, retry_now
from upgrades.commands.upgrades import cancel, start
from upgrades.models import OptOut

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NEW, NEWER = "16.04.1", "16.04.2"


def failing(make_fleet: MakeFleet, *, paused: bool = False) -> Fleet:
    """Its first batch is bad; paused or not, it is stopped at the end of that."""
    fleet = make_fleet(10)
    fleet.go_on()
    fleet.publish(NEW)
    fleet.sick = {0, 1}
    fleet.work(fleet.reconcile())
    if paused:
        pause(fleet.path, "ada", fleet.now)
    fleet.go_on()
    fleet.later(minutes=6)
    fleet.go_on()
    fleet.sick = set()
    fleet.probe()
    assert fleet.upgrade.status == "Faulted"
    return fleet


def retried(fleet: Fleet) -> None:
    """The wait until the next attempt is over."""
    fleet.later(hours=2)
    fleet.probe()
    fleet.go_on(60)


def say(fleet: Fleet) -> tuple[str, set[str], int]:
    return (
        fleet.row.decision["code"],
        {row["code"] for row in fleet.row.decision["reasons"]},
        fleet.row.upgrades.count(),
    )


# --- a pause ----------------------------------------------------------------------------------------------------------


def test_a_pause_holds_the_next_attempt_too(make_fleet: MakeFleet) -> None:
    fleet = failing(make_fleet, paused=True)
    retried(fleet)
    code, reasons, attempts = say(fleet)
    assert (code, attempts) == ("Paused", 1) and "Paused" in reasons
    resume(fleet.path, "eve", fleet.now)
    fleet.go_on(60)
    assert (fleet.upgrade.status, fleet.row.upgrades.count()) == ("Completed", 2)


def test_an_upgrade_that_waits_for_its_next_attempt_can_be_paused(make_fleet: MakeFleet) -> None:
    fleet = failing(make_fleet)
    pause(fleet.path, "ada", fleet.now)
    pause(fleet.path, "eve", fleet.now)
    assert fleet.upgrade.paused_by == "ada"
    retried(fleet)
    assert say(fleet)[0] == "Paused" and fleet.row.upgrades.count() == 1


def test_no_attempt_begins_past_a_pause(make_fleet: MakeFleet) -> None:
    """Refused with what works instead, whoever asks for it."""
    fleet = failing(make_fleet, paused=True)
    for act in (start, retry_now):
        with pytest.raises(Refused, match=f"to {NEW} are paused by ada; resume them first"):
            act(fleet.path, "eve", fleet.now)
    resume(fleet.path, "eve", fleet.now)
    start(fleet.path, "eve", fleet.now)
    fleet.go_on(60)
    assert fleet.upgrade.status == "Completed"


def test_a_newer_version_ends_a_pause_between_two_attempts(make_fleet: MakeFleet) -> None:
    fleet = failing(make_fleet, paused=True)
    fleet.publish(NEWER)
    fleet.go_on(60)
    assert (fleet.upgrade.target_version, fleet.upgrade.status) == (NEWER, "Completed")


def test_a_newer_version_leaves_a_running_upgrade_paused(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    pause(fleet.path, "ada", fleet.now)
    fleet.publish(NEWER)
    fleet.go_on()
    assert say(fleet)[0] == "Paused"
    resume(fleet.path, "ada", fleet.now)
    fleet.go_on(60)
    assert [row.version for row in fleet.instances] == [NEWER] * 5


def test_a_pause_outlives_automatic_upgrades_that_are_off_for_a_while(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    pause(fleet.path, "ada", fleet.now)
    fleet.put(5, automatic=False)
    fleet.go_on()
    assert fleet.upgrade.status == "Cancelled"
    fleet.put(5)
    fleet.go_on()
    assert say(fleet)[0] == "Paused" and fleet.row.upgrades.count() == 1


def test_cancelling_ends_the_pause_too(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    pause(fleet.path, "ada", fleet.now)
    cancel(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert say(fleet)[0] == "LastAttemptStopped"
    retry_now(fleet.path, "ada", fleet.now)
    fleet.go_on(60)
    assert fleet.upgrade.status == "Completed"


def test_a_pause_without_an_upgrade_is_refused_with_the_alternatives(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(2)
    fleet.go_on()
    with pytest.raises(Refused, match=r"None of \S+ waits to be tried again, .* automatic upgrades off, or opt"):
        pause(fleet.path, "ada", fleet.now)
    fleet.publish(NEW)
    fleet.go_on()
    with pytest.raises(Refused, match="waits to be tried again"):
        pause(fleet.path, "ada", fleet.now)


def test_an_upgrade_that_rolls_back_can_be_paused_where_it_comes_again(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(10)
    fleet.edit({"properties.upgradePolicy.rollingUpgradePolicy": {"rollbackFailedInstancesOnPolicyBreach": True}})
    fleet.edit(
        {
            "properties.upgradePolicy.automaticOSUpgradePolicy": {
                "enableAutomaticOSUpgrade": True,
                "useRollingUpgradePolicy": True,
                "disableAutomaticRollback": True,
            }
        }
    )
    fleet.go_on()
    fleet.publish(NEW)
    fleet.sick = {0, 1}
    fleet.work(fleet.reconcile())
    fleet.go_on()
    fleet.later(minutes=6)
    handed = fleet.reconcile() or fleet.reconcile()
    while fleet.upgrade.status == "RollingForward":
        handed = fleet.reconcile()
    assert fleet.upgrade.status == "RollingBack"
    pause(fleet.path, "ada", fleet.now)
    fleet.sick = set()
    fleet.work(handed)
    fleet.go_on()
    assert fleet.upgrade.status == "Faulted"
    retried(fleet)
    assert say(fleet)[0] == "Paused" and fleet.row.upgrades.count() == 1
    resume(fleet.path, "ada", fleet.now)
    fleet.go_on(60)
    assert fleet.upgrade.status == "Completed"


# --- an opt-out for this upgrade --------------------------------------------------------------------------------------


def test_an_opt_out_for_this_upgrade_holds_for_all_attempts_at_it(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(10)
    fleet.go_on()
    fleet.publish(NEW)
    fleet.sick = {0, 1}
    fleet.work(fleet.reconcile())
    opt_out(fleet.path, ["9"], reason="not now", owner="ada", now=fleet.now, scope=OptOut.Scope.UPGRADE)
    fleet.go_on()
    fleet.later(minutes=6)
    fleet.go_on()
    assert fleet.upgrade.status == "Faulted" and OptOut.objects.filter(ended_at=None).count() == 1
    fleet.sick = set()
    fleet.probe()
    retry_now(fleet.path, "eve", fleet.now)
    fleet.go_on(60)
    _, second, third = fleet.row.upgrades.order_by("started_at")
    assert (second.status, second.members.count()) == ("Completed", 9), "without it"
    assert [row.instance_number for row in third.members.all()] == [9], "then its opt-out was over"
    assert not OptOut.objects.filter(ended_at=None).exists()


def test_an_upgrade_to_another_version_ends_it_where_it_begins(make_fleet: MakeFleet) -> None:
    """Also where all are opted out, so that there was nothing to begin with: those opt-outs are of the other version."""
    fleet = failing(make_fleet)
    ids = [str(row.number) for row in fleet.instances]
    opt_out(fleet.path, ids, reason="not this one", owner="ada", now=fleet.now, scope=OptOut.Scope.UPGRADE)
    assert set(OptOut.objects.values_list("version", flat=True)) == {NEW}
    retried(fleet)
    assert fleet.row.upgrades.count() == 1
    fleet.publish(NEWER)
    fleet.go_on(60)
    assert {row.version for row in fleet.instances} == {NEWER}
    assert set(OptOut.objects.values_list("ended_by", flat=True)) == {f"the upgrade to {NEWER}"}


def test_an_opt_out_for_this_upgrade_needs_an_upgrade(make_fleet: MakeFleet) -> None:
    """It would be forgotten, or hold for something that nobody meant."""
    fleet = make_fleet(5)
    fleet.go_on()
    with pytest.raises(Refused, match="no upgrade that an opt-out could end with.*Give a date"):
        opt_out(fleet.path, ["4"], reason="not now", owner="ada", now=fleet.now, scope=OptOut.Scope.UPGRADE)
    assert not OptOut.objects.exists()
    fleet.publish(NEW)
    fleet.go_on(60)
    assert fleet.upgrade.status == "Completed"
    with pytest.raises(Refused):
        opt_out(fleet.path, ["4"], reason="not now", owner="ada", now=fleet.now, scope=OptOut.Scope.UPGRADE)


def test_a_manual_start_of_the_next_version_is_not_refused(make_fleet: MakeFleet) -> None:
    fleet = failing(make_fleet)
    ids = [str(row.number) for row in fleet.instances]
    opt_out(fleet.path, ids, reason="not this one", owner="ada", now=fleet.now, scope=OptOut.Scope.UPGRADE)
    fleet.put(10, automatic=False)
    with pytest.raises(Refused):
        start(fleet.path, "eve", fleet.now)
    fleet.publish(NEWER)
    start(fleet.path, "eve", fleet.now)
    fleet.go_on(60)
    assert {row.version for row in fleet.instances} == {NEWER}


# --- other things that people say -------------------------------------------------------------------------------------


def test_a_persons_retry_is_kept_past_a_shut_gate(make_fleet: MakeFleet) -> None:
    """Those that failed on it too, also where the gate stopped that attempt before it had touched anything."""
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.change(4, failed_version=NEW)
    stop_fleet(reason="wait", owner="ada", now=fleet.now)
    fleet.publish(NEW)
    fleet.sick = {0, 1}
    fleet.probe()
    start(fleet.path, "eve", fleet.now)
    fleet.go_on()
    assert fleet.upgrade.status == "Faulted"
    fleet.sick = set()
    end_fleet_stop(by="ada", now=fleet.now)
    fleet.go_on(60)
    assert {row.version for row in fleet.instances} == {NEW}
