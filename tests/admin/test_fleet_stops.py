"""Stopping the fleet in the admin, and letting go."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.admin.people import Admitting, act, errors, page, post, saved, told
from tests.stories import NOW, a_scale_set, nothing_changes, snapshot_equals_events
from upgrades.admin.base import now
from upgrades.commands.fleet_stops import end_fleet_stop, stop_fleet
from upgrades.models import FleetStop

pytestmark = pytest.mark.django_db


def test_adding_a_fleet_stop_stops_the_fleet(ada: Client) -> None:
    a_scale_set()
    assert 'name="until"' in page(ada, "fleetstop/add/")
    with snapshot_equals_events():
        assert saved(post(ada, "fleetstop/add/", reason="the new kernel panics"))
    row = FleetStop.objects.get()
    assert (row.owner, row.reason, row.ended_at) == ("ada", "the new kernel panics", None)
    assert row.until and row.until - row.created_at == timedelta(days=1)
    assert LogEntry.objects.get().object_repr == "all automatic upgrades stopped by ada"


def test_a_fleet_stop_ends_at_a_chosen_time(ada: Client) -> None:
    day = now() + timedelta(days=3)
    assert saved(post(ada, "fleetstop/add/", reason="x", until=f"{day:%Y-%m-%dT%H:%M}"))
    assert FleetStop.objects.get().until == day.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "reason", "This field is required"),
        ({"reason": "x" * 501}, "reason", "at most 500 characters"),
        ({"reason": "x", "until": "soon"}, "until", "valid date/time"),
        ({"reason": "x", "until": "2018-09-25T12:00"}, "until", "A stop of the fleet ends in the future"),
    ],
)
def test_a_refusal_is_shown_at_its_field(ada: Client, fields: dict[str, str], field: str, words: str) -> None:
    a_scale_set()
    with nothing_changes():
        found = errors(post(ada, "fleetstop/add/", **fields))
    assert list(found) == [field] and words in found[field][0]


def test_a_fleet_stop_is_ended_by_hand(ada: Client) -> None:
    a_scale_set()
    row = stop_fleet(reason="a bad image is out", owner="eve", now=NOW)
    with nothing_changes():
        asked = act(ada, "fleetstop/", "end_stop", row.pk).content.decode()
    assert "Stopped by eve: a bad image is out" in asked
    with snapshot_equals_events():
        act(ada, "fleetstop/", "end_stop", row.pk, agreed="1")
    assert FleetStop.objects.get().ended_by == "ada"
    assert told(ada, "fleetstop/") == ["Automatic upgrades resumed: all scale sets."]


def test_an_ended_fleet_stop_lets_nothing_go(ada: Client) -> None:
    a_scale_set()
    old = stop_fleet(reason="x", owner="eve", now=NOW)
    stop_fleet(reason="another", owner="eve", now=NOW)
    with nothing_changes():
        act(ada, "fleetstop/", "end_stop", old.pk)
    assert told(ada, "fleetstop/") == ["These stops have ended already. Nothing was changed."]


def test_the_list_of_fleet_stops_is_read_only(ada: Client) -> None:
    stop_fleet(reason="panics", owner="eve", now=NOW)
    row = end_fleet_stop(by="bob", now=NOW)
    shown = page(ada, "fleetstop/")
    assert all(word in shown for word in ("eve", "panics", "bob"))
    assert "panics" in page(ada, f"fleetstop/{row.pk}/change/")
    assert post(ada, f"fleetstop/{row.pk}/change/", reason="x").status_code == 403
    assert "0 fleet stops" in page(ada, "fleetstop/?ended_at__isempty=1")


@pytest.mark.parametrize("mine", ["add", "change"])
def test_each_permission_allows_its_own_actions(admitting: Admitting, mine: str) -> None:
    """Add: stop. Change: end it. View: neither."""
    row = stop_fleet(reason="x", owner="eve", now=NOW)
    bob = admitting("view_fleetstop", f"{mine}_fleetstop")
    assert saved(post(bob, "fleetstop/add/", reason="mine")) is (mine == "add")
    act(bob, "fleetstop/", "end_stop", row.pk, agreed="1")
    row.refresh_from_db()
    assert row.ended_by == "bob"
    assert FleetStop.objects.filter(ended_at=None).count() == (1 if mine == "add" else 0)


def test_viewers_may_not_change_fleet_stops(admitting: Admitting) -> None:
    row, bob = stop_fleet(reason="x", owner="eve", now=NOW), admitting("view_fleetstop")
    page(bob, "fleetstop/")
    with nothing_changes():
        assert post(bob, "fleetstop/add/", reason="mine").status_code == 403
        act(bob, "fleetstop/", "end_stop", row.pk, agreed="1")
