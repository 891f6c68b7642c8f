"""What drives the machines of one host or cluster: QEMU, libvirt, Incus. `SteppedProvider` makes a provider of a driver.

A driver does an operation in steps. Nothing about an operation is kept in a process: each step looks at the machine (its disks, links,
configuration, whether it runs), does the next thing that is lacking, and returns. So any process can make the next step, also after a kill
at any line of the last one.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from upgrades.core.facts import ImageReference
from upgrades.providers.base import Capabilities, InstanceView, Operation, ProviderError, ScaleSetReference

HOST_UNAVAILABLE = "HostUnavailable"  # the code of a ProviderError where the host does not answer


@dataclass(frozen=True, slots=True)
class Waiting:
    """The operation goes on. `seconds`: how long to leave before the next step; `why`: what it waits for, for people."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The operation is over: `view` after a success (None for DELETE), `code` and `message` after a failure."""

    view: InstanceView | None = None
    code: str = ""
    message: str = ""


def not_running(operation: Operation) -> ProviderError:
    """The refusal of a RESTART."""
    return ProviderError("InstanceNotRunning", f"Instance {operation.instance} is off: start it.", permanent=True)


class Driver(Protocol):
    """Every method raises ProviderError HOST_UNAVAILABLE, not permanent, where the host does not answer. Its message says what to do.

    No method blocks the event loop: what blocks runs in a thread or a process.
    """

    capabilities: Capabilities

    async def check(self, operation: Operation) -> None:
        """Raise ProviderError where the operation cannot be begun on what is there. Changes nothing.

        CREATE: InstanceExists (permanent) unless an earlier creation left the machine half made; ImageNotFound (permanent);
        QuotaExceeded or TooManyInstances (permanent). All others but DELETE: InstanceNotFound (permanent). REIMAGE: ImageNotFound. RESTORE:
        OSDiskNotFound (permanent). RESTART: InstanceNotRunning (permanent). The message names the instance, and says what to do.
        """

    async def step(self, operation: Operation, memory: MutableMapping[str, Any]) -> Waiting | Ended:
        """Do the next thing that the operation lacks. Never called for the same machine by two processes at once.

        `memory`: notes for later steps of this operation (JSON), empty at first, saved after each step that returns: a step that was cut
        off is repeated with the notes from before it. It is for times and reasons; what matters is looked up at the machine.

        A REIMAGE that cannot succeed (the machine does not come up in time) puts the machine back on the disk that it had, and ends as
        failed after that. A ProviderError that is permanent ends the operation as failed at once (a driver that
        leaves the machine half made then says so in its views); one that is not: the step is repeated.
        """

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        """All machines of the scale set by instance id, as they are, whatever operation is open."""

    async def check_image(self, image: ImageReference) -> None:
        """Raise ProviderError ImageNotFound, StorageMissing or NoSpace where no OS disk of it can be made now (base.py, ChecksImages)."""

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None: ...

    def endpoint(self, address: str, port: int) -> tuple[str, int]: ...

    async def close(self) -> None: ...
