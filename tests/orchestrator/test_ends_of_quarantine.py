"""What ends a quarantine, or passes over it: another version, and that its own version is suspected."""

from importlib import import_module

import pytest
from django.apps import apps

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.suspecting import BAD, MENDED, bad_for_all, quarantined, to_its_end, versions

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_the_next_version_reaches_even_a_quarantined_machine(make_fleet: MakeFleet) -> None:
    """Whatever put it there: the next version is another thing."""
    fleet = make_fleet(3)
    fleet.go_on()
    fleet.publish(BAD)
    to_its_end(fleet)
    fleet.change(failed_version=BAD, failures=3, quarantined_at=fleet.now)
    fleet.publish(MENDED)
    to_its_end(fleet)
    assert versions(fleet) == {MENDED}
    assert quarantined(fleet) == []


def test_a_quarantine_ends_when_its_version_is_suspected(make_fleet: MakeFleet) -> None:
    """Under the old rule three failures sufficed, whoever else failed too."""
    fleet = bad_for_all(make_fleet, 3, tried=1)
    fleet.change(failed_version=BAD, failed_on={}, failures=3, quarantined_at=fleet.now)
    import_module("upgrades.migrations.0017_failures_of_pairs").judge_again(apps, None)
    assert quarantined(fleet) == []
    assert [row.failed_on for row in fleet.instances] == [{BAD: 3}] * 3
    fleet.change(quarantined_at=fleet.now)
    fleet.change(0, version=BAD, failed_version="", failures=0)
    import_module("upgrades.migrations.0017_failures_of_pairs").judge_again(apps, None)
    assert quarantined(fleet) == [0, 1, 2]  # somebody is well on it


def test_a_quarantine_ends_when_others_fail_on_that_version_too(make_fleet: MakeFleet) -> None:
    fleet = bad_for_all(make_fleet, 10, tried=1)
    fleet.change(0, quarantined_at=fleet.now)
    fleet.go_on()
    assert quarantined(fleet) == []
