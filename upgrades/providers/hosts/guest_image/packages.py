"""The Debian packages that the guest is made of: a kernel for virtual machines, busybox, QEMU's guest agent. They are only unpacked."""

import re
import stat
from dataclasses import dataclass
from pathlib import Path

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import programs

KERNEL = "linux-image-cloud-amd64"  # a name that stays; the package that it depends on has a new one with each update
HOW_TO_HAVE_PACKAGES = "run apt-get update, with a network, on Debian 12 or newer"
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "isofs", "virtio_console", "virtio_rng", "button", "evdev")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the packages give: files on this host. `modules`: drivers of the kernel, in the order in which they are loaded."""

    kernel: Path
    modules: tuple[Path, ...]
    busybox: Path
    agent: Path
    mke2fs: Path


def fetch(cache: Path) -> Parts:
    """Downloads what `cache` has not yet, and unpacks it. Raises ProviderError where a program or a package cannot be had."""
    cache.mkdir(parents=True, exist_ok=True)
    kernel = _unpacked(cache, _kernel_package())
    (vmlinuz,) = (kernel / "boot").glob("vmlinuz-*")
    return Parts(
        kernel=vmlinuz,
        modules=tuple(_in_order_of_loading(kernel)),
        busybox=_unpacked(cache, "busybox-static") / "bin" / "busybox",
        agent=_unpacked(cache, "qemu-guest-agent") / "usr" / "sbin" / "qemu-ga",
        mke2fs=Path(programs.find("mke2fs")),
    )


def libraries(program: Path) -> list[Path]:
    """The shared libraries that a program needs, as this host has them."""
    said = programs.run("ldd", program)
    if lacking := re.findall(r"(\S+) => not found", said):
        message = f"{program.name} needs {', '.join(lacking)} on this host: apt install qemu-guest-agent brings them"
        raise ProviderError("ProgramMissing", message, permanent=True)
    return [Path(word) for line in said.splitlines() for word in line.split() if word.startswith("/")]


def _kernel_package() -> str:
    found = re.search(r"Depends: (linux-image-\S+)", _apt("apt-cache", "depends", KERNEL))
    if not found:
        message = f"apt knows no package {KERNEL}: {HOW_TO_HAVE_PACKAGES}"
        raise ProviderError("ProgramMissing", message, permanent=True)
    return found[1]


def _unpacked(cache: Path, package: str) -> Path:
    folder = cache / package
    if not folder.exists():
        for left in cache.glob(f"{package}_*.deb"):  # of a run that was cut off: maybe half, maybe of an older version
            left.unlink()
        _apt("apt-get", "download", "-q", package, folder=cache)
        (archive,) = cache.glob(f"{package}_*.deb")
        draft = cache / f".{package}"
        programs.run("dpkg-deb", "-x", archive, draft)
        archive.unlink()
        draft.chmod(stat.S_IRWXU)
        draft.rename(folder)
    return folder


def _apt(program: str, *arguments: str, folder: Path | None = None) -> str:
    try:
        return programs.run(program, *arguments, folder=folder)
    except ProviderError as error:
        message = f"{error.message}; {HOW_TO_HAVE_PACKAGES}"
        raise ProviderError(error.code, message, permanent=error.permanent) from error


def _in_order_of_loading(kernel: Path) -> list[Path]:
    """MODULES and all that they depend on, which each module's own file says."""
    files = {path.stem.replace("-", "_"): path for path in kernel.glob("lib/modules/*/kernel/**/*.ko")}
    ordered = dict[str, Path]()

    def add(name: str) -> None:
        if name in files and name not in ordered:
            for before in _dependencies(files[name]):
                add(before)
            ordered[name] = files[name]

    for module in MODULES:
        add(module)
    return list(ordered.values())


def _dependencies(module: Path) -> list[str]:
    found = re.search(rb"\0depends=([^\0]*)\0", module.read_bytes())
    return found[1].decode().replace("-", "_").split(",") if found else []
