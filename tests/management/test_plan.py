"""What would happen, as the terminal tells it."""

from datetime import datetime, timedelta

import pytest

from tests.core.deciding import fleet
from tests.management.terminal import complains, run
from tests.stories import NOW, a_batch, a_scale_set, document, edited, nothing_changes, publish
from upgrades import plans
from upgrades.commands.fleet_stops import stop_fleet
from upgrades.commands.steering import pause
from upgrades.commands.upgrades import start
from upgrades.core.preview import Pace, preview
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.management import plan
from upgrades.management.text import length, moment
from upgrades.models import Batch, RollingUpgrade, ScaleSet

NEW = "16.04.1"
OWN_LIMITS = "properties.upgradePolicy.rollingUpgradePolicy"
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def told(path: str = "fleet/web", now: datetime = NOW) -> list[str]:
    group, name = path.split("/")
    return [line.strip() for line in plan.one_set(ScaleSet.objects.get(resource_group=group, name=name), now)]


def with_a_past(row: ScaleSet, *minutes: int) -> None:
    """An upgrade that is over, whose batches took so long."""
    publish("16.04.0")
    upgrade = start(str(row), "me", NOW)
    for number, long in enumerate(minutes):
        Batch.objects.create(upgrade=upgrade, number=number, started_at=NOW, finished_at=NOW + long * MINUTE)
    RollingUpgrade.objects.update(status=UpgradeStatus.COMPLETED, ended_at=NOW, pending_at_end=0)


def test_the_batches_their_reason_and_when_it_ends() -> None:
    row = a_scale_set(instances=7)
    with_a_past(row, *range(1, 11))
    publish(NEW)
    assert told() == [
        "fleet/web: what would happen",
        f"target     {NEW}",
        "batch 1     1:  0    begins at once",
        "because 20 % of 7 is 1.4, so at most 1.",
        *(f"batch {id + 1}     1:  {id}    begins in {length(5 * id * MINUTE)}" for id in range(1, 7)),
        "ends in    7 min to 1 h 3 min, at the pace of its last batches, 20 at most",
    ]


def test_a_plan_shows_zones_and_ranges() -> None:
    a_scale_set(model={**document(capacity=30), "zones": ["1", "2", "3"]}, instances=30)
    publish(NEW)
    said = told()
    assert said[2].split() == ["batch", "1", "6:", "0", "3", "6", "9", "12", "15", "zone", "1"]
    assert len(said) == 10 and said[-1] == "ends in    no batch was timed yet"


def test_pauses_are_planned_waits() -> None:
    row = a_scale_set(instances=5, rolling={"pauseTimeBetweenBatches": "PT1M"})
    with_a_past(row, 2)
    publish(NEW)
    assert told()[-2:] == [
        "waits      4 min in all: pauses, and the time until it is tried again",
        "ends in    14 min, at the pace of its last batches, 20 at most",
    ]


def test_a_plan_shows_that_an_overdue_upgrade_ends_at_once() -> None:
    row = a_scale_set()
    with_a_past(row, 2)
    publish(NEW)
    start(str(row), "me", NOW)
    RollingUpgrade.objects.filter(ended_at=None).update(ends_by=NOW)
    assert told()[-2:] == ["No further batch begins.", "ends in    at once"]


def test_a_plan_shows_the_present_hold() -> None:
    a_scale_set()
    publish(NEW)
    stop_fleet(reason="panics", owner="ada", now=NOW)
    said = told()
    assert (
        said[2]
        == "held now   FleetStopped: All automatic upgrades are stopped by ada until 2018-09-26 12:00:00 UTC: panics"
    )
    assert sum(line.startswith("batch") for line in said) == 5, "the plan goes on behind it"


def test_the_plan_is_of_a_manual_start_if_automatic_upgrades_are_off() -> None:
    """People's upgrades have the set's own limits, whatever useRollingUpgradePolicy says."""
    body = edited(document(capacity=10, automatic=False), OWN_LIMITS, {"maxBatchInstancePercent": 50})
    a_scale_set(model=body)
    publish(NEW)
    said = told()
    assert (
        said[2]
        == "automatic  off: nothing begins by itself. This is the plan of a start by hand: manage.py start fleet/web"
    )
    assert said[3:5] == ["batch 1     5:  0-4", "because 50 % of 10 is 5, so at most 5."]


def test_a_set_that_is_pinned() -> None:
    a_scale_set(automatic=False, model=document(version="0.0.1", automatic=False, capacity=10))
    publish(NEW)
    pinned = (
        "pinned     to 0.0.1: nothing begins by itself. This is the plan of a start by hand: manage.py start fleet/web"
    )
    assert told()[1:] == ["target     0.0.1", pinned, "Nothing would be upgraded."]


def test_a_set_that_is_pinned_to_an_older_version_than_it_runs() -> None:
    publish(NEW)
    a_scale_set(version=NEW, automatic=False, model=document(version="0.0.1", automatic=False, capacity=10))
    lines = told()
    assert lines[1] == "target     0.0.1"
    assert lines[3] == "batch 1     2:  0-1"


def test_a_plan_without_upgrades_says_so() -> None:
    a_scale_set()
    assert told() == ["fleet/web: what would happen", "Nothing would be upgraded."]
    assert plan.all_sets(NOW) == ["No scale set would do anything."]


def test_the_rest_of_a_running_upgrade() -> None:
    a_scale_set(instances=2)
    publish(NEW)
    a_batch(start("fleet/web", "me", NOW), {0: InstanceUpgradeState.UPGRADING})
    pause("fleet/web", "ada", NOW)
    said = told()
    assert said[1:4] == [
        f"target     {NEW}, to which it is being upgraded now",
        "held now   Paused: Paused by ada, until somebody resumes it.",
        "batch 2     1:  1",
    ]
    a_batch(RollingUpgrade.objects.get(), {1: InstanceUpgradeState.UPGRADING}, number=2)
    assert told()[2] == "No further batch begins."


def test_a_plan_of_the_fleet_has_a_line_for_each_set_that_moves() -> None:
    a_scale_set("done", version=NEW)
    a_scale_set("byhand", automatic=False, instances=3)
    a_scale_set("runs")
    a_scale_set("waits", instances=5)
    publish(NEW)
    start("fleet/runs", "me", NOW)
    stop_fleet(reason="panics", owner="ada", now=NOW)
    with_times = [line.split() for line in plan.all_sets(NOW)]
    assert [" ".join(words) for words in with_times] == [
        "SCALE SET TARGET BEGINS BATCHES INSTANCES ENDS IN HELD BY",
        f"fleet/byhand {NEW} by hand 3 3 no batch was timed yet -",
        f"fleet/runs {NEW} it runs 5 10 no batch was timed yet -",
        f"fleet/waits {NEW} by itself 5 5 no batch was timed yet FleetStopped",
    ]


def test_the_terminal_shows_the_plan_of_one_set_or_all() -> None:
    a_scale_set(instances=2)
    publish(NEW)
    assert run("status", "FLEET/web", "--plan").out.startswith("fleet/web: what would happen")
    assert run("status", "--plan").out.splitlines()[1].split()[:2] == ["fleet/web", NEW]
    with complains("ResourceNotFound: there is no scale set 'fleet/other'"):
        run("status", "fleet/other", "--plan")


# --- the pace ---------------------------------------------------------------------------------------------------------


def test_the_pace_is_that_of_the_last_batches() -> None:
    row = a_scale_set()
    assert plans.pace(row) is None
    with_a_past(row, *range(1, 31))
    assert plans.pace(row) == Pace(12 * MINUTE, 20 * MINUTE, 28 * MINUTE)


def test_a_plan_changes_nothing() -> None:
    row = a_scale_set()
    publish(NEW)
    with nothing_changes():
        found = plans.planned(row, NOW)
    assert found.does_something and not found.by_hand and not found.is_running
    assert found.plan.batches[0].instances == preview(fleet(10), NOW).batches[0].instances


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (0.4, "0 s"),
        (150, "2 min 30 s"),
        (3605, "1 h"),
        (6000, "1 h 40 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_are_shown_in_words(seconds: float, shown: str) -> None:
    assert length(timedelta(seconds=seconds)) == shown


def test_times_are_shown_in_utc() -> None:
    assert moment(NOW) == moment("2018-09-25T14:00:00.000+02:00") == "2018-09-25 12:00:00 UTC"
