"""The real prober on the model's clock. Replaced are its edges only: sockets (`Wire`), the database's thread (`Desk`), the event loop.

It does nothing but when the test lets it (`go_on`). What it has asked for and not got yet stays under way as long as the test likes:
answers of machines on the wire, reads and writes on the desk.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from django.db import DatabaseError

from tests.orchestrator.cloud import Cloud, Name
from tests.orchestrator.model.clocks import Clocks
from upgrades.core.machines import InstanceView
from upgrades.core.states import Health
from upgrades.models import ScaleSet
from upgrades.models.thread import DatabaseThread
from upgrades.prober import process
from upgrades.probes.targets import Target

MAX_TURNS = 2000


@dataclass
class Witness:
    """When, in true time, a question was put that found a machine well, by OS disk (its probe, or its own state); and when each machine
    was last asked."""

    probed_well: dict[str, float] = field(default_factory=dict)
    seen_well: dict[str, float] = field(default_factory=dict)
    asked: dict[Name, float] = field(default_factory=dict)


class Loop(asyncio.SelectorEventLoop):
    """An event loop on the model's clock, which never waits: it does what can be done now."""

    _ready: deque[Any]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        super().__init__()

    def time(self) -> float:
        return self._clocks.elapsed

    def turn(self) -> None:
        for _ in range(MAX_TURNS):
            self.call_soon(self.stop)
            self.run_forever()
            if not self._ready and not (self._scheduled and self._scheduled[0].when() <= self.time()):
                return
        raise AssertionError("the prober runs in circles")


# --- the sockets ------------------------------------------------------------------------------------------------------


class Owner(Protocol):
    def finished(self, attempt: "Attempt", health: Health, detail: str) -> None: ...


class Wire:
    """Stands for the poller of sockets. Machines are asked when a probe begins; their answers arrive when the test says so."""

    def __init__(self, cloud: Cloud, clocks: Clocks, witness: Witness) -> None:
        self.cloud, self._clocks, self._witness = cloud, clocks, witness
        self._bell, self._rope = os.pipe()
        self._under_way: list[Attempt] = []
        self._arrived: list[Attempt] = []
        self._seen: list[asyncio.Future[None]] = []
        self._is_closed = False

    def ask(self, attempt: "Attempt") -> bool:
        group, _, number = attempt.target.host.rpartition("/")
        ok = self.cloud.answers_well((group, number))
        self._witness.asked[group, number] = self._clocks.elapsed
        if ok:
            self._witness.probed_well[self.cloud.machines[group, number].os_disk] = self._clocks.elapsed
        self._under_way.append(attempt)
        return ok

    async def see(self, key: str, views: Mapping[str, InstanceView]) -> None:
        """The provider has looked at its machines; what it saw is on its way."""
        for number, view in views.items():
            self._witness.asked[key, number] = self._clocks.elapsed
            if view.is_healthy:
                self._witness.seen_well[view.os_disk] = self._clocks.elapsed
        arrives = asyncio.get_running_loop().create_future()
        self._seen.append(arrives)
        await arrives

    def arrive(self) -> bool:
        """All that is under way arrives. False where nothing is."""
        is_something = bool(self._under_way or self._seen)
        for future in self._seen:
            if not future.done():
                future.set_result(None)
        self._arrived += self._under_way if not self._is_closed else []
        self._seen, self._under_way = [], []
        if self._arrived:
            os.write(self._rope, b"!")
        return is_something

    # what the prober's reactor asks of a poller

    def fileno(self) -> int:
        return self._bell

    def ready(self) -> list[tuple["Attempt", bool]]:
        if self._arrived:
            os.read(self._bell, 1000)
        arrived, self._arrived = self._arrived, []
        return [(attempt, True) for attempt in arrived]

    def close(self) -> None:
        self._is_closed, self._arrived = True, []
        os.close(self._bell)
        os.close(self._rope)


class Attempt:
    """Stands for one probe's socket."""

    def __init__(self, target: Target, request: bytes, began: float, owner: Owner, poller: Wire) -> None:
        self.target, self.began = target, began
        self.deadline = began + target.settings.timeout_seconds
        self.slow = self.over = False
        self._owner, self._wire = owner, poller
        self._ok = False

    def begin(self, addresses: Sequence[object]) -> None:
        self._ok = self._wire.ask(self)

    def advance(self, readable: bool) -> None:
        self._end(self._ok, "HTTP 200" if self._ok else "connection refused")

    def cut(self) -> None:
        self._end(False, "no answer")

    def drop(self) -> None:
        self.over = True

    def _end(self, ok: bool, detail: str) -> None:
        if not self.over:
            self.drop()
            self._owner.finished(self, Health.HEALTHY if ok else Health.UNHEALTHY, detail)


# --- the database's thread --------------------------------------------------------------------------------------------


class Desk(DatabaseThread):
    """One piece of work after the other, each when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self.is_closed = False

    async def __call__(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.is_closed:
            return None
        done = asyncio.get_running_loop().create_future()
        self.jobs.append((partial(act, *args, **kwargs), done))
        return await done

    def do_next(self) -> None:
        """What the prober is prepared for it hears of; everything else is an error of the test or of the product."""
        act, done = self.jobs.popleft()
        try:
            answer = act()
        except (DatabaseError, ScaleSet.DoesNotExist) as error:
            if not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(answer)

    def close(self) -> None:
        self.is_closed = True


# --- the process ------------------------------------------------------------------------------------------------------


class Prober:
    """One life of the prober process. What it holds in memory is gone with it."""

    current_wire: Wire  # the one that the next reactor takes for its poller

    def __init__(self, cloud: Cloud, clocks: Clocks, witness: Witness, on_change: Callable[..., None]) -> None:
        self._loop = Loop(clocks)
        self._wire = Prober.current_wire = Wire(cloud, clocks, witness)
        self._desk = Desk()
        self._stop = asyncio.Event()
        self._is_busy = False
        self.is_halted = False
        self._process = process.Prober(Path("nowhere"), clocks.wall, on_change)
        self._process._database = self._desk
        self._life = self._loop.create_task(self._process.run(self._stop))
        self._turn()

    def go_on(self, *, jobs: int = 1000, hold: bool = False) -> None:
        """Does all that is due: at most so many pieces of database work; `hold`: what is asked of machines now stays under way."""
        if self._is_busy or self.is_halted:  # the database's thread is in the middle of something
            return
        self._is_busy = True
        self._wire.arrive()
        self._turn(hold)
        while self._desk.jobs and jobs:
            jobs -= 1
            self._desk.do_next()
            self._turn(hold)
        self._is_busy = False
        if self._life.done():
            self._life.result()

    def hear(self, heads: Mapping[int, int]) -> None:
        """A hint comes."""
        for scale_set_id, seq in heads.items():
            self._process._hear(scale_set_id, seq)

    def _turn(self, hold: bool = False) -> None:
        self._wire.cloud.see = self._wire.see
        self._loop.turn()
        while not hold and self._wire.arrive():
            self._loop.turn()

    def leave(self) -> None:
        """An orderly end: it gives its scale sets back."""
        self._stop.set()
        self._is_busy = False
        for _ in range(5):
            self.go_on()
            if self._life.done():
                break
            self._loop.turn()
        self.die()

    def die(self) -> None:
        """Its database work is never done, nobody hears of it again."""
        self._desk.close()
        self._life.cancel()
        for _, done in self._desk.jobs:
            done.cancel()
        with suppress(BaseException):
            self._loop.turn()
            self._life.result()
        self._loop.close()


async def no_hints(on_hint: Callable[[int, int], None]) -> None:
    """The model says itself what a prober hears."""
    await asyncio.get_running_loop().create_future()
