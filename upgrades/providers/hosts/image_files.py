"""Files that people bring as images: copied, measured, and looked at before any machine gets them. All functions block: threads only."""

import hashlib
import json
import shutil
from pathlib import Path

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import programs

CHUNK_BYTES = 1024 * 1024
SPARE_BYTES = 64 * 1024 * 1024  # that must be left on the disk besides the copy


def copied(file: Path, to: Path, sha256: str) -> str:
    """Copy the file, and return its sha256. Raises ProviderError: it is not there, has another sha256, or there is no room for it."""
    try:
        size = file.stat().st_size
        free = shutil.disk_usage(to.parent).free
        if size + SPARE_BYTES > free:
            message = (
                f"{file} has {size} bytes, and {to.parent} has room for {max(0, free - SPARE_BYTES)}. Make room first."
            )
            raise ProviderError("NoSpace", message, permanent=False)
        found = _copy(file, to)
    except OSError as error:
        raise ProviderError("ImageUnreadable", f"{file} cannot be copied: {error}", permanent=True) from error
    if sha256 and found != sha256.lower():
        to.unlink()
        message = (
            f"{file} has the sha256 {found}, not {sha256.lower()}: it is another file, or was not downloaded whole."
        )
        raise ProviderError("WrongChecksum", message, permanent=True)
    return found


def _copy(file: Path, to: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source, to.open("xb") as target:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest()


def as_qcow2(disk: Path, original: Path) -> Path:
    """The disk in the format qcow2, beside it where it had another. Raises ProviderError for what cannot be an OS disk.

    A disk that names another file is refused: QEMU would open that one with its own rights, and machines could read it.
    """
    about = json.loads(programs.run("qemu-img", "info", "--output=json", disk))
    if about["format"] not in ("qcow2", "raw"):
        raise _unfit(original, f"its format is {about['format']}. Convert it: qemu-img convert -O qcow2")
    features = about.get("format-specific", {}).get("data", {})
    if "backing-filename" in about or features.get("data-file"):
        raise _unfit(original, "it refers to another file. Make it whole: qemu-img convert -O qcow2")
    if about.get("encrypted"):
        raise _unfit(original, "it is encrypted")
    if about["format"] == "qcow2":
        programs.run("qemu-img", "check", "-q", disk)
        return disk
    if not _looks_bootable(disk):
        raise _unfit(original, "it has neither a boot sector nor the format qcow2")
    whole = disk.with_suffix(".qcow2")
    programs.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, whole)
    disk.unlink()
    return whole


def _looks_bootable(disk: Path) -> bool:
    """Whatever is no other format is raw to qemu-img, also a web page that was saved as an image."""
    with disk.open("rb") as file:
        return file.read(512)[510:] == b"\x55\xaa"


def _unfit(original: Path, why: str) -> ProviderError:
    return ProviderError("ImageUnfit", f"{original} cannot be an OS disk: {why}.", permanent=True)
