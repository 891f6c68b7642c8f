"""`make test-fleet`: 200 real containers are upgraded while workers and Incus are killed 30 times. It takes a quarter of an hour.

ROLLGRID_FLEET_MACHINES and ROLLGRID_FLEET_KILLS make it smaller.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connections
from pytest_django import DjangoDbBlocker

from tests.containers.demonstration import PATH, SKU, demonstration, served
from tests.containers.incus import Incus
from tests.end_to_end.installation import LIVE, Installation
from tests.waiting import wait_until
from upgrades.core.states import IN_FLIGHT, InstanceUpgradeState, UpgradeStatus
from upgrades.management.commands.demo_machines import IMAGE
from upgrades.models import InstanceUpgrade, RollingUpgrade
from upgrades.providers.base import ScaleSetReference
from upgrades.providers.incus.copies import is_instance
from upgrades.providers.incus.demo import project
from upgrades.providers.incus.demo.tiny_image import Kind
from upgrades.providers.incus.records import Key, name_of
from upgrades.providers.incus.settings import ALIAS

MACHINES = int(os.environ.get("ROLLGRID_FLEET_MACHINES", "200"))
KILLS = int(os.environ.get("ROLLGRID_FLEET_KILLS", "30"))
MAX_AT_ONCE = MACHINES // 5
OLD = "1.0.0"
VERSIONS = ("1.1.0", "1.1.1", "1.1.2", "1.1.3")  # as many as are needed until all kills are done
SECONDS = 1800
PROGRESS_SECONDS = 30


@pytest.fixture
def up(
    incus: Incus, tmp_path: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    # Health is waited for with time for every kill that may come in between.
    with django_db_blocker.unblock(), demonstration(incus, tmp_path / "home", MACHINES, health_wait_seconds=300) as up:
        began = time.monotonic()
        for version in VERSIONS[1:]:
            project.add_image(incus.api, IMAGE, ALIAS, version, Kind.GOOD)
        up.wait_healthy(PATH, seconds=SECONDS)
        say(f"{MACHINES} containers are made and healthy after {time.monotonic() - began:.0f} s")
        yield up


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_large_fleet_is_upgraded_past_many_kills(up: Installation, incus: Incus) -> None:
    before = kept_of(incus)
    assert served(up) == {OLD: MACHINES}
    killer = Killer(up, incus)
    used = []
    for version in VERSIONS:
        if killer.kills < KILLS:
            used.append(version)
            _roll(up, killer, version)
    say(f"killed: {dict(killer.killed)}; Incus answered again after {max(killer.restarts, default=0):.1f} s at most")
    assert killer.kills == KILLS
    assert served(up) == {used[-1]: MACHINES}, "lost"
    assert kept_of(incus) == before, "lost, or another"
    _check_nothing_is_doubled(up, incus, used)


def _roll(up: Installation, killer: "Killer", version: str) -> None:
    began = time.monotonic()
    with Watch() as watch:
        up.manage("publish_image", *SKU, version)
        wait_until(lambda: _upgrade(version), seconds=60)
        while killer.kills < KILLS and not _ended(version):
            killer.kill(lambda: _ended(version))
        upgrade = up.wait_ended(PATH, version, seconds=SECONDS)
    up.wait_healthy(PATH, seconds=SECONDS)
    say(
        f"{version}: {upgrade.status} after {time.monotonic() - began:.0f} s, {killer.kills} kills so far, at most {watch.most} at once, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    assert upgrade.status == UpgradeStatus.COMPLETED
    assert watch.most <= MAX_AT_ONCE, "over the limit"
    members = InstanceUpgrade.objects.using(LIVE).filter(upgrade=upgrade)
    assert Counter(members.values_list("state", flat=True)) == {InstanceUpgradeState.SUCCEEDED: MACHINES}
    assert members.values("instance").distinct().count() == MACHINES


def _check_nothing_is_doubled(up: Installation, incus: Incus, used: list[str]) -> None:
    """One instance, one volume and one kept copy for each machine, and no swap that nobody asked for."""
    everything = f"project={project.PROJECT}&recursion=1"
    names = sorted(name_of(ScaleSetReference(PATH), str(number)) for number in range(MACHINES))
    instances = [each["name"] for each in incus.ask("GET", f"/1.0/instances?{everything}")]
    assert sorted(name for name in instances if not is_instance(name)) == names
    volumes = incus.ask("GET", f"/1.0/storage-pools/default/volumes/custom?{everything}")
    assert Counter(each["config"][Key.INSTANCE] for each in volumes) == {str(number): 1 for number in range(MACHINES)}
    copies = [each["properties"].get(Key.INSTANCE) for each in incus.ask("GET", f"/1.0/images?{everything}")]
    copies += [name.split("-")[-2] for name in instances if is_instance(name)]
    assert Counter(number for number in copies if number) == {str(number): 1 for number in range(MACHINES)}
    for row in up.instances(PATH):
        (member,) = InstanceUpgrade.objects.using(LIVE).filter(instance=row, upgrade__target_version=used[-1])
        assert row.os_disk == member.new_os_disk, row


def kept_of(incus: Incus) -> Mapping[str, tuple[str, ...]]:
    """What no upgrade may change: each machine's id, MAC, and data disks with their markers."""
    bodies = incus.ask("GET", f"/1.0/instances?recursion=1&project={project.PROJECT}")
    keys = ("volatile.uuid", "volatile.eth0.hwaddr", Key.DATA)
    machines = [body for body in bodies if not is_instance(body["name"])]
    return {body["name"]: tuple(body["config"][key] for key in keys) for body in machines}


def _upgrade(version: str) -> RollingUpgrade | None:
    return RollingUpgrade.objects.using(LIVE).filter(target_version=version).first()


def _ended(version: str) -> bool:
    upgrade = _upgrade(version)
    return bool(upgrade and upgrade.ended_at)


class Killer:
    """Kills a worker and Incus in turn, each in the middle of a rebuild, and waits until something moves again."""

    def __init__(self, up: Installation, incus: Incus) -> None:
        self.up, self.incus = up, incus
        self.killed, self.restarts = Counter[str](), list[float]()

    @property
    def kills(self) -> int:
        return sum(self.killed.values())

    def kill(self, is_over: Callable[[], bool]) -> None:
        wait_until(lambda: self._is_rebuilding() or is_over(), seconds=SECONDS)
        if is_over():
            return
        before, began = self._done(), time.monotonic()
        what = "incusd" if self.kills % 2 else "worker"
        if what == "incusd":
            self.incus.restart()
            self.restarts.append(time.monotonic() - began)
        else:
            self.up.kill("worker")
        self.killed[what] += 1
        with suppress(AssertionError):  # the next kill comes anyway
            wait_until(lambda: self._done() > before or is_over(), seconds=PROGRESS_SECONDS)

    def _is_rebuilding(self) -> bool:
        groups: dict[str, Any] = self.incus.ask("GET", f"/1.0/operations?recursion=1&project={project.PROJECT}") or {}
        return any(each["description"] == "Rebuilding instance" for each in groups.get("running", []))

    def _done(self) -> int:
        return InstanceUpgrade.objects.using(LIVE).filter(state=InstanceUpgradeState.SUCCEEDED).count()


class Watch:
    """How many instances are in an upgrade's hands, sampled all the time."""

    def __init__(self) -> None:
        self.most = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            with suppress(DatabaseError):
                self.most = max(self.most, InstanceUpgrade.objects.using(LIVE).filter(state__in=IN_FLIGHT).count())
        connections[LIVE].close()


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - figures for people; `make test-fleet` shows them
