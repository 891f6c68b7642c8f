"""What is in an image that is a disk: read from its file systems, without mounting them."""

import struct
import subprocess
from pathlib import Path

import pytest

from tests.providers.images.test_archives import EXPECTED, OS_RELEASE, STATUS
from upgrades.core.image_contents import ImageContents
from upgrades.providers.hosts import programs
from upgrades.providers.images.disks import partitions
from upgrades.providers.images.reading import contents_of

pytestmark = pytest.mark.virtual_machines
MIB = 1024**2
SECTOR = 512


def run(name: str, *arguments: object) -> None:
    subprocess.run([programs.find(name), *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A file system with an OS, as a file."""
    folder, file = tmp_path / "root", tmp_path / "root.ext4"
    for name, content in {
        "usr/lib/os-release": OS_RELEASE,
        "var/lib/dpkg/status": STATUS,
        "boot/vmlinuz-6.1.0-56-amd64": b"kernel",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "etc").mkdir()
    (folder / "etc/os-release").symlink_to("../usr/lib/os-release")
    (folder / "vmlinuz").symlink_to("/etc/shadow")
    run("mke2fs", "-q", "-t", "ext4", "-d", folder, file, "8M")
    return file


def mbr(path: Path, root: Path) -> Path:
    entry = struct.pack("<B3sB3sII", 0x80, bytes(3), 0x83, bytes(3), 2048, 8 * MIB // SECTOR)
    path.write_bytes((bytes(446) + entry + bytes(48) + b"\x55\xaa").ljust(MIB, b"\0") + root.read_bytes())
    return path


def gpt(path: Path, root: Path) -> Path:
    protective = struct.pack("<B3sB3sII", 0, bytes(3), 0xEE, bytes(3), 1, 0xFFFF)
    header = struct.pack("<8s64xQII", b"EFI PART", 2, 128, 128).ljust(SECTOR, b"\0")
    entry = struct.pack("<16s16sQQ", b"\x01" * 16, b"\x02" * 16, 2048, 2048 + 8 * MIB // SECTOR)
    whole = (bytes(446) + protective + bytes(48) + b"\x55\xaa") + header + entry
    path.write_bytes(whole.ljust(MIB, b"\0") + root.read_bytes())
    return path


@pytest.mark.parametrize("made", [mbr, gpt])
def test_a_disk_is_read_for_its_contents(made: object, root: Path, tmp_path: Path) -> None:
    assert callable(made)
    disk, packed, work = made(tmp_path / "a@@b?.raw", root), tmp_path / "a.qcow2", tmp_path / "work"
    work.mkdir()
    assert contents_of(disk, work) == EXPECTED
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", disk, packed)
    assert contents_of(packed, work) == EXPECTED
    assert contents_of(root, work) == EXPECTED, "a file system without a table of partitions"
    assert not list(work.iterdir())


def test_a_kernel_in_a_boot_partition_says_its_version(tmp_path: Path) -> None:
    kernel, file = tmp_path / "kernel", tmp_path / "boot.fat"
    head = bytearray(4096)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x20E, 0x400)
    head[0x600:0x620] = b"6.1.0-57-cloud-amd64 (debian)\0\0\0"
    kernel.write_bytes(head)
    run("mkfs.vfat", "-C", file, 1024)
    run("mcopy", "-i", file, kernel, "::/vmlinuz")
    disk = mbr(tmp_path / "disk.raw", file)
    assert contents_of(disk, tmp_path) == ImageContents(kernel="6.1.0-57-cloud-amd64")


def test_a_disk_that_refers_to_another_file_says_nothing(root: Path, tmp_path: Path) -> None:
    disk, packed = mbr(tmp_path / "a.raw", root), tmp_path / "a.qcow2"
    run("qemu-img", "create", "-f", "qcow2", "-b", disk, "-F", "raw", packed)
    assert contents_of(packed, tmp_path) == ImageContents()


def test_a_disk_too_big_for_the_host_says_nothing(tmp_path: Path) -> None:
    huge = tmp_path / "huge.qcow2"
    run("qemu-img", "create", "-f", "qcow2", huge, "100T")
    assert contents_of(huge, tmp_path) == ImageContents()
    assert list(tmp_path.iterdir()) == [huge]


def test_a_table_of_partitions_may_say_anything(tmp_path: Path) -> None:
    disk = tmp_path / "a.raw"
    for content in (b"", b"\xff" * 4096, bytes(510) + b"\x55\xaa" + b"EFI PART" + b"\xff" * 4096):
        disk.write_bytes(content)
        assert partitions(disk) == [0]
        assert contents_of(disk, tmp_path) == ImageContents()
