"""One machine that is a domain of libvirt."""

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from upgrades.providers.base import InstanceView, ProviderError
from upgrades.providers.hosts import guest_agent, programs
from upgrades.providers.hosts.guest_agent import CommandRefused
from upgrades.providers.hosts.image_store import ImageStore
from upgrades.providers.hosts.virtual_machines import processes, user_network
from upgrades.providers.hosts.virtual_machines.machine import NOT_STARTED, Live, VirtualMachine, folder_of, uuid_of
from upgrades.providers.hosts.virtual_machines.processes import Process, Runs
from upgrades.providers.libvirt import definition
from upgrades.providers.libvirt.connection import Daemon, LibvirtRefuses
from upgrades.providers.libvirt.definition import Marks, mac_of
from upgrades.providers.libvirt.domain import Domain
from upgrades.providers.libvirt.settings import LibvirtSettings

KIND = "libvirt:"
EMULATOR = "qemu-system-x86_64"
MAX_NAME = 60
# Where QEMU ended while libvirt 9 wrote to the agent, libvirt gives up the agent of the domain's next run.
AGENT_LOST = "QEMU guest agent is not available due to an error"
AGENT_SAID = "unable to execute QEMU agent command"


class Machine(VirtualMachine):
    def __init__(
        self, settings: LibvirtSettings, daemon: Daemon, key: str, instance: str, runs: Runs = processes
    ) -> None:
        self._libvirt = settings
        machines = settings.machines
        uuid = uuid_of(machines, key, instance, KIND)
        folder = folder_of(machines, key, instance)
        self.domain = Domain(
            daemon, uuid, _name(key, instance, uuid), folder, Marks(str(machines.folder), key, instance)
        )
        super().__init__(machines, key, instance, kind=KIND, places=self.domain, runs=runs)
        self.domain.define = self._definition
        if settings.is_system:
            self.folder_mode = 0o711  # machines run as another user

    @property
    def exists(self) -> bool:
        return self.domain.seen is not None

    @property
    def runs_from(self) -> str:
        return self.domain.seen.runs_from if self.domain.seen else ""

    async def read(self) -> None:
        await asyncio.to_thread(self.domain.read)

    async def process(self) -> Process | None:
        """Where libvirt says that it runs: one that cannot be seen, because it has just ended, or this is a container of its own."""
        process = await super().process()
        return Process(0, self.uuid, self.started_at) if process is None and self._is_active else process

    async def view(self, store: ImageStore, process: Process | None) -> InstanceView | None:
        return await super().view(store, process or await self.process())

    async def look(self) -> Live:
        seen = self.domain.seen
        if seen is None or not seen.is_active:
            return Live("", None)
        try:
            address = await asyncio.to_thread(self._address)
        except ProviderError:
            return Live("", None)
        try:
            return Live(address, await guest_agent.report(self._ask) if seen.has_agent else None)
        except ProviderError as error:
            return Live(address, None, is_cut_off=AGENT_LOST in error.message)

    def start(self, accelerator: str) -> None:
        self.note_start()
        try:
            self.domain.start(accelerator)
        except LibvirtRefuses as error:
            raise ProviderError(NOT_STARTED, f"{error.message}{_hint(error.message)}", permanent=False) from error

    async def power_down(self) -> None:
        with suppress(LibvirtRefuses):  # it is looked at again, and destroyed in the end
            await asyncio.to_thread(self.domain.press_power_button)

    async def quit(self) -> None:
        with suppress(LibvirtRefuses):
            await asyncio.to_thread(self.domain.destroy)

    async def kill(self, process: Process) -> None:
        """libvirt does so by itself where a machine does not end. It is killed only where libvirt does not know it any more."""
        if self._is_active or not process.pid:
            await self.quit()
        else:
            await super().kill(process)

    def forget(self) -> None:
        self.domain.undefine()

    def stay_off(self) -> None:
        super().stay_off()
        self.domain.stay_off()

    async def change_extensions(self, id: str, archive: bytes) -> None:
        await guest_agent.change_extensions(self._ask, id, archive)

    @property
    def _is_active(self) -> bool:
        return self.domain.seen is not None and self.domain.seen.is_active

    async def _ask(self, command: str, arguments: Mapping[str, Any]) -> Any:
        """A question to the guest agent."""
        question = json.dumps({"execute": command, "arguments": arguments})
        try:
            return json.loads(await asyncio.to_thread(self.domain.ask_agent, question))["return"]
        except LibvirtRefuses as error:
            if AGENT_SAID in error.message:
                raise CommandRefused("MachineRefuses", error.message, permanent=False) from error
            raise
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ProviderError(
                "MachineRefuses", f"The guest agent's answer is no answer: {error}", permanent=False
            ) from error

    def _address(self) -> str:
        if self._libvirt.network == "user":
            return user_network.address(self.domain.ask_monitor(user_network.QUESTION))
        found = self.domain.addresses()
        ours = [address for mac, address in found if mac.lower() == mac_of(self.uuid)]
        return (ours or [""])[0]

    def _definition(self, places: Mapping[str, str], accelerator: str) -> str:
        os_disk, seen = places.get("os", ""), self.domain.seen
        image = self.disks.image_of(os_disk)
        marks = Marks(
            str(self._settings.folder),
            self.key,
            self.instance,
            places,
            ImageStore(self._settings.images).version_of(image) if image else "",
            os_disk.removeprefix("os-"),
        )
        domain = definition.Domain(
            self.uuid, seen.name if seen else self.domain.name, marks, self.folder, self.drives(os_disk), accelerator
        )
        return definition.write(self._libvirt, domain, emulator_of(self._libvirt))


def emulator_of(settings: LibvirtSettings) -> str:
    """The path of QEMU; "" for whichever a remote host has."""
    return "" if settings.is_remote else programs.find(EMULATOR)


def _hint(message: str) -> str:
    """libvirt gives machines' files to the user that machines run as, but not the folders above them."""
    if "Permission denied" not in message:
        return ""
    return (
        ". Let everybody pass through the folders above it (chmod o+x), or set the location's `folder` and `images` to others, "
        "such as in /var/lib/libvirt/images"
    )


def _name(key: str, instance: str, uuid: str) -> str:
    """For people; the UUID's beginning tells names apart that are shortened here."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "-", f"{key.partition('/')[2]}-{instance}")[:MAX_NAME].strip("-")
    return f"rg-{plain}-{uuid[:8]}"
