"""Wakes that come together cost one reconcile, and none waits longer than a tenth of a second."""

import random
import threading

from tests.waiting import wait_until
from upgrades.orchestrator.wakes import Reconciler, Wakes
from upgrades.tasks import GATHER_SECONDS

MAX_WAIT = 0.1
RECONCILE_TAKES = 0.01


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_wake_out_of_the_blue_is_followed_at_once() -> None:
    clock = Clock()
    wakes = Wakes(clock)
    assert wakes.next_in() is None
    wakes.wake(1)
    assert wakes.next_in() == 0.0
    assert wakes.take() == [1]
    assert wakes.take() == []


def test_a_hundred_wakes_during_a_reconcile_cost_one_more() -> None:
    clock = Clock()
    wakes = Wakes(clock)
    wakes.wake(1)
    wakes.take()
    for _ in range(100):
        clock.now += 0.0001
        wakes.wake(1)
    assert wakes.take() == []
    wakes.done(1)
    clock.now = MAX_WAIT
    assert wakes.take() == [1]
    wakes.done(1)
    assert wakes.next_in() is None


def test_scale_sets_are_reconciled_in_parallel() -> None:
    wakes = Wakes(Clock())
    wakes.wake(1)
    wakes.take()
    wakes.wake(2)
    wakes.wake(1)
    assert wakes.take() == [2]


def test_a_wake_with_within_waits_at_most_that_long() -> None:
    clock = Clock()
    wakes = Wakes(clock)
    wakes.wake(1, within=0.06)
    assert wakes.take() == []
    clock.now = 0.03
    wakes.wake(1)
    assert wakes.take() == [1]
    wakes.done(1)
    clock.now = 0.2
    wakes.wake(1, within=0.06)
    clock.now = 0.25
    wakes.wake(1, within=0.06)  # puts nothing off
    clock.now = 0.261
    assert wakes.take() == [1]


def test_every_wake_is_followed_by_a_reconcile_within_a_tenth_of_a_second_and_many_wakes_cost_few() -> None:
    for seed in range(50):
        chance, clock = random.Random(seed), Clock()
        wakes, waiting, ends = Wakes(clock), dict[int, float](), dict[int, float]()
        woken = reconciled = 0
        while clock.now < 5:
            clock.now += chance.expovariate(500)
            for pk in [pk for pk, at in ends.items() if at <= clock.now]:
                wakes.done(pk)
                del ends[pk]
            pk = chance.randrange(3)
            wakes.wake(pk, within=chance.choice((0.0, GATHER_SECONDS)))
            waiting.setdefault(pk, clock.now)
            woken += 1
            for taken in wakes.take():
                assert clock.now - waiting.pop(taken) <= MAX_WAIT
                ends[taken] = clock.now + RECONCILE_TAKES
                reconciled += 1
        assert woken > 2000
        assert reconciled <= 3 * 5 / 0.08 + 3


def test_an_error_in_one_reconciling_stops_no_other() -> None:
    seen, go_on = list[int](), threading.Event()

    def reconcile(scale_set_id: int) -> None:
        seen.append(scale_set_id)
        if len(seen) == 1:
            go_on.wait(10)
            raise RuntimeError("nobody expected that")

    reconciler = Reconciler(reconcile)
    reconciler.start()
    reconciler.wake(7)
    wait_until(lambda: seen == [7], seconds=10, what="the first reconcile")
    for _ in range(20):
        reconciler.wake(7)
    go_on.set()
    wait_until(lambda: seen == [7, 7], seconds=10, what="the one reconcile for all of those wakes")


def test_a_reconcile_that_hangs_is_noticed_until_it_ends() -> None:
    goes_on = threading.Event()

    def reconcile(_: int) -> None:
        goes_on.wait(30)

    reconciler = Reconciler(reconcile)
    reconciler.start()
    assert not reconciler.is_hanging(0.0)
    reconciler.wake(1)
    wait_until(lambda: reconciler.is_hanging(0.05), what="a reconcile hangs")
    assert not reconciler.is_hanging(30.0)
    goes_on.set()
    wait_until(lambda: not reconciler.is_hanging(0.0), what="it has ended")
