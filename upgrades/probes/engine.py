"""The probe engine: keeps thousands of targets probed, each at its interval, and hands on what comes of it."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from upgrades import measures
from upgrades.core.states import Health
from upgrades.probes import descriptors
from upgrades.probes.attempt import Attempt
from upgrades.probes.flights import Flights
from upgrades.probes.reactor import Reactor
from upgrades.probes.schedule import Entry, Group, Schedule
from upgrades.probes.targets import Result, Target

log = logging.getLogger(__name__)

MAX_YOUNG = 256
TOGETHER = 0.1  # seconds; probes due within it begin together, so that an idle engine wakes seldom
BREATHER = 0.2  # seconds without new probes after the descriptors ran out
COMPLAIN = 10.0  # seconds between two log lines about that


class Engine:
    """Probes all targets while `run` runs. Belongs to one event loop; nothing here may be called from another thread.

    `on_result` is called in the loop with each result as it comes. It must be quick, may call the engine, and what it
    raises ends `run`. `max_in_flight` is how many connections may be open at once, by default what the descriptor limit
    allows; `max_young` how many of them may be younger than flights.PATIENCE. All times are of time.monotonic.
    """

    def __init__(
        self,
        on_result: Callable[[Result], None],
        *,
        max_in_flight: int | None = None,
        max_young: int = MAX_YOUNG,
    ) -> None:
        self._on_result = on_result
        self._flights = Flights(max_in_flight or descriptors.max_in_flight(), max_young)
        self._groups: dict[int, Group] = {}
        self._entries: dict[int, Entry] = {}
        self._schedule = Schedule()
        self._queue: deque[Group] = deque()  # groups with targets in line; they take turns, one target each
        self._reactor: Reactor | None = None
        self._breathe_until = 0.0
        self._complain_at = 0.0

    def set_targets(self, group: int, targets: Iterable[Target]) -> None:
        """Makes these the targets of a scale set.

        New and changed ones are probed at once, and what a changed one's probe in flight finds is dropped. Unchanged
        ones keep their phase. Absent ones are forgotten.
        """
        entries = self._groups.setdefault(group, Group()).entries
        wanted = {target.key: target for target in targets}
        for key in entries.keys() - wanted.keys():
            self._forget(entries.pop(key))
        for target in wanted.values():
            self._set_target(self._groups[group], target)

    def forget(self, group: int) -> None:
        """Forgets a scale set with all its targets."""
        self.set_targets(group, ())
        del self._groups[group]

    def hurry(self, keys: Iterable[int]) -> None:
        """Probes these at once, and then every interval.

        A probe of theirs in flight is dropped: it asked how things were before. So hurry once per cause; who does it
        again and again within a time-out never learns of a failure. Unknown keys are ignored.
        """
        for key in keys:
            if entry := self._entries.get(key):
                self._probe_at_once(entry)

    def oldest(self, group: int) -> float | None:
        """When the target whose last answer is the oldest gave it: all news of the scale set is at least this fresh.

        Failures are answers too. None where a target was never answered or the scale set is unknown; now where it has
        no targets. A new OS disk voids health and counts as news, so its target counts from that moment.
        """
        known = self._groups.get(group)
        return known.oldest(time.monotonic()) if known else None

    async def run(self) -> None:
        """Probes until cancelled, or until `on_result` raises. It can be run again, then dropped probes are made again."""
        if self._reactor is not None:
            raise RuntimeError("this engine runs already")
        self._reactor = Reactor(self._step)
        try:
            await self._reactor.run()
        finally:
            for entry in self._flights.remove_all():
                self._schedule.put(entry, time.monotonic())
            self._reactor.close()
            self._reactor = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Called by an attempt that must look up a name."""
        assert self._reactor is not None, "attempts begin only while the engine runs"
        return self._reactor.spawn(work)

    def finished(self, attempt: Attempt, health: Health, detail: str) -> None:
        """Called by an attempt that has its verdict."""
        entry = self._flights.remove(attempt)
        now = time.monotonic()
        entry.answered_at = now
        self._schedule.put(entry, entry.next_due(attempt.began, now))
        measures.PROBES.add(1, health)
        measures.PROBE_SECONDS.observe(now - attempt.began)
        self._on_result(Result(attempt.target, health, detail, now - attempt.began))

    def starved(self, attempt: Attempt, error: OSError) -> None:
        """Called by an attempt that got no descriptor: it is made again after a breather."""
        attempt.drop()
        entry = self._flights.remove(attempt)
        now = time.monotonic()
        self._schedule.put_first(entry, entry.due_at)
        self._queue_up(entry.group)
        self._breathe_until = now + BREATHER
        if now >= self._complain_at:
            self._complain_at = now + COMPLAIN
            log.warning("probes wait: %s with %d in flight; raise the descriptor limit", error, len(self._flights))

    def _set_target(self, group: Group, target: Target) -> None:
        entry = group.entries.get(target.key)
        if entry is None:
            entry = group.entries[target.key] = self._entries[target.key] = Entry(group, target)
        elif entry.target is target or entry.target == target:
            return
        else:
            if entry.answered_at is not None and entry.target.generation != target.generation:
                entry.answered_at = time.monotonic()
            entry.aim(target)
        self._probe_at_once(entry)

    def _probe_at_once(self, entry: Entry) -> None:
        self._drop(entry)
        entry.spread()
        self._schedule.put_first(entry, time.monotonic())
        self._queue_up(entry.group)
        if self._reactor is not None:
            self._reactor.wake_in(0)

    def _forget(self, entry: Entry) -> None:
        self._drop(entry)
        self._schedule.void(entry)
        if self._entries.get(entry.target.key) is entry:
            del self._entries[entry.target.key]

    def _drop(self, entry: Entry) -> None:
        if entry.attempt is not None:
            entry.attempt.drop()
            self._flights.remove(entry.attempt)

    def _queue_up(self, group: Group) -> None:
        if not group.queued:
            group.queued = True
            self._queue.append(group)

    def _step(self) -> None:
        """Cuts what hangs, begins what is due, and says when to come again."""
        now = time.monotonic()
        for attempt in self._flights.overdue(now):
            attempt.cut()
        for ticket, entry in self._schedule.due(now):
            entry.group.line.append((ticket, entry))
            self._queue_up(entry.group)
        self._begin_in_turns(now)
        self._come_again(now)

    def _begin_in_turns(self, now: float) -> None:
        full: list[Group] = []
        while self._queue and now >= self._breathe_until and self._flights.may_begin():
            group = self._queue.popleft()
            if not group.line:
                group.queued = False
            elif not self._flights.has_room(group):
                full.append(group)
            else:
                self._queue.append(group)
                self._begin_next(group)
        self._queue.extendleft(reversed(full))

    def _begin_next(self, group: Group) -> None:
        entry = group.next_in_line()
        if entry is not None and self._reactor is not None:
            now = time.monotonic()
            attempt = entry.kind(entry.target, entry.request, now, self, self._reactor.poller)
            measures.PROBE_LAG.observe(now - entry.due_at)
            self._flights.add(attempt, entry)
            attempt.begin(entry.addresses)

    def _come_again(self, now: float) -> None:
        at = self._schedule.first()
        times = [at if at is not None else now + COMPLAIN]
        if self._flights:
            times.append(self._flights.sweep_at)
        if self._queue:
            times.append(self._breathe_until)
        if self._reactor is not None:
            self._reactor.wake_in(max(min(times) - now, TOGETHER))
