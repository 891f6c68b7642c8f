"""Reimaging and deleting instances on request, as far as the rows that it leaves matter to upgrades."""

from datetime import timedelta

import pytest

from tests.commands.test_steering import upgrading
from tests.stories import NOW, a_batch, a_scale_set, refused
from upgrades.commands.instance_operations import reimage
from upgrades.core.states import InstanceUpgradeState
from upgrades.feed import read
from upgrades.models import Instance, InstanceUpgrade, RequestedOperation, ScaleSet, Transition
from upgrades.retention import purge

LATER = NOW + timedelta(seconds=5)
WEB = "fleet/web"

pytestmark = pytest.mark.django_db


def test_the_disk_before_a_reimage_cannot_be_restored_any_more() -> None:
    """A provider keeps one disk only: that of the upgrade is deleted when the reimage replaces another."""
    a_batch(upgrading(), {0: InstanceUpgradeState.FAILED, 1: InstanceUpgradeState.FAILED}, finished=True)
    reimage(WEB, ["0"], by="ada", now=LATER)
    disks = dict(InstanceUpgrade.objects.values_list("instance_number", "old_os_disk"))
    assert disks == {0: "", 1: "web_1_OsDisk_1"}


def test_the_feed_and_the_history_tell_it() -> None:
    a_scale_set(instances=3)
    reimage("FLEET/web", ["1"], by="ada", now=LATER)
    assert Transition.objects.latest("pk").note == "Its OS disk is being replaced: ada asked for it."
    seen = read.snapshot(ScaleSet.objects.get().pk)["instances"]["1"]
    assert (seen["operation"], seen["health"]) == ("reimage", "initializing")
    assert seen["health_detail"] == "its OS disk is being replaced"
    assert ScaleSet.objects.get().reconcile_at == LATER


def test_unknown_instances_are_named() -> None:
    a_scale_set(instances=3)
    with refused("ResourceNotFound", "no instance 7", "0 to 2"):
        reimage(WEB, ["1", "7"], by="ada", now=LATER)


def test_requests_are_forgotten_after_a_week() -> None:
    a_scale_set(instances=3)
    reimage(WEB, ["1"], by="ada", now=NOW)
    Instance.objects.update(operation_id=None, operation_kind="", work_item=None)
    reimage(WEB, ["2"], by="ada", now=LATER + timedelta(days=6))
    while purge(NOW + timedelta(days=8)):
        pass
    assert list(RequestedOperation.objects.values_list("number", flat=True)) == [2]
