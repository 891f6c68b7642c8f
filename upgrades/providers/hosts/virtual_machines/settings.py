"""A location's settings that all providers of virtual machines have; docs/providers.md explains them."""

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
Reader = Callable[[str, object], Any]


class InvalidSetting(Exception):
    """Its text says what is wrong."""


@dataclass(frozen=True, slots=True)
class MachineSettings:
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
    free_mb: int = 512


def read_machine_settings(
    provider: str, home: Path, given: Mapping[str, object], more: Mapping[str, Reader]
) -> tuple[MachineSettings, dict[str, Any]]:
    """The settings of a location of that provider, and its values of `more`, the readers of settings that only this provider has.

    Raises ProviderError, which names the setting that is wrong and says what it may be. Not permanent: somebody may correct it.
    """
    readers = {**READERS, **more}
    try:
        if unknown := sorted(given.keys() - readers.keys()):
            raise InvalidSetting(f"there is no setting {unknown[0]!r}; there are: {', '.join(readers)}")
        values = {name: readers[name](name, value) for name, value in given.items()}
    except InvalidSetting as error:
        raise invalid_settings(provider, str(error)) from None
    scripts = ExtensionScripts(
        values.pop("extensions", home / provider / "extensions"),
        values.pop("extensions_without_script", "fail") == "succeed",
        values.pop("extension_seconds", 600.0),
    )
    own = {name: values.pop(name) for name in more if name in values}
    values.setdefault("folder", home / provider / "machines")
    values.setdefault("images", home / provider / "images")
    values.setdefault("starting_at_once", os.cpu_count() or 1)
    return MachineSettings(scripts=scripts, **values), own


def invalid_settings(provider: str, why: str) -> ProviderError:
    return ProviderError(INVALID_SETTINGS, f"The location's settings for {provider}: {why}", permanent=False)


def refuse(name: str, value: object, wanted: str) -> NoReturn:
    raise InvalidSetting(f"{name} must be {wanted}, not {value!r}")


def _folder(name: str, value: object) -> Path:
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        refuse(name, value, "the absolute path of a folder")
    return Path(os.path.normpath(value))


def _whole(minimum: int, maximum: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            refuse(name, value, f"a whole number from {minimum} to {maximum}")
        return value

    return read


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:
        refuse(name, value, "a number of seconds, more than 0 and at most 86400")
    return float(value)


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def read(name: str, value: object) -> str:
        if value not in choices:
            refuse(name, value, f"one of {', '.join(choices)}")
        return str(value)

    return read


def _ports(name: str, value: object) -> tuple[int, ...]:
    are_ports = isinstance(value, list) and all(type(port) is int and 0 < port < 65536 for port in value)
    if not isinstance(value, list) or not are_ports or not 0 < len(set(value)) == len(value) <= 20:
        refuse(name, value, "a list of 1 to 20 different ports of the machine, such as [80, 22]")
    return tuple(value)


def yes_or_no(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        refuse(name, value, "true or false")
    return value


READERS: dict[str, Reader] = {
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
    "network_is_open": yes_or_no,
    "free_mb": _whole(0, 1024 * 1024),
}
