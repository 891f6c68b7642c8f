"""The XML of a domain, as it is written and read. No libvirt is needed: domains that boot are in tests/virtual_machines."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from upgrades.providers.hosts.virtual_machines.machine import Drive
from upgrades.providers.libvirt.definition import (
    QEMU,
    Domain,
    Marks,
    accelerator_in,
    has_agent,
    mac_of,
    marks_of,
    os_disk_in,
    write,
)
from upgrades.providers.libvirt.settings import read_settings

UUID = "3f2504e0-4f89-51d3-9a0c-0305e82c3301"
FOLDER = Path("/srv/machines/rg/<set> & co/0")
MARKS = Marks("/srv/machines", "rg/<set> & co", "0", {"os": "os-2", "was": "", "kept": "os-1"}, "1.1.0", "2")
DRIVES = [
    Drive("os", FOLDER / "os-2.qcow2"),
    *(Drive(f"data-{lun}", FOLDER / f"data-{lun}.qcow2") for lun in range(30)),
    Drive("seed", FOLDER / "os-2.iso", "raw", is_read_only=True),
]


def written(home: Path, accelerator: str = "tcg", **given: object) -> str:
    domain = Domain(UUID, "rg-set-0-3f2504e0", MARKS, FOLDER, DRIVES, accelerator)
    return write(read_settings(home, given), domain, "/usr/bin/qemu-system-x86_64")


def test_a_definition_names_its_machine_and_its_os_disks(tmp_path: Path) -> None:
    xml = written(tmp_path)
    marks = marks_of(xml)
    assert marks
    assert (marks.folder, marks.scale_set, marks.instance) == (MARKS.folder, MARKS.scale_set, MARKS.instance)
    assert (marks.version, marks.operation, marks.places) == ("1.1.0", "2", {"was": "", "kept": "os-1"})
    assert (os_disk_in(xml, FOLDER), accelerator_in(xml), has_agent(xml)) == ("os-2", "tcg", False)


def test_disks_are_told_apart_by_their_serial_and_the_first_one_boots(tmp_path: Path) -> None:
    disks = ET.fromstring(written(tmp_path)).findall("devices/disk")
    assert [disk.findtext("serial") for disk in disks] == [drive.name for drive in DRIVES]
    assert [disk.find("boot") is not None for disk in disks] == [True] + [False] * 31
    assert [disk.find("readonly") is not None for disk in disks] == [False] * 31 + [True]
    targets = [target.get("dev") for disk in disks if (target := disk.find("target")) is not None]
    assert (targets[0], targets[25], targets[26], len(set(targets))) == ("vda", "vdz", "vdaa", 32)


def test_a_machine_that_ends_stays_off(tmp_path: Path) -> None:
    root = ET.fromstring(written(tmp_path))
    assert (root.findtext("on_poweroff"), root.findtext("on_crash")) == ("destroy", "destroy")
    assert root.find("features/acpi") is not None, "its power button"


@pytest.mark.parametrize(
    ("accelerator", "type_", "cpu"), [("tcg", "qemu", "custom"), ("kvm", "kvm", "host-passthrough")]
)
def test_the_accelerator_is_the_domains_type(tmp_path: Path, accelerator: str, type_: str, cpu: str) -> None:
    root = ET.fromstring(written(tmp_path, accelerator))
    mode = root.find("cpu")
    assert mode is not None
    assert (root.get("type"), mode.get("mode")) == (type_, cpu)
    assert (root.find("features/tcg") is None) == (accelerator == "kvm")


def test_the_user_network_forwards_ports(tmp_path: Path) -> None:
    root = ET.fromstring(written(tmp_path, ports=[80, 22]))
    arguments = [argument.get("value") for argument in root.iter(f"{{{QEMU}}}arg")]
    network = "user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:0-:80,hostfwd=tcp:127.0.0.1:0-:22"
    assert arguments[:2] == ["-netdev", network]
    assert mac_of(UUID) in str(arguments[3])
    assert root.find("devices/interface") is None


@pytest.mark.parametrize(("network", "kind"), [("network:default", "network"), ("bridge:br0", "bridge")])
def test_other_networks_are_an_interface_with_a_mac_of_its_own(tmp_path: Path, network: str, kind: str) -> None:
    root = ET.fromstring(written(tmp_path, network=network))
    interface = root.find("devices/interface")
    assert interface is not None
    source, mac = interface.find("source"), interface.find("mac")
    assert source is not None and mac is not None
    assert (interface.get("type"), source.get(kind)) == (kind, network.partition(":")[2])
    assert mac.get("address") == mac_of(UUID) == "52:54:00:3f:25:04"
    assert not list(root.iter(f"{{{QEMU}}}arg"))


def test_other_peoples_domains_have_no_marks_and_other_disks() -> None:
    disk = "<devices><disk><source file='/a/b.qcow2'/></disk></devices>"
    xml = f"<domain type='kvm'><metadata><x xmlns='urn:other'/></metadata>{disk}</domain>"
    assert (marks_of(xml), os_disk_in(xml, Path("/a")), accelerator_in(xml)) == (None, "", "kvm")


def test_a_disk_that_is_none_of_the_folder_is_named_by_its_path() -> None:
    xml = "<domain><devices><disk><source file='/else/os-1.qcow2'/><serial>os</serial></disk></devices></domain>"
    assert os_disk_in(xml, FOLDER) == "/else/os-1.qcow2"


def test_a_connected_agent_is_seen() -> None:
    channel = "<channel><target type='virtio' name='org.qemu.guest_agent.0' state='{}'/></channel>"
    for state in ("connected", "disconnected"):
        xml = f"<domain><devices>{channel.format(state)}</devices></domain>"
        assert has_agent(xml) == (state == "connected")
