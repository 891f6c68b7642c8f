"""The initial RAM disk: busybox, the drivers of virtual hardware, and a script that goes on from the root file system."""

import gzip
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from upgrades.providers.hosts.guest_image.packages import Parts

SCRIPTS = Path(__file__).parent / "scripts"
FOLDERS = ("bin", "dev", "proc", "sys", "root", "modules")


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def initrd(parts: Parts) -> bytes:
    order = "\n".join(path.stem for path in parts.modules)
    entries = [
        *(Entry(name, stat.S_IFDIR | 0o755) for name in FOLDERS),
        Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
        Entry("bin/busybox", stat.S_IFREG | 0o755, parts.busybox.read_bytes()),
        Entry("init", stat.S_IFREG | 0o755, (SCRIPTS / "initrd-init.sh").read_bytes()),
        Entry("modules/order", stat.S_IFREG | 0o644, order.encode()),
        *(Entry(f"modules/{path.name}", stat.S_IFREG | 0o644, path.read_bytes()) for path in parts.modules),
    ]
    return gzip.compress(_cpio(entries), 6, mtime=0)


def _cpio(entries: Iterable[Entry]) -> bytes:
    """An archive in cpio's format "newc". All files are root's, from time 0."""
    archive = bytearray()
    for number, entry in enumerate((*entries, Entry("TRAILER!!!", 0)), 1):
        name = entry.name.encode() + b"\0"
        fields = (number, entry.mode, 0, 0, 1, 0, len(entry.content), 0, 0, *entry.device, len(name), 0)
        archive += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        archive += bytes(-len(archive) % 4) + entry.content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)
