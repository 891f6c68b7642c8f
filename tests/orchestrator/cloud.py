"""A small cloud in memory, on a virtual clock, with every fault that a test may wish for. Its provider is in cloud_provider.py."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from tests.orchestrator.machines import Machine, extension_state, in_order, is_up_on, on_disk
from tests.orchestrator.machines import Name as Name
from tests.orchestrator.model.clocks import Clocks
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import (
    DataDiskView,
    Extension,
    ExtensionView,
    InstanceView,
    Operation,
    OperationKind,
    Outcome,
    Progress,
    ProviderError,
    Run,
)

BOOT_SECONDS = 8.0
HANGS_SECONDS = 2.5


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
    """One replaced OS disk, one put back, or one on which extensions ran; `at` is in the clocks' true time."""

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
    broken: set[str] = field(default_factory=set)  # extensions that fail when they are run, as "name version"
    endless: set[Name] = field(default_factory=set)  # machines whose operations do not end
    room: int | None = None  # for so many more machines it says that there is room
    is_full: bool = False  # it makes none, whatever it says


class Cloud:
    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.machines: dict[Name, Machine] = {}
        self.jobs: dict[str, Job] = {}
        self.begun: list[Job] = []
        self.swaps: list[Swap] = []  # by reimages
        self.restores: list[Swap] = []  # the disk that a reimage replaced put back in the place of its own
        self.reruns: list[Swap] = []  # extensions brought up to date on the disk that stays
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
        return {name[1]: self.view(machine) for name, machine in self.machines.items() if name[0] == key}

    def view(self, machine: Machine) -> InstanceView:
        return InstanceView(
            instance=machine.name[1],
            os_disk=machine.os_disk,
            version=machine.version,
            power=machine.power,
            provisioning=machine.provisioning,
            address=f"{machine.name[0]}/{machine.name[1]}",
            data_disks=machine.data_disks,
            extensions=tuple(
                ExtensionView(each.name, extension_state(machine, each.name), version=each.version)
                for each in machine.extensions
            ),
            runs=machine.runs,
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
        kind = job.operation.kind
        if kind is OperationKind.CREATE:
            self._check_place(job.name, machine)
            self.machines[job.name] = self._made(job)
        elif machine is None:
            if kind is not OperationKind.DELETE:
                raise ProviderError("InstanceNotFound", f"there is no {job.name}", permanent=True)
            job.outcome = Outcome(Progress.SUCCEEDED)
        elif _is_done(machine, job.operation):
            job.outcome = Outcome(Progress.SUCCEEDED, self.view(machine))
        else:
            _check_disk(machine, job.operation)
            self.machines[job.name] = _down(machine, kind)

    def _check_place(self, name: Name, machine: Machine | None) -> None:
        if machine is not None and (machine.reported or machine.kept is not None):
            raise ProviderError("InstanceExists", f"{name} exists already", permanent=True)
        if self.faults.is_full:
            raise ProviderError("QuotaExceeded", f"there is no room for {name}", permanent=True)

    def _made(self, job: Job) -> Machine:
        profile = job.operation.profile
        disks = profile.data_disks if profile else ()
        views = tuple(DataDiskView(disk.lun, self._new("data"), self._new("marker")) for disk in disks)
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
            is_off = machine.power is Power.STOPPED
            power = Power.STOPPED if is_off else Power.RUNNING
            self.machines[job.name] = replace(machine, power=power, provisioning=Provisioning.FAILED)
            job.outcome = _failure("OSProvisioningClientError")
        else:
            after = self._after(machine, job)
            self.machines[job.name] = after
            job.outcome = Outcome(Progress.SUCCEEDED, self.view(after))

    def _after(self, machine: Machine, job: Job) -> Machine:
        match job.operation.kind:
            case OperationKind.RESTORE:
                return self._restored(machine, job)
            case OperationKind.EXTENSIONS:
                return self._brought_up_to_date(machine, job)
            case OperationKind.POWER_OFF:
                return replace(machine, power=Power.STOPPED, provisioning=_provisioned(machine))
            case OperationKind.START | OperationKind.RESTART:
                is_up = machine.reported or machine.version not in self.faults.dead
                awake = replace(machine, power=Power.RUNNING, reported=is_up)
                return replace(awake, provisioning=_provisioned(awake))
            case _:
                return self._booted(self._swapped(machine, job), job)

    def _fails(self, job: Job, machine: Machine) -> bool:
        if job.operation.kind is OperationKind.EXTENSIONS:
            return not machine.reported or machine.power is Power.STOPPED
        if job.operation.kind is OperationKind.RESTORE:
            return on_disk(machine, job.operation.os_disk).version in self.faults.unrestorable
        return job.operation.kind is OperationKind.REIMAGE and _version(job) in self.faults.failing

    def _restored(self, machine: Machine, job: Job) -> Machine:
        """Booted from the disk that it kept, or from the one that it is on; nothing runs again."""
        back = on_disk(machine, job.operation.os_disk)
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
        wanted = in_order(profile.extensions) if profile else []
        what = [*(["customData"] if profile and profile.custom_data else []), *(extension.name for extension in wanted)]
        running = replace(machine, power=Power.RUNNING, extensions=tuple(wanted), failed=self._broken(wanted))
        if machine.version in self.faults.dead:
            return running
        runs = self._runs(machine, what)
        return replace(running, reported=True, provisioning=Provisioning.SUCCEEDED, runs=runs)

    def _brought_up_to_date(self, machine: Machine, job: Job) -> Machine:
        """Those that it lacks run, on the disk that it is on; it has no others afterwards."""
        wanted = in_order(job.operation.profile.extensions) if job.operation.profile else []
        had = {
            (extension.name, extension.version)
            for extension in machine.extensions
            if extension.name not in machine.failed
        }
        lacking = [extension for extension in wanted if (extension.name, extension.version) not in had]
        self.reruns.append(Swap(job.operation.id, job.name, machine.os_disk, machine.os_disk, self.clocks.elapsed))
        return replace(
            machine,
            provisioning=Provisioning.SUCCEEDED,
            extensions=tuple(wanted),
            failed=self._broken(lacking),
            runs=(*machine.runs, *self._runs(machine, [extension.name for extension in lacking])),
        )

    def _broken(self, run: Sequence[Extension]) -> frozenset[str]:
        return frozenset(
            extension.name for extension in run if f"{extension.name} {extension.version}" in self.faults.broken
        )

    def _runs(self, machine: Machine, what: Sequence[str]) -> tuple[Run, ...]:
        at = f"{self.clocks.elapsed:012.3f}"
        return tuple(Run(label, machine.os_disk, f"{at} {place}") for place, label in enumerate(what))

    def _new(self, kind: str) -> str:
        return f"{kind}-{next(self._serial)}"

    # --- what befalls machines ---

    def answers_well(self, name: Name) -> bool:
        self.finish_due()
        machine = self.machines.get(name)
        return (
            machine is not None
            and machine.reported
            and machine.power is Power.RUNNING
            and not machine.sick
            and machine.version not in self.faults.bad
        )

    def change(self, name: Name, *, sick: bool | None = None, power: Power | None = None) -> None:
        """Makes it sick or well, stops or starts it; a machine that an operation runs on is left alone."""
        machine = self.machines.get(name)
        if machine is None or self.running(name):
            return
        well = machine.sick if sick is None else sick
        self.machines[name] = replace(machine, sick=well, power=power or machine.power)

    def forget_job(self, name: Name) -> None:
        """The cloud loses an operation in the middle: the machine is as it was, and nobody ever heard of it."""
        job = self.running(name)
        if job is None or job.operation.kind in (OperationKind.CREATE, OperationKind.DELETE):
            return
        del self.jobs[job.operation.id]
        machine = self.machines[name]
        state = Provisioning.SUCCEEDED if machine.reported else Provisioning.CREATING
        is_rerun = job.operation.kind is OperationKind.EXTENSIONS  # which leaves the machine as awake as it is
        self.machines[name] = replace(machine, power=machine.power if is_rerun else Power.RUNNING, provisioning=state)

    def vanish(self, name: Name) -> None:
        """Somebody deletes the machine behind our back, whatever runs on it."""
        self.finish_due()
        if self.machines.pop(name, None) and (job := self.running(name)):
            job.outcome = _failure("InstanceNotFound")


async def _at_once(key: str, views: Mapping[str, InstanceView]) -> None:
    """What was seen of the machines of a scale set takes no time to arrive; a test may put something slower here."""


def _version(job: Job) -> str:
    return job.operation.image.version if job.operation.image else ""


def _is_done(machine: Machine, operation: Operation) -> bool:
    """Is it already as the operation wants it? One that is off is not restarted."""
    is_off = machine.power is Power.STOPPED
    match operation.kind:
        case OperationKind.RESTORE:
            return is_up_on(machine, operation.os_disk)
        case OperationKind.RESTART if is_off:
            raise ProviderError("InstanceNotRunning", f"{machine.name} is off", permanent=True)
        case OperationKind.POWER_OFF:
            return is_off
    return operation.kind is OperationKind.START and not is_off


def _provisioned(machine: Machine) -> Provisioning:
    return Provisioning.SUCCEEDED if machine.reported else Provisioning.CREATING


def _down(machine: Machine, kind: OperationKind) -> Machine:
    """As long as the operation lasts; extensions run while the machine is up."""
    match kind:
        case OperationKind.DELETE:
            return replace(machine, power=Power.STOPPED, provisioning=Provisioning.DELETING)
        case OperationKind.EXTENSIONS:
            return replace(machine, provisioning=Provisioning.UPDATING)
    return replace(machine, power=Power.STARTING, provisioning=Provisioning.UPDATING)


def _check_disk(machine: Machine, operation: Operation) -> None:
    if operation.kind is OperationKind.RESTORE and on_disk(machine, operation.os_disk).os_disk != operation.os_disk:
        raise ProviderError("OSDiskNotFound", f"{machine.name} keeps no OS disk {operation.os_disk}", permanent=True)


def _failure(code: str) -> Outcome:
    return Outcome(Progress.FAILED, code=code, message="the test wants it so")
