"""A location's settings for the provider `libvirt`; docs/providers.md explains them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from upgrades.providers.hosts.virtual_machines.settings import (
    MachineSettings,
    Reader,
    invalid_settings,
    read_machine_settings,
    refuse,
)

URIS = "qemu:///system or qemu:///session"
NETWORK = re.compile(r"(user|(network|bridge):[A-Za-z0-9][A-Za-z0-9._-]{0,60})\Z")


@dataclass(frozen=True, slots=True)
class LibvirtSettings:
    """`network`: "user", "network:NAME" or "bridge:NAME"."""

    machines: MachineSettings
    uri: str = "qemu:///system"
    network: str = "user"

    @property
    def is_system(self) -> bool:
        """Do machines run as a user of the system's daemon?"""
        return urlsplit(self.uri).path == "/system"


def read_settings(home: Path, given: Mapping[str, object]) -> LibvirtSettings:
    """Raises ProviderError, which names the setting that is wrong and says what it may be. Not permanent: somebody may correct it."""
    machines, own = read_machine_settings("libvirt", home, given, READERS)
    settings = LibvirtSettings(machines, **own)
    if not settings.is_system and os.geteuid() == 0:
        why = "uri: as root, qemu:///session is the system's daemon. Use qemu:///system, or run the workers as another user"
        raise invalid_settings("libvirt", why)
    return settings


def _uri(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        refuse(name, value, URIS)
    parts = urlsplit(value)
    if not parts.scheme.startswith("qemu"):
        refuse(name, value, f"{URIS}: libvirt's other hypervisors are not supported")
    if parts.netloc or parts.scheme not in ("qemu", "qemu+unix"):
        refuse(
            name,
            value,
            f"{URIS}: disks are files of the workers' computer. For another host, run a worker there, with a queue of its own",
        )
    if parts.path not in ("/system", "/session") or parse_qs(parts.query).keys() - {"socket"}:
        refuse(name, value, f"{URIS}; with ?socket=PATH for a daemon that listens elsewhere")
    return value


def _network(name: str, value: object) -> str:
    if not isinstance(value, str) or not NETWORK.match(value):
        refuse(name, value, "user, network:NAME (a network of libvirt) or bridge:NAME (a bridge of the host)")
    return value


READERS: dict[str, Reader] = {"uri": _uri, "network": _network}
