"""Drives instances of Incus. Everything about an open operation is written on its instance, and changed by compare-and-swap."""

import time
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

from upgrades.core.facts import ImageReference
from upgrades.core.states import OperationKind, Provisioning
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
from upgrades.providers.hosts.driver import Ended, Waiting
from upgrades.providers.incus import checks
from upgrades.providers.incus.client import QUESTION_SECONDS, STEP_SECONDS, IncusClient, IncusError
from upgrades.providers.incus.creations import delete, make, unmake
from upgrades.providers.incus.images import version_of
from upgrades.providers.incus.listing import Listing
from upgrades.providers.incus.records import Key, Machine, view_of
from upgrades.providers.incus.remaking import LOST, remake
from upgrades.providers.incus.settings import Settings, read_settings
from upgrades.providers.incus.swaps import PHASES, claim, ended
from upgrades.providers.incus.turns import Turns
from upgrades.providers.incus.work import Pause, Work, not_found

POOLS_SECONDS = 10.0  # for so long storage pools that were there are believed to be there


class IncusDriver:
    """`settings` are those of the location, `folder` is where this provider has its files.

    Settings are read when something is asked: a wrong one is a ProviderError then.
    """

    capabilities = Capabilities(
        poll_seconds=0,
        memory=OperationMemory.COMPARE_AND_SWAP,
        kept_os_disk=KeptOSDisk.COPY,
        keeps=frozenset({Identity.NAME, Identity.ADDRESS, Identity.MAC, Identity.ID}),
        switches_machines=True,
    )

    def __init__(self, settings: Mapping[str, object], folder: Path) -> None:
        self._given, self._folder = settings, folder
        self._settings: Settings | None = None
        self._turns: Turns | None = None
        self._clients: dict[float, IncusClient] = {}
        self._listing = Listing()
        self._pools_found_at = -inf  # monotonic

    async def check(self, operation: Operation) -> None:
        client, settings = self._host()
        try:
            await checks.check(client, settings, operation)
        except IncusError as error:
            raise refused(error) from None

    async def step(self, operation: Operation, memory: MutableMapping[str, Any]) -> Waiting | Ended:
        client, settings = self._host(STEP_SECONDS)
        self._turns = self._turns or Turns(f"{settings.place} {settings.project}", settings.at_once)
        work = Work(client, settings, operation, memory, self._turns)
        goes_on = False
        try:
            if waits_for := memory.get("in_turn"):
                await work.take_turn(waits_for)
            result = await _step(work)
            goes_on = isinstance(result, Waiting)
            return result
        except Pause as pause:
            goes_on = True
            return pause.waiting
        except IncusError as error:
            raise refused(error) from None
        finally:
            if not goes_on or not memory.get("in_turn"):
                self._turns.give_back(work.name)

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        client, settings = self._host()
        try:
            await self._find_pools(client, settings)
            machines = await self._listing.machines_of(client, scale_set)
            return {machine.config[Key.INSTANCE]: await _view(client, settings, machine) for machine in machines}
        except IncusError as error:
            raise refused(error) from None

    async def check_image(self, image: ImageReference) -> None:
        client, settings = self._host()
        try:
            await checks.check_image(client, settings, image)
        except IncusError as error:
            raise refused(error) from None

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        client, settings = self._host()
        try:
            return await checks.available_quota(client, settings)
        except IncusError as error:
            raise refused(error) from None

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        if not address:
            raise ProviderError(
                "NoAddress", "The machine has no address: it does not run, or its guest has none yet.", permanent=False
            )
        return address, port

    async def close(self) -> None:
        if self._turns:
            self._turns.give_all_back()
        for client in self._clients.values():
            await client.close()

    async def _find_pools(self, client: IncusClient, settings: Settings) -> None:
        """Now and then: views are asked for all the time. Raises ProviderError where a storage pool is missing."""
        if time.monotonic() - self._pools_found_at >= POOLS_SECONDS:
            await checks.find_pools(client, settings)
            self._pools_found_at = time.monotonic()

    def _host(self, seconds: float = QUESTION_SECONDS) -> tuple[IncusClient, Settings]:
        """Raises ProviderError where the location's settings are wrong."""
        self._settings = self._settings or read_settings(self._given, self._folder)
        if seconds not in self._clients:
            self._clients[seconds] = IncusClient(self._settings, seconds)
        return self._clients[seconds], self._settings


async def _view(client: IncusClient, settings: Settings, machine: Machine) -> InstanceView:
    """Of one that somebody else has rebuilt: from a version's image, it runs that; from another one, nothing that can be relied on."""
    view = view_of(machine)
    if not machine.rebuilt_from or view.half_made:
        return view
    version = await version_of(client, settings, machine.rebuilt_from)
    if not version:
        return replace(view, version="", half_made=True, provisioning=Provisioning.FAILED)
    return replace(view, reported_version=version)


async def _step(work: Work) -> Waiting | Ended:
    operation = work.operation
    await work.wait_for_begun()
    machine = await work.machine()
    if operation.kind is OperationKind.DELETE:
        return await delete(work, machine)
    if work.memory.get(LOST):
        return await remake(work, machine)
    if machine is None:
        if operation.kind is OperationKind.CREATE:
            return await make(work)
        return Ended(code="InstanceNotFound", message=not_found(operation))
    if machine.operation != operation.id:
        return await _begun(work, machine)
    work.memory["claimed"] = True
    return await PHASES[machine.phase](work, machine)


async def _begun(work: Work, machine: Machine) -> Waiting | Ended:
    """The operation is not open on the machine: it has ended there, was never begun, or has lost its place to another."""
    if machine.last(work.operation) is not None:
        return await ended(work, machine)
    if work.memory.get("claimed"):
        message = f"Instance {work.operation.instance}: another operation took the place of this one."
        raise ProviderError("OperationSuperseded", message, permanent=True)
    # A rebuild that still runs for a process that is no more writes the old configuration back when it ends, over our claim.
    await work.wait_for_running()
    if work.operation.kind is not OperationKind.CREATE:
        return await claim(work, machine)
    if not checks.is_half_made(machine):
        return Ended(
            code="InstanceExists", message=f"Instance {work.operation.instance} exists already, as {machine.name}."
        )
    await unmake(work, machine)
    return Waiting(0, "what was half made is deleted")


def refused(error: IncusError) -> ProviderError:
    return ProviderError("IncusError", f"Incus answers: {error.message}", permanent=False)
