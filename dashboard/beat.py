"""Beat's scheduler: sends each task at its interval by the monotonic clock, and stores nothing.

Celery's own schedulers compare times of the wall clock: after it was set back by two hours they send nothing for two hours, and the file
in which they store when they last sent something carries this across a restart.
"""

import logging
import time
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from kombu.exceptions import KombuError
from redis import RedisError

from upgrades import heartbeats
from upgrades.heartbeats import Part

MAX_NAP_SECONDS = 1.0

log = logging.getLogger(__name__)


class SteadyScheduler(Scheduler):
    """Sends all entries when it starts, then each at its interval. What could not be sent is tried again one interval later."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._due_at: dict[str, float] = {}
        super().__init__(*args, **options)

    def setup_schedule(self) -> None:
        """Take our own entries only (Celery would add some): their schedules are plain numbers of seconds."""
        self.merge_inplace(self.app.conf.beat_schedule)

    def tick(self, *_: Any, **__: Any) -> float:
        """Send what is due. Returns in how many seconds to call this again."""
        now = time.monotonic()
        for name, entry in self.schedule.items():
            if self._due_at.get(name, now) <= now:
                self._due_at[name] = now + float(self.app.conf.beat_schedule[name]["schedule"])
                self._send(entry)
        soonest = min(self._due_at.values(), default=now)
        return min(max(0.0, soonest - time.monotonic()), MAX_NAP_SECONDS)

    def _send(self, entry: ScheduleEntry) -> None:
        try:
            self.app.send_task(str(entry.task), **(entry.options or {}))
        except (KombuError, RedisError, OSError) as error:
            log.error("the broker is not working (%s): %s is not sent", error, entry.task)
            heartbeats.tried(Part.BEAT)
        else:
            heartbeats.worked(Part.BEAT)
