"""How results in a row become an instance's health. Pure."""

from dataclasses import dataclass, replace

from upgrades.core.states import Health
from upgrades.probes.targets import ProbeSettings


@dataclass(frozen=True, slots=True)
class Count:
    """The health of one instance on one OS disk (`generation`), and what its latest results say.

    `streak` is how many results in a row were `latest`, at least; it is not counted on when there is nothing more to prove. A prober
    that has just started begins with the stored state and no streak: the state stays until there is a verdict.
    """

    generation: str
    state: Health
    latest: Health | None = None
    streak: int = 0

    def on(self, generation: str) -> "Count":
        """The same count, or on another OS disk a void one: a reimage voids health."""
        return self if generation == self.generation else Count(generation, Health.INITIALIZING)


def judge(count: Count, generation: str, found: Health, settings: ProbeSettings) -> Count:
    """Counts one result. "Consecutive equal results needed to change state" is the threshold (Z-3.2, Z-3.3; at least 1)."""
    count = count.on(generation)
    if found is not count.latest:
        streak = 1
    elif found is count.state and count.streak >= settings.threshold:
        return count
    else:
        streak = count.streak + 1
    is_proven = streak >= settings.threshold and not _is_graced(count, found, settings)
    return Count(generation, found if is_proven else count.state, found, streak)


def _is_graced(count: Count, found: Health, settings: ProbeSettings) -> bool:
    """An application that only just starts may fail to answer: that ends initializing with the grace period, not before."""
    return settings.is_rich and count.state is Health.INITIALIZING and found is settings.failure


def after_grace(count: Count, seconds: float, settings: ProbeSettings) -> Count:
    """The count `seconds` after it began: "initializing until numberOfProbes equal results or grace end" (Z-3.3)."""
    is_over = settings.is_rich and count.state is Health.INITIALIZING and seconds >= settings.grace_seconds
    return replace(count, state=settings.failure) if is_over else count
