"""The provider of the cloud in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from tests.orchestrator.cloud import HANGS_SECONDS, Cloud
from upgrades.providers.base import (
    Capabilities,
    InstanceView,
    KeptOSDisk,
    Operation,
    OperationMemory,
    Outcome,
    ProviderError,
    ScaleSetReference,
)


class CloudProvider:
    """The provider of the cloud that the location's settings name."""

    capabilities = Capabilities(
        poll_seconds=0,
        memory=OperationMemory.REMEMBERS,
        kept_os_disk=KeptOSDisk.EXACT,
        keeps=frozenset(),
        switches_machines=True,
    )
    clouds: ClassVar[dict[str, Cloud]] = {}

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        self._cloud = self.clouds[str(settings["cloud"])]

    async def begin(self, operations: Sequence[Operation]) -> Mapping[str, ProviderError]:
        self._answer()
        refused = self._cloud.begin(operations)
        if self._cloud.faults.away == "deaf":
            self._hang()
        return refused

    async def poll(self, operation_ids: Sequence[str], *, wait_seconds: float = 0) -> Mapping[str, Outcome]:
        self._answer()
        return self._cloud.poll(operation_ids, wait_seconds)

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        self._answer()
        views = self._cloud.views(scale_set.key)
        await self._cloud.see(scale_set.key, views)
        return views

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        self._answer()
        return self._cloud.faults.room

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        return address, port

    async def close(self) -> None:
        pass

    def _answer(self) -> None:
        if self._cloud.faults.away == "refuses":
            raise ProviderError("ServiceUnavailable", "it is away", permanent=False)
        if self._cloud.faults.away == "hangs":
            self._hang()

    def _hang(self) -> None:
        """As the caller sees it: its patience is over, the time is gone."""
        self._cloud.clocks.wait(HANGS_SECONDS)
        raise TimeoutError
