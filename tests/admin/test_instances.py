"""Instances and opt-outs in the admin."""

from datetime import timedelta

import pytest
from django.test import Client

from tests.admin.people import Admitting, act, page, told
from tests.stories import NOW, a_scale_set, nothing_changes, snapshot_equals_events
from upgrades.admin.base import now
from upgrades.commands.opt_outs import opt_out
from upgrades.models import Instance, OptOut, ScaleSet, Transition

pytestmark = pytest.mark.django_db


def ids(row: ScaleSet, *numbers: int) -> list[int]:
    return list(row.instances.filter(number__in=numbers).values_list("pk", flat=True))


def test_opting_out_asks_why(ada: Client) -> None:
    row = a_scale_set()
    with nothing_changes():
        answer = act(ada, "instance/", "opt_out_chosen", *ids(row, 1, 3))
    shown = answer.content.decode()
    assert "2 selected" in shown and 'name="reason"' in shown and shown.count('name="_selected_action"') == 2


def test_opting_out(ada: Client) -> None:
    row = a_scale_set()
    with snapshot_equals_events():
        answer = act(ada, "instance/", "opt_out_chosen", *ids(row, 1, 3), agreed="1", reason="it runs the payroll")
    assert answer.status_code == 302
    opt_out, other = OptOut.objects.order_by("instance__number")
    assert (opt_out.instance.number, other.instance.number) == (1, 3)
    assert (opt_out.owner, opt_out.reason) == ("ada", "it runs the payroll")
    assert opt_out.until == opt_out.created_at + timedelta(days=14)
    assert told(ada, "instance/") == ["Opted out: fleet/web (2)."]


def test_an_opt_out_ends_at_a_chosen_time(ada: Client) -> None:
    row, day = a_scale_set(), now() + timedelta(days=3)
    act(ada, "instance/", "opt_out_chosen", *ids(row, 1), agreed="1", reason="x", until=f"{day:%Y-%m-%dT%H:%M}")
    assert OptOut.objects.get().until == day.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reason": ""}, "This field is required"),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"reason": "x", "until": "2018-09-25T12:00"}, "An opt-out ends in the future"),
        ({"reason": "x", "until": "soon"}, "valid date/time"),
    ],
)
def test_an_invalid_opt_out_is_refused(ada: Client, fields: dict[str, str], words: str) -> None:
    row = a_scale_set()
    with nothing_changes():
        answer = act(ada, "instance/", "opt_out_chosen", *ids(row, 1), agreed="1", **fields)
    assert words in answer.content.decode()


def test_all_filtered_instances_are_opted_out(ada: Client) -> None:
    """More than a page, in several scale sets: the question is asked with one of them and `select_across`."""
    web, other = a_scale_set(instances=120), a_scale_set("other", instances=3)
    Instance.objects.filter(scale_set=web, number__lt=110).update(health="unhealthy")
    Instance.objects.filter(scale_set=other, number=2).update(health="unhealthy")
    path = "instance/?health__exact=unhealthy"
    shown = act(ada, path, "opt_out_chosen", *ids(web, 0, 1), select_across="1").content.decode()
    assert "111 selected" in shown and shown.count('name="_selected_action"') == 1
    with snapshot_equals_events():
        act(ada, path, "opt_out_chosen", *ids(web, 0), select_across="1", agreed="1", reason="sick")
    assert OptOut.objects.count() == 111
    assert told(ada, "instance/") == ["Opted out: fleet/other (1), fleet/web (110)."]


def test_opting_in(ada: Client) -> None:
    row = a_scale_set()
    opt_out("fleet/web", ["1", "2"], reason="x", owner="me", now=NOW)
    with snapshot_equals_events():
        act(ada, "instance/", "opt_in_chosen", *ids(row, 1))
    ended = OptOut.objects.exclude(ended_at=None).get()
    assert (ended.instance.number, ended.ended_by) == (1, "ada")


@pytest.mark.parametrize("action", [("instance/", "opt_in_chosen"), ("optout/", "end_chosen")])
def test_ending_another_persons_opt_out_asks_first(ada: Client, action: tuple[str, str]) -> None:
    row = a_scale_set()
    opt_out("fleet/web", ["1"], reason="holds sessions", owner="bob", now=now())
    chosen = ids(row, 1) if action[1] == "opt_in_chosen" else [OptOut.objects.get().pk]
    with nothing_changes():
        said = act(ada, *action, *chosen).content.decode()
    assert "web_1, opted out by bob until" in said and ": holds sessions" in said
    with snapshot_equals_events():
        act(ada, *action, *chosen, agreed="1")
    assert OptOut.objects.get().ended_by == "ada"


def test_an_own_opt_out_ends_without_a_question(ada: Client) -> None:
    row = a_scale_set()
    opt_out("fleet/web", ["1"], reason="x", owner="ada", now=now())
    act(ada, "instance/", "opt_in_chosen", *ids(row, 1))
    assert OptOut.objects.get().ended_by == "ada"


def test_ending_opt_outs_from_their_list(ada: Client) -> None:
    a_scale_set()
    opt_out("fleet/web", ["1", "2"], reason="x", owner="me", now=NOW)
    first = OptOut.objects.get(instance__number=1)
    with snapshot_equals_events():
        act(ada, "optout/", "end_chosen", first.pk)
    assert OptOut.objects.filter(ended_at=None).get().instance.number == 2
    with nothing_changes():
        act(ada, "optout/", "end_chosen", first.pk)


def test_viewers_may_not_change_instances(admitting: Admitting) -> None:
    bob, row = admitting("view_instance", "view_optout"), a_scale_set()
    opt_out("fleet/web", ["1"], reason="x", owner="me", now=NOW)
    assert "opt_out_chosen" not in page(bob, "instance/")
    with nothing_changes():
        act(bob, "instance/", "opt_out_chosen", *ids(row, 2), agreed="1", reason="x")
        act(bob, "instance/", "opt_in_chosen", *ids(row, 1))
        act(bob, "optout/", "end_chosen", OptOut.objects.get().pk)


def test_the_right_to_opt_out_is_no_right_to_opt_in(admitting: Admitting) -> None:
    bob, row = admitting("view_instance", "add_optout"), a_scale_set()
    act(bob, "instance/", "opt_out_chosen", *ids(row, 2), agreed="1", reason="x")
    assert OptOut.objects.get().owner == "bob"
    with nothing_changes():
        act(bob, "instance/", "opt_in_chosen", *ids(row, 2))


def test_releasing_from_quarantine(ada: Client) -> None:
    row = a_scale_set()
    Instance.objects.filter(number__in=[1, 2, 3]).update(failed_version="1.0.0", failures=3, quarantined_at=NOW)
    with nothing_changes():
        assert "are forgotten" in act(ada, "instance/", "release_chosen", *ids(row, 1, 3)).content.decode()
    with snapshot_equals_events():
        act(ada, "instance/", "release_chosen", *ids(row, 1, 3), agreed="1")
    assert list(Instance.objects.exclude(quarantined_at=None).values_list("number", flat=True)) == [2]
    assert told(ada, "instance/") == ["Released: fleet/web (2)."]
    assert Transition.objects.latest("pk").note == "Released by ada."


def test_releasing_takes_the_permission_to_change_instances(admitting: Admitting) -> None:
    row = a_scale_set()
    Instance.objects.update(failures=3, quarantined_at=NOW)
    bob = admitting("view_instance", "change_optout", "add_optout")
    assert "release_chosen" not in page(bob, "instance/")
    with nothing_changes():
        act(bob, "instance/", "release_chosen", *ids(row, 1), agreed="1")


def test_the_right_to_change_instances_allows_releasing_them(admitting: Admitting) -> None:
    row = a_scale_set()
    Instance.objects.update(failures=3, quarantined_at=NOW)
    act(admitting("view_instance", "change_instance"), "instance/", "release_chosen", *ids(row, 1), agreed="1")
    assert Instance.objects.filter(quarantined_at=None).get().number == 1


def test_filters_and_search(ada: Client) -> None:
    web = a_scale_set(instances=4)
    a_scale_set("other", instances=2, version="9.9.9")
    opt_out("fleet/web", ["1"], reason="x", owner="me", now=NOW)
    Instance.objects.filter(scale_set=web, number=3).update(failures=3, quarantined_at=NOW)
    for query, count in (
        ("quarantined=yes", 1),
        ("quarantined=no", 5),
        ("failures=3", 1),
        ("opted_out=yes", 1),
        ("opted_out=no", 5),
        ("version=9.9.9", 2),
        ("health__exact=healthy", 6),
        ("q=other", 2),
        (f"scale_set__id__exact={web.pk}", 4),
    ):
        assert page(ada, f"instance/?{query}").count('name="_selected_action"') == count, query
