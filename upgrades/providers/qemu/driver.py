"""Does operations on virtual machines of this host, step by step (hosts/driver.py)."""

import asyncio
import io
import tarfile
from collections.abc import Mapping, MutableMapping
from functools import cached_property
from pathlib import Path
from typing import Any

from upgrades.core.facts import ImageReference
from upgrades.core.states import OperationKind
from upgrades.providers.base import (
    Capabilities,
    Identity,
    InstanceView,
    KeptOSDisk,
    MachineProfile,
    Operation,
    OperationMemory,
    ProviderError,
    ScaleSetReference,
)
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.disks import os_disk_of
from upgrades.providers.hosts.driver import Ended, Waiting
from upgrades.providers.hosts.extension_scripts import in_order, plan
from upgrades.providers.hosts.guest_status import GuestStatus
from upgrades.providers.hosts.image_store import ImageStore, path_part
from upgrades.providers.hosts.seed import GUEST_PROGRAM, make_seed
from upgrades.providers.qemu import processes
from upgrades.providers.qemu.booting import Booting, DidNotBoot
from upgrades.providers.qemu.machine import ABOUT, Machine
from upgrades.providers.qemu.settings import QemuSettings, read_settings

Memory = MutableMapping[str, Any]
PROGRAMS = ("qemu-system-x86_64", "qemu-img", "genisoimage")
MAX_LOOKS = 8  # machines that are asked at the same time for views
SILENT_SECONDS = 30  # after which an OS that says nothing cannot take extensions
NO_PROFILE = MachineProfile()


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
        self._flows = {
            OperationKind.CREATE: self._create,
            OperationKind.REIMAGE: self._reimage,
            OperationKind.RESTORE: self._restore,
            OperationKind.EXTENSIONS: self._extend,
            OperationKind.DELETE: self._delete,
        }

    @cached_property
    def _settings(self) -> QemuSettings:
        return read_settings(self._home, self._given)

    @cached_property
    def _store(self) -> ImageStore:
        return ImageStore(self._settings.images)

    @cached_property
    def _booting(self) -> Booting:
        return Booting(self._settings)

    async def check(self, operation: Operation) -> None:
        machine = self._machine(operation)
        if operation.kind is OperationKind.DELETE:
            return
        for program in PROGRAMS:
            programs.find(program)
        if operation.kind is OperationKind.CREATE:
            await self._check_creation(machine, operation)
        elif not machine.exists:
            raise _not_found(machine)
        if operation.kind in (OperationKind.CREATE, OperationKind.REIMAGE):
            self._store.find(_image(operation))
        if operation.kind is OperationKind.RESTORE:
            _check_disk(machine, operation.os_disk)

    async def step(self, operation: Operation, memory: Memory) -> Waiting | Ended:
        machine = self._machine(operation)
        try:
            result = await self._flows[operation.kind](machine, operation, memory)
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
        return None if limit is None else max(0, limit - await asyncio.to_thread(self._machine_count))

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        host, _, forwards = address.partition(" ")
        ours = dict(forward.split("=") for forward in forwards.split())
        if str(port) in ours:
            return host, int(ours[str(port)])
        why = "the machine has no address: it is not up" if not address else f"{port} is none of the location's `ports`"
        raise ProviderError("NoAddress", f"Port {port} cannot be reached: {why}", permanent=False)

    async def close(self) -> None:
        return

    # Operations.

    async def _create(self, machine: Machine, operation: Operation, memory: Memory) -> Waiting | Ended:
        new = os_disk_of(operation.id)
        if machine.folder.exists() and machine.disks.os_disk not in ("", new):
            if not await self._is_half_made(machine):
                raise _exists(machine)
            if waiting := await self._booting.stop(machine, memory, at_once=True):
                return waiting
            await asyncio.to_thread(machine.delete_folder)
        if machine.disks.os_disk != new:
            await asyncio.to_thread(self._make, machine, operation, new)
        return await self._boot_new(machine, memory)

    async def _boot_new(self, machine: Machine, memory: Memory) -> Waiting | Ended:
        if "failure" not in memory:
            result = await self._booting.boot(machine, memory)
            if not isinstance(result, DidNotBoot):
                return result or Ended()
            memory["failure"] = _timed_out(machine, result)
        if waiting := await self._booting.stop(machine, memory, at_once=True):
            return waiting
        return Ended(code="OSProvisioningTimedOut", message=memory["failure"])

    async def _reimage(self, machine: Machine, operation: Operation, memory: Memory) -> Waiting | Ended:
        _check_exists(machine)
        new, disks = os_disk_of(operation.id), machine.disks
        if "failure" in memory:
            return await self._put_back(machine, memory, new)
        if disks.os_disk != new:
            await asyncio.to_thread(self._make_os_disk, machine, operation, new)
            if waiting := await self._booting.stop(machine, memory):
                return waiting
            await asyncio.to_thread(disks.switch_to_new, new)
        return await self._boot_swapped(machine, memory) or await self._ended(disks.keep_replaced)

    async def _restore(self, machine: Machine, operation: Operation, memory: Memory) -> Waiting | Ended:
        _check_exists(machine)
        old, disks = operation.os_disk, machine.disks
        if "failure" in memory:
            return await self._put_back(machine, memory, old)
        began = memory.setdefault("began", processes.uptime())
        if disks.os_disk != old:
            _check_disk(machine, old)
            if waiting := await self._booting.stop(machine, memory):
                return waiting
            await asyncio.to_thread(disks.switch_back_to, old)
        elif not disks.was and (machine.has_failed or not await self._is_up(machine)):
            process = await machine.process()
            if process and process.started_at < began and (waiting := await self._booting.stop(machine, memory)):
                return waiting
        return await self._boot_swapped(machine, memory) or await self._ended(disks.drop_taken_off)

    async def _boot_swapped(self, machine: Machine, memory: Memory) -> Waiting | None:
        """None when it is up on the disk that was put in. It is put back on its own disk if it does not come up."""
        result = await self._booting.boot(machine, memory)
        if isinstance(result, DidNotBoot):
            memory.update(failure=_timed_out(machine, result), starts=0)
            return Waiting(0, "the machine is put back on the disk that it had")
        return result

    async def _put_back(self, machine: Machine, memory: Memory, failing: str) -> Waiting | Ended:
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

    async def _extend(self, machine: Machine, operation: Operation, memory: Memory) -> Waiting | Ended:
        _check_exists(machine)
        report = (await machine.look()).report if await machine.process() else None
        if report is None or not report.is_up:
            return await self._wait_for_agent(machine, memory)
        memory.pop("silent", None)
        if report.work == f"{operation.id} done":
            await asyncio.to_thread(machine.disks.note_report, report)
            return Ended()
        if report.work != f"{operation.id} running":
            archive = await asyncio.to_thread(self._changes, operation.profile or NO_PROFILE, report)
            if archive is None:
                return Ended()
            await machine.change_extensions(operation.id, archive)
        return Waiting(0.5, "extensions run")

    async def _wait_for_agent(self, machine: Machine, memory: Memory) -> Waiting | Ended:
        silent_since = memory.setdefault("silent", processes.uptime())
        is_off = await machine.process() is None
        if not is_off and processes.uptime() - silent_since < SILENT_SECONDS:
            return Waiting(1, "the machine's OS does not report")
        why = "it is off" if is_off else "its OS does not report"
        message = f"The extensions of instance '{machine.instance}' cannot be changed: {why}."
        return Ended(code="VMAgentStatusCommunicationError", message=message)

    async def _delete(self, machine: Machine, operation: Operation, memory: Memory) -> Waiting | Ended:
        if waiting := await self._booting.stop(machine, memory, at_once=True):
            return waiting
        await asyncio.to_thread(machine.delete_folder)
        return Ended()

    # What the operations are made of.

    def _machine(self, operation: Operation) -> Machine:
        return Machine(self._settings, operation.scale_set.key, operation.instance)

    def _make(self, machine: Machine, operation: Operation, new: str) -> None:
        """The disks of a new machine."""
        limit = self._settings.most_machines
        if not machine.exists and limit is not None and self._machine_count() >= limit:
            raise _no_quota(machine, limit)
        machine.make_folder()
        machine.disks.make_data_disks((operation.profile or NO_PROFILE).data_disks)
        self._make_os_disk(machine, operation, new)
        machine.disks.start_with(new)

    def _make_os_disk(self, machine: Machine, operation: Operation, new: str) -> None:
        """With its seed. The machine still has the disk that it had."""
        disks, profile = machine.disks, operation.profile or NO_PROFILE
        disks.make_os_disk(new, self._store.find(_image(operation)))
        if not disks.seed(new).exists():
            seed = make_seed(machine.uuid, new, profile, disks.markers(), self._settings.scripts)
            seed.write(disks.seed(new))

    def _changes(self, profile: MachineProfile, report: GuestStatus) -> bytes | None:
        """What guest.sh has to run, as a tar archive; None for nothing."""
        present = report.present_extensions()
        lacking = [
            extension
            for extension in in_order(profile.extensions)
            if not ((run := present.get(extension.name)) and run.is_good and run.version == extension.version)
        ]
        removed = sorted(present.keys() - {extension.name for extension in profile.extensions})
        if not lacking and not removed:
            return None
        files = {"guest.sh": GUEST_PROGRAM.read_bytes(), **plan(self._settings.scripts, lacking, removed)}
        return _tar(files)

    async def _is_up(self, machine: Machine) -> bool:
        report = (await machine.look()).report if await machine.process() else None
        return report is not None and report.is_up

    async def _is_half_made(self, machine: Machine) -> bool:
        """Did it never come up, so that nothing is lost if it is made anew?"""
        process = await machine.process()
        is_stuck = process is None or process.age > self._settings.boot_seconds
        return is_stuck and not machine.disks.has_come_up(machine.disks.os_disk)

    async def _check_creation(self, machine: Machine, operation: Operation) -> None:
        has_disk = machine.disks.os_disk not in ("", os_disk_of(operation.id))
        if has_disk and not await self._is_half_made(machine):
            raise _exists(machine)
        limit = self._settings.most_machines
        if not machine.exists and limit is not None and await asyncio.to_thread(self._machine_count) >= limit:
            raise _no_quota(machine, limit)

    def _machine_count(self) -> int:
        return sum(1 for _ in self._settings.folder.glob(f"*/*/*/{ABOUT}"))

    async def _view(self, machine: Machine) -> InstanceView | None:
        return await machine.view(self._store, await machine.process())

    async def _ended(self, finish: Any) -> Ended:
        await asyncio.to_thread(finish)
        return Ended()


def _tar(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return archive.getvalue()


def _image(operation: Operation) -> ImageReference:
    if operation.image is None:
        raise ProviderError("ImageNotFound", f"Instance {operation.instance}: no image was named.", permanent=True)
    return operation.image


def _timed_out(machine: Machine, result: DidNotBoot) -> str:
    console = machine.console_end()
    last = f" The last lines of its console:\n{console}" if console else " Its console is empty."
    return f"Instance {machine.instance} did not boot: {result.why}.{last}"


def _check_exists(machine: Machine) -> None:
    if not machine.exists:
        raise _not_found(machine)


def _check_disk(machine: Machine, os_disk: str) -> None:
    disks = machine.disks
    if not os_disk or os_disk not in (disks.os_disk, disks.kept, disks.was):
        message = f"Instance {machine.instance} has no OS disk {os_disk!r}, and none of that name is kept: reimage it."
        raise ProviderError("OSDiskNotFound", message, permanent=True)


def _not_found(machine: Machine) -> ProviderError:
    message = f"There is no machine for instance {machine.instance}: create it."
    return ProviderError("InstanceNotFound", message, permanent=True)


def _exists(machine: Machine) -> ProviderError:
    message = f"There is a machine for instance {machine.instance} already: reimage or delete it."
    return ProviderError("InstanceExists", message, permanent=True)


def _no_quota(machine: Machine, limit: int) -> ProviderError:
    message = f"Instance {machine.instance} cannot be created: this host may have {limit} machines (`most_machines`)."
    return ProviderError("QuotaExceeded", message, permanent=True)
