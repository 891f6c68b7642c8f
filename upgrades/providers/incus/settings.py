"""What a location says of its Incus: read from the location's settings, with a clear error for each that is wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from upgrades.core.facts import ImageReference
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.extension_scripts import ExtensionScripts

SOCKET = "/var/lib/incus/unix.socket"
ALIAS = "rollgrid/{publisher}/{offer}/{sku}/{version}"
CERTIFICATES = ("client_certificate", "client_key", "server_certificate")
KINDS = ("container", "virtual-machine")
WITHOUT_SCRIPT = "extensions_without_script"
INVALID_SETTINGS = "InvalidLocationSettings"


@dataclass(frozen=True, slots=True)
class Settings:
    """`url` or `socket`; the three certificate files go with `url`."""

    url: str = ""
    socket: str = SOCKET
    client_certificate: str = ""
    client_key: str = ""
    server_certificate: str = ""
    project: str = "default"
    profiles: tuple[str, ...] = ("default",)
    pool: str = "default"
    kind: str = "container"
    image_alias: str = ALIAS
    boot_seconds: float = 300.0
    stop_seconds: float = 30.0
    extension_seconds: float = 600.0
    most_machines: int | None = None
    at_once: int = 8
    free_mb: int = 512
    scripts: ExtensionScripts = ExtensionScripts(Path())
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where this Incus is, for messages."""
        return self.url or self.socket

    def alias(self, image: ImageReference) -> str:
        """The alias that the image must have."""
        parts = {"publisher": image.publisher, "offer": image.offer, "sku": image.sku, "version": image.version}
        return self.image_alias.format(**{name: part.lower() for name, part in parts.items()})

    def version_in(self, alias: str) -> str:
        """The version that the alias of an image says; "" where it is no alias of a version.

        >>> Settings().version_in("rollgrid/canonical/ubuntuserver/16.04-lts/16.04.2"), Settings().version_in("debian/12")
        ('16.04.2', '')
        """
        parts = dict.fromkeys(("publisher", "offer", "sku"), "[^/]+")
        fixed = re.split(r"(\{\w+\})", self.image_alias)
        pattern = "".join(part if part.startswith("{") else re.escape(part) for part in fixed)
        found = re.fullmatch(pattern.format(**parts, version="([0-9.]+)"), alias)
        return found.group(1) if found else ""


def read_settings(settings: Mapping[str, object], folder: Path) -> Settings:
    """`folder`: where the provider has its own files, such as scripts of extensions.

    Raises ProviderError, which names the setting. It is not permanent: whoever corrects the location lets everything go on.
    """
    known = {each.name for each in fields(Settings)} - {"scripts"} | {"extensions", WITHOUT_SCRIPT}
    if unknown := sorted(set(settings) - known):
        raise _wrong(unknown[0], f"is not a setting of this provider; there are {', '.join(sorted(known))}")
    values: dict[str, Any] = {name: _READERS.get(name, _text)(name, value) for name, value in settings.items()}
    scripts = Path(values.pop("extensions", folder / "extensions"))
    succeed = values.pop(WITHOUT_SCRIPT, "fail") == "succeed"
    read = Settings(**values, scripts=ExtensionScripts(scripts, succeed))
    _check_address(read, settings)
    _check_alias(read)
    return read


def _check_address(read: Settings, given: Mapping[str, object]) -> None:
    if read.url and "socket" in given:
        raise _wrong("socket", "goes without `url`: give one of the two")
    needed = CERTIFICATES if read.url else ()
    for name in CERTIFICATES:
        path = getattr(read, name)
        if path and not read.url:
            raise _wrong(name, "goes with `url` only: a socket needs no certificate")
        if name in needed and not path:
            raise _wrong(name, "is missing: `url` needs a client certificate, its key, and the server's certificate")
        if path and not Path(path).is_file():
            raise _wrong(name, "does not name a file on this computer")
    if "extensions" in given and not read.scripts.folder.is_dir():
        raise _wrong("extensions", f"names {given['extensions']!r}, which is not a folder on this computer")


def _check_alias(read: Settings) -> None:
    try:
        first, second = (read.alias(ImageReference("p", "o", "s", version)) for version in ("1.0.0", "2.0.0"))
    except (LookupError, ValueError):
        first = second = ""
    if first == second:
        raise _wrong("image_alias", "must have {version}, and may have {publisher}, {offer} and {sku}")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(name, f"must be a text, not {_shown(name, value)}")
    return value


def _url(name: str, value: object) -> str:
    text = _text(name, value).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.path:
        raise _wrong(name, "must be like https://incus.example.org:8443, without a path or a password")
    return text


def _one_of(*allowed: str) -> Any:
    def read(name: str, value: object) -> str:
        if value not in allowed:
            raise _wrong(name, f"must be {' or '.join(allowed)}, not {_shown(name, value)}")
        return str(value)

    return read


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:
        raise _wrong(name, f"must be a number of seconds up to 86400, not {_shown(name, value)}")
    return float(value)


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(name, f"must be a whole number from 1, not {_shown(name, value)}")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise _wrong(name, f"must be a list of texts, not {_shown(name, value)}")
    return tuple(value)


def _config(name: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for pair in value.items() for each in pair):
        raise _wrong(name, 'must be an object of texts, such as {"limits.memory": "1GiB"}')
    if owned := next((key for key in value if key.startswith(("user.rollgrid.", "volatile.", "cloud-init."))), None):
        raise _wrong(name, f"must not set {owned}, which this provider sets itself")
    return dict(value)


_READERS: Mapping[str, Any] = {
    "url": _url,
    "kind": _one_of(*KINDS),
    "profiles": _texts,
    "boot_seconds": _seconds,
    "stop_seconds": _seconds,
    "extension_seconds": _seconds,
    "most_machines": _count,
    "at_once": _count,
    "free_mb": _count,
    WITHOUT_SCRIPT: _one_of("fail", "succeed"),
    "config": _config,
}


def _shown(name: str, value: object) -> str:
    """A wrong value in a message; of texts only that it is one: somebody may have pasted a key."""
    if name in CERTIFICATES or isinstance(value, str | dict | list):
        return f"this {type(value).__name__}" if value else "nothing"
    return repr(value)


def _wrong(name: str, problem: str) -> ProviderError:
    message = f"The location's setting `{name}` {problem}."
    return ProviderError(INVALID_SETTINGS, message, permanent=False)
