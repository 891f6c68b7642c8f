"""A location's settings for the provider `libvirt`, and what is said where something is missing."""

import os
import sys
from pathlib import Path

import pytest

from tests.providers.contract import play
from upgrades.providers import load
from upgrades.providers.base import Provider, ProviderError, ScaleSetReference
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
        ("uri", "qemu+ssh://root@host/system", "disks are files of the workers' computer"),
        ("uri", "qemu+tls://host/system", "disks are files of the workers' computer"),
        ("uri", "xen:///system", "other hypervisors are not supported"),
        ("uri", "qemu:///else", "uri must be qemu:///system or qemu:///session; with ?socket=PATH"),
        ("uri", "qemu:///system?command=sh", "with ?socket=PATH"),
        ("uri", 3, "uri must be qemu:///system or qemu:///session"),
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
