"""Single files out of file systems within a raw disk: ext2 to ext4 by debugfs, FAT by mtools. Others are not read."""

import os
import re
import subprocess
from pathlib import Path

from upgrades.providers.hosts import programs
from upgrades.providers.images.found import FILES, KERNEL_FILE, MAX_FILE_BYTES, MODULES, Found

HEAD_BYTES = 64 * 1024  # of a kernel
NAME = re.compile(r"[\w.+~-]{1,100}\Z")
EXT_MAGIC = (1080, b"\x53\xef")
MTOOLS = {"MTOOLSRC": os.devnull, "MTOOLS_SKIP_CHECK": "1"}


def read(disk: Path, offset: int, found: Found) -> None:
    """Adds what the file system at this place says of an OS."""
    with disk.open("rb") as raw:
        raw.seek(offset)
        head = raw.read(2048)
    place, magic = EXT_MAGIC
    if head[place : place + 2] == magic:
        _read_ext(f"{disk}?offset={offset}", found)
    elif head[510:512] == b"\x55\xaa" and (head[54:57] == b"FAT" or head[82:85] == b"FAT"):
        _read_fat(f"{disk}@@{offset}", found)


def _read_ext(device: str, found: Found) -> None:
    for path in FILES:
        if path not in found.files and (content := _ext(device, f"cat /{path}", MAX_FILE_BYTES)):
            found.files[path] = content
    for folder in MODULES:
        for name in _ext_names(device, folder):
            found.add_kernel(name)
    for folder in ("boot", ""):  # a disk may have /boot as a file system of its own
        for name in _ext_names(device, folder):
            if KERNEL_FILE.match(name):
                found.add_kernel_file(name, _ext(device, f"cat /{folder}/{name}", HEAD_BYTES))


def _ext_names(device: str, folder: str) -> list[str]:
    """The names in a folder: debugfs' lines are /inode/mode/uid/gid/name/size/."""
    lines = _ext(device, f"ls -p /{folder}", 1024 * 1024).decode(errors="replace").splitlines()
    parts = (line.split("/") for line in lines)
    return [line[5] for line in parts if len(line) > 5 and NAME.match(line[5]) and line[5] not in (".", "..")]


def _ext(device: str, request: str, max_bytes: int) -> bytes:
    return _said("debugfs", "-c", "-R", request, device, max_bytes=max_bytes)


def _read_fat(device: str, found: Found) -> None:
    listed = _said("mdir", "-b", "-i", device, "::/", max_bytes=1024 * 1024).decode(errors="replace")
    for name in (line.strip().removeprefix("::/") for line in listed.splitlines()):
        if NAME.match(name) and KERNEL_FILE.match(name):
            found.add_kernel_file(name, _said("mtype", "-i", device, f"::/{name}", max_bytes=HEAD_BYTES))


def _said(name: str, *arguments: str, max_bytes: int) -> bytes:
    """The first bytes that the program writes; b"" where it fails. It is ended once these are there."""
    command = [programs.find(name), *arguments]
    with subprocess.Popen(
        command,
        env={**os.environ, **MTOOLS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout
        try:
            content = process.stdout.read(max_bytes)
        finally:
            process.kill()
    return content
