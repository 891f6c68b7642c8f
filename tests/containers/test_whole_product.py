"""A whole Rollgrid rolls twenty real containers: by batches, around an opt-out, past a killed worker, and back from bad images."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.containers.demonstration import PATH, SKU, answer, demonstration, served
from tests.containers.incus import Incus
from tests.end_to_end.installation import LIVE, Installation
from tests.waiting import wait_until
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.management.commands.demo_machines import KINDS
from upgrades.models import InstanceUpgrade, Location
from upgrades.providers.base import ScaleSetReference
from upgrades.providers.incus.copies import is_instance
from upgrades.providers.incus.demo import project
from upgrades.providers.incus.demo.tiny_image import DATA
from upgrades.providers.incus.records import name_of

OLD, NEW, SICK, DEAD = "1.0.0", "1.1.0", "1.2.0", "1.3.0"
MACHINES, OPTED_OUT = 20, 13
MAX_AT_ONCE = MACHINES // 5
SECONDS = 240
DEAD_BOOT_SECONDS = 10


@pytest.fixture
def up(
    incus: Incus, tmp_path: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    with django_db_blocker.unblock(), demonstration(incus, tmp_path / "home", MACHINES, health_wait_seconds=6) as up:
        up.wait_healthy(PATH, seconds=SECONDS)
        yield up


def test_twenty_real_containers_are_rolled_by_published_images(up: Installation, incus: Incus) -> None:
    up.manage("opt_out", PATH, str(OPTED_OUT), "--reason", "holds sessions")
    before = kept_of(up, incus)
    assert served(up) == {OLD: MACHINES}
    _a_good_image_goes_past_a_killed_worker(up)
    assert served(up) == {NEW: MACHINES - 1, OLD: 1}
    assert answer(up, OPTED_OUT) == OLD
    _a_sick_image_is_taken_off_again(up)
    assert served(up) == {NEW: MACHINES - 1, OLD: 1}
    _an_image_that_never_boots_is_taken_off_again(up)
    assert served(up) == {NEW: MACHINES - 1, OLD: 1}
    assert kept_of(up, incus) == before


def _a_good_image_goes_past_a_killed_worker(up: Installation) -> None:
    up.manage("publish_image", *SKU, NEW)
    wait_until(lambda: _members(NEW, InstanceUpgradeState.UPGRADING), seconds=60)
    up.kill("worker")
    upgrade = up.wait_ended(PATH, NEW, seconds=SECONDS)
    assert (upgrade.status, upgrade.started_by) == (UpgradeStatus.COMPLETED, "Platform")
    assert [batch.members.count() for batch in upgrade.batches.order_by("number")] == [4, 4, 4, 4, 3]


def _a_sick_image_is_taken_off_again(up: Installation) -> None:
    """It is tried on one batch, and the upgrade stops."""
    disks = {row.number: row.os_disk for row in up.instances(PATH)}
    up.manage("publish_image", *SKU, SICK)
    upgrade = up.wait_ended(PATH, SICK, seconds=SECONDS)
    assert upgrade.status == UpgradeStatus.FAULTED
    assert len(_members(SICK)) == len(_members(SICK, InstanceUpgradeState.ROLLED_BACK)) == MAX_AT_ONCE
    up.wait_healthy(PATH, seconds=SECONDS)
    assert {row.number: row.os_disk for row in up.instances(PATH)} == disks


def _an_image_that_never_boots_is_taken_off_again(up: Installation) -> None:
    """By the provider itself, before anything is known of its health; and the upgrade stops."""
    disks = {row.number: row.os_disk for row in up.instances(PATH)}
    location = Location.objects.using(LIVE).get(name=KINDS["incus"].location)
    Location.objects.using(LIVE).update(settings={**location.settings, "boot_seconds": DEAD_BOOT_SECONDS})
    up.manage("publish_image", *SKU, DEAD)
    upgrade = up.wait_ended(PATH, DEAD, seconds=SECONDS)
    assert upgrade.status == UpgradeStatus.FAULTED
    assert {member.error_code for member in _members(DEAD)} == {"OSProvisioningTimedOut"}
    assert len(_members(DEAD)) == MAX_AT_ONCE
    up.wait_healthy(PATH, seconds=SECONDS)
    assert {row.number: row.os_disk for row in up.instances(PATH)} == disks


def _members(version: str, *states: InstanceUpgradeState) -> list[InstanceUpgrade]:
    rows = InstanceUpgrade.objects.using(LIVE).filter(upgrade__target_version=version)
    return list(rows.filter(state__in=states) if states else rows)


def kept_of(up: Installation, incus: Incus) -> Mapping[str, tuple[str, ...]]:
    """What no upgrade may change: each machine's id, MAC and address, and the marker on its data disk."""
    instances = incus.ask("GET", f"/1.0/instances?recursion=1&project={project.PROJECT}")
    bodies = {each["name"]: each for each in instances if not is_instance(each["name"])}
    found = {}
    for row in up.instances(PATH):
        name = name_of(ScaleSetReference(PATH), str(row.number))
        config = bodies.pop(name)["config"]
        file = f"/1.0/instances/{name}/files?project={project.PROJECT}&path={DATA}/.rollgrid-marker"
        marker = incus.api.raw("GET", file, None).decode()
        found[name] = (config["volatile.uuid"], config["volatile.eth0.hwaddr"], row.address, marker)
    assert not bodies
    assert len({marker for *_, marker in found.values()}) == MACHINES
    return found
