"""A whole Rollgrid rolls real machines: by batches, past a killed worker, around an opt-out, and back from images that are no good."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db.models import QuerySet
from pytest_django import DjangoDbBlocker

from tests.end_to_end.installation import LIVE, Installation, installation
from tests.virtual_machines.conftest import BY_ALL
from tests.virtual_machines.host import BOOT_SECONDS, DEAD, NEW, OLD, SICK, Host, health
from tests.waiting import wait_until
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.management.commands.demo_machines import KINDS
from upgrades.models import InstanceUpgrade, Location, RollingUpgrade

PATH = "demo/machines"
SKU = ("Rollgrid", "Guest", "tiny")
UPGRADE_SECONDS = 6 * BOOT_SECONDS
DEAD_BOOT_SECONDS = 30
Reports = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Fleet:
    """The demonstration's machines. `host`: how its provider is asked."""

    up: Installation
    host: Host
    instances: int

    @property
    def location(self) -> "QuerySet[Location]":
        return Location.objects.using(LIVE).filter(name=KINDS[self.host.name].location)


@pytest.fixture(scope="module", params=BY_ALL)
def fleet(
    request: pytest.FixtureRequest,
    images: Path,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Fleet]:
    """Three machines of QEMU, or five of libvirt."""
    name, home = request.param, tmp_path_factory.mktemp("vms") / "home"
    (home / "qemu").mkdir(parents=True)
    (home / "qemu" / "images").symlink_to(images)
    own = {"uri": request.getfixturevalue("libvirtd").uri, "images": str(images)} if name == "libvirt" else {}
    host = Host(home, {**own, "memory_mb": 128, "accelerator": "tcg", "boot_seconds": BOOT_SECONDS}, name)
    with (
        django_db_blocker.unblock(),
        installation(home, ROLLGRID_HEALTH_WAIT_SECONDS="20") as running,
        _ended_with(host),  # before Rollgrid: its machines are no orphans of its processes
    ):
        found = Fleet(running, host, 5 if name == "libvirt" else 3)
        if name == "libvirt":  # another daemon than the system's, which the demonstration would ask
            location = {
                "name": KINDS[name].location,
                "display_name": "here",
                "provider": name,
                "settings": dict(host.given),
            }
            Location.objects.using(LIVE).create(**location)
        running.manage("demo_machines", name, "--instances", str(found.instances))
        found.location.update(settings=dict(host.given))
        running.wait_healthy(PATH, seconds=UPGRADE_SECONDS)
        yield found


@contextmanager
def _ended_with(host: Host) -> Iterator[None]:
    try:
        yield
    finally:
        host.end_all()


def test_real_machines_are_rolled_by_a_published_image(fleet: Fleet) -> None:
    before = said_by_all(fleet)
    assert {said["osVersion"] for said in before.values()} == {OLD}
    after = _a_good_image_goes_past_a_killed_worker(fleet)
    versions = {f"{number}": OLD if number == 1 else NEW for number in range(fleet.instances)}
    assert {instance: said["osVersion"] for instance, said in after.items()} == versions
    assert after["1"]["bootId"] == before["1"]["bootId"], "opted out"
    back = _a_sick_image_is_taken_off_again(fleet)
    assert (back["0"]["osVersion"], back["0"]["customData"]) == (NEW, after["0"]["customData"])
    again = _an_image_that_never_boots_is_taken_off_again(fleet)
    for said in (after, back, again):
        assert _data_disks(said) == _data_disks(before)
    assert all(_data_disks(before).values())


def _a_good_image_goes_past_a_killed_worker(fleet: Fleet) -> Reports:
    fleet.up.manage("opt_out", PATH, "1", "--reason", "holds sessions")
    publish(fleet, NEW)
    wait_until(lambda: _is_upgrading("0"), seconds=60)
    fleet.up.kill("worker")
    upgrade = fleet.up.wait_ended(PATH, NEW, seconds=UPGRADE_SECONDS)
    assert (upgrade.status, upgrade.started_by) == (UpgradeStatus.COMPLETED, "Platform")
    assert [batch.members.count() for batch in upgrade.batches.all()] == [1] * (fleet.instances - 1), (
        "20 % is one machine"
    )
    return said_by_all(fleet)


def _a_sick_image_is_taken_off_again(fleet: Fleet) -> Reports:
    """One machine is tried with it, and has its own disk again."""
    disks = _os_disks(fleet)
    publish(fleet, SICK)
    assert _stopped_with(fleet, SICK).state == InstanceUpgradeState.ROLLED_BACK
    fleet.up.wait_healthy(PATH, seconds=UPGRADE_SECONDS)
    assert _os_disks(fleet) == disks
    return said_by_all(fleet)


def _an_image_that_never_boots_is_taken_off_again(fleet: Fleet) -> Reports:
    disks = _os_disks(fleet)
    fleet.location.update(settings={**fleet.host.given, "boot_seconds": DEAD_BOOT_SECONDS})
    publish(fleet, DEAD)
    member = _stopped_with(fleet, DEAD)
    assert member.error_code == "OSProvisioningTimedOut"
    assert "this image never boots" in member.error_message, "the console's last words"
    fleet.up.wait_healthy(PATH, seconds=UPGRADE_SECONDS)
    assert _os_disks(fleet) == disks
    return said_by_all(fleet)


def publish(fleet: Fleet, version: str) -> None:
    fleet.up.manage("publish_image", *SKU, version)


def said_by_all(fleet: Fleet) -> Reports:
    """What each machine says on its health page, by instance."""
    provider = fleet.host.provider()
    try:
        return {str(row.number): health(provider, row.address)[1] for row in fleet.up.instances(PATH)}
    finally:
        asyncio.run(provider.close())


def _is_upgrading(instance: str) -> bool:
    members = InstanceUpgrade.objects.using(LIVE).filter(
        state=InstanceUpgradeState.UPGRADING, instance__number=instance
    )
    return members.exists()


def _os_disks(fleet: Fleet) -> dict[int, str]:
    return {row.number: row.os_disk for row in fleet.up.instances(PATH)}


def _data_disks(reports: Reports) -> dict[str, Any]:
    return {instance: said["dataDisks"] for instance, said in reports.items()}


def _stopped_with(fleet: Fleet, version: str) -> InstanceUpgrade:
    """The only member of the upgrade to this version, which a limit has stopped after its first batch."""
    upgrade: RollingUpgrade = fleet.up.wait_ended(PATH, version, seconds=UPGRADE_SECONDS)
    assert upgrade.status == UpgradeStatus.FAULTED
    return InstanceUpgrade.objects.using(LIVE).get(upgrade=upgrade)
