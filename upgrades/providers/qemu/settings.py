"""A location's settings for the provider `qemu`; docs/providers.md explains them."""

from collections.abc import Mapping
from pathlib import Path

from upgrades.providers.hosts.virtual_machines.settings import MachineSettings, read_machine_settings


def read_settings(home: Path, given: Mapping[str, object]) -> MachineSettings:
    """Raises ProviderError, which names the setting that is wrong and says what it may be. Not permanent: somebody may correct it."""
    settings, _ = read_machine_settings("qemu", home, given, {})
    return settings
