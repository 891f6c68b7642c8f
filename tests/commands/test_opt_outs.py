"""Opting instances out of upgrades, and in again."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.stories import NOW, a_scale_set, publish, refused, snapshot_equals_events
from upgrades.commands.opt_outs import OPT_IN_DELAY, opt_in, opt_out, undo_opt_in, undo_opt_out
from upgrades.commands.protection import protect
from upgrades.commands.upgrades import start
from upgrades.feed import read
from upgrades.models import AuditEntry, Event, Instance, OptOut, RollingUpgrade, ScaleSet, Transition
from upgrades.orchestrator.reconcile import reconcile

LATER = NOW + timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def out(*ids: str, reason: str = "it runs the payroll", owner: str = "me", until: datetime | None = None) -> list[int]:
    with snapshot_equals_events():
        return [
            instance.number
            for instance in opt_out("fleet/web", ids, reason=reason, owner=owner, now=LATER, until=until)
        ]


def test_opting_out() -> None:
    row = a_scale_set()
    ScaleSet.objects.update(reconcile_at=NOW + timedelta(hours=1))
    assert out("3", "1", "3") == [3, 1]
    opt_out, other = OptOut.objects.order_by("instance__number")
    assert (opt_out.instance.number, other.instance.number) == (1, 3)
    assert (opt_out.owner, opt_out.reason, opt_out.created_at, opt_out.scope) == (
        "me",
        "it runs the payroll",
        LATER,
        "until",
    )
    assert opt_out.until == LATER + timedelta(days=14), "never silently for ever"
    assert ScaleSet.objects.get().reconcile_at == LATER
    shape = read.snapshot(row.pk)["instances"]["3"]["opt_out"]
    assert (shape["owner"], shape["reason"]) == ("me", "it runs the payroll")
    assert Transition.objects.latest("pk").note == "Opted out by me: it runs the payroll"


def test_an_opt_out_ends_at_a_chosen_time() -> None:
    a_scale_set(instances=1)
    until = datetime(2018, 9, 26, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    out("0", until=until)
    assert OptOut.objects.get().until == datetime(2018, 9, 25, 23, 0, tzinfo=UTC)


def test_an_opt_out_for_ever_has_no_end() -> None:
    a_scale_set(instances=1)
    opt_out("fleet/web", ["0"], reason="x", owner="me", now=NOW, for_ever=True)
    assert OptOut.objects.get().until is None


def test_an_opt_out_replaces_the_one_before() -> None:
    row = a_scale_set(instances=2)
    out("0")
    out("0", "1", owner="you", reason="  another reason\n")
    old, new = OptOut.objects.filter(instance__number=0).order_by("pk")
    assert (old.ended_at, old.ended_by) == (LATER, "you")
    assert (new.ended_at, new.owner, new.reason) == (None, "you", "another reason")
    assert read.snapshot(row.pk)["instances"]["0"]["opt_out"]["owner"] == "you"


def test_the_progress_leaves_out_opted_out_instances() -> None:
    row = a_scale_set()
    publish("16.04.1")
    start("fleet/web", "me", NOW)
    out("0", "1")
    assert read.snapshot(row.pk)["upgrade"]["progress"]["pending"] == 8


def test_opting_in_again() -> None:
    row = a_scale_set()
    out("0", "1", "2")
    with snapshot_equals_events():
        back = opt_in("FLEET/web", ["1"], owner="you", now=LATER)
    assert [instance.number for instance in back] == [1]
    ended = OptOut.objects.get(instance__number=1)
    assert (ended.ended_at, ended.ended_by) == (LATER, "you")
    shapes = read.snapshot(row.pk)["instances"]
    assert [id for id, shape in shapes.items() if shape["opt_out"]] == ["0", "2"]


def test_opting_in_an_instance_that_is_in_changes_nothing() -> None:
    a_scale_set()
    before = Event.objects.count(), Transition.objects.count()
    assert [instance.number for instance in opt_in("fleet/web", ["1"], owner="you", now=LATER)] == [1]
    assert (Event.objects.count(), Transition.objects.count()) == before


# --- taking it back ---------------------------------------------------------------------------------------------------


def test_an_opt_in_that_is_taken_back_leaves_the_opt_out_as_it_was() -> None:
    """With its owner, reason and end; nothing was begun, for it held all the while."""
    row = a_scale_set()
    publish("16.04.9")
    out(*(str(number) for number in range(10)), owner="bob", until=LATER + timedelta(days=3))
    opt_in("fleet/web", ["3"], owner="me", now=LATER, delay=OPT_IN_DELAY)
    shape = read.snapshot(row.pk)["instances"]["3"]["opt_out"]
    assert (shape["owner"], shape["ending_by"], shape["until"]) == ("bob", "me", "2018-09-25T12:01:10.000Z")
    with snapshot_equals_events():
        reconcile(row.pk, lambda: LATER + timedelta(seconds=9))
    assert not RollingUpgrade.objects.exists()
    with snapshot_equals_events():
        undo_opt_in("fleet/web", ["3"], by="me", now=LATER + timedelta(seconds=9))
    kept = OptOut.objects.get(instance__number=3)
    assert (kept.owner, kept.reason, kept.until) == ("bob", "it runs the payroll", LATER + timedelta(days=3))
    assert (kept.ending_by, kept.ended_at, kept.until_before) == ("", None, None)
    assert AuditEntry.objects.filter(code="OptInUndone").count() == 1
    reconcile(row.pk, lambda: LATER + timedelta(seconds=30))
    assert not RollingUpgrade.objects.exists()


def test_an_opt_in_takes_effect_if_it_is_not_undone_in_time() -> None:
    row = a_scale_set()
    out("3", owner="bob")
    opt_in("fleet/web", ["3"], owner="me", now=LATER, delay=OPT_IN_DELAY)
    assert opt_in("fleet/web", ["3"], owner="you", now=LATER, delay=OPT_IN_DELAY) == [], "it ends already"
    with snapshot_equals_events():
        reconcile(row.pk, lambda: LATER + OPT_IN_DELAY)
    assert OptOut.objects.get().ended_by == "me"
    assert Transition.objects.filter(note="Opted in again.").exists()
    with refused("OperationNotAllowed", "the opt-outs of instances 3 have ended already"):
        undo_opt_in("fleet/web", ["3"], by="me", now=LATER + OPT_IN_DELAY)


def test_an_opt_out_that_is_about_to_end_need_not_be_ended() -> None:
    a_scale_set()
    out("3", until=LATER + timedelta(seconds=5))
    assert opt_in("fleet/web", ["3"], owner="me", now=LATER, delay=OPT_IN_DELAY) == []
    assert OptOut.objects.get().until == LATER + timedelta(seconds=5)


def test_taking_an_opt_out_back_brings_back_the_one_that_it_replaced() -> None:
    a_scale_set()
    out("0", owner="bob", reason="holds sessions")
    opt_out("fleet/web", ["0", "1"], reason="by mistake", owner="me", now=LATER + timedelta(hours=1))
    with snapshot_equals_events():
        undo_opt_out("fleet/web", ["0", "1"], by="me", now=LATER + timedelta(hours=1, seconds=8))
    (left,) = OptOut.objects.filter(ended_at=None)
    assert (left.instance.number, left.owner, left.reason) == (0, "bob", "holds sessions")


def test_only_a_persons_own_recent_opt_out_can_be_undone() -> None:
    a_scale_set()
    out("0", owner="bob")
    with refused("OperationNotAllowed", "you did not opt instances 0 out within the last minute"):
        undo_opt_out("fleet/web", ["0"], by="me", now=LATER)
    with refused("OperationNotAllowed", "opt them in instead"):
        undo_opt_out("fleet/web", ["0"], by="bob", now=LATER + timedelta(minutes=2))


def test_protection_by_a_client_outlasts_a_pending_opt_in() -> None:
    """Caution is never forgotten: the opt-out that is about to end does not count for it."""
    row = a_scale_set()
    out("0", owner="bob")
    opt_in("fleet/web", ["0"], owner="me", now=LATER, delay=OPT_IN_DELAY)
    protect(row, 0, from_actions=True, from_scale_in=None, owner="client", now=LATER)
    assert OptOut.objects.get(ended_at=None).until is None


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", [["9", "10"], ["10"], ["-1"], ["one"], ["01"], [""], ["٣"], ["10\0"]])
def test_unknown_instances_are_refused(ids: list[str]) -> None:
    a_scale_set()
    out("5")
    with refused("ResourceNotFound", "fleet/web: no instance ", "its instances: 0 to 9"):
        opt_out("fleet/web", ["1", *ids], reason="x", owner="me", now=LATER)
    with refused("ResourceNotFound", "its instances: 0 to 9"):
        opt_in("fleet/web", ["5", *ids], owner="me", now=LATER)


def test_no_instance_at_all() -> None:
    a_scale_set(instances=0)
    with refused("ResourceNotFound", "no instance was named; its instances: none"):
        opt_out("fleet/web", [], reason="x", owner="me", now=LATER)
    with refused("ResourceNotFound", "no instance was named"):
        opt_in("fleet/web", [], owner="me", now=LATER)


@pytest.mark.parametrize(
    ("reason", "word"), [("", "give a reason"), (" \n ", "give a reason"), ("x" * 501, "at most 500 characters")]
)
def test_invalid_reasons_are_refused(reason: str, word: str) -> None:
    a_scale_set(instances=1)
    with refused("InvalidParameter", word):
        opt_out("fleet/web", ["0"], reason=reason, owner="me", now=LATER)


@pytest.mark.parametrize(
    "until",
    [
        LATER,
        LATER - timedelta(seconds=1),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
        LATER + timedelta(days=3651),
    ],
)
def test_invalid_ends_are_refused(until: datetime) -> None:
    a_scale_set(instances=1)
    with refused("InvalidParameter", "an opt-out ends "):
        opt_out("fleet/web", ["0"], reason="x", owner="me", now=LATER, until=until)


def test_a_missing_scale_set_is_refused() -> None:
    for path, code in (("fleet/web", "ResourceNotFound"), ("web", "InvalidParameter")):
        with refused(code):
            opt_out(path, ["0"], reason="x", owner="me", now=LATER)
        with refused(code):
            opt_in(path, ["0"], owner="me", now=LATER)


def test_the_longest_reason_is_kept_whole() -> None:
    a_scale_set(instances=1)
    out("0", reason="ß" * 500)
    assert OptOut.objects.get().reason == "ß" * 500
    assert Instance.objects.count() == 1


@pytest.mark.parametrize("sign", ["\x1b[2J", "two\nlines", "\r", "\0", "\x9b31m", "\u2028", "\u202egnp.exe", "\x7f"])
def test_a_reason_is_one_line_that_no_terminal_obeys(sign: str) -> None:
    a_scale_set(instances=1)
    with refused("InvalidParameter", "one line of printable text"):
        opt_out("fleet/web", ["0"], reason=f"well {sign} then", owner="me", now=NOW)
    assert not OptOut.objects.exists()
