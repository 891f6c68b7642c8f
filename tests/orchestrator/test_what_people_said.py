"""What a person said about an upgrade holds for all attempts at its version, until a person or a newer version ends it."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from upgrades.commands.errors import Refused
from upgrades.commands.fleet_stops import end_fleet_stop, stop_fleet
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.steering import pause, resume, retry_now
from upgrades.commands.upgrades import cancel, start
from upgrades.models import Instance, OptOut

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NEW, NEWER = "16.04.1", "16.04.2"


def failing(fleet: MakeFleet, *, paused: bool = False) -> Fleet:
    """Its first batch is bad; paused or not, it is stopped at the end of that."""
    one = fleet(10)
    one.go_on()
    one.publish(NEW)
    one.sick = {0, 1}
    one.work(one.look())
    if paused:
        pause(one.path, "ada", one.now)
    one.go_on()
    one.later(minutes=6)
    one.go_on()
    one.sick = set()
    one.probe()
    assert one.upgrade.status == "Faulted"
    return one


def retried(one: Fleet) -> None:
    """The wait until the next attempt is over."""
    one.later(hours=2)
    one.probe()
    one.go_on(60)


def say(one: Fleet) -> tuple[str, set[str], int]:
    return one.row.decision["code"], {row["code"] for row in one.row.decision["reasons"]}, one.row.upgrades.count()


# --- a pause ----------------------------------------------------------------------------------------------------------


def test_a_pause_holds_the_next_attempt_too(fleet: MakeFleet) -> None:
    one = failing(fleet, paused=True)
    retried(one)
    code, reasons, attempts = say(one)
    assert (code, attempts) == ("Paused", 1) and "Paused" in reasons
    resume(one.path, "eve", one.now)
    one.go_on(60)
    assert (one.upgrade.status, one.row.upgrades.count()) == ("Completed", 2)


def test_one_that_waits_to_be_tried_again_can_be_paused(fleet: MakeFleet) -> None:
    one = failing(fleet)
    pause(one.path, "ada", one.now)
    pause(one.path, "eve", one.now)
    assert one.upgrade.paused_by == "ada"
    retried(one)
    assert say(one)[0] == "Paused" and one.row.upgrades.count() == 1


def test_nobody_begins_another_attempt_past_a_pause(fleet: MakeFleet) -> None:
    """Refused with what works instead, whoever asks for it."""
    one = failing(fleet, paused=True)
    for act in (start, retry_now):
        with pytest.raises(Refused, match=f"to {NEW} are paused by ada; resume them first"):
            act(one.path, "eve", one.now)
    resume(one.path, "eve", one.now)
    start(one.path, "eve", one.now)
    one.go_on(60)
    assert one.upgrade.status == "Completed"


def test_a_newer_version_ends_a_pause_between_two_attempts(fleet: MakeFleet) -> None:
    one = failing(fleet, paused=True)
    one.publish(NEWER)
    one.go_on(60)
    assert (one.upgrade.target_version, one.upgrade.status) == (NEWER, "Completed")


def test_a_newer_version_leaves_a_running_upgrade_paused(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish(NEW)
    one.work(one.look())
    pause(one.path, "ada", one.now)
    one.publish(NEWER)
    one.go_on()
    assert say(one)[0] == "Paused"
    resume(one.path, "ada", one.now)
    one.go_on(60)
    assert [row.version for row in one.instances] == [NEWER] * 5


def test_a_pause_outlives_automatic_upgrades_that_are_off_for_a_while(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish(NEW)
    one.work(one.look())
    pause(one.path, "ada", one.now)
    one.put(5, automatic=False)
    one.go_on()
    assert one.upgrade.status == "Cancelled"
    one.put(5)
    one.go_on()
    assert say(one)[0] == "Paused" and one.row.upgrades.count() == 1


def test_who_cancels_ends_the_pause_too(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish(NEW)
    one.work(one.look())
    pause(one.path, "ada", one.now)
    cancel(one.path, "ada", one.now)
    one.go_on()
    assert say(one)[0] == "LastAttemptStopped"
    retry_now(one.path, "ada", one.now)
    one.go_on(60)
    assert one.upgrade.status == "Completed"


def test_a_pause_of_nothing_says_what_works_instead(fleet: MakeFleet) -> None:
    one = fleet(2)
    one.go_on()
    with pytest.raises(Refused, match=r"None of \S+ waits to be tried again, .* automatic upgrades off, or opt"):
        pause(one.path, "ada", one.now)
    one.publish(NEW)
    one.go_on()
    with pytest.raises(Refused, match="waits to be tried again"):
        pause(one.path, "ada", one.now)


def test_one_that_rolls_back_can_be_paused_where_it_comes_again(fleet: MakeFleet) -> None:
    one = fleet(10)
    one.edit({"properties.upgradePolicy.rollingUpgradePolicy": {"rollbackFailedInstancesOnPolicyBreach": True}})
    one.edit(
        {
            "properties.upgradePolicy.automaticOSUpgradePolicy": {
                "enableAutomaticOSUpgrade": True,
                "useRollingUpgradePolicy": True,
                "disableAutomaticRollback": True,
            }
        }
    )
    one.go_on()
    one.publish(NEW)
    one.sick = {0, 1}
    one.work(one.look())
    one.go_on()
    one.later(minutes=6)
    handed = one.look() or one.look()
    while one.upgrade.status == "RollingForward":
        handed = one.look()
    assert one.upgrade.status == "RollingBack"
    pause(one.path, "ada", one.now)
    one.sick = set()
    one.work(handed)
    one.go_on()
    assert one.upgrade.status == "Faulted"
    retried(one)
    assert say(one)[0] == "Paused" and one.row.upgrades.count() == 1
    resume(one.path, "ada", one.now)
    one.go_on(60)
    assert one.upgrade.status == "Completed"


# --- an opt-out for this upgrade --------------------------------------------------------------------------------------


def test_an_opt_out_for_this_upgrade_holds_for_all_attempts_at_it(fleet: MakeFleet) -> None:
    one = fleet(10)
    one.go_on()
    one.publish(NEW)
    one.sick = {0, 1}
    one.work(one.look())
    opt_out(one.path, ["9"], reason="not now", owner="ada", now=one.now, scope=OptOut.Scope.UPGRADE)
    one.go_on()
    one.later(minutes=6)
    one.go_on()
    assert one.upgrade.status == "Faulted" and OptOut.objects.filter(ended_at=None).count() == 1
    one.sick = set()
    one.probe()
    retry_now(one.path, "eve", one.now)
    one.go_on(60)
    _, second, third = one.row.upgrades.order_by("started_at")
    assert (second.status, second.members.count()) == ("Completed", 9), "without it"
    assert [row.instance_number for row in third.members.all()] == [9], "then its opt-out was over"
    assert not OptOut.objects.filter(ended_at=None).exists()


def test_an_upgrade_to_another_version_ends_it_where_it_begins(fleet: MakeFleet) -> None:
    """Also where all are opted out, so that there was nothing to begin with: those opt-outs are of the other version."""
    one = failing(fleet)
    ids = [str(row.number) for row in one.instances]
    opt_out(one.path, ids, reason="not this one", owner="ada", now=one.now, scope=OptOut.Scope.UPGRADE)
    assert set(OptOut.objects.values_list("version", flat=True)) == {NEW}
    retried(one)
    assert one.row.upgrades.count() == 1
    one.publish(NEWER)
    one.go_on(60)
    assert {row.version for row in one.instances} == {NEWER}
    assert set(OptOut.objects.values_list("ended_by", flat=True)) == {f"the upgrade to {NEWER}"}


def test_one_for_this_upgrade_is_refused_where_there_is_none(fleet: MakeFleet) -> None:
    """It would be forgotten, or hold for something that nobody meant."""
    one = fleet(5)
    one.go_on()
    with pytest.raises(Refused, match="no upgrade that an opt-out could end with.*Give a date"):
        opt_out(one.path, ["4"], reason="not now", owner="ada", now=one.now, scope=OptOut.Scope.UPGRADE)
    assert not OptOut.objects.exists()
    one.publish(NEW)
    one.go_on(60)
    assert one.upgrade.status == "Completed"
    with pytest.raises(Refused):
        opt_out(one.path, ["4"], reason="not now", owner="ada", now=one.now, scope=OptOut.Scope.UPGRADE)


def test_a_person_who_starts_the_next_version_by_hand_is_not_refused_for_it(fleet: MakeFleet) -> None:
    one = failing(fleet)
    ids = [str(row.number) for row in one.instances]
    opt_out(one.path, ids, reason="not this one", owner="ada", now=one.now, scope=OptOut.Scope.UPGRADE)
    one.put(10, automatic=False)
    with pytest.raises(Refused):
        start(one.path, "eve", one.now)
    one.publish(NEWER)
    start(one.path, "eve", one.now)
    one.go_on(60)
    assert {row.version for row in one.instances} == {NEWER}


# --- other things that people say -------------------------------------------------------------------------------------


def test_who_wants_all_tried_again_is_heard_past_a_gate_that_is_shut(fleet: MakeFleet) -> None:
    """Those that failed on it too, also where the gate stopped that attempt before it had touched anything."""
    one = fleet(5)
    one.go_on()
    Instance.objects.filter(scale_set=one.id, number=4).update(failed_version=NEW)
    stop_fleet(reason="wait", owner="ada", now=one.now)
    one.publish(NEW)
    one.sick = {0, 1}
    one.probe()
    start(one.path, "eve", one.now)
    one.go_on()
    assert one.upgrade.status == "Faulted"
    one.sick = set()
    end_fleet_stop(by="ada", now=one.now)
    one.go_on(60)
    assert {row.version for row in one.instances} == {NEW}
