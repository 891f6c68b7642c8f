"""A real Incus of the tests' own, with images of versions that are good, sick, dead and broken."""

import json
import platform
import shutil
import urllib.parse
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.waiting import wait_until
from upgrades.providers import load
from upgrades.providers.base import Provider, ScaleSetReference
from upgrades.providers.checks.site import play
from upgrades.providers.incus.demo.daemon import Daemon
from upgrades.providers.incus.demo.tiny_image import Kind, tiny_image
from upgrades.providers.incus.records import Key, name_of, prefix_of

T = TypeVar("T")
PUBLISHER = "rollgrid/canonical/ubuntuserver/16.04-lts"
SICK, DEAD, BROKEN = "66.0.1", "66.0.2", "66.0.3"
IMAGES = {
    "16.04.1": Kind.GOOD,
    "16.04.2": Kind.GOOD,
    "16.04.3": Kind.GOOD,
    SICK: Kind.SICK,
    DEAD: Kind.DEAD,
    BROKEN: Kind.BROKEN,
}
SETTINGS: Mapping[str, object] = {
    "boot_seconds": 20,
    "stop_seconds": 5,
    "extensions_without_script": "succeed",
    "most_machines": 1000,
}


class Incus(Daemon):
    def set_up(self) -> None:
        super().set_up()
        for version, kind in IMAGES.items():
            self.publish(version, kind)

    # --- what is in it ------------------------------------------------------------------------------------------------

    def publish(self, version: str, kind: Kind, *, ballast: bytes = b"") -> str:
        """Import the image of a version. Its fingerprint."""
        fingerprint = self.add_image(version, kind, ballast=ballast)
        self.alias(version, fingerprint)
        return fingerprint

    def add_image(self, version: str, kind: Kind, *, ballast: bytes) -> str:
        """As `publish`, without the alias of the version."""
        content = tiny_image(version, kind, architecture=platform.machine(), ballast=ballast)
        return str(self.ask("POST", "/1.0/images", data=content)["fingerprint"])

    def alias(self, version: str, fingerprint: str) -> None:
        self.ask("POST", "/1.0/images/aliases", {"name": f"{PUBLISHER}/{version}", "target": fingerprint})

    def fingerprint(self, version: str) -> str:
        return str(self.ask("GET", self._alias_path(version))["target"])

    def point(self, version: str, fingerprint: str) -> None:
        """From now on another image has the version's alias."""
        self.ask("PUT", self._alias_path(version), {"target": fingerprint, "description": ""})

    def names(self) -> list[str]:
        return [str(path).rpartition("/")[2] for path in self.ask("GET", "/1.0/instances")]

    def config(self, name: str) -> dict[str, str]:
        return dict(self.ask("GET", f"/1.0/instances/{name}")["config"])

    def copies(self, scale_set: ScaleSetReference) -> list[str]:
        """Names of the copies of its machines' OS disks: fingerprints of images, or instances."""
        images = self.ask("GET", "/1.0/images?recursion=1")
        fingerprints = [each["fingerprint"] for each in images if each["properties"].get(Key.SET) == scale_set.key]
        instances = self.ask("GET", "/1.0/instances?recursion=1")
        prefix = prefix_of(scale_set)
        return fingerprints + [
            each["name"] for each in instances if each["config"].get(Key.COPY, "").startswith(prefix)
        ]

    def volumes(self) -> list[str]:
        return [each["name"] for each in self.ask("GET", "/1.0/storage-pools/default/volumes/custom?recursion=1")]

    def remove(self, name: str) -> None:
        """By somebody else than the provider, with force."""
        self.api.remove(f"/1.0/instances/{name}")

    def lose_root(self, name: str) -> None:
        """The instance's root volume is neither in the storage pool nor in Incus' database."""
        shutil.rmtree(self.state / "storage-pools" / "default" / "containers" / name)
        forget = f"DELETE FROM storage_volumes WHERE name = '{name}'"
        self.ask("POST", "/internal/sql", {"database": "global", "query": forget})

    def read(self, scale_set: ScaleSetReference, instance: str, path: str) -> str:
        """A file within a machine, as Incus reads it; "" for none."""
        where = f"/1.0/instances/{name_of(scale_set, instance)}/files?path={urllib.parse.quote(path)}"
        # On a busy computer Incus' own helper for files fails now and then (500).
        return wait_until(lambda: self._file(where)).decode().removeprefix("=")

    def _file(self, where: str) -> bytes:
        content = self.api.raw("GET", where, None)
        if not content.startswith(b'{"type":"error"'):
            return b"=" + content
        return b"=" if json.loads(content)["error_code"] == 404 else b""

    def write(self, scale_set: ScaleSetReference, instance: str, path: str, content: str) -> None:
        where = f"/1.0/instances/{name_of(scale_set, instance)}/files?path={urllib.parse.quote(path)}"
        self.ask("POST", where, data=content.encode())

    # --- the provider -------------------------------------------------------------------------------------------------

    def settings(self, **more: object) -> dict[str, object]:
        """Of a location that is this Incus."""
        return {"socket": str(self.socket), **SETTINGS, **more}

    def provider(self, *, home: Path | None = None, **settings: Any) -> Provider:
        return load("incus", home or self.home, self.settings(**settings))

    def play(self, story: Callable[[Provider], Coroutine[Any, Any, T]], **settings: Any) -> T:
        return play(lambda: self.provider(**settings), story)

    # --- within -------------------------------------------------------------------------------------------------------

    def _alias_path(self, version: str) -> str:
        return f"/1.0/images/aliases/{urllib.parse.quote(f'{PUBLISHER}/{version}', safe='')}"
