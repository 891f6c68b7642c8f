"""The prober of the model: the real counts, reading and writing, in single steps that the test takes in the order it likes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from tests.orchestrator.cloud import Cloud
from tests.orchestrator.model.clocks import Clocks
from upgrades.core.machines import InstanceView
from upgrades.models import ScaleSet
from upgrades.prober import leases, reading, writing
from upgrades.prober.counts import Counts
from upgrades.prober.reading import Probed, ProbedSet
from upgrades.prober.writing import Verdict
from upgrades.probes.targets import Result, Target

SLOW_VIEW_SECONDS = 10.0
_names = count(1)


@dataclass(frozen=True, slots=True)
class Flight:
    """A probe whose answer is on its way."""

    target: Target
    ok: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of the machines of a set, and as which instances they were known when it was asked."""

    at: float
    probed: ProbedSet
    views: Mapping[str, InstanceView]


@dataclass
class Witness:
    """When, in true time, a probe began that found a machine well, by OS disk; and when each instance was last asked, by row."""

    well: dict[str, float] = field(default_factory=dict)
    asked: dict[int, float] = field(default_factory=dict)


class Prober:
    """One life of the prober process. What it holds in memory is gone with it."""

    def __init__(self, cloud: Cloud, clocks: Clocks, witness: Witness) -> None:
        self.name = f"prober-{next(_names)}"
        self._cloud, self._clocks, self._witness = cloud, clocks, witness
        self._counts = Counts()
        self._held: dict[int, int] = {}
        self._sets: dict[int, ProbedSet] = {}
        self._answered: dict[int, float | None] = {}
        self._targets: dict[int, Target] = {}
        self._flights: list[Flight] = []
        self._sights: list[Sight] = []
        self._seen_at: dict[int, float] = {}

    def round(self, only: int | None = None) -> None:
        """All steps once. `only`: of the instances only those of which this is a divisor are asked."""
        self.follow_news()
        self.ask(only)
        self.hear()
        self.see()
        self.take_sights()
        self.write()

    def breathe(self) -> None:
        """A round of which nothing is expected but that the news stays fresh."""
        self.ask()
        self.hear()
        self.see()
        self.take_sights()
        self.write()

    # --- which scale sets, which instances ---

    def follow_news(self) -> None:
        self._held = leases.claim(self.name)
        for lost in self._sets.keys() - self._held.keys():
            self._forget(lost)
        for pk, seq in self._held.items():
            if pk not in self._sets or self._sets[pk].seq < seq:
                self._know(pk, reading.read(pk))

    def _know(self, pk: int, probed: ProbedSet | None) -> None:
        if probed is None:
            return self._forget(pk)
        self._sets[pk] = probed
        self._counts.know(probed)
        if probed.probe is None:
            self._aim(pk, {})
        else:
            self._aim(pk, {one.pk: self._target(probed, one) for one in probed.instances.values() if one.address})
            self._counts.take_unreachable(probed)

    def _target(self, probed: ProbedSet, one: Probed) -> Target:
        assert probed.probe
        return Target(one.pk, f"{probed.key}/{one.number}", probed.probe_port, one.generation, probed.probe)

    def _aim(self, pk: int, targets: Mapping[int, Target]) -> None:
        """As the engine does: a probe of what has changed is dropped, and a new OS disk counts as an answer."""
        for key in [key for key, target in self._targets.items() if self._set_of(target) == self._set_key(pk)]:
            if key not in targets:
                self._drop(key)
        for key, target in targets.items():
            before = self._targets.get(key)
            if before is None:
                self._answered[key] = None
            elif before.generation != target.generation and self._answered[key] is not None:
                self._answered[key] = self._clocks.elapsed
            self._targets[key] = target
        self._flights = [one for one in self._flights if self._targets.get(one.target.key) == one.target]

    def _set_of(self, target: Target) -> str:
        return target.host.rpartition("/")[0]

    def _set_key(self, pk: int) -> str:
        return self._sets[pk].key if pk in self._sets else ""

    def _drop(self, key: int) -> None:
        del self._targets[key], self._answered[key]

    def _forget(self, pk: int) -> None:
        self._aim(pk, {})
        self._sets.pop(pk, None)
        self._held.pop(pk, None)
        self._counts.forget(pk)
        self._seen_at.pop(pk, None)
        self._sights = [one for one in self._sights if one.probed.pk != pk]

    # --- asking ---

    def ask(self, only: int | None = None) -> None:
        """Begins a probe of every target, or of some."""
        for key, target in sorted(self._targets.items()):
            group, _, number = target.host.rpartition("/")
            if only is None or int(number) % only == 0:
                ok = self._cloud.answers_well((group, number))
                self._note(key, self._cloud.machines.get((group, number)) if ok else None)
                self._flights.append(Flight(target, ok))

    def _note(self, key: int, well: object) -> None:
        self._witness.asked[key] = self._clocks.elapsed
        if well is not None:
            self._witness.well[str(getattr(well, "os_disk", ""))] = self._clocks.elapsed

    def hear(self) -> None:
        flights, self._flights = self._flights, []
        for one in flights:
            self._answered[one.target.key] = self._clocks.elapsed
            self._counts.take_result(Result(one.target, one.ok, "", 0.0))

    def see(self) -> None:
        """Asks the cloud for the machines' own state."""
        if self._cloud.faults.away in ("refuses", "hangs"):
            return
        for probed in self._sets.values():
            if (
                probed.probe is not None
                and self._clocks.elapsed - self._seen_at.get(probed.pk, -1e9) < SLOW_VIEW_SECONDS
            ):
                continue
            views = self._cloud.views(probed.key)
            self._sights.append(Sight(self._clocks.elapsed, probed, views))
            for one in probed.instances.values():
                self._witness.asked[one.pk] = self._clocks.elapsed
            for view in views.values():
                if view.is_healthy and probed.probe is None:
                    self._witness.well[view.os_disk] = self._clocks.elapsed

    def take_sights(self) -> None:
        sights, self._sights = self._sights, []
        for sight in sights:
            current = self._sets.get(sight.probed.pk)
            if current is None:
                continue
            if current.probe is None:
                self._counts.take_views(sight.probed, sight.views)
            self._seen_at[current.pk] = sight.at
            self._write_views(sight)

    # --- writing ---

    def _write_views(self, sight: Sight) -> None:
        known = sight.probed.instances
        views = {one.pk: sight.views[str(one.number)] for one in known.values() if str(one.number) in sight.views}
        try:
            writing.write_views(sight.probed.pk, views, known, self._clocks.wall())
        except ScaleSet.DoesNotExist:
            self._forget(sight.probed.pk)

    def write(self) -> None:
        """How fresh the news is counts as of now, but the verdicts are written first."""
        times = {pk: self._as_of(at) for pk in self._sets if (at := self._known_as_of(pk)) is not None}
        self.write_verdicts()
        if times:
            writing.write_probed_at(times, self._clocks.wall())

    def _as_of(self, at: float) -> datetime:
        return self._clocks.wall() - timedelta(seconds=self._clocks.elapsed - at)

    def write_verdicts(self) -> None:
        for pk, verdicts in self._counts.take_unwritten().items():
            self._write_verdicts(pk, verdicts)

    def _write_verdicts(self, pk: int, verdicts: Iterable[Verdict]) -> None:
        try:
            writing.write_verdicts(pk, list(verdicts), self._clocks.wall())
        except ScaleSet.DoesNotExist:
            self._forget(pk)

    def _known_as_of(self, pk: int) -> float | None:
        if self._sets[pk].probe is None:
            return self._seen_at.get(pk)
        if not self._counts.is_settled(pk):
            return None
        answered = [self._answered[key] for key, one in self._targets.items() if self._set_of(one) == self._set_key(pk)]
        if any(at is None for at in answered):
            return None
        return min([self._clocks.elapsed, *(at for at in answered if at is not None)])
