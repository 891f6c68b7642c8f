"""What an operation is refused for, before or while it is done. Each message names the instance, and says what to do."""

from upgrades.core.facts import ImageReference
from upgrades.providers.base import Operation, ProviderError
from upgrades.providers.qemu import processes
from upgrades.providers.qemu.machine import ABOUT, Machine
from upgrades.providers.qemu.settings import QemuSettings


def image_of(operation: Operation) -> ImageReference:
    if operation.image is None:
        raise ProviderError("ImageNotFound", f"Instance {operation.instance}: no image was named.", permanent=True)
    return operation.image


def check_exists(machine: Machine) -> None:
    if not machine.exists:
        message = f"There is no machine for instance {machine.instance}: create it."
        raise ProviderError("InstanceNotFound", message, permanent=True)


def check_half_made(settings: QemuSettings, machine: Machine, process: processes.Process | None) -> None:
    """It never came up, and does not run, or not well: nothing is lost if it is made anew."""
    is_stuck = process is None or process.age > settings.boot_seconds
    if not is_stuck or machine.disks.has_come_up(machine.disks.os_disk):
        message = f"There is a machine for instance {machine.instance} already: reimage or delete it."
        raise ProviderError("InstanceExists", message, permanent=True)


def check_disk(machine: Machine, os_disk: str) -> None:
    disks = machine.disks
    if not os_disk or os_disk not in (disks.os_disk, disks.kept, disks.was):
        message = f"Instance {machine.instance} has no OS disk {os_disk!r}, and none of that name is kept: reimage it."
        raise ProviderError("OSDiskNotFound", message, permanent=True)


def check_quota(settings: QemuSettings, machine: Machine) -> None:
    """A machine that is there, half made perhaps, uses its part already."""
    limit = settings.most_machines
    if not machine.exists and limit is not None and machine_count(settings) >= limit:
        message = (
            f"Instance {machine.instance} cannot be created: this host may have {limit} machines (`most_machines`)."
        )
        raise ProviderError("QuotaExceeded", message, permanent=True)


def machine_count(settings: QemuSettings) -> int:
    return sum(1 for _ in settings.folder.glob(f"*/*/*/{ABOUT}"))
