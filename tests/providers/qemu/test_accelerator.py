"""Which accelerator is chosen without a test boot. (With one: tests/virtual_machines.)"""

import asyncio
import json
import platform
from pathlib import Path

import pytest

from upgrades.providers.hosts.virtual_machines.accelerator import Accelerator
from upgrades.providers.qemu import test_boot
from upgrades.providers.qemu.settings import read_settings
from upgrades.providers.qemu.test_boot import QemuTestBoot

IMAGE = Path("/no/image/is/looked/at")


def chosen(home: Path, **given: object) -> str | None:
    settings = read_settings(home, given)
    return asyncio.run(Accelerator(settings, QemuTestBoot(settings)).choose(IMAGE))


@pytest.mark.parametrize("name", ["kvm", "tcg"])
def test_a_setting_is_obeyed(tmp_path: Path, name: str) -> None:
    assert chosen(tmp_path, accelerator=name) == name


def test_a_host_without_kvm_has_tcg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_boot, "KVM", tmp_path / "none")
    assert chosen(tmp_path) == "tcg"


def test_the_answer_of_a_test_boot_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_boot, "KVM", tmp_path / "kvm")
    (tmp_path / "kvm").touch()
    note = {"host": f"{platform.node()} {platform.release()}", "accelerator": "kvm"}
    folder = tmp_path / "qemu" / "machines"
    folder.mkdir(parents=True)
    (folder / ".accelerator.json").write_text(json.dumps(note))
    assert chosen(tmp_path) == "kvm"
