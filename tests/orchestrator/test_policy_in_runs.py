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


def rolled(
    make_fleet: MakeFleet, instances: int, changes: dict[str, object], *, version: str = NEW, goes: int = 1
) -> Fleet:
    """A fleet with this policy after an upgrade to this version, in so many goes, an hour apart."""
    fleet = make_fleet(instances)
    fleet.edit(changes)
    fleet.go_on()
    fleet.publish(version)
    for _ in range(goes):
        fleet.go_on()
        fleet.later(hours=1)
        fleet.probe()
    assert fleet.upgrade.status == "Completed"
    return fleet


def batches(fleet: Fleet) -> list[list[int]]:
    rows = Batch.objects.filter(upgrade=fleet.upgrade).order_by("number")
    return [sorted(row.members.values_list("instance_number", flat=True)) for row in rows]


@pytest.mark.parametrize("instances", [1, 2])
def test_sets_of_one_and_two_are_completed(make_fleet: MakeFleet, instances: int) -> None:
    """A-12"""
    assert batches(rolled(make_fleet, instances, {})) == [[id] for id in range(instances)]


def test_a_sets_own_percentages_count_with_use_rolling_upgrade_policy_only(make_fleet: MakeFleet) -> None:
    """A-13"""
    own: dict[str, object] = {OWN: {"maxBatchInstancePercent": 50}}
    assert [len(batch) for batch in batches(rolled(make_fleet, 10, own))] == [2, 2, 2, 2, 2]
    assert [len(batch) for batch in batches(rolled(make_fleet, 10, {**own, **IN_FORCE}, version="16.04.2"))] == [5, 5]


def test_the_gap_between_two_batches_is_as_long_as_the_policy_says(make_fleet: MakeFleet) -> None:
    """A-14"""
    own = {OWN: {"maxBatchInstancePercent": 40, "pauseTimeBetweenBatches": "PT30M"}}
    fleet = rolled(make_fleet, 5, {**own, **IN_FORCE}, goes=3)
    rows = list(fleet.upgrade.batches.order_by("number"))
    gaps = [
        after.started_at - before.finished_at
        for before, after in zip(rows, rows[1:], strict=False)
        if before.finished_at
    ]
    assert len(gaps) == 2
    assert all(gap >= timedelta(minutes=30) for gap in gaps)


def test_no_batch_spans_zones_unless_the_policy_says_so(make_fleet: MakeFleet) -> None:
    """A-16"""
    zones: dict[str, object] = {"zones": ["1", "2"], **IN_FORCE}
    own = {"maxBatchInstancePercent": 50}
    assert batches(rolled(make_fleet, 6, {**zones, OWN: own})) == [[0, 2, 4], [1, 3, 5]]
    across = {**own, "enableCrossZoneUpgrade": True}
    assert batches(rolled(make_fleet, 6, {**zones, OWN: across}, version="16.04.2")) == [[0, 1, 2], [3, 4, 5]]


def test_protected_instances_of_both_kinds(make_fleet: MakeFleet) -> None:
    """A-20: the one is untouched and listed as left out; the other is upgraded, and stays when the set shrinks."""
    fleet = make_fleet(6)
    fleet.go_on()
    before = fleet.views()
    protect(fleet.row, 1, from_actions=True, from_scale_in=None, owner="web", now=fleet.now)
    protect(fleet.row, 5, from_actions=None, from_scale_in=True, owner="web", now=fleet.now)
    fleet.publish(NEW)
    fleet.go_on()
    assert fleet.upgrade.status == "Completed"
    assert fleet.views()["1"] == before["1"]
    assert fleet.views()["5"].version == NEW
    (left_out,) = (reason for reason in fleet.row.decision["reasons"] if reason["code"] == "OptedOut")
    assert left_out["instances"] == ["1"]
    assert left_out["text"].endswith("without an end: protectFromScaleSetActions, set by the API client web")
    fleet.put(2)
    fleet.go_on()
    assert sorted(Instance.objects.filter(scale_set=fleet.id).values_list("number", flat=True)) == [1, 5]


def test_a_deferred_instance_stays_as_it_is_before_its_approval(make_fleet: MakeFleet) -> None:
    """A-24: on real machines, over days; then batch by batch to those that are approved, and to all in the end."""
    fleet = make_fleet(5)
    fleet.edit({f"{POLICY}.automaticOSUpgradePolicy.osRollingUpgradeDeferral": True})
    fleet.go_on()
    before = fleet.views()
    fleet.publish(NEW)
    fleet.go_on()
    fleet.later(hours=5)
    fleet.now += timedelta(days=30)
    fleet.probe()
    fleet.go_on()
    assert fleet.views() == before and fleet.upgrade.status == "RollingForward"
    approve(fleet.path, ["1", "4"], by="ada", now=fleet.now)
    fleet.go_on()
    after = fleet.views()
    assert {id for id in before if after[id] != before[id]} == {"1", "4"}
    assert {after["1"].version, after["4"].version} == {NEW}
    approve(fleet.path, by="ada", now=fleet.now)
    fleet.go_on()
    assert fleet.upgrade.status == "Completed"
    assert batches(fleet) == [[1], [4], [0], [2], [3]]
