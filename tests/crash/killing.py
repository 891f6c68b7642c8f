"""kill -9 by plan: which processes, how many at once, after how much more has happened."""

import random
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil
from django.db.models import Sum

from tests.crash.signs import KINDS, Signs, broker_of
from tests.end_to_end.installation import LIVE, Installation
from tests.waiting import wait_until
from upgrades.models import ScaleSet

HEALED_SECONDS = 60  # a bound, not the goal (docs/reliability.md has the figures)
MAX_EVENTS_BETWEEN = 8
BRIEF = (6, 6, 5, 5, 4, 3, 1)  # how many at once: 30 kills
LONG = (1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6)


@dataclass(frozen=True)
class Round:
    """These kinds are killed in the same moment, once so many more events were written; none: the broker's messages are lost."""

    kinds: tuple[str, ...]
    after_events: int


@dataclass(frozen=True)
class Healing:
    kind: str
    seconds: float
    together_with: tuple[str, ...]


def planned(chance: random.Random, at_once: Sequence[int]) -> Iterator[Round]:
    """So many processes together, round by round; each kind (as nearly as may be) equally often, the broker emptied twice besides."""
    rounds = [_round(chance, ()), _round(chance, ())]
    times = dict.fromkeys(KINDS, 0)
    for size in at_once:
        together = sorted(KINDS, key=lambda kind: (times[kind], chance.random()))[:size]
        for kind in together:
            times[kind] += 1
        rounds.append(_round(chance, tuple(sorted(together))))
    chance.shuffle(rounds)
    yield from rounds


def without_end(chance: random.Random) -> Iterator[Round]:
    """Alone, some together, all; and `up` as a whole."""
    while True:
        yield from planned(chance, LONG)
        yield _round(chance, ("up",))


def _round(chance: random.Random, kinds: tuple[str, ...]) -> Round:
    return Round(kinds, chance.randint(1, MAX_EVENTS_BETWEEN))


class Killer:
    """Does the rounds one after the other: the next begins when all that was killed does its work again."""

    def __init__(self, up: Installation) -> None:
        self.up = up
        self.healings: list[Healing] = []

    def do(self, planned_round: Round) -> None:
        self._wait_for_events(planned_round.after_events)
        self.do_now(planned_round)

    def do_now(self, planned_round: Round) -> None:
        if not planned_round.kinds:
            return self._empty_the_broker()
        signs = self._restart_all() if planned_round.kinds == ("up",) else self._kill(planned_round)
        self.healings += self._watch_healing(signs, planned_round.kinds)

    def _wait_for_events(self, number: int) -> None:
        target = _events() + number
        wait_until(lambda: _events() >= target, seconds=HEALED_SECONDS, what=f"{number} more events")

    def _empty_the_broker(self) -> None:
        """All messages are gone, and it lives on (one that is killed loses them too: it keeps nothing on disk)."""
        with broker_of(self.up) as client:
            client.flushall()

    def _kill(self, planned_round: Round) -> Signs:
        victims = wait_until(
            lambda: self._all_of(planned_round.kinds), seconds=HEALED_SECONDS, what=f"all of {planned_round.kinds}"
        )
        assert victims
        for process in victims.values():
            process.kill()
        return Signs(self.up, {kind: process.pid for kind, process in victims.items()})

    def _all_of(self, kinds: tuple[str, ...]) -> dict[str, psutil.Process] | None:
        found = self.up.children()
        return {kind: found[kind] for kind in kinds} if set(kinds) <= found.keys() else None

    def _restart_all(self) -> Signs:
        pids = {kind: process.pid for kind, process in self.up.children().items()}
        self.up.end(signal.SIGKILL)
        signs = Signs(self.up, pids)
        self.up.start()
        self.up.ready()
        return signs

    def _watch_healing(self, signs: Signs, kinds: tuple[str, ...]) -> Iterator[Healing]:
        hurt = list(kinds)

        def next_healed() -> str | None:
            return next((kind for kind in hurt if signs.is_back(kind)), None)

        while hurt:
            healed = wait_until(next_healed, seconds=HEALED_SECONDS, what=f"{hurt} healed")
            assert healed
            hurt.remove(healed)
            yield Healing(healed, time.monotonic() - signs.at, kinds)


def _events() -> int:
    """How many there were ever, in all scale sets."""
    events: int = ScaleSet.objects.using(LIVE).aggregate(all=Sum("seq"))["all"]
    return events
