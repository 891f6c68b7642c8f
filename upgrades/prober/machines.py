"""Asking providers for the state of machines."""

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path

from upgrades import providers
from upgrades.core.machines import InstanceView, storable
from upgrades.prober.contacts import Contacts
from upgrades.prober.probe_targets import Probed, ProbedSet
from upgrades.provider_calls import measured
from upgrades.providers.base import Provider, ProviderError, ScaleSetReference

ANSWER_TIMEOUT_SECONDS = 2.0

log = logging.getLogger(__name__)


class Machines:
    """The providers that this process has asked so far, and what became of that."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._providers: dict[str, Provider] = {}
        # What was answered for each scale set the last time, and the same as it can be stored: mostly it is answered again.
        self._last: dict[int, tuple[Mapping[str, InstanceView], dict[str, InstanceView]]] = {}
        self.contacts = Contacts()

    def of(self, probed: ProbedSet) -> Provider:
        """Raises ProviderError where it cannot be made, such as for wrong settings."""
        name = f"{probed.provider} {sorted(probed.provider_settings.items())}"
        if name not in self._providers:
            self._providers[name] = providers.load(probed.provider, self._home, probed.provider_settings)
        return self._providers[name]

    def endpoint(self, probed: ProbedSet, instance: Probed) -> tuple[str, int] | None:
        """Where to probe the instance; None where it cannot be probed."""
        if not instance.address:
            return None
        try:
            return self.of(probed).endpoint(instance.address, probed.probe_port)
        except Exception as error:  # whatever a provider does must not end the probing of all the others
            log.info("%s: instance %d cannot be probed: %s", probed.key, instance.number, error)
            return None

    async def views(self, probed: ProbedSet) -> dict[str, InstanceView] | None:
        """{instance id: machine} of the scale set; None where the provider does not answer."""
        reference = ScaleSetReference(probed.key, probed.tags)
        try:
            provider = self.of(probed)
            with measured(probed.provider, "views"):
                async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                    found = self._storable(probed.pk, await provider.views(reference))
        except (TimeoutError, ProviderError) as error:
            self._note_failure(probed, str(error) or f"it gave no answer in {ANSWER_TIMEOUT_SECONDS:g} s")
            return None
        except Exception as error:
            log.exception("%s: its provider is faulty", probed.key)
            self._note_failure(probed, f"an error of the provider: {error}")
            return None
        self.contacts.answered(probed.location, probed.pk, provider.capabilities)
        return found

    def _storable(self, scale_set_id: int, answered: Mapping[str, InstanceView]) -> dict[str, InstanceView]:
        last = self._last.get(scale_set_id)
        if last is None or last[0] is not answered:
            last = self._last[scale_set_id] = answered, {id: storable(view) for id, view in answered.items()}
        return last[1]

    def forget(self, scale_set_id: int) -> None:
        """This process does not ask for it any more."""
        self._last.pop(scale_set_id, None)
        self.contacts.forget(scale_set_id)

    def _note_failure(self, probed: ProbedSet, why: str) -> None:
        log.info("%s: its provider does not say how its machines are (%s)", probed.key, why)
        self.contacts.failed(probed.location, probed.pk, why, time.monotonic())

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.close()
