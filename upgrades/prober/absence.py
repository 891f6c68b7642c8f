"""When machines that are absent from their provider's answers are believed to be gone.

One answer without a machine proves nothing: the provider may have been in the middle of something, or wrong. So it is asked again. Where
many machines are absent at once, or all, a mistake is likelier than a deletion, so it takes longer until they count as gone.
A request that got no answer says nothing either way.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from upgrades.core.machines import InstanceView
from upgrades.prober.probe_targets import Probed, ProbedSet

ANSWERS = 3  # so many in a row must lack a machine before it is believed to be gone
# It must also have been absent for at least so long: where few machines are absent, and where many are.
FEW_SECONDS, MANY_SECONDS = 3.0, 40.0
MAX_FEW_PERCENT = 20  # up to this percent of a scale set's machines count as few


@dataclass(slots=True)
class _Absence:
    """One absent machine. `generation` tells it from others of the same instance; `since`: its first answer without it, monotonic."""

    generation: str
    since: float
    answers: int = 0


class Absences:
    """The machines that this process has found absent, by scale set; in memory only."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, _Absence]] = {}

    def note(self, probed: ProbedSet, views: Mapping[str, InstanceView], at: float) -> dict[int, Probed]:
        """Take the provider's answer to the request of `at` (monotonic). Returns {pk: instance} of those whose machines are gone by now."""
        there = [instance for instance in probed.instances.values() if instance.os_disk]
        absent = [instance for instance in there if str(instance.number) not in views]
        known = self._of.get(probed.pk, {})
        now = {instance.pk: _again(known.get(instance.pk), instance, at) for instance in absent}
        self._of[probed.pk] = now
        patience = MANY_SECONDS if _are_many(absent, there, views) else FEW_SECONDS
        return {
            instance.pk: instance
            for instance in absent
            if now[instance.pk].answers >= ANSWERS and at - now[instance.pk].since >= patience
        }

    def is_doubtful(self, scale_set_id: int) -> bool:
        """Whether a machine was absent from the last answer: then the provider is to be asked again soon."""
        return bool(self._of.get(scale_set_id))

    def forget(self, scale_set_id: int) -> None:
        self._of.pop(scale_set_id, None)


def _again(known: _Absence | None, instance: Probed, at: float) -> _Absence:
    if known is None or known.generation != instance.generation:
        return _Absence(instance.generation, at, 1)
    is_newer = at > known.since
    return _Absence(known.generation, known.since, known.answers + is_newer)


def _are_many(absent: list[Probed], there: list[Probed], views: Mapping[str, InstanceView]) -> bool:
    """Whether more machines are absent than MAX_FEW_PERCENT (one is always few), or the answer has no machine at all."""
    max_few = max(1, len(there) * MAX_FEW_PERCENT // 100)
    return len(absent) > max_few or not views
