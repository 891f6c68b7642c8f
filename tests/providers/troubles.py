"""What every provider must do when something goes wrong on its side: calls that hang, slow machines, work cut off half way, machines that
are gone in the middle. Subclass `TroublesContract` in the provider's own tests and give its fixtures.
"""

import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest

from tests.providers.contract import FURNISHED, NEW, Stories, Tell, create, done, outcomes, play, reimage
from upgrades.core.states import Provisioning
from upgrades.providers.base import Outcome, Progress, Provider, ProviderError, ScaleSetReference

PROMPT_SECONDS = 2
HANGS_SECONDS = 10  # `begin` returns in under five (providers/base.py); the other half is for a busy machine
MakeProvider = Callable[[], Provider]


class TroublesContract(Stories):
    @pytest.fixture
    def silence(self) -> Callable[[], AbstractContextManager[None]]:
        raise NotImplementedError("within it nobody answers the provider's calls, and they are not refused either")

    @pytest.fixture
    def cut_off(self) -> Callable[[], None]:
        raise NotImplementedError("what does the work dies at this line, without a word, and comes back")

    @pytest.fixture
    def take_away(self) -> Callable[[ScaleSetReference, str], None]:
        raise NotImplementedError("a machine is gone, and not by our hand; the provider is there again afterwards")

    @pytest.fixture
    def slow(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        raise NotImplementedError("`scale_set` with operations that take a second or two")

    def test_a_call_that_hangs_is_an_error_that_passes(
        self, make_provider: MakeProvider, scale_set: ScaleSetReference, silence: Callable[[], Any]
    ) -> None:
        play(make_provider, lambda provider: done(provider, create(scale_set, "0")))
        swap = reimage(scale_set, "0", profile=FURNISHED)
        calls: list[Callable[[Provider], Coroutine[Any, Any, object]]] = [
            lambda provider: provider.begin([swap]),
            lambda provider: provider.views(scale_set),
            lambda provider: provider.available_quota(scale_set),
        ]
        with silence():
            for call in calls:
                began = time.monotonic()
                with pytest.raises(ProviderError) as caught:
                    play(make_provider, call)
                assert not caught.value.permanent
                assert str(caught.value.message)
                assert time.monotonic() - began < HANGS_SECONDS
            # Either it cannot say, or it knows that it was never begun. It must not say how it ended.
            with suppress(ProviderError):
                polled = play(make_provider, lambda provider: provider.poll([swap.id]))
                assert polled == {swap.id: Outcome(Progress.UNKNOWN)}
        # Nobody knows whether it was begun: the same one again, and it is done once.
        (view,) = play(make_provider, lambda provider: done(provider, swap))
        assert (view.version, len(view.runs)) == (NEW, 4)

    def test_slow_operations_are_not_called_done_and_block_no_others(
        self, tell: Tell, scale_set: ScaleSetReference, slow: ScaleSetReference
    ) -> None:
        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0"), create(scale_set, "1"))
            swap, other = reimage(slow, "0"), ScaleSetReference(f"{slow.key}-other", scale_set.tags)
            began = time.monotonic()
            assert await provider.begin([swap]) == {}
            assert (await provider.poll([swap.id]))[swap.id].progress is Progress.RUNNING
            assert time.monotonic() - began < PROMPT_SECONDS
            views = await provider.views(slow)
            assert views["0"].provisioning is Provisioning.UPDATING
            assert views["1"].provisioning is Provisioning.SUCCEEDED
            await done(provider, create(other, "0"))
            assert (await outcomes(provider, [swap]))[swap.id].progress is Progress.SUCCEEDED

        tell(story)

    def test_interrupted_operations_are_done_once(
        self,
        make_provider: MakeProvider,
        scale_set: ScaleSetReference,
        slow: ScaleSetReference,
        cut_off: Callable[[], None],
    ) -> None:
        (old,) = play(make_provider, lambda provider: done(provider, create(scale_set, "0", profile=FURNISHED)))
        swap = reimage(slow, "0", profile=FURNISHED)
        assert play(make_provider, lambda provider: provider.begin([swap])) == {}
        cut_off()
        (new,) = play(make_provider, lambda provider: done(provider, swap))
        assert (new.version, new.data_disks) == (NEW, old.data_disks)
        assert new.os_disk != old.os_disk
        assert [run.what for run in new.runs] == ["customData", "agent", "app", "health"]

    def test_an_operation_on_a_vanished_machine_is_never_called_done(
        self,
        make_provider: MakeProvider,
        scale_set: ScaleSetReference,
        slow: ScaleSetReference,
        take_away: Callable[..., None],
    ) -> None:
        play(make_provider, lambda provider: done(provider, create(scale_set, "0"), create(scale_set, "1")))
        gone, stays = reimage(slow, "0"), reimage(slow, "1")
        assert play(make_provider, lambda provider: provider.begin([gone, stays])) == {}
        take_away(slow, "0")

        async def story(provider: Provider) -> None:
            assert list(await provider.views(slow)) == ["1"]
            refused = await provider.begin([gone])
            ended = await outcomes(provider, [stays] if refused else [stays, gone])
            assert ended[stays.id].progress is Progress.SUCCEEDED
            assert all(error.permanent for error in refused.values())
            assert refused or ended[gone.id].progress is Progress.FAILED
            assert list(await provider.views(slow)) == ["1"]

        play(make_provider, story)
