"""A folder of real virtual machines for tests, and the eyes of a probe."""

import asyncio
import http.client
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tests.waiting import wait_until
from upgrades.core.facts import ImageReference
from upgrades.providers import load
from upgrades.providers.base import InstanceView, MachineProfile, Operation, Provider, ScaleSetReference
from upgrades.providers.checks.site import Site, play
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.driver import VirtualMachineDriver
from upgrades.providers.hosts.virtual_machines.machine import ABOUT, VirtualMachine
from upgrades.providers.libvirt.connection import Daemon
from upgrades.providers.libvirt.driver import LibvirtDriver
from upgrades.providers.libvirt.machine import Machine as LibvirtMachine
from upgrades.providers.qemu.driver import QemuDriver

Answer = TypeVar("Answer")
IMAGE = ImageReference("Rollgrid", "Guest", "tiny", "")
OLD, NEW, NEWER, SICK, DEAD, WRONG = "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"
FLAVOURS = {OLD: "good", NEW: "good", NEWER: "good", SICK: "sick", DEAD: "dead", WRONG: "wrong"}
BOOT_SECONDS = 180  # five on a quiet host, more than sixty on a busy one
DRIVERS: Mapping[str, Callable[[Path, Mapping[str, object]], VirtualMachineDriver]] = {
    "qemu": QemuDriver,
    "libvirt": LibvirtDriver,
}
SET = ScaleSetReference("tests/machines")


@dataclass(frozen=True)
class Host:
    """`given`: the location's settings. `name`: of the provider."""

    folder: Path
    given: Mapping[str, object]
    name: str = "qemu"

    def but(self, **settings: object) -> "Host":
        return replace(self, given={**self.given, **settings})

    def provider(self) -> Provider:
        return load(self.name, self.folder, self.given)

    def play(self, story: Callable[[Provider], Coroutine[Any, Any, Answer]]) -> Answer:
        return play(self.provider, story)

    def site(self, scale_set: ScaleSetReference = SET) -> Site:
        return Site(scale_set, self.provider, IMAGE, (OLD, NEW, NEWER), operation_seconds=4 * BOOT_SECONDS)

    def machine(self, instance: str, scale_set: ScaleSetReference = SET) -> VirtualMachine:
        """Looked at just now."""
        machine = DRIVERS[self.name](self.folder, self.given).machine(scale_set.key, instance)
        if isinstance(machine, LibvirtMachine):
            machine.domain.read()
        return machine

    def process(self, instance: str) -> processes.Process | None:
        return processes.find(self.machine(instance).uuid)

    def end_all(self) -> None:
        """Whatever a test left running in this folder, and nothing else."""
        ours = {json.loads(path.read_text())["uuid"] for path in self.folder.rglob(ABOUT)}
        for uuid, process in processes.running().items():
            if uuid in ours:
                processes.kill(process)
        wait_until(lambda: not ours & processes.running().keys(), seconds=30)
        if self.name == "libvirt":
            _forget_domains(str(self.given["uri"]), ours)


def health(provider: Provider, address: str) -> tuple[int, dict[str, Any]]:
    """(status, the guest's report) of its health page."""
    line = http.client.HTTPConnection(*provider.endpoint(address, 80), timeout=60)
    try:
        line.request("GET", "/cgi-bin/healthz")
        with line.getresponse() as response:
            return response.status, json.loads(response.read())
    finally:
        line.close()


def begun(operation: Operation) -> Callable[[Provider], Coroutine[Any, Any, None]]:
    async def story(provider: Provider) -> None:
        assert await provider.begin([operation]) == {}

    return story


async def swapped(
    provider: Provider, site: Site, before: InstanceView, version: str, profile: MachineProfile
) -> InstanceView:
    """The machine with a new OS disk, as it is seen from inside too: another OS, booted anew, on the same data disks."""
    _, said_before = await asyncio.to_thread(health, provider, before.address)
    (after,) = await site.done(provider, site.reimage(before.instance, version, profile))
    status, said = await asyncio.to_thread(health, provider, after.address)
    assert (status, said["osVersion"], said["osDisk"]) == (200, version, after.os_disk)
    assert (after.version, after.reported_version) == (version, version)
    assert said["bootId"] != said_before["bootId"]
    # The markers were read from the disks by the guest, and another OS wrote them there.
    assert said["dataDisks"] == said_before["dataDisks"]
    found = [(disk["lun"], disk["marker"]) for disk in said["dataDisks"]]
    assert found == [(disk.lun, disk.marker) for disk in before.data_disks]
    assert len({disk.marker for disk in after.data_disks}) == len(profile.data_disks)
    return after


def _forget_domains(uri: str, uuids: set[str]) -> None:
    with Daemon(uri).connected() as libvirt:
        for domain in libvirt.listAllDomains():
            if domain.UUIDString() in uuids:
                domain.undefine()
