"""Whether there is room for new OS disks."""

import shutil
from pathlib import Path

from upgrades.providers.base import ProviderError

MIB = 1024 * 1024


def refuse_full(place: str, free_bytes: int, wanted_mb: int) -> None:
    """Raise ProviderError NoSpace where less is free than `wanted_mb`, the location's setting `free_mb`. `place`: as in "the folder X"."""
    if free_bytes < wanted_mb * MIB:
        free_mb = max(0, free_bytes) // MIB
        message = (
            f"{place} has {free_mb} MiB free, and the location wants {wanted_mb} for new OS disks (setting `free_mb`)"
        )
        raise ProviderError("NoSpace", message, permanent=False)


def free_in(folder: Path) -> int:
    """Bytes that are free where the folder is, or will be."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return shutil.disk_usage(there).free
