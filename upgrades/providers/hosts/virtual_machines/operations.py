"""The steps of the operations on a machine (hosts/driver.py says what a step is)."""

import asyncio
import math
from collections.abc import Callable, MutableMapping
from typing import Any

from upgrades.providers.base import MachineProfile, Operation
from upgrades.providers.hosts.disks import os_disk_of
from upgrades.providers.hosts.driver import Ended, Waiting
from upgrades.providers.hosts.extension_scripts import changes
from upgrades.providers.hosts.image_store import ImageStore
from upgrades.providers.hosts.seed import make_seed
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.booting import Booting, DidNotBoot
from upgrades.providers.hosts.virtual_machines.checks import (
    check_disk,
    check_exists,
    check_half_made,
    check_quota,
    image_of,
)
from upgrades.providers.hosts.virtual_machines.machine import VirtualMachine
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings

Memory = MutableMapping[str, Any]
# The guest itself ends a script that takes too long. So much later it is given up: it has no `timeout`, or guest.sh was killed in it.
SLACK_SECONDS = 60
SILENT_SECONDS = 60  # after which an OS that says nothing cannot take extensions
NO_PROFILE = MachineProfile()


class Operations:
    """Each method makes one step. Within `memory` are "failure" (why the machine is being put back, or given up) and times."""

    def __init__(self, settings: MachineSettings, store: ImageStore, booting: Booting) -> None:
        self._settings, self._store, self._booting = settings, store, booting

    async def create(self, machine: VirtualMachine, operation: Operation, memory: Memory) -> Waiting | Ended:
        new = os_disk_of(operation.id)
        if machine.folder.exists() and machine.disks.os_disk not in ("", new):
            check_half_made(self._settings, machine, await machine.process())
            if waiting := await self._booting.stop(machine, memory, at_once=True):
                return waiting
            await asyncio.to_thread(machine.delete_folder)
        if machine.disks.os_disk != new:
            await asyncio.to_thread(self._make, machine, operation, new)
        return await self._boot_new(machine, memory)

    async def _boot_new(self, machine: VirtualMachine, memory: Memory) -> Waiting | Ended:
        if "failure" not in memory:
            result = await self._booting.boot(machine, memory)
            if not isinstance(result, DidNotBoot):
                return result or Ended()
            memory["failure"] = _timed_out(machine, result)
        if waiting := await self._booting.stop(machine, memory, at_once=True):
            return waiting
        return Ended(code="OSProvisioningTimedOut", message=memory["failure"])

    async def reimage(self, machine: VirtualMachine, operation: Operation, memory: Memory) -> Waiting | Ended:
        check_exists(machine)
        new, disks = os_disk_of(operation.id), machine.disks
        if "failure" in memory:
            return await self._put_back(machine, memory, new)
        if disks.os_disk != new:
            await asyncio.to_thread(self._make_os_disk, machine, operation, new)
            if waiting := await self._booting.stop(machine, memory):
                return waiting
            await asyncio.to_thread(disks.switch_to_new, new)
        return await self._boot_swapped(machine, memory) or await _ended(disks.keep_replaced)

    async def restore(self, machine: VirtualMachine, operation: Operation, memory: Memory) -> Waiting | Ended:
        check_exists(machine)
        old, disks = operation.os_disk, machine.disks
        if "failure" in memory:
            return await self._put_back(machine, memory, old)
        began = since(memory, "began")
        if disks.os_disk != old:
            check_disk(machine, old)
            if waiting := await self._booting.stop(machine, memory):
                return waiting
            await asyncio.to_thread(disks.switch_back_to, old)
        elif not disks.was and (machine.has_failed or not await self._is_up(machine)):
            process = await machine.process()
            if process and process.started_at < began and (waiting := await self._booting.stop(machine, memory)):
                return waiting
        return await self._boot_swapped(machine, memory) or await _ended(disks.drop_taken_off)

    async def _boot_swapped(self, machine: VirtualMachine, memory: Memory) -> Waiting | None:
        """None when it is up on the disk that was put in. It is put back on its own disk if it does not come up."""
        result = await self._booting.boot(machine, memory)
        if isinstance(result, DidNotBoot):
            memory.update(failure=_timed_out(machine, result), starts=0)
            return Waiting(0, "the machine is put back on the disk that it had")
        return result

    async def _put_back(self, machine: VirtualMachine, memory: Memory, failing: str) -> Waiting | Ended:
        disks = machine.disks
        if disks.os_disk == failing and disks.was:
            if waiting := await self._booting.stop(machine, memory):
                return waiting
            await asyncio.to_thread(disks.put_back)
        result = await self._booting.boot(machine, memory)
        if isinstance(result, Waiting):
            return result
        if isinstance(result, DidNotBoot) and disks.os_disk != failing:
            memory["failure"] += f" Nor did the disk that it had: {result.why}."
        await asyncio.to_thread(disks.forget_swap)
        return Ended(code="OSProvisioningTimedOut", message=memory["failure"])

    async def extend(self, machine: VirtualMachine, operation: Operation, memory: Memory) -> Waiting | Ended:
        check_exists(machine)
        report = (await machine.look()).report if await machine.process() else None
        if report is None or not report.is_up:
            return await self._wait_for_agent(machine, memory)
        memory.pop("silent", None)
        if report.work == f"{operation.id} done":
            await asyncio.to_thread(machine.disks.note_report, report)
            return Ended()
        extensions = (operation.profile or NO_PROFILE).extensions
        archive = None
        if report.work != f"{operation.id} running":
            archive = await asyncio.to_thread(changes, self._settings.scripts, extensions, report)
            if archive is None:
                return Ended()
        seconds = self._settings.scripts.seconds * max(1, len(extensions)) + SLACK_SECONDS
        if processes.uptime() - since(memory, "running") > seconds:
            message = f"The extensions of instance '{machine.instance}' did not end in {seconds:g} s."
            return Ended(code="VMExtensionProvisioningTimeout", message=message)
        if archive:
            await machine.change_extensions(operation.id, archive)
        return Waiting(0.5, "extensions run")

    async def _wait_for_agent(self, machine: VirtualMachine, memory: Memory) -> Waiting | Ended:
        silent_since = since(memory, "silent")
        is_off = await machine.process() is None
        if not is_off and processes.uptime() - silent_since < SILENT_SECONDS:
            return Waiting(1, "the machine's OS does not report")
        why = "it is off" if is_off else "its OS does not report"
        message = f"The extensions of instance '{machine.instance}' cannot be changed: {why}."
        return Ended(code="VMAgentStatusCommunicationError", message=message)

    async def delete(self, machine: VirtualMachine, operation: Operation, memory: Memory) -> Waiting | Ended:
        if waiting := await self._booting.stop(machine, memory, at_once=True):
            return waiting
        await asyncio.to_thread(machine.delete_folder)
        return Ended()

    async def start(self, machine: VirtualMachine, operation: Operation, memory: Memory) -> Waiting | Ended:
        check_exists(machine)
        if await machine.process() and not machine.is_booting:
            return Ended()
        return await self._start(machine, memory)

    async def restart(self, machine: VirtualMachine, operation: Operation, memory: Memory) -> Waiting | Ended:
        check_exists(machine)
        began, process = since(memory, "began"), await machine.process()
        if process and process.started_at < began and (waiting := await self._booting.stop(machine, memory)):
            return waiting
        return await self._start(machine, memory)

    async def _start(self, machine: VirtualMachine, memory: Memory) -> Waiting | Ended:
        """It keeps its disks if it does not come up, and goes on trying to."""
        result = await self._booting.boot(machine, memory)
        if isinstance(result, DidNotBoot):
            return Ended(code="VMStartTimedOut", message=_timed_out(machine, result))
        return result or Ended()

    async def power_off(self, machine: VirtualMachine, operation: Operation, memory: Memory) -> Waiting | Ended:
        check_exists(machine)
        if waiting := await self._booting.stop(machine, memory, at_once=operation.skip_shutdown):
            return waiting
        return await _ended(machine.stay_off)

    def _make(self, machine: VirtualMachine, operation: Operation, new: str) -> None:
        """The disks of a new machine."""
        check_quota(self._settings, machine)
        machine.make_folder()
        machine.disks.make_data_disks((operation.profile or NO_PROFILE).data_disks)
        self._make_os_disk(machine, operation, new)
        machine.disks.start_with(new)

    def _make_os_disk(self, machine: VirtualMachine, operation: Operation, new: str) -> None:
        """With its seed. The machine still has the disk that it had."""
        disks, profile = machine.disks, operation.profile or NO_PROFILE
        disks.make_os_disk(new, self._store.find(image_of(operation)))
        if not disks.seed(new).exists():
            seed = make_seed(machine.uuid, new, profile, disks.markers(), self._settings.scripts)
            seed.write(disks.seed(new))

    async def _is_up(self, machine: VirtualMachine) -> bool:
        report = (await machine.look()).report if await machine.process() else None
        return report is not None and report.is_up


def since(memory: Memory, what: str) -> float:
    """Since when that is so, by `uptime`: when it was first asked, or now, if the host has booted after that."""
    memory[what] = min(memory.get(what, math.inf), processes.uptime())
    return float(memory[what])


async def _ended(finish: Callable[[], None]) -> Ended:
    await asyncio.to_thread(finish)
    return Ended()


def _timed_out(machine: VirtualMachine, result: DidNotBoot) -> str:
    console = machine.console_end()
    last = f" The last lines of its console:\n{console}" if console else " Its console is empty."
    return f"Instance {machine.instance} did not boot: {result.why}.{last}"
