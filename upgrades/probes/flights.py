"""The probes in flight, and who may begin another one."""

from upgrades.probes.attempt import Attempt
from upgrades.probes.schedule import Entry, Group

SWEEP = 0.05  # seconds between two looks for probes whose time is up; an idle engine looks each engine.TOGETHER
PATIENCE = 0.1  # seconds; a healthy responder answers well within it


class Flights:
    """Nobody starves, by two rules.

    A probe older than PATIENCE is slow and no longer counts against `max_young`, which only keeps bursts short: hanging
    targets do not hold up the rest. And a group may hold at most as many places as are still free: a scale set whose
    targets all hang gets half of `max_in_flight`, two get a third each, and some are always left for the others.
    """

    def __init__(self, max_in_flight: int, max_young: int) -> None:
        self._max_in_flight = max_in_flight
        self._max_young = max_young
        self._flying: dict[Attempt, Entry] = {}
        self._young = 0
        self.sweep_at = 0.0

    def __len__(self) -> int:
        return len(self._flying)

    def may_begin(self) -> bool:
        return self._young < self._max_young and len(self._flying) < self._max_in_flight

    def has_room(self, group: Group) -> bool:
        return group.in_flight < self._max_in_flight - len(self._flying)

    def add(self, attempt: Attempt, entry: Entry) -> None:
        self._flying[attempt] = entry
        self._young += 1
        entry.attempt = attempt
        entry.group.in_flight += 1

    def remove(self, attempt: Attempt) -> Entry:
        entry = self._flying.pop(attempt)
        self._young -= not attempt.slow
        entry.attempt = None
        entry.group.in_flight -= 1
        return entry

    def remove_all(self) -> list[Entry]:
        """Drops all of them, without verdicts."""
        attempts = list(self._flying)
        for attempt in attempts:
            attempt.drop()
        return [self.remove(attempt) for attempt in attempts]

    def overdue(self, now: float) -> list[Attempt]:
        """Those whose time is up; looks only once in SWEEP, because one look at all is cheaper than a timer for each."""
        if now < self.sweep_at:
            return []
        self.sweep_at = now + SWEEP
        slow = [attempt for attempt in self._flying if now - attempt.began > PATIENCE]
        for attempt in slow:
            self._young -= not attempt.slow
            attempt.slow = True
        return [attempt for attempt in self._flying if now >= attempt.deadline]
