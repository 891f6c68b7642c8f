"""The files of an OS that say what it is, and what they say."""

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from upgrades.core.image_contents import MAX_PACKAGES, ImageContents

# In the order in which they are believed.
OS_RELEASE = ("usr/lib/os-release", "etc/os-release")
DPKG, APK = "var/lib/dpkg/status", "lib/apk/db/installed"
FILES = (*OS_RELEASE, DPKG, APK)
MODULES = ("usr/lib/modules", "lib/modules")
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_KERNELS = 4
KERNEL_FILE = re.compile(
    r"(?:vmlinuz|vmlinux|bzImage|linux|kernel)(?:-(?P<version>[0-9][\w.+~-]{0,80}))?\Z", re.IGNORECASE
)
KERNEL_VERSION = re.compile(r"[0-9]+\.[0-9]+[\w.+~-]{0,80}\Z")
SETTING = re.compile(r"(?m)^(?P<name>[A-Z_]+)=(?P<quote>[\"']?)(?P<value>.*?)(?P=quote)\s*$")


class Unreadable(Exception):
    """The file is not of this kind."""


@dataclass(slots=True)
class Found:
    """What was found of an OS: `files` by path, `kernels` by version."""

    files: dict[str, bytes] = field(default_factory=dict)
    kernels: set[str] = field(default_factory=set)

    def add_kernel_file(self, name: str, head: bytes = b"") -> None:
        """A file of that name in a folder of kernels; `head`: its beginning, where it was read."""
        if named := KERNEL_FILE.match(name):
            self.add_kernel(named["version"] or version_of_kernel(head))

    def add_kernel(self, version: str) -> None:
        if KERNEL_VERSION.match(version) and len(self.kernels) < MAX_KERNELS:
            self.kernels.add(version)

    def contents(self) -> ImageContents:
        os_release = _settings(self.files.get(name, b"") for name in reversed(OS_RELEASE))
        version = os_release.get("VERSION_ID", "")
        return ImageContents(
            os_release.get("ID", ""),
            version,
            os_release.get("PRETTY_NAME") or f"{os_release.get('NAME', '')} {version}".strip(),
            ", ".join(sorted(self.kernels)),
            self._packages(),
        )

    def _packages(self) -> Mapping[str, str] | None:
        if DPKG in self.files:
            return packages_of_dpkg(self.files[DPKG])
        return packages_of_apk(self.files[APK]) if APK in self.files else None


def _settings(files: Iterable[bytes]) -> dict[str, str]:
    """Of all these files; the last one counts."""
    found = {}
    for content in files:
        text = content[:65536].decode(errors="replace")
        found.update({each["name"]: each["value"] for each in SETTING.finditer(text)})
    return found


def version_of_kernel(head: bytes) -> str:
    """The version that a kernel of x86 has in its header (Linux' boot protocol); "" where there is none."""
    if head[0x202:0x206] != b"HdrS":
        return ""
    (place,) = struct.unpack_from("<H", head, 0x20E)
    words = head[place + 0x200 : place + 0x200 + 128].split(b"\0")[0].split()
    return words[0].decode(errors="replace") if words else ""


def packages_of_dpkg(status: bytes) -> dict[str, str]:
    """Those that are installed. A package of several architectures is named with each."""
    found: dict[str, dict[str, str]] = {}
    for stanza in status.decode(errors="replace").split("\n\n")[: 2 * MAX_PACKAGES]:
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] not in " \t")
        if fields.get("Status", "").split()[-1:] == ["installed"] and {"Package", "Version"} <= fields.keys():
            found.setdefault(fields["Package"], {})[fields.get("Architecture", "")] = fields["Version"]
    return _named(found)


def _named(found: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {
        name if len(versions) == 1 else f"{name}:{architecture}": version
        for name, versions in found.items()
        for architecture, version in versions.items()
    }


def packages_of_apk(installed: bytes) -> dict[str, str]:
    found = {}
    for stanza in installed.decode(errors="replace").split("\n\n")[: 2 * MAX_PACKAGES]:
        fields = dict(line.split(":", 1) for line in stanza.splitlines() if line[1:2] == ":")
        if {"P", "V"} <= fields.keys():
            found[fields["P"]] = fields["V"]
    return found
