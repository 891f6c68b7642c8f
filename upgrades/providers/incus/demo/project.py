"""The demonstration's project in somebody's Incus: nothing outside of it is touched. Its profile has the devices of the default one."""

import os
import platform
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from upgrades.core.facts import ImageReference
from upgrades.providers.incus.demo.api import Api, Json
from upgrades.providers.incus.demo.tiny_image import Kind, tiny_image
from upgrades.providers.incus.settings import SOCKET

PROJECT = "rollgrid-demo"
DESCRIPTION = "Rollgrid's demonstration"
# Networks and storage pools are those of the default project.
FEATURES = {
    "features.images": "true",
    "features.profiles": "true",
    "features.storage.volumes": "true",
    "features.networks": "false",
}
VERSIONS: Mapping[str, Kind] = {"1.0.0": Kind.GOOD, "1.1.0": Kind.GOOD, "1.2.0": Kind.SICK, "1.3.0": Kind.DEAD}
LABEL = "user.rollgrid.demo"


def socket() -> Path:
    """Where this computer's Incus listens, as its own client finds it."""
    given = os.environ.get("INCUS_SOCKET")
    folder = os.environ.get("INCUS_DIR")
    return Path(given or (f"{folder}/unix.socket" if folder else SOCKET))


def lacks(api: Api) -> str:
    """What a daemon lacks to have containers of the demonstration, with what to do; "" for nothing."""
    devices = api.ask("GET", "/1.0/profiles/default")["devices"]
    if not any(each.get("path") == "/" for each in devices.values()):
        return "its profile `default` has no root disk: `incus admin init` makes a storage pool and puts it there"
    if not any(each["type"] == "nic" for each in devices.values()):
        return "its profile `default` has no network card: `incus admin init` makes a network and puts it there"
    found = project(api)
    if found is not None and found["config"].get(LABEL) != "true":
        return f"it has a project {PROJECT} already that is not Rollgrid's; rename it: `incus project rename {PROJECT} NEW-NAME`"
    return ""


def project(api: Api) -> Json | None:
    return next((each for each in api.ask("GET", "/1.0/projects?recursion=1") if each["name"] == PROJECT), None)


def make(api: Api, image: ImageReference, alias: str) -> None:
    """The project with its profile, and an image of each version. Doing it again changes nothing. `alias`: as in the settings."""
    if project(api) is None:
        config = {**FEATURES, LABEL: "true"}
        api.ask("POST", "/1.0/projects", {"name": PROJECT, "description": DESCRIPTION, "config": config})
    devices = api.ask("GET", "/1.0/profiles/default")["devices"]
    api.ask("PUT", f"/1.0/profiles/default?project={PROJECT}", {"devices": devices, "config": {}})
    for version, kind in VERSIONS.items():
        add_image(api, image, alias, version, kind)


def add_image(api: Api, image: ImageReference, alias: str, version: str, kind: Kind, *, ballast: bytes = b"") -> None:
    """If it is not there. `ballast` makes it bigger."""
    name = alias.format(
        publisher=image.publisher.lower(), offer=image.offer.lower(), sku=image.sku.lower(), version=version
    )
    there = api.ask("GET", f"/1.0/images/aliases?project={PROJECT}&recursion=1")
    if name in (each["name"] for each in there):
        return
    content = tiny_image(version, kind, architecture=platform.machine(), ballast=ballast)
    target = api.ask("POST", f"/1.0/images?project={PROJECT}", data=content)["fingerprint"]
    api.ask("POST", f"/1.0/images/aliases?project={PROJECT}", {"name": name, "target": target})


def pool(api: Api) -> str:
    """Where the root disk of the default profile is."""
    devices = api.ask("GET", "/1.0/profiles/default")["devices"]
    return str(next(each["pool"] for each in devices.values() if each.get("path") == "/"))


def delete(api: Api) -> None:
    """The project with all that is in it, if it is ours."""
    found = project(api)
    if found is None or found["config"].get(LABEL) != "true":
        return
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(api.remove, api.ask("GET", f"/1.0/instances?project={PROJECT}")))
    volumes = f"/1.0/storage-pools/{quote(pool(api), safe='')}/volumes/custom"
    for path in api.ask("GET", f"{volumes}?project={PROJECT}"):
        api.ask("DELETE", f"{path.partition('?')[0]}?project={PROJECT}")
    for path in api.ask("GET", f"/1.0/images?project={PROJECT}"):
        api.ask("DELETE", f"{path.partition('?')[0]}?project={PROJECT}")
    api.ask("PUT", f"/1.0/profiles/default?project={PROJECT}", {"devices": {}, "config": {}})
    api.ask("DELETE", f"/1.0/projects/{PROJECT}")
