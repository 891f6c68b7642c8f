"""CREATE and DELETE: data volumes, then the instance; and the other way round."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from upgrades.core.states import OperationKind
from upgrades.providers.base import DataDisk, ProviderError
from upgrades.providers.hosts.driver import Ended, Waiting
from upgrades.providers.incus.checks import custom_data_of, quota_exceeded
from upgrades.providers.incus.client import IncusError, at_member, quoted
from upgrades.providers.incus.copies import copies, delete_copies
from upgrades.providers.incus.guest import folder_of
from upgrades.providers.incus.images import fingerprint_of
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
# On a data volume: the CREATE that makes it. Taken away when the machine is well for the first time: from then on only DELETE deletes it.
MAKING = "user.rollgrid.making"
VOLUME_TYPE = "/volumes/custom"  # as part of a path


async def make(work: Work) -> Waiting | Ended:
    """There is no such instance yet, or Incus was told to create it."""
    await work.wait_for_running()
    # An instance that Incus is creating is one of those that are counted.
    is_begun = work.has_begun("create")
    if not is_begun and (refusal := await quota_exceeded(work.client, work.settings, work.operation)):
        return Ended(code=refusal.code, message=refusal.message)
    try:
        fingerprint = await fingerprint_of(work.client, work.settings, work.operation)
        sources = await _make_volumes(work, await _volumes_to_adopt(work))
        # In a cluster all of a machine is on one member.
        volume = await _volume(work, next(iter(sources.values()))) if sources else None
        path = at_member("/1.0/instances", volume or {})
        await work.do("create", lambda: work.client.post(path, _instance(work, fingerprint, sources)))
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
    if work.has_begun("create"):
        return await make(work)
    await work.wait_for_running()
    await unmake(work, machine)
    return Waiting(0, "what was half made is deleted")


async def unmake(work: Work, machine: Machine) -> None:
    """Delete the instance; its volumes stay."""
    await work.stop(machine)
    try:
        await work.delete(work.name, work.path, alone=True)
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
        await delete_copies(work, await copies(work))
    except TooOften as error:
        raise ProviderError("InstanceNotDeleted", str(error), permanent=False) from None
    return Ended()


def markers_of(work: Work) -> list[str]:
    """Folders of the machine's data disks, each followed by its marker; nothing where the guest has disks that are not mounted."""
    if work.settings.kind != "container" or not work.operation.profile:
        return []
    return [text for disk in _data_disks(work) for text in (folder_of(disk.lun), _marker(work, disk))]


async def volumes(work: Work) -> list[Mapping[str, Any]]:
    """This machine's data volumes. A volume that somebody copied has the marks too, but not the name.

    Only those that have the name are asked for: to list the volumes of a whole fleet takes Incus a second and more.
    """
    pattern = re.compile(rf"{re.escape(work.name)}-[0-9a-f]{{6}}-lun\d+")
    paths = (await work.client.get(_volumes_path(work))).body
    names = [path.rpartition("/")[2].partition("?")[0] for path in paths]
    found = [await _volume(work, name) for name in names if pattern.fullmatch(name)]
    mine = (work.operation.scale_set.key, work.operation.instance)
    return [each for each in found if each and (each["config"].get(Key.SET), each["config"].get(Key.INSTANCE)) == mine]


async def _volume(work: Work, name: str) -> Mapping[str, Any] | None:
    try:
        body: Mapping[str, Any] = (await work.client.get(f"{_volumes_path(work)}/{quoted(name)}")).body
    except IncusError as error:
        if error.status != 404:
            raise
        return None
    return body


def volume_path(work: Work, volume: Mapping[str, Any]) -> str:
    return f"{_volumes_path(work)}/{quoted(volume['name'])}"


def _volumes_path(work: Work) -> str:
    return f"/1.0/storage-pools/{quoted(work.settings.pool)}{VOLUME_TYPE}"


async def keep_volumes(work: Work) -> None:
    """The machine is well: from now on its data volumes have data that count."""
    for volume in await volumes(work):
        if volume["config"].get(MAKING):
            # Whatever else has changed there: without the ETag.
            await work.client.patch(volume_path(work, volume), {"config": {MAKING: ""}}, etag="")


async def _volumes_to_adopt(work: Work) -> Mapping[int, str]:
    """Data volumes of an instance that is gone, by lun: somebody deleted it, or the worker that made it anew ended in between.

    Those that a CREATE before has left half way are deleted. Raises ProviderError where one with data does not fit.
    """
    there = await volumes(work)
    for volume in there:
        if volume["config"].get(MAKING) not in (None, "", work.operation.id):
            await work.delete(volume["name"], volume_path(work, volume))
    with_data = [volume for volume in there if not volume["config"].get(MAKING)]
    wanted = {disk.lun for disk in _data_disks(work)}
    adopted = {_lun_of(volume): str(volume["name"]) for volume in with_data}
    is_free = all(_is_free(work, volume) for volume in with_data)
    if len(adopted) < len(with_data) or not adopted.keys() <= wanted or not is_free:
        raise _do_not_fit(work, [volume["name"] for volume in with_data], wanted)
    return adopted


def _is_free(work: Work, volume: Mapping[str, Any]) -> bool:
    """Of the right kind, and not in use by something else, such as an instance that somebody has renamed."""
    users = {path.partition("?")[0].rpartition("/")[2] for path in volume.get("used_by") or ()}
    return volume["content_type"] == _content_type(work) and users <= {work.name}


def _do_not_fit(work: Work, names: Sequence[str], wanted: Collection[int]) -> ProviderError:
    luns = ", ".join(str(lun) for lun in sorted(wanted)) or "none"
    pool = work.settings.pool
    message = (
        f"Instance {work.operation.instance}: pool {pool} of {work.settings.place} has data volumes of an instance that is gone: "
        f"{', '.join(names)}. They do not fit the model's data disks (luns: {luns}), or something else uses them. To keep the data, rename "
        f"each: `incus storage volume rename {pool} {names[0]} NEW-NAME`. If nobody needs them, delete them."
    )
    return ProviderError("DataDisksDoNotFit", message, permanent=True)


async def _make_volumes(work: Work, adopted: Mapping[int, str]) -> Mapping[int, str]:
    """The name of the volume for each data disk, by lun. Those that lack are made."""
    found = await volumes(work)
    there = {volume["name"] for volume in found}
    sources = {disk.lun: adopted.get(disk.lun) or _volume_name(work, disk) for disk in _data_disks(work)}
    path = at_member(_volumes_path(work), next(iter(found), {}))
    for disk in _data_disks(work):
        name = sources[disk.lun]
        if name in there:
            continue
        keys = {**_marks(work), MAKING: work.operation.id, MARKER: _marker(work, disk)}
        body = {
            "name": name,
            "type": "custom",
            "content_type": _content_type(work),
            "config": {"size": f"{disk.size_gb}GiB", **keys},
        }
        await work.do(f"create {name}", partial(work.client.post, path, body))
    return sources


def _data_disks(work: Work) -> Sequence[DataDisk]:
    return work.operation.profile.data_disks if work.operation.profile else ()


def _content_type(work: Work) -> str:
    return "filesystem" if work.settings.kind == "container" else "block"


def _lun_of(volume: Mapping[str, Any]) -> int:
    return int(volume["name"].rpartition("-lun")[2])


def _instance(work: Work, fingerprint: str, sources: Mapping[int, str]) -> dict[str, Any]:
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
        "devices": _devices(work, sources),
    }


def _devices(work: Work, sources: Mapping[int, str]) -> dict[str, dict[str, str]]:
    devices = {
        f"data{lun}": {"type": "disk", "pool": work.settings.pool, "source": name} for lun, name in sources.items()
    }
    if work.settings.kind == "container":
        for lun in sources:
            devices[f"data{lun}"]["path"] = folder_of(lun)
    return devices


def _marks(work: Work) -> dict[str, str]:
    return {Key.SET: work.operation.scale_set.key, Key.INSTANCE: work.operation.instance}


def _volume_name(work: Work, disk: DataDisk) -> str:
    return f"{work.name}-{digest(work.operation.id, 6)}-lun{disk.lun}"


def _marker(work: Work, disk: DataDisk) -> str:
    return digest(f"{work.operation.id}/{work.name}/{disk.lun}", 32)
