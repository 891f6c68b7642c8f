"""Is it the version, or the machine? Failures count against the pair of both (core/suspicion.py)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.surging import surging
from tests.orchestrator.suspecting import BAD, MENDED, OLD, attempts, bad_for_all, quarantined, to_its_end, versions
from upgrades.commands.steering import release, retry_now
from upgrades.core.facts import VersionResults
from upgrades.core.states import UpgradeStatus
from upgrades.models.version_results import version_results_of

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def reasons(fleet: Fleet) -> dict[str, dict[str, Any]]:
    return {reason["code"]: reason for reason in fleet.row.decision["reasons"]}


@pytest.mark.parametrize("instances", [1, 2, 3, 10])
def test_a_corrected_version_reaches_all_by_itself(make_fleet: MakeFleet, instances: int) -> None:
    fleet = bad_for_all(make_fleet, instances, tried=5)
    assert fleet.row.upgrades.count() == 5
    assert quarantined(fleet) == []
    fleet.publish(MENDED)
    to_its_end(fleet)
    assert versions(fleet) == {MENDED}
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_a_suspected_version_says_how_many_of_how_many_failed(make_fleet: MakeFleet) -> None:
    fleet = bad_for_all(make_fleet, 10, tried=1)
    said = reasons(fleet)["VersionSuspected"]
    assert said["numbers"] == {"failed": 2, "tried": 2}
    assert said["text"].startswith(f"{BAD} failed on 2 of 2 instances")
    retry_now(fleet.path, "ada", fleet.now)
    to_its_end(fleet)
    assert reasons(fleet)["VersionSuspected"]["numbers"] == {"failed": 4, "tried": 4}


def test_a_suspected_version_is_retried_ever_more_rarely(make_fleet: MakeFleet) -> None:
    fleet = bad_for_all(make_fleet, 10, tried=3)
    taken = [sorted(each.members.values_list("instance_number", flat=True)) for each in fleet.row.upgrades.all()]
    assert taken == [[4, 5], [2, 3], [0, 1]]
    assert {"WaitingToTryAgain", "VersionSuspected"} <= reasons(fleet).keys()


def test_a_machine_that_fails_where_others_succeed_is_in_quarantine_after_three_failures(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5)
    fleet.go_on()
    fleet.sick = {1}
    fleet.publish(BAD)
    attempts(fleet, 2)
    assert (fleet.instances[1].failed_on, quarantined(fleet)) == ({BAD: 2}, [])
    assert [row.version for row in fleet.instances] == [BAD, OLD, BAD, BAD, BAD]
    retry_now(fleet.path, "ada", fleet.now)
    to_its_end(fleet)
    assert quarantined(fleet) == [1]
    count = fleet.row.upgrades.count()
    fleet.now += timedelta(days=2)
    fleet.probe()
    fleet.go_on()
    assert fleet.row.upgrades.count() == count
    assert reasons(fleet).keys() >= {"Quarantined", "OptOutsLeaveNothing"}
    assert release(fleet.path, ["1"], by="ada", now=fleet.now)
    fleet.sick = set()
    fleet.probe()
    fleet.go_on()
    assert versions(fleet) == {BAD}


def test_a_machine_that_fails_on_every_version_is_in_quarantine_in_the_end(make_fleet: MakeFleet) -> None:
    """Once on each of them: those versions are good for others. The version after them is tried once, too."""
    fleet = make_fleet(10)
    fleet.go_on()
    fleet.sick = {9}
    for number in (1, 2, 3, 4):
        fleet.publish(f"16.04.{number}")
        to_its_end(fleet)
        assert fleet.instances[9].failures == number
        assert quarantined(fleet) == ([9] if number >= 3 else [])
    fleet.go_on()
    assert fleet.upgrade.target_version == "16.04.4"


def test_a_set_of_one_has_no_peers_but_other_sets_that_follow_the_image(make_fleet: MakeFleet) -> None:
    """Where others are well on the version it is the machine; the next version reaches it all the same."""
    alone, others = make_fleet(1, **{"bad-versions": BAD}), make_fleet(2)
    alone.go_on()
    others.go_on()
    alone.publish(BAD)
    to_its_end(alone)
    assert reasons(alone)["VersionSuspected"]["numbers"] == {"failed": 1, "tried": 1}
    to_its_end(others)
    for _ in range(2):
        assert quarantined(alone) == []
        retry_now(alone.path, "ada", alone.now)
        to_its_end(alone)
    alone.go_on()
    assert quarantined(alone) == [0]
    assert "VersionSuspected" not in reasons(alone)
    alone.publish(MENDED)
    to_its_end(alone)
    assert versions(alone) == {MENDED}


# --- new instances ----------------------------------------------------------------------------------------------------


def test_new_instances_take_the_newest_version_that_is_not_suspected(make_fleet: MakeFleet) -> None:
    fleet = bad_for_all(make_fleet, 10, tried=1)
    fleet.put(13)
    fleet.go_on()
    assert [row.version for row in fleet.instances] == [OLD] * 13
    fleet.publish(MENDED)
    to_its_end(fleet)
    assert versions(fleet) == {MENDED}


def test_an_emptied_set_remembers_its_suspected_versions(make_fleet: MakeFleet) -> None:
    """Switched off over night after a bad version: in the morning it does not come up on it."""
    fleet = bad_for_all(make_fleet, 2, tried=2)
    fleet.put(0)
    fleet.go_on()
    assert fleet.instances == []
    fleet.put(2)
    fleet.go_on()
    assert [row.version for row in fleet.instances] == [OLD] * 2
    assert version_results_of(fleet.row) == {BAD: VersionResults(failed=2)}


def test_two_bad_versions_in_a_row_are_both_passed_over(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(5, **{"bad-versions": f"{BAD},{MENDED}"})
    fleet.go_on()
    for version in (BAD, MENDED):
        fleet.publish(version)
        to_its_end(fleet)
    fleet.put(6)
    fleet.go_on()
    assert [row.version for row in fleet.instances] == [OLD] * 6


def test_new_instances_take_the_newest_version_if_all_are_suspected(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(2, **{"bad-versions": BAD})
    fleet.go_on()
    fleet.row.sku.versions.all().delete()
    fleet.publish(BAD)
    to_its_end(fleet)
    fleet.put(3)
    fleet.go_on()
    assert fleet.instances[-1].version == BAD


def test_a_surge_that_fails_suspects_the_version_too(make_fleet: MakeFleet) -> None:
    fleet = surging(make_fleet, 5, tags={"bad-versions": BAD})
    fleet.publish(BAD)
    to_its_end(fleet)
    fleet.go_on()
    assert version_results_of(fleet.row) == {BAD: VersionResults(failed=2)}
    assert "VersionSuspected" in reasons(fleet)
    fleet.publish(MENDED)
    to_its_end(fleet)
    assert version_results_of(fleet.row) == {BAD: VersionResults(failed=2)}
    assert versions(fleet) == {MENDED}


def test_a_lack_of_quota_is_not_counted_against_the_version(make_fleet: MakeFleet) -> None:
    fleet = surging(make_fleet)
    fleet.publish(BAD)
    handed = fleet.reconcile()
    fleet.edit({"tags": {**fleet.tags, "rollgrid-sim-quota": "5"}})
    fleet.work(handed)
    fleet.go_on()
    assert version_results_of(fleet.row) == {}
