"""An instance whose root volume Incus has lost is made anew, as the same one.

A rebuild deletes the root volume and then makes another. If the daemon is killed between the two, the instance has none, and Incus
refuses every further rebuild ("Instance storage pool not found"). So the instance is deleted and created with the configuration that it
had: its marks, its MAC, its ids. Its data volumes are not touched by that. In between, that configuration is in the operation's notes only.
"""

from typing import Any

from upgrades.providers.hosts.driver import Waiting
from upgrades.providers.incus.client import IncusError, quoted
from upgrades.providers.incus.records import Machine, OSDisk
from upgrades.providers.incus.work import Pause, TooOften, Work

LOST = "lost"  # in the notes: what the instance was
KEPT_VOLATILE = ("volatile.uuid", "volatile.cloud-init.")  # and the MACs; all else Incus finds anew


async def note_lost_root(work: Work, disk: OSDisk) -> None:
    """Raises Pause, with a note of what the instance is, where it has no root volume any more."""
    body = (await work.client.get(work.path)).body
    if await _has_root(work, body):
        return
    config = {key: value for key, value in body["config"].items() if _is_kept(key)}
    work.memory[LOST] = {
        "name": body["name"],
        "type": body["type"],
        "config": config,
        "devices": body["devices"],
        "profiles": body["profiles"],
        "source": {"type": "image", "fingerprint": disk.copy or disk.image},
    }
    raise Pause(0, "Incus has lost its root volume; it is made anew")


async def remake(work: Work, machine: Machine | None) -> Waiting:
    """Goes on with that, until the instance is there again and has a root volume."""
    try:
        if machine is None:
            await work.wait_for_running()
            await work.do("create again", lambda: work.client.post("/1.0/instances", work.memory[LOST]))
        elif not await _has_root(work, (await work.client.get(work.path)).body):
            await work.wait_for_running()
            await work.delete(work.name, work.path)
            return Waiting(0, "it is deleted, to be made anew")
    except TooOften as error:
        work.memory["failures"] = 0  # there is no other way
        return Waiting(5, str(error))
    del work.memory[LOST]
    work.memory["failures"] = 0
    return Waiting(0, "it is made anew")


async def _has_root(work: Work, body: dict[str, Any]) -> bool:
    root = next(each for each in body["expanded_devices"].values() if each.get("path") == "/")
    pool, kind = quoted(root["pool"]), quoted(body["type"])
    try:
        await work.client.get(f"/1.0/storage-pools/{pool}/volumes/{kind}/{work.name}")
    except IncusError as error:
        if error.status == 404:
            return False
        raise
    return True


def _is_kept(key: str) -> bool:
    return not key.startswith("volatile.") or key.startswith(KEPT_VOLATILE) or key.endswith(".hwaddr")
