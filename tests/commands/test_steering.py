"""Steering an upgrade that runs, and one that was stopped: pause, resume, next batch now, retry now, release, only those that failed."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.stories import (
    NOW,
    a_batch,
    a_scale_set,
    edited,
    nothing_changes,
    publish,
    refused,
    snapshot_equals_events,
)
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.scale_sets import delete_scale_set, set_model
from upgrades.commands.steering import next_batch_now, pause, release, resume, retry_now
from upgrades.commands.upgrades import cancel, start
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.feed import read
from upgrades.models import Instance, RollingUpgrade, ScaleSet, Transition
from upgrades.orchestrator.reconcile import reconcile

LATER = NOW + timedelta(seconds=5)
NEW = "16.04.1"
PAUSE = {"pauseTimeBetweenBatches": "PT10M"}
OWN_LIMITS = "properties.upgradePolicy.rollingUpgradePolicy"

pytestmark = pytest.mark.django_db

COMMANDS: dict[str, Callable[[str], Any]] = {
    "pause": lambda path: pause(path, "ada", LATER),
    "resume": lambda path: resume(path, "ada", LATER),
    "next_batch_now": lambda path: next_batch_now(path, "ada", LATER),
    "retry_now": lambda path: retry_now(path, "ada", LATER),
    "release": lambda path: release(path, ["0"], by="ada", now=LATER),
    "start_only_failed": lambda path: start(path, "ada", LATER, only_failed=True),
}
OF_A_RUNNING_ONE = ("pause", "resume", "next_batch_now")


def upgrading(*, now: datetime = NOW, **changes: Any) -> RollingUpgrade:
    """An upgrade that a person began, of ten instances; nobody reconciles the set before an hour is over."""
    a_scale_set(**changes)
    publish(NEW)
    upgrade = start("fleet/web", "me", now)
    ScaleSet.objects.update(reconcile_at=NOW + timedelta(hours=1))
    return upgrade


def stopped(status: UpgradeStatus, **changes: Any) -> RollingUpgrade:
    upgrade = upgrading(**changes)
    upgrade.status, upgrade.ended_at, upgrade.pending_at_end = status, NOW, 8
    upgrade.save()
    return upgrade


def last_note() -> tuple[str, str]:
    line = Transition.objects.latest("pk")
    return line.state, line.note


def reconciled_at() -> datetime:
    return ScaleSet.objects.get().reconcile_at


def seen() -> Any:
    """The upgrade as every screen has it."""
    return read.snapshot(ScaleSet.objects.get().pk)["upgrade"]


# --- pausing and resuming ---------------------------------------------------------------------------------------------


def test_pausing_and_resuming() -> None:
    upgrading()
    with snapshot_equals_events():
        upgrade = pause("FLEET/web", "ada", LATER)
    assert (upgrade.paused_by, upgrade.paused_at, seen()["paused_by"]) == ("ada", LATER, "ada")
    assert (last_note(), reconciled_at()) == (("RollingForward", "Paused by ada."), LATER)
    ScaleSet.objects.update(reconcile_at=NOW + timedelta(hours=1))
    with snapshot_equals_events():
        upgrade = resume("FLEET/web", "eve", LATER)
    assert (upgrade.paused_by, upgrade.paused_at, seen()["paused_by"]) == ("", None, "")
    assert (last_note(), reconciled_at()) == (("RollingForward", "Resumed by eve."), LATER)


def test_pausing_twice_is_once() -> None:
    upgrading()
    pause("fleet/web", "ada", LATER)
    with nothing_changes():
        assert pause("fleet/web", "eve", LATER + timedelta(minutes=1)).paused_by == "ada"


def test_resuming_an_upgrade_that_is_not_paused_changes_nothing() -> None:
    upgrading()
    with nothing_changes():
        resume("fleet/web", "ada", LATER)


def test_no_batch_begins_while_it_is_paused() -> None:
    upgrade = upgrading()
    pause("fleet/web", "ada", LATER)
    reconcile(upgrade.scale_set_id, lambda: LATER)
    assert not upgrade.batches.exists()
    assert ScaleSet.objects.get().decision["code"] == "Paused"
    resume("fleet/web", "ada", LATER)
    reconcile(upgrade.scale_set_id, lambda: LATER)
    assert upgrade.batches.count() == 1


def test_a_paused_upgrade_can_be_cancelled() -> None:
    upgrade = upgrading()
    pause("fleet/web", "ada", LATER)
    cancel("fleet/web", "ada", LATER)
    reconcile(upgrade.scale_set_id, lambda: LATER)
    upgrade.refresh_from_db()
    assert upgrade.status == UpgradeStatus.CANCELLED


# --- the next batch now -----------------------------------------------------------------------------------------------


def test_the_next_batch_now() -> None:
    upgrade = upgrading(rolling=PAUSE)
    a_batch(upgrade, {0: InstanceUpgradeState.SUCCEEDED}, finished=True)
    reconcile(upgrade.scale_set_id, lambda: LATER)
    assert ScaleSet.objects.get().decision["code"] == "PauseBetweenBatches"
    with snapshot_equals_events():
        assert next_batch_now("Fleet/web", "ada", LATER).skip_pause_at == LATER
    assert last_note() == ("RollingForward", "The next batch was asked for by ada.")
    assert reconciled_at() == LATER
    reconcile(upgrade.scale_set_id, lambda: LATER)
    assert upgrade.batches.count() == 2


def test_asking_twice_for_the_next_batch_is_once() -> None:
    a_batch(upgrading(rolling=PAUSE), {0: InstanceUpgradeState.SUCCEEDED}, finished=True)
    next_batch_now("fleet/web", "ada", LATER)
    with nothing_changes():
        next_batch_now("fleet/web", "eve", LATER + timedelta(minutes=1))


def test_skipping_a_pause_counts_after_the_clock_was_set_back() -> None:
    upgrade = upgrading(rolling=PAUSE)
    a_batch(upgrade, {0: InstanceUpgradeState.SUCCEEDED}, finished=True)
    next_batch_now("fleet/web", "ada", NOW - timedelta(minutes=1))
    reconcile(upgrade.scale_set_id, lambda: NOW)
    assert upgrade.batches.count() == 2


def test_skipping_a_pause_is_for_this_pause_alone() -> None:
    upgrade = upgrading(rolling=PAUSE)
    a_batch(upgrade, {0: InstanceUpgradeState.SUCCEEDED}, finished=True)
    next_batch_now("fleet/web", "ada", LATER)
    after = LATER + timedelta(seconds=1)
    a_batch(upgrade, {1: InstanceUpgradeState.SUCCEEDED}, number=2, now=after, finished=True)
    ScaleSet.objects.update(probed_at=after)
    reconcile(upgrade.scale_set_id, lambda: after)
    assert upgrade.batches.count() == 2
    assert next_batch_now("fleet/web", "ada", after).skip_pause_at == after


@pytest.mark.parametrize(
    ("rolling", "batch", "at", "words"),
    [
        (None, True, LATER, "its policy has none"),
        (PAUSE, None, LATER, "its first batch has not begun"),
        (PAUSE, False, LATER, "a batch is in flight"),
        (PAUSE, True, NOW + timedelta(minutes=10), "the pause is over"),
    ],
)
def test_next_batch_now_is_refused_outside_a_pause(
    rolling: dict[str, str] | None, batch: bool | None, at: datetime, words: str
) -> None:
    upgrade = upgrading(rolling=rolling)
    if batch is not None:
        a_batch(upgrade, {0: InstanceUpgradeState.SUCCEEDED}, finished=batch)
    with refused("OperationNotAllowed", f"fleet/web is not in a pause between two batches: {words}"):
        next_batch_now("fleet/web", "ada", at)


# --- trying again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [UpgradeStatus.FAULTED, UpgradeStatus.CANCELLED])
def test_trying_again_at_once(status: UpgradeStatus) -> None:
    stopped(status)
    with snapshot_equals_events():
        again = retry_now("FLEET/web", "ada", LATER)
        assert again and again.retry_skipped_by == "ada"
    assert (last_note(), reconciled_at()) == ((status.value, "To be tried again at once: ada."), LATER)
    assert seen()["retry_skipped_by"] == "ada"
    with nothing_changes():
        again = retry_now("fleet/web", "eve", LATER)
        assert again and again.retry_skipped_by == "ada", "twice is once"


def test_a_cancelled_upgrade_begins_again_only_on_request() -> None:
    upgrade = stopped(UpgradeStatus.CANCELLED)
    RollingUpgrade.objects.update(cancel_requested_by="eve")
    reconcile(upgrade.scale_set_id, lambda: LATER)
    assert RollingUpgrade.objects.count() == 1
    retry_now("fleet/web", "ada", LATER)
    reconcile(upgrade.scale_set_id, lambda: LATER)
    assert RollingUpgrade.objects.get(ended_at=None).started_by == "Platform"


def test_a_retry_is_refused_where_no_upgrade_waits_for_one() -> None:
    a_scale_set()
    with refused("OperationNotAllowed", "nothing waits to be tried again: the last upgrade of fleet/web never began"):
        retry_now("fleet/web", "ada", LATER)
    publish(NEW)
    upgrade = start("fleet/web", "me", NOW)
    for status in (UpgradeStatus.ROLLING_FORWARD, UpgradeStatus.ROLLING_BACK, UpgradeStatus.COMPLETED):
        RollingUpgrade.objects.filter(pk=upgrade.pk).update(status=status)
        with refused("OperationNotAllowed", f"the last upgrade of fleet/web is {status.value}"):
            retry_now("fleet/web", "ada", LATER)


def test_the_platform_tries_nothing_again_where_automatic_upgrades_are_off() -> None:
    stopped(UpgradeStatus.FAULTED, automatic=False)
    with refused("OperationNotAllowed", "its automatic upgrades are off; start an upgrade by hand"):
        retry_now("fleet/web", "ada", LATER)


# --- releasing --------------------------------------------------------------------------------------------------------


def failed(*numbers: int, version: str = NEW, quarantined: bool = False) -> None:
    Instance.objects.filter(number__in=numbers).update(
        failed_version=version, failures=3 if quarantined else 1, quarantined_at=NOW if quarantined else None
    )


def test_releasing() -> None:
    row = a_scale_set()
    failed(1, 2, quarantined=True)
    failed(4)
    ScaleSet.objects.update(reconcile_at=NOW + timedelta(hours=1))
    with snapshot_equals_events():
        released = release("FLEET/web", ["1", "4", "5", "1"], by="ada", now=LATER)
    assert [instance.number for instance in released] == [1, 4]
    assert list(Instance.objects.exclude(failures=0).values_list("number", flat=True)) == [2]
    shapes = read.snapshot(row.pk)["instances"]
    assert [id for id, shape in shapes.items() if shape["quarantined_at"] or shape["failed_version"]] == ["2"]
    notes = Transition.objects.filter(note="Released by ada.").order_by("instance_number")
    assert list(notes.values_list("instance_number", flat=True)) == [1, 4]
    assert reconciled_at() == LATER


def test_releasing_twice_is_once() -> None:
    a_scale_set()
    failed(1, quarantined=True)
    release("fleet/web", ["1"], by="ada", now=LATER)
    with nothing_changes():
        assert release("fleet/web", ["1"], by="eve", now=LATER) == []


def test_the_platform_takes_released_instances_again() -> None:
    row = a_scale_set(instances=2)
    publish(NEW)
    failed(0, 1, quarantined=True)
    reconcile(row.pk, lambda: LATER)
    assert not RollingUpgrade.objects.exists()
    release("fleet/web", ["0"], by="ada", now=LATER)
    reconcile(row.pk, lambda: LATER)
    assert RollingUpgrade.objects.get().progress().in_progress == 1


@pytest.mark.parametrize("ids", [[], ["10"], ["1", "-1"], ["web_1"]])
def test_releasing_an_unknown_instance_is_refused(ids: Sequence[str]) -> None:
    a_scale_set()
    failed(1, quarantined=True)
    with refused("ResourceNotFound", "fleet/web: no instance ", "its instances: 0 to 9"):
        release("fleet/web", ids, by="ada", now=LATER)


# --- only those that failed -------------------------------------------------------------------------------------------


def test_starting_with_failed_instances_only() -> None:
    row = a_scale_set()
    publish(NEW)
    failed(2, 7)
    failed(3, version="16.04.0")
    with snapshot_equals_events():
        upgrade = start("FLEET/web", "ada", LATER, only_failed=True)
    assert (upgrade.only_failed, upgrade.started_by_name, upgrade.progress().pending) == (True, "ada", 2)
    assert (last_note(), seen()["only_failed"]) == (("RollingForward", "Started by ada."), True)
    reconcile(row.pk, lambda: LATER)
    assert sorted(upgrade.members.values_list("instance_number", flat=True)) == [2, 7]


def test_instances_on_the_version_already_are_retried_too() -> None:
    a_scale_set(version=NEW)
    publish(NEW)
    failed(2)
    assert start("fleet/web", "ada", LATER, only_failed=True).progress().pending == 1


def test_a_start_of_failed_instances_is_refused_where_none_failed() -> None:
    a_scale_set()
    publish(NEW)
    failed(3, version="16.04.0")
    failed(4)
    opt_out("fleet/web", ["4"], reason="busy", owner="eve", now=NOW)
    with refused("OperationNotAllowed", f"no instance of fleet/web that is not opted out failed on {NEW}"):
        start("fleet/web", "ada", LATER, only_failed=True)


def test_instances_under_retry_are_not_released() -> None:
    a_scale_set()
    publish(NEW)
    failed(2)
    start("fleet/web", "ada", LATER, only_failed=True)
    with refused("OperationNotAllowed", "an upgrade of those that failed runs on fleet/web, and takes them"):
        release("fleet/web", ["2"], by="ada", now=LATER)
    assert RollingUpgrade.objects.get().progress().pending == 1


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_instances_are_refused(name: str) -> None:
    with refused("ResourceNotFound", "there is no scale set 'fleet/web'; there are: none yet"):
        COMMANDS[name]("fleet/web")
    with refused("InvalidParameter", "a resource is named RESOURCE_GROUP/NAME"):
        COMMANDS[name]("web")
    a_scale_set(instances=1)
    delete_scale_set("fleet/web", NOW)
    with refused("ResourceNotFound", "there are: none yet"):
        COMMANDS[name]("fleet/web")


@pytest.mark.parametrize(("name", "act"), [("pause", "pause"), ("resume", "resume"), ("next_batch_now", "go on with")])
def test_steering_is_refused_where_no_upgrade_runs(name: str, act: str) -> None:
    stopped(UpgradeStatus.COMPLETED)
    with refused("Conflict", f"There is no ongoing Rolling Upgrade to {act}."):
        COMMANDS[name]("fleet/web")


@pytest.mark.parametrize("name", OF_A_RUNNING_ONE)
def test_an_upgrade_that_rolls_back_is_not_steered(name: str) -> None:
    a_batch(upgrading(rolling=PAUSE), {0: InstanceUpgradeState.ROLLING_BACK}, finished=True)
    RollingUpgrade.objects.update(status=UpgradeStatus.ROLLING_BACK)
    ScaleSet.objects.update(automatic_upgrade=False)  # else it would come again, and can be paused
    with refused("OperationNotAllowed", "the upgrade was stopped and rolls back; it cannot be "):
        COMMANDS[name]("fleet/web")


def test_a_start_beside_a_rollback_is_refused() -> None:
    upgrading()
    RollingUpgrade.objects.update(status=UpgradeStatus.ROLLING_BACK)
    failed(0)
    with refused("OperationNotAllowed", "there is another ongoing rolling upgrade operation"):
        COMMANDS["start_only_failed"]("fleet/web")


def test_an_upgrade_is_tried_again_at_once_with_a_new_model() -> None:
    """S-47"""
    stopped(UpgradeStatus.FAULTED)
    body = edited(ScaleSet.objects.get().document, "properties.virtualMachineProfile.osProfile.customData", "bmV3")
    set_model("fleet/web", body, LATER)
    assert RollingUpgrade.objects.get().retry_skipped_by == "a new model"
