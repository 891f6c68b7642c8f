"""What only libvirt's machines are asked: whose domains they are, and what people do to them behind Rollgrid's back.

The first story is the sample of each run; the contract and all swaps are run with libvirt too in `make test-machines`.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.virtual_machines.host import NEW, OLD, SET, Host, swapped
from tests.virtual_machines.libvirtd import Libvirtd
from tests.virtual_machines.lines import LINES, Authority, lacking
from tests.waiting import wait_until
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import DataDisk, InstanceView, MachineProfile, Operation, Provider, ProviderError
from upgrades.providers.checks.site import unaddressed
from upgrades.providers.hosts.driver import HOST_UNAVAILABLE
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.libvirt.connection import Daemon, library
from upgrades.providers.libvirt.definition import marks_of
from upgrades.providers.libvirt.machine import Machine

PROFILE = MachineProfile(computer_name="web", data_disks=(DataDisk(0, 1),), custom_data="IyEvYmluL3NoCg==")
# "open": without rules of a firewall, for which there may be no program.
NETWORK = (
    "<network><name>tests</name><forward mode='open'/><bridge name='rgtests0'/><ip address='10.77.0.1' netmask='255.255.255.0'>"
    "<dhcp><range start='10.77.0.10' end='10.77.0.50'/></dhcp></ip></network>"
)
FOREIGN = "<domain type='qemu'><name>{name}</name>{uuid}<memory>65536</memory><os><type>hvm</type></os></domain>"


def test_a_domain_is_swapped_and_restored(libvirt_host: Host) -> None:
    host, site = libvirt_host, libvirt_host.site()

    async def story(provider: Provider) -> tuple[InstanceView, InstanceView]:
        (before,) = await site.done(provider, site.create("0", OLD, PROFILE))
        return before, await swapped(provider, site, before, NEW, PROFILE)

    before, after = host.play(story)
    marks = marks_of(xml(host, "0"))
    assert marks
    assert (marks.scale_set, marks.instance, marks.version) == (SET.key, "0", NEW)
    assert (f"os-{marks.operation}", marks.places["kept"]) == (after.os_disk, before.os_disk)
    with domain(host, "0") as found:
        assert found.autostart()
        found.destroy()  # by somebody else
    view = host.play(lambda provider: provider.views(SET))["0"]
    assert (view.power, view.address, view.version, view.half_made) == (Power.STOPPED, "", NEW, False)
    (back,) = host.play(lambda provider: site.done(provider, site.restore("0", before.os_disk)))
    assert unaddressed(back) == unaddressed(before)
    assert host.play(lambda provider: site.done(provider, site.delete("0"))) == []
    assert (host.process("0"), names(host)) == (None, [])


@pytest.mark.parametrize("takes", ["name", "uuid"])
def test_a_foreign_domain_is_never_touched(libvirt_host: Host, takes: str) -> None:
    host, site = libvirt_host, libvirt_host.site()
    ours = machine(host, "0")
    name, uuid = (ours.domain.name, "") if takes == "name" else ("precious", f"<uuid>{ours.uuid}</uuid>")
    with connection(host) as libvirt:
        libvirt.defineXML(FOREIGN.format(name=name, uuid=uuid))
    try:
        for operation in (site.create("0", OLD), site.reimage("0", NEW), site.delete("0")):
            error = refusal(host, operation)
            assert (error.code, error.permanent) == ("ForeignInstance", True)
            assert "Instance 0: there is a domain" in error.message
        assert host.play(lambda provider: provider.views(SET)) == {}
        assert names(host) == [name]
    finally:
        with connection(host) as libvirt:
            libvirt.lookupByName(name).undefine()


def test_a_daemon_that_hangs_or_has_gone_is_said_in_time(libvirt_host: Host, libvirtd: Libvirtd) -> None:
    host, site = libvirt_host, libvirt_host.site()
    assert host.play(lambda provider: provider.views(SET)) == {}
    libvirtd.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(ProviderError) as caught:
            host.play(lambda provider: provider.begin([site.create("0", OLD)]))
        assert (caught.value.code, caught.value.permanent) == ("HostUnavailable", False)
        assert time.monotonic() - began < 12, "nothing waits for what hangs"
    finally:
        libvirtd.signal(signal.SIGCONT)
    assert wait_until(lambda: views(host) == {})
    libvirtd.kill()
    try:
        with pytest.raises(
            ProviderError, match="Failed to connect socket .* Start it .systemctl start libvirtd"
        ) as caught:
            host.play(lambda provider: provider.views(SET))
        assert caught.value.code == "HostUnavailable"
    finally:
        libvirtd.start()
    assert host.play(lambda provider: provider.views(SET)) == {}


def views(host: Host) -> Mapping[str, InstanceView] | None:
    """None where the host does not answer."""
    try:
        return host.play(lambda provider: provider.views(SET))
    except ProviderError:
        return None


@pytest.mark.slow
def test_snapshots_and_deletions_by_hand_are_seen(libvirt_host: Host) -> None:
    host, site = libvirt_host, libvirt_host.site()
    (before,) = host.play(lambda provider: site.done(provider, site.create("0", OLD, PROFILE)))
    with domain(host, "0") as found:
        found.snapshotCreateXML("<domainsnapshot><name>before</name></domainsnapshot>", 0)
    error = refusal(host, site.reimage("0", NEW, PROFILE))
    assert (error.code, error.permanent) == ("SnapshotsExist", True)
    with domain(host, "0") as found:
        found.snapshotLookupByName("before").delete(0)
        found.destroy()
        found.undefine()
    assert host.play(lambda provider: provider.views(SET)) == {}
    assert refusal(host, site.reimage("0", NEW, PROFILE)).code == "InstanceNotFound"
    (after,) = host.play(lambda provider: site.done(provider, site.create("0", NEW, PROFILE)))
    assert after.data_disks == before.data_disks, "they are deleted by DELETE only"
    assert (after.version, after.provisioning) == (NEW, Provisioning.SUCCEEDED)


@pytest.mark.slow
def test_a_machine_that_runs_from_another_disk_than_it_should_is_started_anew(libvirt_host: Host) -> None:
    """Somebody started it at the moment when its disks were swapped."""
    host, site = libvirt_host, libvirt_host.site()
    (before,) = host.play(lambda provider: site.done(provider, site.create("0", OLD, PROFILE)))
    (after,) = host.play(lambda provider: site.done(provider, site.reimage("0", NEW, PROFILE)))
    machine(host, "0").disks.switch_back_to(before.os_disk)
    view = host.play(lambda provider: provider.views(SET))["0"]
    assert (view.os_disk, view.version) == (after.os_disk, NEW), "what runs is what is seen"
    (back,) = host.play(lambda provider: site.done(provider, site.restore("0", before.os_disk)))
    assert unaddressed(back) == unaddressed(before)


@pytest.mark.slow
def test_the_address_in_a_network_of_libvirt_is_seen_and_stays(libvirt_host: Host, libvirtd_apart: Libvirtd) -> None:
    host, site = libvirt_host.but(uri=libvirtd_apart.uri, network="network:tests"), libvirt_host.site()
    with connection(host) as libvirt:
        libvirt.networkDefineXML(NETWORK).create()

    async def story(provider: Provider) -> tuple[InstanceView, InstanceView]:
        (before,) = await site.done(provider, site.create("0", OLD, PROFILE))
        (after,) = await site.done(provider, site.reimage("0", NEW, PROFILE))
        assert provider.endpoint(after.address, 443) == (after.address, 443)
        return before, after

    try:
        before, after = host.play(story)
    finally:
        with connection(host) as libvirt:  # with its DHCP server
            libvirt.networkLookupByName("tests").destroy()
    assert (after.address, after.reported_version, after.data_disks) == (before.address, NEW, before.data_disks)
    assert after.address.startswith("10.77.0.")


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_machine_of_another_computer_is_swapped(
    libvirt_host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """Its files are on shared storage; its process is not seen from here."""
    if lack := lacking(line):
        pytest.fail(lack) if os.environ.get("CI") else pytest.skip(lack)
    site = libvirt_host.site()

    async def story(provider: Provider) -> None:
        (before,) = await site.done(provider, site.create("0", OLD, PROFILE))
        (after,) = await site.done(provider, site.reimage("0", NEW, PROFILE))
        assert (after.version, after.reported_version, after.power) == (NEW, NEW, Power.RUNNING)
        assert (after.address, after.data_disks) == (before.address, before.data_disks)
        assert await provider.views(SET) == {"0": after}
        (back,) = await site.done(provider, site.restore("0", before.os_disk))
        assert unaddressed(back) == unaddressed(before)
        assert await site.done(provider, site.delete("0")) == []

    for name in ("proc", "line"):
        (tmp_path / name).mkdir()
    with LINES[line](tmp_path / "line") as uri:
        host = libvirt_host.but(uri=uri, network="network:tests", shared_storage=True)
        try:
            with connection(host) as libvirt:
                libvirt.networkDefineXML(NETWORK).create()
            with monkeypatch.context() as there:
                there.setattr(processes, "PROC", tmp_path / "proc")
                host.play(story)
            assert names(host) == []
        finally:
            with suppress(ProviderError), connection(host) as libvirt:
                libvirt.networkLookupByName("tests").destroy()


@pytest.mark.slow
def test_over_tls_a_stranger_is_not_believed(libvirt_host: Host, tmp_path: Path) -> None:
    """Neither a server of another authority than the client's, nor a client of another one than the server's."""
    if lack := lacking("tls"):
        pytest.fail(lack) if os.environ.get("CI") else pytest.skip(lack)
    pki, strange = tmp_path / "pki", tmp_path / "strange"
    pki.mkdir()
    strange.mkdir()
    Authority(strange, "strange").issue("client", ExtendedKeyUsageOID.CLIENT_AUTH)
    with LINES["tls"](pki) as uri:
        for number, names in enumerate([("cacert.pem",), ("clientcert.pem", "clientkey.pem")]):
            mixed = shutil.copytree(pki, tmp_path / str(number))
            for name in names:
                shutil.copy(strange / name, mixed)
            host = libvirt_host.but(uri=uri.replace(str(pki), str(mixed)))
            with pytest.raises(ProviderError) as caught, connection(host):
                pass
            assert caught.value.code == HOST_UNAVAILABLE


def refusal(host: Host, operation: Operation) -> ProviderError:
    async def story(provider: Provider) -> ProviderError:
        return (await provider.begin([operation]))[operation.id]

    return host.play(story)


def machine(host: Host, instance: str) -> Machine:
    found = host.machine(instance)
    assert isinstance(found, Machine)
    return found


@contextmanager
def connection(host: Host) -> Iterator[Any]:
    with Daemon(str(host.given["uri"])).connected() as libvirt:
        yield libvirt


@contextmanager
def domain(host: Host, instance: str) -> Iterator[Any]:
    uuid = machine(host, instance).uuid
    with connection(host) as libvirt:
        yield libvirt.lookupByUUIDString(uuid)


def xml(host: Host, instance: str) -> str:
    """Of its next start."""
    with domain(host, instance) as found:
        return str(found.XMLDesc(library().VIR_DOMAIN_XML_INACTIVE))


def names(host: Host) -> list[str]:
    with connection(host) as libvirt:
        return sorted(found.name() for found in libvirt.listAllDomains())
