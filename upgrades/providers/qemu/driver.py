"""Machines whose QEMU this provider starts by itself."""

import asyncio
from collections.abc import Iterable
from functools import cached_property

from upgrades.providers.base import ScaleSetReference
from upgrades.providers.hosts.image_store import path_part
from upgrades.providers.hosts.virtual_machines import user_network
from upgrades.providers.hosts.virtual_machines.driver import VirtualMachineDriver
from upgrades.providers.hosts.virtual_machines.machine import ABOUT
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings
from upgrades.providers.qemu.launch import PROGRAM
from upgrades.providers.qemu.machine import Machine
from upgrades.providers.qemu.settings import read_settings
from upgrades.providers.qemu.test_boot import QemuTestBoot


class QemuDriver(VirtualMachineDriver):
    programs = (PROGRAM, "qemu-img", "genisoimage")

    @cached_property
    def settings(self) -> MachineSettings:
        return read_settings(self._home, self._given)

    @cached_property
    def test_boot(self) -> QemuTestBoot:
        return QemuTestBoot(self.settings)

    def machine(self, key: str, instance: str) -> Machine:
        return Machine(self.settings, key, instance)

    async def machines(self, scale_set: ScaleSetReference) -> Iterable[Machine]:
        group, _, name = scale_set.key.partition("/")
        folder = self.settings.folder / path_part(group, "the resource group") / path_part(name, "the scale set")
        instances = await asyncio.to_thread(lambda: sorted(path.parent.name for path in folder.glob(f"*/{ABOUT}")))
        return [self.machine(scale_set.key, instance) for instance in instances]

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        return user_network.endpoint(address, port)
