"""Notices children that hang, and has them started anew; says who does no work.

A child that hangs comes round no more: it leaves no heartbeat. What counts is the time during which this process itself ran: where the
whole machine was suspended, or all processes halted, nobody is blamed for that.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dashboard.supervisor.children import Child
from dashboard.supervisor.descriptors import Descriptors
from dashboard.supervisor.output import Output
from upgrades.heartbeats import Heartbeats, Part

LOOK_SECONDS = 1.0
MAX_STEP_SECONDS = 2.0  # counted between two looks: what is more, this process did not run
START_SECONDS = 60.0  # that a child may take at least until its first heartbeat
AWAY_SECONDS = 10.0  # without work, until it is said
ASK_SECONDS = 2.0  # between two questions to a child that only answers

Question = Callable[[float], Awaitable[bool]]


def counted(before: float, now: float) -> float:
    """Seconds between two looks, without those in which this process stood still."""
    return min(now - before, MAX_STEP_SECONDS)


@dataclass(slots=True)
class _Quiet:
    """For how long this process has seen nothing of one part."""

    seen: object = None
    seconds: float = 0.0

    def look(self, seen: object, step: float) -> float:
        self.seconds = self.seconds + step if seen == self.seen else 0.0
        self.seen = seen
        return self.seconds


@dataclass(slots=True)
class Watched:
    """One child."""

    child: Child
    quiet: _Quiet = field(default_factory=_Quiet)

    def look(self, tried_at: float, step: float) -> float:
        """How long it has been quiet. Another process begins anew."""
        return self.quiet.look((self.child.pid, tried_at), step)


class Watch:
    """`hang_seconds`: a child that comes round no more for so long is killed, and its keeper starts another one."""

    def __init__(self, heartbeats: Heartbeats, output: Output, hang_seconds: float) -> None:
        self._heartbeats = heartbeats
        self._output = output
        self._hang_seconds = hang_seconds
        self._watched: dict[Part, Watched] = {}
        self._descriptors: dict[Part, Descriptors] = {}
        self._idle: dict[Part, _Quiet] = {}
        self._away: dict[Part, float] = {}
        self._questions: dict[Part, Question] = {}

    def add(self, part: Part, child: Child, question: Question | None = None) -> None:
        """`question` asks a child that only answers; it is given the seconds to wait, and says whether there was an answer."""
        self._watched[part] = Watched(child)
        self._descriptors[part] = Descriptors(child.program.name, self._output)
        self._idle[part] = _Quiet()
        if question:
            self._questions[part] = question

    def add_ticks(self) -> None:
        """Ticks are nobody's alone: that none is done is said, and nobody is killed for it."""
        self._idle[Part.TICKS] = _Quiet()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for part, question in self._questions.items():
                group.create_task(self._ask(part, question))
            group.create_task(self._look_again_and_again())

    async def _ask(self, part: Part, question: Question) -> None:
        while True:
            if await question(self._hang_seconds):
                self._heartbeats.worked(part)
            await asyncio.sleep(ASK_SECONDS)

    async def _look_again_and_again(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            self.look(counted(before, now))
            before = now

    def look(self, step: float) -> None:
        """Looks at all of them; `step` seconds have passed since the last look."""
        for part, watched in self._watched.items():
            if watched.child.pid:
                self._descriptors[part].look(watched.child.pid, step)
                self._end_if_it_hangs(watched, self._heartbeats.of(part).tried_at, step)
        for part, idle in self._idle.items():
            self._report_absent_parts(part, idle, step)

    def _end_if_it_hangs(self, watched: Watched, tried_at: float, step: float) -> None:
        quiet = watched.look(tried_at, step)
        is_starting = tried_at < watched.child.began_at
        patience = max(self._hang_seconds, START_SECONDS) if is_starting else self._hang_seconds
        if quiet >= patience:
            watched.quiet = _Quiet()
            watched.child.end_hung(f"did nothing for {patience:g} s and was killed")

    def _report_absent_parts(self, part: Part, idle: _Quiet, step: float) -> None:
        """Once when it is found out, and once when it is over. What has done nothing yet is still starting."""
        worked_at = self._heartbeats.of(part).worked_at
        seconds = idle.look(worked_at, step)
        if part in self._away and not seconds:
            del self._away[part]
            self._output.say(f"{_WORDS.get(part, part)} again")
        elif part not in self._away and worked_at and seconds >= AWAY_SECONDS:
            self._away[part] = worked_at
            self._output.say(f"{_NO_WORK.get(part, f'{part} has done no work')} for {AWAY_SECONDS:g} s")


_NO_WORK = {
    Part.TICKS: "no tick was done",
    Part.DAPHNE: "daphne has answered nothing",
    Part.UVICORN: "uvicorn has answered nothing",
    Part.SIMULATOR: "the simulator has answered nothing",
    Part.BROKER: "the broker has answered nothing",
}
_WORDS = {
    Part.TICKS: "ticks are done",
    Part.DAPHNE: "daphne answers",
    Part.UVICORN: "uvicorn answers",
    Part.SIMULATOR: "the simulator answers",
    Part.BROKER: "the broker answers",
    Part.WORKER: "the worker works",
    Part.PROBER: "the prober works",
    Part.BEAT: "beat works",
}
