"""Starting and cancelling upgrades, and deleting scale sets."""

from datetime import timedelta

import pytest

from tests.stories import (
    FIRST_VERSION,
    NOW,
    a_scale_set,
    nothing_changes,
    publish,
    refused,
    snapshot_equals_events,
)
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.scale_sets import delete_scale_set
from upgrades.commands.upgrades import NO_CANDIDATES, NOTHING_TO_CANCEL, cancel, start
from upgrades.core.states import StartedBy, UpgradeStatus
from upgrades.models import ImageVersion, ScaleSet, Transition

LATER = NOW + timedelta(minutes=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["start", "cancel", "delete"])
def command(request: pytest.FixtureRequest) -> object:
    return {
        "start": lambda path: start(path, "me", LATER),
        "cancel": lambda path: cancel(path, "me", LATER),
        "delete": lambda path: delete_scale_set(path, LATER),
    }[request.param]


# --- starting ---------------------------------------------------------------------------------------------------------


def test_a_person_starts_an_upgrade() -> None:
    row = a_scale_set(automatic=False, rolling={"maxBatchInstancePercent": 50})
    publish("16.04.1")
    with snapshot_equals_events():
        upgrade = start("FLEET/web", "me", LATER)
    assert (upgrade.started_by, upgrade.started_by_name) == (StartedBy.USER, "me")
    assert (upgrade.status, upgrade.started_at, upgrade.ended_at) == (UpgradeStatus.ROLLING_FORWARD, LATER, None)
    assert (upgrade.target_version, upgrade.policy["max_batch_percent"]) == ("16.04.1", 50)
    assert upgrade.progress().pending == 10
    row.refresh_from_db()
    assert row.reconcile_at == LATER
    transition = Transition.objects.get(upgrade_id=upgrade.pk)
    assert (transition.state, transition.note, transition.at) == ("RollingForward", "Started by me.", LATER)


def test_starting_with_nothing_to_upgrade() -> None:
    a_scale_set()
    with snapshot_equals_events():
        upgrade = start("fleet/web", "me", LATER)
    assert (upgrade.target_version, upgrade.progress().pending) == (FIRST_VERSION, 0)


def test_starting_a_second_time() -> None:
    a_scale_set()
    publish("16.04.1")
    start("fleet/web", "me", NOW)
    with refused("OperationNotAllowed", "another ongoing rolling upgrade operation, to 16.04.1"):
        start("fleet/web", "you", LATER)


def test_a_pinned_scale_set_is_brought_to_its_version_older_or_not() -> None:
    publish("16.04.1")
    a_scale_set(automatic=False, version="16.04.1")
    ScaleSet.objects.update(image_version=FIRST_VERSION)
    with refused("OperationNotAllowed", NO_CANDIDATES):
        start("fleet/web", "me", LATER, only_latest=True)  # as Azure's API has it
    upgrade = start("fleet/web", "me", LATER)
    assert (upgrade.target_version, upgrade.takes_newer) == (FIRST_VERSION, True)
    assert upgrade.progress().pending == 10


def test_no_image_is_no_upgrade() -> None:
    a_scale_set()
    ImageVersion.objects.all().delete()
    with refused("OperationNotAllowed", "has no version in its location that is published and not withdrawn"):
        start("fleet/web", "me", LATER)


def test_a_start_without_instances_is_refused() -> None:
    a_scale_set(instances=0)
    with refused("OperationNotAllowed", NO_CANDIDATES):
        start("fleet/web", "me", LATER)


def test_a_start_with_all_instances_opted_out_is_refused() -> None:
    """Azure's own words: "unless the Virtual Machine Scale Set has some unprotected instances"."""
    a_scale_set(instances=2)
    publish("16.04.1")
    opt_out("fleet/web", ["0", "1"], reason="busy", owner="me", now=NOW)
    with refused("OperationNotAllowed", NO_CANDIDATES):
        start("fleet/web", "me", LATER)
    assert start("fleet/web", "me", NOW + timedelta(days=15)), "opt-outs that are over do not count"


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_cancelling() -> None:
    a_scale_set()
    publish("16.04.1")
    start("fleet/web", "me", NOW)
    ScaleSet.objects.update(reconcile_at=NOW + timedelta(hours=1))
    with snapshot_equals_events():
        upgrade = cancel("Fleet/Web", "you", LATER)
    assert upgrade.cancel_requested_by == "you"
    assert upgrade.status == UpgradeStatus.ROLLING_FORWARD, "the batch in flight is finished first"
    assert ScaleSet.objects.get().reconcile_at == LATER


def test_cancelling_twice_is_the_same_as_once() -> None:
    a_scale_set()
    publish("16.04.1")
    start("fleet/web", "me", NOW)
    cancel("fleet/web", "you", LATER)
    with nothing_changes():
        assert cancel("fleet/web", "somebody else", LATER).cancel_requested_by == "you"


def test_a_cancel_without_a_running_upgrade_is_refused() -> None:
    a_scale_set()
    with refused("Conflict") as caught:
        cancel("fleet/web", "me", LATER)
    assert caught.value.message == NOTHING_TO_CANCEL == "There is no ongoing Rolling Upgrade to cancel."


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_a_deleted_scale_set_loses_its_machines_first() -> None:
    a_scale_set()
    with snapshot_equals_events():
        delete_scale_set("FLEET/WEB", LATER)
    row = ScaleSet.objects.get()
    assert row.deleting and row.reconcile_at == LATER
    assert row.instances.count() == 10, "its machines go first"


def test_no_deleting_while_an_upgrade_runs() -> None:
    a_scale_set()
    publish("16.04.1")
    start("fleet/web", "me", NOW)
    with refused("OperationNotAllowed", "another ongoing rolling upgrade operation; cancel it first"):
        delete_scale_set("fleet/web", LATER)


# --- all of them ------------------------------------------------------------------------------------------------------


def test_unknown_scale_sets_are_refused(command) -> None:  # type: ignore[no-untyped-def]
    with refused("ResourceNotFound", "there is no scale set 'fleet/web'; there are: none yet"):
        command("fleet/web")
    a_scale_set("other", instances=1)
    with refused("ResourceNotFound", "there are: fleet/other"):
        command("fleet/web")


def test_a_scale_set_that_is_being_deleted_is_not_found(command) -> None:  # type: ignore[no-untyped-def]
    a_scale_set(instances=1)
    delete_scale_set("fleet/web", NOW)
    with refused("ResourceNotFound", "there are: none yet"):
        command("fleet/web")


def test_invalid_names_are_refused(command) -> None:  # type: ignore[no-untyped-def]
    with refused("InvalidParameter", "a resource is named RESOURCE_GROUP/NAME"):
        command("web")
