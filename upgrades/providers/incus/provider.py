"""The provider `incus`: see docs/providers.md."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from upgrades.core.facts import ImageReference
from upgrades.providers.hosts.stepped import SteppedProvider
from upgrades.providers.incus.client import STEP_SECONDS, IncusClient, IncusError
from upgrades.providers.incus.driver import IncusDriver, refused
from upgrades.providers.incus.importing import import_image, remove_image
from upgrades.providers.incus.settings import Settings, read_settings


class IncusProvider(SteppedProvider):
    """Machines of the Incus that the location's settings name. It takes image files in (base.py, TakesImages)."""

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        folder = home / "incus"
        super().__init__(folder, IncusDriver(settings, folder))
        self._folder, self._given = folder, settings

    async def import_image(self, image: ImageReference, file: Path, sha256: str) -> str:
        async with self._opened() as (client, settings):
            return await import_image(client, settings, image, (file,), sha256)

    async def import_split_image(self, image: ImageReference, metadata: Path, root: Path) -> str:
        async with self._opened() as (client, settings):
            return await import_image(client, settings, image, (metadata, root), "")

    async def remove_image(self, image: ImageReference) -> bool:
        async with self._opened() as (client, settings):
            return await remove_image(client, settings, image)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[IncusClient, Settings]]:
        settings = read_settings(self._given, self._folder)
        client = IncusClient(settings, STEP_SECONDS)
        try:
            yield client, settings
        except IncusError as error:
            raise refused(error) from None
        finally:
            await client.close()
