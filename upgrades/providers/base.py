"""The contract between the orchestrator and whoever runs the machines.

A provider knows machines. It knows nothing of the database, of Django, or of upgrades: it swaps one machine's OS disk when told so, puts
the one before back when told so, and says what it sees. Every method is safe to repeat. Callers put a time-out around every await; a
method that hangs loses nothing.

What the operations do to a machine:

- CREATE makes it, with new disks. InstanceExists where it is there already. What an earlier CREATE left half made (it never came up, and
  nothing runs on it any more) is deleted first, and made anew: a creation that failed can be tried again. MachineElsewhere where there are
  signs that somebody has moved the machine: nothing is made, and the message says what was seen, how to bring it back, and what to end so
  that another one is made. A provider that cannot see such signs says so in its documentation.
- REIMAGE replaces its OS disk and keeps the replaced one, for RESTORE: that one only, the one replaced before is deleted. Data disks
  stay. One that fails leaves the machine on the OS disk that it had, and the kept one as it was.
- RESTORE puts the kept OS disk back and boots it: the same disk id, the version that is on it. Custom data and extensions are not run
  again, their runs of then are there. The disk that it takes off is deleted, so that none is kept afterwards; data disks stay. A machine
  that is on that disk already is left alone if it is up and provisioned, and booted from it otherwise. OSDiskNotFound (permanent) where
  the disk is neither there nor kept. One that fails leaves the machine on the disk that it had, and keeps the kept one.
- EXTENSIONS brings the machine's extensions to those of the profile: those that it has not, has in another version, or that failed are
  run, in their order; those that the profile has no more are removed. Disks, image and custom data stay as they are, and the machine
  stays up. One that fails leaves the machine as it was; it does where the machine is off, or its OS does not report.
- DELETE deletes it with all its disks, the kept one too. Nothing to delete is a success.
- START boots it from the OS disk that it is on. Custom data and extensions are not run again. One that is on already is left alone.
- RESTART shuts its OS down and boots it again, from the same disk. InstanceNotRunning (permanent) where it is off.
- POWER_OFF shuts its OS down and switches it off; with `skip_shutdown` at once. It stays off, also when its host is restarted, until a
  START, a REIMAGE or a RESTORE. One that is off already is left alone. Its disks, address and name stay as the provider's `keeps` says.

The last three are given only to providers that say so (`Capabilities.switches_machines`). One that fails leaves the disks as they were.

All but CREATE and DELETE: InstanceNotFound (permanent) where there is no such machine. All: OperationInProgress (not permanent) while
another operation runs on it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from upgrades.core.facts import ImageReference
from upgrades.core.machines import DataDiskView as DataDiskView
from upgrades.core.machines import ExtensionView as ExtensionView
from upgrades.core.machines import InstanceView as InstanceView
from upgrades.core.machines import Run as Run
from upgrades.core.states import KeptOSDisk as KeptOSDisk
from upgrades.core.states import OperationKind as OperationKind


class ProviderError(Exception):
    """The provider could not do what was asked. `permanent` says whether asking again can ever help."""

    def __init__(self, code: str, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class ScaleSetReference:
    """A scale set as a provider sees it: `key` is "resource group/name" in lower case; `tags` are the client's own."""

    key: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataDisk:
    lun: int
    size_gb: int


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension of the model; `after` names those that must be provisioned before it (provisionAfterExtensions).

    `version` is its typeHandlerVersion, "" where none is given. `settings`: its public ones, as a JSON object, "" for none. Protected ones
    are never given to providers.
    """

    name: str
    publisher: str = ""
    type: str = ""
    after: tuple[str, ...] = ()
    version: str = ""
    settings: str = ""


@dataclass(frozen=True, slots=True)
class MachineProfile:
    """What a machine is made of besides its image. `custom_data` is base64 as the client gave it."""

    computer_name: str = ""
    os_type: str = "Linux"
    size: str = ""
    zone: str = ""
    data_disks: tuple[DataDisk, ...] = ()
    custom_data: str = ""
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One piece of work on one machine. `id` is the idempotency key: beginning the same id twice is the same as once.

    `image` holds a concrete version for CREATE and REIMAGE; it and `profile` are None for DELETE. `os_disk` is the OS disk to put back, for
    RESTORE only; there `image` says which version is on it, for information, and both it and `profile` may be None. EXTENSIONS has a
    `profile`; its `image` is for information, and may be None.

    `skip_shutdown`: for POWER_OFF, without asking the OS.

    `begin_by`: by `boot_time`, until when it may be begun; a provider whose cloud offers NEITHER calls `refuse_late` right before it begins
    one. After that time somebody else may have begun it.
    """

    id: str
    kind: OperationKind
    scale_set: ScaleSetReference
    instance: str
    image: ImageReference | None = None
    profile: MachineProfile | None = None
    os_disk: str = ""
    begin_by: float = float("inf")
    skip_shutdown: bool = False


def boot_time() -> float:
    """Seconds since this computer was started, those included in which it slept."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def refuse_late(operation: Operation) -> None:
    """Raise ProviderError, not permanent, where this process was held up and somebody else may have begun the operation meanwhile."""
    if boot_time() > operation.begin_by:
        message = f"Instance {operation.instance}: this worker was held up for too long; another one goes on."
        raise ProviderError("TooLate", message, permanent=False)


class Progress(StrEnum):
    UNKNOWN = "unknown"  # the provider never heard of this operation: begin it (again)
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far an operation is. `view` comes with SUCCEEDED (not for DELETE), `code` and `message` with FAILED."""

    progress: Progress
    view: InstanceView | None = None
    code: str = ""
    message: str = ""


# How long an operation that was begun and is not known is not begun again, where the cloud offers NEITHER: a call that was on its way
# has arrived by then, and a worker that was held up does not send it any more (`refuse_late`).
FENCE_SECONDS = 15.0
BEGIN_SECONDS = 5.0  # from when a worker made sure that the operation is still its own


class OperationMemory(StrEnum):
    """How a provider keeps a worker that wakes up late from beginning an operation a second time."""

    REMEMBERS = "remembers"  # it remembers operations by id, also those that have ended
    COMPARE_AND_SWAP = "compare-and-swap"  # its cloud refuses a claim on a machine that has changed since it was read
    NEITHER = (
        "neither"  # its cloud does neither: an operation that it does not know is begun again only after FENCE_SECONDS
    )


class Identity(StrEnum):
    """What of a machine can stay the same when its OS disk is replaced."""

    NAME = "name"
    ADDRESS = "address"
    MAC = "mac"
    ID = "id"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider's cloud can do.

    `poll_seconds`: how long to leave between two polls; 0 where `poll` itself waits for news (long polling).
    `most_instances`: of a scale set; None for any number.
    `keeps`: what stays the same when an OS disk is replaced.
    `switches_machines`: it takes the operations START, RESTART and POWER_OFF.
    """

    poll_seconds: float = 1.0
    most_instances: int | None = None
    memory: OperationMemory = OperationMemory.NEITHER
    kept_os_disk: KeptOSDisk = KeptOSDisk.NONE
    keeps: frozenset[Identity] = frozenset()
    switches_machines: bool = False


@runtime_checkable
class TakesImages(Protocol):
    """A provider that can be given the file of an image version."""

    async def import_image(self, image: ImageReference, file: Path, sha256: str) -> str:
        """Take the file in as this version; `sha256`: what it must have, "" for whatever it has. Returns where it is now, for people.

        Taking in the same file again changes nothing. May take minutes. Raises ProviderError, and then nothing has changed.
        """

    async def import_split_image(self, image: ImageReference, metadata: Path, root: Path) -> str:
        """The same of an image in two files: what it is, and its root file system.

        Raises ProviderError NotSupported where it takes images in one file only.
        """

    async def remove_image(self, image: ImageReference) -> bool:
        """Delete what was taken in as this version. False where there is nothing.

        Raises ProviderError, and then it is still there: ImageInUse where an OS disk of any machine lies on it.
        """


@runtime_checkable
class ChecksImages(Protocol):
    """A provider that can say beforehand whether OS disks can be made of an image: nothing is begun that would fail for that."""

    async def check_image(self, scale_set: ScaleSetReference, image: ImageReference) -> None:
        """Return within a second. Raises ProviderError: ImageNotFound; StorageMissing where what the machines' disks lie on is not there;
        NoSpace where there is none for a new OS disk.

        Its message says where that is, and what to do. Any other error says nothing of the image.
        """


@runtime_checkable
class GathersOutcomes(Protocol):
    """A provider that can wait for more than the first outcome: operations that end one after the other need fewer polls then."""

    async def gather(self, operation_ids: Sequence[str], *, wait_seconds: float) -> Mapping[str, Outcome]:
        """As `poll`, but may wait until none of them runs any more, or one has failed."""


class Provider(Protocol):
    """Made by `providers.load(name, home, settings)`: `home` is the state folder, `settings` the location's own."""

    capabilities: Capabilities

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None: ...

    async def begin(self, operations: Sequence[Operation]) -> Mapping[str, ProviderError]:
        """Begins all of them, each at most once by its id, and returns in under five seconds.

        Answers those that were refused, by operation id; the rest is begun. Raises ProviderError where nothing could be begun.
        """

    async def poll(self, operation_ids: Sequence[str], *, wait_seconds: float = 0) -> Mapping[str, Outcome]:
        """How far these operations are; may wait up to `wait_seconds` until at least one of them is no longer running."""

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        """All machines of the scale set by instance id; those that do not exist are absent."""

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        """How many more machines it would make for this scale set now, by its quotas and whatever else it knows of; None: any number."""

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        """Where (host, port) a probe of this port of the machine at `address` must connect to."""

    async def close(self) -> None: ...
