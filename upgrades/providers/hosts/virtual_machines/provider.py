"""A provider of virtual machines on this host."""

import asyncio
from pathlib import Path

from upgrades.core.facts import ImageReference
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.image_store import ImageStore
from upgrades.providers.hosts.stepped import SteppedProvider
from upgrades.providers.hosts.virtual_machines.driver import VirtualMachineDriver


class VirtualMachineProvider(SteppedProvider):
    """It takes image files in (base.py, TakesImages)."""

    def __init__(self, journal: Path, driver: VirtualMachineDriver) -> None:
        super().__init__(journal, driver)
        self._machines = driver

    async def import_image(self, image: ImageReference, file: Path, sha256: str) -> str:
        store = ImageStore(self._machines.settings.images)
        return str(await asyncio.to_thread(store.take_in, image, file, sha256))

    async def import_split_image(self, image: ImageReference, metadata: Path, root: Path) -> str:
        message = f"{root} comes with a file of metadata, as for Incus: a virtual machine's image is one file, a disk."
        raise ProviderError("NotSupported", message, permanent=True)

    async def remove_image(self, image: ImageReference) -> bool:
        settings = self._machines.settings
        return await asyncio.to_thread(ImageStore(settings.images).remove, image, settings.folder)
