"""The class that `PROVIDERS` names."""

from collections.abc import Mapping
from pathlib import Path

from upgrades.providers.hosts.stepped import SteppedProvider
from upgrades.providers.qemu.driver import QemuDriver


class QemuProvider(SteppedProvider):
    """Machines on this host."""

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        super().__init__(home / "qemu" / "journal", QemuDriver(home, settings))
