"""Incus is killed, and the worker that drives it: whoever comes next goes on, and nothing is lost."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.containers.incus import Incus
from tests.containers.kills import begun, has_ended, killed, worker
from tests.containers.wire import wire
from tests.providers.contract import FURNISHED, NEW, OLD, create, done, play, reimage, restore
from tests.waiting import wait_until
from upgrades.core.states import Provisioning
from upgrades.providers.base import InstanceView, Provider, ScaleSetReference
from upgrades.providers.incus.demo.api import Refused
from upgrades.providers.incus.demo.tiny_image import DATA, Kind
from upgrades.providers.incus.records import Key, Phase, name_of

HEAVY = "16.04.4"  # its root file system is so big that there is time to kill somebody

# What Incus calls it: from an image, and from a copy that is an instance.
REPLACING = ("Rebuilding instance", "Creating instance")


@pytest.fixture(scope="module")
def heavy(incus: Incus) -> str:
    incus.publish(HEAVY, Kind.GOOD, ballast=bytes(120_000_000))
    return HEAVY


def phase(incus: Incus, scale_set: ScaleSetReference) -> str:
    return incus.config(name_of(scale_set, "0")).get(Key.PHASE, "")


def is_booting(incus: Incus, scale_set: ScaleSetReference) -> bool:
    with suppress(Refused):  # it is gone for a moment, while a copy is put back
        body = incus.ask("GET", f"/1.0/instances/{name_of(scale_set, '0')}")
        return bool((body["status"], body["config"].get(Key.PHASE)) == ("Running", Phase.SWAPPING))
    return False


def is_rebuilding(incus: Incus, scale_set: ScaleSetReference) -> bool:
    """Or made of its copy; but not: copied."""
    with suppress(Refused):
        if phase(incus, scale_set) == Phase.STOPPING:
            return False
    groups = incus.ask("GET", "/1.0/operations?recursion=1")
    return any(each["description"] in REPLACING for each in groups.get("running", []))


def identity_of(incus: Incus, scale_set: ScaleSetReference) -> tuple[str, str]:
    config = incus.config(name_of(scale_set, "0"))
    return config["volatile.uuid"], config["volatile.eth0.hwaddr"]


def check(incus: Incus, scale_set: ScaleSetReference, before: InstanceView, after: InstanceView, version: str) -> None:
    """It is on that version, as seen from inside; its data are those of before, and so is who it is."""
    assert (after.version, after.provisioning) == (version, Provisioning.SUCCEEDED)
    assert (after.data_disks, after.address) == (before.data_disks, before.address)
    assert incus.read(scale_set, "0", "/etc/os-release").startswith(f"VERSION={version}\n")
    assert incus.read(scale_set, "0", f"{DATA}/.rollgrid-marker") == before.data_disks[0].marker
    assert [run.what for run in after.runs] == ["customData", "agent", "app", "health"]
    assert incus.config(name_of(scale_set, "0")).keys().isdisjoint({Key.OPERATION, Key.PHASE, Key.SAVED, Key.TARGET})
    assert len(incus.copies(scale_set)) == 1


def test_incus_is_killed_in_the_middle_of_a_rebuild(incus: Incus, scale_set: ScaleSetReference, heavy: str) -> None:
    (before,) = play(incus.provider, lambda provider: done(provider, create(scale_set, "0", profile=FURNISHED)))
    swap = reimage(scale_set, "0", heavy, FURNISHED)
    begun(incus, swap)
    process = worker(incus, swap)
    try:
        wait_until(lambda: is_rebuilding(incus, scale_set), seconds=30)
        incus.kill()
        incus.start()
        assert phase(incus, scale_set) == Phase.SWAPPING
        assert process.wait(timeout=15) == 0
    finally:
        process.kill()
        process.wait()
    (after,) = play(incus.provider, lambda provider: done(provider, swap))
    check(incus, scale_set, before, after, heavy)


@pytest.mark.slow
def test_an_instance_that_lost_its_root_volume_is_made_anew_as_the_same_one(
    incus: Incus, scale_set: ScaleSetReference, heavy: str
) -> None:
    """As a kill of Incus leaves it, between the deletion of the old root volume and the creation of the new one. It was met so."""
    (before,) = play(incus.provider, lambda provider: done(provider, create(scale_set, "0", profile=FURNISHED)))
    identity = identity_of(incus, scale_set)
    swap = reimage(scale_set, "0", heavy, FURNISHED)
    begun(incus, swap)
    killed(incus, swap, lambda: is_rebuilding(incus, scale_set))
    wait_until(lambda: not is_rebuilding(incus, scale_set), seconds=30)
    incus.lose_root(name_of(scale_set, "0"))
    with wire(incus) as between:
        (after,) = incus.play(lambda provider: done(provider, swap), socket=str(between.path))
    assert len(between.asked("POST", "/rebuild")) == 1, "it failed; what was then created of the image is whole"
    check(incus, scale_set, before, after, heavy)
    assert identity_of(incus, scale_set) == identity
    (back,) = play(incus.provider, lambda provider: done(provider, restore(scale_set, "0", before.os_disk)))
    assert back == before


@pytest.mark.parametrize(
    "moment",
    [
        "swapping",
        *(pytest.param(moment, marks=pytest.mark.slow) for moment in ("stopping", "booting", "ended")),
    ],
)
def test_the_worker_is_killed_and_another_goes_on(
    incus: Incus, scale_set: ScaleSetReference, heavy: str, moment: str
) -> None:
    (before,) = play(incus.provider, lambda provider: done(provider, create(scale_set, "0", profile=FURNISHED)))
    swap = reimage(scale_set, "0", heavy, FURNISHED)
    begun(incus, swap)
    moments = {
        "stopping": lambda: phase(incus, scale_set) != Phase.NONE,
        "swapping": lambda: phase(incus, scale_set) == Phase.SWAPPING,
        "booting": lambda: is_booting(incus, scale_set),
        "ended": lambda: has_ended(incus, scale_set, swap),
    }
    # A moment may be over before it was seen.
    killed(incus, swap, lambda: moments[moment]() or has_ended(incus, scale_set, swap))
    (after,) = play(incus.provider, lambda provider: done(provider, swap))
    check(incus, scale_set, before, after, heavy)


@pytest.mark.slow
def test_workers_that_are_killed_again_and_again(incus: Incus, scale_set: ScaleSetReference, heavy: str) -> None:
    (before,) = play(incus.provider, lambda provider: done(provider, create(scale_set, "0", profile=FURNISHED)))
    there = reimage(scale_set, "0", heavy, FURNISHED)
    back = restore(scale_set, "0", before.os_disk)
    for operation in (there, back):
        begun(incus, operation)
        for moment in (is_rebuilding, is_booting):
            # A moment may be over before it was seen.
            killed(incus, operation, lambda: moment(incus, scale_set) or has_ended(incus, scale_set, operation))  # noqa: B023 - at once
        (view,) = play(incus.provider, lambda provider: done(provider, operation))  # noqa: B023 - at once
    assert view == before
    assert incus.read(scale_set, "0", "/etc/os-release").startswith(f"VERSION={OLD}\n")
    assert incus.copies(scale_set) == []


@pytest.mark.slow
def test_a_creation_that_was_cut_off_leaves_one_machine(incus: Incus, scale_set: ScaleSetReference, heavy: str) -> None:
    birth = create(scale_set, "0", heavy, FURNISHED)
    begun(incus, birth)
    killed(incus, birth, lambda: name_of(scale_set, "0") in incus.names())
    incus.restart()
    (view,) = play(incus.provider, lambda provider: done(provider, birth))
    assert (view.version, len(view.data_disks), len(view.runs)) == (heavy, 1, 4)
    assert len([name for name in incus.volumes() if name.startswith(f"{name_of(scale_set, '0')}-")]) == 1


@pytest.mark.slow
def test_a_swap_without_its_journal_is_half_made_and_done_again(
    incus: Incus, scale_set: ScaleSetReference, heavy: str, tmp_path: Path
) -> None:
    """The worker's disk is lost with its journal. What counts is on the instance."""
    (before,) = play(incus.provider, lambda provider: done(provider, create(scale_set, "0", profile=FURNISHED)))
    lost = reimage(scale_set, "0", heavy, FURNISHED)
    begun(incus, lost)
    killed(incus, lost, lambda: is_rebuilding(incus, scale_set))

    async def story(provider: Provider) -> None:
        half = (await provider.views(scale_set))["0"]
        assert (half.half_made, half.version) == (True, "")
        (after,) = await done(provider, reimage(scale_set, "0", NEW, FURNISHED))
        check(incus, scale_set, before, after, NEW)
        (back,) = await done(provider, restore(scale_set, "0", before.os_disk))
        assert back == before

    play(lambda: incus.provider(home=tmp_path), story)
