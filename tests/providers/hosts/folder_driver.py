"""The smallest driver there can be: a machine is a JSON file in a folder, and its steps change the file. Nothing runs.

It is a host for the tests of `SteppedProvider`, and shows what a driver has to do.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from upgrades import atomic_files
from upgrades.core.facts import ImageReference
from upgrades.core.states import OperationKind, Power, Provisioning
from upgrades.providers.base import (
    Capabilities,
    DataDiskView,
    Extension,
    ExtensionView,
    InstanceView,
    KeptOSDisk,
    Operation,
    OperationMemory,
    ProviderError,
    Run,
    ScaleSetReference,
)
from upgrades.providers.hosts.driver import Ended, Waiting

UNLUCKY = "unlucky"  # a scale set with this tag has no machine reimaged
SOON = Waiting(0.01, "the machine")
Machine = dict[str, Any]


class FolderDriver:
    """`boot_seconds`: of a machine. `bad_version`: the one with which no machine comes up. `silent`: a file; while it is there the host
    does not answer.
    """

    capabilities = Capabilities(
        poll_seconds=0, memory=OperationMemory.REMEMBERS, kept_os_disk=KeptOSDisk.EXACT, keeps=frozenset()
    )

    def __init__(self, folder: Path, *, boot_seconds: float = 0.1, bad_version: str = "") -> None:
        self._folder, self._boot_seconds, self._bad_version = folder, boot_seconds, bad_version
        self.silent = folder / "silent"

    async def check(self, operation: Operation) -> None:
        await self._answer()
        machine = self._read(operation.scale_set.key, operation.instance)
        kind, instance = operation.kind, operation.instance
        if kind is OperationKind.CREATE and machine and machine["power"] != Power.STOPPED:
            raise ProviderError("InstanceExists", f"Instance {instance} is there already.", permanent=True)
        if kind not in (OperationKind.CREATE, OperationKind.DELETE) and not machine:
            raise ProviderError("InstanceNotFound", f"There is no instance {instance}.", permanent=True)
        if kind is OperationKind.RESTORE and machine and operation.os_disk not in _disks(machine):
            raise ProviderError(
                "OSDiskNotFound", f"Instance {instance} has no disk {operation.os_disk}.", permanent=True
            )

    async def step(self, operation: Operation, memory: MutableMapping[str, Any]) -> Waiting | Ended:
        await self._answer()
        key, instance = operation.scale_set.key, operation.instance
        machine = self._read(key, instance)
        if operation.kind is OperationKind.DELETE:
            self._path(key, instance).unlink(missing_ok=True)
            return Ended()
        if operation.kind is OperationKind.CREATE:
            if machine is None or machine["os"]["id"] != _disk_id(operation):
                machine = _new_machine(operation)
        elif machine is None:
            return Ended(code="InstanceNotFound", message=f"There is no instance {instance}.")
        elif UNLUCKY in operation.scale_set.tags and operation.kind is OperationKind.REIMAGE:
            return Ended(code="OSProvisioningInternalError", message="The host has no luck.")
        elif operation.kind is OperationKind.EXTENSIONS and "extended" not in memory:
            if machine["power"] != Power.RUNNING:
                return Ended(code="VMExtensionProvisioningError", message=f"Instance {instance} does not run.")
            memory["extended"] = True
            return Waiting(self._boot_seconds, "its extensions")
        result = _NEXT[operation.kind](machine, operation, self._boot_seconds, self._bad_version)
        atomic_files.replace(self._path(key, instance), json.dumps(machine).encode())
        return Ended(_view(machine)) if result is None else result

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        await self._answer()
        machines = [json.loads(path.read_bytes()) for path in sorted(self._folder.glob("*.machine"))]
        return {machine["instance"]: _view(machine) for machine in machines if machine["set"] == scale_set.key}

    async def check_image(self, image: ImageReference) -> None:
        await self._answer()

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        await self._answer()
        return 1000 - len(list(self._folder.glob("*.machine")))

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        return address, port

    async def close(self) -> None: ...

    async def _answer(self) -> None:
        while self.silent.exists():
            await asyncio.sleep(0.01)

    def _read(self, key: str, instance: str) -> Machine | None:
        path = self._path(key, instance)
        return json.loads(path.read_bytes()) if path.exists() else None

    def _path(self, key: str, instance: str) -> Path:
        return self._folder / f"{key.replace('/', '+')}+{instance}.machine"


def _reimage(machine: Machine, operation: Operation, boot_seconds: float, bad_version: str) -> Waiting | Ended | None:
    new = _disk_id(operation)
    if machine["os"]["id"] != new:
        if machine["power"] == Power.RUNNING:
            machine["power"] = Power.STOPPED
            return SOON
        machine["was"], machine["os"] = machine["os"], _new_disk(operation)
        return SOON
    if machine["power"] == Power.STOPPED:
        return _start(machine, boot_seconds)
    if machine["os"]["version"] == bad_version:
        machine["os"], machine["was"], machine["power"] = machine["was"], None, Power.RUNNING
        return Ended(code="OSProvisioningTimedOut", message="It did not come up.")
    if not _come_up(machine, operation):
        return SOON
    machine["kept"], machine["was"] = machine["was"] or machine["kept"], None
    return None


def _create(machine: Machine, operation: Operation, boot_seconds: float, _: str) -> Waiting | None:
    if machine["power"] == Power.STOPPED:
        return _start(machine, boot_seconds)
    return None if _come_up(machine, operation) else SOON


def _restore(machine: Machine, operation: Operation, boot_seconds: float, _: str) -> Waiting | None:
    if machine["os"]["id"] != operation.os_disk:
        if machine["power"] == Power.RUNNING:
            machine["power"] = Power.STOPPED
            return SOON
        machine["os"] = next(
            disk for disk in (machine["was"], machine["kept"]) if disk and disk["id"] == operation.os_disk
        )
        machine["kept"] = machine["was"] = None
    if machine["power"] == Power.STOPPED:
        return _start(machine, boot_seconds)
    return None if _come_up(machine, operation) else SOON


def _extend(machine: Machine, operation: Operation, *_: object) -> None:
    disk = machine["os"]
    wanted = _ordered(operation)
    changed = [extension for extension in wanted if disk["extensions"].get(extension.name) != extension.version]
    disk["extensions"] = {extension.name: extension.version for extension in sorted(wanted, key=_name)}
    disk["runs"] += [[extension.name, _now()] for extension in changed]


_NEXT: dict[OperationKind, Callable[[Machine, Operation, float, str], Waiting | Ended | None]] = {
    OperationKind.CREATE: _create,
    OperationKind.REIMAGE: _reimage,
    OperationKind.RESTORE: _restore,
    OperationKind.EXTENSIONS: _extend,
}


def _start(machine: Machine, boot_seconds: float) -> Waiting:
    machine["power"], machine["up_at"] = Power.STARTING, time.monotonic() + boot_seconds
    return Waiting(boot_seconds, "its boot")


def _come_up(machine: Machine, operation: Operation) -> bool:
    """Has it booted? Its first boot of a disk runs custom data and extensions."""
    if machine["power"] == Power.STARTING and time.monotonic() < machine["up_at"]:
        return False
    machine["power"], disk = Power.RUNNING, machine["os"]
    profile = operation.profile
    if profile and not disk["provisioned"]:
        names = ["customData"] if profile.custom_data else []
        disk["runs"] = [[name, _now()] for name in names + [extension.name for extension in _ordered(operation)]]
        disk["extensions"] = {extension.name: extension.version for extension in sorted(profile.extensions, key=_name)}
    disk["provisioned"] = True
    return True


def _ordered(operation: Operation) -> list[Extension]:
    """Its extensions, each behind those that it comes after."""
    left = list(operation.profile.extensions if operation.profile else ())
    ordered: list[Extension] = []
    while left:
        names = {extension.name for extension in left}
        following = next(extension for extension in left if names.isdisjoint(extension.after))
        left.remove(following)
        ordered.append(following)
    return ordered


def _name(extension: Extension) -> str:
    return extension.name


def _new_machine(operation: Operation) -> Machine:
    disks = operation.profile.data_disks if operation.profile else ()
    return {
        "set": operation.scale_set.key,
        "instance": operation.instance,
        "power": Power.STOPPED,
        "up_at": 0.0,
        "os": _new_disk(operation),
        "was": None,
        "kept": None,
        "data": [[disk.lun, uuid4().hex, uuid4().hex] for disk in disks],
    }


def _new_disk(operation: Operation) -> dict[str, Any]:
    version = operation.image.version if operation.image else ""
    return {"id": _disk_id(operation), "version": version, "runs": [], "extensions": {}, "provisioned": False}


def _disk_id(operation: Operation) -> str:
    return f"os-{operation.id}"


def _disks(machine: Machine) -> set[str]:
    return {machine[place]["id"] for place in ("os", "was", "kept") if machine[place]}


def _view(machine: Machine) -> InstanceView:
    disk = machine["os"]
    return InstanceView(
        machine["instance"],
        disk["id"],
        disk["version"],
        Power(machine["power"]),
        Provisioning.SUCCEEDED,
        "127.0.0.1",
        tuple(DataDiskView(*data) for data in machine["data"]),
        tuple(ExtensionView(name, Provisioning.SUCCEEDED, "", version) for name, version in disk["extensions"].items()),
        tuple(Run(what, disk["id"], at) for what, at in disk["runs"]),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()  # noqa: TID251 - the host's own clock
