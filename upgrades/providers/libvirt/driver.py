"""Machines that libvirt starts and stops."""

import asyncio
from collections.abc import Iterable
from functools import cached_property

from upgrades.core.machines import ELSEWHERE_CODE
from upgrades.core.states import OperationKind
from upgrades.providers.base import Operation, ProviderError, ScaleSetReference
from upgrades.providers.hosts.virtual_machines import processes, user_network
from upgrades.providers.hosts.virtual_machines.driver import VirtualMachineDriver
from upgrades.providers.hosts.virtual_machines.machine import VirtualMachine
from upgrades.providers.hosts.virtual_machines.processes import Runs
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings
from upgrades.providers.libvirt.connection import Daemon
from upgrades.providers.libvirt.domain import definition_of, seen_of
from upgrades.providers.libvirt.machine import EMULATOR, Machine
from upgrades.providers.libvirt.remote_runs import RemoteRuns
from upgrades.providers.libvirt.settings import LibvirtSettings, read_settings
from upgrades.providers.libvirt.test_boot import LibvirtTestBoot


class LibvirtDriver(VirtualMachineDriver):
    @property
    def programs(self) -> tuple[str, ...]:  # type: ignore[override]  # those of a remote host are its own business
        return ("qemu-img", "genisoimage") if self._libvirt.is_remote else (EMULATOR, "qemu-img", "genisoimage")

    @cached_property
    def runs(self) -> Runs:
        return RemoteRuns(self._libvirt, self._daemon) if self._libvirt.is_remote else processes

    @cached_property
    def _libvirt(self) -> LibvirtSettings:
        return read_settings(self._home, self._given)

    @cached_property
    def _daemon(self) -> Daemon:
        return Daemon(self._libvirt.uri)

    @property
    def settings(self) -> MachineSettings:
        return self._libvirt.machines

    @cached_property
    def test_boot(self) -> LibvirtTestBoot:
        return LibvirtTestBoot(self._libvirt, self._daemon, self.runs)

    def machine(self, key: str, instance: str) -> Machine:
        return Machine(self._libvirt, self._daemon, key, instance, self.runs)

    async def machines(self, scale_set: ScaleSetReference) -> Iterable[Machine]:
        return await asyncio.to_thread(self._machines, scale_set.key)

    def check_machine(self, machine: VirtualMachine, operation: Operation) -> None:
        """What people did to a domain is not lost by a swap."""
        assert isinstance(machine, Machine)
        seen = machine.domain.seen
        if seen is None and operation.kind is OperationKind.CREATE:
            self._refuse_disks_of_another(machine)
        if seen and seen.snapshots and operation.kind in (OperationKind.REIMAGE, OperationKind.RESTORE):
            message = f"Instance {machine.instance} has snapshots in libvirt, which lie on the OS disk that is replaced: delete them first."
            raise ProviderError("SnapshotsExist", message, permanent=True)

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        if self._libvirt.network == "user" or not address:
            return user_network.endpoint(address, port)
        return address, port

    def _refuse_disks_of_another(self, machine: Machine) -> None:
        """Raise ProviderError where somebody has given the machine's disks to another domain, be it off or on."""
        with self._daemon.connected() as connection:
            for domain in connection.listAllDomains():
                if f"'{machine.folder}/" in (definition_of(domain) or ""):
                    name = domain.name()
                    message = (
                        f"Instance {machine.instance}: the domain {name} has its disks in {machine.folder}. To bring the machine back, "
                        f"define it as it was (its UUID is {machine.uuid}). If it is gone for good: `virsh undefine {name}`, and a new "
                        "machine is made"
                    )
                    raise ProviderError(ELSEWHERE_CODE, message, permanent=True)

    def _machines(self, key: str) -> list[Machine]:
        """Those that carry our metadata under the UUID that goes with it: a copy that somebody made has another."""
        found = []
        with self._daemon.connected() as connection:
            for domain in connection.listAllDomains():
                seen = seen_of(domain, self.settings.folder)
                if seen is None or (seen.marks.folder, seen.marks.scale_set) != (str(self.settings.folder), key):
                    continue
                machine = self.machine(key, seen.marks.instance)
                if machine.uuid == domain.UUIDString():
                    machine.domain.seen = seen_of(domain, machine.folder)
                    found.append(machine)
        return sorted((machine for machine in found if machine.exists), key=lambda machine: machine.instance)
