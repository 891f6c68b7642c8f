"""What a provider must do that switches machines on and off on request (`Capabilities.switches_machines`)."""

from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import Progress, Provider
from upgrades.providers.checks.site import FURNISHED, Checks, Site, refused_for_good, unaddressed

checks = Checks()


@checks.add
async def a_machine_that_was_switched_off_comes_up_as_it_was(site: Site, provider: Provider) -> None:
    """The same disks, on which nothing is run again."""
    (before,) = await site.done(provider, site.create("0", profile=FURNISHED))
    (off,) = await site.done(provider, site.power_off("0"))
    assert (off.power, off.os_disk, off.data_disks) == (Power.STOPPED, before.os_disk, before.data_disks)
    seen = (await provider.views(site.scale_set))["0"]
    assert (seen.power, seen.version, seen.half_made) == (Power.STOPPED, site.old, False)
    (after,) = await site.done(provider, site.start("0"))
    assert unaddressed(after) == unaddressed(before)
    assert (after.power, after.provisioning) == (Power.RUNNING, Provisioning.SUCCEEDED)


@checks.add
async def a_machine_is_switched_off_without_asking_its_os(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0"))
    (view,) = await site.done(provider, site.power_off("0", skip_shutdown=True))
    assert view.power is Power.STOPPED


@checks.add
async def a_restart_keeps_disks_and_runs_nothing_again(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0", profile=FURNISHED))
    (after,) = await site.done(provider, site.restart("0"))
    assert unaddressed(after) == unaddressed(before)


@checks.add
async def what_is_as_it_should_be_is_left_alone(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0"))
    assert await site.done(provider, site.start("0")) == [before]
    await site.done(provider, site.power_off("0"))
    (view,) = await site.done(provider, site.power_off("0"))
    assert view.power is Power.STOPPED


@checks.add
async def a_machine_that_is_off_is_not_restarted(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0"))
    await site.done(provider, site.power_off("0"))
    await refused_for_good(provider, site.restart("0"), "InstanceNotRunning")
    assert (await provider.views(site.scale_set))["0"].power is Power.STOPPED


@checks.add
async def a_machine_that_is_off_is_reimaged_and_is_up_afterwards(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0"))
    await site.done(provider, site.power_off("0"))
    (view,) = await site.done(provider, site.reimage("0", site.new))
    assert (view.version, view.power) == (site.new, Power.RUNNING)


@checks.add
async def an_unknown_instance_is_not_switched(site: Site, provider: Provider) -> None:
    for operation in (site.start("404"), site.restart("404"), site.power_off("404")):
        await refused_for_good(provider, operation, "InstanceNotFound")


@checks.add
async def the_same_restart_twice_is_one(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0"))
    operation = site.restart("0")
    assert await provider.begin([operation, operation]) == {}
    first = await site.outcomes(provider, [operation])
    assert first[operation.id].progress is Progress.SUCCEEDED
    assert await provider.begin([operation]) == {}
    assert await provider.poll([operation.id]) == first
