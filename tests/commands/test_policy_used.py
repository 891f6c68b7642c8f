"""Whose limits count, and that an upgrade says which were used (A-13, A-39)."""

from typing import Any

import pytest

from tests.commands.test_steering import LATER, NEW, OWN_LIMITS, upgrading
from tests.stories import NOW, a_scale_set, document, edited, publish
from upgrades.commands.policies import change_policy
from upgrades.commands.scale_sets import set_model
from upgrades.commands.upgrades import start
from upgrades.core.states import UpgradeStatus
from upgrades.feed import read
from upgrades.models import Instance, RollingUpgrade
from upgrades.orchestrator.reconcile import reconcile

pytestmark = pytest.mark.django_db
USE_OWN = "properties.upgradePolicy.automaticOSUpgradePolicy.useRollingUpgradePolicy"


def policy_in_force(upgrade: RollingUpgrade) -> tuple[float, float, float, float]:
    """Batch, unhealthy, pause in seconds, and whether what failed goes back by itself."""
    row = upgrade.policy
    return row["max_batch_percent"], row["max_unhealthy_percent"], row["pause_seconds"], row["automatic_rollback"]


@pytest.mark.parametrize(
    ("use_own", "by_hand", "by_platform"),
    [(True, (50, 60, 90, False), (50, 60, 90, True)), (False, (50, 60, 90, False), (20, 20, 0, True))],
)
def test_own_limits_count_for_people_and_the_defaults_for_the_platform(
    use_own: bool, by_hand: tuple[Any, ...], by_platform: tuple[Any, ...]
) -> None:
    """A-13, A-39: the set's own for a start by hand (Z-1.2), for the platform only where the set says so."""
    own = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 60, "pauseTimeBetweenBatches": "PT90S"}
    body = edited(document(capacity=10), OWN_LIMITS, own)
    row = a_scale_set(model=edited(body, USE_OWN, use_own))
    publish(NEW)
    first = start("fleet/web", "ada", NOW)
    assert policy_in_force(first) == by_hand
    reconcile(row.pk, lambda: NOW)
    assert first.members.count() == 5
    first.status, first.ended_at, first.pending_at_end = UpgradeStatus.COMPLETED, NOW, 0
    first.save()
    Instance.objects.update(operation_id=None, operation_kind="", work_item=None)
    reconcile(row.pk, lambda: NOW)
    second = RollingUpgrade.objects.get(ended_at=None)
    assert policy_in_force(second) == by_platform
    assert second.members.count() == by_platform[0] // 10


def test_azures_defaults_count_for_people_too_if_a_set_has_no_limits() -> None:
    assert policy_in_force(upgrading()) == (20, 20, 0, False)


def test_the_policy_of_a_running_upgrade_is_that_of_its_start() -> None:
    upgrade = upgrading(rolling={"maxBatchInstancePercent": 30})
    change_policy("fleet/web", {"max_batch_percent": 100}, LATER)
    reconcile(upgrade.scale_set_id, lambda: LATER)
    assert read.snapshot(upgrade.scale_set_id)["upgrade"]["policy"]["max_batch_percent"] == 30
    assert upgrade.members.count() == 3


@pytest.mark.parametrize("use_own", [True, False])
def test_max_surge_counts_as_the_limits_do(use_own: bool) -> None:
    body = edited(document(rolling={"maxSurge": True}), USE_OWN, use_own)
    row = a_scale_set(model=body)
    assert row.policy.max_surge is use_own
    publish(NEW)
    assert start("fleet/web", "ada", NOW).policy["max_surge"] is True


@pytest.mark.parametrize("use_own", [True, False])
def test_max_surge_warns_that_data_disks_are_lost(use_own: bool) -> None:
    """Whoever starts an upgrade: those by hand have the set's own limits."""
    body = edited(document(rolling={"maxSurge": True}, probe="/health"), USE_OWN, use_own)
    assert set_model("fleet/web", body, NOW).warnings == ()
    disks = edited(body, "properties.virtualMachineProfile.storageProfile.dataDisks", [{"lun": 0, "diskSizeGB": 4}])
    (warning,) = set_model("fleet/web", disks, NOW).warnings
    assert "delete the old ones with their data disks" in warning
    calm = edited(disks, "properties.upgradePolicy.rollingUpgradePolicy.maxSurge", False)
    assert set_model("fleet/web", calm, NOW).warnings == ()
