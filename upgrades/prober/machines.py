"""Asking providers for the state of machines."""

import asyncio
import logging
from pathlib import Path

from upgrades import providers
from upgrades.core.machines import InstanceView
from upgrades.prober.probe_targets import ProbedSet
from upgrades.providers.base import Provider, ProviderError, ScaleSetReference

ANSWER_TIMEOUT_SECONDS = 2.0

log = logging.getLogger(__name__)


class Machines:
    """The providers that this process has asked so far."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._providers: dict[str, Provider] = {}

    def of(self, probed: ProbedSet) -> Provider:
        name = f"{probed.provider} {sorted(probed.provider_settings.items())}"
        if name not in self._providers:
            self._providers[name] = providers.load(probed.provider, self._home, probed.provider_settings)
        return self._providers[name]

    async def views(self, probed: ProbedSet) -> dict[str, InstanceView] | None:
        """{instance id: machine} of the scale set; None where the provider does not answer."""
        reference = ScaleSetReference(probed.key, probed.tags)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                return dict(await self.of(probed).views(reference))
        except (TimeoutError, ProviderError) as error:
            log.info("%s: its provider does not say how its machines are (%s)", probed.key, error or "no answer")
            return None

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.close()
