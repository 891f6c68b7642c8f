"""What the provider `qemu` says and refuses before any machine is started. No QEMU is needed: machines that boot are in
tests/virtual_machines.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.providers.contract import create, delete, done, extend, play, reimage, restore
from upgrades.core.facts import ImageReference
from upgrades.providers import load
from upgrades.providers.base import ChecksImages, MachineProfile, Operation, Provider, ProviderError, ScaleSetReference
from upgrades.providers.hosts.image_store import ImageStore
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.operations import since
from upgrades.providers.hosts.virtual_machines.storage import MachineFolder
from upgrades.providers.qemu.machine import Machine
from upgrades.providers.qemu.settings import read_settings

SET = ScaleSetReference("rg/set")
ADDRESS = "127.0.0.1 80=40123 22=40124"


@pytest.fixture
def make_provider(tmp_path: Path) -> Callable[[], Provider]:
    return lambda: load("qemu", tmp_path, {"most_machines": 0})


def refusal(make_provider: Callable[[], Provider], operation: Operation) -> ProviderError:
    async def story(provider: Provider) -> ProviderError:
        return (await provider.begin([operation]))[operation.id]

    return play(make_provider, story)


def test_an_empty_host_has_no_machines(make_provider: Callable[[], Provider]) -> None:
    assert play(make_provider, lambda provider: provider.views(SET)) == {}
    assert play(make_provider, lambda provider: done(provider, delete(SET, "0"))) == []


@pytest.mark.parametrize(
    "operation",
    [reimage(SET, "7"), restore(SET, "7", "os-1"), extend(SET, "7", MachineProfile())],
    ids=lambda o: o.kind,
)
def test_operations_on_no_machine_are_refused(make_provider: Callable[[], Provider], operation: Operation) -> None:
    error = refusal(make_provider, operation)
    assert (error.code, error.permanent) == ("InstanceNotFound", True)
    assert "instance 7" in error.message


def test_a_host_has_no_more_machines_than_its_setting_says(make_provider: Callable[[], Provider]) -> None:
    assert play(make_provider, lambda provider: provider.available_quota(SET)) == 0
    error = refusal(make_provider, create(SET, "0"))
    assert (error.code, error.permanent, "`most_machines`" in error.message) == ("QuotaExceeded", True, True)


def test_an_image_that_is_not_on_the_host_is_refused(tmp_path: Path) -> None:
    error = refusal(lambda: load("qemu", tmp_path, {}), create(SET, "0"))
    assert (error.code, error.permanent) == ("ImageNotFound", True)


def test_an_image_can_be_asked_for_beforehand(tmp_path: Path) -> None:
    image = ImageReference("p", "o", "s", "1.0.0")

    def asked(**settings: object) -> str:
        async def story(provider: Provider) -> None:
            assert isinstance(provider, ChecksImages)
            await provider.check_image(SET, image)

        try:
            play(lambda: load("qemu", tmp_path, settings), story)
        except ProviderError as error:
            return f"{error.code}: {error.message}"
        return ""

    missing = asked()
    assert missing.startswith("ImageNotFound: The image p:o:s:1.0.0 is not on this host")
    disk = tmp_path / "any.qcow2"
    disk.write_bytes(b"QFI")
    ImageStore(tmp_path / "qemu" / "images").publish(image, disk)
    assert asked() == ""
    assert asked(free_mb=1024 * 1024).startswith(f"NoSpace: the folder {tmp_path}/qemu/machines has ")


def test_a_folder_that_is_not_mounted_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """Its machines are not gone, and none is made, changed or deleted in its place."""
    machines, away = tmp_path / "machines", tmp_path / "away"
    given = {"folder": str(machines), "images": str(tmp_path / "images")}
    make_folder = MachineFolder(tmp_path, machines)
    make_folder.refuse_missing()
    make_folder.note_use()

    def make_provider() -> Provider:
        return load("qemu", tmp_path, given)

    async def asks_for_an_image(provider: Provider) -> None:
        assert isinstance(provider, ChecksImages)
        await provider.check_image(SET, ImageReference("p", "o", "s", "1.0.0"))

    assert play(make_provider, lambda provider: provider.views(SET)) == {}
    machines.rename(away)
    machines.mkdir()
    for operation in (create(SET, "0"), reimage(SET, "0"), delete(SET, "0")):
        error = refusal(make_provider, operation)
        assert (error.code, error.permanent) == ("StorageMissing", False)
    for story in (lambda provider: provider.views(SET), asks_for_an_image):
        with pytest.raises(ProviderError, match=f"the folder {machines} is not there.*touch {machines}/.rollgrid"):
            play(make_provider, story)
    assert not list(machines.iterdir())
    machines.rmdir()
    away.rename(machines)
    assert play(make_provider, lambda provider: provider.views(SET)) == {}


@pytest.mark.parametrize("key", ["rg/../x", "../rg", "rg/..", "rg/.hidden", "rg"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    error = refusal(lambda: load("qemu", tmp_path / "home", {}), create(ScaleSetReference(key), "0"))
    assert (error.code, error.permanent) == ("InvalidName", True)


def test_a_port_of_a_machine_is_one_of_the_host(make_provider: Callable[[], Provider]) -> None:
    async def story(provider: Provider) -> None:
        assert provider.endpoint(ADDRESS, 80) == ("127.0.0.1", 40123)
        assert provider.endpoint(ADDRESS, 22) == ("127.0.0.1", 40124)
        with pytest.raises(ProviderError, match="443 is none of the location's `ports`"):
            provider.endpoint(ADDRESS, 443)
        with pytest.raises(ProviderError, match="the machine has no address: it is not up"):
            provider.endpoint("", 80)

    play(make_provider, story)


def test_a_foreign_folder_is_not_deleted(tmp_path: Path, make_provider: Callable[[], Provider]) -> None:
    theirs = tmp_path / "qemu" / "machines" / "rg" / "set" / "0" / "precious"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    assert play(make_provider, lambda provider: done(provider, delete(SET, "0"))) == []
    assert theirs.exists()


def test_a_deletion_leaves_nothing_of_one_that_was_cut_off(
    tmp_path: Path, make_provider: Callable[[], Provider]
) -> None:
    machine = Machine(read_settings(tmp_path, {}), SET.key, "0")
    machine.make_folder()
    left = machine.deleted / "half" / "os-1.iso"
    left.parent.mkdir(parents=True)
    left.touch()
    assert play(make_provider, lambda provider: done(provider, delete(SET, "0"))) == []
    assert (machine.folder.exists(), list(machine.deleted.iterdir())) == (False, [])


def test_a_machine_that_is_deleted_meanwhile_does_not_hide_the_others(
    tmp_path: Path, make_provider: Callable[[], Provider]
) -> None:
    stays, goes = (Machine(read_settings(tmp_path, {}), SET.key, instance) for instance in ("0", "1"))
    stays.make_folder()
    is_over = threading.Event()

    def make_and_delete() -> None:
        while not is_over.is_set():
            goes.make_folder()
            for lun in range(8):
                (goes.folder / f"data-{lun}.marker").touch()
            goes.delete_folder()

    async def story(provider: Provider) -> None:
        for _ in range(300):
            assert "0" in await provider.views(SET)

    deleting = threading.Thread(target=make_and_delete)
    deleting.start()
    try:
        play(make_provider, story)
    finally:
        is_over.set()
        deleting.join()


def test_disks_that_cannot_be_deleted_are_an_error_that_passes(tmp_path: Path) -> None:
    machine = Machine(read_settings(tmp_path, {}), SET.key, "0")
    machine.make_folder()
    machine.deleted.mkdir()
    (machine.deleted / "no-folder").touch()
    with pytest.raises(ProviderError, match="Disks of a deleted machine are left in .*no-folder") as caught:
        machine.delete_folder()
    assert not caught.value.permanent


def test_a_time_from_before_the_host_booted_is_now() -> None:
    noted = {"began": processes.uptime() + 1000, "silent": 1.0}
    assert since(noted, "began") <= processes.uptime()
    assert since(noted, "silent") == 1.0
    assert since(noted, "running") == since(noted, "running")


def test_a_foreign_folder_is_no_place_for_a_machine(tmp_path: Path) -> None:
    machine = Machine(read_settings(tmp_path, {}), SET.key, "0")
    machine.folder.mkdir(parents=True)
    (machine.folder / "precious").touch()
    with pytest.raises(ProviderError, match="has other files; move them away") as caught:
        machine.make_folder()
    assert (caught.value.code, caught.value.permanent, machine.exists) == ("ForeignFolder", True, False)
