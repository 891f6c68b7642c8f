"""It cannot be broken: versions roll through a fleet while its processes are killed with -9 at random moments."""

import os
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.crash import figures, judging
from tests.crash.conftest import soak_minutes
from tests.crash.fleets import FLEETS, Publisher, put_fleets
from tests.crash.killing import Killer, Round, planned, without_end
from tests.end_to_end.installation import Installation, Watch

KILLS = 30
SAMPLE_EVERY_SECONDS = 0.2
SLOWEST_HEALING_SECONDS = 30
END_SECONDS = 600  # of the last upgrade and of judging a long soak

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.soak]


def rounds(chance: random.Random) -> Iterator[Round]:
    """A bounded sample; in a soak, as many as the time allows."""
    if not soak_minutes():
        yield from planned(chance, KILLS)
        return
    end = time.monotonic() + 60 * soak_minutes()
    for one in without_end(chance, KILLS):
        if time.monotonic() > end:
            return
        yield one


@pytest.mark.timeout(60 * soak_minutes() + END_SECONDS)
def test_nothing_is_lost_and_nothing_is_done_twice(up: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    seed = os.environ.get("ROLLGRID_SEED") or secrets.token_hex(4)
    with capsys.disabled():
        print(f"\nseed {seed} (ROLLGRID_SEED repeats the plan)")  # noqa: T201
    put_fleets(up)
    before = {path: up.views(path) for path in FLEETS}
    import sys
    t0=time.monotonic()
    def say(w):
        with capsys.disabled(): print(f"{time.monotonic()-t0:6.1f}", w, file=sys.stderr)
    killer = Killer(up, say)

    with ExitStack() as stack:
        watches = {path: stack.enter_context(Watch(up, path, every=SAMPLE_EVERY_SECONDS)) for path in FLEETS}
        publisher = stack.enter_context(Publisher(up, FLEETS))
        for one in rounds(random.Random(seed)):
            killer.do(one)

    import psutil; say('rolled '+str(psutil.Process().cpu_times())+str(publisher.published))
    rows = figures.table(killer.healings)
    with capsys.disabled():
        print(figures.shown(rows))  # noqa: T201
    versions = publisher.published
    judging.every_upgrade_completed(FLEETS, versions)
    counts = [judging.each_swapped_once(up, path, versions, before[path]) for path in FLEETS]
    swaps, lost, doubled = (sum(getattr(one, name) for one in counts) for name in ("swaps", "lost", "doubled"))
    figures.keep(
        f"kills on {os.environ.get('DATABASE_URL', '').partition(':')[0] or 'sqlite'}",
        {"seed": seed, "kills": len(killer.healings), "swaps": swaps, "lost": lost, "doubled": doubled, "healing": rows},
    )
    assert (lost, doubled) == (0, 0)
    for path, watch in watches.items():
        _check_batches(path, watch)
    judging.health_is_right(FLEETS, FLEETS)
    for path in FLEETS:
        judging.events_replay(path)
    say('judged '+str(psutil.Process().cpu_times()))
    assert len(killer.healings) >= KILLS
    assert all(one.seconds < SLOWEST_HEALING_SECONDS for one in killer.healings), rows


def _check_batches(path: str, watch: Watch) -> None:
    """No more than a fifth at once, at any sampled instant, by the database and by the machines."""
    most = FLEETS[path] // 5
    assert len(watch.in_flight) > 50, "too few samples to say anything"
    assert 0 < max(watch.in_flight) <= most, path
    assert max(watch.batches_at_once) == 1, path
    assert 0 < max(watch.machines_down) <= most, path
