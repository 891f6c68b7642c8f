"""The test boot by which it is found out whether libvirt's machines boot with KVM."""

import asyncio
from contextlib import suppress
from pathlib import Path

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.accelerator import this_host
from upgrades.providers.hosts.virtual_machines.machine import NOT_STARTED, Drive
from upgrades.providers.hosts.virtual_machines.processes import Runs
from upgrades.providers.libvirt.connection import Daemon, LibvirtRefuses, library
from upgrades.providers.libvirt.definition import Domain, Marks, has_agent, write
from upgrades.providers.libvirt.machine import KIND, emulator_of
from upgrades.providers.libvirt.settings import LibvirtSettings


class LibvirtTestBoot:
    kind = KIND

    def __init__(self, settings: LibvirtSettings, daemon: Daemon, runs: Runs) -> None:
        self._settings, self._daemon, self._runs = settings, daemon, runs
        self.host = settings.uri if settings.is_remote else this_host()

    @property
    def runs(self) -> Runs:
        return self._runs

    def is_offered(self) -> bool:
        """Does libvirt know KVM on this host?"""
        machine = self._settings.machines.machine
        with suppress(LibvirtRefuses), self._daemon.connected() as connection:
            connection.getDomainCapabilities(emulator_of(self._settings) or None, "x86_64", machine, "kvm")
            return True
        return False

    def start(self, uuid: str, folder: Path, disk: Path) -> None:
        marks = Marks(str(self._settings.machines.folder), "", "test boot")
        name = f"rg-test-boot-{uuid[:8]}"
        domain = Domain(uuid, name, marks, folder, [Drive("os", disk)], "kvm", has_network=False)
        try:
            with self._daemon.connected() as connection:
                connection.createXML(write(self._settings, domain, emulator_of(self._settings)))
        except LibvirtRefuses as error:
            raise ProviderError(NOT_STARTED, error.message, permanent=False) from error

    async def verdict(self, uuid: str, folder: Path) -> str | None:
        return await asyncio.to_thread(self._verdict, uuid)

    async def end(self, process: processes.Process) -> None:
        await asyncio.to_thread(self._destroy, process.uuid)

    def _verdict(self, uuid: str) -> str | None:
        libvirt = library()
        with suppress(LibvirtRefuses), self._daemon.connected() as connection:
            domain = connection.lookupByUUIDString(uuid)
            state, reason = domain.state()
            if state not in (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED):
                return f"libvirt says that it is in state {state} ({reason})"
            return "" if has_agent(domain.XMLDesc(0)) else None
        return None

    def _destroy(self, uuid: str) -> None:
        with suppress(LibvirtRefuses), self._daemon.connected() as connection:
            connection.lookupByUUIDString(uuid).destroy()
