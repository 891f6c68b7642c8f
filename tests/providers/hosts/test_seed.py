"""What a machine's seed has on it."""

import base64
import shutil
import stat
from pathlib import Path

import pytest

from upgrades.providers.base import Extension, MachineProfile, ProviderError
from upgrades.providers.hosts.extension_scripts import ExtensionScripts
from upgrades.providers.hosts.seed import Seed, make_seed

CUSTOM_DATA = b"#cloud-config\n"
VOLUME_LABEL_AT = 16 * 2048 + 40  # in an ISO 9660 image


def seed(folder: Path, **profile: object) -> Seed:
    made = MachineProfile(**profile)  # type: ignore[arg-type]
    return make_seed("an-id", "os-1", made, {0: "zero", 3: "three"}, ExtensionScripts(folder, succeed_without=True))


def test_a_seed_has_identity_custom_data_extensions_and_markers(tmp_path: Path) -> None:
    extensions = (Extension("app", after=("agent",)), Extension("agent"))
    encoded = base64.b64encode(CUSTOM_DATA).decode()
    files = seed(tmp_path, computer_name="web000001", custom_data=encoded, extensions=extensions).files
    assert files["meta-data"] == b"instance-id: an-id\nlocal-hostname: web000001\n"
    assert files["user-data"] == CUSTOM_DATA
    assert (files["rollgrid/markers/0"], files["rollgrid/markers/3"]) == (b"zero", b"three")
    assert files["rollgrid/os-disk"] == b"os-1"
    assert [line.split(b'"')[3] for line in files["rollgrid/plan"].splitlines()] == [b"agent", b"app"]
    assert files["rollgrid/guest.sh"].startswith(b"#!/bin/sh\n")


@pytest.mark.parametrize("name", ["a\nuser: root", "ünïcode", "-x-", "a" * 100])
def test_a_computer_name_is_made_a_host_name(tmp_path: Path, name: str) -> None:
    lines = seed(tmp_path, computer_name=name).files["meta-data"].decode().splitlines()
    assert len(lines) == 2
    host_name = lines[1].removeprefix("local-hostname: ")
    assert 0 < len(host_name) < 64
    assert host_name.strip("-") == host_name
    assert host_name.isascii()


def test_custom_data_that_is_not_base64_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="The custom data is not base64") as caught:
        seed(tmp_path, custom_data="not base64!")
    assert caught.value.permanent


@pytest.mark.skipif(not shutil.which("genisoimage"), reason="genisoimage is not installed: apt install genisoimage")
def test_a_seed_is_an_image_that_only_this_user_reads(tmp_path: Path) -> None:
    path = tmp_path / "os-1.iso"
    seed(tmp_path).write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes()[VOLUME_LABEL_AT:].startswith(b"cidata ")
    assert [left.name for left in tmp_path.iterdir()] == ["os-1.iso"]
