"""A whole Rollgrid rolls twenty real containers: by batches, around an opt-out, past a killed worker, and back from a sick image."""

import http.client
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.containers.incus import Incus
from tests.end_to_end.installation import LIVE, Installation, installation
from tests.waiting import wait_until
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import InstanceUpgrade
from upgrades.providers.base import ScaleSetReference
from upgrades.providers.incus.demo import project
from upgrades.providers.incus.demo.tiny_image import DATA
from upgrades.providers.incus.records import name_of

PATH = "demo/containers"
SKU = ("Rollgrid", "Guest", "tiny")
OLD, NEW, SICK = "1.0.0", "1.1.0", "1.2.0"
MACHINES, OPTED_OUT = 20, 13
MAX_AT_ONCE = MACHINES // 5
SECONDS = 240


@pytest.fixture
def up(
    incus: Incus, tmp_path: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    """The demonstration, in a project of its own."""
    try:
        with (
            django_db_blocker.unblock(),
            installation(
                tmp_path / "home", INCUS_SOCKET=str(incus.socket), ROLLGRID_HEALTH_WAIT_SECONDS="6"
            ) as running,
        ):
            running.manage("demo_machines", "incus", "--instances", str(MACHINES))
            running.wait_healthy(PATH, seconds=SECONDS)
            yield running
    finally:
        project.delete(incus.api)
        assert project.project(incus.api) is None


def test_twenty_real_containers_are_rolled_by_published_images(up: Installation, incus: Incus) -> None:
    up.manage("opt_out", PATH, str(OPTED_OUT), "--reason", "holds sessions")
    before = kept_of(up, incus)
    assert served(up) == {OLD: MACHINES}
    _a_good_image_goes_past_a_killed_worker(up)
    assert served(up) == {NEW: MACHINES - 1, OLD: 1}
    assert answer(up, OPTED_OUT) == OLD
    _a_sick_image_is_taken_off_again(up)
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


def _members(version: str, *states: InstanceUpgradeState) -> list[InstanceUpgrade]:
    rows = InstanceUpgrade.objects.using(LIVE).filter(upgrade__target_version=version)
    return list(rows.filter(state__in=states) if states else rows)


def served(up: Installation) -> Mapping[str, int]:
    """How many machines serve which version, as each says over HTTP."""
    return Counter(answer(up, row.number) for row in up.instances(PATH))


def answer(up: Installation, number: int) -> str:
    (address,) = [row.address for row in up.instances(PATH) if row.number == number]
    line = http.client.HTTPConnection(address, 80, timeout=10)
    with suppress(OSError):
        line.request("GET", "/cgi-bin/healthz")
        with line.getresponse() as response:
            return response.read().decode().strip()
    return ""


def kept_of(up: Installation, incus: Incus) -> Mapping[str, tuple[str, ...]]:
    """What no upgrade may change: each machine's id, MAC and address, and the marker on its data disk."""
    bodies = {each["name"]: each for each in incus.ask("GET", f"/1.0/instances?recursion=1&project={project.PROJECT}")}
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
