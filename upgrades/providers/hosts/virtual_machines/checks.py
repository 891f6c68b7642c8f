"""What an operation is refused for, before or while it is done. Each message names the instance, and says what to do."""

from pathlib import Path

from upgrades.core.facts import ImageReference
from upgrades.core.machines import ELSEWHERE_CODE
from upgrades.providers.base import Operation, ProviderError
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.machine import ABOUT, VirtualMachine
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings


def image_of(operation: Operation) -> ImageReference:
    if operation.image is None:
        raise ProviderError("ImageNotFound", f"Instance {operation.instance}: no image was named.", permanent=True)
    return operation.image


def check_exists(machine: VirtualMachine) -> None:
    if not machine.exists:
        message = f"There is no machine for instance {machine.instance}: create it."
        raise ProviderError("InstanceNotFound", message, permanent=True)


def check_half_made(settings: MachineSettings, machine: VirtualMachine, process: processes.Process | None) -> None:
    """It never came up, and does not run, or not well: nothing is lost if it is made anew."""
    is_stuck = process is None or process.age > settings.boot_seconds
    if not is_stuck or machine.disks.has_come_up(machine.disks.os_disk):
        message = f"There is a machine for instance {machine.instance} already: reimage or delete it."
        raise ProviderError("InstanceExists", message, permanent=True)


def check_not_elsewhere(machine: VirtualMachine, process: processes.Process | None) -> None:
    """Nothing is there under its name; but it runs all the same, from a folder that somebody has moved away."""
    if process and not machine.disks.os_disk:
        what = f"the QEMU process {process.pid}" if process.pid else "a machine"
        message = (
            f"Instance {machine.instance}: {what} with its id {machine.uuid} runs, but {machine.folder} has no machine any more. To bring "
            "it back, put its folder there again. If it is gone for good, end that process, and a new machine is made"
        )
        raise ProviderError(ELSEWHERE_CODE, message, permanent=True)


def in_use_elsewhere(machine: VirtualMachine, disk: Path) -> ProviderError:
    """The machine does not run here, and yet its disk is open."""
    is_gone = not machine.disks.os_disk
    then = "and a new machine is made" if is_gone else "and try again"
    message = (
        f"Instance {machine.instance}: its disk {disk} is open for writing in a process that is not its own: on this host "
        f"(`fuser -v {disk}` names it), or on another one with the same storage. It is left alone. To bring the machine back, move it here "
        f"again. If it is gone for good, end that process, {then}"
    )
    return ProviderError(ELSEWHERE_CODE if is_gone else "DisksInUse", message, permanent=True)


def check_disk(machine: VirtualMachine, os_disk: str) -> None:
    disks = machine.disks
    if not os_disk or os_disk not in (disks.os_disk, disks.kept, disks.was):
        message = f"Instance {machine.instance} has no OS disk {os_disk!r}, and none of that name is kept: reimage it."
        raise ProviderError("OSDiskNotFound", message, permanent=True)


def check_quota(settings: MachineSettings, machine: VirtualMachine) -> None:
    """A machine that is there, half made perhaps, uses its part already."""
    limit = settings.most_machines
    if not machine.has_folder and limit is not None and machine_count(settings) >= limit:
        message = (
            f"Instance {machine.instance} cannot be created: this host may have {limit} machines (`most_machines`)."
        )
        raise ProviderError("QuotaExceeded", message, permanent=True)


def machine_count(settings: MachineSettings) -> int:
    return sum(1 for _ in settings.folder.glob(f"*/*/*/{ABOUT}"))
