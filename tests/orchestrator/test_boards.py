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


def board(one: Fleet) -> dict[str, Any]:
    found: dict[str, Any] = read.snapshot(one.id)["board"]
    return found


def last_event(one: Fleet) -> dict[str, Any]:
    event = Event.objects.filter(scale_set=one.id).latest("seq")
    body: dict[str, Any] = event.body
    return body


def test_there_is_no_board_before_the_first_look(fleet: MakeFleet) -> None:
    one = fleet(2)
    assert read.snapshot(one.id)["board"] is None
    one.look()
    assert board(one)["states"] == {"creating": "0-1"}


def test_a_decision_and_its_board_are_one_event_and_a_look_that_finds_the_same_writes_none(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    with snapshot_equals_events():
        handed = one.look()
        said = last_event(one)
        assert said["scale_set"]["decision"]["code"] == "ReplacingOSDisks"
        assert (said["board"]["states"], said["board"]["batch"]["of"]) == ({"queued": "0", "pending": "1-4"}, 5)
        seq = one.row.seq
        one.look()
        assert one.row.seq == seq
        one.work(handed)
        one.go_on(60)
    assert board(one)["states"] == {"done": "0-4"}


def test_what_a_person_says_is_on_the_board_with_the_next_look(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    opt_out(one.path, ["3"], reason="busy", owner="ada", now=one.now)
    assert "opted-out" not in board(one)["states"] and one.row.reconcile_at <= one.now
    one.look()
    assert (board(one)["states"]["opted-out"], board(one)["counts"]["opted_out"]) == ("3", 1)


def test_the_plan_that_is_kept_is_the_one_that_is_carried_out(fleet: MakeFleet) -> None:
    one = fleet(6)
    one.go_on()
    one.publish("16.04.1")
    handed = one.look()
    planned = [numbers_in(batch["instances"]) for batch in board(one)["planned"]]
    key = Board.objects.get(scale_set=one.id).forecast["key"]
    one.work(handed)
    one.look()
    assert Board.objects.get(scale_set=one.id).forecast["key"] == key
    one.go_on(60)
    ran = [numbers_in(batch["instances"]) for batch in (record_of(one.upgrade) or {})["batches"]]
    assert ran[1:] == planned


def test_what_is_over_is_told_from_its_record_for_ever(fleet: MakeFleet) -> None:
    """Whatever is published, opted out or falls ill afterwards."""
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    one.go_on(60)
    record = one.upgrade.record
    assert record and [batch["members"] for batch in record["batches"]] == [{"succeeded": str(id)} for id in range(5)]
    assert record["progress"] == {"up_to_date": 5, "of": 5, "percent": 100}
    assert (record["failed"]["count"], record["unhealthy"]["count"], record["left"]) == (0, 0, 0)
    one.edit({"properties.upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade": False})
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now)
    one.sick = {1, 2}
    one.publish("16.04.2")
    one.go_on()
    told = read.snapshot(one.id)["upgrade"]
    assert (told["target"]["version"], told["record"]) == ("16.04.1", record)


def test_one_that_ended_before_records_were_kept_is_told_from_its_members(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.publish("16.04.1")
    one.go_on(60)
    kept = one.upgrade.record
    RollingUpgrade.objects.filter(pk=one.upgrade.pk).update(record=None)
    assert record_of(one.upgrade) == {**(kept or {}), "unhealthy": None}
