"""The provider `incus`: see docs/providers.md."""

from collections.abc import Mapping
from pathlib import Path

from upgrades.providers.hosts.stepped import SteppedProvider
from upgrades.providers.incus.driver import IncusDriver


class IncusProvider(SteppedProvider):
    """Machines of the Incus that the location's settings name."""

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        folder = home / "incus"
        super().__init__(folder, IncusDriver(settings, folder))
