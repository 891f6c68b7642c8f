"""On a storage pool that copies on write, the old OS disk is kept by a copy that is made at once: btrfs, in a file of the tests' own."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.containers.incus import Incus
from tests.containers.kills import begun, has_ended, killed
from tests.providers.contract import FURNISHED, NEW, OLD, create, delete, done, outcomes, reimage, restore
from upgrades.core.states import Power
from upgrades.providers.base import Operation, Outcome, Progress, Provider, ScaleSetReference
from upgrades.providers.incus.copies import name_of_copy
from upgrades.providers.incus.demo.api import Refused
from upgrades.providers.incus.demo.tiny_image import Kind
from upgrades.providers.incus.records import Key, name_of

POOL = "on-write"
PLACE: Mapping[str, Any] = {"pool": POOL, "profiles": [POOL]}
POOL_GB = 1
BIG = "16.04.5"
BIG_BYTES = 60_000_000
HOW_TO = "this computer makes no btrfs: `apt install btrfs-progs`, and a kernel that has it"


@pytest.fixture(scope="module")
def pool(incus: Incus) -> Iterator[Path]:
    """Where the pool is mounted. Its profile starts instances with the host, and protects nothing."""
    try:
        incus.ask("POST", "/1.0/storage-pools", {"name": POOL, "driver": "btrfs", "config": {"size": f"{POOL_GB}GiB"}})
    except Refused as error:
        pytest.fail(f"{HOW_TO}: {error}") if "CI" in os.environ else pytest.skip(HOW_TO)
    devices = incus.ask("GET", "/1.0/profiles/default")["devices"]
    devices["root"]["pool"] = POOL
    profile = {"name": POOL, "devices": devices, "config": {"boot.autostart": "true"}}
    incus.ask("POST", "/1.0/profiles", profile)
    incus.publish(BIG, Kind.GOOD, ballast=os.urandom(BIG_BYTES))
    yield incus.state / "storage-pools" / POOL
    for path in incus.ask("GET", f"/1.0/storage-pools/{POOL}")["used_by"]:
        if path.startswith("/1.0/instances/"):
            incus.api.remove(path)
    for path in incus.ask("GET", f"/1.0/storage-pools/{POOL}/volumes/custom"):
        incus.ask("DELETE", path)
    for path in incus.ask("GET", f"/1.0/storage-pools/{POOL}")["used_by"]:
        if path.startswith("/1.0/images/"):
            incus.ask("DELETE", f"/1.0/storage-pools/{POOL}/volumes/image/{path.rpartition('/')[2]}")
    incus.ask("DELETE", f"/1.0/profiles/{POOL}")
    incus.ask("DELETE", f"/1.0/storage-pools/{POOL}")


@pytest.fixture
def root(pool: Path, scale_set: ScaleSetReference) -> Path:
    """The root file system of the machine 0, as the host sees it."""
    return pool / "containers" / name_of(scale_set, "0") / "rootfs"


def identity(incus: Incus, scale_set: ScaleSetReference) -> list[str]:
    config = incus.config(name_of(scale_set, "0"))
    keys = ("volatile.uuid", "volatile.eth0.hwaddr", "volatile.cloud-init.instance-id", "image.release", Key.ID)
    return [config[key] for key in keys]


def used_bytes(incus: Incus) -> int:
    os.sync()
    return int(incus.ask("GET", f"/1.0/storage-pools/{POOL}/resources")["space"]["used"])


def test_the_old_root_is_kept_at_once_and_comes_back_whole(
    incus: Incus, scale_set: ScaleSetReference, root: Path
) -> None:
    """With its subvolumes. The copy has neither marks nor data of the machine, and never runs."""

    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0", BIG, FURNISHED))
        subprocess.run(["btrfs", "-q", "subvolume", "create", root / "nested"], check=True)
        (root / "nested" / "file").write_text("within")
        who, used = identity(incus, scale_set), used_bytes(incus)
        swap = reimage(scale_set, "0", NEW, FURNISHED)
        (after,) = await done(provider, swap)
        assert used_bytes(incus) - used < BIG_BYTES / 5
        assert not (root / "nested").exists()
        assert incus.copies(scale_set) == [name_of_copy(swap)]
        _check_copy(incus, name_of_copy(swap), scale_set)
        assert await provider.views(scale_set) == {"0": after}
        (back,) = await done(provider, restore(scale_set, "0", before.os_disk))
        assert back == before
        assert identity(incus, scale_set) == who
        assert (root / "nested" / "file").read_text() == "within"
        assert (
            not {Key.COPY, Key.WHOLE, "boot.autostart", "security.protection.delete"}
            & incus.config(name_of(scale_set, "0")).keys()
        )
        assert incus.copies(scale_set) == []
        await done(provider, reimage(scale_set, "0", NEW, FURNISHED))
        await done(provider, delete(scale_set, "0"))
        assert incus.copies(scale_set) == []

    incus.play(story, **PLACE)


def _check_copy(incus: Incus, name: str, scale_set: ScaleSetReference) -> None:
    copy = incus.ask("GET", f"/1.0/instances/{name}")
    assert copy["status"] == "Stopped"
    assert copy["expanded_config"]["boot.autostart"] == "false"
    own = {key: value for key, value in copy["config"].items() if key.startswith("user.")}
    assert own == {Key.COPY: name_of(scale_set, "0"), Key.WHOLE: "true"}
    assert not [each for each in copy["expanded_devices"].values() if "source" in each]


async def ended(provider: Provider, operation: Operation) -> Outcome:
    assert await provider.begin([operation]) == {}
    return (await outcomes(provider, [operation]))[operation.id]


@pytest.mark.slow
@pytest.mark.usefixtures("pool")
def test_a_copy_that_was_deleted_is_missed_before_the_machine_is_touched(
    incus: Incus, scale_set: ScaleSetReference
) -> None:
    """And that is said while the machine is still there: it runs on as it was."""

    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0"))
        swap = reimage(scale_set, "0")
        (after,) = await done(provider, swap)
        incus.remove(name_of_copy(swap))
        outcome = await ended(provider, restore(scale_set, "0", before.os_disk))
        assert (outcome.progress, outcome.code) == (Progress.FAILED, "OSDiskNotMade")
        assert f"the instance {name_of_copy(swap)}, is gone" in outcome.message
        view = (await provider.views(scale_set))["0"]
        assert (view.os_disk, view.version, view.power) == (after.os_disk, NEW, Power.RUNNING)
        assert view.data_disks == before.data_disks

    incus.play(story, **PLACE)


@pytest.mark.slow
@pytest.mark.usefixtures("pool")
def test_a_copy_that_was_cut_off_is_made_anew(incus: Incus, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0"))
        swap = reimage(scale_set, "0")
        half = {"name": name_of_copy(swap), "source": {"type": "none"}, "profiles": [POOL]}
        incus.ask("POST", "/1.0/instances", {**half, "config": {Key.COPY: name_of(scale_set, "0")}})
        await done(provider, swap)
        (back,) = await done(provider, restore(scale_set, "0", before.os_disk))
        assert back == before

    incus.play(story, **PLACE)


@pytest.mark.slow
def test_a_pool_that_is_full_leaves_the_machine_on_its_old_disk(
    incus: Incus, scale_set: ScaleSetReference, pool: Path
) -> None:
    # Incus has unpacked the image of a test before already.
    incus.point(BIG, incus.add_image(BIG, Kind.GOOD, ballast=os.urandom(BIG_BYTES)))

    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0"))
        with (pool / "filling").open("wb") as filling:
            os.posix_fallocate(filling.fileno(), 0, free(pool) - BIG_BYTES // 2)
        try:
            outcome = await ended(provider, reimage(scale_set, "0", BIG))
        finally:
            (pool / "filling").unlink()
        assert (outcome.progress, outcome.code) == (Progress.FAILED, "OSDiskNotMade")
        assert f"the storage pool {POOL}" in outcome.message
        view = (await provider.views(scale_set))["0"]
        assert (view.os_disk, view.version, view.power) == (before.os_disk, OLD, Power.RUNNING)
        (after,) = await done(provider, reimage(scale_set, "0", BIG))
        assert after.data_disks == before.data_disks

    incus.play(story, **PLACE, free_mb=POOL_GB * 1024)


def free(folder: Path) -> int:
    os.sync()
    found = os.statvfs(folder)
    return found.f_bavail * found.f_bsize


@pytest.mark.slow
@pytest.mark.parametrize("who", ["worker", "incus"])
def test_a_kill_while_the_copy_is_put_back(incus: Incus, scale_set: ScaleSetReference, pool: Path, who: str) -> None:
    """The machine is gone at that moment. It is the same one afterwards."""
    (before,) = incus.play(lambda provider: done(provider, create(scale_set, "0", profile=FURNISHED)), **PLACE)
    identity_before, there = identity(incus, scale_set), reimage(scale_set, "0", NEW, FURNISHED)
    incus.play(lambda provider: done(provider, there), **PLACE)
    back = restore(scale_set, "0", before.os_disk)
    begun(incus, back, **PLACE)
    name = name_of(scale_set, "0")
    # A moment may be over before it was seen.
    killed(incus, back, lambda: name not in incus.names() or has_ended(incus, scale_set, back), **PLACE)
    if who == "incus":
        incus.restart()
    (view,) = incus.play(lambda provider: done(provider, back), **PLACE)
    assert view == before
    assert identity(incus, scale_set) == identity_before
    assert incus.copies(scale_set) == []
