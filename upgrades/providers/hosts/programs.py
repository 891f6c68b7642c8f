"""Programs of the host: whether they are there, and what they answer."""

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from upgrades.providers.base import ProviderError

# The Debian package of each program that is used.
PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "genisoimage": "genisoimage",
    "apt-get": "apt",
    "apt-cache": "apt",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "debugfs": "e2fsprogs",
    "mcopy": "mtools",
    "mdir": "mtools",
    "mtype": "mtools",
    "syslinux": "syslinux syslinux-common",
    "ldd": "libc-bin",
}
# Some of them are not on an ordinary user's path.
PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def missing(names: Sequence[str]) -> list[str]:
    """Those that are not installed."""
    return [name for name in names if _place(name) is None]


def find(name: str) -> str:
    """The program's path. Raises ProviderError, which says what to install."""
    place = _place(name)
    if place is None:
        raise ProviderError("ProgramMissing", how_to_install([name]), permanent=False)
    return place


def how_to_install(names: Sequence[str]) -> str:
    packages = sorted({PACKAGES[name] for name in names})
    are = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {are} not installed; on Debian and Ubuntu: apt install {' '.join(packages)}"


def run(name: str, *arguments: str | Path, folder: Path | None = None) -> str:
    """What the program writes. Raises ProviderError with its words where it fails. Blocks: threads only."""
    return run_at(Path(find(name)), *arguments, folder=folder)


def run_at(program: Path, *arguments: str | Path, folder: Path | None = None) -> str:
    """The same of a program that is no package's."""
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-500:]
        raise ProviderError(
            "ProgramFailed", f"{program.name} failed with code {done.returncode}: {said}", permanent=False
        )
    return done.stdout


async def run_aside(name: str, *arguments: str | Path, folder: Path | None = None) -> str:
    """The same without blocking the event loop."""
    return await asyncio.to_thread(run, name, *arguments, folder=folder)


def _place(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=":".join(PLACES))
