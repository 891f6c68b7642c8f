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


def test_people_steer_an_upgrade_while_it_runs(make_fleet: MakeFleet) -> None:
    """A-21, A-14: pause, resume, the next batch now, cancel."""
    fleet = make_fleet(10)
    fleet.edit({**OWN, **IN_FORCE})
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on()
    assert fleet.row.decision["code"] == "PauseBetweenBatches"
    pause(fleet.path, "ada", fleet.now)
    next_batch_now(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert fleet.row.decision["code"] == "Paused"
    assert fleet.upgrade.batches.count() == 1
    resume(fleet.path, "eve", fleet.now)
    fleet.go_on()
    assert fleet.upgrade.status == "Completed"
    fleet.publish("16.04.2")
    fleet.work(fleet.reconcile())
    cancel(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert (fleet.upgrade.status, fleet.upgrade.batches.count()) == ("Cancelled", 1)


def test_scaling_out_and_in_while_an_upgrade_runs(make_fleet: MakeFleet) -> None:
    """Z-1.12: new instances take the newest image, and count in the limits, not in what is to be done."""
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    handed = fleet.reconcile()
    fleet.put(8)
    fleet.work([*handed, *fleet.reconcile()])
    assert len(fleet.instances) == 8 and {row.version for row in fleet.instances[5:]} == {"16.04.1"}
    assert fleet.upgrade.ended_at is None
    fleet.put(4)
    fleet.go_on()
    assert fleet.upgrade.status == "Completed"
    assert [row.version for row in fleet.instances] == ["16.04.1"] * 4
    assert set(fleet.views()) == {"0", "1", "2", "3"}


def test_the_time_of_a_paused_upgrade_stands_still(make_fleet: MakeFleet) -> None:
    """A pause holds for as long as a person wants: no time-out ends it, after which the platform would begin anew by itself."""
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.work(fleet.reconcile())
    pause(fleet.path, "ada", fleet.now)
    fleet.go_on()
    fleet.now += timedelta(days=30)  # in one leap
    fleet.probe()
    fleet.go_on()
    assert fleet.row.decision["code"] == "Paused"
    resume(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert fleet.upgrade.status == "Completed"
    assert fleet.row.upgrades.count() == 1


def test_the_time_of_an_upgrade_stands_still_while_the_fleet_is_stopped(make_fleet: MakeFleet) -> None:
    """Else all that was held would end for want of time, in the moment in which the fleet is let go."""
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.work(fleet.reconcile())
    stop_fleet(reason="incident", owner="ada", now=fleet.now, until=fleet.now + timedelta(days=60))
    fleet.go_on()
    fleet.now += timedelta(days=30)  # in one leap
    fleet.probe()
    fleet.go_on()
    assert fleet.row.decision["code"] == "FleetStopped"
    end_fleet_stop(by="ada", now=fleet.now)
    fleet.go_on()
    assert fleet.upgrade.status == "Completed"
    assert fleet.row.upgrades.count() == 1


@pytest.mark.parametrize("sick", [{0}, {5, 6, 7}], ids=["upgraded", "to be upgraded"])
def test_a_pause_outlives_instances_that_become_unhealthy_within_it(make_fleet: MakeFleet, sick: set[int]) -> None:
    """Nothing begins until somebody resumes it: no dip stops it, after which the platform would begin anew, unpaused."""
    fleet = make_fleet(10)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.work(fleet.reconcile())
    pause(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert fleet.row.decision["code"] == "Paused"
    fleet.sick = sick
    fleet.go_on()
    fleet.sick = set()
    fleet.go_on()
    assert (fleet.upgrade.status, fleet.upgrade.batches.count(), fleet.row.upgrades.count()) == ("RollingForward", 1, 1)
    resume(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert fleet.upgrade.status == "Completed"


def test_a_batch_that_failed_stops_a_paused_upgrade_with_its_end(make_fleet: MakeFleet) -> None:
    """In one transaction: whoever dies before it leaves a batch that is not finished, and is judged then."""
    fleet = make_fleet(10)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.sick = {0}
    fleet.work(fleet.reconcile())
    pause(fleet.path, "ada", fleet.now)
    fleet.go_on()
    fleet.later(minutes=6)
    fleet.go_on()
    assert (fleet.upgrade.status, fleet.upgrade.batches.count()) == ("Faulted", 1)
    batch = fleet.upgrade.batches.get()
    assert batch.finished_at == fleet.upgrade.ended_at
