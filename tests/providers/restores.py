"""What every provider must do when it is told to put an OS disk back. Subclass `RestoreContract` as `ProviderContract`."""

from operator import attrgetter

import pytest

from tests.providers.contract import FURNISHED, NEW, Stories, Tell, create, done, outcomes, reimage, restore, told
from upgrades.core.states import Provisioning
from upgrades.providers.base import InstanceView, Outcome, Progress, Provider, ScaleSetReference
from upgrades.providers.checks import restores
from upgrades.providers.checks.site import Check, Site, unaddressed


class RestoreContract(Stories):
    @pytest.fixture
    def unlucky(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        raise NotImplementedError(f"the same scale set in such a way that every reimage to {NEW} fails before the swap")

    @pytest.mark.parametrize("check", restores.checks.all, ids=attrgetter("name"))
    def test_restores(self, check: Check, site: Site) -> None:
        told(check, site)

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


def _restored(outcome: Outcome) -> InstanceView:
    assert outcome.view, outcome
    return unaddressed(outcome.view)
