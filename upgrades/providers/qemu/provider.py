"""The class that `PROVIDERS` names."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from upgrades.core.facts import ImageReference
from upgrades.providers.hosts.image_store import ImageStore
from upgrades.providers.hosts.stepped import SteppedProvider
from upgrades.providers.qemu.driver import QemuDriver
from upgrades.providers.qemu.settings import read_settings


class QemuProvider(SteppedProvider):
    """Machines on this host. It takes image files in (base.py, TakesImages)."""

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        super().__init__(home / "qemu" / "journal", QemuDriver(home, settings))
        self._home, self._settings = home, settings

    async def import_image(self, image: ImageReference, file: Path, sha256: str) -> str:
        store = ImageStore(read_settings(self._home, self._settings).images)
        return str(await asyncio.to_thread(store.take_in, image, file, sha256))
