"""What libvirt has under one machine's UUID and name. All methods block: threads only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from upgrades.providers.base import ProviderError
from upgrades.providers.libvirt.connection import Daemon, LibvirtRefuses, library, qemu_library
from upgrades.providers.libvirt.definition import Marks, accelerator_in, has_agent, marks_of, os_disk_in

AGENT_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """A domain of ours at one moment. `places`: which OS disk is where. While it runs, `runs_from` is the OS disk that it has in truth:
    a new definition does not change a machine that runs.
    """

    name: str
    marks: Marks
    places: Mapping[str, str]
    accelerator: str
    is_active: bool = False
    runs_from: str = ""
    has_agent: bool = False
    snapshots: int = 0


class Domain:
    """The places of a machine's OS disks (hosts/disks.py), which are in its definition, so that one call changes all of them.

    `seen`: what `read` found; None for nothing.
    """

    def __init__(self, daemon: Daemon, uuid: str, name: str, folder: Path, marks: Marks) -> None:
        self._daemon, self.uuid, self.name, self._folder, self._marks = daemon, uuid, name, folder, marks
        self.seen: Seen | None = None
        self.define: Callable[[Mapping[str, str], str], str] = _undefined

    def read(self) -> None:
        """Raises ProviderError, permanent, where a domain of this UUID or name is somebody else's."""
        with self._daemon.connected() as connection:
            self.seen = self._read(connection)

    def get(self, place: str) -> str:
        return self.seen.places.get(place, "") if self.seen else ""

    def put(self, disks: Mapping[str, str]) -> None:
        with self._daemon.connected() as connection:
            now = self._read(connection)  # another step may have changed it since
            if now is None and self.seen is not None:
                message = f"Somebody deleted the domain {self.name} of instance {self._marks.instance}: create it."
                raise ProviderError("InstanceNotFound", message, permanent=True)
            places = {**(now.places if now else {}), **disks}
            if now is None or places != now.places:
                connection.defineXML(self.define(places, now.accelerator if now else "tcg"))
            self.seen = self._read(connection)

    def start(self, accelerator: str) -> None:
        """Does nothing where it runs already."""
        libvirt = library()
        with self._daemon.connected() as connection:
            domain = connection.defineXML(self.define(self.seen.places if self.seen else {}, accelerator))
            domain.setAutostart(True)  # it runs again when the host has been restarted
            try:
                # Without what somebody saved of its memory: that belongs to another disk perhaps.
                domain.createWithFlags(libvirt.VIR_DOMAIN_START_FORCE_BOOT)
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                    raise

    def stay_off(self) -> None:
        """It is not started with the host, until `start`."""
        with self._daemon.connected() as connection:
            connection.lookupByUUIDString(self.uuid).setAutostart(False)

    def press_power_button(self) -> None:
        """The button itself: by default libvirt asks the agent first, which minds its own end and leaves libvirt with an error."""
        button = library().VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
        with self._daemon.connected() as connection:
            connection.lookupByUUIDString(self.uuid).shutdownFlags(button)

    def destroy(self) -> None:
        with self._daemon.connected() as connection:
            connection.lookupByUUIDString(self.uuid).destroy()

    def undefine(self) -> None:
        """If it is ours, with whatever people have made of it."""
        libvirt = library()
        with self._daemon.connected() as connection:
            if self._read(connection):
                connection.lookupByUUIDString(self.uuid).undefineFlags(
                    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
                    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
                )
        self.seen = None

    def ask_monitor(self, line: str) -> str:
        """QEMU's answer to a line for people."""
        qemu = qemu_library()
        with self._daemon.connected() as connection:
            domain = connection.lookupByUUIDString(self.uuid)
            return str(qemu.qemuMonitorCommand(domain, line, qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP))

    def ask_agent(self, command: str) -> str:
        """The guest agent's answer, in JSON too."""
        qemu = qemu_library()
        with self._daemon.connected() as connection:
            return str(qemu.qemuAgentCommand(connection.lookupByUUIDString(self.uuid), command, AGENT_SECONDS, 0))

    def addresses(self) -> list[tuple[str, str]]:
        """(MAC, IPv4 address) of its network cards, by whoever knows them: DHCP server of the network, guest agent, or the ARP table."""
        libvirt = library()
        sources = [libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP]
        if self.seen and self.seen.has_agent:
            sources.insert(1, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)
        for source in sources:
            try:
                with self._daemon.connected() as connection:
                    found = connection.lookupByUUIDString(self.uuid).interfaceAddresses(source)
            except LibvirtRefuses:
                continue
            if addresses := _ipv4(found):
                return addresses
        return []

    def _read(self, connection: Any) -> Seen | None:
        by_uuid = _looked_up(connection.lookupByUUIDString, self.uuid)
        by_name = _looked_up(connection.lookupByName, self.name)
        if by_uuid is None and by_name is None:
            return None
        seen = seen_of(by_uuid, self._folder) if by_uuid else None
        is_ours = seen is not None and is_same(seen.marks, self._marks)
        is_other = by_name is not None and by_name.UUIDString() != self.uuid
        if not is_ours or is_other:
            what = f"domain {by_name.name()}" if is_other and by_name else f"domain with the UUID {self.uuid}"
            message = f"Instance {self._marks.instance}: there is a {what} that is not Rollgrid's. Rename it, or move it away."
            raise ProviderError("ForeignInstance", message, permanent=True)
        return seen


def seen_of(domain: Any, folder: Path) -> Seen | None:
    """None where it has no metadata of ours, or has just gone. `folder`: the machine's."""
    libvirt = library()
    try:
        xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        marks = marks_of(xml)
        if marks is None:
            return None
        places = {**marks.places, "os": os_disk_in(xml, folder)}
        seen = Seen(domain.name(), marks, places, accelerator_in(xml), snapshots=domain.snapshotNum())
        if not domain.isActive():
            return seen
        live = domain.XMLDesc(0)
        return replace(seen, is_active=True, runs_from=os_disk_in(live, folder), has_agent=has_agent(live))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def definition_of(domain: Any) -> str | None:
    """Whoever's it is; None where it has just gone."""
    libvirt = library()
    try:
        return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def is_same(marks: Marks, other: Marks) -> bool:
    """Are they of the same machine?"""
    return (marks.folder, marks.scale_set, marks.instance) == (other.folder, other.scale_set, other.instance)


def _looked_up(look_up: Callable[[str], Any], what: str) -> Any:
    libvirt = library()
    try:
        return look_up(what)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def _ipv4(found: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    libvirt = library()
    return [
        (str(card["hwaddr"]), str(address["addr"]))
        for card in (found or {}).values()
        for address in card["addrs"] or ()
        if address["type"] == libvirt.VIR_IP_ADDR_TYPE_IPV4 and not str(address["addr"]).startswith("127.")
    ]


def _undefined(places: Mapping[str, str], accelerator: str) -> str:
    raise NotImplementedError(f"nobody says how to define {places} with {accelerator}")
