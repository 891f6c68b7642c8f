"""Images that are disks, qcow2 or raw: their file systems are read by the programs that know them, from a raw draft. Nothing is mounted."""

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

from upgrades.core.image_contents import ImageContents
from upgrades.providers.hosts import programs
from upgrades.providers.images import file_systems
from upgrades.providers.images.found import Found, Unreadable

SECTOR = 512
MAX_DISK_BYTES = 64 * 1024**3
SPARE_BYTES = 256 * 1024**2
MAX_PARTITIONS = 16
EXTENDED = (0x05, 0x0F, 0x85)
GPT = 0xEE


def contents(file: Path, work: Path) -> ImageContents:
    """Raises Unreadable or ProviderError where it is no disk that can be read."""
    disk = _raw(file, work)
    found = Found()
    for offset in partitions(disk):
        file_systems.read(disk, offset, found)
    return found.contents()


def _raw(file: Path, work: Path) -> Path:
    """The disk as a raw file: itself, or a draft."""
    about = json.loads(programs.run("qemu-img", "info", "--output=json", file))
    data = about.get("format-specific", {}).get("data", {})
    if "backing-filename" in about or data.get("data-file") or about.get("encrypted"):
        raise Unreadable("it is not whole")
    draft = work / "disk.raw"  # a name of ours: to debugfs and mtools some letters mean something
    if about["format"] == "raw":
        draft.symlink_to(file)
        return draft
    size = int(about["virtual-size"])
    if about["format"] != "qcow2" or size > MAX_DISK_BYTES or size + SPARE_BYTES > shutil.disk_usage(work).free:
        raise Unreadable("there is no room for it")
    programs.run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", file, draft)
    return draft


def partitions(disk: Path) -> list[int]:
    """Where they begin, in bytes; 0 where the whole disk is one."""
    size = disk.stat().st_size
    with disk.open("rb") as raw:
        sector = raw.read(SECTOR)
        raw.seek(SECTOR)
        header = raw.read(SECTOR)
        places = list(_of_mbr(sector))
        if header[:8] == b"EFI PART":
            table, count, length = struct.unpack_from("<QII", header, 72)
            if 128 <= length <= 4096 and count <= 1024 and table * SECTOR < size:
                raw.seek(table * SECTOR)
                places = list(_of_gpt(raw.read(count * length), length))
    return [place for place in places[:MAX_PARTITIONS] if place < size] or [0]


def _of_mbr(sector: bytes) -> Iterator[int]:
    if sector[510:] != b"\x55\xaa":
        return
    for entry in range(446, 510, 16):
        kind, start, count = sector[entry + 4], *struct.unpack_from("<II", sector, entry + 8)
        if start and count and kind not in (0, GPT, *EXTENDED):
            yield start * SECTOR


def _of_gpt(table: bytes, length: int) -> Iterator[int]:
    for place in range(0, len(table) - length + 1, length):
        (start,) = struct.unpack_from("<Q", table, place + 32)
        if any(table[place : place + 16]) and start:
            yield start * SECTOR
