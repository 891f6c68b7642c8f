"""What this provider writes on each instance, in its configuration: whose it is, what its OS disk is, which operation is open.

`volatile.base_image`, which Incus keeps, does not say what the OS disk is: after a kill in the middle of a rebuild it names the image
before. But where no operation is open, and it is another than after our last swap, somebody else has rebuilt the instance.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from upgrades.core.states import OperationKind, Power, Provisioning
from upgrades.providers.base import DataDiskView, ExtensionView, InstanceView, Operation, Run, ScaleSetReference

OWN = "user.rollgrid."
USER_DATA, CLOUD_INIT_ID = "cloud-init.user-data", "volatile.cloud-init.instance-id"
UUID, BASE_IMAGE = "volatile.uuid", "volatile.base_image"


class Key(StrEnum):
    """Configuration keys of an instance. SET and INSTANCE are on volumes too, and as properties on copies of OS disks."""

    SET = "user.rollgrid.set"
    INSTANCE = "user.rollgrid.instance"
    ID = "user.rollgrid.id"  # the instance's own id (`volatile.uuid`): a copy that people make of it has another
    OS = "user.rollgrid.os"  # the OS disk that was whole last
    BASE = "user.rollgrid.base"  # what `volatile.base_image` was after the last swap
    KEPT = "user.rollgrid.kept"  # the one for RESTORE
    DATA = "user.rollgrid.data"  # data disks, with the markers that were read on them last
    OPERATION = "user.rollgrid.op"
    KIND = "user.rollgrid.kind"
    PHASE = "user.rollgrid.phase"
    TARGET = "user.rollgrid.target"  # the OS disk that the open operation makes or puts back
    SAVED = "user.rollgrid.saved"  # the one that it took off: put back if it fails
    FAILURE = "user.rollgrid.failure"  # why the open operation fails, once that is certain
    LAST = "user.rollgrid.last"  # the operation that ended last, and why it failed
    # On a copy of an OS disk that is an instance, and nowhere else:
    COPY = "user.rollgrid.copy"  # the name of the machine
    WHOLE = "user.rollgrid.whole"  # it was made to its end


class Phase(StrEnum):
    """How far the open operation is. In those marked with * the root file system may be half of one and half of another."""

    NONE = ""
    MAKING = "making"  # * by Incus, from the image
    STOPPING = "stopping"  # it is stopped, and its OS disk is copied
    SWAPPING = "swapping"  # * and then booted, until it is provisioned
    BOOTING = "booting"  # for the first time, until it is provisioned
    RETURNING = "returning"  # * to what was saved, after a failure
    REVIVING = "reviving"  # on what was saved, until it is up
    EXTENDING = "extending"
    RESTARTING = "restarting"  # it is stopped, and then revived
    HALTING = "halting"  # it is stopped, and stays so
    DELETING = "deleting"


# In these, OS is what the root file system is, whole.
ON_OS = frozenset({Phase.NONE, Phase.STOPPING, Phase.EXTENDING, Phase.RESTARTING, Phase.HALTING})
# In these too, unless a swap before them has taken that off: then it is SAVED.
ON_OS_UNLESS_SAVED = frozenset({Phase.REVIVING, Phase.DELETING})


@dataclass(frozen=True, slots=True)
class OSDisk:
    """An OS disk. `image`: the fingerprint of what it was made from; `copy`: the name of its copy, where there is one (copies.py).

    `reported`: the version that the OS said it was when it was up.
    """

    id: str
    version: str
    image: str
    copy: str = ""
    custom_data: str = ""
    cloud_init_id: str = ""
    extensions: tuple[ExtensionView, ...] = ()
    runs: tuple[Run, ...] = ()
    reported: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance as Incus tells it. `state` only where it was asked for."""

    name: str
    status: str
    config: Mapping[str, str]
    devices: Mapping[str, Mapping[str, str]]
    etag: str = ""
    state: Mapping[str, Any] | None = None

    @property
    def operation(self) -> str:
        return self.config.get(Key.OPERATION, "")

    @property
    def phase(self) -> Phase:
        return Phase(self.config.get(Key.PHASE, ""))

    @property
    def is_running(self) -> bool:
        return self.status == "Running"

    def disk(self, key: Key) -> OSDisk | None:
        """The OS disk under OS, KEPT, TARGET or SAVED."""
        return disk_from_json(self.config[key]) if self.config.get(key) else None

    @property
    def is_whole(self) -> bool:
        """Is the root file system what OS says? If not, a swap of an operation that is open or was abandoned has begun to replace it."""
        return self.phase in ON_OS or (self.phase in ON_OS_UNLESS_SAVED and not self.config.get(Key.SAVED))

    @property
    def rebuilt_from(self) -> str:
        """The fingerprint of the image from which somebody else has rebuilt it; "" where nobody has."""
        base, now = self.config.get(Key.BASE), self.config.get(BASE_IMAGE, "")
        return now if base and now != base and not self.operation else ""

    def belongs_to(self, operation: Operation) -> bool:
        mine = (operation.scale_set.key, operation.instance)
        return (self.config.get(Key.SET), self.config.get(Key.INSTANCE)) == mine

    @property
    def is_a_copy(self) -> bool:
        """Did somebody copy it from the instance that it was? Incus gives copies an id of their own; one that is moved keeps its own."""
        return self.config.get(Key.ID, self.config.get(UUID)) != self.config.get(UUID)

    @property
    def failure(self) -> tuple[str, str] | None:
        """Code and message of an operation that is bound to fail."""
        return _pair(self.config.get(Key.FAILURE, ""))

    def last(self, operation: Operation) -> tuple[str, str] | None:
        """How this operation ended here: code and message, "" after a success; None if another one ended last."""
        id, *pair = json.loads(self.config.get(Key.LAST) or '[""]')
        return (str(pair[0]), str(pair[1])) if id == operation.id else None

    @property
    def has_failed(self) -> bool:
        """Did the operation that ended last fail?"""
        return bool(json.loads(self.config.get(Key.LAST) or '["", ""]')[1])


def machine_from_json(body: Mapping[str, Any], etag: str = "") -> Machine:
    return Machine(body["name"], body["status"], body["config"], body["devices"], etag, body.get("state"))


def disk_to_json(disk: OSDisk | None) -> str:
    return json.dumps(asdict(disk), separators=(",", ":")) if disk else ""


def disk_from_json(text: str) -> OSDisk:
    body = json.loads(text)
    extensions = [ExtensionView(**{**each, "state": Provisioning(each["state"])}) for each in body["extensions"]]
    runs = [Run(**each) for each in body["runs"]]
    return OSDisk(**{**body, "extensions": tuple(extensions), "runs": tuple(runs)})


def _pair(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    code, message = json.loads(text)
    return str(code), str(message)


def name_of(scale_set: ScaleSetReference, instance: str) -> str:
    """The name of the instance: people can read it, Incus takes it, and no other machine has it.

    >>> name_of(ScaleSetReference("rg/web-frontend"), "12")
    'rg-web-frontend-af28f5-12'
    """
    number = instance if re.fullmatch("[a-z0-9]{1,12}", instance) else f"x{digest(instance, 8)}"
    return f"{prefix_of(scale_set)}{number}"


def prefix_of(scale_set: ScaleSetReference) -> str:
    """With what the names of all its machines begin."""
    cleaned = re.sub("[^a-z0-9]+", "-", scale_set.key.rpartition("/")[2].lower()).strip("-")[:30].strip("-")
    return "".join(f"{part}-" for part in ("rg", cleaned, digest(scale_set.key, 6)) if part)


def disk_id_of(operation: Operation) -> str:
    """The id of the OS disk that a CREATE or REIMAGE makes."""
    return f"{name_of(operation.scale_set, operation.instance)}-os-{digest(operation.id, 16)}"


def digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def without_runs(disk: OSDisk) -> OSDisk:
    return replace(disk, extensions=(), runs=())


def view_of(machine: Machine) -> InstanceView:
    """As it is; what an open operation means for it is added by whoever keeps the operations.

    A root file system that is being replaced is half made: no version is known of it, whoever keeps the operations or has lost them.
    """
    is_half_made = bool(machine.operation) and not machine.is_whole
    disk = machine.disk(Key.OS) or machine.disk(Key.TARGET)
    provisioning = Provisioning.FAILED if machine.has_failed or is_half_made else Provisioning.SUCCEEDED
    if machine.operation and not is_half_made:
        kind = machine.config.get(Key.KIND)
        provisioning = Provisioning.CREATING if kind == OperationKind.CREATE else Provisioning.UPDATING
    return InstanceView(
        instance=machine.config[Key.INSTANCE],
        os_disk=disk.id if disk else "",
        version=disk.version if disk and not is_half_made else "",
        power=Power.RUNNING if machine.is_running else Power.STOPPED,
        provisioning=provisioning,
        address=address_of(machine.state) if machine.is_running else "",
        data_disks=tuple(DataDiskView(**each) for each in json.loads(machine.config.get(Key.DATA) or "[]")),
        extensions=disk.extensions if disk else (),
        runs=disk.runs if disk else (),
        half_made=is_half_made,
        reported_version=disk.reported if disk else "",
    )


def address_of(state: Mapping[str, Any] | None) -> str:
    """The first address by which others reach it, IPv4 before IPv6; "" while it has none."""
    found = sorted(
        (each["family"] != "inet", nic, each["address"])
        for nic, card in ((state or {}).get("network") or {}).items()
        if nic != "lo"
        for each in card.get("addresses") or ()
        if each["scope"] == "global"
    )
    return str(found[0][2]) if found else ""
