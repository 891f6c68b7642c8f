"""What every provider must do. Subclass `ProviderContract` in the provider's own tests and give its fixtures; `RestoreContract`
(restores.py), `ExtensionsContract` (extensions.py) and `TroublesContract` (troubles.py) too.

Each test is one story, told in one event loop with a provider made for it and closed after it.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from upgrades.core.facts import ImageReference
from upgrades.core.states import Power, Provisioning
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

T = TypeVar("T")
Story = Callable[[Provider], Coroutine[Any, Any, None]]
Tell = Callable[[Story], None]
OLD, NEW = "16.04.1", "16.04.2"
PLAIN = MachineProfile(data_disks=(DataDisk(0, 32), DataDisk(1, 64)))
FURNISHED = MachineProfile(
    data_disks=(DataDisk(0, 32),),
    custom_data="I2Nsb3VkLWNvbmZpZw==",
    extensions=(Extension("app", after=("agent",)), Extension("agent"), Extension("health", after=("app",))),
)


def image(version: str) -> ImageReference:
    return ImageReference("Canonical", "UbuntuServer", "16.04-LTS", version)


def create(
    scale_set: ScaleSetReference, instance: str, version: str = OLD, profile: MachineProfile = PLAIN
) -> Operation:
    return Operation(uuid4().hex, OperationKind.CREATE, scale_set, instance, image(version), profile)


def reimage(
    scale_set: ScaleSetReference, instance: str, version: str = NEW, profile: MachineProfile = PLAIN
) -> Operation:
    return Operation(uuid4().hex, OperationKind.REIMAGE, scale_set, instance, image(version), profile)


def delete(scale_set: ScaleSetReference, instance: str) -> Operation:
    return Operation(uuid4().hex, OperationKind.DELETE, scale_set, instance)


def restore(scale_set: ScaleSetReference, instance: str, os_disk: str, version: str = OLD) -> Operation:
    return Operation(uuid4().hex, OperationKind.RESTORE, scale_set, instance, image(version), os_disk=os_disk)


def extend(scale_set: ScaleSetReference, instance: str, profile: MachineProfile, version: str = OLD) -> Operation:
    return Operation(uuid4().hex, OperationKind.EXTENSIONS, scale_set, instance, image(version), profile)


async def outcomes(provider: Provider, operations: Iterable[Operation], *, seconds: float = 60) -> dict[str, Outcome]:
    """How the operations end, by id."""
    waiting, ended = [operation.id for operation in operations], dict[str, Outcome]()
    async with asyncio.timeout(seconds):
        while waiting:
            ended |= await provider.poll(waiting, wait_seconds=5)
            waiting = [id for id in waiting if ended[id].progress is Progress.RUNNING]
            await asyncio.sleep(provider.capabilities.poll_seconds if waiting else 0)
    return ended


async def done(provider: Provider, *operations: Operation) -> list[InstanceView]:
    """Does the operations together; all must succeed. Their views (those of deletions are left out)."""
    refused = await provider.begin(operations)
    assert not refused, {id: error.message for id, error in refused.items()}
    ended = await outcomes(provider, operations)
    assert {outcome.progress for outcome in ended.values()} == {Progress.SUCCEEDED}, ended
    return [view for operation in operations if (view := ended[operation.id].view)]


def play(make: Callable[[], Provider], story: Callable[[Provider], Coroutine[Any, Any, T]]) -> T:
    async def whole() -> T:
        provider = make()
        try:
            return await story(provider)
        finally:
            await provider.close()

    return asyncio.run(whole())


class Stories:
    @pytest.fixture
    def make_provider(self) -> Callable[[], Provider]:
        raise NotImplementedError("the provider under test")

    @pytest.fixture
    def scale_set(self) -> ScaleSetReference:
        raise NotImplementedError("a scale set that no other test uses; its operations take a noticeable moment")

    @pytest.fixture
    def tell(self, make_provider: Callable[[], Provider]) -> Tell:
        return lambda story: play(make_provider, story)

    async def _refused_for_good(self, provider: Provider, operation: Operation, code: str = "") -> None:
        refused: Mapping[str, Any] = await provider.begin([operation])
        assert {id: error.permanent for id, error in refused.items()} == {operation.id: True}
        assert refused[operation.id].code == (code or refused[operation.id].code) != ""
        assert operation.instance in refused[operation.id].message


class ProviderContract(Stories):
    def test_a_created_machine_runs_and_is_seen(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            (view,) = await done(provider, create(scale_set, "0"))
            assert (view.instance, view.version, view.power, view.provisioning) == (
                "0",
                OLD,
                Power.RUNNING,
                Provisioning.SUCCEEDED,
            )
            assert view.os_disk
            assert [disk.lun for disk in view.data_disks] == [0, 1]
            assert len({disk.id for disk in view.data_disks} | {disk.marker for disk in view.data_disks}) == 4
            assert await provider.views(scale_set) == {"0": view}
            host, port = provider.endpoint(view.address, 80)
            assert host
            assert 0 < port < 65536

        tell(story)

    def test_a_scale_set_that_does_not_exist_has_no_machines(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            assert await provider.views(scale_set) == {}

        tell(story)

    def test_each_machine_uses_quota(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        """Where the provider knows how much there is."""

        async def story(provider: Provider) -> None:
            before = await provider.available_quota(scale_set)
            await done(provider, create(scale_set, "0"))
            after = await provider.available_quota(scale_set)
            assert after is None if before is None else after == before - 1

        tell(story)

    def test_empty_requests_do_nothing(self, tell: Tell) -> None:
        async def story(provider: Provider) -> None:
            assert await provider.begin([]) == {}
            assert await provider.poll([]) == {}

        tell(story)

    def test_a_reimage_swaps_the_os_disk_and_keeps_the_data_disks(
        self, tell: Tell, scale_set: ScaleSetReference
    ) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0"))
            (after,) = await done(provider, reimage(scale_set, "0", NEW))
            (again,) = await done(provider, reimage(scale_set, "0", NEW))
            assert after.version == again.version == NEW
            assert len({before.os_disk, after.os_disk, again.os_disk}) == 3
            assert before.data_disks == after.data_disks == again.data_disks

        tell(story)

    def test_a_machine_is_not_called_well_while_it_is_reimaged(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0"))
            swap = reimage(scale_set, "0")
            await provider.begin([swap])
            assert (await provider.poll([swap.id]))[swap.id] == Outcome(Progress.RUNNING)
            view = (await provider.views(scale_set))["0"]
            assert view.provisioning is Provisioning.UPDATING
            assert view.power is not Power.RUNNING
            await outcomes(provider, [swap])

        tell(story)

    def test_the_same_operation_twice_is_once(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            birth, swap = create(scale_set, "0"), reimage(scale_set, "0", profile=FURNISHED)
            for operation in (birth, swap):
                assert await provider.begin([operation, operation]) == {}
                assert await provider.begin([operation]) == {}
                first = await outcomes(provider, [operation])
                assert first[operation.id].progress is Progress.SUCCEEDED
                assert await provider.begin([operation]) == {}
                assert await provider.poll([operation.id]) == first
            view = (await provider.views(scale_set))["0"]
            assert view == first[swap.id].view
            assert len(view.runs) == 4

        tell(story)

    def test_a_new_provider_object_knows_the_operation_too(
        self, make_provider: Callable[[], Provider], scale_set: ScaleSetReference
    ) -> None:
        operation = create(scale_set, "0")

        async def begins(provider: Provider) -> None:
            await provider.begin([operation])

        async def waits(provider: Provider) -> Mapping[str, Outcome]:
            return await outcomes(provider, [operation])

        play(make_provider, begins)
        assert play(make_provider, waits)[operation.id].progress is Progress.SUCCEEDED

    def test_an_operation_that_never_began_is_unknown(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            running = create(scale_set, "0")
            await provider.begin([running])
            answer = await provider.poll(["nobody-began-this", running.id], wait_seconds=5)
            assert answer == {"nobody-began-this": Outcome(Progress.UNKNOWN), running.id: Outcome(Progress.RUNNING)}
            await outcomes(provider, [running])

        tell(story)

    def test_an_unknown_instance_cannot_be_reimaged(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            swap = reimage(scale_set, "404")
            await self._refused_for_good(provider, swap)
            assert (await provider.poll([swap.id]))[swap.id].progress is Progress.UNKNOWN

        tell(story)

    def test_an_instance_cannot_be_created_twice(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            (view,) = await done(provider, create(scale_set, "0"))
            await self._refused_for_good(provider, create(scale_set, "0", NEW))
            assert await provider.views(scale_set) == {"0": view}

        tell(story)

    def test_a_refused_operation_does_not_stop_the_others(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            good, bad = create(scale_set, "0"), reimage(scale_set, "404")
            assert list(await provider.begin([bad, good])) == [bad.id]
            assert (await outcomes(provider, [good]))[good.id].progress is Progress.SUCCEEDED

        tell(story)

    def test_a_busy_machine_takes_no_second_operation_yet(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0"))
            first, second = reimage(scale_set, "0", NEW), reimage(scale_set, "0", OLD)
            refused = await provider.begin([first, second])
            assert {id: (error.code, error.permanent) for id, error in refused.items()} == {
                second.id: ("OperationInProgress", False)
            }
            await outcomes(provider, [first])
            (view,) = await done(provider, second)
            assert view.version == OLD

        tell(story)

    def test_deleting_twice_is_harmless(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0"), create(scale_set, "1"))
            operation = delete(scale_set, "0")
            assert await done(provider, operation) == []
            assert list(await provider.views(scale_set)) == ["1"]
            assert await done(provider, operation) == []
            assert await done(provider, delete(scale_set, "0")) == []

        tell(story)

    def test_a_machine_made_anew_has_new_disks(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0"))
            await done(provider, delete(scale_set, "0"))
            (after,) = await done(provider, create(scale_set, "0"))
            assert before.os_disk != after.os_disk
            assert not {disk.marker for disk in before.data_disks} & {disk.marker for disk in after.data_disks}

        tell(story)

    def test_every_new_os_disk_runs_custom_data_and_extensions_in_their_order(
        self, tell: Tell, scale_set: ScaleSetReference
    ) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0", profile=FURNISHED))
            (after,) = await done(provider, reimage(scale_set, "0", profile=FURNISHED))
            for view in (before, after):
                assert [run.what for run in view.runs] == ["customData", "agent", "app", "health"]
                assert {run.os_disk for run in view.runs} == {view.os_disk}
                assert {extension.state for extension in view.extensions} == {Provisioning.SUCCEEDED}
                assert {extension.name for extension in view.extensions} == {"agent", "app", "health"}
            assert max(run.at for run in before.runs) < min(run.at for run in after.runs)

        tell(story)

    def test_a_poll_that_may_wait_returns_at_the_first_outcome(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            if provider.capabilities.poll_seconds:
                pytest.skip("this provider does not wait in poll")
            operation = create(scale_set, "0")
            await provider.begin([operation])
            began = time.monotonic()
            answer = await provider.poll([operation.id], wait_seconds=60)
            assert answer[operation.id].progress is Progress.SUCCEEDED
            assert time.monotonic() - began < 30

        tell(story)
