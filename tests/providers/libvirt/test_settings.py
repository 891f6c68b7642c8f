"""A location's settings for the provider `libvirt`, and what is said where something is missing."""

import os
import sys
from pathlib import Path

import pytest

from tests.providers.contract import play
from upgrades.providers import load
from upgrades.providers.base import Provider, ProviderError, ScaleSetReference
from upgrades.providers.libvirt.machine import emulator_of
from upgrades.providers.libvirt.settings import read_settings

SET = ScaleSetReference("rg/set")


def test_all_is_in_the_state_folder_by_default(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, {})
    assert settings.machines.folder == tmp_path / "libvirt" / "machines"
    assert (settings.uri, settings.network, settings.is_system) == ("qemu:///system", "user", True)


def test_settings_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    given = {"uri": "qemu:///session", "network": "bridge:br0", "memory_mb": 512}
    settings = read_settings(tmp_path, given)
    assert (settings.is_system, settings.network, settings.machines.memory_mb) == (False, "bridge:br0", 512)
    assert read_settings(tmp_path, {"uri": "qemu:///system?socket=/run/x"}).is_system


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("uri", "qemu+ssh://root@host/system", "set `shared_storage` to true; or run a worker on the host"),
        ("uri", "qemu+tls://host/system", "set `shared_storage` to true; or run a worker on the host"),
        ("uri", "qemu+tcp://host/system", "neither encrypted nor signed in to, and for this computer only"),
        ("uri", "qemu+ssh:///system", "uri must be qemu:///system, qemu:///session, or a remote one"),
        ("uri", "qemu://host/system", "uri must be qemu:///system, qemu:///session, or a remote one"),
        ("uri", "qemu+ssh://root:secret@host/system", "uri must be qemu:///system, qemu:///session, or a remote one"),
        ("uri", "qemu+ssh://host/system?command=sh", "with no other options than keyfile"),
        ("uri", "qemu+tls://host/system?no_verify=1", "with no other options than keyfile"),
        ("shared_storage", "yes", "shared_storage must be true or false"),
        ("uri", "xen:///system", "other hypervisors are not supported"),
        ("uri", "qemu:///else", "with no other options than keyfile, known_hosts"),
        ("uri", "qemu:///system?command=sh", "with no other options than keyfile"),
        ("uri", 3, "uri must be qemu:///system, qemu:///session, or a remote one"),
        ("network", "default", "network must be user, network:NAME"),
        ("network", "bridge:", "network must be user, network:NAME"),
        ("network", "user\n", "network must be user, network:NAME"),
        ("cpus", 0, "cpus must be a whole number from 1"),
        ("pool", "default", "there is no setting 'pool'; there are: folder, images"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: object, says: str) -> None:
    with pytest.raises(ProviderError) as caught:
        read_settings(tmp_path, {name: value})
    assert not caught.value.permanent
    assert says in caught.value.message
    assert "settings for libvirt" in caught.value.message


def test_a_remote_host_has_its_own_network_and_programs(tmp_path: Path) -> None:
    given = {"uri": "qemu+ssh://root@kvm1.example.org/system?keyfile=/etc/rollgrid/key", "shared_storage": True}
    with pytest.raises(ProviderError, match="the ports of `user` are on the host's own 127.0.0.1"):
        read_settings(tmp_path, given)
    settings = read_settings(tmp_path, {**given, "network": "bridge:br0"})
    assert (settings.is_remote, settings.is_system, emulator_of(settings)) == (True, True, "")


def test_root_has_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ProviderError, match="as root, qemu:///session is the system's daemon"):
        read_settings(tmp_path, {"uri": "qemu:///session"})


def test_a_missing_library_comes_with_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)  # as if it were not there
    with pytest.raises(ProviderError) as caught:
        play(lambda: load("libvirt", tmp_path, {}), lambda provider: provider.views(SET))
    assert (caught.value.code, caught.value.permanent) == ("LibraryMissing", False)
    assert "apt install gcc libvirt-dev" in caught.value.message


def test_ports_are_the_hosts_or_the_machines_own(tmp_path: Path) -> None:
    async def story(provider: Provider) -> None:
        assert provider.endpoint("127.0.0.1 80=40123", 80) == ("127.0.0.1", 40123)

    async def bridged(provider: Provider) -> None:
        assert provider.endpoint("192.0.2.7", 443) == ("192.0.2.7", 443)
        with pytest.raises(ProviderError, match="it is not up"):
            provider.endpoint("", 443)

    play(lambda: load("libvirt", tmp_path, {}), story)
    play(lambda: load("libvirt", tmp_path, {"network": "bridge:br0"}), bridged)
