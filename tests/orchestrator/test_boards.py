"""The board in rows and events: written with the decision that it belongs to, and only where it is another. Records of what is over."""

from typing import Any

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.stories import snapshot_equals_events
from upgrades.commands.opt_outs import opt_out
from upgrades.core.ranges import numbers_in
from upgrades.feed import read
from upgrades.models import Board, Event, RollingUpgrade
from upgrades.models.records import record_of

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def board(fleet: Fleet) -> dict[str, Any]:
    found: dict[str, Any] = read.snapshot(fleet.id)["board"]
    return found


def last_event(fleet: Fleet) -> dict[str, Any]:
    event = Event.objects.filter(scale_set=fleet.id).latest("seq")
    body: dict[str, Any] = event.body
    return body


def test_the_board_is_missing_before_the_first_reconcile(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(2)
    assert read.snapshot(fleet.id)["board"] is None
    fleet.reconcile()
    assert board(fleet)["states"] == {"creating": "0-1"}


def test_a_decision_and_its_board_are_one_event_and_a_reconcile_that_finds_the_same_writes_none(
    make_fleet: MakeFleet,
) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    with snapshot_equals_events():
        handed = fleet.reconcile()
        said = last_event(fleet)
        assert said["scale_set"]["decision"]["code"] == "ReplacingOSDisks"
        assert (said["board"]["states"], said["board"]["batch"]["of"]) == ({"queued": "0", "pending": "1-4"}, 5)
        seq = fleet.row.seq
        fleet.reconcile()
        assert fleet.row.seq == seq
        fleet.work(handed)
        fleet.go_on(60)
    assert board(fleet)["states"] == {"done": "0-4"}


def test_a_persons_command_is_on_the_board_with_the_next_reconcile(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    opt_out(fleet.path, ["3"], reason="busy", owner="ada", now=fleet.now)
    assert "opted-out" not in board(fleet)["states"] and fleet.row.reconcile_at <= fleet.now
    fleet.reconcile()
    assert (board(fleet)["states"]["opted-out"], board(fleet)["counts"]["opted_out"]) == ("3", 1)


def test_the_plan_that_is_kept_is_the_one_that_is_carried_out(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(6)
    fleet.go_on()
    fleet.publish("16.04.1")
    handed = fleet.reconcile()
    planned = [numbers_in(batch["instances"]) for batch in board(fleet)["planned"]]
    key = Board.objects.get(scale_set=fleet.id).forecast["key"]
    fleet.work(handed)
    fleet.reconcile()
    assert Board.objects.get(scale_set=fleet.id).forecast["key"] == key
    fleet.go_on(60)
    ran = [numbers_in(batch["instances"]) for batch in (record_of(fleet.upgrade) or {})["batches"]]
    assert ran[1:] == planned


def test_an_ended_upgrade_is_told_from_its_record(make_fleet: MakeFleet) -> None:
    """Whatever is published, opted out or falls ill afterwards."""
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on(60)
    record = fleet.upgrade.record
    assert record and [batch["members"] for batch in record["batches"]] == [{"succeeded": str(id)} for id in range(5)]
    assert record["progress"] == {"up_to_date": 5, "of": 5, "percent": 100}
    assert (record["failed"]["count"], record["unhealthy"]["count"], record["left"]) == (0, 0, 0)
    fleet.edit({"properties.upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade": False})
    opt_out(fleet.path, ["0"], reason="busy", owner="ada", now=fleet.now)
    fleet.sick = {1, 2}
    fleet.publish("16.04.2")
    fleet.go_on()
    told = read.snapshot(fleet.id)["upgrade"]
    assert (told["target"]["version"], told["record"]) == ("16.04.1", record)


def test_an_ended_upgrade_without_a_record_is_told_from_its_members(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.publish("16.04.1")
    fleet.go_on(60)
    kept = fleet.upgrade.record
    RollingUpgrade.objects.filter(pk=fleet.upgrade.pk).update(record=None)
    assert record_of(fleet.upgrade) == {**(kept or {}), "unhealthy": None}
