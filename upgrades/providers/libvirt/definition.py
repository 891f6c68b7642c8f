"""The XML of a domain: written from what a machine is, and read for what it says."""

import xml.etree.ElementTree as ET  # of libvirt's own answers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from upgrades.providers.hosts.disks import SUFFIX
from upgrades.providers.hosts.guest_agent import AGENT_PORT
from upgrades.providers.hosts.virtual_machines import user_network
from upgrades.providers.hosts.virtual_machines.machine import CONSOLE, Drive
from upgrades.providers.libvirt.settings import LibvirtSettings

OURS = "urn:rollgrid:libvirt:1"
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
ET.register_namespace("rollgrid", OURS)
ET.register_namespace("qemu", QEMU)
TYPES = {"kvm": "kvm", "tcg": "qemu"}
NETWORK_SLOT = "0x10"  # far from those that libvirt gives to its own devices
TCG_CACHE_MB = 32


@dataclass(frozen=True, slots=True)
class Marks:
    """What our metadata says: whose machine it is. `places`: {place: OS disk} but for the one that it has (hosts/disks.py, Places).

    `folder`: that of all machines, which tells locations apart.
    """

    folder: str
    scale_set: str
    instance: str
    places: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Domain:
    """What is to be defined."""

    uuid: str
    name: str
    marks: Marks
    folder: Path
    drives: Sequence[Drive]
    accelerator: str = "tcg"
    has_network: bool = True


def write(settings: LibvirtSettings, domain: Domain, emulator: str) -> str:
    """`emulator`: the path of QEMU, "" for the host's usual one."""
    machines, is_tcg = settings.machines, domain.accelerator == "tcg"
    root = ET.Element("domain", type=TYPES[domain.accelerator])
    _texts(root, name=domain.name, uuid=domain.uuid)
    ET.SubElement(root, "metadata").append(_metadata(domain.marks))
    ET.SubElement(root, "memory", unit="MiB").text = str(machines.memory_mb)
    _texts(root, vcpu=str(machines.cpus))
    ET.SubElement(ET.SubElement(root, "os"), "type", arch="x86_64", machine=machines.machine).text = "hvm"
    features = ET.SubElement(root, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    if is_tcg:
        ET.SubElement(ET.SubElement(features, "tcg"), "tb-cache", unit="MiB").text = str(TCG_CACHE_MB)
    cpu = ET.SubElement(root, "cpu", mode="custom" if is_tcg else "host-passthrough")
    if is_tcg:
        ET.SubElement(cpu, "model", fallback="allow").text = "qemu64"
    ET.SubElement(root, "clock", offset="utc")
    _texts(root, on_poweroff="destroy", on_reboot="restart", on_crash="destroy")
    root.append(_devices(settings, domain, emulator))
    if domain.has_network and settings.network == "user":
        root.append(_user_network(settings, domain))
    return ET.tostring(root, encoding="unicode")


def _metadata(marks: Marks) -> ET.Element:
    machine = ET.Element(f"{{{OURS}}}machine")
    said = {
        "folder": marks.folder,
        "scaleSet": marks.scale_set,
        "instance": marks.instance,
        "version": marks.version,
        "operation": marks.operation,
        **{place: os_disk for place, os_disk in marks.places.items() if place != "os" and os_disk},
    }
    for name, text in said.items():
        ET.SubElement(machine, f"{{{OURS}}}{name}").text = text
    return machine


def _devices(settings: LibvirtSettings, domain: Domain, emulator: str) -> ET.Element:
    devices = ET.Element("devices")
    if emulator:
        _texts(devices, emulator=emulator)
    for number, drive in enumerate(domain.drives):
        devices.append(_disk(drive, number))
    serial = ET.SubElement(devices, "serial", type="file")
    ET.SubElement(serial, "source", path=str(domain.folder / CONSOLE))
    agent = ET.SubElement(devices, "channel", type="unix")
    ET.SubElement(agent, "target", type="virtio", name=AGENT_PORT)
    kind, _, name = settings.network.partition(":")
    if domain.has_network and kind != "user":
        interface = ET.SubElement(devices, "interface", type=kind)
        ET.SubElement(interface, "mac", address=mac_of(domain.uuid))
        ET.SubElement(interface, "source", {kind: name})
        ET.SubElement(interface, "model", type="virtio")
    # Without a source of randomness, programs of a fresh guest wait for seconds.
    random = ET.SubElement(devices, "rng", model="virtio")
    ET.SubElement(random, "backend", model="random").text = "/dev/urandom"
    ET.SubElement(devices, "memballoon", model="none")
    return devices


def _disk(drive: Drive, number: int) -> ET.Element:
    disk = ET.Element("disk", type="file", device="disk")
    ET.SubElement(disk, "driver", name="qemu", type=drive.format)
    ET.SubElement(disk, "source", file=str(drive.path))
    ET.SubElement(disk, "target", dev=f"vd{_letters(number)}", bus="virtio")
    if drive.is_read_only:
        ET.SubElement(disk, "readonly")
    ET.SubElement(disk, "serial").text = drive.name
    if number == 0:
        ET.SubElement(disk, "boot", order="1")
    return disk


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    rest, last = divmod(number, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("a") + last)


def _user_network(settings: LibvirtSettings, domain: Domain) -> ET.Element:
    """libvirt's own way to forward ports (passt) is not in Debian 12."""
    machines = settings.machines
    line = ET.Element(f"{{{QEMU}}}commandline")
    network = user_network.netdev(machines.ports, is_open=machines.network_is_open)
    card = f"virtio-net-pci,netdev=net0,romfile=,mac={mac_of(domain.uuid)},addr={NETWORK_SLOT}"
    for argument in ("-netdev", network, "-device", card):
        ET.SubElement(line, f"{{{QEMU}}}arg", value=argument)
    return line


def mac_of(uuid: str) -> str:
    """A machine's own, in QEMU's range."""
    digits = uuid.replace("-", "")[:6]
    return f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def _texts(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text


# Reading.


def marks_of(xml: str) -> Marks | None:
    """None for a domain that is not ours."""
    machine = ET.fromstring(xml).find(f"metadata/{{{OURS}}}machine")
    if machine is None:
        return None
    said = {element.tag.rpartition("}")[2]: element.text or "" for element in machine}
    places = {place: said.get(place, "") for place in ("was", "kept")}
    return Marks(
        said.get("folder", ""),
        said.get("scaleSet", ""),
        said.get("instance", ""),
        places,
        said.get("version", ""),
        said.get("operation", ""),
    )


def os_disk_in(xml: str, folder: Path) -> str:
    """The id of the OS disk that the domain has; another file's whole path where it is none of this folder's; "" for none."""
    for disk in ET.fromstring(xml).iterfind("devices/disk"):
        source = disk.find("source")
        if disk.findtext("serial") == "os" and source is not None:
            path = Path(source.get("file", ""))
            return path.name.removesuffix(SUFFIX) if path.parent == folder and path.suffix == SUFFIX else str(path)
    return ""


def accelerator_in(xml: str) -> str:
    return "kvm" if ET.fromstring(xml).get("type") == "kvm" else "tcg"


def has_agent(xml: str) -> bool:
    """Does the guest agent listen in the running machine?"""
    channels = ET.fromstring(xml).iterfind("devices/channel/target")
    return any(c.get("name") == AGENT_PORT and c.get("state") == "connected" for c in channels)
