"""OS disks of real machines are swapped: what is seen from inside, images that are no good, and kills in the middle.

One fleet of three machines for all tests, in any order: each test begins on whatever its machine has.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.virtual_machines.host import BOOT_SECONDS, DEAD, NEW, OLD, SET, SICK, WRONG, Host, begun, health, swapped
from tests.waiting import wait_until
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import (
    DataDisk,
    InstanceView,
    MachineProfile,
    Operation,
    Progress,
    Provider,
)
from upgrades.providers.checks.site import Site, unaddressed
from upgrades.providers.hosts.disks import os_disk_of
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.remote.wire import operation_to_json

CHECKOUT = Path(__file__).resolve().parents[2]
PROFILE = MachineProfile(
    computer_name="web", data_disks=(DataDisk(0, 1), DataDisk(3, 2)), custom_data="IyEvYmluL3NoCg=="
)
INSTANCES = ("0", "1", "2")
DEAD_WORDS = "this image never boots"


@pytest.fixture(scope="module")
def fleet(module_host: Host) -> Host:
    site = module_host.site()
    module_host.play(lambda provider: site.done(provider, *(site.create(name, OLD, PROFILE) for name in INSTANCES)))
    return module_host


@pytest.fixture
def site(fleet: Host) -> Site:
    return fleet.site()


def test_a_swap_keeps_data_disks_and_is_seen_from_inside(fleet: Host, site: Site) -> None:
    async def story(provider: Provider) -> None:
        (before,) = await site.done(provider, site.reimage("0", OLD, PROFILE))
        _, said_before = await asyncio.to_thread(health, provider, before.address)
        await swapped(provider, site, before, NEW, PROFILE)
        (back,) = await site.done(provider, site.restore("0", before.os_disk))
        assert unaddressed(back) == unaddressed(before)
        _, said_again = await asyncio.to_thread(health, provider, back.address)
        assert (said_again["osVersion"], said_again["customData"]) == (OLD, said_before["customData"])

    fleet.play(story)


@pytest.mark.slow
def test_machines_that_are_swapped_together_boot_in_turn(fleet: Host, site: Site) -> None:
    """All keep their data disks; no more boot at the same time than the setting says."""
    before = [seen(fleet, name) for name in INSTANCES]
    swaps = [site.reimage(name, NEW, PROFILE) for name in INSTANCES]
    booting = list[int]()

    async def story(provider: Provider) -> list[InstanceView]:
        swapping = asyncio.create_task(site.done(provider, *swaps))
        while not swapping.done():
            booting.append(sum(fleet.machine(name).is_booting and bool(fleet.process(name)) for name in INSTANCES))
            await asyncio.sleep(0.05)
        return await swapping

    after = fleet.but(starting_at_once=1).play(story)
    assert max(booting) == 1
    assert [view.data_disks for view in after] == [view.data_disks for view in before]
    assert {view.reported_version for view in after} == {NEW}
    assert len({marker for view in after for marker in view.data_disks}) == 2 * len(INSTANCES)


def test_a_sick_image_is_a_successful_swap_with_an_unhealthy_page(fleet: Host, site: Site) -> None:
    async def story(provider: Provider) -> None:
        (view,) = await site.done(provider, site.reimage("1", SICK, PROFILE))
        assert (view.version, view.power, view.provisioning) == (SICK, Power.RUNNING, Provisioning.SUCCEEDED)
        status, said = await asyncio.to_thread(health, provider, view.address)
        assert (status, said["osVersion"]) == (503, SICK)

    fleet.play(story)


def test_an_os_that_says_another_version_than_its_image_is_seen(fleet: Host, site: Site) -> None:
    (view,) = fleet.play(lambda provider: site.done(provider, site.reimage("1", WRONG, PROFILE)))
    assert (view.version, view.reported_version) == (WRONG, "0.0.0")


@pytest.mark.slow
def test_a_dead_image_is_put_back(fleet: Host, site: Site) -> None:
    (before,) = fleet.play(lambda provider: site.done(provider, site.reimage("2", OLD, PROFILE)))
    swap = site.reimage("2", DEAD, PROFILE)
    kept = fleet.machine("2").disks.kept
    with working(fleet, swap):
        wait_until(lambda: os_disk_is(fleet, "2", os_disk_of(swap.id)) and is_dead(fleet, "2"), seconds=BOOT_SECONDS)
    # Whoever finds that it does not come up is impatient; whoever boots the old disk is not.
    with working(fleet.but(boot_seconds=5), swap):
        wait_until(lambda: os_disk_is(fleet, "2", before.os_disk), seconds=BOOT_SECONDS)
    outcome = fleet.play(lambda provider: site.outcomes(provider, [swap]))[swap.id]
    assert (outcome.progress, outcome.code) == (Progress.FAILED, "OSProvisioningTimedOut")
    assert outcome.message.splitlines()[-1] == DEAD_WORDS
    view = seen(fleet, "2")
    assert (view.os_disk, view.version, view.data_disks) == (before.os_disk, OLD, before.data_disks)
    assert (view.power, view.provisioning, view.runs) == (Power.RUNNING, Provisioning.FAILED, before.runs)
    assert fleet.machine("2").disks.kept == kept
    assert disks_of(fleet, "2") == {before.os_disk, kept}


MOMENTS: dict[str, Callable[[Host, Operation], bool]] = {
    "the new disk is made": lambda fleet, swap: fleet.machine("2").disks.seed(os_disk_of(swap.id)).exists(),
    # For a moment only: where nobody looked just then, it is switched already, and the kill comes a little later.
    "the machine is off": lambda fleet, swap: fleet.process("2") is None or os_disk_is(fleet, "2", os_disk_of(swap.id)),
    "the disk is switched": lambda fleet, swap: os_disk_is(fleet, "2", os_disk_of(swap.id)),
    "it boots": lambda fleet, swap: os_disk_is(fleet, "2", os_disk_of(swap.id)) and fleet.process("2") is not None,
}


IN_EACH_RUN = ("the machine is off", "the disk is switched")


@pytest.mark.parametrize(
    "moment",
    [pytest.param(moment, marks=[] if moment in IN_EACH_RUN else pytest.mark.slow) for moment in MOMENTS],
)
def test_a_worker_killed_in_the_middle_of_a_swap_loses_nothing(fleet: Host, site: Site, moment: str) -> None:
    before = seen(fleet, "2")
    swap = site.reimage("2", NEW if before.version == OLD else OLD, PROFILE)
    with working(fleet, swap):
        wait_until(lambda: MOMENTS[moment](fleet, swap), seconds=120, what=moment)
    (view,) = fleet.play(lambda provider: site.done(provider, swap))
    assert (view.os_disk, view.data_disks) == (os_disk_of(swap.id), before.data_disks)
    assert view.version == view.reported_version != before.version
    assert disks_of(fleet, "2") == {view.os_disk, before.os_disk}
    assert fleet.machine("2").disks.kept == before.os_disk


def test_a_qemu_killed_while_it_boots_is_started_again(fleet: Host, site: Site) -> None:
    swap = site.reimage("0", NEW, PROFILE)
    with working(fleet, swap):
        first = wait_until(lambda: os_disk_is(fleet, "0", os_disk_of(swap.id)) and fleet.process("0"), seconds=120)
        assert isinstance(first, processes.Process)
        processes.kill(first)
    (view,) = fleet.play(lambda provider: site.done(provider, swap))
    assert (view.os_disk, view.power) == (os_disk_of(swap.id), Power.RUNNING)
    assert fleet.process("0") != first


@pytest.mark.slow
def test_a_stopped_machine_is_seen_as_stopped_and_a_restore_boots_it(fleet: Host, site: Site) -> None:
    (before,) = fleet.play(lambda provider: site.done(provider, site.reimage("1", OLD, PROFILE)))
    process = fleet.process("1")
    assert process
    processes.kill(process)
    wait_until(lambda: fleet.process("1") is None)
    view = seen(fleet, "1")
    assert (view.power, view.address, view.version, view.half_made) == (Power.STOPPED, "", OLD, False)
    (after,) = fleet.play(lambda provider: site.done(provider, site.restore("1", before.os_disk)))
    assert unaddressed(after) == unaddressed(before)


@pytest.mark.slow
def test_a_creation_with_a_dead_image_fails_and_can_be_tried_again(host: Host) -> None:
    site, dead = host.site(), host.site().create("0", DEAD)
    with working(host, dead):
        wait_until(lambda: is_dead(host, "0"), seconds=BOOT_SECONDS)
    outcome = host.but(boot_seconds=5).play(lambda provider: site.outcomes(provider, [dead]))[dead.id]
    assert (outcome.code, DEAD_WORDS in outcome.message) == ("OSProvisioningTimedOut", True)
    view = host.play(lambda provider: provider.views(SET))["0"]
    assert (view.power, view.version, view.half_made) == (Power.STOPPED, "", True)
    (view,) = host.play(lambda provider: site.done(provider, site.create("0", OLD)))
    assert (view.version, view.provisioning) == (OLD, Provisioning.SUCCEEDED)
    assert host.play(lambda provider: site.done(provider, site.delete("0"))) == []
    assert host.process("0") is None


@contextmanager
def working(host: Host, operation: Operation) -> Iterator[None]:
    """Another process does the operation, until it is killed at the end of the block."""
    host.play(begun(operation))
    told = [host.name, str(host.folder), json.dumps(dict(host.given)), json.dumps(operation_to_json(operation))]
    worker = subprocess.Popen([sys.executable, "-m", "tests.virtual_machines.worker", *told], cwd=CHECKOUT)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()


def seen(host: Host, instance: str) -> InstanceView:
    return host.play(lambda provider: provider.views(SET))[instance]


def os_disk_is(host: Host, instance: str, os_disk: str) -> bool:
    return host.machine(instance).disks.os_disk == os_disk


def is_dead(host: Host, instance: str) -> bool:
    return DEAD_WORDS in host.machine(instance).console_end()


def disks_of(host: Host, instance: str) -> set[str]:
    """Its OS disks, by what is in its folder."""
    return {path.stem for path in host.machine(instance).folder.glob("os-*.qcow2")}
