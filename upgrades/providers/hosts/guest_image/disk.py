"""The guest's whole disk: a boot record with syslinux, a FAT file system with kernel and RAM disk, an ext4 file system with the rest.

It boots by itself, as a machine's disk does. The partition table is written by hand: tools for that want a loop device.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import programs

SECTOR = 512
MIB = 1024 * 1024 // SECTOR  # in sectors
BOOT_MIB, ROOT_MIB = 20, 24
BOOT_AT, ROOT_AT = MIB, MIB + BOOT_MIB * MIB
BOOT_CODE = Path("/usr/lib/syslinux/mbr/mbr.bin")
FAT, LINUX = 0x0E, 0x83
HIDDEN_SECTORS_AT = 0x1C  # in a FAT boot sector: where its partition begins
KERNEL_OPTIONS = "root=LABEL=osroot console=ttyS0 quiet panic=5 no_timer_check tsc=reliable random.trust_cpu=on"
BOOT_MENU = (
    f"DEFAULT guest\nPROMPT 0\nTIMEOUT 0\nLABEL guest\n KERNEL /vmlinuz\n INITRD /initrd.gz\n APPEND {KERNEL_OPTIONS}\n"
)


@dataclass(frozen=True, slots=True)
class Partition:
    start: int
    sectors: int
    type: int
    is_active: bool = False


def make_disk(work: Path, kernel: Path, initrd: bytes, root: Path) -> Path:
    """A qcow2 file in the folder `work`, of the files in `root`."""
    raw, disk = work / "disk.raw", work / "disk.qcow2"
    with raw.open("wb") as file:
        file.write(_boot_record())
        _copy(_boot_file_system(work, kernel, initrd), file.fileno(), BOOT_AT)
        _copy(_root_file_system(work, root), file.fileno(), ROOT_AT)
        file.truncate((ROOT_AT + ROOT_MIB * MIB) * SECTOR)
    programs.run("qemu-img", "convert", "-O", "qcow2", "-c", "-o", "compression_type=zstd", raw, disk)
    return disk


def _boot_file_system(work: Path, kernel: Path, initrd: bytes) -> Path:
    image, ram_disk, menu = work / "boot.img", work / "initrd.gz", work / "syslinux.cfg"
    ram_disk.write_bytes(initrd)
    menu.write_text(BOOT_MENU)
    programs.run("mkfs.vfat", "-F", "16", "-n", "BOOT", "-C", image, str(BOOT_MIB * 1024))
    programs.run("mcopy", "-i", image, kernel, "::/vmlinuz")
    programs.run("mcopy", "-i", image, ram_disk, menu, "::/")
    programs.run("syslinux", "--install", image)
    with image.open("r+b") as file:
        file.seek(HIDDEN_SECTORS_AT)
        file.write(struct.pack("<I", BOOT_AT))
    return image


def _root_file_system(work: Path, root: Path) -> Path:
    image = work / "root.img"
    options = ("-q", "-F", "-t", "ext4", "-L", "osroot", "-m", "0", "-O", "^has_journal,^resize_inode")
    programs.run("mke2fs", *options, "-E", "root_owner=0:0,lazy_itable_init=0", "-d", root, image, f"{ROOT_MIB}M")
    return image


def _boot_record() -> bytes:
    if not BOOT_CODE.exists():
        message = f"{BOOT_CODE} is not there; on Debian and Ubuntu: apt install syslinux-common"
        raise ProviderError("ProgramMissing", message, permanent=True)
    record = bytearray(SECTOR)
    record[:440] = BOOT_CODE.read_bytes()[:440].ljust(440, b"\0")
    partitions = (Partition(BOOT_AT, BOOT_MIB * MIB, FAT, is_active=True), Partition(ROOT_AT, ROOT_MIB * MIB, LINUX))
    for number, part in enumerate(partitions):
        active, chs = 0x80 if part.is_active else 0, b"\xfe\xff\xff"  # a disk without cylinders
        struct.pack_into("<B3sB3sII", record, 446 + 16 * number, active, chs, part.type, chs, part.start, part.sectors)
    record[510:] = b"\x55\xaa"
    return bytes(record)


def _copy(image: Path, handle: int, sector: int) -> None:
    content = memoryview(image.read_bytes())
    at = sector * SECTOR
    while content:
        written = os.pwrite(handle, content, at)
        content, at = content[written:], at + written
