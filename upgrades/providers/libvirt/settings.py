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
    yes_or_no,
)

URIS = "qemu:///system, qemu:///session, or a remote one such as qemu+ssh://root@host/system"
REMOTE = ("qemu+ssh", "qemu+libssh2", "qemu+tls", "qemu+tcp")
# What else there is would start programs (command, netcat), or believe any server (no_verify).
LOOPBACK = ("127.0.0.1", "::1", "localhost")
OPTIONS = {"socket", "keyfile", "known_hosts", "pkipath", "sshauth", "no_tty"}
NETWORK = re.compile(r"(user|(network|bridge):[A-Za-z0-9][A-Za-z0-9._-]{0,60})\Z")


@dataclass(frozen=True, slots=True)
class LibvirtSettings:
    """`network`: "user", "network:NAME" or "bridge:NAME". `shared_storage`: the host has the same files at the same paths."""

    machines: MachineSettings
    uri: str = "qemu:///system"
    network: str = "user"
    shared_storage: bool = False

    @property
    def is_remote(self) -> bool:
        return urlsplit(self.uri).scheme in REMOTE

    @property
    def is_system(self) -> bool:
        """Do machines run as a user of the system's daemon?"""
        return urlsplit(self.uri).path == "/system"


def read_settings(home: Path, given: Mapping[str, object]) -> LibvirtSettings:
    """Raises ProviderError, which names the setting that is wrong and says what it may be. Not permanent: somebody may correct it."""
    machines, own = read_machine_settings("libvirt", home, given, READERS)
    settings = LibvirtSettings(machines, **own)
    if settings.is_remote:
        _check_remote(settings)
    elif not settings.is_system and os.geteuid() == 0:
        why = "uri: as root, qemu:///session is the system's daemon. Use qemu:///system, or run the workers as another user"
        raise invalid_settings("libvirt", why)
    return settings


def _check_remote(settings: LibvirtSettings) -> None:
    if not settings.shared_storage:
        why = (
            "uri: the disks of a remote host are made in `folder` and `images`. Put both on storage that this computer and the host have "
            "at the same paths (NFS, say), and set `shared_storage` to true; or run a worker on the host, with a queue of its own"
        )
        raise invalid_settings("libvirt", why)
    if settings.network == "user":
        why = "network: the ports of `user` are on the host's own 127.0.0.1. Use network:NAME or bridge:NAME, which probers can reach"
        raise invalid_settings("libvirt", why)


def _uri(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        refuse(name, value, URIS)
    parts = urlsplit(value)
    if not parts.scheme.startswith("qemu"):
        refuse(name, value, f"{URIS}: libvirt's other hypervisors are not supported")
    is_remote = parts.scheme in REMOTE
    if parts.scheme not in ("qemu", "qemu+unix", *REMOTE) or bool(parts.hostname) is not is_remote or parts.password:
        refuse(name, value, URIS)
    if parts.scheme == "qemu+tcp" and parts.hostname not in LOOPBACK:
        refuse(name, value, f"{URIS}: qemu+tcp is neither encrypted nor signed in to, and for this computer only")
    if parts.path not in ("/system", "/session") or parse_qs(parts.query).keys() - OPTIONS:
        refuse(name, value, f"{URIS}; with no other options than {', '.join(sorted(OPTIONS))}")
    return value


def _network(name: str, value: object) -> str:
    if not isinstance(value, str) or not NETWORK.match(value):
        refuse(name, value, "user, network:NAME (a network of libvirt) or bridge:NAME (a bridge of the host)")
    return value


READERS: dict[str, Reader] = {"uri": _uri, "network": _network, "shared_storage": yes_or_no}
