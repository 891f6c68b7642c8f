"""The small cloud as it is: machines and the work going on, in memory as on disk, with a listening socket for every machine that is up.

Plain code without awaits, so nobody ever sees it half changed. Every step (beginning, finishing, acts) gathers its changes and hands
them to `believe`, which commits them before anything else: whatever was answered is on disk.
"""

import asyncio
import heapq
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from upgrades.providers.base import Progress
from upgrades.providers.simulated.changes import Changes
from upgrades.providers.simulated.machines import Illness, Job, Machine, Name
from upgrades.providers.simulated.scene import Scene, read_scene
from upgrades.providers.simulated.sockets import Listeners
from upgrades.providers.simulated.store import Store
from upgrades.providers.simulated.tls import Identity
from upgrades.providers.simulated.wire import view_to_wire

log = logging.getLogger(__name__)


class Cloud:
    """`clock` gives seconds since 1970; `max_machines` fit on this computer; `identity` is what they show over TLS."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
        max_machines: int,
        identity: Identity,
    ) -> None:
        self.store, self.clock, self.max_machines = store, clock, max_machines
        self.listeners = Listeners(loop, self._http_answer, identity)
        self.count = 0
        self.serial = store.highest_serial()
        self._sets: dict[str, dict[str, Machine]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._scenes: dict[str, Scene] = {}
        self._jobs: dict[str, Job] = {}
        self._busy: dict[Name, Job] = {}
        self._due: list[tuple[float, str]] = []
        self._remember(Changes(tags=store.tags(), begun={job.id: _by(clock(), job) for job in store.running()}))
        machines = {machine.name: machine for machine in store.machines()}
        self._remember(Changes(machines=machines, made=len(machines)))

    def open_listeners(self) -> None:
        """After a start: every machine that was up listens again, where it did if that is still free."""
        moved = Changes()
        for machine in [each for machines in self._sets.values() for each in machines.values() if each.listens]:
            try:
                address = self.listeners.open(machine.name, machine.serial, machine.address)
            except OSError as error:
                log.error("%s/%s cannot listen: %s", *machine.name, error)
                address = ""
            if address != machine.address:
                moved.machines[machine.name] = replace(machine, address=address)
        self.apply(moved)

    def keys(self) -> list[str]:
        """The scale sets that have machines."""
        return sorted(key for key, machines in self._sets.items() if machines)

    def instances(self, key: str) -> Mapping[str, Machine]:
        return self._sets.get(key, {})

    def free_quota(self, key: str, quota: int | None) -> int:
        """How many more machines that scale set may have."""
        free = self.max_machines - self.count
        return max(0, free if quota is None else min(free, quota - len(self.instances(key))))

    def machine(self, name: Name) -> Machine | None:
        return self._sets.get(name[0], {}).get(name[1])

    def is_busy(self, name: Name) -> bool:
        return name in self._busy

    def scene(self, key: str) -> Scene:
        return self._scenes.get(key, Scene())

    def next_due(self) -> float | None:
        return self._due[0][0] if self._due else None

    def take_due(self, until: float, max_jobs: int) -> Iterator[Job]:
        """The jobs whose time has come; each must then be ended or postponed."""
        while self._due and self._due[0][0] <= until and max_jobs > 0:
            max_jobs -= 1
            yield self._jobs[heapq.heappop(self._due)[1]]

    def postpone(self, job: Job, until: float) -> None:
        heapq.heappush(self._due, (until, job.id))

    def are_all_running(self, ids: Iterable[str]) -> bool:
        return all(id in self._jobs for id in ids)

    def outcomes(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """{operation id: [progress, code, message, view or null]}."""
        found: dict[str, list[Any]] = {id: [Progress.RUNNING, "", "", None] for id in ids if id in self._jobs}
        for end in self.store.finished(id for id in ids if id not in found):
            found[end.id] = [end.progress, end.code, end.message, self._readdressed(end.view, end.name)]
        return {id: found.get(id, [Progress.UNKNOWN, "", "", None]) for id in ids}

    def views(self, key: str) -> list[dict[str, Any]]:
        now, scene = self.clock(), self.scene(key)
        return [
            view_to_wire(machine, self._busy.get(machine.name), now, scene) for machine in self.instances(key).values()
        ]

    def retag(self, tags: Mapping[str, dict[str, str]]) -> None:
        """The tags that the client's scale sets have now hold from now on."""
        changed = {key: own for key, own in tags.items() if self._tags.get(key) != own}
        if changed:
            self.apply(Changes(tags=changed))

    def apply(self, changes: Changes) -> None:
        """Commits the changes, then makes them so. Raises sqlite3.Error, and then nothing has changed."""
        self.store.save(changes)
        self._remember(changes)
        for name in changes.gone:
            self.listeners.close(name)
        for machine in changes.machines.values():
            if not machine.listens:
                self.listeners.close(machine.name)

    def _remember(self, changes: Changes) -> None:
        for key, tags in changes.tags.items():
            self._tags[key], self._scenes[key] = tags, read_scene(tags)
        for key, instance in changes.gone:
            del self._sets[key][instance]
        for (key, instance), machine in changes.machines.items():
            self._sets.setdefault(key, {})[instance] = machine
        self.count += changes.made - len(changes.gone)
        for job in changes.begun.values():
            self._jobs[job.id] = self._busy[job.name] = job
            heapq.heappush(self._due, (job.due_at, job.id))
        for end in changes.ended.values():
            if self._jobs.pop(end.job.id, None):
                del self._busy[end.job.name]

    def _readdressed(self, view: dict[str, Any] | None, name: Name) -> dict[str, Any] | None:
        """The same answer as ever, but for the address if the machine, still on that OS disk, has had to move."""
        machine = self.machine(name)
        if view and view["address"] and machine and machine.os_disk == view["os_disk"]:
            return view | {"address": machine.address}
        return view

    def _http_answer(self, name: Name) -> bytes | None:
        machine = self.machine(name)
        if machine is None or not machine.listens:
            return None
        is_bad = machine.illness is Illness.SICK or machine.version in self.scene(name[0]).bad_versions
        status = "503 Service Unavailable" if is_bad else "200 OK"
        word = "Unhealthy" if is_bad or machine.illness else "Healthy"
        body = json.dumps({"ApplicationHealthState": word, "instance": name[1], "version": machine.version})
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return (head + body).encode()


def _by(now: float, job: Job) -> Job:
    """A job that began in the future was begun before the clock was set back: it takes its whole time from now on."""
    if job.started_at <= now:
        return job
    return replace(job, started_at=now, due_at=now + job.due_at - job.started_at)
