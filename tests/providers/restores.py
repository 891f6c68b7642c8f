"""What every provider must do when it is told to put an OS disk back. Subclass `RestoreContract` as `ProviderContract`."""

from dataclasses import replace

import pytest

from tests.providers.contract import (
    FURNISHED,
    NEW,
    OLD,
    Stories,
    Tell,
    create,
    delete,
    done,
    outcomes,
    reimage,
    restore,
)
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import InstanceView, Outcome, Progress, Provider, ScaleSetReference

NEWER = "16.04.3"


def unaddressed(view: InstanceView) -> InstanceView:
    """A machine that was down may come up at another address."""
    return replace(view, address="")


class RestoreContract(Stories):
    @pytest.fixture
    def unlucky(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        raise NotImplementedError(f"the same scale set in such a way that every reimage to {NEW} fails before the swap")

    def test_a_restored_machine_is_as_it_was(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            before, after = await _reimaged(provider, scale_set)
            (view,) = await done(provider, restore(scale_set, "0", before.os_disk))
            assert unaddressed(view) == unaddressed(before)
            assert view.os_disk != after.os_disk
            assert (view.power, view.provisioning) == (Power.RUNNING, Provisioning.SUCCEEDED)
            assert await provider.views(scale_set) == {"0": view}

        tell(story)

    def test_a_restore_leaves_data_disks_and_runs_nothing_again(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            before, after = await _reimaged(provider, scale_set)
            (view,) = await done(provider, restore(scale_set, "0", before.os_disk))
            assert view.data_disks == after.data_disks == before.data_disks
            assert view.runs == before.runs
            assert {run.os_disk for run in view.runs} == {before.os_disk}
            assert [run.what for run in view.runs] == ["customData", "agent", "app", "health"]

        tell(story)

    def test_a_machine_is_not_called_well_while_it_is_restored(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            before, _ = await _reimaged(provider, scale_set)
            back = restore(scale_set, "0", before.os_disk)
            assert await provider.begin([back]) == {}
            view = (await provider.views(scale_set))["0"]
            assert (view.power, view.provisioning) == (Power.STARTING, Provisioning.UPDATING)
            await outcomes(provider, [back])

        tell(story)

    def test_the_same_restore_twice_is_once(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            before, _ = await _reimaged(provider, scale_set)
            back = restore(scale_set, "0", before.os_disk)
            assert await provider.begin([back, back]) == {}
            assert await provider.begin([back]) == {}
            first = await outcomes(provider, [back])
            assert _restored(first[back.id]) == unaddressed(before)
            (again,) = await done(provider, reimage(scale_set, "0"))
            assert await provider.begin([back]) == {}
            assert await provider.poll([back.id]) == first
            assert await provider.views(scale_set) == {"0": again}

        tell(story)

    def test_a_machine_that_is_well_on_that_disk_is_left_alone(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0"))
            back = restore(scale_set, "0", before.os_disk)
            assert await provider.begin([back]) == {}
            outcome = (await outcomes(provider, [back]))[back.id]
            assert (outcome.progress, outcome.view) == (Progress.SUCCEEDED, before)
            assert await provider.views(scale_set) == {"0": before}

        tell(story)

    def test_a_restore_after_a_reimage_without_a_swap_boots_the_present_disk(
        self, tell: Tell, scale_set: ScaleSetReference, unlucky: ScaleSetReference
    ) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0", profile=FURNISHED))
            swap = reimage(unlucky, "0", NEW, FURNISHED)
            assert await provider.begin([swap]) == {}
            assert (await outcomes(provider, [swap]))[swap.id].progress is Progress.FAILED
            assert (await provider.views(unlucky))["0"].provisioning is Provisioning.FAILED
            back = restore(unlucky, "0", before.os_disk)
            assert await provider.begin([back]) == {}
            assert _restored((await outcomes(provider, [back]))[back.id]) == unaddressed(before)

        tell(story)

    def test_only_the_disk_that_was_replaced_last_is_kept(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            first, second = await _reimaged(provider, scale_set)
            (third,) = await done(provider, reimage(scale_set, "0", NEWER))
            await self._refused_for_good(provider, restore(scale_set, "0", first.os_disk), "OSDiskNotFound")
            assert await provider.views(scale_set) == {"0": third}
            (view,) = await done(provider, restore(scale_set, "0", second.os_disk, NEW))
            assert unaddressed(view) == unaddressed(second)

        tell(story)

    def test_the_disk_that_a_restore_takes_off_is_gone(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            before, after = await _reimaged(provider, scale_set)
            await done(provider, restore(scale_set, "0", before.os_disk))
            await self._refused_for_good(provider, restore(scale_set, "0", after.os_disk, NEW), "OSDiskNotFound")
            (view,) = (await provider.views(scale_set)).values()
            assert unaddressed(view) == unaddressed(before)

        tell(story)

    def test_a_disk_that_never_was_cannot_be_put_back(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0"))
            for os_disk in ("nobody's", ""):
                back = restore(scale_set, "0", os_disk)
                await self._refused_for_good(provider, back, "OSDiskNotFound")
                assert (await provider.poll([back.id]))[back.id].progress is Progress.UNKNOWN

        tell(story)

    def test_an_unknown_instance_cannot_be_restored(self, tell: Tell, scale_set: ScaleSetReference) -> None:
        async def story(provider: Provider) -> None:
            await self._refused_for_good(provider, restore(scale_set, "404", "any"), "InstanceNotFound")

        tell(story)

    def test_a_machine_being_deleted_is_busy_and_takes_its_old_disk_along(
        self, tell: Tell, scale_set: ScaleSetReference
    ) -> None:
        async def story(provider: Provider) -> None:
            before, _ = await _reimaged(provider, scale_set)
            death, back = delete(scale_set, "0"), restore(scale_set, "0", before.os_disk)
            refused = await provider.begin([death, back])
            assert {id: (error.code, error.permanent) for id, error in refused.items()} == {
                back.id: ("OperationInProgress", False)
            }
            await outcomes(provider, [death])
            await self._refused_for_good(provider, back, "InstanceNotFound")
            await done(provider, create(scale_set, "0"))
            await self._refused_for_good(provider, back, "OSDiskNotFound")

        tell(story)

    def test_a_machine_that_is_restored_takes_no_second_operation_yet(
        self, tell: Tell, scale_set: ScaleSetReference
    ) -> None:
        async def story(provider: Provider) -> None:
            before, _ = await _reimaged(provider, scale_set)
            back = restore(scale_set, "0", before.os_disk)
            others = [reimage(scale_set, "0"), delete(scale_set, "0"), restore(scale_set, "0", before.os_disk)]
            refused = await provider.begin([back, *others])
            assert {error.code for error in refused.values()} == {"OperationInProgress"}
            assert list(refused) == [other.id for other in others]
            assert _restored((await outcomes(provider, [back]))[back.id]) == unaddressed(before)

        tell(story)


async def _reimaged(provider: Provider, scale_set: ScaleSetReference) -> tuple[InstanceView, InstanceView]:
    """Instance 0, before and after its reimage."""
    (before,) = await done(provider, create(scale_set, "0", OLD, FURNISHED))
    (after,) = await done(provider, reimage(scale_set, "0", NEW, FURNISHED))
    assert after.os_disk != before.os_disk
    return before, after


def _restored(outcome: Outcome) -> InstanceView:
    assert outcome.view, outcome
    return unaddressed(outcome.view)
