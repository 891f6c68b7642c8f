"""What every provider must do when it is told to bring a machine's extensions up to date."""

from dataclasses import replace

from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import Extension, InstanceView, MachineProfile, Outcome, Progress, Provider
from upgrades.providers.checks.site import FURNISHED, Checks, Site, refused_for_good

AGENT, APP = Extension("agent", version="1.0"), Extension("app", after=("agent",), version="1.0")
EARLIER = replace(FURNISHED, extensions=(APP, AGENT, Extension("gone", version="1.0")))
LATER = replace(
    FURNISHED, extensions=(Extension("app", after=("agent", "health"), version="2.0"), Extension("health"), AGENT)
)
checks = Checks()


@checks.add
async def missing_and_changed_extensions_run_in_order(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0", profile=EARLIER))
    assert had(before) == {"agent": "1.0", "app": "1.0", "gone": "1.0"}
    (after,) = await site.done(provider, site.extend("0", LATER))
    assert had(after) == {"agent": "1.0", "app": "2.0", "health": ""}
    assert [run.what for run in after.runs[len(before.runs) :]] == ["health", "app"]
    assert after.runs[: len(before.runs)] == before.runs
    assert max(run.at for run in before.runs) < min(run.at for run in after.runs[len(before.runs) :])
    assert {extension.state for extension in after.extensions} == {Provisioning.SUCCEEDED}
    assert await provider.views(site.scale_set) == {"0": after}


@checks.add
async def disks_image_and_custom_data_are_untouched(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0", profile=EARLIER))
    (after,) = await site.done(provider, replace(site.extend("0", LATER), image=None))
    assert replace(after, extensions=before.extensions, runs=before.runs) == before
    assert [run.what for run in after.runs].count("customData") == 1


@checks.add
async def the_machine_stays_up_but_is_not_called_well_meanwhile(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0", profile=EARLIER))
    operation = site.extend("0", LATER)
    assert await provider.begin([operation]) == {}
    view = (await provider.views(site.scale_set))["0"]
    assert (view.power, view.provisioning) == (Power.RUNNING, Provisioning.UPDATING)
    assert (view.address, view.os_disk, view.is_healthy) == (before.address, before.os_disk, False)
    await site.outcomes(provider, [operation])


@checks.add
async def a_machine_with_all_extensions_runs_nothing(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0", profile=EARLIER))
    (after,) = await site.done(provider, site.extend("0", EARLIER))
    assert after == before


@checks.add
async def the_same_extensions_operation_twice_is_once(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0", profile=EARLIER))
    operation = site.extend("0", LATER)
    assert await provider.begin([operation, operation]) == {}
    assert await provider.begin([operation]) == {}
    first = await site.outcomes(provider, [operation])
    assert await provider.begin([operation]) == {}
    assert await provider.poll([operation.id]) == first
    assert (await provider.views(site.scale_set))["0"] == first[operation.id].view


@checks.add
async def extensions_of_an_unknown_instance_cannot_be_run(site: Site, provider: Provider) -> None:
    await refused_for_good(provider, site.extend("404", LATER), "InstanceNotFound")


@checks.add
async def extensions_wait_for_another_operation_and_it_for_them(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0", profile=EARLIER))
    for first, second in (
        (site.reimage("0", site.new, EARLIER), site.extend("0", LATER)),
        (site.extend("0", LATER), site.reimage("0", site.new, EARLIER)),
    ):
        refused = await provider.begin([first, second])
        assert {id: (error.code, error.permanent) for id, error in refused.items()} == {
            second.id: ("OperationInProgress", False)
        }
        await site.outcomes(provider, [first])


@checks.add
async def a_reimage_runs_all_extensions_and_a_restore_brings_back_the_old_disks_own(
    site: Site, provider: Provider
) -> None:
    await site.done(provider, site.create("0", profile=EARLIER))
    (extended,) = await site.done(provider, site.extend("0", LATER))
    (fresh,) = await site.done(provider, site.reimage("0", site.new, LATER))
    assert had(fresh) == had(extended)
    assert [run.what for run in fresh.runs] == ["customData", "health", "agent", "app"]
    (back,) = await site.done(provider, site.restore("0", extended.os_disk))
    assert (had(back), back.runs) == (had(extended), extended.runs)


@checks.add
async def extensions_that_the_profile_has_no_more_are_removed(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0", profile=EARLIER))
    bare = site.extend("0", MachineProfile())
    assert await provider.begin([bare]) == {}
    outcome = (await site.outcomes(provider, [bare]))[bare.id]
    assert outcome == Outcome(Progress.SUCCEEDED, replace(before, extensions=()))


def had(view: InstanceView) -> dict[str, str]:
    return {extension.name: extension.version for extension in view.extensions}
