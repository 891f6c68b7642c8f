"""When each target is due: phases that spread by themselves, and the line of those that are due but not yet begun."""

import heapq
from collections import deque
from collections.abc import Iterator

from upgrades.probes.addresses import literal, request
from upgrades.probes.attempt import Attempt
from upgrades.probes.targets import ProbeProtocol, Target
from upgrades.probes.tls import TlsAttempt

GOLDEN = 0.6180339887498949  # multiples of it modulo 1 lie evenly, however many there are
EARLY_REPEATS = 2


class Entry:
    """One target of a group and where its probing stands. Times are of time.monotonic."""

    __slots__ = (
        "addresses",
        "answered_at",
        "attempt",
        "due_at",
        "early",
        "group",
        "kind",
        "request",
        "target",
        "ticket",
    )

    def __init__(self, group: "Group", target: Target) -> None:
        self.group = group
        self.answered_at: float | None = None
        self.attempt: Attempt | None = None
        self.due_at = 0.0
        self.ticket = 0  # of its place in the schedule or in the line; a place with another ticket is void
        self.early = EARLY_REPEATS
        self.aim(target)

    def aim(self, target: Target) -> None:
        """Probes this from now on."""
        protocol = target.settings.protocol
        self.target = target
        self.kind = TlsAttempt if protocol is ProbeProtocol.HTTPS else Attempt
        self.addresses = literal(target.host, target.port)
        is_tcp = protocol is ProbeProtocol.TCP
        self.request = b"" if is_tcp else request(target.host, target.port, target.settings.path)

    def spread(self) -> None:
        """It begins together with others: the next repeats take it to a phase of its own."""
        self.early = EARLY_REPEATS

    def next_due(self, began: float, now: float) -> float:
        """When to probe again: an interval after it was due; where that is over, after the last probe `began`; or now.

        The next two repeats after `spread` come up to half an interval early, each target's by its own share, so that targets begun
        together end up spread evenly over the whole interval, and none ever waits longer than its interval.
        """
        interval = self.target.settings.interval_seconds
        if self.early:
            self.early -= 1
            interval *= 1 - self.target.key * GOLDEN % 1 / EARLY_REPEATS
        in_phase = self.due_at + interval
        return in_phase if in_phase > now else max(began + interval, now)


class Group:
    """The targets of one scale set, and the line of those that wait for a free place."""

    __slots__ = ("entries", "in_flight", "line", "queued")

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.in_flight = 0
        self.line: deque[tuple[int, Entry]] = deque()
        self.queued = False  # whether it stands in the queue of groups with a line

    def next_in_line(self) -> Entry | None:
        while self.line:
            ticket, entry = self.line.popleft()
            if ticket == entry.ticket:
                return entry
        return None

    def oldest(self, now: float) -> float | None:
        """The oldest of the targets' last answers, None where one has none; of no targets `now`: nothing is out of date."""
        oldest = now
        for entry in self.entries.values():
            if entry.answered_at is None:
                return None
            oldest = min(oldest, entry.answered_at)
        return oldest


class Schedule:
    """Who is due when. An entry has one place at most: a new one voids the old."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Entry]] = []
        self._tickets = 0

    def put(self, entry: Entry, due_at: float) -> None:
        """Due later."""
        heapq.heappush(self._heap, (due_at, self._ticket(entry, due_at), entry))

    def put_first(self, entry: Entry, now: float) -> None:
        """Due now, before all others of its group."""
        entry.group.line.appendleft((self._ticket(entry, now), entry))

    def void(self, entry: Entry) -> None:
        entry.ticket = 0

    def first(self) -> float | None:
        """When something is due next (it may be a void place)."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[tuple[int, Entry]]:
        """Takes out all that are due, the longest due first."""
        while self._heap and self._heap[0][0] <= now:
            _, ticket, entry = heapq.heappop(self._heap)
            if ticket == entry.ticket:
                yield ticket, entry

    def _ticket(self, entry: Entry, due_at: float) -> int:
        self._tickets += 1
        entry.ticket = self._tickets
        entry.due_at = due_at
        return self._tickets
