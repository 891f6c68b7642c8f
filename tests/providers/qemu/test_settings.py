"""A location's settings for the provider `qemu`."""

from pathlib import Path

import pytest

from tests.providers.contract import create, play
from upgrades.providers import load
from upgrades.providers.base import ProviderError, ScaleSetReference
from upgrades.providers.hosts.extension_scripts import ExtensionScripts
from upgrades.providers.qemu.settings import read_settings


def test_all_is_in_the_state_folder_by_default(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, {})
    assert (settings.folder, settings.images) == (tmp_path / "qemu" / "machines", tmp_path / "qemu" / "images")
    assert settings.scripts == ExtensionScripts(tmp_path / "qemu" / "extensions", succeed_without=False, seconds=600)
    assert (settings.accelerator, settings.ports, settings.most_machines) == ("auto", (80,), None)


def test_settings_are_taken(tmp_path: Path) -> None:
    given = {
        "folder": "/srv/machines",
        "extensions_without_script": "succeed",
        "ports": [8080, 22],
        "boot_seconds": 1.5,
        "extension_seconds": 90,
        "most_machines": 3,
        "starting_at_once": 2,
    }
    settings = read_settings(tmp_path, given)
    assert (settings.folder, settings.ports) == (Path("/srv/machines"), (8080, 22))
    assert (settings.boot_seconds, settings.most_machines, settings.starting_at_once) == (1.5, 3, 2)
    assert (settings.scripts.succeed_without, settings.scripts.seconds) == (True, 90)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("folder", "relative/path", "folder must be the absolute path of a folder, not 'relative/path'"),
        ("images", 3, "images must be the absolute path of a folder, not 3"),
        ("memory_mb", 16, "memory_mb must be a whole number from 64 to 1048576, not 16"),
        ("memory_mb", "256", "memory_mb must be a whole number"),
        ("cpus", True, "cpus must be a whole number from 1 to 255, not True"),
        ("accelerator", "hvf", "accelerator must be one of auto, kvm, tcg, not 'hvf'"),
        ("machine", "microvm", "machine must be one of q35, pc, not 'microvm'"),
        ("ports", [], "ports must be a list of 1 to 20 different ports"),
        ("ports", [80, 80], "ports must be a list of 1 to 20 different ports"),
        ("ports", [70000], "ports must be a list of 1 to 20 different ports"),
        ("boot_seconds", 0, "boot_seconds must be a number of seconds, more than 0"),
        ("extension_seconds", 0, "extension_seconds must be a number of seconds, more than 0"),
        ("stop_seconds", "10", "stop_seconds must be a number of seconds"),
        ("starting_at_once", 0, "starting_at_once must be a whole number from 1"),
        ("most_machines", -1, "most_machines must be a whole number from 0"),
        ("extensions_without_script", "ignore", "extensions_without_script must be one of fail, succeed"),
        ("network_is_open", "yes", "network_is_open must be true or false, not 'yes'"),
        ("memory", 256, "there is no setting 'memory'; there are: folder, images"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: object, says: str) -> None:
    with pytest.raises(ProviderError) as caught:
        read_settings(tmp_path, {name: value})
    assert not caught.value.permanent
    assert says in caught.value.message


def test_an_operation_is_refused_with_the_wrong_setting(tmp_path: Path) -> None:
    provider = load("qemu", tmp_path, {"cpu": 2})
    birth = create(ScaleSetReference("rg/set"), "0")
    refused = play(lambda: provider, lambda provider: provider.begin([birth]))
    assert "there is no setting 'cpu'" in refused[birth.id].message
