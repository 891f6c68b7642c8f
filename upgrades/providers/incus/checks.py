"""What must hold before an operation is begun. Nothing is changed here."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from upgrades.core.facts import ImageReference
from upgrades.core.states import OperationKind
from upgrades.providers.base import Operation, ProviderError
from upgrades.providers.hosts.driver import not_running
from upgrades.providers.hosts.space import refuse_full
from upgrades.providers.incus.client import IncusClient, IncusError, quoted
from upgrades.providers.incus.elsewhere import refuse_elsewhere
from upgrades.providers.incus.images import fingerprint_of, fingerprint_of_image
from upgrades.providers.incus.records import Key, Machine, OSDisk
from upgrades.providers.incus.settings import INVALID_SETTINGS, Settings
from upgrades.providers.incus.work import find_machine, not_found

SWAPS = (OperationKind.REIMAGE, OperationKind.RESTORE)
WITH_IMAGE = (OperationKind.CREATE, OperationKind.REIMAGE)
READY = "Created"  # the status of a storage pool that works


async def check(client: IncusClient, settings: Settings, operation: Operation) -> None:
    """Raises ProviderError."""
    machine = await find_machine(client, settings, operation)
    if operation.kind is OperationKind.DELETE:
        return
    if operation.kind is OperationKind.CREATE:
        await _check_creation(client, settings, operation, machine)
    elif machine is None:
        raise ProviderError("InstanceNotFound", not_found(operation), permanent=True)
    elif operation.kind is OperationKind.RESTART and not machine.is_running:
        raise not_running(operation)
    elif operation.kind in SWAPS:
        await refuse_snapshots(client, operation, machine)
        if operation.kind is OperationKind.RESTORE:
            check_os_disk(operation, machine)
    if operation.kind in WITH_IMAGE:
        await find_pools(client, settings)
        custom_data_of(operation)
        await fingerprint_of(client, settings, operation)


async def _check_creation(
    client: IncusClient, settings: Settings, operation: Operation, machine: Machine | None
) -> None:
    if machine and not is_half_made(machine):
        message = f"Instance {operation.instance} of {operation.scale_set.key} exists already, as {machine.name}."
        raise ProviderError("InstanceExists", message, permanent=True)
    if machine is None:
        await refuse_elsewhere(client, settings, operation)
        if refusal := await quota_exceeded(client, settings, operation):
            raise refusal


def is_half_made(machine: Machine) -> bool:
    """Did no creation of it ever come to its end?"""
    return machine.disk(Key.OS) is None


async def refuse_snapshots(client: IncusClient, operation: Operation, machine: Machine) -> None:
    """Some versions of Incus refuse to rebuild an instance with snapshots, others delete them."""
    snapshots = (await client.get(f"/1.0/instances/{machine.name}/snapshots")).body
    if snapshots:
        name = snapshots[0].rpartition("/")[2]
        message = (
            f"Instance {operation.instance}: {machine.name} has {len(snapshots)} snapshots, which a new OS disk would lose. Delete them: "
            f"`incus snapshot delete {machine.name} {name}`."
        )
        raise ProviderError("InstanceHasSnapshots", message, permanent=True)


def disk_to_restore(operation: Operation, machine: Machine) -> OSDisk | None:
    """The machine's OS disk of the id that the operation names: what it is on, what it keeps, or what an unfinished swap took off."""
    keys = (Key.OS, Key.KEPT) if machine.is_whole else (Key.SAVED, Key.KEPT)
    disks = [disk for key in keys if (disk := machine.disk(key))]
    return next((disk for disk in disks if disk.id == operation.os_disk), None)


def check_os_disk(operation: Operation, machine: Machine) -> None:
    if disk_to_restore(operation, machine) is None:
        message = (
            f"Instance {operation.instance}: the OS disk {operation.os_disk or 'without an id'} is neither on {machine.name} nor kept for "
            "it. Only the one that was replaced last is kept: reimage to a version instead."
        )
        raise ProviderError("OSDiskNotFound", message, permanent=True)


async def check_image(client: IncusClient, settings: Settings, image: ImageReference) -> None:
    """Raises ProviderError: as `find_pools`, ImageNotFound, or NoSpace where a storage pool of its machines is nearly full."""
    pools = await find_pools(client, settings)
    await fingerprint_of_image(client, settings, image)
    await refuse_full_pools(client, settings, pools)


async def refuse_full_pools(client: IncusClient, settings: Settings, pools: Iterable[str]) -> None:
    """Raises ProviderError NoSpace where one of them is nearly full."""
    for pool in pools:
        space = (await client.get(f"/1.0/storage-pools/{quoted(pool)}/resources")).body.get("space") or {}
        if space.get("total"):
            free = int(space["total"]) - int(space["used"])
            refuse_full(f"the storage pool {pool} of {settings.place}", free, settings.free_mb)


async def find_pools(client: IncusClient, settings: Settings) -> list[str]:
    """The storage pools of root file systems and data volumes. Raises ProviderError StorageMissing where one is not there, or not ready.

    And InvalidLocationSettings where a profile is not there.
    """
    pools = {settings.pool}
    for name in settings.profiles:
        devices = (await _profile(client, settings, name))["devices"]
        pools |= {str(each["pool"]) for each in devices.values() if each.get("path") == "/" and each.get("pool")}
    for pool in sorted(pools):
        await _find_pool(client, settings, pool)
    return sorted(pools)


async def _profile(client: IncusClient, settings: Settings, name: str) -> Mapping[str, Any]:
    body = await _body_of(client, f"/1.0/profiles/{quoted(name)}")
    if body is None:
        message = (
            f"project {settings.project} of {settings.place} has no profile {name}. Create it (`incus profile create {name}`), or correct "
            "the location's setting `profiles`."
        )
        raise ProviderError(INVALID_SETTINGS, message, permanent=False)
    return body


async def _find_pool(client: IncusClient, settings: Settings, pool: str) -> None:
    body = await _body_of(client, f"/1.0/storage-pools/{quoted(pool)}")
    if body is None:
        message = (
            f"{settings.place} has no storage pool {pool}. Create it (`incus storage create {pool} DRIVER`), or correct the location's "
            "setting `pool`."
        )
    elif body.get("status", READY) != READY:
        message = (
            f"the storage pool {pool} of {settings.place} is {body['status'].lower()}. Mount or start what it lies on; "
            f"`incus storage info {pool}` says more."
        )
    else:
        return
    raise ProviderError("StorageMissing", message, permanent=False)


async def _body_of(client: IncusClient, path: str) -> Mapping[str, Any] | None:
    """None where it is not there."""
    try:
        body: Mapping[str, Any] = (await client.get(path)).body
    except IncusError as error:
        if error.status == 404:
            return None
        raise
    return body


async def quota_exceeded(client: IncusClient, settings: Settings, operation: Operation) -> ProviderError | None:
    quota = await available_quota(client, settings)
    if quota is None or quota > 0:
        return None
    message = (
        f"Instance {operation.instance}: {settings.place} has {settings.most_machines} machines already, as many as the location's setting "
        "`most_machines` allows."
    )
    return ProviderError("QuotaExceeded", message, permanent=True)


async def available_quota(client: IncusClient, settings: Settings) -> int | None:
    """How many more machines of ours, of whatever scale set, the location allows."""
    if settings.most_machines is None:
        return None
    instances = (await client.get("/1.0/instances", recursion="1")).body
    return max(0, settings.most_machines - sum(str(Key.SET) in each["config"] for each in instances))


def custom_data_of(operation: Operation) -> str:
    """As cloud-init's user data. Raises ProviderError where it is not a text: Incus keeps texts only."""
    encoded = operation.profile.custom_data if operation.profile else ""
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        message = f"Instance {operation.instance}: its custom data is not a text in base64, and Incus takes no other."
        raise ProviderError("InvalidCustomData", message, permanent=True) from None
