"""Does operations on virtual machines of this host, step by step (hosts/driver.py)."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from upgrades.core.facts import ImageReference
from upgrades.core.states import OperationKind
from upgrades.providers.base import (
    Capabilities,
    Identity,
    InstanceView,
    KeptOSDisk,
    Operation,
    OperationMemory,
    ProviderError,
    ScaleSetReference,
)
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.disk_locks import first_written_to
from upgrades.providers.hosts.disks import os_disk_of
from upgrades.providers.hosts.driver import Ended, Waiting, not_running
from upgrades.providers.hosts.image_store import ImageStore
from upgrades.providers.hosts.space import free_in, refuse_full
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.accelerator import Accelerator, TestBoot
from upgrades.providers.hosts.virtual_machines.booting import Booting
from upgrades.providers.hosts.virtual_machines.checks import (
    check_disk,
    check_exists,
    check_half_made,
    check_not_elsewhere,
    check_quota,
    image_of,
    in_use_elsewhere,
    machine_count,
)
from upgrades.providers.hosts.virtual_machines.machine import VirtualMachine
from upgrades.providers.hosts.virtual_machines.operations import Memory, Operations
from upgrades.providers.hosts.virtual_machines.processes import Runs
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings
from upgrades.providers.hosts.virtual_machines.storage import MachineFolder

Step = Callable[[VirtualMachine, Operation, Memory], Awaitable[Waiting | Ended]]
ENDING_SECONDS = 1.0
MAX_LOOKS = 32  # machines that are asked at the same time for views


class VirtualMachineDriver(ABC):
    """`programs`: of this host, that it needs."""

    programs: Sequence[str]
    capabilities = Capabilities(
        poll_seconds=0,
        memory=OperationMemory.REMEMBERS,
        kept_os_disk=KeptOSDisk.EXACT,
        keeps=frozenset({Identity.NAME, Identity.ID, Identity.MAC}),
        switches_machines=True,
    )

    def __init__(self, home: Path, given: Mapping[str, object]) -> None:
        """The location's settings, `given`, are read when they are used: only then somebody hears what is wrong with them."""
        self._home, self._given = home, given

    @property
    @abstractmethod
    def settings(self) -> MachineSettings: ...

    @property
    @abstractmethod
    def test_boot(self) -> TestBoot: ...

    @property
    def runs(self) -> Runs:
        return processes

    @abstractmethod
    def machine(self, key: str, instance: str) -> VirtualMachine: ...

    @abstractmethod
    async def machines(self, scale_set: ScaleSetReference) -> Iterable[VirtualMachine]:
        """All that there are, looked at."""

    def check_machine(self, machine: VirtualMachine, operation: Operation) -> None:
        """Raise ProviderError for what only this provider refuses. Blocks for a moment."""
        return

    @abstractmethod
    def endpoint(self, address: str, port: int) -> tuple[str, int]: ...

    @cached_property
    def _store(self) -> ImageStore:
        return ImageStore(self.settings.images)

    @cached_property
    def _folder(self) -> MachineFolder:
        return MachineFolder(self._home, self.settings.folder)

    @cached_property
    def _steps(self) -> Mapping[OperationKind, Step]:
        booting = Booting(self.settings, Accelerator(self.settings, self.test_boot), self.machine, self.runs)
        operations = Operations(self.settings, self._store, booting)
        return {
            OperationKind.CREATE: operations.create,
            OperationKind.REIMAGE: operations.reimage,
            OperationKind.RESTORE: operations.restore,
            OperationKind.EXTENSIONS: operations.extend,
            OperationKind.DELETE: operations.delete,
            OperationKind.START: operations.start,
            OperationKind.RESTART: operations.restart,
            OperationKind.POWER_OFF: operations.power_off,
        }

    async def check(self, operation: Operation) -> None:
        machine = await self._read(operation)
        await _refuse_use_elsewhere(machine)
        if operation.kind is OperationKind.DELETE:
            return
        if operation.kind is OperationKind.CREATE:
            check_not_elsewhere(machine, await machine.process())
            if machine.disks.os_disk not in ("", os_disk_of(operation.id)):
                check_half_made(self.settings, machine, await machine.process())
            await asyncio.to_thread(check_quota, self.settings, machine)
        else:
            check_exists(machine)
        if operation.kind in (OperationKind.CREATE, OperationKind.REIMAGE):
            self._store.find(image_of(operation))
        if operation.kind is OperationKind.RESTORE:
            check_disk(machine, operation.os_disk)
        if operation.kind is OperationKind.RESTART and await machine.process() is None:
            raise not_running(operation)
        await asyncio.to_thread(self.check_machine, machine, operation)
        for program in self.programs:
            programs.find(program)

    async def step(self, operation: Operation, memory: Memory) -> Waiting | Ended:
        machine = await self._read(operation)
        if operation.kind is OperationKind.CREATE:
            await asyncio.to_thread(self._folder.note_use)
        try:
            result = await self._steps[operation.kind](machine, operation, memory)
        except ProviderError as error:
            if error.permanent:
                await asyncio.to_thread(machine.note_failure, error.message)
            raise
        if isinstance(result, Ended) and machine.exists:
            if operation.kind is not OperationKind.POWER_OFF:  # a failure before it is none the less true
                await asyncio.to_thread(machine.note_failure, result.message)
            if not result.code:
                return Ended(await machine.view(self._store, await machine.process()))
        return result

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        await asyncio.to_thread(self._folder.refuse_missing)
        machines = list(await self.machines(scale_set))
        if any(machine.has_folder for machine in machines):
            await asyncio.to_thread(self._folder.note_use)
        alive = await asyncio.to_thread(self.runs.running) if machines else {}
        places = asyncio.Semaphore(MAX_LOOKS)

        async def view(machine: VirtualMachine) -> InstanceView | None:
            async with places:
                return await machine.view(self._store, alive.get(machine.uuid))

        found = await asyncio.gather(*map(view, machines))
        return {view.instance: view for view in found if view}

    async def check_image(self, image: ImageReference) -> None:
        await asyncio.to_thread(self._folder.refuse_missing)
        await asyncio.to_thread(self._store.find, image)
        folder = self.settings.folder
        refuse_full(f"the folder {folder}", await asyncio.to_thread(free_in, folder), self.settings.free_mb)

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        limit = self.settings.most_machines
        return None if limit is None else max(0, limit - await asyncio.to_thread(machine_count, self.settings))

    async def close(self) -> None:
        return

    async def _read(self, operation: Operation) -> VirtualMachine:
        await asyncio.to_thread(self._folder.refuse_missing)
        machine = self.machine(operation.scale_set.key, operation.instance)
        await machine.read()
        return machine


async def _refuse_use_elsewhere(machine: VirtualMachine) -> None:
    """Raise ProviderError where it does not run, and yet somebody has its disks open for writing: they are left alone.

    A QEMU that has just ended can still have them for a moment.
    """
    until = processes.uptime() + ENDING_SECONDS
    while await machine.process() is None:
        disk = await asyncio.to_thread(lambda: first_written_to(machine.disk_files()))
        if disk is None:
            return
        if processes.uptime() > until:
            raise in_use_elsewhere(machine, disk)
        await asyncio.sleep(0.1)
