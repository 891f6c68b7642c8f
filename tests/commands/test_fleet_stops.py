"""The fleet stop: stopping all automatic upgrades, letting go, and the end by itself."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.stories import NOW, a_scale_set, nothing_changes, publish, refused, snapshot_equals_events
from upgrades.commands.fleet_stops import end_fleet_stop, stop_fleet
from upgrades.commands.upgrades import start
from upgrades.feed import read
from upgrades.models import Event, FleetStop, RollingUpgrade, ScaleSet
from upgrades.orchestrator.opt_outs import ENDED_BY_TIME_LIMIT, end_expired_fleet_stop
from upgrades.orchestrator.reconcile import reconcile

LATER = NOW + timedelta(seconds=5)

pytestmark = pytest.mark.django_db


def stop(reason: str = "the new kernel panics", now: datetime = NOW, until: datetime | None = None) -> FleetStop:
    return stop_fleet(reason=reason, owner="ada", now=now, until=until)


def two_sets() -> list[int]:
    rows = [a_scale_set(name, instances=2) for name in ("web", "other")]
    ScaleSet.objects.update(reconcile_at=NOW + timedelta(hours=1))
    return [row.pk for row in rows]


def seen() -> list[Any]:
    """Who stopped the fleet, as each scale set shows it."""
    stops = [read.snapshot(row.pk)["scale_set"]["fleet_stop"] for row in ScaleSet.objects.order_by("pk")]
    return [stop and stop["owner"] for stop in stops]


def reconciled_at() -> set[datetime]:
    return set(ScaleSet.objects.values_list("reconcile_at", flat=True))


def test_stopping_the_fleet_and_ending_the_stop() -> None:
    two_sets()
    events = Event.objects.count()
    with snapshot_equals_events():
        row = stop("  the new kernel panics\n", LATER)
    assert (row.owner, row.reason, row.created_at) == ("ada", "the new kernel panics", LATER)
    assert row.until == LATER + timedelta(days=1), "never silently for ever"
    assert (seen(), reconciled_at(), Event.objects.count()) == (["ada", "ada"], {LATER}, events + 2)
    ScaleSet.objects.update(reconcile_at=NOW + timedelta(hours=1))
    with snapshot_equals_events():
        row = end_fleet_stop(by="eve", now=LATER)
    assert (row.ended_at, row.ended_by) == (LATER, "eve")
    assert (seen(), reconciled_at(), Event.objects.count()) == ([None, None], {LATER}, events + 4)


def test_the_last_word_counts() -> None:
    two_sets()
    stop()
    until = LATER + timedelta(hours=2)
    with snapshot_equals_events():
        stop_fleet(reason="longer", owner="eve", now=LATER, until=until)
    old, new = FleetStop.objects.order_by("pk")
    assert (old.ended_at, old.ended_by) == (LATER, "eve")
    assert (new.ended_at, new.until, seen()) == (None, until, ["eve", "eve"])


def test_ending_a_missing_fleet_stop_is_refused() -> None:
    two_sets()
    with refused("Conflict", "automatic upgrades are not stopped"):
        end_fleet_stop(by="ada", now=NOW)
    stop()
    end_fleet_stop(by="ada", now=LATER)
    with refused("Conflict", "automatic upgrades are not stopped"):
        end_fleet_stop(by="eve", now=LATER)


@pytest.mark.parametrize(
    ("reason", "until", "target", "words"),
    [
        (" ", None, "reason", "give a reason: a stop of the fleet needs one"),
        ("x" * 501, None, "reason", "the reason of a stop of the fleet has at most 500 characters, not 501"),
        ("x", NOW, "until", "a stop of the fleet ends in the future, not at 2018-09-25 12:00:00 UTC"),
        ("x", NOW + timedelta(days=3651), "until", "a stop of the fleet ends within ten years or never"),
    ],
)
def test_invalid_fleet_stops_are_refused(reason: str, until: datetime | None, target: str, words: str) -> None:
    two_sets()
    stop()
    with refused("InvalidParameter", words) as caught:
        stop(reason, NOW, until)
    assert caught.value.target == target


def test_a_fleet_without_scale_sets() -> None:
    stop()
    assert end_fleet_stop(by="ada", now=LATER).ended_at == LATER


def test_a_scale_set_that_is_made_meanwhile_shows_it() -> None:
    stop()
    a_scale_set(instances=1)
    assert seen() == ["ada"]


# --- what it does -----------------------------------------------------------------------------------------------------


def test_the_platform_starts_nothing_and_people_may() -> None:
    web, other = two_sets()
    publish("16.04.1")
    stop()
    start("fleet/other", "ada", NOW)
    for pk in (web, other):
        reconcile(pk, lambda: NOW)
    upgrade = RollingUpgrade.objects.get()
    assert (upgrade.scale_set_id, upgrade.batches.count()) == (other, 1)
    decision = ScaleSet.objects.get(pk=web).decision
    assert decision["code"] == "FleetStopped" and "stopped by ada" in decision["text"]
    end_fleet_stop(by="ada", now=LATER)
    reconcile(web, lambda: LATER)
    assert ScaleSet.objects.get(pk=web).upgrades.get().batches.count() == 1


# --- its time is over -------------------------------------------------------------------------------------------------


def test_an_expired_fleet_stop_ends_on_every_scale_set() -> None:
    two_sets()
    until = stop(until=NOW + timedelta(hours=2)).until
    assert until
    with nothing_changes():
        end_expired_fleet_stop(until - timedelta(seconds=1))
    events = Event.objects.count()
    with snapshot_equals_events():
        end_expired_fleet_stop(until)
    row = FleetStop.objects.get()
    assert (row.ended_at, row.ended_by) == (until, ENDED_BY_TIME_LIMIT)
    assert (seen(), reconciled_at(), Event.objects.count()) == ([None, None], {until}, events + 2)
    with nothing_changes():
        end_expired_fleet_stop(until + timedelta(seconds=1))


def test_an_expired_fleet_stop_can_be_ended_by_hand() -> None:
    two_sets()
    stop(until=NOW + timedelta(seconds=1))
    assert end_fleet_stop(by="eve", now=LATER).ended_by == "eve"
    with nothing_changes():
        end_expired_fleet_stop(LATER)
