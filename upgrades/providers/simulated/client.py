"""The `simulated` provider: a client of the simulator process, and the little more that `manage.py simulate` needs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from upgrades.providers.base import (
    Capabilities,
    Identity,
    InstanceView,
    KeptOSDisk,
    Operation,
    OperationMemory,
    Outcome,
    Progress,
    ProviderError,
    ScaleSetReference,
)
from upgrades.providers.simulated.http_client import SimulatorHttpClient
from upgrades.providers.simulated.scene import own_tags
from upgrades.providers.simulated.sockets import MAX_MACHINES
from upgrades.providers.simulated.wire import batch_to_wire, view_from_wire

ANSWER_SECONDS = 4.5  # `begin` promises to return in under five


class SimulatedProvider:
    """Every method raises ProviderError SimulatorUnavailable (not permanent) where the simulator is down or hangs."""

    capabilities = Capabilities(
        poll_seconds=0,
        most_instances=MAX_MACHINES,
        memory=OperationMemory.REMEMBERS,
        kept_os_disk=KeptOSDisk.EXACT,
        keeps=frozenset({Identity.NAME, Identity.ID}),
    )

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        self._http = SimulatorHttpClient(home)

    async def begin(self, operations: Sequence[Operation]) -> Mapping[str, ProviderError]:
        if not operations:
            return {}
        answer = await self._http.ask("begin", batch_to_wire(operations), seconds=ANSWER_SECONDS)
        return {
            id: ProviderError(code, message, permanent=permanent)
            for id, (code, message, permanent) in answer["refused"].items()
        }

    async def poll(self, operation_ids: Sequence[str], *, wait_seconds: float = 0) -> Mapping[str, Outcome]:
        """May wait a minute at most."""
        if not operation_ids:
            return {}
        body = {"ids": list(operation_ids), "wait_seconds": wait_seconds}
        answer = await self._http.ask("poll", body, seconds=wait_seconds + ANSWER_SECONDS)
        return {
            id: Outcome(Progress(progress), view_from_wire(view) if view else None, code, message)
            for id, (progress, code, message, view) in answer.items()
        }

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        body = {"set": scale_set.key, "tags": own_tags(scale_set.tags)}
        answer = await self._http.ask("views", body, seconds=ANSWER_SECONDS)
        return {view["instance"]: view_from_wire(view) for view in answer}

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        body = {"set": scale_set.key, "tags": own_tags(scale_set.tags)}
        return int((await self._http.ask("room", body, seconds=ANSWER_SECONDS))["room"])

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        """Each machine has one socket: every port of it leads there. ProviderError NotListening for a machine that is down."""
        host, _, real_port = address.rpartition(":")
        if not host:
            raise ProviderError("NotListening", "the machine has no address while it is down", permanent=False)
        return host, int(real_port)

    async def close(self) -> None:
        await self._http.close()


class SimulatorControl:
    """What a rehearsal may do to single machines."""

    def __init__(self, home: Path) -> None:
        self._http = SimulatorHttpClient(home)

    async def act(self, key: str, actions: Mapping[str, Sequence[str]]) -> int:
        """`actions`: {"sick": [instance ids], ...} (control_actions.ACTIONS), all or none. Answers how many were done.

        Raises ProviderError: ScaleSetNotFound and InstanceNotFound name what exists; OperationInProgress; SimulatorUnavailable.
        """
        answer = await self._http.ask("act", {"set": key, "acts": actions}, seconds=ANSWER_SECONDS)
        return int(answer["done"])

    async def close(self) -> None:
        await self._http.close()
