"""Is it the version, or the machine? Failures count against the pair of both (core/suspicion.py)."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.surging import surging
from upgrades.commands.steering import release, retry_now
from upgrades.core.facts import Trial
from upgrades.core.states import UpgradeStatus
from upgrades.models import Instance
from upgrades.models.trials import trials_of

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
OLD, BAD, MENDED = "0.0.1", "16.04.1", "16.04.2"


def to_its_end(one: Fleet) -> None:
    """The attempt that is due, with the five minutes of each batch that does not get well."""
    one.go_on()
    for _ in range(20):
        if one.upgrade.ended_at:
            return
        one.later(minutes=5)
        one.go_on()
    raise AssertionError(f"it does not end: {one.row.decision}")


def attempts(one: Fleet, count: int) -> None:
    """So many attempts at the newest version, the first of which is due; a person has each next one come at once."""
    for number in range(count):
        if number:
            retry_now(one.path, "ada", one.now)
        to_its_end(one)


def bad_for_all(fleet: MakeFleet, instances: int, tried: int = 3) -> Fleet:
    one = fleet(instances, **{"bad-versions": BAD})
    one.go_on()
    one.publish(BAD)
    attempts(one, tried)
    return one


def quarantined(one: Fleet) -> list[int]:
    return [row.number for row in one.instances if row.quarantined_at]


def versions(one: Fleet) -> set[str]:
    return {row.version for row in one.instances}


def reasons(one: Fleet) -> dict[str, dict[str, Any]]:
    return {reason["code"]: reason for reason in one.row.decision["reasons"]}


@pytest.mark.parametrize("instances", [1, 2, 3, 10])
def test_the_mended_version_reaches_all_by_itself(fleet: MakeFleet, instances: int) -> None:
    one = bad_for_all(fleet, instances, tried=5)
    assert one.row.upgrades.count() == 5
    assert quarantined(one) == []
    one.publish(MENDED)
    to_its_end(one)
    assert versions(one) == {MENDED}
    assert one.upgrade.status == UpgradeStatus.COMPLETED


def test_it_is_said_on_how_many_of_how_many_a_version_failed(fleet: MakeFleet) -> None:
    one = bad_for_all(fleet, 10, tried=1)
    said = reasons(one)["VersionSuspected"]
    assert said["numbers"] == {"failed": 2, "tried": 2}
    assert said["text"].startswith(f"{BAD} failed on 2 of 2 instances")
    retry_now(one.path, "ada", one.now)
    to_its_end(one)
    assert reasons(one)["VersionSuspected"]["numbers"] == {"failed": 4, "tried": 4}


def test_it_is_tried_again_with_others_first_and_ever_more_rarely(fleet: MakeFleet) -> None:
    one = bad_for_all(fleet, 10, tried=3)
    taken = [sorted(each.members.values_list("instance_number", flat=True)) for each in one.row.upgrades.all()]
    assert taken == [[4, 5], [2, 3], [0, 1]]
    assert {"WaitingToTryAgain", "VersionSuspected"} <= reasons(one).keys()


def test_a_machine_that_fails_where_others_succeed_is_in_quarantine_after_three_failures(fleet: MakeFleet) -> None:
    one = fleet(5)
    one.go_on()
    one.sick = {1}
    one.publish(BAD)
    attempts(one, 2)
    assert (one.instances[1].failed_on, quarantined(one)) == ({BAD: 2}, [])
    assert [row.version for row in one.instances] == [BAD, OLD, BAD, BAD, BAD]
    retry_now(one.path, "ada", one.now)
    to_its_end(one)
    assert quarantined(one) == [1]
    count = one.row.upgrades.count()
    one.now += timedelta(days=2)
    one.probe()
    one.go_on()
    assert one.row.upgrades.count() == count
    assert reasons(one).keys() >= {"Quarantined", "OptOutsLeaveNothing"}
    assert release(one.path, ["1"], by="ada", now=one.now)
    one.sick = set()
    one.probe()
    one.go_on()
    assert versions(one) == {BAD}


def test_a_machine_that_fails_on_every_version_is_in_quarantine_in_the_end(fleet: MakeFleet) -> None:
    """Once on each of them: those versions are good for others. The version after them is tried once, too."""
    one = fleet(10)
    one.go_on()
    one.sick = {9}
    for number in (1, 2, 3, 4):
        one.publish(f"16.04.{number}")
        to_its_end(one)
        assert one.instances[9].failures == number
        assert quarantined(one) == ([9] if number >= 3 else [])
    one.go_on()
    assert one.upgrade.target_version == "16.04.4"


def test_a_set_of_one_has_no_peers_but_other_sets_that_follow_the_image(fleet: MakeFleet) -> None:
    """Where others are well on the version it is the machine; the next version reaches it all the same."""
    alone, others = fleet(1, **{"bad-versions": BAD}), fleet(2)
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


def test_the_next_version_reaches_even_a_quarantined_machine(fleet: MakeFleet) -> None:
    """Whatever put it there: the next version is another thing."""
    one = fleet(3)
    one.go_on()
    one.publish(BAD)
    to_its_end(one)
    Instance.objects.filter(scale_set=one.id).update(failed_version=BAD, failures=3, quarantined_at=one.now)
    one.publish(MENDED)
    to_its_end(one)
    assert versions(one) == {MENDED}
    assert quarantined(one) == []


def test_who_was_quarantined_for_a_fault_of_the_version_is_free_again(fleet: MakeFleet) -> None:
    """Under the old rule three failures sufficed, whoever else failed too."""
    one = bad_for_all(fleet, 3, tried=1)
    Instance.objects.filter(scale_set=one.id).update(
        failed_version=BAD, failed_on={}, failures=3, quarantined_at=one.now
    )
    import_module("upgrades.migrations.0017_failures_of_pairs").judge_again(apps, None)
    assert quarantined(one) == []
    assert [row.failed_on for row in one.instances] == [{BAD: 3}] * 3
    Instance.objects.filter(scale_set=one.id).update(quarantined_at=one.now)
    Instance.objects.filter(scale_set=one.id, number=0).update(version=BAD, failed_version="", failures=0)
    import_module("upgrades.migrations.0017_failures_of_pairs").judge_again(apps, None)
    assert quarantined(one) == [0, 1, 2]  # somebody is well on it


def test_a_quarantine_ends_when_others_fail_on_that_version_too(fleet: MakeFleet) -> None:
    one = bad_for_all(fleet, 10, tried=1)
    Instance.objects.filter(scale_set=one.id, number=0).update(quarantined_at=one.now)
    one.go_on()
    assert quarantined(one) == []


# --- new instances ----------------------------------------------------------------------------------------------------


def test_new_instances_take_the_newest_version_that_is_not_suspected(fleet: MakeFleet) -> None:
    one = bad_for_all(fleet, 10, tried=1)
    one.put(13)
    one.go_on()
    assert [row.version for row in one.instances] == [OLD] * 13
    one.publish(MENDED)
    to_its_end(one)
    assert versions(one) == {MENDED}


def test_a_set_that_was_emptied_remembers_what_it_suspects(fleet: MakeFleet) -> None:
    """Switched off over night after a bad version: in the morning it does not come up on it."""
    one = bad_for_all(fleet, 2, tried=2)
    one.put(0)
    one.go_on()
    assert one.instances == []
    one.put(2)
    one.go_on()
    assert [row.version for row in one.instances] == [OLD] * 2
    assert trials_of(one.row) == {BAD: Trial(failed=2)}


def test_two_bad_versions_in_a_row_are_both_passed_over(fleet: MakeFleet) -> None:
    one = fleet(5, **{"bad-versions": f"{BAD},{MENDED}"})
    one.go_on()
    for version in (BAD, MENDED):
        one.publish(version)
        to_its_end(one)
    one.put(6)
    one.go_on()
    assert [row.version for row in one.instances] == [OLD] * 6


def test_where_every_version_is_suspected_new_instances_take_the_newest(fleet: MakeFleet) -> None:
    one = fleet(2, **{"bad-versions": BAD})
    one.go_on()
    one.row.sku.versions.all().delete()
    one.publish(BAD)
    to_its_end(one)
    one.put(3)
    one.go_on()
    assert one.instances[-1].version == BAD


def test_a_surge_that_fails_suspects_the_version_too(fleet: MakeFleet) -> None:
    one = surging(fleet, 5, tags={"bad-versions": BAD})
    one.publish(BAD)
    to_its_end(one)
    one.go_on()
    assert trials_of(one.row) == {BAD: Trial(failed=2)}
    assert "VersionSuspected" in reasons(one)
    one.publish(MENDED)
    to_its_end(one)
    assert trials_of(one.row) == {BAD: Trial(failed=2)}
    assert versions(one) == {MENDED}


def test_a_want_of_room_says_nothing_of_a_version(fleet: MakeFleet) -> None:
    one = surging(fleet)
    one.publish(BAD)
    handed = one.look()
    one.edit({"tags": {**one.tags, "rollgrid-sim-quota": "5"}})
    one.work(handed)
    one.go_on()
    assert trials_of(one.row) == {}
