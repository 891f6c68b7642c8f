"""Copies of OS disks: one is made before an OS disk is replaced, and RESTORE puts it back.

On a storage pool that copies on write, a copy is an instance that never runs: it is made at once, and takes space only for what differs
later. Elsewhere it is an image that Incus makes of the stopped instance, which costs the time and the space of a second root file system.
The name of a copy says which of the two it is.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from upgrades.providers.base import Operation
from upgrades.providers.incus.client import ALONE, IncusError, quoted
from upgrades.providers.incus.records import Key, digest, name_of
from upgrades.providers.incus.work import BUSY_SECONDS, Pause, Work, image_path

COPYING_ON_WRITE = frozenset({"btrfs", "zfs"})  # drivers of storage pools
WHAT = "copy the OS disk"
KEPT = "kept-"  # begins the name of a copy that is an instance
PROTECTED = "security.protection.delete"
# A copy never starts by itself, and can be deleted, whatever the profiles say.
OF_A_COPY = {"boot.autostart": "false", PROTECTED: "false"}


async def copy_of_root(work: Work) -> str:
    """The name of this operation's copy of the stopped machine's root file system, which is made if there is none yet."""
    body = (await work.client.get(work.path)).body
    return await (_instance_copy(work, body) if await _is_copied_at_once(work, body) else _image_copy(work))


def name_of_copy(operation: Operation) -> str:
    """Of the instance that is the copy which the operation makes."""
    machine = name_of(operation.scale_set, operation.instance)
    return f"{KEPT}{machine.removeprefix('rg-')}-{digest(operation.id, 6)}"


def is_instance(copy: str) -> bool:
    """Otherwise it is the fingerprint of an image."""
    return copy.startswith(KEPT)


async def find_instance(work: Work, name: str) -> Mapping[str, Any] | None:
    """An instance as Incus tells it; None where it is not there."""
    try:
        body: Mapping[str, Any] = (await work.client.get(_instance_path(name))).body
    except IncusError as error:
        if error.status != 404:
            raise
        return None
    return body


async def copies(work: Work) -> list[str]:
    """The names of all copies of this machine's OS disks. Incus looks at all images and instances of the project: it takes its time."""
    mine = f"properties.name eq {work.name}"
    images = (await work.client.get("/1.0/images", recursion="1", filter=mine)).body
    wanted = (work.operation.scale_set.key, work.operation.instance)
    instances = (
        await work.client.get("/1.0/instances", recursion="1", filter=f"config.{Key.COPY} eq {work.name}")
    ).body
    return [
        image["fingerprint"]
        for image in images
        if (image["properties"].get(Key.SET), image["properties"].get(Key.INSTANCE)) == wanted
    ] + [each["name"] for each in instances if is_instance(each["name"])]


async def delete_copies(work: Work, names: Iterable[str]) -> None:
    for name in names:
        path = _instance_path(name) if is_instance(name) else image_path(name)
        await work.delete(f"the copy {name if is_instance(name) else name[:12]}", path)


def root_pool(body: Mapping[str, Any]) -> str:
    """The storage pool of an instance's root file system."""
    return str(next(each["pool"] for each in body["expanded_devices"].values() if each.get("path") == "/"))


async def _is_copied_at_once(work: Work, body: Mapping[str, Any]) -> bool:
    """To put such a copy back, the instance is deleted; and in a cluster a copy may land on another member."""
    if body["location"] != ALONE or body["expanded_config"].get(PROTECTED) == "true":
        return False
    pool = (await work.client.get(f"/1.0/storage-pools/{quoted(root_pool(body))}")).body
    return pool["driver"] in COPYING_ON_WRITE


async def _instance_copy(work: Work, body: Mapping[str, Any]) -> str:
    """One that is not marked as whole was cut off: it is made anew."""
    name = name_of_copy(work.operation)
    there = await find_instance(work, name)
    if there and there["config"].get(Key.COPY) == work.name:
        if there["config"].get(Key.WHOLE):
            return name
        if not work.has_begun(WHAT):
            if running := await work.client.running_on(name):
                raise Pause(BUSY_SECONDS, f"Incus: {running['description']}")
            await work.delete(f"the copy {name}, which was cut off", _instance_path(name))
    await work.do(WHAT, lambda: work.client.post("/1.0/instances", _copied(name, work.name, body)), alone=True)
    await work.client.patch(_instance_path(name), {"config": {Key.WHOLE: "true"}}, etag="")
    return name


def _copied(name: str, machine: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What Incus is to make: without the machine's marks and data volumes. An empty value leaves a key out."""
    without = {key: "" for key in body["config"] if not key.startswith(("volatile.", "image."))}
    return {
        "name": name,
        "type": body["type"],
        "source": {"type": "copy", "source": machine, "instance_only": True},
        "config": {**without, **OF_A_COPY, Key.COPY: machine},
        "devices": {key: {"type": "none"} for key, device in body["devices"].items() if device.get("path") != "/"},
    }


async def _image_copy(work: Work) -> str:
    alias = f"rollgrid-copy/{work.name}/{digest(work.operation.id, 16)}"
    try:
        return str((await work.client.get(f"/1.0/images/aliases/{quoted(alias)}")).body["target"])
    except IncusError as error:
        if error.status != 404:
            raise
    properties: dict[str, str] = {
        Key.SET: work.operation.scale_set.key,
        Key.INSTANCE: work.operation.instance,
        Key.OPERATION: work.operation.id,
        "name": work.name,
    }
    body = {
        "source": {"type": "instance", "name": work.name},
        "properties": properties,
        "aliases": [{"name": alias, "description": "OS disk before the last upgrade"}],
        "compression_algorithm": "none",
        "public": False,
    }
    return str((await work.do(WHAT, lambda: work.client.post("/1.0/images", body), alone=True))["fingerprint"])


def _instance_path(name: str) -> str:
    return f"/1.0/instances/{quoted(name)}"
