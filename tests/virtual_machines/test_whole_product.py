"""A whole Rollgrid rolls real machines: by batches, past a killed worker, around an opt-out, and back from images that are no good."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from tests.end_to_end.installation import LIVE, Installation, installation
from tests.virtual_machines.host import BOOT_SECONDS, DEAD, NEW, OLD, SICK, Host, health
from tests.waiting import wait_until
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import InstanceUpgrade, Location, RollingUpgrade

PATH = "demo/machines"
SKU = ("Rollgrid", "Guest", "tiny")
UPGRADE_SECONDS = 6 * BOOT_SECONDS
DEAD_BOOT_SECONDS = 30
Reports = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def up(
    images: Path,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Installation]:
    """The demonstration, with three machines."""
    home = tmp_path_factory.mktemp("vms") / "home"
    (home / "qemu").mkdir(parents=True)
    (home / "qemu" / "images").symlink_to(images)
    with (
        django_db_blocker.unblock(),
        installation(home, ROLLGRID_HEALTH_WAIT_SECONDS="20") as running,
        _ended_with(Host(home, {})),  # before Rollgrid: its machines are no orphans of its processes
    ):
        running.manage("demo_machines", "qemu", "--instances", "3")
        Location.objects.using(LIVE).filter(name="thishost").update(
            settings={"memory_mb": 128, "accelerator": "tcg", "boot_seconds": BOOT_SECONDS}
        )
        running.wait_healthy(PATH, seconds=UPGRADE_SECONDS)
        yield running


@contextmanager
def _ended_with(host: Host) -> Iterator[None]:
    try:
        yield
    finally:
        host.end_all()


def test_real_machines_are_rolled_by_a_published_image(up: Installation) -> None:
    before = said_by_all(up)
    assert {said["osVersion"] for said in before.values()} == {OLD}
    after = _a_good_image_goes_past_a_killed_worker(up)
    assert {instance: said["osVersion"] for instance, said in after.items()} == {"0": NEW, "1": OLD, "2": NEW}
    assert after["1"]["bootId"] == before["1"]["bootId"], "opted out"
    back = _a_sick_image_is_taken_off_again(up)
    assert (back["0"]["osVersion"], back["0"]["customData"]) == (NEW, after["0"]["customData"])
    again = _an_image_that_never_boots_is_taken_off_again(up)
    for said in (after, back, again):
        assert _data_disks(said) == _data_disks(before)
    assert all(_data_disks(before).values())


def _a_good_image_goes_past_a_killed_worker(up: Installation) -> Reports:
    up.manage("opt_out", PATH, "1", "--reason", "holds sessions")
    publish(up, NEW)
    wait_until(lambda: _is_upgrading("0"), seconds=60)
    up.kill("worker")
    upgrade = up.wait_ended(PATH, NEW, seconds=UPGRADE_SECONDS)
    assert (upgrade.status, upgrade.started_by) == (UpgradeStatus.COMPLETED, "Platform")
    assert [batch.members.count() for batch in upgrade.batches.all()] == [1, 1], "20 % of 3 is one"
    return said_by_all(up)


def _a_sick_image_is_taken_off_again(up: Installation) -> Reports:
    """One machine is tried with it, and has its own disk again."""
    disks = _os_disks(up)
    publish(up, SICK)
    assert _stopped_with(up, SICK).state == InstanceUpgradeState.ROLLED_BACK
    up.wait_healthy(PATH, seconds=UPGRADE_SECONDS)
    assert _os_disks(up) == disks
    return said_by_all(up)


def _an_image_that_never_boots_is_taken_off_again(up: Installation) -> Reports:
    disks = _os_disks(up)
    settings = {"memory_mb": 128, "accelerator": "tcg", "boot_seconds": DEAD_BOOT_SECONDS}
    Location.objects.using(LIVE).filter(name="thishost").update(settings=settings)
    publish(up, DEAD)
    member = _stopped_with(up, DEAD)
    assert member.error_code == "OSProvisioningTimedOut"
    assert "this image never boots" in member.error_message, "the console's last words"
    up.wait_healthy(PATH, seconds=UPGRADE_SECONDS)
    assert _os_disks(up) == disks
    return said_by_all(up)


def publish(up: Installation, version: str) -> None:
    up.manage("publish_image", *SKU, version)


def said_by_all(up: Installation) -> Reports:
    """What each machine says on its health page, by instance."""
    provider = Host(up.home, {}).provider()
    try:
        return {str(row.number): health(provider, row.address)[1] for row in up.instances(PATH)}
    finally:
        asyncio.run(provider.close())


def _is_upgrading(instance: str) -> bool:
    members = InstanceUpgrade.objects.using(LIVE).filter(
        state=InstanceUpgradeState.UPGRADING, instance__number=instance
    )
    return members.exists()


def _os_disks(up: Installation) -> dict[int, str]:
    return {row.number: row.os_disk for row in up.instances(PATH)}


def _data_disks(reports: Reports) -> dict[str, Any]:
    return {instance: said["dataDisks"] for instance, said in reports.items()}


def _stopped_with(up: Installation, version: str) -> InstanceUpgrade:
    """The only member of the upgrade to this version, which a limit has stopped after its first batch."""
    upgrade: RollingUpgrade = up.wait_ended(PATH, version, seconds=UPGRADE_SECONDS)
    assert upgrade.status == UpgradeStatus.FAULTED
    return InstanceUpgrade.objects.using(LIVE).get(upgrade=upgrade)
