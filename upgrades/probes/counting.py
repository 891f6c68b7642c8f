"""How results in a row become an instance's health. Pure."""

from dataclasses import dataclass

from upgrades.core.states import Health


@dataclass(frozen=True, slots=True)
class Count:
    """The health of one instance on one OS disk (`generation`), and what its latest results say.

    `streak` is how many results in a row were successes (above 0) or failures (below 0). A prober that has just started
    begins with the stored state and no streak: the state stays until there is a verdict.
    """

    generation: str
    state: Health
    streak: int = 0

    def on(self, generation: str) -> "Count":
        """The same count, or on another OS disk a void one: a reimage voids health."""
        return self if generation == self.generation else Count(generation, Health.INITIALIZING)


def judge(count: Count, generation: str, ok: bool, threshold: int) -> Count:
    """Counts one result. "Consecutive successes or failures needed to flip" is `threshold` (probeThreshold, at least 1)."""
    count = count.on(generation)
    streak = max(count.streak, 0) + 1 if ok else min(count.streak, 0) - 1
    return Count(generation, verdict(streak, threshold) or count.state, streak)


def verdict(streak: int, threshold: int) -> Health | None:
    """The state that this many results in a row prove, None where they prove nothing yet."""
    if streak >= threshold:
        return Health.HEALTHY
    return Health.UNHEALTHY if streak <= -threshold else None
