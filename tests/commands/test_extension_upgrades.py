"""Starting upgrades of the extensions by hand, and what they leave alone."""

from datetime import timedelta
from typing import Any

import pytest

from tests.stories import (
    NOW,
    a_batch,
    a_scale_set,
    health_extension,
    publish,
    refused,
    snapshot_equals_events,
)
from upgrades import attempts
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.scale_sets import set_model
from upgrades.commands.steering import pause, retry_now
from upgrades.commands.upgrades import cancel, start, start_extensions
from upgrades.core.progress import Progress
from upgrades.core.states import InstanceUpgradeState, Power, StartedBy, UpgradeKind, UpgradeStatus
from upgrades.models import Instance, OptOut, RollingUpgrade, ScaleSet, Transition
from upgrades.orchestrator.observe import observe
from upgrades.orchestrator.reconcile import reconcile

LATER = NOW + timedelta(minutes=1)
SCRIPT = {"name": "Script", "properties": {"publisher": "p", "type": "t", "typeHandlerVersion": "2.1"}}
KEY = "script 2.1"

pytestmark = pytest.mark.django_db


def with_script(**changes: Any) -> ScaleSet:
    """Ten instances without the model's extension."""
    return a_scale_set(extensions=[SCRIPT], **changes)


def test_a_person_starts_an_extension_upgrade() -> None:
    row = with_script(automatic=False, rolling={"maxBatchInstancePercent": 50})
    with snapshot_equals_events():
        upgrade = start_extensions("FLEET/web", "me", LATER)
    assert (upgrade.kind, upgrade.target_extensions, upgrade.target_version) == (UpgradeKind.EXTENSIONS, KEY, "")
    assert (upgrade.started_by, upgrade.started_by_name) == (StartedBy.USER, "me")
    assert (upgrade.status, upgrade.policy["max_batch_percent"]) == (UpgradeStatus.ROLLING_FORWARD, 50)
    assert upgrade.progress() == Progress(0, 0, 0, 10)
    row.refresh_from_db()
    assert row.reconcile_at == LATER
    transition = Transition.objects.get(upgrade_id=upgrade.pk)
    assert (transition.state, transition.note) == ("RollingForward", "Started by me.")


def test_progress_counts_only_instances_that_lack_the_extensions() -> None:
    row = with_script()
    Instance.objects.filter(number__in=[0, 1]).update(extensions_key=KEY)
    Instance.objects.filter(number=2).update(version="")
    Instance.objects.filter(number=3).update(power=Power.STOPPED)
    Instance.objects.filter(number=4).update(version="99.1", extensions_key="script 1.0")
    opt_out("fleet/web", ["5"], reason="x", owner="me", now=NOW)
    upgrade = start_extensions("fleet/web", "me", NOW)
    assert upgrade.progress().pending == 5
    facts = observe(row.pk, NOW).facts
    assert facts.upgrade and [instance.id for instance in facts.instances if instance.extensions_key == KEY] == [0, 1]
    reconcile(row.pk, lambda: NOW)
    assert [member.instance_number for member in upgrade.members.order_by("instance_number")] == [4]  # 20 % of nine
    assert upgrade.progress() == Progress(0, 0, in_progress=1, pending=4)


def test_an_upgrade_completes_at_once_if_all_instances_have_the_extensions() -> None:
    row = with_script()
    Instance.objects.update(extensions_key=KEY)
    upgrade = start_extensions("fleet/web", "me", NOW)
    reconcile(row.pk, lambda: NOW)
    upgrade.refresh_from_db()
    assert (upgrade.status, upgrade.progress()) == (UpgradeStatus.COMPLETED, Progress(0, 0, 0, 0))


def test_a_model_without_extensions_has_none_to_bring() -> None:
    a_scale_set()
    with refused("OperationNotAllowed", "the extensions of fleet/web cannot be upgraded: its model has none"):
        start_extensions("fleet/web", "me", NOW)


def test_a_start_is_refused_if_all_instances_are_opted_out() -> None:
    with_script(instances=2)
    opt_out("fleet/web", ["0", "1"], reason="x", owner="me", now=NOW)
    with refused("OperationNotAllowed", "it has no instance that is not opted out"):
        start_extensions("fleet/web", "me", NOW)


def test_a_second_upgrade_is_refused() -> None:
    with_script()
    publish("16.04.1")
    upgrade = start_extensions("fleet/web", "me", NOW)
    for again in (start, start_extensions):
        with refused("OperationNotAllowed", "another ongoing rolling upgrade operation, of extensions"):
            again("fleet/web", "you", LATER)
    RollingUpgrade.objects.filter(pk=upgrade.pk).update(status=UpgradeStatus.COMPLETED, ended_at=LATER)
    start("fleet/web", "you", LATER)
    with refused("OperationNotAllowed", "another ongoing rolling upgrade operation, to 16.04.1"):
        start_extensions("fleet/web", "me", LATER)


def test_a_set_that_is_pinned_to_a_version_has_extensions_too() -> None:
    with_script(automatic=False, version="0.0.1")
    assert start_extensions("fleet/web", "me", NOW).progress().pending == 10


def test_the_model_cannot_change_during_an_upgrade_of_extensions() -> None:
    """So that all get the same."""
    row = with_script()
    start_extensions("fleet/web", "me", NOW)
    body = row.document
    body["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"] = [health_extension()]
    with refused("OperationNotAllowed"):
        set_model("fleet/web", body, LATER)


def test_extension_upgrades_are_paused_and_cancelled_as_any_other() -> None:
    row = with_script()
    start_extensions("fleet/web", "me", NOW)
    assert pause("fleet/web", "ada", NOW).paused_by == "ada"
    reconcile(row.pk, lambda: NOW)
    assert ScaleSet.objects.get().decision["code"] == "Paused"
    cancel("fleet/web", "ada", NOW)
    reconcile(row.pk, lambda: NOW)
    assert RollingUpgrade.objects.get().status == UpgradeStatus.CANCELLED


def test_opt_outs_until_the_upgrade_ends_end_with_it() -> None:
    row = with_script()
    Instance.objects.update(extensions_key=KEY)
    start_extensions("fleet/web", "me", NOW)
    opt_out("fleet/web", ["3"], reason="x", owner="me", now=NOW, scope=OptOut.Scope.UPGRADE)
    reconcile(row.pk, lambda: NOW)
    assert OptOut.objects.get().ended_at == NOW


# --- what it says of images: nothing ----------------------------------------------------------------------------------


def ended_badly(at: int, **changes: Any) -> RollingUpgrade:
    """An upgrade of extensions that failed on two instances."""
    upgrade = start_extensions("fleet/web", "me", NOW + timedelta(seconds=at))
    a_batch(upgrade, {0: InstanceUpgradeState.FAILED, 1: InstanceUpgradeState.FAILED}, finished=True)
    error = {"code": "MaxUnhealthy", "message": "", "details": []}
    values = {"status": UpgradeStatus.FAULTED, "ended_at": NOW, "error": error, "pending_at_end": 8, **changes}
    RollingUpgrade.objects.filter(pk=upgrade.pk).update(**values)
    return upgrade


def test_an_extension_upgrade_is_no_attempt_at_an_image() -> None:
    row = with_script()
    ended_badly(0, cancel_requested_by="eve")
    assert observe(row.pk, NOW).facts.last_attempt is None
    assert attempts.attempts(row, LATER) == []
    publish("16.04.1")
    reconcile(row.pk, lambda: NOW)
    running = RollingUpgrade.objects.get(ended_at=None)
    assert (running.kind, running.target_version, running.started_by) == ("image", "16.04.1", StartedBy.PLATFORM)


def test_an_extension_upgrade_does_not_hide_the_last_attempt_at_an_image() -> None:
    row = with_script()
    publish("16.04.1")
    image = start("fleet/web", "me", NOW)
    a_batch(image, {0: InstanceUpgradeState.FAILED}, finished=True)
    RollingUpgrade.objects.update(status=UpgradeStatus.FAULTED, ended_at=NOW, pending_at_end=9)
    before = observe(row.pk, NOW).facts.last_attempt
    ended_badly(1)
    assert observe(row.pk, NOW).facts.last_attempt == before
    assert before and before.attempts_stopped_in_a_row == 1
    again = retry_now("fleet/web", "ada", LATER)
    assert again and again.pk == image.pk


def test_an_extension_upgrade_is_never_retried_by_itself() -> None:
    with_script()
    ended_badly(0)
    with refused("OperationNotAllowed", "nothing waits to be tried again: the last upgrade of fleet/web never began"):
        retry_now("fleet/web", "ada", LATER)


def test_progress_is_one_query(django_assert_num_queries: Any) -> None:
    with_script()
    upgrade = start_extensions("fleet/web", "me", NOW)
    with django_assert_num_queries(1):
        upgrade.progress()
