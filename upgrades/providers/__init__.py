"""Who runs machines: a provider's name, and the class that is loaded when it is first used."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from upgrades.providers.base import Provider

PROVIDERS = {
    "simulated": "upgrades.providers.simulated.client.SimulatedProvider",
}


class UnknownProvider(Exception):
    pass


def load(name: str, home: Path, settings: Mapping[str, object]) -> Provider:
    """Makes the provider of that name. Raises UnknownProvider with the names there are."""
    try:
        module, _, attribute = PROVIDERS[name].rpartition(".")
    except KeyError:
        raise UnknownProvider(f"no provider is called {name!r}; there are: {', '.join(sorted(PROVIDERS))}") from None
    return cast(Provider, getattr(import_module(module), attribute)(home, settings))
