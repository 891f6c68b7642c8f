"""What one step of the cloud changes: gathered first, written in one commit, and only then believed."""

from dataclasses import dataclass, field
from typing import Any

from upgrades.providers.base import Progress
from upgrades.providers.simulated.machines import Job, Machine, Name, Work


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended. `view` is the machine as it then was (wire shape), None for a deletion or a failure."""

    job: Job
    progress: Progress
    at: float
    code: str = ""
    message: str = ""
    view: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """A machine went back from one OS disk to another; `at` as in its runs."""

    operation: str
    name: Name
    os_disk: str
    dropped: str
    at: str


@dataclass(slots=True)
class Changes:
    """`ran`: machines on which something ran, with what was known to have run on their OS disk before. `made`: how many of `machines`
    are new."""

    machines: dict[Name, Machine] = field(default_factory=dict)
    gone: list[Name] = field(default_factory=list)
    begun: dict[str, Job] = field(default_factory=dict)
    busy: set[Name] = field(default_factory=set)
    made: int = 0
    ended: dict[str, End] = field(default_factory=dict)
    ran: list[tuple[Machine, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    restored: list[Restore] = field(default_factory=list)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def begin(self, job: Job, machine: Machine, *, in_place: bool = False) -> None:
        """`in_place`: a machine is made where there is one."""
        self.begun[job.id] = job
        self.busy.add(job.name)
        self.machines[machine.name] = machine
        self.made += job.work is Work.CREATE and not in_place

    def end(self, end: End) -> None:
        self.ended[end.job.id] = end
