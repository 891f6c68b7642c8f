"""pause, resume, next_batch, retry, release, start --only-failed, stop_fleet and end_fleet_stop."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.management.terminal import complains, run
from tests.stories import NOW, a_batch, a_scale_set, publish
from upgrades.admin.base import now
from upgrades.commands.upgrades import start
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.management.base import user_name
from upgrades.models import FleetStop, Instance, RollingUpgrade

NEW = "16.04.1"

pytestmark = pytest.mark.django_db


def upgrading(**changes: Any) -> RollingUpgrade:
    a_scale_set(**changes)
    publish(NEW)
    return start("fleet/web", "me", NOW)


# --- one that runs, one that was stopped ------------------------------------------------------------------------------


def test_pausing_and_resuming() -> None:
    upgrading()
    assert run("pause", "FLEET/web").out == f"the upgrade of FLEET/web to {NEW} is paused by {user_name()}"
    assert RollingUpgrade.objects.get().paused_by == user_name()
    assert run("resume", "fleet/web").out == f"the upgrade of fleet/web to {NEW} goes on"
    assert RollingUpgrade.objects.get().paused_by == ""


def test_the_next_batch() -> None:
    upgrade = upgrading(rolling={"pauseTimeBetweenBatches": "PT10M"})
    with complains(
        "OperationNotAllowed: fleet/web is not in a pause between two batches: its first batch has not begun"
    ):
        run("next_batch", "fleet/web")
    a_batch(upgrade, {0: InstanceUpgradeState.SUCCEEDED}, now=now(), finished=True)
    assert run("next_batch", "fleet/web").out == f"the upgrade of fleet/web to {NEW} goes on with its next batch"
    assert RollingUpgrade.objects.exclude(skip_pause_at=None).exists()


def test_trying_again() -> None:
    upgrading()
    with complains(
        "OperationNotAllowed: nothing waits to be tried again: the last upgrade of fleet/web is RollingForward"
    ):
        run("retry", "fleet/web")
    RollingUpgrade.objects.update(status=UpgradeStatus.FAULTED, ended_at=NOW, pending_at_end=10)
    assert run("retry", "fleet/web").out == f"the upgrade of fleet/web to {NEW} is tried again at once"
    assert RollingUpgrade.objects.get().retry_skipped_by == user_name()


def test_releasing() -> None:
    a_scale_set()
    Instance.objects.filter(number__in=[0, 3]).update(failures=3, failed_version=NEW, quarantined_at=NOW)
    assert run("release", "fleet/web", "0", "3", "4").out == "released: web_0, web_3"
    assert run("release", "fleet/web", "0").out == "released: none, because none of them had failed"
    with complains("ResourceNotFound: fleet/web: no instance 10; its instances: 0 to 9"):
        run("release", "fleet/web", "10")


def test_starting_with_failed_instances_only() -> None:
    a_scale_set()
    publish(NEW)
    with complains(f"OperationNotAllowed: no instance of fleet/web that is not opted out failed on {NEW}"):
        run("start", "fleet/web", "--only-failed")
    Instance.objects.filter(number=0).update(failed_version=NEW)
    assert (
        run("start", "fleet/web", "--only-failed").out
        == f"started the upgrade of those that failed in fleet/web to {NEW}"
    )
    assert RollingUpgrade.objects.get().only_failed


@pytest.mark.parametrize("words", [["pause"], ["resume"], ["next_batch"], ["retry"], ["release", "0"]], ids=" ".join)
def test_unknown_objects_and_missing_arguments_are_refused(words: list[str]) -> None:
    command, *ids = words
    with complains("ResourceNotFound: there is no scale set 'fleet/web'; there are: none yet"):
        run(command, "fleet/web", *ids)
    with complains("the following arguments are required: RG/NAME"):
        run(command)


@pytest.mark.parametrize(("command", "act"), [("pause", "pause"), ("resume", "resume"), ("next_batch", "go on with")])
def test_steering_is_refused_where_no_upgrade_runs(command: str, act: str) -> None:
    a_scale_set()
    with complains(f"Conflict: There is no ongoing Rolling Upgrade to {act}."):
        run(command, "fleet/web")


# --- the whole fleet --------------------------------------------------------------------------------------------------


def test_stopping_the_fleet_and_ending_the_stop() -> None:
    a_scale_set()
    said = run("stop_fleet", "--reason", "the new kernel panics", "--until", "2031-09-25T14:30+02:00").out
    assert said == "all automatic upgrades are stopped until 2031-09-25 12:30:00 UTC"
    row = FleetStop.objects.get()
    assert (row.owner, row.reason, row.until) == (
        user_name(),
        "the new kernel panics",
        datetime(2031, 9, 25, 12, 30, tzinfo=UTC),
    )
    said = run("end_fleet_stop").out
    assert said == f"automatic upgrades go on; they were stopped by {user_name()}: the new kernel panics"
    with complains("Conflict: automatic upgrades are not stopped"):
        run("end_fleet_stop")


def test_a_stop_lasts_a_day_unless_said_otherwise() -> None:
    run("stop_fleet", "--reason", "x")
    row = FleetStop.objects.get()
    assert row.until and row.until - row.created_at == timedelta(days=1)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "the following arguments are required: --reason"),
        (["--reason", " "], "give a reason: a stop of the fleet needs one"),
        (["--reason", "x", "--until", "soon"], "--until: a time is written 2018-09-25 or "),
        (
            ["--reason", "x", "--until", "2018-09-25"],
            "a stop of the fleet ends in the future, not at 2018-09-25 00:00:00 UTC",
        ),
    ],
)
def test_invalid_fleet_stops_are_refused(words: list[str], expected: str) -> None:
    with complains(expected):
        run("stop_fleet", *words)
