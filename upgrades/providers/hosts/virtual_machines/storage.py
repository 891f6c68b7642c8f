"""Whether the folder of the machines is the one in which they were made, and not the empty place where it would be mounted."""

import hashlib
from pathlib import Path

from upgrades import atomic_files
from upgrades.providers.base import ProviderError

STORAGE_MISSING = "StorageMissing"  # the code of a ProviderError
MARK = ".rollgrid"


class MachineFolder:
    """`folder` is marked when machines are made in it, and `home`, Rollgrid's state folder, remembers that. Methods block for a moment."""

    def __init__(self, home: Path, folder: Path) -> None:
        self._folder, self._mark = folder, folder / MARK
        self._known = home / "machine-folders" / hashlib.sha256(str(folder).encode()).hexdigest()[:32]

    def refuse_missing(self) -> None:
        """Raise ProviderError, not permanent, where it is not the folder that was marked."""
        if self._known.exists() and not self._mark.exists():
            message = (
                f"the folder {self._folder} is not there, or is not the one with the location's machines: it has no file {MARK}. Mount its "
                f"file system, or correct the location's setting `folder`. If the machines are gone for good: `mkdir -p {self._folder}; "
                f"touch {self._mark}`"
            )
            raise ProviderError(STORAGE_MISSING, message, permanent=False)

    def note_use(self) -> None:
        """There are machines in it from now on."""
        self.refuse_missing()
        if not self._known.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._mark.touch()
            self._known.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_files.replace(self._known, f"{self._folder}\n".encode())
