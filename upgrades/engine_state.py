"""Whether the engine does its work, and which of its parts is away since when, read from the heartbeats of all parts."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from upgrades import heartbeats
from upgrades.heartbeats import Heartbeat, HeartbeatFile, Part

AWAY_SECONDS = 10.0  # the slowest heartbeat, that of the prober, comes every few seconds
ALWAYS = (Part.TICKS, Part.BEAT, Part.WORKER, Part.PROBER)


@dataclass(frozen=True, slots=True)
class Away:
    """A part that does no work. `since`: when it last did; None where that is not known."""

    part: Part
    since: datetime | None


def away(home: Path, now: datetime, *, simulator: bool) -> list[Away]:
    """The parts that do no work now. `simulator`: whether it is needed. The broker counts only if `up` has started it."""
    record = heartbeats.read(home)
    return _away(record, time.monotonic(), now, _needed(record, simulator))


def _needed(record: HeartbeatFile | None, simulator: bool) -> list[Part]:
    found = list(ALWAYS)
    if simulator:
        found.append(Part.SIMULATOR)
    if record and record.heartbeats[Part.BROKER].worked_at:
        found.append(Part.BROKER)
    return found


def _away(record: HeartbeatFile | None, monotonic: float, now: datetime, needed: Iterable[Part]) -> list[Away]:
    if record is None:
        return [Away(part, None) for part in needed]
    ages = {part: _age(record, record.heartbeats[part], monotonic) for part in needed}
    return [
        Away(part, None if age is None else now - timedelta(seconds=age))
        for part, age in ages.items()
        if age is None or age > AWAY_SECONDS or not record.heartbeats[part].worked_at
    ]


def _age(record: HeartbeatFile, heartbeat: Heartbeat, monotonic: float) -> float | None:
    """Seconds since a part last did its work, or since `up` was started; None where the machine has rebooted since."""
    age = monotonic - (heartbeat.worked_at or record.began_at)
    return age if age >= 0 else None
