"""A small cloud in memory, on a virtual clock, with every fault that a test may wish for. `CloudProvider` is its provider."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import ClassVar

from tests.orchestrator.model.clocks import Clocks
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import (
    Capabilities,
    DataDiskView,
    ExtensionView,
    InstanceView,
    Operation,
    OperationKind,
    Outcome,
    Progress,
    ProviderError,
    Run,
    ScaleSetReference,
)

BOOT_SECONDS = 8.0
HANGS_SECONDS = 2.5
Name = tuple[str, str]  # scale set key, instance id


@dataclass(frozen=True, slots=True)
class Machine:
    """`reported`: the OS on the present disk has come up once."""

    name: Name
    version: str
    os_disk: str
    imaged_by: str
    data_disks: tuple[DataDiskView, ...]
    power: Power = Power.STARTING
    provisioning: Provisioning = Provisioning.CREATING
    reported: bool = False
    sick: bool = False
    runs: tuple[Run, ...] = ()
    extensions: tuple[str, ...] = ()
    kept: "Machine | None" = None  # as it was on the OS disk that its last reimage replaced


@dataclass(slots=True)
class Job:
    """`began_at` is in the processes' wall clock, `due` in the clocks' true time."""

    operation: Operation
    name: Name
    due: float
    began_at: datetime
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Swap:
    """One replaced OS disk, or one put back; `at` is in the clocks' true time."""

    operation: str
    name: Name
    old_disk: str
    new_disk: str
    at: float


@dataclass
class Faults:
    """`away`: "refuses" (says so), "hangs" (no answer), "deaf" (does it, but its answer to `begin` is lost)."""

    away: str = ""
    refusals: int = 0  # so many of the next operations are refused for now
    bad: set[str] = field(default_factory=set)  # versions whose application never answers well
    dead: set[str] = field(default_factory=set)  # versions that never boot
    failing: set[str] = field(default_factory=set)  # versions that no reimage brings
    unrestorable: set[str] = field(default_factory=set)  # versions that no restore brings back
    endless: set[Name] = field(default_factory=set)  # machines whose operations do not end


class Cloud:
    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.machines: dict[Name, Machine] = {}
        self.jobs: dict[str, Job] = {}
        self.begun: list[Job] = []
        self.swaps: list[Swap] = []  # by reimages
        self.restores: list[Swap] = []  # the disk that a reimage replaced put back in the place of its own
        self.faults = Faults()
        self.see: Callable[[str, Mapping[str, InstanceView]], Awaitable[None]] = _at_once
        self._serial = count(1)

    # --- what the provider is asked ---

    def begin(self, operations: Sequence[Operation]) -> dict[str, ProviderError]:
        self.finish_due()
        refused = {}
        for operation in operations:
            try:
                self._admit(operation)
            except ProviderError as error:
                refused[operation.id] = error
        return refused

    def poll(self, ids: Sequence[str], wait_seconds: float) -> dict[str, Outcome]:
        """May wait: then the clocks go on, up to the first moment at which one of them ends."""
        self.finish_due()
        if ids and all(self._progress(id).progress is Progress.RUNNING for id in ids) and wait_seconds:
            ends = [self.jobs[id].due for id in ids if self.jobs[id].name not in self.faults.endless]
            self.clocks.wait(max(0.0, min([self.clocks.elapsed + wait_seconds, *ends]) - self.clocks.elapsed))
            self.finish_due()
        return {id: self._progress(id) for id in ids}

    def views(self, key: str) -> dict[str, InstanceView]:
        self.finish_due()
        return {name[1]: self.view(one) for name, one in self.machines.items() if name[0] == key}

    def view(self, one: Machine) -> InstanceView:
        return InstanceView(
            instance=one.name[1],
            os_disk=one.os_disk,
            version=one.version,
            power=one.power,
            provisioning=one.provisioning,
            address=f"{one.name[0]}/{one.name[1]}",
            data_disks=one.data_disks,
            extensions=tuple(ExtensionView(name, one.provisioning) for name in one.extensions),
            runs=one.runs,
        )

    def _progress(self, id: str) -> Outcome:
        job = self.jobs.get(id)
        return (job.outcome or Outcome(Progress.RUNNING)) if job else Outcome(Progress.UNKNOWN)

    # --- operations ---

    def _admit(self, operation: Operation) -> None:
        if operation.id in self.jobs:
            return
        name = (operation.scale_set.key, operation.instance)
        if self.faults.refusals > 0:
            self.faults.refusals -= 1
            raise ProviderError("TooManyRequests", "come again later", permanent=False)
        if self.running(name):
            raise ProviderError("OperationInProgress", f"another operation runs on {name}", permanent=False)
        job = Job(operation, name, self.clocks.elapsed + BOOT_SECONDS, self.clocks.wall())
        self._go_down(job, self.machines.get(name))
        self.jobs[operation.id] = job
        self.begun.append(job)

    def _go_down(self, job: Job, machine: Machine | None) -> None:
        match job.operation.kind:
            case OperationKind.CREATE if machine is not None:
                raise ProviderError("InstanceExists", f"{job.name} exists already", permanent=True)
            case OperationKind.CREATE:
                self.machines[job.name] = self._made(job)
            case OperationKind.REIMAGE | OperationKind.RESTORE if machine is None:
                raise ProviderError("InstanceNotFound", f"there is no {job.name}", permanent=True)
            case OperationKind.RESTORE if machine is not None and _is_up_on(machine, job.operation.os_disk):
                job.outcome = Outcome(Progress.SUCCEEDED, self.view(machine))
            case OperationKind.REIMAGE | OperationKind.RESTORE if machine is not None:
                _check_disk(machine, job.operation)
                self.machines[job.name] = replace(machine, power=Power.STARTING, provisioning=Provisioning.UPDATING)
            case OperationKind.DELETE if machine is None:
                job.outcome = Outcome(Progress.SUCCEEDED)
            case OperationKind.DELETE if machine is not None:
                self.machines[job.name] = replace(machine, power=Power.STOPPED, provisioning=Provisioning.DELETING)

    def _made(self, job: Job) -> Machine:
        profile = job.operation.profile
        disks = profile.data_disks if profile else ()
        views = tuple(DataDiskView(one.lun, self._new("data"), self._new("marker")) for one in disks)
        return Machine(job.name, _version(job), self._new("os"), job.operation.id, views)

    def running(self, name: Name) -> Job | None:
        return next((job for job in self.jobs.values() if job.name == name and job.outcome is None), None)

    def finish_due(self) -> None:
        running = [job for job in self.jobs.values() if job.outcome is None and job.name not in self.faults.endless]
        for job in sorted(running, key=lambda job: job.due):
            if job.due <= self.clocks.elapsed:
                self._finish(job)

    def _finish(self, job: Job) -> None:
        machine = self.machines.get(job.name)
        if machine is None or job.operation.kind is OperationKind.DELETE:
            self.machines.pop(job.name, None)
            is_well = job.operation.kind is OperationKind.DELETE
            job.outcome = Outcome(Progress.SUCCEEDED) if is_well else _failure("InstanceNotFound")
        elif self._fails(job, machine):
            self.machines[job.name] = replace(machine, power=Power.RUNNING, provisioning=Provisioning.FAILED)
            job.outcome = _failure("OSProvisioningClientError")
        else:
            is_restore = job.operation.kind is OperationKind.RESTORE
            after = self._restored(machine, job) if is_restore else self._booted(self._swapped(machine, job), job)
            self.machines[job.name] = after
            job.outcome = Outcome(Progress.SUCCEEDED, self.view(after))

    def _fails(self, job: Job, machine: Machine) -> bool:
        if job.operation.kind is OperationKind.RESTORE:
            return _on_disk(machine, job.operation.os_disk).version in self.faults.unrestorable
        return job.operation.kind is OperationKind.REIMAGE and _version(job) in self.faults.failing

    def _restored(self, machine: Machine, job: Job) -> Machine:
        """Booted from the disk that it kept, or from the one that it is on; nothing runs again."""
        back = _on_disk(machine, job.operation.os_disk)
        if back is not machine:
            swap = Swap(job.operation.id, job.name, machine.os_disk, back.os_disk, self.clocks.elapsed)
            self.restores.append(swap)
        is_up = back.reported or back.version not in self.faults.dead
        state = Provisioning.SUCCEEDED if is_up else Provisioning.CREATING
        return replace(back, sick=machine.sick, power=Power.RUNNING, provisioning=state, reported=is_up)

    def _swapped(self, machine: Machine, job: Job) -> Machine:
        if job.operation.kind is OperationKind.CREATE:
            return machine
        new_disk = self._new("os")
        self.swaps.append(Swap(job.operation.id, job.name, machine.os_disk, new_disk, self.clocks.elapsed))
        return replace(
            machine,
            version=_version(job),
            os_disk=new_disk,
            imaged_by=job.operation.id,
            provisioning=Provisioning.CREATING,
            reported=False,
            kept=replace(machine, kept=None),
        )

    def _booted(self, machine: Machine, job: Job) -> Machine:
        profile = job.operation.profile
        names = [one.name for one in profile.extensions] if profile else []
        ordered = tuple(_in_order({one.name: one.after for one in profile.extensions})) if profile else ()
        what = (*(["customData"] if profile and profile.custom_data else []), *ordered)
        runs = tuple(Run(one, machine.os_disk, f"{self.clocks.elapsed:012.3f} {at}") for at, one in enumerate(what))
        running = replace(machine, power=Power.RUNNING, extensions=tuple(names))
        if machine.version in self.faults.dead:
            return running
        return replace(running, reported=True, provisioning=Provisioning.SUCCEEDED, runs=runs)

    def _new(self, kind: str) -> str:
        return f"{kind}-{next(self._serial)}"

    # --- what befalls machines ---

    def answers_well(self, name: Name) -> bool:
        self.finish_due()
        one = self.machines.get(name)
        return (
            one is not None
            and one.reported
            and one.power is Power.RUNNING
            and not one.sick
            and one.version not in self.faults.bad
        )

    def change(self, name: Name, *, sick: bool | None = None, power: Power | None = None) -> None:
        """Makes it sick or well, stops or starts it; a machine that an operation runs on is left alone."""
        one = self.machines.get(name)
        if one is None or self.running(name):
            return
        well = one.sick if sick is None else sick
        self.machines[name] = replace(one, sick=well, power=power or one.power)

    def forget_job(self, name: Name) -> None:
        """The cloud loses an operation in the middle: the machine is as it was, and nobody ever heard of it."""
        job = self.running(name)
        if job is None or job.operation.kind not in (OperationKind.REIMAGE, OperationKind.RESTORE):
            return
        del self.jobs[job.operation.id]
        one = self.machines[name]
        state = Provisioning.SUCCEEDED if one.reported else Provisioning.CREATING
        self.machines[name] = replace(one, power=Power.RUNNING, provisioning=state)

    def vanish(self, name: Name) -> None:
        """Somebody deletes the machine behind our back, whatever runs on it."""
        self.finish_due()
        if self.machines.pop(name, None) and (job := self.running(name)):
            job.outcome = _failure("InstanceNotFound")


class CloudProvider:
    """The provider of the cloud that the location's settings name."""

    capabilities = Capabilities(poll_seconds=0)
    clouds: ClassVar[dict[str, Cloud]] = {}

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        self._cloud = self.clouds[str(settings["cloud"])]

    async def begin(self, operations: Sequence[Operation]) -> Mapping[str, ProviderError]:
        self._answer()
        refused = self._cloud.begin(operations)
        if self._cloud.faults.away == "deaf":
            self._hang()
        return refused

    async def poll(self, operation_ids: Sequence[str], *, wait_seconds: float = 0) -> Mapping[str, Outcome]:
        self._answer()
        return self._cloud.poll(operation_ids, wait_seconds)

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        self._answer()
        views = self._cloud.views(scale_set.key)
        await self._cloud.see(scale_set.key, views)
        return views

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        return address, port

    async def close(self) -> None:
        pass

    def _answer(self) -> None:
        if self._cloud.faults.away == "refuses":
            raise ProviderError("ServiceUnavailable", "it is away", permanent=False)
        if self._cloud.faults.away == "hangs":
            self._hang()

    def _hang(self) -> None:
        """As the caller sees it: its patience is over, the time is gone."""
        self._cloud.clocks.wait(HANGS_SECONDS)
        raise TimeoutError


async def _at_once(key: str, views: Mapping[str, InstanceView]) -> None:
    """What was seen of the machines of a scale set takes no time to arrive; a test may put something slower here."""


def _version(job: Job) -> str:
    return job.operation.image.version if job.operation.image else ""


def _on_disk(machine: Machine, os_disk: str) -> Machine:
    """The machine as it is, or was, on that disk."""
    return machine.kept if machine.kept and machine.kept.os_disk == os_disk else machine


def _is_up_on(machine: Machine, os_disk: str) -> bool:
    is_up = machine.power is Power.RUNNING and machine.provisioning is Provisioning.SUCCEEDED
    return is_up and machine.os_disk == os_disk


def _check_disk(machine: Machine, operation: Operation) -> None:
    if operation.kind is OperationKind.RESTORE and _on_disk(machine, operation.os_disk).os_disk != operation.os_disk:
        raise ProviderError("OSDiskNotFound", f"{machine.name} keeps no OS disk {operation.os_disk}", permanent=True)


def _failure(code: str) -> Outcome:
    return Outcome(Progress.FAILED, code=code, message="the test wants it so")


def _in_order(after: Mapping[str, tuple[str, ...]]) -> list[str]:
    waiting, order = dict(after), list[str]()
    while waiting:
        free = next(name for name, first in waiting.items() if not any(other in waiting for other in first))
        del waiting[free]
        order.append(free)
    return order
