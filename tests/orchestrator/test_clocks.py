"""Clocks jump and processes are held up; nobody is harmed by that alone."""

import re
from datetime import timedelta

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_recovery import PAST, _any_step, lapse
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.steering import next_batch_now, pause, resume
from upgrades.core.instants import iso
from upgrades.core.states import MemberState, UpgradeStatus
from upgrades.management import status
from upgrades.models import OptOut, ScaleSet, Transition, WorkItem, clock
from upgrades.orchestrator import leases, schedule
from upgrades.orchestrator.leases import Lease, LeaseLost
from upgrades.orchestrator.operations import operations_of
from upgrades.orchestrator.outcomes import record_outcomes
from upgrades.orchestrator.record import record
from upgrades.orchestrator.work import work
from upgrades.providers.base import Operation, Outcome, Progress

HOUR = timedelta(hours=1)


def states(fleet: Fleet) -> set[str]:
    return {row.member.state for row in fleet.instances if row.member}


def test_a_clock_that_was_set_back_does_not_hide_the_running_upgrade(fleet: MakeFleet) -> None:
    """Its start seemed to lie before that of the one before it: each look ended in an IntegrityError, for ever."""
    one = fleet(3)
    one.go_on()
    one.publish("16.04.1")
    one.go_on()
    one.now -= HOUR
    one.probe()
    one.publish("16.04.2")
    one.go_on()
    assert one.upgrade.target_version == "16.04.2"
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert {row.version for row in one.instances} == {"16.04.2"}


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_nobody_fails_because_the_clock_jumped(fleet: MakeFleet, jump: timedelta) -> None:
    one = fleet(5, **{"bad-versions": "16.04.1"})
    one.go_on()
    one.publish("16.04.1")
    one.go_on()
    one.now += jump
    one.go_on()
    assert states(one) == {MemberState.VERIFYING}
    one.later(minutes=6)
    one.go_on()
    assert states(one) == {MemberState.ROLLED_BACK}


def test_no_operation_is_given_up_because_the_clock_jumped(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    handed = one.look()
    one.now += HOUR
    one.work(handed)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.COMPLETED


@pytest.mark.parametrize("back", [timedelta(seconds=5), timedelta(seconds=150), timedelta(days=40)])
def test_a_clock_that_was_set_back_costs_seconds(fleet: MakeFleet, back: timedelta) -> None:
    """A look was to come within two minutes of the old clock: it came as much later as the clock was set back."""
    one = fleet(1)
    one.go_on()
    one.look()
    assert schedule.due_scale_sets(one.now) == []
    assert schedule.due_scale_sets(one.now - back) == [one.id]


def in_a_pause(fleet: MakeFleet, length: str = "PT10M") -> Fleet:
    """Its first batch is done, and the policy wants that long a pause after it."""
    one = fleet(10)
    rolling = "properties.upgradePolicy.rollingUpgradePolicy.pauseTimeBetweenBatches"
    one.edit({rolling: length, "properties.upgradePolicy.automaticOSUpgradePolicy.useRollingUpgradePolicy": True})
    one.go_on()
    one.publish("16.04.1")
    one.go_on()
    assert one.row.decision["code"] == "PauseBetweenBatches"
    assert one.upgrade.batches.count() == 1
    return one


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR, timedelta(days=38), timedelta(days=-38)])
def test_a_pause_lasts_its_length_wherever_the_clock_is_set(fleet: MakeFleet, jump: timedelta) -> None:
    one = in_a_pause(fleet)
    one.now += jump
    one.go_on()
    assert one.upgrade.batches.count() == 1
    one.later(minutes=4)
    one.go_on()
    assert one.upgrade.batches.count() == 1
    one.later(minutes=6)
    one.go_on()
    assert one.upgrade.batches.count() == 2


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR])
def test_the_next_batch_that_was_wanted_at_once_comes_though_the_clock_is_set(
    fleet: MakeFleet, jump: timedelta
) -> None:
    one = in_a_pause(fleet)
    next_batch_now(one.path, "ada", one.now)
    one.now += jump
    one.go_on()
    assert one.upgrade.batches.count() == 2


def stopped(fleet: MakeFleet) -> Fleet:
    """Its upgrade was stopped, and is tried again in half an hour."""
    one = fleet(5, **{"bad-versions": "16.04.1"})
    one.go_on()
    one.publish("16.04.1")
    one.go_on()
    one.later(minutes=6)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.FAULTED
    assert one.row.decision["code"] == "WaitingToTryAgain"
    return one


def test_a_retry_waits_no_longer_because_the_clock_was_set_back(fleet: MakeFleet) -> None:
    one = stopped(fleet)
    one.now -= 2 * HOUR
    one.go_on()
    assert one.row.upgrades.count() == 1
    one.later(minutes=30)
    one.go_on()
    assert one.row.upgrades.count() == 2


def test_time_that_nobody_saw_pass_does_not_end_an_upgrade(fleet: MakeFleet) -> None:
    """38 days forward in mid-upgrade ended it: RollingUpgradeTimeoutError."""
    one = in_a_pause(fleet)
    one.now += timedelta(days=38)
    one.go_on()
    one.later(minutes=11)
    one.go_on()
    assert (one.upgrade.ended_at, one.upgrade.batches.count()) == (None, 2)


@pytest.mark.parametrize("jump", [timedelta(days=38), timedelta(days=-38)])
def test_an_upgrade_has_as_much_time_as_ever_wherever_the_clock_is_set(fleet: MakeFleet, jump: timedelta) -> None:
    one = in_a_pause(fleet, "PT12H")
    one.now += jump
    one.go_on()
    for _ in range(12):
        one.later(hours=12)
        one.go_on()
        if one.upgrade.ended_at:
            break
    assert one.upgrade.status == UpgradeStatus.COMPLETED
    assert one.upgrade.batches.count() == 5


def test_an_upgrade_has_its_time_though_the_clock_was_set_back(fleet: MakeFleet) -> None:
    one = in_a_pause(fleet, "PT12H")
    one.now -= timedelta(days=38)
    one.go_on()
    pause(one.path, "ada", one.now)
    one.later(days=1)
    one.go_on()
    resume(one.path, "ada", one.now)
    one.later(days=6, hours=23)
    one.go_on()
    assert one.upgrade.ended_at is None
    # Nothing is judged in a pause: its time is over when the next batch would begin.
    one.later(hours=13)
    one.go_on()
    assert one.upgrade.status == UpgradeStatus.FAULTED
    assert one.upgrade.error and one.upgrade.error["code"] == "RollingUpgradeTimeoutError"


@pytest.mark.parametrize("jump", [timedelta(days=38), timedelta(days=-38)])
def test_a_pause_of_a_person_outlives_a_clock_that_is_set(fleet: MakeFleet, jump: timedelta) -> None:
    """And takes nothing of the upgrade's time."""
    one = in_a_pause(fleet, "PT1M")
    pause(one.path, "ada", one.now)
    one.go_on()
    one.now += jump
    one.go_on()
    one.later(minutes=2)
    one.go_on()
    assert (one.upgrade.batches.count(), one.upgrade.paused_by) == (1, "ada")
    resume(one.path, "ada", one.now)
    one.go_on()
    assert one.upgrade.batches.count() == 2
    assert one.upgrade.ends_by and timedelta(days=6) < one.upgrade.ends_by - one.now <= timedelta(days=7)


def test_what_people_said_ends_at_the_moment_that_they_said(fleet: MakeFleet) -> None:
    """By the wall clock, whatever it says; what has no end stays."""
    one = fleet(3)
    one.go_on()
    opt_out(one.path, ["0"], reason="holidays", owner="ada", now=one.now, until=one.now + timedelta(days=30))
    opt_out(one.path, ["1"], reason="for ever", owner="ada", now=one.now, for_ever=True)
    one.now += timedelta(days=29)
    one.go_on()
    open_ones = OptOut.objects.filter(ended_at=None)
    assert open_ones.count() == 2
    one.now += timedelta(days=2)
    one.go_on()
    assert list(open_ones.values_list("reason", flat=True)) == ["for ever"]


def test_a_clock_that_was_set_is_said_in_the_history_of_the_upgrade(fleet: MakeFleet) -> None:
    one = in_a_pause(fleet)
    one.now -= 2 * HOUR
    one.go_on()
    notes = Transition.objects.filter(scale_set=one.id, note__contains="clock").values_list("note", flat=True)
    assert [note[:24] for note in notes] == ["The clock was set back b"]


def test_a_look_that_was_held_up_records_nothing(fleet: MakeFleet) -> None:
    """What it saw, and the time that it began with, are old by now, even where nobody else has looked."""
    one = fleet(3)
    lease = leases.take(one.id)
    assert lease
    ScaleSet.objects.filter(pk=one.id).update(lease_until=clock.in_time(PAST))
    with pytest.raises(LeaseLost):
        record(lease, one.row.seq, _any_step(one), one.now)


def test_a_look_that_waited_for_its_lease_acts_on_the_time_after_it(
    fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was locked for so long. Found by random histories: a batch began on health of half a minute ago."""
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    take = leases.take

    def take_late(scale_set_id: int) -> Lease | None:
        one.now += timedelta(seconds=30)
        return take(scale_set_id)

    monkeypatch.setattr(leases, "take", take_late)
    assert one.look() == []
    assert one.row.decision["code"] == "HealthIsStale"


def test_a_worker_that_was_replaced_begins_nothing(fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was held up between reading its operations and beginning them; another took the chunk up meanwhile and gave the operation up."""
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    (handed,) = one.look()
    before = one.views()
    given_up = Outcome(Progress.FAILED, code="OSProvisioningTimedOut", message="The operation did not end.")

    def held_up(work_item: WorkItem) -> dict[str, Operation]:
        found = operations_of(work_item)
        lapse(one)
        assert one.look()
        record_outcomes(one.id, dict.fromkeys(found, given_up), one.now)
        return found

    monkeypatch.setattr("upgrades.orchestrator.work.operations_of", held_up)
    report = work(handed.work_item_id, handed.number, lambda: one.now, lambda _: None)
    assert report and report.number is None
    assert states(one) == {MemberState.FAILED}
    assert one.views() == before


def test_nothing_is_said_to_last_since_a_moment_that_is_to_come(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    one.work(one.look())
    pause(one.path, "ada", one.now)
    one.go_on()
    one.now -= 2 * HOUR
    one.probe()
    one.go_on()
    decision = one.row.decision
    assert decision["code"] == "Paused" and decision["since"] <= iso(one.now)
    assert all(reason["since"] <= iso(one.now) for reason in decision["reasons"])
    said = decision["since"]
    one.later(seconds=30)
    one.look()
    assert one.row.decision["since"] == said
    assert not any(re.search(r"-\d+ s", line) for line in status.one_set(one.row, one.now))
