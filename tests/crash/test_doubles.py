"""Two workers and two probers at once; and one of either that sleeps beyond its leases and wakes up in the middle of another's work."""

import pytest

from tests.crash import judging
from tests.crash.fleets import have_ended, publish, put_fleets, roll_once
from tests.crash.signs import Signs
from tests.crash.troubles import another, for_so_long, halted
from tests.end_to_end.installation import LIVE, Installation, Watch
from tests.waiting import wait_until
from upgrades.core.states import Health, MemberState
from upgrades.models import InstanceUpgrade, ScaleSet, Transition

FLEET = {"crash/twice": 40, "crash/unprobed": 10}
BEYOND_ALL_LEASES_SECONDS = 6

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


def wait_for_a_batch() -> None:
    upgrading = InstanceUpgrade.objects.using(LIVE).filter(state=MemberState.UPGRADING)
    wait_until(upgrading.exists, seconds=30, what="a batch under way")


def probers() -> set[str]:
    return set(ScaleSet.objects.using(LIVE).values_list("prober", flat=True))


def test_two_of_each_double_nothing(up: Installation) -> None:
    put_fleets(up, FLEET, limits=True)
    before = {path: up.views(path) for path in FLEET}
    versions = []
    first_prober = probers()
    with another(up, "worker"), another(up, "prober"), Watch(up, "crash/twice", every=0.1) as watch:
        wait_until(lambda: "second@" in up.said(), seconds=30, what="a second worker")
        versions.append(roll_once(up, FLEET))

        versions.append(publish(up))
        wait_for_a_batch()
        with halted(up.children()["worker"]):
            for_so_long(BEYOND_ALL_LEASES_SECONDS)
        wait_until(lambda: have_ended(FLEET, versions[-1]), seconds=60, what="the end, with a worker that overslept")

        versions.append(publish(up))
        wait_for_a_batch()
        with halted(up.children()["prober"]):
            wait_until(lambda: not probers() & first_prober, seconds=20, what="the second prober probes all")
        wait_until(lambda: have_ended(FLEET, versions[-1]), seconds=60, what="the end, with a prober that overslept")

    judging.every_upgrade_completed(FLEET, versions)
    for path in FLEET:
        count = judging.each_swapped_once(up, path, versions, before[path])
        assert (count.lost, count.doubled) == (0, 0)
        judging.events_replay(path)
    assert max(watch.in_flight) == max(watch.machines_down) == 8
    assert max(watch.batches_at_once) == 1
    no_machine_was_ill = Transition.objects.using(LIVE).filter(health=Health.UNHEALTHY)
    assert not no_machine_was_ill.exists()
    judging.health_is_right(FLEET, FLEET)


def test_a_prober_that_slept_blames_no_machine(up: Installation) -> None:
    """Its time-outs passed while it was not there to read the answers."""
    put_fleets(up, FLEET, limits=True)
    seqs = {row.pk: row.seq for row in ScaleSet.objects.using(LIVE).all()}
    with halted(up.children()["prober"]):
        for_so_long(BEYOND_ALL_LEASES_SECONDS)
    signs = Signs(up, {})
    wait_until(lambda: signs.is_back("prober"), seconds=30, what="fresh news")
    for pk, seq in seqs.items():
        ill = Transition.objects.using(LIVE).filter(scale_set=pk, seq__gt=seq, health=Health.UNHEALTHY)
        assert not ill.exists()
