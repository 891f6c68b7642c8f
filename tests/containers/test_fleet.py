"""A fleet of real containers, upgraded in batches: proved from inside, and over HTTP as a probe sees it."""

import asyncio
import http.client

import pytest

from tests.containers.incus import BROKEN, DEAD, SICK, Incus
from tests.containers.tiny_image import DATA
from tests.providers.contract import FURNISHED, NEW, OLD, create, delete, done, outcomes, reimage, restore
from tests.waiting import wait_until
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import InstanceView, MachineProfile, Progress, Provider, ScaleSetReference
from upgrades.providers.incus.records import Key, Phase, name_of

MACHINES, BATCH = 20, 5
SAYS_HELLO = MachineProfile(custom_data="ZWNobyBoZWxsbyA+IC9oZWxsbw==")  # echo hello > /hello


def asked(provider: Provider, view: InstanceView) -> tuple[int, str]:
    """Status and body of the machine's health page."""
    connection = http.client.HTTPConnection(*provider.endpoint(view.address, 80), timeout=5)
    try:
        connection.request("GET", "/cgi-bin/healthz")
        response = connection.getresponse()
        return response.status, response.read().decode().strip()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def answers(provider: Provider, view: InstanceView) -> tuple[int, str]:
    """As soon as it answers: its address is known a moment before its web server is there."""
    wait_until(lambda: asked(provider, view)[0])
    return asked(provider, view)


@pytest.mark.slow
def test_twenty_containers_are_upgraded_in_batches(incus: Incus, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        before = await done(provider, *(create(scale_set, str(number)) for number in range(MACHINES)))
        identities = {view.instance: _identity(incus, scale_set, view.instance) for view in before}
        for first in range(0, MACHINES, BATCH):
            batch = before[first : first + BATCH]
            for view in await done(provider, *(reimage(scale_set, view.instance) for view in batch)):
                status = await asyncio.to_thread(answers, provider, view)
                assert (view.version, status) == (NEW, (200, NEW))
        after = await provider.views(scale_set)
        for view in before:
            assert after[view.instance].data_disks == view.data_disks
            assert after[view.instance].address == view.address
            assert incus.read(scale_set, view.instance, f"{DATA}/boots").strip() == "2"
            assert incus.read(scale_set, view.instance, f"{DATA}/.rollgrid-marker") == view.data_disks[0].marker
            assert _identity(incus, scale_set, view.instance) == identities[view.instance]
        await done(provider, *(delete(scale_set, view.instance) for view in before))

    incus.play(story)
    name = name_of(scale_set, "")
    assert not [each for each in (*incus.names(), *incus.volumes()) if each.startswith(name[:15])]


@pytest.mark.slow
def test_the_old_root_comes_back_file_by_file(incus: Incus, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0", profile=SAYS_HELLO))
        assert incus.read(scale_set, "0", "/hello") == "hello\n"
        incus.write(scale_set, "0", "/written-later", "by hand")
        cloud_init = incus.config(name_of(scale_set, "0"))["volatile.cloud-init.instance-id"]
        await done(provider, reimage(scale_set, "0"))
        assert incus.read(scale_set, "0", "/written-later") == ""
        (back,) = await done(provider, restore(scale_set, "0", before.os_disk))
        assert (back.os_disk, back.runs) == (before.os_disk, before.runs)
        assert incus.read(scale_set, "0", "/written-later") == "by hand"
        assert incus.read(scale_set, "0", "/etc/os-release").startswith(f"VERSION={OLD}\n")
        config = incus.config(name_of(scale_set, "0"))
        assert (config["volatile.cloud-init.instance-id"], config["cloud-init.user-data"]) == (
            cloud_init,
            "echo hello > /hello",
        )

    incus.play(story)
    assert not incus.copies(scale_set)


def test_a_sick_version_runs_and_says_so_itself(incus: Incus, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        await done(provider, create(scale_set, "0"))
        (sick,) = await done(provider, reimage(scale_set, "0", SICK))
        assert (sick.version, sick.provisioning) == (SICK, Provisioning.SUCCEEDED)
        assert await asyncio.to_thread(answers, provider, sick) == (503, SICK)

    incus.play(story)


@pytest.mark.parametrize("version", [DEAD, pytest.param(BROKEN, marks=pytest.mark.slow)])
def test_a_version_that_does_not_come_up_is_put_back(incus: Incus, scale_set: ScaleSetReference, version: str) -> None:
    async def story(provider: Provider) -> None:
        (first,) = await done(provider, create(scale_set, "0", profile=FURNISHED))
        (before,) = await done(provider, reimage(scale_set, "0", profile=FURNISHED))
        await _fails(provider, scale_set, version)
        (view,) = (await provider.views(scale_set)).values()
        assert (view.os_disk, view.version, view.runs) == (before.os_disk, NEW, before.runs)
        assert (view.power, view.provisioning) == (Power.RUNNING, Provisioning.FAILED)
        assert incus.read(scale_set, "0", "/etc/os-release").startswith(f"VERSION={NEW}\n")
        assert len(incus.copies(scale_set)) == 1
        (oldest,) = await done(provider, restore(scale_set, "0", first.os_disk))
        assert (oldest.version, oldest.data_disks) == (OLD, first.data_disks)

    incus.play(story, boot_seconds=4)


async def _fails(provider: Provider, scale_set: ScaleSetReference, version: str) -> None:
    swap = reimage(scale_set, "0", version)
    assert await provider.begin([swap]) == {}
    outcome = (await outcomes(provider, [swap]))[swap.id]
    assert (outcome.progress, outcome.code) == (Progress.FAILED, "OSProvisioningTimedOut")
    assert "Instance 0: It " in outcome.message


@pytest.mark.slow
def test_a_creation_that_failed_is_made_anew(incus: Incus, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        birth = create(scale_set, "0", DEAD)
        assert await provider.begin([birth]) == {}
        assert (await outcomes(provider, [birth]))[birth.id].progress is Progress.FAILED
        assert (await provider.views(scale_set))["0"].provisioning is Provisioning.FAILED
        (view,) = await done(provider, create(scale_set, "0"))
        assert (view.version, view.provisioning) == (OLD, Provisioning.SUCCEEDED)

    incus.play(story, boot_seconds=2)
    assert len([name for name in incus.volumes() if name.startswith(name_of(scale_set, "0"))]) == 2


def test_a_machine_with_a_failed_creation_can_be_reimaged(incus: Incus, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        birth = create(scale_set, "0", DEAD)
        assert await provider.begin([birth]) == {}
        assert (await outcomes(provider, [birth]))[birth.id].progress is Progress.FAILED
        (view,) = await done(provider, reimage(scale_set, "0"))
        assert (view.version, view.provisioning) == (NEW, Provisioning.SUCCEEDED)
        assert all(disk.marker for disk in view.data_disks)
        assert incus.read(scale_set, "0", "/etc/os-release").startswith(f"VERSION={NEW}\n")

    incus.play(story, boot_seconds=4)


def test_a_machine_of_an_abandoned_revival_is_copied_before_it_is_reimaged(
    incus: Incus, scale_set: ScaleSetReference
) -> None:
    """An abandoned RESTORE of the OS disk that it is on: nothing was taken off."""

    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0"))
        abandoned: dict[str, str] = {Key.OPERATION: "x", Key.KIND: "restore", Key.PHASE: Phase.REVIVING}
        incus.ask("PATCH", f"/1.0/instances/{name_of(scale_set, '0')}", {"config": abandoned})
        await _fails(provider, scale_set, DEAD)
        (view,) = (await provider.views(scale_set)).values()
        assert (view.os_disk, view.version, view.power) == (before.os_disk, OLD, Power.RUNNING)
        assert incus.read(scale_set, "0", "/etc/os-release").startswith(f"VERSION={OLD}\n")

    incus.play(story, boot_seconds=4)


def test_data_of_a_deleted_instance_survive_its_creation(incus: Incus, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0"))
        incus.write(scale_set, "0", f"{DATA}/precious", "data")
        incus.remove(name_of(scale_set, "0"))
        misfit = create(scale_set, "0", profile=MachineProfile())
        assert await provider.begin([misfit]) == {}
        outcome = (await outcomes(provider, [misfit]))[misfit.id]
        assert (outcome.progress, outcome.code) == (Progress.FAILED, "DataDisksDoNotFit")
        assert all(disk.id in outcome.message for disk in before.data_disks)
        (after,) = await done(provider, create(scale_set, "0"))
        assert after.data_disks == before.data_disks
        assert incus.read(scale_set, "0", f"{DATA}/precious") == "data"
        await done(provider, delete(scale_set, "0"))

    incus.play(story)
    assert not [name for name in incus.volumes() if name.startswith(name_of(scale_set, "0"))]


def _identity(incus: Incus, scale_set: ScaleSetReference, instance: str) -> tuple[str, str]:
    config = incus.config(name_of(scale_set, instance))
    return config["volatile.uuid"], config["volatile.eth0.hwaddr"]
