"""What one simulated machine is, and how each kind of work changes it. Nothing here touches a socket, a file or a clock."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from secrets import token_hex
from typing import NamedTuple

from upgrades.core.states import Power, Provisioning
from upgrades.providers.simulated.scene import Scene

Name = tuple[str, str]  # scale set key ("resource group/name"), instance id
OFF_SHARE = 0.25  # a reimage shows the machine stopped for this share of its time, then starting


class Work(StrEnum):
    """The contract's operations. A start may also be asked for by `manage.py simulate --start`."""

    CREATE = "create"
    REIMAGE = "reimage"
    RESTORE = "restore"
    EXTENSIONS = "extensions"
    DELETE = "delete"
    START = "start"
    RESTART = "restart"
    POWER_OFF = "power_off"


class Illness(IntEnum):
    """What ails a machine's application, in spite of its image; a number, as it is stored."""

    NONE = 0
    SICK = 1  # it answers 503
    UNHEALTHY = 2  # it answers 200, and says of itself that it is unhealthy


class Wanted(NamedTuple):
    """An extension as the model wants it; `after` names those that go before it."""

    name: str
    after: tuple[str, ...] = ()
    version: str = ""


class Extension(NamedTuple):
    """An extension that was run on a machine."""

    name: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """What a machine is made from. `data_disks`: (lun, size in GB)."""

    version: str = ""
    custom_data: bool = False  # whether there is any: its content stays with the client
    extensions: tuple[Wanted, ...] = ()
    data_disks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One accepted operation. Times are seconds since 1970, so that they outlive the process. `os_disk`: what a restore puts back."""

    id: str
    work: Work
    name: Name
    model: Model
    started_at: float
    due_at: float
    os_disk: str = ""


@dataclass(frozen=True, slots=True)
class DataDisk:
    lun: int
    id: str
    marker: str


@dataclass(frozen=True, slots=True)
class OsDisk:
    """An OS disk and all that goes with it; each field is the machine's field of the same name while it is on that disk."""

    os_disk: str
    version: str
    imaged_by: str
    reported: bool
    custom_data: bool
    extensions: tuple[Extension, ...]
    runs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine. `address` is where it listened last; it listens now only if `listens`.

    `reported`: the OS on the present disk came up once and told the platform. `stopped`: somebody stopped it. `runs`: (what, at) of the
    present OS disk. `made_by` and `imaged_by`: the operations it and its OS disk come from. `kept`: the OS disk that its last reimage
    replaced, until it is put back.
    """

    serial: int
    name: Name
    version: str
    os_disk: str
    power: Power
    provisioning: Provisioning
    made_by: str
    imaged_by: str
    address: str = ""
    illness: Illness = Illness.NONE
    stopped: bool = False
    reported: bool = False
    custom_data: bool = False
    extensions: tuple[Extension, ...] = ()
    data_disks: tuple[DataDisk, ...] = ()
    runs: tuple[tuple[str, str], ...] = ()
    kept: OsDisk | None = None

    @property
    def listens(self) -> bool:
        return self.reported and self.power is Power.RUNNING

    @property
    def present(self) -> OsDisk:
        return OsDisk(**{each.name: getattr(self, each.name) for each in fields(OsDisk)})

    def disk(self, os_disk: str) -> OsDisk | None:
        """Its OS disk of that id: the one that it is on, or the one that it keeps."""
        return next((each for each in (self.present, self.kept) if each and each.os_disk == os_disk), None)


def made(job: Job, serial: int) -> Machine:
    """A machine at the moment of its creation: disks are there, the OS still boots."""
    disks = tuple(DataDisk(lun, _disk_id(job.name, f"disk{lun + 2}"), token_hex(16)) for lun, _ in job.model.data_disks)
    return Machine(
        serial,
        job.name,
        job.model.version,
        _disk_id(job.name, "OsDisk_1"),
        Power.STARTING,
        Provisioning.CREATING,
        made_by=job.id,
        imaged_by=job.id,
        custom_data=job.model.custom_data,
        extensions=in_order(job.model.extensions),
        data_disks=disks,
    )


def gone_down(machine: Machine, job: Job) -> Machine:
    """The machine once the job has begun. Its OS disk is swapped at the end, so that a failed reimage leaves the old one."""
    match job.work:
        case Work.REIMAGE | Work.RESTORE:
            return replace(machine, power=Power.STARTING, provisioning=Provisioning.UPDATING)
        case Work.EXTENSIONS:
            return replace(machine, provisioning=Provisioning.UPDATING)
        case Work.DELETE:
            return replace(machine, power=Power.STOPPED, provisioning=Provisioning.DELETING)
        case Work.POWER_OFF:
            return machine
        case _:
            return replace(machine, power=Power.STARTING)


def swapped(machine: Machine, job: Job, scene: Scene, at: float) -> Machine:
    """The machine on a new OS disk, booted as far as that image boots. Its data disks are the same, the old OS disk is kept."""
    on_new_disk = replace(
        machine,
        version=job.model.version,
        os_disk=_disk_id(machine.name, "OsDisk_1"),
        imaged_by=job.id,
        provisioning=Provisioning.CREATING,
        reported=False,
        custom_data=job.model.custom_data,
        extensions=in_order(job.model.extensions),
        runs=(),
        kept=machine.present,
    )
    return woken(on_new_disk, scene, at)


def restored(machine: Machine, job: Job, scene: Scene, at: float) -> Machine:
    """The machine booted from the OS disk that it kept, or from the one that it is on. What ran there once is not run again."""
    kept = machine.kept
    if kept and kept.os_disk == job.os_disk:
        machine = replace(machine, **{each.name: getattr(kept, each.name) for each in fields(kept)}, kept=None)
    state = Provisioning.SUCCEEDED if machine.reported else Provisioning.CREATING
    return woken(replace(machine, provisioning=state), scene, at)


def woken(machine: Machine, scene: Scene, at: float) -> Machine:
    """The machine powered on. A dead version never reports; a first boot runs custom data and every extension."""
    running = replace(machine, power=Power.RUNNING, stopped=False)
    if running.reported or running.version in scene.dead_versions:
        return running
    what = (*(("customData",) if running.custom_data else ()), *(extension.name for extension in running.extensions))
    return replace(running, reported=True, provisioning=Provisioning.SUCCEEDED, runs=_runs(what, at))


def switched_off(machine: Machine) -> Machine:
    """The machine after its OS was shut down."""
    return replace(machine, power=Power.STOPPED, stopped=True)


def brought_up_to_date(machine: Machine, job: Job, scene: Scene, at: float) -> Machine:
    """The machine with the model's extensions: those that it lacks were run, on the OS disk that it is on."""
    runs = (*machine.runs, *_runs([extension.name for extension in lacking(machine, job.model, scene)], at))
    return replace(machine, provisioning=Provisioning.SUCCEEDED, extensions=in_order(job.model.extensions), runs=runs)


def lacking(machine: Machine, model: Model, scene: Scene) -> tuple[Extension, ...]:
    """The model's extensions that the machine has not, has in another version, or that failed there; in their order."""
    return tuple(
        extension
        for extension in in_order(model.extensions)
        if extension not in machine.extensions or has_failed(extension, scene)
    )


def _runs(what: Iterable[str], at: float) -> tuple[tuple[str, str], ...]:
    return tuple((name, moment(at, after=place)) for place, name in enumerate(what))


def left_as_it_was(machine: Machine) -> Machine:
    """After a failed operation: on the OS disk that it had, as awake as it was before."""
    return replace(machine, power=Power.STOPPED if machine.stopped else Power.RUNNING, provisioning=Provisioning.FAILED)


def power_at(machine: Machine, job: Job | None, now: float) -> Power:
    """A reimage switches the machine off before it starts again: derived from the time, so that nothing need be written for it."""
    if job and job.work is Work.REIMAGE and now < job.started_at + OFF_SHARE * (job.due_at - job.started_at):
        return Power.STOPPED
    return machine.power


def extension_state(machine: Machine, extension: Extension, scene: Scene) -> Provisioning:
    """Extensions go with the OS: once it has reported they are provisioned, or have failed where the scene says so."""
    if machine.provisioning not in (Provisioning.SUCCEEDED, Provisioning.FAILED):
        return machine.provisioning
    if not machine.reported:
        return Provisioning.CREATING
    return Provisioning.FAILED if has_failed(extension, scene) else Provisioning.SUCCEEDED


def has_failed(extension: Extension, scene: Scene) -> bool:
    return extension.name.lower() in scene.failing_extensions


def in_order(extensions: Iterable[Wanted]) -> tuple[Extension, ...]:
    """With every `provisionAfterExtensions` kept and the given order otherwise. Unknown names bind nobody; a circle is cut."""
    waiting = {wanted.name: wanted for wanted in extensions}
    order: list[Extension] = []
    while waiting:
        free = (wanted for wanted in waiting.values() if not any(other in waiting for other in wanted.after))
        following = next(free, next(iter(waiting.values())))
        del waiting[following.name]
        order.append(Extension(following.name, following.version))
    return tuple(order)


def _disk_id(name: Name, kind: str) -> str:
    scale_set = name[0].rpartition("/")[2]
    return f"{scale_set}_{scale_set}_{name[1]}_{kind}_{token_hex(16)}"


def moment(at: float, *, after: int = 0) -> str:
    return datetime.fromtimestamp(at + after / 1e6, UTC).isoformat(timespec="microseconds")
