"""What a scale set's policy, and the protection of its instances, do to whole runs: batches as they really were."""

from datetime import timedelta

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from upgrades.commands.approvals import approve
from upgrades.commands.protection import protect
from upgrades.models import Batch, Instance

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NEW = "16.04.1"
POLICY = "properties.upgradePolicy"
OWN = f"{POLICY}.rollingUpgradePolicy"
IN_FORCE = {f"{POLICY}.automaticOSUpgradePolicy.useRollingUpgradePolicy": True}


def rolled(fleet: MakeFleet, instances: int, changes: dict[str, object], *, version: str = NEW, goes: int = 1) -> Fleet:
    """A fleet with this policy after an upgrade to this version, in so many goes, an hour apart."""
    one = fleet(instances)
    one.edit(changes)
    one.go_on()
    one.publish(version)
    for _ in range(goes):
        one.go_on()
        one.later(hours=1)
        one.probe()
    assert one.upgrade.status == "Completed"
    return one


def batches(one: Fleet) -> list[list[int]]:
    rows = Batch.objects.filter(upgrade=one.upgrade).order_by("number")
    return [sorted(row.members.values_list("instance_number", flat=True)) for row in rows]


@pytest.mark.parametrize("instances", [1, 2])
def test_sets_of_one_and_two_are_completed(fleet: MakeFleet, instances: int) -> None:
    """A-12"""
    assert batches(rolled(fleet, instances, {})) == [[id] for id in range(instances)]


def test_a_sets_own_percentages_count_with_use_rolling_upgrade_policy_only(fleet: MakeFleet) -> None:
    """A-13"""
    own: dict[str, object] = {OWN: {"maxBatchInstancePercent": 50}}
    assert [len(one) for one in batches(rolled(fleet, 10, own))] == [2, 2, 2, 2, 2]
    assert [len(one) for one in batches(rolled(fleet, 10, {**own, **IN_FORCE}, version="16.04.2"))] == [5, 5]


def test_the_gap_between_two_batches_is_as_long_as_the_policy_says(fleet: MakeFleet) -> None:
    """A-14"""
    own = {OWN: {"maxBatchInstancePercent": 40, "pauseTimeBetweenBatches": "PT30M"}}
    one = rolled(fleet, 5, {**own, **IN_FORCE}, goes=3)
    rows = list(one.upgrade.batches.order_by("number"))
    gaps = [
        after.started_at - before.finished_at
        for before, after in zip(rows, rows[1:], strict=False)
        if before.finished_at
    ]
    assert len(gaps) == 2
    assert all(gap >= timedelta(minutes=30) for gap in gaps)


def test_no_batch_spans_zones_unless_the_policy_says_so(fleet: MakeFleet) -> None:
    """A-16"""
    zones: dict[str, object] = {"zones": ["1", "2"], **IN_FORCE}
    own = {"maxBatchInstancePercent": 50}
    assert batches(rolled(fleet, 6, {**zones, OWN: own})) == [[0, 2, 4], [1, 3, 5]]
    across = {**own, "enableCrossZoneUpgrade": True}
    assert batches(rolled(fleet, 6, {**zones, OWN: across}, version="16.04.2")) == [[0, 1, 2], [3, 4, 5]]


def test_protected_instances_of_both_kinds(fleet: MakeFleet) -> None:
    """A-20: the one is untouched and listed as left out; the other is upgraded, and stays when the set shrinks."""
    one = fleet(6)
    one.go_on()
    before = one.views()
    protect(one.row, 1, from_actions=True, from_scale_in=None, owner="web", now=one.now)
    protect(one.row, 5, from_actions=None, from_scale_in=True, owner="web", now=one.now)
    one.publish(NEW)
    one.go_on()
    assert one.upgrade.status == "Completed"
    assert one.views()["1"] == before["1"]
    assert one.views()["5"].version == NEW
    (left_out,) = (reason for reason in one.row.decision["reasons"] if reason["code"] == "OptedOut")
    assert left_out["instances"] == ["1"]
    assert left_out["text"].endswith("without an end: protectFromScaleSetActions, set by the API client web")
    one.put(2)
    one.go_on()
    assert sorted(Instance.objects.filter(scale_set=one.id).values_list("number", flat=True)) == [1, 5]


def test_nothing_happens_to_a_deferred_instance_before_approval(fleet: MakeFleet) -> None:
    """A-24: on real machines, over days; then batch by batch to those that are approved, and to all in the end."""
    one = fleet(5)
    one.edit({f"{POLICY}.automaticOSUpgradePolicy.osRollingUpgradeDeferral": True})
    one.go_on()
    before = one.views()
    one.publish(NEW)
    one.go_on()
    one.later(hours=5)
    one.now += timedelta(days=30)
    one.probe()
    one.go_on()
    assert one.views() == before and one.upgrade.status == "RollingForward"
    approve(one.path, ["1", "4"], by="ada", now=one.now)
    one.go_on()
    after = one.views()
    assert {id for id in before if after[id] != before[id]} == {"1", "4"}
    assert {after["1"].version, after["4"].version} == {NEW}
    approve(one.path, by="ada", now=one.now)
    one.go_on()
    assert one.upgrade.status == "Completed"
    assert batches(one) == [[1], [4], [0], [2], [3]]
