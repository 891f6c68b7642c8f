"""The class that `PROVIDERS` names."""

from collections.abc import Mapping
from pathlib import Path

from upgrades.providers.hosts.virtual_machines.provider import VirtualMachineProvider
from upgrades.providers.qemu.driver import QemuDriver


class QemuProvider(VirtualMachineProvider):
    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        super().__init__(home / "qemu" / "journal", QemuDriver(home, settings))
