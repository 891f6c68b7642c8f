"""A location's settings for the provider `qemu`; docs/providers.md explains them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.extension_scripts import ExtensionScripts

INVALID_SETTINGS = "InvalidLocationSettings"
ACCELERATORS = ("auto", "kvm", "tcg")
MACHINES = ("q35", "pc")
WITHOUT_SCRIPT = ("fail", "succeed")


@dataclass(frozen=True, slots=True)
class QemuSettings:
    folder: Path
    images: Path
    scripts: ExtensionScripts
    memory_mb: int = 256
    cpus: int = 1
    accelerator: str = "auto"
    machine: str = "q35"
    ports: tuple[int, ...] = (80,)
    boot_seconds: float = 300
    stop_seconds: float = 30
    starting_at_once: int = 1
    most_machines: int | None = None
    network_is_open: bool = False


def read_settings(home: Path, given: Mapping[str, object]) -> QemuSettings:
    """Raises ProviderError, which names the setting that is wrong and says what it may be. Not permanent: somebody may correct it."""
    if unknown := sorted(given.keys() - READERS.keys()):
        raise _invalid(f"there is no setting {unknown[0]!r}; there are: {', '.join(READERS)}")
    values = {name: READERS[name](name, value) for name, value in given.items()}
    scripts = ExtensionScripts(
        values.pop("extensions", home / "qemu" / "extensions"),
        values.pop("extensions_without_script", "fail") == "succeed",
        values.pop("extension_seconds", 600.0),
    )
    values.setdefault("folder", home / "qemu" / "machines")
    values.setdefault("images", home / "qemu" / "images")
    values.setdefault("starting_at_once", os.cpu_count() or 1)
    return QemuSettings(scripts=scripts, **values)


def _folder(name: str, value: object) -> Path:
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        _refuse(name, value, "the absolute path of a folder")
    return Path(os.path.normpath(value))


def _whole(minimum: int, maximum: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            _refuse(name, value, f"a whole number from {minimum} to {maximum}")
        return value

    return read


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:
        _refuse(name, value, "a number of seconds, more than 0 and at most 86400")
    return float(value)


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def read(name: str, value: object) -> str:
        if value not in choices:
            _refuse(name, value, f"one of {', '.join(choices)}")
        return str(value)

    return read


def _ports(name: str, value: object) -> tuple[int, ...]:
    are_ports = isinstance(value, list) and all(type(port) is int and 0 < port < 65536 for port in value)
    if not isinstance(value, list) or not are_ports or not 0 < len(set(value)) == len(value) <= 20:
        _refuse(name, value, "a list of 1 to 20 different ports of the machine, such as [80, 22]")
    return tuple(value)


def _yes_or_no(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        _refuse(name, value, "true or false")
    return value


def _refuse(name: str, value: object, wanted: str) -> NoReturn:
    raise _invalid(f"{name} must be {wanted}, not {value!r}")


def _invalid(why: str) -> ProviderError:
    return ProviderError(INVALID_SETTINGS, f"The location's settings for qemu: {why}", permanent=False)


READERS: dict[str, Callable[[str, object], Any]] = {
    "folder": _folder,
    "images": _folder,
    "extensions": _folder,
    "extensions_without_script": _one_of(*WITHOUT_SCRIPT),
    "extension_seconds": _seconds,
    "memory_mb": _whole(64, 1024 * 1024),
    "cpus": _whole(1, 255),
    "accelerator": _one_of(*ACCELERATORS),
    "machine": _one_of(*MACHINES),
    "ports": _ports,
    "boot_seconds": _seconds,
    "stop_seconds": _seconds,
    "starting_at_once": _whole(1, 1000),
    "most_machines": _whole(0, 100_000),
    "network_is_open": _yes_or_no,
}
