"""The image versions of a host: one folder each, `<publisher>/<offer>/<sku>/<version>`, in lower case, with disk.qcow2 and manifest.json.

A disk is read-only and never changes: overlays of machines lie on it.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from upgrades.core.facts import ImageReference
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import image_files
from upgrades.providers.hosts.disks import backing_file

PART = re.compile(r"[\w(-][\w.()-]{0,126}\Z")  # letters of any language: resource groups may have them
DISK, MANIFEST = "disk.qcow2", "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was published. `size`: of the file, in bytes."""

    sha256: str
    size: int
    format: str = "qcow2"


def path_part(text: str, what: str) -> str:
    """A name of a client as a folder's name. Raises ProviderError where it could be another folder's, or a way out of this one."""
    part = text.lower()
    if not PART.match(part) or ".." in part:
        raise ProviderError("InvalidName", f"{what} {text!r} cannot be a folder's name", permanent=True)
    return part


class ImageStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, image: ImageReference) -> Path:
        """The image's disk. Raises ProviderError ImageNotFound where it is not there, or is not what was published."""
        disk = self._folder_of(image) / DISK
        try:
            manifest = Manifest(**json.loads((disk.parent / MANIFEST).read_bytes()))
            size = disk.stat().st_size
        except FileNotFoundError:
            message = f"The image {image} is not on this host: put its disk at {disk}, with {MANIFEST} beside it."
            raise ProviderError("ImageNotFound", message, permanent=True) from None
        except (OSError, ValueError, TypeError) as error:
            message = f"The image {image} cannot be read at {disk.parent}: {error}"
            raise ProviderError("ImageNotFound", message, permanent=True) from error
        if (size, manifest.format) != (manifest.size, "qcow2"):
            message = f"{disk} has {size} bytes; its {MANIFEST} says {manifest.size} bytes of {manifest.format}."
            raise ProviderError("ImageNotFound", message, permanent=True)
        return disk

    def version_of(self, disk: Path) -> str:
        """The version whose disk this is; "" where it is none of this store."""
        known = disk.name == DISK and disk.parent.parent.parent.parent.parent == self.folder
        return disk.parent.name if known else ""

    def publish(self, image: ImageReference, disk: Path) -> Path:
        """Move a qcow2 file into the store; all of it is there, or nothing. An image that is there already stays as it is."""
        folder = self._folder_of(image)
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new."))
        try:
            shutil.move(disk, draft / DISK)
            (draft / DISK).chmod(0o444)
            manifest = Manifest(_sha256(draft / DISK), (draft / DISK).stat().st_size)
            (draft / MANIFEST).write_text(json.dumps(asdict(manifest)))
            draft.chmod(0o755)
            if not folder.exists():
                os.rename(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return folder / DISK

    def take_in(self, image: ImageReference, file: Path, sha256: str) -> Path:
        """Copy a qcow2 or raw file into the store; `sha256`: what the file must have, "" for whatever it has. Returns the image's disk.

        Raises ProviderError: another image of that version is there, or the file cannot be an OS disk (image_files.py).
        """
        folder = self._folder_of(image)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".import.") as work:
            draft = Path(work) / "disk.import"
            image_files.copied(file, draft, sha256)
            disk = image_files.as_qcow2(draft, file)
            if folder.exists() and _sha256(folder / DISK) != _sha256(disk):
                message = f"Another image of version {image.version} is at {folder}. A version never changes: give this one a new number."
                raise ProviderError("ImageExists", message, permanent=True)
            return self.publish(image, disk)

    def remove(self, image: ImageReference, machines: Path) -> bool:
        """Delete the image. False where there is none. `machines`: the folder of all machines whose OS disks may lie on it.

        Raises ProviderError ImageInUse where one does. It is out of reach first, so that no new one comes to lie on it meanwhile.
        """
        folder = self._folder_of(image)
        if not folder.exists():
            return False
        away = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".removed."))
        try:
            os.rename(folder, away / folder.name)
            overlay = overlay_on(folder / DISK, machines)
            if overlay:
                os.rename(away / folder.name, folder)
                message = f"The image {image} is in use: {overlay} lies on it."
                raise ProviderError("ImageInUse", message, permanent=False)
        finally:
            shutil.rmtree(away, ignore_errors=True)
        return True

    def _folder_of(self, image: ImageReference) -> Path:
        names = ("publisher", "offer", "sku", "version")
        return self.folder.joinpath(*(path_part(getattr(image, name), f"the image's {name}") for name in names))


def overlay_on(disk: Path, machines: Path) -> Path | None:
    """A disk of a machine that lies on this one, also one that is only kept; None where there is none."""
    return next(
        (path for path in machines.rglob("*.qcow2") if (lies_on := backing_file(path)) and _is(lies_on, disk)), None
    )


def _is(path: Path, disk: Path) -> bool:
    """Are they the same file, by whatever links? It may not be there any more."""
    return os.path.realpath(path) == os.path.realpath(disk)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
