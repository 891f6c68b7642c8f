"""Does operations on virtual machines of this host, step by step (hosts/driver.py)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from pathlib import Path

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
from upgrades.providers.hosts.disks import os_disk_of
from upgrades.providers.hosts.driver import Ended, Waiting
from upgrades.providers.hosts.image_store import ImageStore, path_part
from upgrades.providers.qemu import processes
from upgrades.providers.qemu.checks import (
    check_disk,
    check_exists,
    check_half_made,
    check_quota,
    image_of,
    machine_count,
)
from upgrades.providers.qemu.machine import ABOUT, Machine
from upgrades.providers.qemu.operations import Memory, Operations
from upgrades.providers.qemu.settings import QemuSettings, read_settings

Step = Callable[[Machine, Operation, Memory], Awaitable[Waiting | Ended]]
PROGRAMS = ("qemu-system-x86_64", "qemu-img", "genisoimage")
MAX_LOOKS = 32  # machines that are asked at the same time for views


class QemuDriver:
    capabilities = Capabilities(
        poll_seconds=0,
        memory=OperationMemory.REMEMBERS,
        kept_os_disk=KeptOSDisk.EXACT,
        keeps=frozenset({Identity.NAME, Identity.ID, Identity.MAC}),
    )

    def __init__(self, home: Path, given: Mapping[str, object]) -> None:
        """The location's settings, `given`, are read when they are used: only then somebody hears what is wrong with them."""
        self._home, self._given = home, given

    @cached_property
    def _settings(self) -> QemuSettings:
        return read_settings(self._home, self._given)

    @cached_property
    def _store(self) -> ImageStore:
        return ImageStore(self._settings.images)

    @cached_property
    def _steps(self) -> Mapping[OperationKind, Step]:
        operations = Operations(self._settings, self._store)
        return {
            OperationKind.CREATE: operations.create,
            OperationKind.REIMAGE: operations.reimage,
            OperationKind.RESTORE: operations.restore,
            OperationKind.EXTENSIONS: operations.extend,
            OperationKind.DELETE: operations.delete,
        }

    async def check(self, operation: Operation) -> None:
        machine = self._machine(operation)
        if operation.kind is OperationKind.DELETE:
            return
        if operation.kind is OperationKind.CREATE:
            if machine.disks.os_disk not in ("", os_disk_of(operation.id)):
                check_half_made(self._settings, machine, await machine.process())
            await asyncio.to_thread(check_quota, self._settings, machine)
        else:
            check_exists(machine)
        if operation.kind in (OperationKind.CREATE, OperationKind.REIMAGE):
            self._store.find(image_of(operation))
        if operation.kind is OperationKind.RESTORE:
            check_disk(machine, operation.os_disk)
        for program in PROGRAMS:
            programs.find(program)

    async def step(self, operation: Operation, memory: Memory) -> Waiting | Ended:
        machine = self._machine(operation)
        try:
            result = await self._steps[operation.kind](machine, operation, memory)
        except ProviderError as error:
            if error.permanent:
                await asyncio.to_thread(machine.note_failure, error.message)
            raise
        if isinstance(result, Ended) and machine.exists:
            await asyncio.to_thread(machine.note_failure, result.message)
            if not result.code:
                return Ended(await self._view(machine))
        return result

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        group, _, name = scale_set.key.partition("/")
        folder = self._settings.folder / path_part(group, "the resource group") / path_part(name, "the scale set")
        instances = await asyncio.to_thread(lambda: sorted(path.parent.name for path in folder.glob(f"*/{ABOUT}")))
        alive = await asyncio.to_thread(processes.running) if instances else {}
        places = asyncio.Semaphore(MAX_LOOKS)

        async def view(instance: str) -> InstanceView | None:
            machine = Machine(self._settings, scale_set.key, instance)
            async with places:
                return await machine.view(self._store, alive.get(machine.uuid))

        found = await asyncio.gather(*(view(instance) for instance in instances))
        return {view.instance: view for view in found if view}

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        limit = self._settings.most_machines
        return None if limit is None else max(0, limit - await asyncio.to_thread(machine_count, self._settings))

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        host, _, forwards = address.partition(" ")
        ours = dict(forward.split("=") for forward in forwards.split())
        if str(port) in ours:
            return host, int(ours[str(port)])
        why = "the machine has no address: it is not up" if not address else f"{port} is none of the location's `ports`"
        raise ProviderError("NoAddress", f"Port {port} cannot be reached: {why}", permanent=False)

    async def close(self) -> None:
        return

    def _machine(self, operation: Operation) -> Machine:
        return Machine(self._settings, operation.scale_set.key, operation.instance)

    async def _view(self, machine: Machine) -> InstanceView | None:
        return await machine.view(self._store, await machine.process())
