"""What the checks of a provider are made of: a scale set to try it on, operations on its machines, and how they end."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import uuid4

from upgrades.core.facts import ImageReference
from upgrades.providers.base import (
    DataDisk,
    Extension,
    InstanceView,
    MachineProfile,
    Operation,
    OperationKind,
    Outcome,
    Progress,
    Provider,
    ScaleSetReference,
)

Answer = TypeVar("Answer")
PLAIN = MachineProfile(data_disks=(DataDisk(0, 32), DataDisk(1, 64)))
FURNISHED = MachineProfile(
    data_disks=(DataDisk(0, 32),),
    custom_data="I2Nsb3VkLWNvbmZpZw==",
    extensions=(Extension("app", after=("agent",)), Extension("agent"), Extension("health", after=("app",))),
)
OPERATION_SECONDS = 60.0


@dataclass(frozen=True)
class Site:
    """Where a provider is tried: a scale set that nothing else uses, and three versions of an image, all of which boot.

    `make`: another object of the provider, as another worker would have it.
    """

    scale_set: ScaleSetReference
    make: Callable[[], Provider]
    image: ImageReference = ImageReference("Canonical", "UbuntuServer", "16.04-LTS", "")
    versions: tuple[str, str, str] = ("16.04.1", "16.04.2", "16.04.3")
    operation_seconds: float = OPERATION_SECONDS

    @property
    def old(self) -> str:
        return self.versions[0]

    @property
    def new(self) -> str:
        return self.versions[1]

    @property
    def newer(self) -> str:
        return self.versions[2]

    def create(self, instance: str, version: str = "", profile: MachineProfile = PLAIN) -> Operation:
        return self._operation(OperationKind.CREATE, instance, version or self.old, profile)

    def reimage(self, instance: str, version: str = "", profile: MachineProfile = PLAIN) -> Operation:
        return self._operation(OperationKind.REIMAGE, instance, version or self.new, profile)

    def extend(self, instance: str, profile: MachineProfile, version: str = "") -> Operation:
        return self._operation(OperationKind.EXTENSIONS, instance, version or self.old, profile)

    def restore(self, instance: str, os_disk: str, version: str = "") -> Operation:
        return replace(self._operation(OperationKind.RESTORE, instance, version or self.old, None), os_disk=os_disk)

    def delete(self, instance: str) -> Operation:
        return Operation(uuid4().hex, OperationKind.DELETE, self.scale_set, instance)

    def start(self, instance: str) -> Operation:
        return self._operation(OperationKind.START, instance, self.old, PLAIN)

    def restart(self, instance: str) -> Operation:
        return self._operation(OperationKind.RESTART, instance, self.old, PLAIN)

    def power_off(self, instance: str, *, skip_shutdown: bool = False) -> Operation:
        made = self._operation(OperationKind.POWER_OFF, instance, self.old, PLAIN)
        return replace(made, skip_shutdown=skip_shutdown)

    def _operation(self, kind: OperationKind, instance: str, version: str, profile: MachineProfile | None) -> Operation:
        return Operation(uuid4().hex, kind, self.scale_set, instance, replace(self.image, version=version), profile)

    async def outcomes(self, provider: Provider, operations: Iterable[Operation]) -> dict[str, Outcome]:
        """How the operations end, by id."""
        return await outcomes(provider, operations, seconds=self.operation_seconds)

    async def done(self, provider: Provider, *operations: Operation) -> list[InstanceView]:
        """Does the operations together; all must succeed. Their views (those of deletions are left out)."""
        return await done(provider, *operations, seconds=self.operation_seconds)


Story = Callable[[Site, Provider], Coroutine[Any, Any, None]]


class Skipped(Exception):
    """The check does not concern this provider; the message says why."""


@dataclass(frozen=True)
class Check:
    """One thing that a provider must do. `says`: in a sentence, for people."""

    story: Story

    @property
    def name(self) -> str:
        return self.story.__name__

    @property
    def says(self) -> str:
        words = self.name.replace("_", " ").replace(" os disk", " OS disk")
        return f"{words[0].upper()}{words[1:]}"


@dataclass(frozen=True)
class Checks:
    """Checks about one thing. A story becomes one with `@checks.add`."""

    all: list[Check] = field(default_factory=list)

    def add(self, story: Story) -> Story:
        self.all.append(Check(story))
        return story


async def outcomes(
    provider: Provider, operations: Iterable[Operation], *, seconds: float = OPERATION_SECONDS
) -> dict[str, Outcome]:
    """How the operations end, by id. Raises TimeoutError."""
    waiting, ended = [operation.id for operation in operations], dict[str, Outcome]()
    async with asyncio.timeout(seconds):
        while waiting:
            ended |= await provider.poll(waiting, wait_seconds=5)
            waiting = [id for id in waiting if ended[id].progress is Progress.RUNNING]
            await asyncio.sleep(provider.capabilities.poll_seconds if waiting else 0)
    return ended


async def done(provider: Provider, *operations: Operation, seconds: float = OPERATION_SECONDS) -> list[InstanceView]:
    """Does the operations together; all must succeed. Their views (those of deletions are left out)."""
    refused = await provider.begin(operations)
    assert not refused, {id: error.message for id, error in refused.items()}
    ended = await outcomes(provider, operations, seconds=seconds)
    assert {outcome.progress for outcome in ended.values()} == {Progress.SUCCEEDED}, ended
    return [view for operation in operations if (view := ended[operation.id].view)]


async def refused_for_good(provider: Provider, operation: Operation, code: str = "") -> None:
    """Beginning it must be refused with this code, permanently."""
    refused = await provider.begin([operation])
    assert {id: error.permanent for id, error in refused.items()} == {operation.id: True}
    assert refused[operation.id].code == (code or refused[operation.id].code) != ""
    assert operation.instance in refused[operation.id].message


def play(make: Callable[[], Provider], story: Callable[[Provider], Coroutine[Any, Any, Answer]]) -> Answer:
    """One story, told in one event loop with a provider made for it and closed after it."""

    async def whole() -> Answer:
        provider = make()
        try:
            return await story(provider)
        finally:
            await provider.close()

    return asyncio.run(whole())


def unaddressed(view: InstanceView) -> InstanceView:
    """A machine that was down may come up at another address."""
    return replace(view, address="")
