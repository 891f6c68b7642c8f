"""kill -9 by plan: which processes, how many at once, after how much more has happened."""

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

import psutil
from django.db.models import Sum

from tests.crash.signs import KINDS, Signs, broker_of
from tests.end_to_end.installation import LIVE, Installation
from tests.waiting import wait_until
from upgrades.models import ScaleSet

HEALED_SECONDS = 60  # a bound, not the goal (docs/reliability.md has the figures)
MOST_EVENTS_BETWEEN = 12
EACH_AT_LEAST = 4


class Wipe(Enum):
    """What is done to the broker's data besides."""

    NOT = auto()
    FLUSH = auto()
    REMOVE = auto()


@dataclass(frozen=True)
class Round:
    """These kinds are killed in the same moment, once so many more events were written."""

    kinds: tuple[str, ...]
    after_events: int
    wipe: Wipe = Wipe.NOT


@dataclass(frozen=True)
class Healing:
    kind: str
    seconds: float
    together_with: tuple[str, ...]


def planned(chance: random.Random, kills: int) -> Iterator[Round]:
    """At least so many kills: each kind several times, some at once, the broker's data lost twice, `up` killed as a whole twice."""
    left = list(KINDS) * EACH_AT_LEAST
    left += chance.choices(KINDS, k=max(0, kills - len(left)))
    chance.shuffle(left)
    rounds = [_round(chance, ("up",)), _round(chance, ("up",))]
    rounds += [_round(chance, ("broker",), Wipe.REMOVE), _round(chance, (), Wipe.FLUSH)]
    while left:
        together = {left.pop() for _ in range(min(len(left), chance.choice((1, 1, 1, 2, 3))))}
        rounds.append(_round(chance, tuple(sorted(together))))
    chance.shuffle(rounds)
    yield from rounds


def without_end(chance: random.Random, kills: int) -> Iterator[Round]:
    while True:
        yield from planned(chance, kills)


def _round(chance: random.Random, kinds: tuple[str, ...], wipe: Wipe = Wipe.NOT) -> Round:
    return Round(kinds, chance.randint(1, MOST_EVENTS_BETWEEN), wipe)


class Killer:
    """Does the rounds one after the other: the next begins when all that was killed does its work again."""

    def __init__(self, up: Installation, say: Callable[[str], None]) -> None:
        self.up = up
        self.say = say
        self.healings: list[Healing] = []

    def do(self, one: Round) -> None:
        self._wait_for_events(one.after_events)
        if one.wipe is Wipe.FLUSH:
            with broker_of(self.up) as client:
                client.flushall()
        if not one.kinds:
            return
        signs = self._restart_all() if one.kinds == ("up",) else self._kill(one)
        for healing in self._watch_healing(signs, one.kinds):
            self.say(f"{healing.kind}: {healing.seconds:.1f} s")
            self.healings.append(healing)

    def _wait_for_events(self, number: int) -> None:
        target = _events() + number
        wait_until(lambda: _events() >= target, seconds=HEALED_SECONDS, what=f"{number} more events")

    def _kill(self, one: Round) -> Signs:
        victims = wait_until(lambda: self._all_of(one.kinds), seconds=HEALED_SECONDS, what=f"all of {one.kinds}")
        if one.wipe is Wipe.REMOVE:
            self.up.process.send_signal(signal.SIGSTOP)  # so that it is started again only once its data is gone
        for process in victims.values():
            process.kill()
        signs = Signs(self.up, {kind: process.pid for kind, process in victims.items()})
        if one.wipe is Wipe.REMOVE:
            shutil.rmtree(self.up.home / "broker")
            (self.up.home / "broker").mkdir(mode=0o700)
            self.up.process.send_signal(signal.SIGCONT)
        return signs

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
        hurt = set(kinds)
        while hurt:
            healed = wait_until(
                lambda: {kind for kind in hurt if signs.is_back(kind)}, seconds=HEALED_SECONDS, what=f"{hurt} healed"
            )
            took = time.monotonic() - signs.at
            for kind in sorted(healed):
                yield Healing(kind, took, kinds)
            hurt -= healed


def _events() -> int:
    """How many there were ever, in all scale sets."""
    events: int = ScaleSet.objects.using(LIVE).aggregate(all=Sum("seq"))["all"]
    return events
