"""A neighbour is away for a while, or all of Rollgrid, or there are two of each: in mid-batch, and everything goes on by itself.

One running Rollgrid for all of them, one trouble after the other, in whatever order.
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest
from django.db import connection, connections
from django.db.models import QuerySet
from pytest_django import DjangoDbBlocker

from dashboard.settings import END_IDLE_TRANSACTIONS
from tests import private_postgres
from tests.crash import figures, judging
from tests.crash.conftest import database_kind, once_on, soak_minutes
from tests.crash.fleets import HALVES, have_ended, next_version, publish, put_fleets
from tests.crash.signs import Signs
from tests.crash.troubles import Cluster, another, asleep, for_so_long, halted, locked_database
from tests.end_to_end.installation import LIVE, Installation, Watch, installation
from tests.waiting import wait_until
from upgrades.core.machines import InstanceView
from upgrades.core.states import Health, InstanceUpgradeState, Provisioning
from upgrades.models import InstanceUpgrade, RollingUpgrade, ScaleSet, Transition

FLEET = {"crash/away": 20, "crash/unprobed": 6}
BROKER_SECONDS = 60 if soak_minutes() else 6
DATABASE_SECONDS = 10
BEYOND_ALL_LEASES_SECONDS = 6
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
        put_fleets(running, FLEET, rolling=HALVES)
        yield running


def nothing_runs() -> bool:
    return not RollingUpgrade.objects.using(LIVE).filter(ended_at=None).exists()


def upgrading(version: str) -> "QuerySet[InstanceUpgrade]":
    """What is recorded as being under way."""
    members = InstanceUpgrade.objects.using(LIVE).filter(upgrade__target_version=version)
    return members.filter(state=InstanceUpgradeState.UPGRADING)


def publish_and_wait_for_a_batch(up: Installation, version: str = "") -> str:
    version = publish(up, version)
    wait_until(upgrading(version).exists, seconds=30, what="a batch under way")
    return version


def begun(up: Installation, version: str) -> list[InstanceView]:
    """The machines at which it has begun, by their own word, and of which no outcome is recorded."""
    numbers = upgrading(version).filter(upgrade__scale_set__key="crash/away").values_list("instance_number", flat=True)
    views = up.views("crash/away")
    known = [views[str(number)] for number in numbers]
    return [view for view in known if view.version == version or view.provisioning != Provisioning.SUCCEEDED]


def halts_having_begun(up: Installation, worker: psutil.Process, version: str) -> bool:
    """Halts the worker, and leaves it so where it has begun something and recorded no outcome."""
    if not begun(up, version):
        return False
    worker.send_signal(signal.SIGSTOP)
    if begun(up, version):
        return True
    worker.send_signal(signal.SIGCONT)
    return False


@contextmanager
def all_is_well_after(up: Installation, what: str, version: str) -> Iterator[None]:
    """Around a trouble in mid-batch: measures how long until all do their work again, and judges what came of the upgrade."""
    wait_until(nothing_runs, seconds=60, what="no upgrade of the test before runs")
    before = {path: up.views(path) for path in FLEET}
    yield
    connections[LIVE].close()
    signs = Signs(up, {})
    wait_until(lambda: signs.is_back("worker") and signs.is_back("prober"), seconds=HEALED_SECONDS, what="healed")
    figures.keep(f"{what} on {database_kind()}", {"healed_seconds": round(time.monotonic() - signs.at, 2)})
    judge(up, version, before)


def judge(up: Installation, version: str, before: Mapping[str, judging.Machines]) -> None:
    """Nothing is lost, nothing done twice, and the feed tells all."""
    wait_until(lambda: have_ended(FLEET, version), seconds=60, what="the upgrades' end")
    judging.every_upgrade_completed(FLEET, [version])
    for path in FLEET:
        count = judging.each_swapped_once(up, path, [version], before[path])
        assert (count.lost, count.doubled) == (0, 0)
        judging.events_replay(path)


# --- a neighbour is away ----------------------------------------------------------------------------------------------


@once_on("sqlite")
def test_a_broker_that_hangs(up: Installation) -> None:
    """For a minute in `make soak`."""
    version = next_version()
    with all_is_well_after(up, f"broker halted {BROKER_SECONDS} s", version):
        publish_and_wait_for_a_batch(up, version)
        with halted(up.children()["broker"]):
            for_so_long(BROKER_SECONDS)


@once_on("postgres")  # a SQLite that does no work for a while is what test_full_disk.py is about
def test_a_database_that_goes_away(up: Installation, cluster: Cluster | None) -> None:
    version = next_version()
    with all_is_well_after(up, f"database away {DATABASE_SECONDS} s", version):
        publish_and_wait_for_a_batch(up, version)
        connections[LIVE].close()
        with cluster.stopped() if cluster else locked_database(up):
            for_so_long(DATABASE_SECONDS)


# --- all of it is killed at once, as by a power cut -------------------------------------------------------------------


@once_on("postgres")
def test_all_is_killed_between_recorded_and_begun(up: Installation) -> None:
    """The batch is written down, and the cloud has not heard of it: it was halted before."""
    version = next_version()
    with all_is_well_after(up, "all killed between recorded and begun", version):
        with halted(up.children()["simulator"]):
            publish_and_wait_for_a_batch(up, version)
            up.end(signal.SIGKILL)
        up.start()
        up.ready()


@once_on("sqlite")
def test_all_is_killed_between_begun_and_recorded_done(up: Installation) -> None:
    """The machines have their new disks, and nobody has written it down: the worker was halted before."""
    version = next_version()
    with all_is_well_after(up, "all killed between begun and recorded done", version):
        worker = up.children()["worker"]
        publish(up, version)
        wait_until(lambda: halts_having_begun(up, worker, version), seconds=60, what="a batch that has begun")
        wait_until(
            lambda: all(view.provisioning == Provisioning.SUCCEEDED for view in begun(up, version)),
            seconds=30,
            what="all that has begun is done",
        )
        up.end(signal.SIGKILL)
        up.start()
        up.ready()


# --- two of each, and one of them oversleeps --------------------------------------------------------------------------


def probers() -> set[str]:
    return set(ScaleSet.objects.using(LIVE).values_list("prober", flat=True))


def ill_since(seqs: dict[int, int]) -> list[Transition]:
    """The machines that were found ill after these places in the history."""
    rows = Transition.objects.using(LIVE).filter(health=Health.UNHEALTHY)
    return [row for row in rows if row.seq > seqs[row.scale_set_id]]


def places() -> dict[int, int]:
    return {row.pk: row.seq for row in ScaleSet.objects.using(LIVE).all()}


@once_on("postgres")
def test_two_of_each_double_nothing(up: Installation) -> None:
    wait_until(nothing_runs, seconds=60, what="no upgrade of the test before runs")
    seqs = places()
    with another(up, "worker"), another(up, "prober"), Watch(up, "crash/away", every=0.1) as watch:
        wait_until(lambda: "second@" in up.said(), seconds=30, what="a second worker")
        before = {path: up.views(path) for path in FLEET}
        version = publish_and_wait_for_a_batch(up)
        with asleep(up.children()["worker"]):
            for_so_long(BEYOND_ALL_LEASES_SECONDS)
        judge(up, version, before)

        before, first_prober = {path: up.views(path) for path in FLEET}, probers()
        version = publish_and_wait_for_a_batch(up)
        with asleep(up.children()["prober"]):
            wait_until(lambda: not probers() & first_prober, seconds=20, what="the second prober probes all")
        judge(up, version, before)
    assert max(watch.in_flight) == max(watch.machines_down) == 10
    assert max(watch.batches_at_once) == 1
    assert not ill_since(seqs)
    judging.health_is_right(FLEET, FLEET)


@pytest.mark.skipif(database_kind() != "postgres", reason="SQLite has no such limit (docs/reliability.md)")
def test_a_process_halted_within_a_transaction_blocks_others_only_briefly(up: Installation) -> None:
    """Found by stopping one of two probers there: its locks stayed until it was woken, and the other one waited for them."""
    import psycopg

    wait_until(nothing_runs, seconds=60, what="no upgrade of the test before runs")
    before = {path: up.views(path) for path in FLEET}
    place = {**connections[LIVE].get_connection_params(), "options": END_IDLE_TRANSACTIONS}
    place.pop("cursor_factory", None)
    with closing(psycopg.connect(**{**place, "context": None})) as line:
        line.execute("SELECT id FROM upgrades_scaleset ORDER BY id FOR UPDATE")
        version = publish_and_wait_for_a_batch(up)
    judge(up, version, before)


@once_on("sqlite")
def test_a_prober_that_slept_blames_no_machine(up: Installation) -> None:
    """Its time-outs passed while it was not there to read the answers."""
    wait_until(nothing_runs, seconds=60, what="no upgrade of the test before runs")
    for path in FLEET:
        up.wait_healthy(path)
    seqs = places()
    with asleep(up.children()["prober"]):
        for_so_long(BEYOND_ALL_LEASES_SECONDS)
    signs = Signs(up, {})
    wait_until(lambda: signs.is_back("prober"), seconds=30, what="fresh news")
    assert not ill_since(seqs)
