"""What every provider must do when it is told to bring a machine's extensions up to date. Subclass as `ProviderContract`."""

from dataclasses import replace

from tests.providers.contract import (
    FURNISHED,
    NEW,
    Stories,
    Tell,
    create,
    done,
    extend,
    outcomes,
    reimage,
    restore,
)
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import Extension, InstanceView, MachineProfile, Outcome, Progress, Provider
from upgrades.providers.base import ScaleSetReference as Reference

AGENT, APP = Extension("agent", version="1.0"), Extension("app", after=("agent",), version="1.0")
OLDER = replace(FURNISHED, extensions=(APP, AGENT, Extension("gone", version="1.0")))
NEWER = replace(
    FURNISHED, extensions=(Extension("app", after=("agent", "health"), version="2.0"), Extension("health"), AGENT)
)


def had(view: InstanceView) -> dict[str, str]:
    return {extension.name: extension.version for extension in view.extensions}


class ExtensionsContract(Stories):
    def test_missing_and_changed_extensions_run_in_order(self, tell: Tell, scale_set: Reference) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0", profile=OLDER))
            assert had(before) == {"agent": "1.0", "app": "1.0", "gone": "1.0"}
            (after,) = await done(provider, extend(scale_set, "0", NEWER))
            assert had(after) == {"agent": "1.0", "app": "2.0", "health": ""}
            assert [run.what for run in after.runs[len(before.runs) :]] == ["health", "app"]
            assert after.runs[: len(before.runs)] == before.runs
            assert max(run.at for run in before.runs) < min(run.at for run in after.runs[len(before.runs) :])
            assert {extension.state for extension in after.extensions} == {Provisioning.SUCCEEDED}
            assert await provider.views(scale_set) == {"0": after}

        tell(story)

    def test_disks_image_and_custom_data_are_untouched(self, tell: Tell, scale_set: Reference) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0", profile=OLDER))
            (after,) = await done(provider, replace(extend(scale_set, "0", NEWER), image=None))
            assert replace(after, extensions=before.extensions, runs=before.runs) == before
            assert [run.what for run in after.runs].count("customData") == 1

        tell(story)

    def test_the_machine_stays_up_but_is_not_called_well_meanwhile(self, tell: Tell, scale_set: Reference) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0", profile=OLDER))
            operation = extend(scale_set, "0", NEWER)
            assert await provider.begin([operation]) == {}
            view = (await provider.views(scale_set))["0"]
            assert (view.power, view.provisioning) == (Power.RUNNING, Provisioning.UPDATING)
            assert (view.address, view.os_disk, view.is_healthy) == (before.address, before.os_disk, False)
            await outcomes(provider, [operation])

        tell(story)

    def test_a_machine_with_all_extensions_runs_nothing(self, tell: Tell, scale_set: Reference) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0", profile=OLDER))
            (after,) = await done(provider, extend(scale_set, "0", OLDER))
            assert after == before

        tell(story)

    def test_the_same_extensions_operation_twice_is_once(self, tell: Tell, scale_set: Reference) -> None:
        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0", profile=OLDER))
            operation = extend(scale_set, "0", NEWER)
            assert await provider.begin([operation, operation]) == {}
            assert await provider.begin([operation]) == {}
            first = await outcomes(provider, [operation])
            assert await provider.begin([operation]) == {}
            assert await provider.poll([operation.id]) == first
            assert (await provider.views(scale_set))["0"] == first[operation.id].view

        tell(story)

    def test_extensions_of_an_unknown_instance_cannot_be_run(self, tell: Tell, scale_set: Reference) -> None:
        async def story(provider: Provider) -> None:
            await self._refused_for_good(provider, extend(scale_set, "404", NEWER), "InstanceNotFound")

        tell(story)

    def test_extensions_wait_for_another_operation_and_it_for_them(self, tell: Tell, scale_set: Reference) -> None:
        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0", profile=OLDER))
            for first, second in (
                (reimage(scale_set, "0", NEW, OLDER), extend(scale_set, "0", NEWER)),
                (extend(scale_set, "0", NEWER), reimage(scale_set, "0", NEW, OLDER)),
            ):
                refused = await provider.begin([first, second])
                assert {id: (error.code, error.permanent) for id, error in refused.items()} == {
                    second.id: ("OperationInProgress", False)
                }
                await outcomes(provider, [first])

        tell(story)

    def test_a_reimage_runs_all_extensions_and_a_restore_brings_back_the_old_disks_own(
        self, tell: Tell, scale_set: Reference
    ) -> None:
        async def story(provider: Provider) -> None:
            await done(provider, create(scale_set, "0", profile=OLDER))
            (extended,) = await done(provider, extend(scale_set, "0", NEWER))
            (fresh,) = await done(provider, reimage(scale_set, "0", NEW, NEWER))
            assert had(fresh) == had(extended)
            assert [run.what for run in fresh.runs] == ["customData", "health", "agent", "app"]
            (back,) = await done(provider, restore(scale_set, "0", extended.os_disk))
            assert (had(back), back.runs) == (had(extended), extended.runs)

        tell(story)

    def test_extensions_that_the_profile_has_no_more_are_removed(self, tell: Tell, scale_set: Reference) -> None:
        async def story(provider: Provider) -> None:
            (before,) = await done(provider, create(scale_set, "0", profile=OLDER))
            bare = extend(scale_set, "0", MachineProfile())
            assert await provider.begin([bare]) == {}
            outcome = (await outcomes(provider, [bare]))[bare.id]
            assert outcome == Outcome(Progress.SUCCEEDED, replace(before, extensions=()))

        tell(story)
