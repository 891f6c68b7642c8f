"""Machines that are in no answer of their provider any more: when they are believed to be gone.

One answer without a machine proves nothing: a provider may have answered in the middle of something, or by mistake. So it is asked
again. Where many machines are absent at once, or all, a mistake is likelier than that somebody deleted them: that takes longer to believe.
An answer that did not come says nothing either way.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from upgrades.core.machines import InstanceView
from upgrades.prober.probe_targets import Probed, ProbedSet

ANSWERS = 3  # in a row, before a machine is believed to be gone
FEW_SECONDS, MANY_SECONDS = 3.0, 40.0  # and at least so long after the first of them
MAX_FEW_PERCENT = 20


@dataclass(slots=True)
class _Absence:
    """`generation`: which machine it is. `since`: the first answer without it; monotonic."""

    generation: str
    since: float
    answers: int = 0


class Absences:
    """What this process has found absent; in memory only."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, _Absence]] = {}

    def note(self, probed: ProbedSet, views: Mapping[str, InstanceView], at: float) -> dict[int, Probed]:
        """Takes an answer to what was asked at `at` (monotonic). Says which machines are gone by now, by primary key."""
        there = [one for one in probed.instances.values() if one.os_disk]
        absent = [one for one in there if str(one.number) not in views]
        known = self._of.get(probed.pk, {})
        now = {one.pk: _again(known.get(one.pk), one, at) for one in absent}
        self._of[probed.pk] = now
        patience = MANY_SECONDS if _are_many(absent, there, views) else FEW_SECONDS
        return {one.pk: one for one in absent if now[one.pk].answers >= ANSWERS and at - now[one.pk].since >= patience}

    def is_doubtful(self, scale_set_id: int) -> bool:
        """Some machine was absent from the last answer: the provider is to be asked again soon."""
        return bool(self._of.get(scale_set_id))

    def forget(self, scale_set_id: int) -> None:
        self._of.pop(scale_set_id, None)


def _again(known: _Absence | None, one: Probed, at: float) -> _Absence:
    if known is None or known.generation != one.generation:
        return _Absence(one.generation, at, 1)
    is_newer = at > known.since
    return _Absence(known.generation, known.since, known.answers + is_newer)


def _are_many(absent: list[Probed], there: list[Probed], views: Mapping[str, InstanceView]) -> bool:
    """More than a limit's worth of them, or all."""
    most = max(1, len(there) * MAX_FEW_PERCENT // 100)
    return len(absent) > most or not views
