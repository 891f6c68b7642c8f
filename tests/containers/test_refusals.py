"""What the provider refuses, and leaves alone: other people's instances, snapshots, what is not there."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from tests.containers.incus import Incus
from tests.providers.contract import NEW, OLD, create, delete, done, outcomes, play, reimage, restore
from upgrades.core.facts import ImageReference
from upgrades.providers.base import (
    ChecksImages,
    MachineProfile,
    Operation,
    Progress,
    Provider,
    ProviderError,
    ScaleSetReference,
)
from upgrades.providers.incus.client import MAX_FILE_BYTES, STEP_SECONDS, IncusClient
from upgrades.providers.incus.records import Key, name_of
from upgrades.providers.incus.settings import read_settings

FEATURES = ("features.images", "features.profiles", "features.storage.volumes")  # which a project may have of its own


def refusal(incus: Incus, operation: Operation, **settings: object) -> ProviderError:
    async def story(provider: Provider) -> ProviderError:
        refused = await provider.begin([operation])
        return refused[operation.id]

    return incus.play(story, **settings)


def foreign(incus: Incus, name: str, config: dict[str, str]) -> None:
    source = {"type": "image", "fingerprint": incus.fingerprint(OLD)}
    incus.ask("POST", "/1.0/instances", {"name": name, "source": source, "config": config})


@pytest.mark.parametrize("marks", [{}, {"user.rollgrid.set": "rg/another", "user.rollgrid.instance": "0"}])
def test_a_foreign_instance_is_never_touched(incus: Incus, scale_set: ScaleSetReference, marks: dict[str, str]) -> None:
    name = name_of(scale_set, "0")
    foreign(incus, name, marks)
    before = incus.ask("GET", f"/1.0/instances/{name}")
    for operation in (
        create(scale_set, "0"),
        reimage(scale_set, "0"),
        restore(scale_set, "0", "any"),
        delete(scale_set, "0"),
    ):
        error = refusal(incus, operation)
        assert (error.code, error.permanent) == ("ForeignInstance", True)
        assert name in error.message
    assert incus.ask("GET", f"/1.0/instances/{name}") == before
    assert incus.play(lambda provider: provider.views(scale_set)) == {}


def test_a_copied_instance_is_not_taken_for_a_machine(incus: Incus, scale_set: ScaleSetReference) -> None:
    """Incus copies the marks along."""
    incus.play(lambda provider: done(provider, create(scale_set, "0")))
    name = name_of(scale_set, "0")
    source = {"type": "copy", "source": name}
    devices = {"data0": {"type": "none"}, "data1": {"type": "none"}}
    incus.ask("POST", "/1.0/instances", {"name": f"{name}-copy", "source": source, "devices": devices})
    volume = next(volume for volume in incus.volumes() if volume.startswith(f"{name}-"))
    body = {"name": f"copy-{volume}", "type": "custom", "source": {"type": "copy", "pool": "default", "name": volume}}
    incus.ask("POST", "/1.0/storage-pools/default/volumes/custom", body)
    assert "user.rollgrid.set" in incus.config(f"{name}-copy")
    assert list(incus.play(lambda provider: provider.views(scale_set))) == ["0"]
    incus.play(lambda provider: done(provider, delete(scale_set, "0")))
    assert f"{name}-copy" in incus.names()
    assert f"copy-{volume}" in incus.volumes()


def test_a_renamed_instance_is_not_made_a_second_time(incus: Incus, scale_set: ScaleSetReference) -> None:
    """Nor one that is moved to another project. A person brings it back, or says that it is another machine from now on."""
    (view,) = incus.play(lambda provider: done(provider, create(scale_set, "0", profile=MachineProfile())))
    name, project = name_of(scale_set, "0"), f"away-{uuid4().hex[:6]}"
    incus.ask("POST", "/1.0/instances", {"name": f"{name}-copy", "source": {"type": "copy", "source": name}})
    incus.ask("PUT", f"/1.0/instances/{name}/state", {"action": "stop", "force": True})
    incus.ask("POST", f"/1.0/instances/{name}", {"name": "precious"})
    assert incus.play(lambda provider: provider.views(scale_set)) == {}
    error = refusal(incus, create(scale_set, "0"))
    assert (error.code, error.permanent) == ("MachineElsewhere", True)
    assert f"`incus rename precious {name} --project default`" in error.message
    incus.ask("POST", "/1.0/projects", {"name": project, "config": dict.fromkeys(FEATURES, "false")})
    try:
        incus.ask("POST", "/1.0/instances/precious", {"name": "precious", "migration": True, "project": project})
        error = refusal(incus, create(scale_set, "0"))
        assert error.code == "MachineElsewhere"
        assert f"`incus move precious {name} --project {project} --target-project default`" in error.message
        assert f"`incus config unset precious user.rollgrid.set --project {project}`" in error.message
        moved = incus.ask("GET", f"/1.0/instances/precious?project={project}")
        incus.ask("PATCH", f"/1.0/instances/precious?project={project}", {"config": {Key.SET: ""}})
        (other,) = incus.play(lambda provider: done(provider, create(scale_set, "0", profile=MachineProfile())))
        assert other.os_disk != view.os_disk, "its copy is no sign of it"
        kept = incus.ask("GET", f"/1.0/instances/precious?project={project}")
        assert kept["config"]["volatile.uuid"] == moved["config"]["volatile.uuid"]
    finally:
        incus.api.remove(f"/1.0/instances/precious?project={project}")
        incus.ask("DELETE", f"/1.0/projects/{project}")


def test_a_machine_with_snapshots_keeps_its_os_disk(incus: Incus, scale_set: ScaleSetReference) -> None:
    (view,) = incus.play(lambda provider: done(provider, create(scale_set, "0")))
    name = name_of(scale_set, "0")
    incus.ask("POST", f"/1.0/instances/{name}/snapshots", {"name": "mine"})
    for operation in (reimage(scale_set, "0"), restore(scale_set, "0", view.os_disk)):
        error = refusal(incus, operation)
        assert (error.code, error.permanent) == ("InstanceHasSnapshots", True)
        assert f"incus snapshot delete {name} mine" in error.message
    assert incus.play(lambda provider: provider.views(scale_set)) == {"0": view}


def test_a_version_without_an_image_is_named_with_its_alias(incus: Incus, scale_set: ScaleSetReference) -> None:
    error = refusal(incus, create(scale_set, "0", "99.9.9"))
    assert (error.code, error.permanent) == ("ImageNotFound", True)
    assert "alias rollgrid/canonical/ubuntuserver/16.04-lts/99.9.9" in error.message
    assert str(incus.socket) in error.message
    error = refusal(incus, create(scale_set, "0"), kind="virtual-machine")
    assert "for a container, not for a virtual-machine" in error.message


def test_an_image_can_be_asked_for_beforehand(incus: Incus, scale_set: ScaleSetReference) -> None:
    def asked(version: str, **settings: object) -> ProviderError:
        async def story(provider: Provider) -> None:
            assert isinstance(provider, ChecksImages)
            await provider.check_image(scale_set, ImageReference("Canonical", "UbuntuServer", "16.04-LTS", version))

        with pytest.raises(ProviderError) as caught:
            incus.play(story, **settings)
        return caught.value

    missing = asked("99.9.9")
    assert missing.code == "ImageNotFound"
    assert "alias rollgrid/canonical/ubuntuserver/16.04-lts/99.9.9" in missing.message
    full = asked(NEW, free_mb=1024 * 1024 * 1024)
    assert full.code == "NoSpace"
    assert "the storage pool default" in full.message


def test_a_storage_pool_that_is_missing_is_said_before_anything_begins(
    incus: Incus, scale_set: ScaleSetReference
) -> None:
    """By whoever asks for the machines, and right before an upgrade. Its machine is not touched."""
    (view,) = incus.play(lambda provider: done(provider, create(scale_set, "0")))

    async def asks_for_the_image(provider: Provider) -> None:
        assert isinstance(provider, ChecksImages)
        await provider.check_image(scale_set, ImageReference("Canonical", "UbuntuServer", "16.04-LTS", NEW))

    for story in (lambda provider: provider.views(scale_set), asks_for_the_image):
        with pytest.raises(ProviderError, match="has no storage pool away.*`incus storage create away") as caught:
            incus.play(story, pool="away")
        assert (caught.value.code, caught.value.permanent) == ("StorageMissing", False)
    assert refusal(incus, reimage(scale_set, "0"), pool="away").code == "StorageMissing"
    with pytest.raises(ProviderError, match="has no profile away"):
        incus.play(lambda provider: provider.views(scale_set), profiles=["away"])
    assert incus.play(lambda provider: provider.views(scale_set)) == {"0": view}


def test_a_location_has_no_more_machines_than_it_may(incus: Incus, scale_set: ScaleSetReference) -> None:
    incus.play(lambda provider: done(provider, create(scale_set, "1")))
    error = refusal(incus, create(scale_set, "0"), most_machines=1, project="default")
    assert error.code == "QuotaExceeded"
    assert "most_machines" in error.message


def test_custom_data_that_is_no_text_is_refused(incus: Incus, scale_set: ScaleSetReference) -> None:
    error = refusal(incus, create(scale_set, "0", profile=MachineProfile(custom_data="H4sIAAAA/w==")))
    assert (error.code, error.permanent) == ("InvalidCustomData", True)


def test_a_worker_that_wakes_late_has_lost_its_machine_to_another(
    incus: Incus, scale_set: ScaleSetReference, tmp_path: Path
) -> None:
    incus.play(lambda provider: done(provider, create(scale_set, "0")))
    late = reimage(scale_set, "0", "16.04.3")

    async def claims(provider: Provider) -> None:
        assert await provider.begin([late]) == {}
        assert (await provider.poll([late.id], wait_seconds=0.3))[late.id].progress is Progress.RUNNING

    incus.play(claims)
    (view,) = play(lambda: incus.provider(home=tmp_path), lambda provider: done(provider, reimage(scale_set, "0", NEW)))

    async def wakes(provider: Provider) -> None:
        outcome = (await outcomes(provider, [late]))[late.id]
        assert (outcome.progress, outcome.code) == (Progress.FAILED, "OperationSuperseded")
        after = (await provider.views(scale_set))["0"]
        assert (after.os_disk, after.version) == (view.os_disk, NEW)

    incus.play(wakes)


def test_an_incus_that_is_not_there_is_said_to_be_so(
    incus: Incus, scale_set: ScaleSetReference, tmp_path: Path
) -> None:
    with pytest.raises(ProviderError, match="is Incus installed, and its daemon started") as caught:
        incus.play(lambda provider: provider.views(scale_set), socket=str(tmp_path / "unix.socket"))
    assert not caught.value.permanent


def test_of_a_guests_file_no_more_than_its_beginning_is_read(incus: Incus, scale_set: ScaleSetReference) -> None:
    incus.play(lambda provider: done(provider, create(scale_set, "0")))
    incus.write(scale_set, "0", "/huge", "x" * (4 * MAX_FILE_BYTES))

    async def story() -> None:
        client = IncusClient(read_settings(incus.settings(), incus.home), STEP_SECONDS)
        try:
            name = name_of(scale_set, "0")
            assert await client.read_file(name, "/huge") == "x" * MAX_FILE_BYTES
            assert "VERSION" in (await client.read_file(name, "/etc/os-release") or "")
        finally:
            await client.close()

    asyncio.run(story())
