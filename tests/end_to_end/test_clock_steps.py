"""The computer's wall clock is set while everything runs. The monotonic clock goes on, as it does on every machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.end_to_end.fleets import next_version, publish, put_fleet
from tests.end_to_end.installation import Installation, installation
from tests.waiting import wait_until
from upgrades.core.states import UpgradeStatus

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

SECONDS = 25.0  # seconds are meant: the steps are of hours
HOUR = 3600


class Wall:
    """The wall clock of all processes of one installation; `wall.c` moves it. .ci/run installs the compiler."""

    def __init__(self, folder: Path) -> None:
        self._file, self._library = folder / "off", folder / "wall.so"
        self.set_off(0)
        source = Path(__file__).with_name("wall.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", self._library, source], check=True, timeout=60)

    def set_off(self, seconds: int) -> None:
        """By so much it is off from now on, at once in every process."""
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT)
        os.pwrite(handle, seconds.to_bytes(8, sys.byteorder, signed=True), 0)
        os.close(handle)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "WALL_FILE": str(self._file)}


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Wall:
    return Wall(tmp_path_factory.mktemp("wall"))


@pytest.fixture(scope="module")
def up(
    wall: Wall, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("up") / "home"
    with django_db_blocker.unblock(), installation(home, **wall.environment) as running:
        # These stories are about clocks: one late answer of a machine, on a computer that is busy, stops no upgrade.
        rolling = {"maxUnhealthyInstancePercent": 100, "maxUnhealthyUpgradedInstancePercent": 100}
        put_fleet(running, "fleet/clocks", 2, boot="0", rolling=rolling)
        yield running


def upgraded(up: Installation) -> None:
    """A version is published; its upgrade begins within seconds, and ends."""
    version = next_version()
    publish(up, version)
    has_begun = lambda: (found := up.upgrade("fleet/clocks")) and found.target_version == version  # noqa: E731
    wait_until(has_begun, seconds=SECONDS, what=f"the upgrade to {version} has begun")
    ended = up.wait_ended("fleet/clocks", version, seconds=3 * SECONDS)
    assert ended.status == UpgradeStatus.COMPLETED, (ended.error, ended.record)


@pytest.mark.parametrize("off", [-2 * HOUR, 2 * HOUR, -24 * HOUR, 38 * 24 * HOUR, 0])
def test_an_upgrade_begins_within_seconds_wherever_the_clock_is_set(up: Installation, wall: Wall, off: int) -> None:
    """Set back by two hours beat sent nothing for two hours, and nobody said a word."""
    wall.set_off(off)
    upgraded(up)


@pytest.mark.parametrize("off", [2 * HOUR, -2 * HOUR])
def test_an_upgrade_begins_within_seconds_after_a_start_on_another_clock(
    up: Installation, wall: Wall, off: int
) -> None:
    """A restart did not help: beat's file kept the moments of the other clock."""
    wall.set_off(0)
    upgraded(up)
    assert up.end() == 0
    wall.set_off(off)
    up.start()
    up.ready()
    up.wait_healthy("fleet/clocks")
    upgraded(up)
