"""What people do on the pages to upgrades: start and stop them, hold them, try again, release from quarantine."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from tests.dashboard.acting import a_running_upgrade, act, done, problem
from tests.stories import NOW, a_scale_set, nothing_changes, publish, snapshot_equals_events
from upgrades.core.states import UpgradeStatus
from upgrades.feed.writing import writing
from upgrades.models import Batch, Instance, RollingUpgrade

pytestmark = pytest.mark.django_db


def test_starting_and_cancelling(ada: Client) -> None:
    a_scale_set()
    publish("16.04.9")
    assert done(ada, "start")["said"] == "Upgrade of web to 16.04.9 started."
    upgrade = RollingUpgrade.objects.get()
    assert (upgrade.started_by, upgrade.started_by_name) == ("User", "ada")
    assert "another ongoing rolling upgrade" in problem(act(ada, "start"))
    assert done(ada, "cancel")["said"] == "Upgrade of web cancelled.", "no batch is in progress"
    assert RollingUpgrade.objects.get().cancel_requested_by == "ada"


def test_starting_an_upgrade_of_the_extensions(ada: Client) -> None:
    a_scale_set(probe="/health")
    assert done(ada, "start extensions")["said"] == "Extension upgrade of web started."
    upgrade = RollingUpgrade.objects.get()
    assert (upgrade.kind, upgrade.started_by, upgrade.started_by_name) == ("extensions", "User", "ada")
    assert "another ongoing rolling upgrade" in problem(act(ada, "start extensions"))


def test_a_cancel_without_a_running_upgrade_is_refused(ada: Client) -> None:
    a_scale_set()
    assert problem(act(ada, "cancel")) == "There is no ongoing Rolling Upgrade to cancel."


def a_failed_instance() -> None:
    """It failed on the latest version, until it was put in quarantine; the attempt was stopped."""
    upgrade = a_running_upgrade(finished=True)
    with writing(NOW, upgrade.scale_set_id) as writer:
        upgrade.status, upgrade.ended_at, upgrade.pending_at_end = UpgradeStatus.FAULTED, NOW, 9
        upgrade.save(update_fields=["status", "ended_at", "pending_at_end"])
        instance = writer.scale_set.instances.get(number=1)
        instance.failed_version, instance.failures, instance.quarantined_at = "16.04.9", 3, NOW
        instance.save(update_fields=["failed_version", "failures", "quarantined_at"])
        writer.changed(upgrade, instance)


def test_pausing_and_resuming(ada: Client) -> None:
    a_running_upgrade()
    said = done(ada, "pause")
    assert said["said"] == "web will pause after batch 1."
    assert RollingUpgrade.objects.get().paused_by == "ada"
    with snapshot_equals_events():
        assert ada.post(said["undo"]["url"], said["undo"]["values"]).json()["said"] == "Upgrade of web resumed."
    assert RollingUpgrade.objects.get().paused_by == ""


@pytest.mark.parametrize("name", ["pause", "resume", "next batch"])
def test_steering_is_refused_where_no_upgrade_runs(ada: Client, name: str) -> None:
    a_scale_set()
    with nothing_changes():
        assert "There is no ongoing Rolling Upgrade to" in problem(act(ada, name))


def test_the_next_batch_now(ada: Client) -> None:
    a_running_upgrade(pause_seconds=600, finished=True)
    Batch.objects.update(finished_at=datetime.now(UTC))  # noqa: TID251  the page reads the real clock
    assert done(ada, "next batch")["said"] == "Starting the next batch of web."
    assert RollingUpgrade.objects.get().skip_pause_at


@pytest.mark.parametrize(
    ("pause_seconds", "finished", "expected"), [(600, False, "a batch is in flight"), (0, True, "its policy has none")]
)
def test_no_pause_to_end(ada: Client, pause_seconds: int, finished: bool, expected: str) -> None:
    a_running_upgrade(pause_seconds=pause_seconds, finished=finished)
    with nothing_changes():
        assert expected in problem(act(ada, "next batch"))


def test_trying_again_now(ada: Client) -> None:
    a_failed_instance()
    assert done(ada, "retry")["said"] == "Retrying the upgrade of web to 16.04.9."
    assert RollingUpgrade.objects.get().retry_skipped_by == "ada"


def test_a_retry_is_refused_where_no_upgrade_waits_for_one(ada: Client) -> None:
    a_scale_set()
    with nothing_changes():
        assert "Nothing waits to be tried again" in problem(act(ada, "retry"))


def test_trying_the_failed_again(ada: Client) -> None:
    a_failed_instance()
    assert done(ada, "retry failed")["said"] == "Retrying the instances of web that failed on 16.04.9."
    assert RollingUpgrade.objects.get(ended_at=None).only_failed


def test_retrying_failed_instances_needs_a_failed_instance(ada: Client) -> None:
    a_scale_set()
    publish("16.04.9")
    with nothing_changes():
        assert "failed on 16.04.9" in problem(act(ada, "retry failed"))


def test_releasing_from_quarantine(ada: Client) -> None:
    a_failed_instance()
    assert done(ada, "release")["said"] == "web_1 released from quarantine."
    assert not Instance.objects.exclude(quarantined_at=None).exists()
    assert act(ada, "release").json()["said"] == "No instance is in quarantine any more."
    with nothing_changes():
        assert "no instance 99" in problem(act(ada, "release", ids="99"))
