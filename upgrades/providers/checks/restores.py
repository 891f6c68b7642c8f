"""What every provider must do that keeps the replaced OS disk, when it is told to put it back."""

from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import InstanceView, Outcome, Progress, Provider
from upgrades.providers.checks.site import FURNISHED, Checks, Site, refused_for_good, unaddressed

checks = Checks()


@checks.add
async def a_restored_machine_is_as_it_was(site: Site, provider: Provider) -> None:
    before, after = await _reimaged(site, provider)
    (view,) = await site.done(provider, site.restore("0", before.os_disk))
    assert unaddressed(view) == unaddressed(before)
    assert view.os_disk != after.os_disk
    assert (view.power, view.provisioning) == (Power.RUNNING, Provisioning.SUCCEEDED)
    assert await provider.views(site.scale_set) == {"0": view}


@checks.add
async def a_restore_leaves_data_disks_and_runs_nothing_again(site: Site, provider: Provider) -> None:
    before, after = await _reimaged(site, provider)
    (view,) = await site.done(provider, site.restore("0", before.os_disk))
    assert view.data_disks == after.data_disks == before.data_disks
    assert view.runs == before.runs
    assert {run.os_disk for run in view.runs} == {before.os_disk}
    assert [run.what for run in view.runs] == ["customData", "agent", "app", "health"]


@checks.add
async def a_machine_is_not_called_well_while_it_is_restored(site: Site, provider: Provider) -> None:
    before, _ = await _reimaged(site, provider)
    back = site.restore("0", before.os_disk)
    assert await provider.begin([back]) == {}
    view = (await provider.views(site.scale_set))["0"]
    assert (view.power, view.provisioning) == (Power.STARTING, Provisioning.UPDATING)
    await site.outcomes(provider, [back])


@checks.add
async def the_same_restore_twice_is_once(site: Site, provider: Provider) -> None:
    before, _ = await _reimaged(site, provider)
    back = site.restore("0", before.os_disk)
    assert await provider.begin([back, back]) == {}
    assert await provider.begin([back]) == {}
    first = await site.outcomes(provider, [back])
    assert _restored(first[back.id]) == unaddressed(before)
    (again,) = await site.done(provider, site.reimage("0"))
    assert await provider.begin([back]) == {}
    assert await provider.poll([back.id]) == first
    assert await provider.views(site.scale_set) == {"0": again}


@checks.add
async def a_machine_that_is_well_on_that_disk_is_left_alone(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0"))
    back = site.restore("0", before.os_disk)
    assert await provider.begin([back]) == {}
    outcome = (await site.outcomes(provider, [back]))[back.id]
    assert (outcome.progress, outcome.view) == (Progress.SUCCEEDED, before)
    assert await provider.views(site.scale_set) == {"0": before}


@checks.add
async def only_the_disk_that_was_replaced_last_is_kept(site: Site, provider: Provider) -> None:
    first, second = await _reimaged(site, provider)
    (third,) = await site.done(provider, site.reimage("0", site.newer))
    await refused_for_good(provider, site.restore("0", first.os_disk), "OSDiskNotFound")
    assert await provider.views(site.scale_set) == {"0": third}
    (view,) = await site.done(provider, site.restore("0", second.os_disk, site.new))
    assert unaddressed(view) == unaddressed(second)


@checks.add
async def the_disk_that_a_restore_takes_off_is_gone(site: Site, provider: Provider) -> None:
    before, after = await _reimaged(site, provider)
    await site.done(provider, site.restore("0", before.os_disk))
    await refused_for_good(provider, site.restore("0", after.os_disk, site.new), "OSDiskNotFound")
    (view,) = (await provider.views(site.scale_set)).values()
    assert unaddressed(view) == unaddressed(before)


@checks.add
async def a_disk_that_never_was_cannot_be_put_back(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0"))
    for os_disk in ("nobody's", ""):
        back = site.restore("0", os_disk)
        await refused_for_good(provider, back, "OSDiskNotFound")
        assert (await provider.poll([back.id]))[back.id].progress is Progress.UNKNOWN


@checks.add
async def an_unknown_instance_cannot_be_restored(site: Site, provider: Provider) -> None:
    await refused_for_good(provider, site.restore("404", "any"), "InstanceNotFound")


@checks.add
async def a_machine_being_deleted_is_busy_and_takes_its_old_disk_along(site: Site, provider: Provider) -> None:
    before, _ = await _reimaged(site, provider)
    death, back = site.delete("0"), site.restore("0", before.os_disk)
    refused = await provider.begin([death, back])
    assert {id: (error.code, error.permanent) for id, error in refused.items()} == {
        back.id: ("OperationInProgress", False)
    }
    await site.outcomes(provider, [death])
    await refused_for_good(provider, back, "InstanceNotFound")
    await site.done(provider, site.create("0"))
    await refused_for_good(provider, back, "OSDiskNotFound")


@checks.add
async def a_machine_that_is_restored_takes_no_second_operation_yet(site: Site, provider: Provider) -> None:
    before, _ = await _reimaged(site, provider)
    back = site.restore("0", before.os_disk)
    others = [site.reimage("0"), site.delete("0"), site.restore("0", before.os_disk)]
    refused = await provider.begin([back, *others])
    assert {error.code for error in refused.values()} == {"OperationInProgress"}
    assert list(refused) == [other.id for other in others]
    assert _restored((await site.outcomes(provider, [back]))[back.id]) == unaddressed(before)


async def _reimaged(site: Site, provider: Provider) -> tuple[InstanceView, InstanceView]:
    """Instance 0, before and after its reimage."""
    (before,) = await site.done(provider, site.create("0", profile=FURNISHED))
    (after,) = await site.done(provider, site.reimage("0", profile=FURNISHED))
    assert after.os_disk != before.os_disk
    return before, after


def _restored(outcome: Outcome) -> InstanceView:
    assert outcome.view, outcome
    return unaddressed(outcome.view)
