"""CREATE and DELETE: data volumes, then the instance; and the other way round."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from upgrades.core.states import OperationKind
from upgrades.providers.base import DataDisk, ProviderError
from upgrades.providers.hosts.driver import Ended, Waiting
from upgrades.providers.incus.checks import custom_data_of, quota_exceeded
from upgrades.providers.incus.client import quoted
from upgrades.providers.incus.guest import folder_of
from upgrades.providers.incus.images import delete_copies, fingerprint_of
from upgrades.providers.incus.records import (
    USER_DATA,
    Key,
    Machine,
    OSDisk,
    Phase,
    digest,
    disk_id_of,
    disk_to_json,
)
from upgrades.providers.incus.work import TooOften, Work

MARKER = "user.rollgrid.marker"
VOLUME_TYPE = "/volumes/custom"


async def make(work: Work) -> Waiting | Ended:
    """There is no such instance yet."""
    await work.wait_for_running()
    if refusal := await quota_exceeded(work.client, work.settings, work.operation):
        return Ended(code=refusal.code, message=refusal.message)
    try:
        fingerprint = await fingerprint_of(work.client, work.settings, work.operation)
        for volume in await volumes(work):
            if volume["config"].get(Key.OPERATION) != work.operation.id:
                await work.delete(volume["name"], volume_path(work, volume))
        await _make_volumes(work)
        await work.do("create", lambda: work.client.post("/1.0/instances", _instance(work, fingerprint)))
    except TooOften as error:
        return Ended(code="InstanceNotCreated", message=f"Instance {work.operation.instance}: {error}")
    except ProviderError as error:
        if error.permanent:
            return Ended(code=error.code, message=error.message)
        raise
    await work.advance(Phase.BOOTING, {}, after=Phase.MAKING)
    return Waiting(0, "created")


async def made(work: Work, machine: Machine) -> Waiting | Ended:
    """Incus makes it, or began to and was cut off: then what is there is half an instance."""
    if (work.memory.get("incus") or {}).get("what") == "create":
        return await make(work)
    await work.wait_for_running()
    await unmake(work, machine)
    return Waiting(0, "what was half made is deleted")


async def unmake(work: Work, machine: Machine) -> None:
    """Delete the instance; its volumes stay."""
    await work.stop(machine)
    try:
        await work.delete(work.name, work.path)
    except TooOften as error:
        raise ProviderError("InstanceNotDeleted", str(error), permanent=False) from None


async def delete(work: Work, machine: Machine | None) -> Waiting | Ended:
    if machine and machine.operation != work.operation.id:
        await work.wait_for_running()  # a rebuild that still runs would write the old configuration back
        mark: dict[str, str] = {
            Key.OPERATION: work.operation.id,
            Key.KIND: OperationKind.DELETE,
            Key.PHASE: Phase.DELETING,
        }
        await work.change(machine, mark)
        return Waiting(0, "to be deleted")
    if machine:
        await unmake(work, machine)
    try:
        for volume in await volumes(work):
            await work.delete(volume["name"], volume_path(work, volume))
        await delete_copies(work)
    except TooOften as error:
        raise ProviderError("InstanceNotDeleted", str(error), permanent=False) from None
    return Ended()


def markers_of(work: Work) -> list[str]:
    """Folders of the machine's data disks, each followed by its marker; nothing where the guest has disks that are not mounted."""
    if work.settings.kind != "container" or not work.operation.profile:
        return []
    disks = work.operation.profile.data_disks
    return [text for disk in disks for text in (folder_of(disk.lun), _marker(work, disk))]


async def volumes(work: Work) -> list[Mapping[str, Any]]:
    """This machine's data volumes. A volume that somebody copied has the marks too, but not the name."""
    wanted = f"config.{Key.SET} eq {work.operation.scale_set.key}"
    path = f"/1.0/storage-pools/{quoted(work.settings.pool)}{VOLUME_TYPE}"
    found = (await work.client.get(path, recursion="1", filter=wanted)).body
    name = re.compile(rf"{re.escape(work.name)}-[0-9a-f]{{6}}-lun\d+")
    return [
        volume
        for volume in found
        if volume["config"].get(Key.INSTANCE) == work.operation.instance and name.fullmatch(volume["name"])
    ]


def volume_path(work: Work, volume: Mapping[str, Any]) -> str:
    return f"/1.0/storage-pools/{quoted(work.settings.pool)}{VOLUME_TYPE}/{quoted(volume['name'])}"


async def _make_volumes(work: Work) -> None:
    there = {volume["name"] for volume in await volumes(work)}
    is_container = work.settings.kind == "container"
    for disk in work.operation.profile.data_disks if work.operation.profile else ():
        name = _volume_name(work, disk)
        if name in there:
            continue
        keys = {**_marks(work), Key.OPERATION: work.operation.id, MARKER: _marker(work, disk)}
        body = {
            "name": name,
            "type": "custom",
            "content_type": "filesystem" if is_container else "block",
            "config": {"size": f"{disk.size_gb}GiB", **keys},
        }
        path = f"/1.0/storage-pools/{quoted(work.settings.pool)}{VOLUME_TYPE}"
        await work.do(f"create {name}", partial(work.client.post, path, body))


def _instance(work: Work, fingerprint: str) -> dict[str, Any]:
    operation, settings = work.operation, work.settings
    assert operation.image, "CREATE has an image"
    target = OSDisk(disk_id_of(operation), operation.image.version, fingerprint)
    keys: dict[str, str] = {
        **_marks(work),
        Key.OPERATION: operation.id,
        Key.KIND: OperationKind.CREATE,
        Key.PHASE: Phase.MAKING,
        Key.TARGET: disk_to_json(target),
    }
    custom_data = custom_data_of(operation)
    return {
        "name": work.name,
        "type": settings.kind,
        "source": {"type": "image", "fingerprint": fingerprint},
        "profiles": list(settings.profiles),
        "config": {
            **settings.config,
            **({USER_DATA: custom_data} if custom_data else {}),
            **keys,
        },
        "devices": _devices(work),
    }


def _devices(work: Work) -> dict[str, dict[str, str]]:
    disks = work.operation.profile.data_disks if work.operation.profile else ()
    devices = {
        f"data{disk.lun}": {"type": "disk", "pool": work.settings.pool, "source": _volume_name(work, disk)}
        for disk in disks
    }
    if work.settings.kind == "container":
        for disk in disks:
            devices[f"data{disk.lun}"]["path"] = folder_of(disk.lun)
    return devices


def _marks(work: Work) -> dict[str, str]:
    return {Key.SET: work.operation.scale_set.key, Key.INSTANCE: work.operation.instance}


def _volume_name(work: Work, disk: DataDisk) -> str:
    return f"{work.name}-{digest(work.operation.id, 6)}-lun{disk.lun}"


def _marker(work: Work, disk: DataDisk) -> str:
    return digest(f"{work.operation.id}/{work.name}/{disk.lun}", 32)
