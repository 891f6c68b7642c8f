"""An instance is made anew, as the same one: where Incus has lost its root volume, and where its root is a copy that is an instance.

A rebuild deletes the root volume and then makes another. If the daemon is killed between the two, the instance has none, and Incus
refuses every further rebuild ("Instance storage pool not found"). And a rebuild takes an image only, not a copy that is an instance.
So the instance is deleted and created with the configuration that it had: its marks, its MAC, its ids. Its data volumes are not touched
by that. In between, that configuration is in the operation's notes only.
"""

from collections.abc import Mapping
from typing import Any

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.driver import Waiting
from upgrades.providers.incus.checks import find_pools, refuse_full_pools
from upgrades.providers.incus.client import IncusError, at_member, quoted
from upgrades.providers.incus.copies import OF_A_COPY, find_instance, is_instance, root_pool
from upgrades.providers.incus.records import Key, Machine, OSDisk, Phase, disk_from_json
from upgrades.providers.incus.work import Pause, TooOften, Work, to_json

LOST = "lost"  # in the notes: what the instance was
MADE_OF = "made_of"  # in the notes: what the instance was made of when it was made anew
CREATE = "create again"
OS_DISK_FAILED = "OSDiskNotMade"
KEPT_VOLATILE = ("volatile.uuid", "volatile.cloud-init.")  # and the MACs; all else Incus finds anew


async def note_lost_root(work: Work, disk: OSDisk) -> None:
    """Raises Pause, with a note of what the instance is, where it has no root volume any more."""
    body = (await work.client.get(work.path)).body
    if await _has_root(work, body):
        return
    _note(work, body, disk)
    raise Pause(0, "Incus has lost its root volume; it is made anew")


async def put_back(work: Work, disk: OSDisk) -> None:
    """Raises Pause, with a note of what the instance is, so that it is made of the disk's copy. Raises TooOften where there is no copy."""
    if await find_instance(work, disk.copy) is None:
        raise TooOften(f"the copy of it, the instance {disk.copy}, is gone")
    _note(work, (await work.client.get(work.path)).body, disk)
    raise Pause(0, "its old OS disk is put back")


def is_made_of(work: Work, disk: OSDisk) -> bool:
    """Was it made anew, and of this disk?"""
    return bool(work.memory.get(MADE_OF) == source_of(disk))


def source_of(disk: OSDisk) -> dict[str, Any]:
    """What Incus makes the disk of."""
    if is_instance(disk.copy):
        return {"type": "copy", "source": disk.copy, "instance_only": True}
    return {"type": "image", "fingerprint": disk.copy or disk.image}


async def remake(work: Work, machine: Machine | None) -> Waiting:
    """Goes on with that, until the instance is there again and has a root volume."""
    lost = work.memory[LOST]
    try:
        if machine is None or work.has_begun(CREATE):
            await work.do(CREATE, lambda: work.client.post(at_member("/1.0/instances", lost), lost), alone=True)
            work.memory[MADE_OF] = lost["source"]
        elif await _is_to_go(work, lost):
            await work.delete(work.name, work.path, alone=True)
            return Waiting(0, "it is deleted, to be made anew")
    except TooOften as error:
        work.memory["failures"] = 0
        return Waiting(0 if await _turned_back(work, error) else 5, str(error))
    del work.memory[LOST]
    work.memory["failures"] = 0
    return Waiting(0, "it is made anew")


async def _turned_back(work: Work, why: TooOften) -> bool:
    """If the new OS disk cannot be made, because the pool is full, say: from now on the one that was taken off is put back.

    False where that is being done already, or there is none: then it is tried again and again.
    """
    lost = work.memory[LOST]
    saved = lost["config"].get(Key.SAVED)
    if lost["config"].get(Key.PHASE) != Phase.SWAPPING or not saved:
        return False
    message = f"Instance {work.operation.instance}: Its new OS disk cannot be made: {why}.{await _where_full(work)}"
    lost["config"] |= {Key.PHASE: Phase.RETURNING, Key.FAILURE: to_json(OS_DISK_FAILED, message)}
    _make_of(lost, disk_from_json(saved))
    return True


async def _where_full(work: Work) -> str:
    """What unpacks an image often says no more than that it failed."""
    try:
        await refuse_full_pools(work.client, work.settings, await find_pools(work.client, work.settings))
    except ProviderError as error:
        return f" {error.message}."
    return ""


async def _is_to_go(work: Work, lost: Mapping[str, Any]) -> bool:
    """An instance that is there is another one, or half of one that was cut off; but one that has a root can be rebuilt from an image."""
    return bool(lost["source"]["type"] == "copy") or not await _has_root(work, (await work.client.get(work.path)).body)


def _note(work: Work, body: Mapping[str, Any], disk: OSDisk) -> None:
    lost = {key: body[key] for key in ("name", "type", "location", "devices", "profiles")}
    lost["config"] = {key: value for key, value in body["config"].items() if _is_kept(key)}
    _make_of(lost, disk)
    work.memory[LOST] = lost


def _make_of(lost: dict[str, Any], disk: OSDisk) -> None:
    lost["source"] = source_of(disk)
    if is_instance(disk.copy):
        # What an image says of itself comes with the copy; what makes it a copy does not. An empty value leaves a key out.
        own = {key: value for key, value in lost["config"].items() if not key.startswith("image.")}
        lost["config"] = {**dict.fromkeys((*OF_A_COPY, Key.COPY, Key.WHOLE), ""), **own}


async def _has_root(work: Work, body: Mapping[str, Any]) -> bool:
    pool, kind = quoted(root_pool(body)), quoted(body["type"])
    try:
        await work.client.get(f"/1.0/storage-pools/{pool}/volumes/{kind}/{work.name}")
    except IncusError as error:
        if error.status == 404:
            return False
        raise
    return True


def _is_kept(key: str) -> bool:
    return not key.startswith("volatile.") or key.startswith(KEPT_VOLATILE) or key.endswith(".hwaddr")
