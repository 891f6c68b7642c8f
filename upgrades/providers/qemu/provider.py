"""The class that `PROVIDERS` names."""

from collections.abc import Mapping
from pathlib import Path

from upgrades.providers.hosts.stepped import SteppedProvider
from upgrades.providers.qemu.driver import QemuDriver
from upgrades.providers.qemu.settings import read_settings


class QemuProvider(SteppedProvider):
    """Machines on this host. Raises ProviderError where a setting is wrong."""

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        ours = read_settings(home, settings)
        super().__init__(ours.folder / ".journal", QemuDriver(ours))
