"""Published versions are withdrawn, and put back: nobody gets them any more, and everybody who has to do with them is told."""

from datetime import timedelta

import pytest

from tests.stories import (
    FIRST_VERSION,
    NOW,
    UBUNTU,
    a_scale_set,
    document,
    edited,
    nothing_changes,
    publish,
    refused,
    snapshot_equals_events,
)
from upgrades import catalog
from upgrades.commands.images import undo_withdrawal, withdraw_image
from upgrades.commands.scale_sets import set_model
from upgrades.commands.upgrades import start
from upgrades.core.facts import ImageReference
from upgrades.core.states import FaultCode, UpgradeStatus
from upgrades.feed import read
from upgrades.models import ImageVersion, Instance, RollingUpgrade, ScaleSet
from upgrades.orchestrator.reconcile import reconcile

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(seconds=1)
NEW = "16.04.1"


def withdraw(version: str = NEW, reason: str = "it panics") -> list[str]:
    found = withdraw_image(ImageReference(*UBUNTU, version), LATER, by="eve", reason=reason)
    return [scale_set.name for scale_set in found.scale_sets]


def put_back(version: str = NEW) -> None:
    undo_withdrawal(ImageReference(*UBUNTU, version), LATER, by="eve")


def web() -> ScaleSet:
    return ScaleSet.objects.get(name="web")


def reasons() -> dict[str, dict[str, object]]:
    reconcile(web().pk, lambda: LATER)
    return {reason["code"]: reason for reason in web().decision["reasons"]}


def pinned(version: str, **changes: object) -> dict[str, object]:
    return {**document(version=version, automatic=False, capacity=10), **changes}


# --- what may be published --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", ["1.11111.0", "9999999999.1.1"])
def test_a_number_that_was_a_mistake_no_longer_shuts_its_sku(mistake: str) -> None:
    publish("1.1.0")
    publish(mistake)
    with refused("InvalidParameter", "withdraw what is newer by mistake"):
        publish("1.2.0")
    withdraw(mistake)
    publish("1.2.0")
    assert a_scale_set().wanted_version() == "1.2.0"


def test_a_version_that_was_withdrawn_is_not_published_again() -> None:
    publish(NEW)
    withdraw()
    with refused("InvalidParameter", "was withdrawn by eve (it panics)"), nothing_changes():
        publish(NEW)
    with refused("InvalidParameter", "--undo"), nothing_changes():
        publish(NEW, locations=["eastus"])


def test_withdrawing_twice_is_once_and_the_first_reason_stays() -> None:
    publish(NEW)
    withdraw(reason="it panics")
    with nothing_changes():
        withdraw(reason="another")
    assert ImageVersion.objects.get(version=NEW).withdrawn_reason == "it panics"
    put_back()
    with nothing_changes():
        put_back()
    assert web_latest() == NEW


def web_latest() -> str | None:
    return a_scale_set().wanted_version()


def test_impossible_withdrawals_are_refused() -> None:
    with refused("ImageNotFound", f"has no version '{NEW}'. Its newest are: {FIRST_VERSION}"):
        withdraw()
    with refused("ImageNotFound", "is not a supported image"):
        withdraw_image(ImageReference("No", "Such", "Thing", NEW), LATER, by="eve", reason="x")
    publish(NEW)
    with refused("InvalidParameter", "give a reason"):
        withdraw(reason="  ")


def test_a_version_of_some_locations_is_withdrawn_in_all_of_them() -> None:
    here, there = a_scale_set("here"), a_scale_set("there", location="northeurope")
    publish(NEW, locations=["northeurope"])
    withdraw()
    assert (here.wanted_version(), there.wanted_version()) == (FIRST_VERSION, FIRST_VERSION)


def test_withdrawing_an_unused_version_affects_no_scale_set() -> None:
    a_scale_set()
    publish(NEW)
    Instance.objects.update(version=NEW)
    assert withdraw(FIRST_VERSION) == []
    assert reasons() == {}


# --- who is told ------------------------------------------------------------------------------------------------------


def test_instances_on_a_withdrawn_version_can_move_to_the_newest_left() -> None:
    publish(NEW)
    a_scale_set(version=NEW)
    with snapshot_equals_events():
        assert withdraw() == ["web"]
    shape = read.snapshot(web().pk)["scale_set"]
    assert (shape["latest_version"], shape["wanted_version"]) == (FIRST_VERSION, FIRST_VERSION)
    assert [
        (withdrawal["version"], withdrawal["owner"], withdrawal["reason"]) for withdrawal in shape["withdrawn"]
    ] == [(NEW, "eve", "it panics")]
    said = reasons()["VersionWithdrawn"]
    assert said["instances"] == [str(number) for number in range(10)]
    assert said["act"] == "start"
    assert f"Start the upgrade to move them to {FIRST_VERSION}" in str(said["text"])
    assert not web().upgrades.exists()  # by itself nothing is taken to an older version
    upgrade = start("fleet/web", "ada", LATER)
    assert (upgrade.target_version, upgrade.progress().pending) == (FIRST_VERSION, 10)


def test_instances_on_a_withdrawn_version_go_to_a_newer_one_by_themselves() -> None:
    publish(NEW)
    a_scale_set(version=NEW)
    withdraw()
    publish("16.04.2", now=LATER)
    reconcile(web().pk, lambda: LATER)
    assert web().upgrades.get().target_version == "16.04.2"


def test_the_only_version_can_be_withdrawn_and_then_nothing_new_is_made() -> None:
    a_scale_set()
    withdraw(FIRST_VERSION)
    assert web().wanted_version() is None
    assert "No other version is available" in str(reasons()["VersionWithdrawn"]["text"])
    with refused("OperationNotAllowed", "no version in its location"):
        start("fleet/web", "ada", LATER)
    ScaleSet.objects.update(capacity=11)
    assert "NoImagePublished" in reasons()
    put_back(FIRST_VERSION)
    assert reasons().keys() <= {"CreatingInstances"}


def test_a_manual_upgrade_leaves_instances_on_newer_versions_alone() -> None:
    """Only away from what was withdrawn: a newer version that is published meanwhile stays on those that have it."""
    publish(NEW)
    a_scale_set(version=NEW)
    withdraw()
    start("fleet/web", "ada", LATER)
    publish("16.04.2", now=LATER)
    Instance.objects.filter(number__gt=6).update(version="16.04.2")
    assert web().upgrades.get().progress().pending == 7


# --- who is pinned ----------------------------------------------------------------------------------------------------


def test_pinning_to_a_withdrawn_version_is_refused() -> None:
    publish(NEW)
    a_scale_set()
    withdraw()
    with refused("ImageNotFound", f'{NEW} was withdrawn by eve (it panics); use "latest" or a version that is left'):
        set_model("fleet/web", pinned(NEW), LATER)
    with refused("ImageNotFound", "was withdrawn by eve"):
        set_model("fleet/other", pinned(NEW), LATER)


def test_a_scale_set_pinned_to_a_withdrawn_version_can_still_be_changed() -> None:
    publish(NEW)
    a_scale_set(version=NEW, model=pinned(NEW))
    assert withdraw() == ["web"]
    put = set_model("fleet/web", edited(pinned(NEW), "sku.capacity", 12), LATER)
    assert [text for text in put.warnings if f"version {NEW} was withdrawn by eve (it panics)" in text]
    said = reasons()
    assert said["PinnedVersionWithdrawn"]["act"] == "start"
    assert said.keys() >= {"PinnedVersionWithdrawn", "VersionWithdrawn"}
    new = Instance.objects.filter(number__gte=10)
    assert {row.operation_version for row in new} == {FIRST_VERSION}  # never chosen again, here neither
    assert start("fleet/web", "ada", LATER).target_version == FIRST_VERSION


# --- upgrades that run ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_hand", [False, True])
def test_an_upgrade_to_a_withdrawn_version_stops_at_the_end_of_its_batch(by_hand: bool) -> None:
    a_scale_set(automatic=not by_hand)
    publish(NEW)
    if by_hand:
        start("fleet/web", "ada", NOW)
    reconcile(web().pk, lambda: NOW)
    upgrade = web().upgrades.get()
    assert upgrade.batches.count() == 1
    withdraw()
    reconcile(web().pk, lambda: LATER)
    assert web().upgrades.get().status == UpgradeStatus.ROLLING_FORWARD  # the batch is not cut in its middle
    upgrade.members.update(state="succeeded")
    Instance.objects.exclude(operation_id=None).update(operation_id=None, operation_kind="", version=NEW)
    reconcile(web().pk, lambda: LATER)
    upgrade = web().upgrades.get()
    assert (upgrade.status, upgrade.error and upgrade.error["code"]) == (UpgradeStatus.FAULTED, FaultCode.WITHDRAWN)
    assert upgrade.error and f"{NEW} was withdrawn by eve (it panics). 8 instances" in upgrade.error["message"]
    assert RollingUpgrade.objects.count() == 1


def test_an_upgrade_stopped_by_a_withdrawal_is_retried_when_the_version_returns() -> None:
    a_scale_set()
    publish(NEW)
    reconcile(web().pk, lambda: NOW)
    withdraw()
    web().upgrades.get().members.update(state="succeeded")
    Instance.objects.exclude(operation_id=None).update(operation_id=None, operation_kind="", version=NEW)
    reconcile(web().pk, lambda: LATER)
    with snapshot_equals_events():
        put_back()
    reconcile(web().pk, lambda: LATER)
    assert [upgrade.status for upgrade in web().upgrades.all()] == [
        UpgradeStatus.ROLLING_FORWARD,
        UpgradeStatus.FAULTED,
    ]


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_the_catalogue_shows_withdrawn_and_failed_versions() -> None:
    a_scale_set()
    publish(NEW)
    withdraw()
    Instance.objects.filter(number__lt=2).update(failed_version=NEW)
    (found,) = [overview for overview in catalog.overview() if str(overview.sku) == ":".join(UBUNTU)]
    new, first = found.versions
    assert (found.latest, new.version, first.version) == (FIRST_VERSION, NEW, FIRST_VERSION)
    assert new.withdrawal and (new.withdrawal.by, new.withdrawal.reason) == ("eve", "it panics")
    assert (new.failed, new.tried, first.failed) == (2, 2, 0)
