"""Clocks jump and processes are held up; nobody is harmed by that alone."""

from datetime import timedelta

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_recovery import PAST, _any_step, lapse
from upgrades.core.states import MemberState, UpgradeStatus
from upgrades.models import Chunk, ScaleSet, clock
from upgrades.orchestrator import leases, ticking
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


def test_a_clock_that_was_set_back_costs_minutes(fleet: MakeFleet) -> None:
    one = fleet(1)
    one.go_on()
    one.look()
    assert ticking.due(one.now - timedelta(minutes=30)) == [one.id]


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

    def held_up(chunk: Chunk) -> dict[str, Operation]:
        found = operations_of(chunk)
        lapse(one)
        assert one.look()
        record_outcomes(one.id, dict.fromkeys(found, given_up), one.now)
        return found

    monkeypatch.setattr("upgrades.orchestrator.work.operations_of", held_up)
    report = work(handed.chunk_id, handed.number, lambda: one.now, lambda _: None)
    assert report and report.number is None
    assert states(one) == {MemberState.FAILED}
    assert one.views() == before
