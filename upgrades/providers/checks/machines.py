"""What every provider must do: machines made, seen, reimaged and deleted, each operation once."""

import time
from dataclasses import replace

from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import ChecksImages, Progress, Provider
from upgrades.providers.checks.site import FURNISHED, Checks, Site, Skipped, refused_for_good

checks = Checks()


@checks.add
async def a_created_machine_runs_and_is_seen(site: Site, provider: Provider) -> None:
    (view,) = await site.done(provider, site.create("0"))
    assert (view.instance, view.version, view.power, view.provisioning) == (
        "0",
        site.old,
        Power.RUNNING,
        Provisioning.SUCCEEDED,
    )
    assert view.os_disk
    assert [disk.lun for disk in view.data_disks] == [0, 1]
    assert len({disk.id for disk in view.data_disks} | {disk.marker for disk in view.data_disks}) == 4
    assert await provider.views(site.scale_set) == {"0": view}
    host, port = provider.endpoint(view.address, 80)
    assert host
    assert 0 < port < 65536


@checks.add
async def a_scale_set_that_does_not_exist_has_no_machines(site: Site, provider: Provider) -> None:
    assert await provider.views(site.scale_set) == {}


@checks.add
async def each_machine_uses_quota(site: Site, provider: Provider) -> None:
    """Where the provider knows how much there is."""
    before = await provider.available_quota(site.scale_set)
    await site.done(provider, site.create("0"))
    after = await provider.available_quota(site.scale_set)
    assert after is None if before is None else after == before - 1


@checks.add
async def an_image_that_is_there_is_not_held_against_a_start(site: Site, provider: Provider) -> None:
    if not isinstance(provider, ChecksImages):
        raise Skipped("this provider does not say beforehand whether it has an image")
    await provider.check_image(site.scale_set, replace(site.image, version=site.new))


@checks.add
async def empty_requests_do_nothing(site: Site, provider: Provider) -> None:
    assert await provider.begin([]) == {}
    assert await provider.poll([]) == {}


@checks.add
async def a_reimage_swaps_the_os_disk_and_keeps_the_data_disks(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0"))
    (after,) = await site.done(provider, site.reimage("0", site.new))
    (again,) = await site.done(provider, site.reimage("0", site.new))
    assert after.version == again.version == site.new
    assert len({before.os_disk, after.os_disk, again.os_disk}) == 3
    assert before.data_disks == after.data_disks == again.data_disks


@checks.add
async def a_machine_is_not_called_well_while_it_is_reimaged(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0"))
    swap = site.reimage("0")
    await provider.begin([swap])
    assert (await provider.poll([swap.id]))[swap.id].progress is Progress.RUNNING
    view = (await provider.views(site.scale_set))["0"]
    assert view.provisioning is Provisioning.UPDATING
    assert view.power is not Power.RUNNING
    await site.outcomes(provider, [swap])


@checks.add
async def the_same_operation_twice_is_once(site: Site, provider: Provider) -> None:
    birth, swap = site.create("0"), site.reimage("0", profile=FURNISHED)
    for operation in (birth, swap):
        assert await provider.begin([operation, operation]) == {}
        assert await provider.begin([operation]) == {}
        first = await site.outcomes(provider, [operation])
        assert first[operation.id].progress is Progress.SUCCEEDED
        assert await provider.begin([operation]) == {}
        assert await provider.poll([operation.id]) == first
    view = (await provider.views(site.scale_set))["0"]
    assert view == first[swap.id].view
    assert len(view.runs) == 4


@checks.add
async def a_new_provider_object_knows_the_operation_too(site: Site, provider: Provider) -> None:
    operation = site.create("0")
    await provider.begin([operation])
    another = site.make()
    try:
        outcome = (await site.outcomes(another, [operation]))[operation.id]
    finally:
        await another.close()
    assert outcome.progress is Progress.SUCCEEDED


@checks.add
async def an_operation_that_never_began_is_unknown(site: Site, provider: Provider) -> None:
    running = site.create("0")
    await provider.begin([running])
    answer = await provider.poll(["nobody-began-this", running.id], wait_seconds=5)
    assert {id: outcome.progress for id, outcome in answer.items()} == {
        "nobody-began-this": Progress.UNKNOWN,
        running.id: Progress.RUNNING,
    }
    await site.outcomes(provider, [running])


@checks.add
async def an_unknown_instance_cannot_be_reimaged(site: Site, provider: Provider) -> None:
    swap = site.reimage("404")
    await refused_for_good(provider, swap)
    assert (await provider.poll([swap.id]))[swap.id].progress is Progress.UNKNOWN


@checks.add
async def an_instance_cannot_be_created_twice(site: Site, provider: Provider) -> None:
    (view,) = await site.done(provider, site.create("0"))
    await refused_for_good(provider, site.create("0", site.new))
    assert await provider.views(site.scale_set) == {"0": view}


@checks.add
async def a_refused_operation_does_not_stop_the_others(site: Site, provider: Provider) -> None:
    good, bad = site.create("0"), site.reimage("404")
    assert list(await provider.begin([bad, good])) == [bad.id]
    assert (await site.outcomes(provider, [good]))[good.id].progress is Progress.SUCCEEDED


@checks.add
async def a_busy_machine_takes_no_second_operation_yet(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0"))
    first, second = site.reimage("0", site.new), site.reimage("0", site.old)
    refused = await provider.begin([first, second])
    assert {id: (error.code, error.permanent) for id, error in refused.items()} == {
        second.id: ("OperationInProgress", False)
    }
    await site.outcomes(provider, [first])
    (view,) = await site.done(provider, second)
    assert view.version == site.old


@checks.add
async def deleting_twice_is_harmless(site: Site, provider: Provider) -> None:
    await site.done(provider, site.create("0"), site.create("1"))
    operation = site.delete("0")
    assert await site.done(provider, operation) == []
    assert list(await provider.views(site.scale_set)) == ["1"]
    assert await site.done(provider, operation) == []
    assert await site.done(provider, site.delete("0")) == []


@checks.add
async def a_machine_made_anew_has_new_disks(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0"))
    await site.done(provider, site.delete("0"))
    (after,) = await site.done(provider, site.create("0"))
    assert before.os_disk != after.os_disk
    assert not {disk.marker for disk in before.data_disks} & {disk.marker for disk in after.data_disks}


@checks.add
async def every_new_os_disk_runs_custom_data_and_extensions_in_their_order(site: Site, provider: Provider) -> None:
    (before,) = await site.done(provider, site.create("0", profile=FURNISHED))
    (after,) = await site.done(provider, site.reimage("0", profile=FURNISHED))
    for view in (before, after):
        assert [run.what for run in view.runs] == ["customData", "agent", "app", "health"]
        assert {run.os_disk for run in view.runs} == {view.os_disk}
        assert {extension.state for extension in view.extensions} == {Provisioning.SUCCEEDED}
        assert {extension.name for extension in view.extensions} == {"agent", "app", "health"}
    assert max(run.at for run in before.runs) < min(run.at for run in after.runs)


@checks.add
async def a_poll_that_may_wait_returns_at_the_first_outcome(site: Site, provider: Provider) -> None:
    if provider.capabilities.poll_seconds:
        raise Skipped("this provider does not wait in poll")
    operation = site.create("0")
    await provider.begin([operation])
    began = time.monotonic()
    answer = await provider.poll([operation.id], wait_seconds=60)
    assert answer[operation.id].progress is Progress.SUCCEEDED
    assert time.monotonic() - began < 30
