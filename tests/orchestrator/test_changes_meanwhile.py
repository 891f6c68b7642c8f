"""What people change while an upgrade runs (A-21)."""

from datetime import timedelta

import pytest

from tests.orchestrator.conftest import MakeFleet
from upgrades.commands.fleet_stops import end_fleet_stop, stop_fleet
from upgrades.commands.steering import next_batch_now, pause, resume
from upgrades.commands.upgrades import cancel

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
POLICY = "properties.upgradePolicy"
OWN = {f"{POLICY}.rollingUpgradePolicy": {"maxBatchInstancePercent": 50, "pauseTimeBetweenBatches": "PT1H"}}
IN_FORCE = {f"{POLICY}.automaticOSUpgradePolicy.useRollingUpgradePolicy": True}


def test_people_steer_an_upgrade_while_it_runs(fleet: MakeFleet) -> None:
    """A-21, A-14: pause, resume, the next batch now, cancel."""
    one = fleet(10)
    one.edit({**OWN, **IN_FORCE})
    one.go_on()
    one.publish("16.04.1")
    one.go_on()
    assert one.row.decision["code"] == "PauseBetweenBatches"
    pause(one.path, "ada", one.now)
    next_batch_now(one.path, "ada", one.now)
    one.go_on()
    assert one.row.decision["code"] == "Paused"
    assert one.upgrade.batches.count() == 1
    resume(one.path, "eve", one.now)
    one.go_on()
    assert one.upgrade.status == "Completed"
    one.publish("16.04.2")
    one.work(one.look())
    cancel(one.path, "ada", one.now)
    one.go_on()
    assert (one.upgrade.status, one.upgrade.batches.count()) == ("Cancelled", 1)


def test_scaling_out_and_in_while_an_upgrade_runs(fleet: MakeFleet) -> None:
    """Z-1.12: new instances take the newest image, and count in the limits, not in what is to be done."""
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    handed = one.look()
    one.put(8)
    one.work([*handed, *one.look()])
    assert len(one.instances) == 8 and {row.version for row in one.instances[5:]} == {"16.04.1"}
    assert one.upgrade.ended_at is None
    one.put(4)
    one.go_on()
    assert one.upgrade.status == "Completed"
    assert [row.version for row in one.instances] == ["16.04.1"] * 4
    assert set(one.views()) == {"0", "1", "2", "3"}


def test_the_time_of_a_paused_upgrade_stands_still(fleet: MakeFleet) -> None:
    """A pause holds for as long as a person wants: no time-out ends it, after which the platform would begin anew by itself."""
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    one.work(one.look())
    pause(one.path, "ada", one.now)
    one.go_on()
    one.now += timedelta(days=30)  # in one leap
    one.probe()
    one.go_on()
    assert one.row.decision["code"] == "Paused"
    resume(one.path, "ada", one.now)
    one.go_on()
    assert one.upgrade.status == "Completed"
    assert one.row.upgrades.count() == 1


def test_the_time_of_an_upgrade_stands_still_while_the_fleet_is_stopped(fleet: MakeFleet) -> None:
    """Else all that was held would end for want of time, in the moment in which the fleet is let go."""
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    one.work(one.look())
    stop_fleet(reason="incident", owner="ada", now=one.now, until=one.now + timedelta(days=60))
    one.go_on()
    one.now += timedelta(days=30)  # in one leap
    one.probe()
    one.go_on()
    assert one.row.decision["code"] == "FleetStopped"
    end_fleet_stop(by="ada", now=one.now)
    one.go_on()
    assert one.upgrade.status == "Completed"
    assert one.row.upgrades.count() == 1


@pytest.mark.parametrize("sick", [{0}, {5, 6, 7}], ids=["upgraded", "to be upgraded"])
def test_a_pause_outlives_what_falls_ill_within_it(fleet: MakeFleet, sick: set[int]) -> None:
    """Nothing begins until somebody resumes it: no dip stops it, after which the platform would begin anew, unpaused."""
    one = fleet(10)
    one.go_on()
    one.publish("16.04.1")
    one.work(one.look())
    pause(one.path, "ada", one.now)
    one.go_on()
    assert one.row.decision["code"] == "Paused"
    one.sick = sick
    one.go_on()
    one.sick = set()
    one.go_on()
    assert (one.upgrade.status, one.upgrade.batches.count(), one.row.upgrades.count()) == ("RollingForward", 1, 1)
    resume(one.path, "ada", one.now)
    one.go_on()
    assert one.upgrade.status == "Completed"


def test_a_batch_that_failed_stops_a_paused_upgrade_with_its_end(fleet: MakeFleet) -> None:
    """In one transaction: whoever dies before it leaves a batch that is not finished, and is judged then."""
    one = fleet(10)
    one.go_on()
    one.publish("16.04.1")
    one.sick = {0}
    one.work(one.look())
    pause(one.path, "ada", one.now)
    one.go_on()
    one.later(minutes=6)
    one.go_on()
    assert (one.upgrade.status, one.upgrade.batches.count()) == ("Faulted", 1)
    batch = one.upgrade.batches.get()
    assert batch.finished_at == one.upgrade.ended_at
