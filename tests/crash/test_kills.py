"""It cannot be broken: versions roll through a fleet while its processes are killed with -9 at random moments.

A client of the live feed is there all the time, loses its connection with each Daphne, and holds exactly what there is in the end.
"""

import os
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import takewhile

import pytest

from tests.crash import figures, judging
from tests.crash.conftest import database_kind, soak_minutes
from tests.crash.fleets import FLEETS, Publisher, put_fleets
from tests.crash.killing import BRIEF, Killer, Round, planned, without_end
from tests.end_to_end.installation import Installation, Watch
from tests.feed_client import FeedClient

KILLS = 30
SAMPLE_EVERY_SECONDS = 0.2
SLOWEST_HEALING_SECONDS = 30
END_SECONDS = 600  # of the last upgrade and of judging a long soak

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


def rounds(chance: random.Random) -> Iterator[Round]:
    """A bounded sample; in a soak, as many as the time allows."""
    if not soak_minutes():
        yield from planned(chance, BRIEF)
        return
    end = time.monotonic() + 60 * soak_minutes()
    yield from takewhile(lambda _: time.monotonic() < end, without_end(chance))


@pytest.mark.timeout(60 * soak_minutes() + END_SECONDS)
def test_kills_lose_no_work_and_repeat_none(up: Installation) -> None:
    seed = os.environ.get("ROLLGRID_SEED") or secrets.token_hex(4)
    print(f"\nROLLGRID_SEED={seed} repeats this plan")  # noqa: T201
    put_fleets(up)
    before = {path: up.views(path) for path in FLEETS}
    killer = Killer(up)

    with ExitStack() as stack:
        watches = {path: stack.enter_context(Watch(up, path, every=SAMPLE_EVERY_SECONDS)) for path in FLEETS}
        client = stack.enter_context(FeedClient(up.signed_in(), FLEETS))
        with Publisher(up, FLEETS) as publisher:
            for planned_round in rounds(random.Random(seed)):
                killer.do(planned_round)
        for path in FLEETS:
            judging.client_holds_all(client, path)

    counts = [judging.each_swapped_once(up, path, publisher.published, before[path]) for path in FLEETS]
    result = {**figures.of_kills(seed, killer.healings, counts), "feed": figures.of_client(client)}
    figures.keep(f"kills on {database_kind()}", result)
    print(figures.shown(result))  # noqa: T201
    assert (result["lost"], result["doubled"]) == (0, 0)
    _check_the_rest(publisher.published, watches)
    assert len(killer.healings) >= KILLS or soak_minutes()
    assert client.connections > 2  # it may sleep through the second of two deaths in a row
    assert max(healing.seconds for healing in killer.healings) < SLOWEST_HEALING_SECONDS


def _check_the_rest(versions: list[str], watches: dict[str, Watch]) -> None:
    judging.every_upgrade_completed(FLEETS, versions)
    for path, watch in watches.items():
        _check_batches(path, watch)
        judging.events_replay(path)
    judging.health_is_right(FLEETS, FLEETS)


def _check_batches(path: str, watch: Watch) -> None:
    """No more than a fifth at once, at any sampled instant, by the database and by the machines."""
    most = FLEETS[path] // 5
    assert len(watch.in_flight) > 50, "too few samples to say anything"
    assert 0 < max(watch.in_flight) <= most, path
    assert max(watch.batches_at_once) == 1, path
    assert 0 < max(watch.machines_down) <= most, path
