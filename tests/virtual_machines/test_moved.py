"""Machines that somebody has moved away: they are neither made a second time, nor touched."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.virtual_machines.host import NEW, OLD, SET, Host
from tests.waiting import wait_until
from upgrades.core.states import Provisioning
from upgrades.providers.base import DataDisk, MachineProfile, Operation, Provider, ProviderError
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.disk_locks import is_written_to
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.libvirt.connection import Daemon

PROFILE = MachineProfile(computer_name="web", data_disks=(DataDisk(0, 1),), custom_data="IyEvYmluL3NoCg==")
# Its name and its arguments are all by which a QEMU is known.
AS_QEMU = "import sys; sys.stdin.read()"


@pytest.fixture
def qemu_host(images: Path, tmp_path: Path) -> Host:
    return Host(tmp_path, {"images": str(images), "accelerator": "tcg"})


def refusal(host: Host, operation: Operation) -> ProviderError | None:
    """None where it is begun. Nobody goes on with it then."""

    async def story(provider: Provider) -> ProviderError | None:
        return (await provider.begin([operation])).get(operation.id)

    return host.play(story)


@contextmanager
def opened(disk: Path) -> Iterator[None]:
    """By one of QEMU's own programs, as a QEMU that runs has it."""
    with subprocess.Popen([programs.find("qemu-io"), disk], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as qemu:
        try:
            wait_until(lambda: is_written_to(disk))
            yield
        finally:
            qemu.kill()
    wait_until(lambda: not is_written_to(disk))


def test_disks_that_another_process_has_open_are_left_alone(qemu_host: Host) -> None:
    """Somebody starts the machine in their own way: whatever is asked of it is refused."""
    site, machine = qemu_host.site(), qemu_host.machine("0")
    machine.make_folder()
    machine.disks.make_data_disks(PROFILE.data_disks)
    disk = machine.disks.data_disk(0)
    before = disk.stat()
    operations = [site.create("0", OLD, PROFILE), site.reimage("0", NEW, PROFILE), site.delete("0")]
    with opened(disk):
        for operation in operations:
            error = refusal(qemu_host, operation)
            assert error
            assert (error.code, error.permanent) == ("MachineElsewhere", True)
            assert f"its disk {disk} is open for writing" in error.message
    assert disk.stat() == before
    assert refusal(qemu_host, operations[0]) is None, "nobody has it any more"


def test_a_running_machine_without_its_folder_is_not_made_again(qemu_host: Host) -> None:
    uuid = qemu_host.machine("0").uuid
    command = ["qemu-moved", "-c", AS_QEMU, "-uuid", uuid]
    with subprocess.Popen(command, executable=sys.executable, stdin=subprocess.PIPE) as moved:
        wait_until(lambda: uuid in processes.running())
        error = refusal(qemu_host, qemu_host.site().create("0", OLD, PROFILE))
        assert error
        assert error.code == "MachineElsewhere"
        assert f"the QEMU process {moved.pid} with its id {uuid} runs" in error.message
        assert moved.poll() is None
        moved.communicate()
    assert refusal(qemu_host, qemu_host.site().create("0", OLD, PROFILE)) is None


@pytest.mark.slow
def test_a_domain_that_was_defined_anew_by_hand_is_left_alone(libvirt_host: Host) -> None:
    """On the same disks, under another name. Without it, the machine is made again, with its data disks."""
    host, site = libvirt_host, libvirt_host.site()
    (before,) = host.play(lambda provider: site.done(provider, site.create("0", OLD, PROFILE)))
    ours = host.machine("0")
    with Daemon(str(host.given["uri"])).connected() as libvirt:
        domain = libvirt.lookupByUUIDString(ours.uuid)
        other = _under_another_name(domain.XMLDesc(0), ours.uuid)
        domain.destroy()
        domain.undefine()
        moved = libvirt.defineXML(other)
        assert host.play(lambda provider: provider.views(SET)) == {}
        error = refusal(host, site.create("0", NEW, PROFILE))
        assert error
        assert error.code == "MachineElsewhere"
        assert "the domain precious has its disks in" in error.message
        moved.create()
        error = refusal(host, site.create("0", NEW, PROFILE))
        assert error
        assert error.code == "MachineElsewhere"
        assert "is open for writing" in error.message
        assert moved.isActive()
        moved.destroy()
        moved.undefine()
    (after,) = host.play(lambda provider: site.done(provider, site.create("0", NEW, PROFILE)))
    assert (after.version, after.provisioning) == (NEW, Provisioning.SUCCEEDED)
    assert after.data_disks == before.data_disks


def _under_another_name(definition: str, uuid: str) -> str:
    """Without our metadata."""
    head, _, rest = definition.partition("<metadata>")
    _, _, tail = rest.partition("</metadata>")
    name = head[head.index("<name>") : head.index("</name>")]
    return (head.replace(name, "<name>precious").replace(f"<uuid>{uuid}</uuid>", "") + tail).replace(uuid, "")
