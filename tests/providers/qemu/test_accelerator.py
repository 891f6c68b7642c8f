"""Which accelerator is chosen without a test boot. (With one: tests/virtual_machines.)"""

import asyncio
import json
import platform
from pathlib import Path

import pytest

from upgrades.providers.qemu import accelerator
from upgrades.providers.qemu.accelerator import Accelerator
from upgrades.providers.qemu.settings import read_settings

IMAGE = Path("/no/image/is/looked/at")


def chosen(home: Path, **given: object) -> str | None:
    return asyncio.run(Accelerator(read_settings(home, given)).choose(IMAGE))


@pytest.mark.parametrize("name", ["kvm", "tcg"])
def test_a_setting_is_obeyed(tmp_path: Path, name: str) -> None:
    assert chosen(tmp_path, accelerator=name) == name


def test_a_host_without_kvm_has_tcg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "none")
    assert chosen(tmp_path) == "tcg"


def test_the_answer_of_a_test_boot_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "kvm")
    (tmp_path / "kvm").touch()
    note = {"host": f"{platform.node()} {platform.release()}", "accelerator": "kvm"}
    folder = tmp_path / "qemu" / "machines"
    folder.mkdir(parents=True)
    (folder / ".accelerator.json").write_text(json.dumps(note))
    assert chosen(tmp_path) == "kvm"
