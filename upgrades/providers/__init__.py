"""Who runs machines: names of providers, and their classes, which are loaded when they are first used.

A package brings a provider of its own as an entry point of the group `rollgrid.providers`, such as `mine = "my_package.cloud:MyProvider"`.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from upgrades.providers.base import Provider, ProviderError

GROUP = "rollgrid.providers"
# Ours are found in a checkout too, where no package is installed. Nobody else's can take their names.
PROVIDERS = {
    "incus": "upgrades.providers.incus.provider:IncusProvider",
    "libvirt": "upgrades.providers.libvirt.provider:LibvirtProvider",
    "qemu": "upgrades.providers.qemu.provider:QemuProvider",
    "remote": "upgrades.providers.remote.provider:RemoteProvider",
    "simulated": "upgrades.providers.simulated.client:SimulatedProvider",
}


class UnknownProvider(ProviderError):
    """No provider of that name can be loaded. Not permanent: its package can be installed, and the location mended."""

    def __init__(self, message: str) -> None:
        super().__init__("UnknownProvider", message, permanent=False)


def names() -> list[str]:
    """The names of all providers, ascending."""
    return sorted({*PROVIDERS, *_of_packages()})


def load(name: str, home: Path, settings: Mapping[str, object]) -> Provider:
    """Make the provider of that name.

    Raises ProviderError: UnknownProvider, which says what there is or what is wrong with its package, or the provider's own where its
    settings are wrong.
    """
    found = EntryPoint(name, PROVIDERS[name], GROUP) if name in PROVIDERS else _of_packages().get(name)
    if found is None:
        raise UnknownProvider(f"no provider is called {name!r}; there are: {', '.join(names())}")
    try:
        provider = found.load()
    except (ImportError, AttributeError) as error:
        raise UnknownProvider(f"the provider {name!r} ({found.value}) cannot be loaded: {error}") from error
    try:
        return cast(Provider, provider(home, settings))
    except ProviderError:
        raise
    except Exception as error:
        raise UnknownProvider(f"the provider {name!r} cannot use its settings: {error}") from error


@cache  # looks through all installed packages
def _of_packages() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
