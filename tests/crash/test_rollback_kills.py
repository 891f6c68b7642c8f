"""Old OS disks are put back exactly once, though processes are killed with -9 in the middle of that."""

import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.crash import figures, judging
from tests.crash.conftest import database_kind, once_on
from tests.crash.fleets import NO_LIMITS, have_ended, next_version, publish, put_fleets
from tests.crash.killing import Killer, planned
from tests.end_to_end.installation import LIVE, Installation, installation
from tests.waiting import wait_until
from upgrades.core.states import InstanceUpgradeState
from upgrades.models import InstanceUpgrade

BAD = "crash/bad"
FLEET = {BAD: 24}
ROLLING = {**NO_LIMITS, "maxBatchInstancePercent": 25}  # four batches, and in each of them all are rolled back
HEALTH_WAIT_SECONDS = 3
KILLED_AT_ONCE = (1, 2, 1, 4)  # 8 kills, and the broker is emptied twice
MAX_VERSIONS = 2  # a third failure in a row would be the last: then they are in quarantine

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture(scope="module")
def hasty(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    """Where an instance has three seconds to become healthy."""
    home: Path = tmp_path_factory.mktemp("hasty") / "home"
    with (
        django_db_blocker.unblock(),
        installation(home, ROLLGRID_HEALTH_WAIT_SECONDS=str(HEALTH_WAIT_SECONDS)) as running,
    ):
        yield running


@once_on("postgres")
@pytest.mark.timeout(300)
def test_old_disks_are_put_back_once_whichever_process_dies(hasty: Installation) -> None:
    """While bad versions roll; then a good one goes through the same instances."""
    seed = os.environ.get("ROLLGRID_SEED") or secrets.token_hex(4)
    print(f"\nROLLGRID_SEED={seed} repeats this plan")  # noqa: T201
    bad, good = [next_version() for _ in range(MAX_VERSIONS)], next_version()
    put_fleets(hasty, FLEET, rolling=ROLLING, bad=bad)
    before = {BAD: hasty.views(BAD)}
    killer = Killer(hasty)

    rolled = _kill_over_rollbacks(hasty, killer, bad, random.Random(seed))
    judging.health_is_right(FLEET, FLEET)
    rolled.append(publish(hasty, good))
    wait_until(lambda: have_ended(FLEET, good), seconds=120, what="the upgrade to a good version")

    count = judging.each_swapped_once(hasty, BAD, rolled, before[BAD], bad=bad)
    figures.keep(f"kills over rollbacks on {database_kind()}", figures.of_kills(seed, killer.healings, [count]))
    print(f"{len(killer.healings)} kills over rollbacks: {count}")  # noqa: T201
    assert (count.restores, count.lost, count.doubled) == (FLEET[BAD] * (len(rolled) - 1), 0, 0)
    assert len(killer.healings) >= sum(KILLED_AT_ONCE) // 2
    judging.every_upgrade_completed(FLEET, rolled)
    judging.events_replay(BAD)


def _kill_over_rollbacks(up: Installation, killer: Killer, bad: list[str], chance: random.Random) -> list[str]:
    """Each round of kills while a disk is being put back. Answers the versions that were rolled, when the last upgrade has ended."""
    rolled: list[str] = []
    for planned_round in planned(chance, KILLED_AT_ONCE):
        while not _is_rolling_back():
            if rolled and not have_ended(FLEET, rolled[-1]):
                wait_until(lambda: _is_rolling_back() or have_ended(FLEET, rolled[-1]), seconds=60, what="a rollback")
            elif len(rolled) < len(bad):
                rolled.append(publish(up, bad[len(rolled)]))
            else:
                return rolled
        killer.do_now(planned_round)
    wait_until(lambda: have_ended(FLEET, rolled[-1]), seconds=120, what="the upgrade to a bad version")
    return rolled


def _is_rolling_back() -> bool:
    return InstanceUpgrade.objects.using(LIVE).filter(state=InstanceUpgradeState.ROLLING_BACK).exists()
