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
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
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


def test_a_clock_that_was_set_back_does_not_hide_the_running_upgrade(make_fleet: MakeFleet) -> None:
    """Its start seemed to lie before that of the one before it: each reconcile ended in an IntegrityError, for ever."""
    fleet = make_fleet(3)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on()
    fleet.now -= HOUR
    fleet.probe()
    fleet.publish("16.04.2")
    fleet.go_on()
    assert fleet.upgrade.target_version == "16.04.2"
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert {row.version for row in fleet.instances} == {"16.04.2"}


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_no_instance_fails_because_the_clock_jumped(make_fleet: MakeFleet, jump: timedelta) -> None:
    fleet = make_fleet(5, **{"bad-versions": "16.04.1"})
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on()
    fleet.now += jump
    fleet.go_on()
    assert states(fleet) == {InstanceUpgradeState.VERIFYING}
    fleet.later(minutes=6)
    fleet.go_on()
    assert states(fleet) == {InstanceUpgradeState.ROLLED_BACK}


def test_no_operation_is_given_up_because_the_clock_jumped(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    handed = fleet.reconcile()
    fleet.now += HOUR
    fleet.work(handed)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


@pytest.mark.parametrize("back", [timedelta(seconds=5), timedelta(seconds=150), timedelta(days=40)])
def test_a_clock_that_was_set_back_costs_seconds(make_fleet: MakeFleet, back: timedelta) -> None:
    """A reconcile was to come within two minutes of the old clock: it came as much later as the clock was set back."""
    fleet = make_fleet(1)
    fleet.go_on()
    fleet.reconcile()
    assert schedule.due_scale_sets(fleet.now) == []
    assert schedule.due_scale_sets(fleet.now - back) == [fleet.id]


def in_a_pause(make_fleet: MakeFleet, length: str = "PT10M") -> Fleet:
    """Its first batch is done, and the policy wants that long a pause after it."""
    fleet = make_fleet(10)
    rolling = "properties.upgradePolicy.rollingUpgradePolicy.pauseTimeBetweenBatches"
    fleet.edit({rolling: length, "properties.upgradePolicy.automaticOSUpgradePolicy.useRollingUpgradePolicy": True})
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on()
    assert fleet.row.decision["code"] == "PauseBetweenBatches"
    assert fleet.upgrade.batches.count() == 1
    return fleet


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR, timedelta(days=38), timedelta(days=-38)])
def test_a_pause_lasts_its_length_wherever_the_clock_is_set(make_fleet: MakeFleet, jump: timedelta) -> None:
    fleet = in_a_pause(make_fleet)
    fleet.now += jump
    fleet.go_on()
    assert fleet.upgrade.batches.count() == 1
    fleet.later(minutes=4)
    fleet.go_on()
    assert fleet.upgrade.batches.count() == 1
    fleet.later(minutes=6)
    fleet.go_on()
    assert fleet.upgrade.batches.count() == 2


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR])
def test_the_next_batch_that_was_wanted_at_once_comes_though_the_clock_is_set(
    make_fleet: MakeFleet, jump: timedelta
) -> None:
    fleet = in_a_pause(make_fleet)
    next_batch_now(fleet.path, "ada", fleet.now)
    fleet.now += jump
    fleet.go_on()
    assert fleet.upgrade.batches.count() == 2


def stopped(make_fleet: MakeFleet) -> Fleet:
    """Its upgrade was stopped, and is tried again in half an hour."""
    fleet = make_fleet(5, **{"bad-versions": "16.04.1"})
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on()
    fleet.later(minutes=6)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert fleet.row.decision["code"] == "WaitingToTryAgain"
    return fleet


def test_a_retry_waits_no_longer_because_the_clock_was_set_back(make_fleet: MakeFleet) -> None:
    fleet = stopped(make_fleet)
    fleet.now -= 2 * HOUR
    fleet.go_on()
    assert fleet.row.upgrades.count() == 1
    fleet.later(minutes=30)
    fleet.go_on()
    assert fleet.row.upgrades.count() == 2


def test_downtime_does_not_count_towards_an_upgrades_timeout(make_fleet: MakeFleet) -> None:
    """38 days forward in mid-upgrade ended it: RollingUpgradeTimeoutError."""
    fleet = in_a_pause(make_fleet)
    fleet.now += timedelta(days=38)
    fleet.go_on()
    fleet.later(minutes=11)
    fleet.go_on()
    assert (fleet.upgrade.ended_at, fleet.upgrade.batches.count()) == (None, 2)


@pytest.mark.parametrize("jump", [timedelta(days=38), timedelta(days=-38)])
def test_an_upgrades_timeout_is_independent_of_the_clock(make_fleet: MakeFleet, jump: timedelta) -> None:
    fleet = in_a_pause(make_fleet, "PT12H")
    fleet.now += jump
    fleet.go_on()
    for _ in range(12):
        fleet.later(hours=12)
        fleet.go_on()
        if fleet.upgrade.ended_at:
            break
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert fleet.upgrade.batches.count() == 5


def test_an_upgrade_has_its_time_though_the_clock_was_set_back(make_fleet: MakeFleet) -> None:
    fleet = in_a_pause(make_fleet, "PT12H")
    fleet.now -= timedelta(days=38)
    fleet.go_on()
    pause(fleet.path, "ada", fleet.now)
    fleet.later(days=1)
    fleet.go_on()
    resume(fleet.path, "ada", fleet.now)
    fleet.later(days=6, hours=23)
    fleet.go_on()
    assert fleet.upgrade.ended_at is None
    # Nothing is judged in a pause: its time is over when the next batch would begin.
    fleet.later(hours=13)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.FAULTED
    assert fleet.upgrade.error and fleet.upgrade.error["code"] == "RollingUpgradeTimeoutError"


@pytest.mark.parametrize("jump", [timedelta(days=38), timedelta(days=-38)])
def test_a_pause_of_a_person_outlives_a_clock_that_is_set(make_fleet: MakeFleet, jump: timedelta) -> None:
    """And takes nothing of the upgrade's time."""
    fleet = in_a_pause(make_fleet, "PT1M")
    pause(fleet.path, "ada", fleet.now)
    fleet.go_on()
    fleet.now += jump
    fleet.go_on()
    fleet.later(minutes=2)
    fleet.go_on()
    assert (fleet.upgrade.batches.count(), fleet.upgrade.paused_by) == (1, "ada")
    resume(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert fleet.upgrade.batches.count() == 2
    assert fleet.upgrade.ends_by and timedelta(days=6) < fleet.upgrade.ends_by - fleet.now <= timedelta(days=7)


def test_opt_outs_end_by_the_wall_clock(make_fleet: MakeFleet) -> None:
    """By the wall clock, whatever it says; what has no end stays."""
    fleet = make_fleet(3)
    fleet.go_on()
    opt_out(fleet.path, ["0"], reason="holidays", owner="ada", now=fleet.now, until=fleet.now + timedelta(days=30))
    opt_out(fleet.path, ["1"], reason="for ever", owner="ada", now=fleet.now, for_ever=True)
    fleet.now += timedelta(days=29)
    fleet.go_on()
    open_ones = OptOut.objects.filter(ended_at=None)
    assert open_ones.count() == 2
    fleet.now += timedelta(days=2)
    fleet.go_on()
    assert list(open_ones.values_list("reason", flat=True)) == ["for ever"]


def test_a_clock_that_was_set_is_said_in_the_history_of_the_upgrade(make_fleet: MakeFleet) -> None:
    fleet = in_a_pause(make_fleet)
    fleet.now -= 2 * HOUR
    fleet.go_on()
    notes = Transition.objects.filter(scale_set=fleet.id, note__contains="clock").values_list("note", flat=True)
    assert [note[:24] for note in notes] == ["The clock was set back b"]


def test_a_reconcile_that_was_held_up_records_nothing(make_fleet: MakeFleet) -> None:
    """What it saw, and the time that it began with, are old by now, even where nobody else has reconciled."""
    fleet = make_fleet(3)
    lease = leases.take(fleet.id)
    assert lease
    ScaleSet.objects.filter(pk=fleet.id).update(lease_until=clock.in_time(PAST))
    with pytest.raises(LeaseLost):
        record(lease, fleet.row.seq, [_any_step(fleet)], fleet.now)


def test_a_reconcile_that_waited_for_its_lease_acts_on_the_time_after_it(
    make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was locked for so long. Found by random histories: a batch began on health of half a minute ago."""
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    take = leases.take

    def take_late(scale_set_id: int) -> Lease | None:
        fleet.now += timedelta(seconds=30)
        return take(scale_set_id)

    monkeypatch.setattr(leases, "take", take_late)
    assert fleet.reconcile() == []
    assert fleet.row.decision["code"] == "HealthIsStale"


def test_a_worker_that_was_replaced_begins_nothing(make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was held up before beginning its operations; another took the work item up meanwhile and gave the operation up."""
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    (handed,) = fleet.reconcile()
    before = fleet.views()
    given_up = Outcome(Progress.FAILED, code="OSProvisioningTimedOut", message="The operation did not end.")

    def held_up(work_item: WorkItem) -> dict[str, Operation]:
        found = operations_of(work_item)
        lapse(fleet)
        assert fleet.reconcile()
        record_outcomes(fleet.id, dict.fromkeys(found, given_up), fleet.now)
        return found

    monkeypatch.setattr("upgrades.orchestrator.work.operations_of", held_up)
    report = work(handed.work_item_id, handed.claim_number, lambda: fleet.now, lambda *_: None)
    assert report and report.claim_number is None
    assert states(fleet) == {InstanceUpgradeState.FAILED}
    assert fleet.views() == before


def test_no_reason_has_a_since_in_the_future(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.work(fleet.reconcile())
    pause(fleet.path, "ada", fleet.now)
    fleet.go_on()
    fleet.now -= 2 * HOUR
    fleet.probe()
    fleet.go_on()
    decision = fleet.row.decision
    assert decision["code"] == "Paused" and decision["since"] <= iso(fleet.now)
    assert all(reason["since"] <= iso(fleet.now) for reason in decision["reasons"])
    said = decision["since"]
    fleet.later(seconds=30)
    fleet.reconcile()
    assert fleet.row.decision["since"] == said
    assert not any(re.search(r"-\d+ s", line) for line in status.one_set(fleet.row, fleet.now))
