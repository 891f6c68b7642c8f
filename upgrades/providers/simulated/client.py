"""The `simulated` provider: a client of the simulator process, and the little more that `manage.py simulate` needs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from upgrades.core.facts import ImageReference
from upgrades.providers.base import (
    Capabilities,
    Identity,
    InstanceView,
    KeptOSDisk,
    Operation,
    OperationMemory,
    ProviderError,
    ScaleSetReference,
)
from upgrades.providers.remote.http_client import RemoteHttpClient, Server
from upgrades.providers.remote.provider import ANSWER_SECONDS, RemoteProvider
from upgrades.providers.simulated.control import UNAVAILABLE, read_control
from upgrades.providers.simulated.scene import own_tags
from upgrades.providers.simulated.sockets import MAX_MACHINES

SOME_CUSTOM_DATA = "eA=="


class SimulatedProvider(RemoteProvider):
    """Every method raises ProviderError SimulatorUnavailable (not permanent) where the simulator is down or hangs."""

    capabilities = Capabilities(
        poll_seconds=0,
        most_instances=MAX_MACHINES,
        memory=OperationMemory.REMEMBERS,
        kept_os_disk=KeptOSDisk.EXACT,
        keeps=frozenset({Identity.NAME, Identity.ID}),
        switches_machines=True,
    )

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        self._http = _http_client(home)
        self._last_views = {}

    async def begin(self, operations: Sequence[Operation]) -> Mapping[str, ProviderError]:
        return await super().begin([_without_secrets(operation) for operation in operations])

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        return await super().views(_own(scale_set))

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        return await super().available_quota(_own(scale_set))

    async def check_image(self, scale_set: ScaleSetReference, image: ImageReference) -> None:
        await super().check_image(_own(scale_set), image)

    async def _learn(self) -> None:
        """Its capabilities are known: both are of one version."""


class SimulatorControl:
    """What a rehearsal may do to single machines."""

    def __init__(self, home: Path) -> None:
        self._http = _http_client(home)

    async def act(self, key: str, actions: Mapping[str, Sequence[str]]) -> int:
        """`actions`: {"sick": [instance ids], ...} (control_actions.ACTIONS), all or none. Answers how many were done.

        Raises ProviderError: ScaleSetNotFound and InstanceNotFound name what exists; OperationInProgress; SimulatorUnavailable.
        """
        answer = await self._http.ask("act", {"set": key, "acts": actions}, seconds=ANSWER_SECONDS)
        return int(answer["done"])

    async def close(self) -> None:
        await self._http.close()


def _http_client(home: Path) -> RemoteHttpClient:
    def find() -> Server:
        control = read_control(home)
        return Server(control.url, control.token, f"the simulator (process {control.pid})")

    return RemoteHttpClient(find, UNAVAILABLE)


def _without_secrets(operation: Operation) -> Operation:
    """The simulator runs nothing: it learns only whether there is custom data, and no tags but its own."""
    profile = operation.profile
    if profile and profile.custom_data:
        profile = replace(profile, custom_data=SOME_CUSTOM_DATA)
    return replace(operation, scale_set=_own(operation.scale_set), profile=profile)


def _own(scale_set: ScaleSetReference) -> ScaleSetReference:
    return ScaleSetReference(scale_set.key, own_tags(scale_set.tags))
