"""What becomes of a real container's disks: in a swap, in one that fails, and in a creation that did."""

import pytest

from tests.containers.incus import BROKEN, DEAD, Incus
from tests.providers.contract import FURNISHED, NEW, OLD, create, delete, done, outcomes, reimage, restore
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import MachineProfile, Progress, Provider, ScaleSetReference
from upgrades.providers.incus.demo.tiny_image import DATA
from upgrades.providers.incus.records import Key, Phase, name_of

SAYS_HELLO = MachineProfile(custom_data="ZWNobyBoZWxsbyA+IC9oZWxsbw==")  # echo hello > /hello


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


@pytest.mark.slow
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


@pytest.mark.slow
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
