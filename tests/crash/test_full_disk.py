"""The state folder's disk is full: everything waits, says why, and goes on by itself when there is room again.

On SQLite the database is on that disk; on PostgreSQL only the simulator's state is.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.crash import judging
from tests.crash.conftest import once_on, soak_minutes
from tests.crash.fleets import HALVES, have_ended, publish, put_fleets
from tests.crash.troubles import for_so_long, full_disk, small_disk
from tests.end_to_end.installation import Installation, installation
from tests.waiting import wait_until
from upgrades.core.states import Provisioning

FLEET = {"crash/full": 30, "crash/unprobed": 10}
MEGABYTES = 64
FULL_SECONDS = 12 if soak_minutes() else 6

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture
def up(tmp_path: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    home = tmp_path / "home"
    with ExitStack() as stack:
        try:
            stack.enter_context(small_disk(home, MEGABYTES))
        except OSError as error:
            pytest.skip(f"only root can make a small disk: {error}")
        stack.enter_context(django_db_blocker.unblock())
        yield stack.enter_context(installation(home))


def machines_down(up: Installation) -> bool:
    return any(view.provisioning != Provisioning.SUCCEEDED for view in up.views("crash/full").values())


@once_on("sqlite")
def test_a_full_disk_stops_all_and_breaks_nothing(up: Installation) -> None:
    put_fleets(up, FLEET, boot="2", rolling=HALVES)
    before = {path: up.views(path) for path in FLEET}
    version = publish(up)
    wait_until(lambda: machines_down(up), seconds=20, what="machines in the middle of their reimage")
    with full_disk(up.home):
        for_so_long(FULL_SECONDS)
        said = up.said()
    wait_until(lambda: have_ended(FLEET, version), seconds=60, what="the upgrades' end")
    wait_until(up.is_ready, seconds=30, what="ready")
    judging.every_upgrade_completed(FLEET, [version])
    for path in FLEET:
        count = judging.each_swapped_once(up, path, [version], before[path])
        assert (count.lost, count.doubled) == (0, 0)
        judging.events_replay(path)
    if connection.vendor == "sqlite":
        assert "ERROR upgrades.tasks: the database is not working (the disk is full: database or disk is full)" in said
    assert "cannot write the state (database or disk is full)" in said
    assert "Traceback" not in said
    assert "starting it again" not in said, "nobody dies of it"
