"""A neighbour is away for a while, or all of Rollgrid: in mid-batch, and everything goes on by itself."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

from tests import private_postgres
from tests.crash import figures, judging
from tests.crash.conftest import database_kind, soak_minutes
from tests.crash.fleets import have_ended, publish, put_fleets
from tests.crash.signs import Signs
from tests.crash.troubles import Cluster, for_so_long, halted, locked_database
from tests.end_to_end.installation import LIVE, Installation, installation
from tests.waiting import wait_until
from upgrades.core.states import MemberState
from upgrades.models import InstanceUpgrade, RollingUpgrade

FLEET = {"crash/away": 40, "crash/unprobed": 10}
BROKER_SECONDS = 60 if soak_minutes() else 20
DATABASE_SECONDS = 10
HEALED_SECONDS = 30

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster | None]:
    """None on SQLite."""
    if connection.vendor == "sqlite":
        yield None
        return
    with private_postgres.running() as url, patch.dict(os.environ, DATABASE_URL=url):
        own = Cluster(url)
        yield own
        own.end()


@pytest.fixture(scope="module")
def up(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    cluster: Cluster | None,
) -> Iterator[Installation]:
    home: Path = tmp_path_factory.mktemp("up") / "home"
    with django_db_blocker.unblock(), installation(home) as running:
        put_fleets(running, FLEET)
        yield running


def nothing_runs() -> bool:
    return not RollingUpgrade.objects.using(LIVE).filter(ended_at=None).exists()


def goes_on_after(up: Installation, what: str, outage: Callable[[], AbstractContextManager[None]]) -> None:
    """Has this happen in mid-batch; measures how long until all do their work again, and judges what came of it."""
    wait_until(nothing_runs, seconds=60, what="no upgrade of the test before runs")
    before = {path: up.views(path) for path in FLEET}
    version = publish(up)
    upgrading = InstanceUpgrade.objects.using(LIVE).filter(state=MemberState.UPGRADING)
    wait_until(upgrading.exists, seconds=30, what="a batch under way")
    with outage():
        pass
    connections[LIVE].close()
    signs = Signs(up, {})
    wait_until(lambda: signs.is_back("worker") and signs.is_back("prober"), seconds=HEALED_SECONDS, what="healed")
    figures.keep(f"{what} on {database_kind()}", {"healed_seconds": round(time.monotonic() - signs.at, 2)})
    wait_until(lambda: have_ended(FLEET, version), seconds=60, what="the upgrades' end")
    judging.every_upgrade_completed(FLEET, [version])
    for path in FLEET:
        count = judging.each_swapped_once(up, path, [version], before[path])
        assert (count.lost, count.doubled) == (0, 0)
        judging.events_replay(path)


def test_a_broker_that_hangs(up: Installation) -> None:
    @contextmanager
    def outage() -> Iterator[None]:
        with halted(up.children()["broker"]):
            for_so_long(BROKER_SECONDS)
        yield

    goes_on_after(up, f"broker halted {BROKER_SECONDS} s", outage)


def test_a_database_that_goes_away(up: Installation, cluster: Cluster | None) -> None:
    @contextmanager
    def outage() -> Iterator[None]:
        connections[LIVE].close()
        with cluster.stopped() if cluster else locked_database(up):
            for_so_long(DATABASE_SECONDS)
        yield

    goes_on_after(up, f"database away {DATABASE_SECONDS} s", outage)


def test_all_of_it_is_killed_in_mid_batch(up: Installation) -> None:
    @contextmanager
    def outage() -> Iterator[None]:
        up.end(signal.SIGKILL)
        up.start()
        up.ready()
        yield

    goes_on_after(up, "up killed and ready again", outage)
