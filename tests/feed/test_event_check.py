"""The check of all commands and passes (tests/event_check.py) sees what it should."""

import pytest

from tests.event_check import UNSEEN, all_checked, checked, commands
from tests.stories import NOW, a_scale_set
from upgrades.commands import opt_outs
from upgrades.feed import read
from upgrades.models import Instance, ScaleSet

pytestmark = pytest.mark.django_db
opt_out = opt_outs.opt_out


def test_the_check_knows_all_writers() -> None:
    names = {command.__name__ for command in commands()}
    assert names >= {
        *("publish_image", "set_model", "delete_scale_set", "change_policy", "put_load_balancer"),
        *("opt_out", "opt_in", "start", "cancel"),
        *("reconcile", "work", "record", "record_outcomes", "mark_begun", "end_expired_opt_outs"),
        *("write_verdicts", "write_views"),
    }


def silent() -> int:
    """Writes, and says so to nobody."""
    return Instance.objects.filter(number=1).update(health="unhealthy")


def test_a_change_without_an_event_is_caught() -> None:
    a_scale_set(instances=2)
    with all_checked(), pytest.raises(AssertionError):
        checked(silent)()


def test_the_check_applies_whatever_the_import_name() -> None:
    a_scale_set(instances=2)
    with all_checked():
        assert opt_outs.opt_out is globals()["opt_out"]
        assert vars(opt_outs.opt_out)["__wrapped__"] in commands()
        assert len(opt_outs.opt_out("fleet/web", ["1"], reason="why", owner="ada", now=NOW)) == 1


def test_the_check_is_silent_where_it_is_not_asked_for() -> None:
    a_scale_set(instances=2)
    assert checked(silent)() == 1


@pytest.mark.parametrize("column", UNSEEN)
def test_unseen_columns_are_in_no_snapshot(column: str) -> None:
    row = a_scale_set(instances=2)
    before, value = read.snapshot(row.pk), 7 if column == "lease_number" else NOW
    assert ScaleSet.objects.filter(pk=row.pk).update(**{column: value}) == 1
    assert read.snapshot(row.pk) == before


def test_a_change_beside_an_unseen_column_is_caught() -> None:
    row = a_scale_set(instances=2)

    def write_both() -> int:
        return ScaleSet.objects.filter(pk=row.pk).update(probed_at=NOW, capacity=7)

    with all_checked(), pytest.raises(AssertionError):
        checked(write_both)()


def test_a_change_after_an_act_that_was_told_is_caught() -> None:
    a_scale_set(instances=2)
    with all_checked():
        opt_outs.opt_out("fleet/web", ["1"], reason="why", owner="ada", now=NOW)
        with pytest.raises(AssertionError):
            checked(silent)()


def test_a_change_of_a_tests_own_is_not_held_against_the_next_act() -> None:
    a_scale_set(instances=2)
    with all_checked():
        opt_outs.opt_out("fleet/web", ["1"], reason="why", owner="ada", now=NOW)
        silent()
        opt_outs.opt_out("fleet/web", ["0"], reason="why", owner="ada", now=NOW)
