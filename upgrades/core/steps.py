"""The steps: everything that `decide` can return. A step says what to do and does nothing itself."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from upgrades.core.facts import Breach, ImageReference
from upgrades.core.states import StartedBy

# How soon a scale set is reconciled again.
RESYNC_INTERVAL = timedelta(minutes=2)  # makes up for a wake that was lost
WORK_POLL_INTERVAL = timedelta(seconds=3)  # a work lease's length: lapsed work is handed out again
HEALTH_POLL_INTERVAL = timedelta(seconds=2)  # as often as the prober writes how fresh its results are


class Why(StrEnum):
    """Why nothing is done now: the code for programs. `Wait.text` is the sentence for people."""

    NOTHING_TO_DO = "NothingToDo"
    NO_IMAGE = "NoImagePublished"
    REPLACING = "ReplacingOSDisks"
    RUNNING_EXTENSIONS = "RunningExtensions"
    SURGING = "CreatingReplacements"
    VERIFYING = "WaitingForHealth"
    ROLLING_BACK = "RollingBack"
    STALE_HEALTH = "HealthIsStale"
    INITIALIZING = "InstancesInitializing"
    PAUSE_BETWEEN_BATCHES = "PauseBetweenBatches"
    REMOVING_REPLACED = "RemovingReplaced"
    PROVIDER_UNAVAILABLE = "ProviderUnavailable"
    IMAGE_MISSING = "ImageMissing"
    STORAGE_MISSING = "StorageMissing"
    HOST_FULL = "HostFull"
    QUOTA_UNKNOWN = "QuotaUnknown"
    PAUSED = "Paused"
    FLEET_STOPPED = "FleetStopped"
    WAITING_FOR_APPROVAL = "WaitsForApproval"
    CREATING = "CreatingInstances"
    CANCELLED_BEFORE = "LastAttemptStopped"
    TOO_MANY_UNHEALTHY = "TooManyUnhealthy"
    BACKING_OFF = "WaitingToTryAgain"
    CREATION_FAILED = "MachinesNotMade"
    GONE = "MachinesGone"
    ELSEWHERE = "MachinesElsewhere"


@dataclass(frozen=True, slots=True)
class AddInstances:
    """Create this many new instances, on the newest image."""

    count: int
    image: ImageReference


@dataclass(frozen=True, slots=True)
class RecreateMachines:
    """Create machines for these instances, which have none, on the newest image."""

    instances: tuple[int, ...]
    image: ImageReference


@dataclass(frozen=True, slots=True)
class RemoveInstances:
    """Delete these instances and their machines."""

    instances: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StartUpgrade:
    """Start an upgrade to `target`. `takes_failed`: also of instances that failed on that version before."""

    target: ImageReference
    started_by: StartedBy
    takes_failed: bool = False


@dataclass(frozen=True, slots=True)
class StartBatch:
    """Start a batch of these instances. `why`: how they were chosen, for the log. `surge`: create new instances to replace them."""

    number: int
    instances: tuple[int, ...]
    why: str = field(default="", compare=False)
    surge: bool = False


@dataclass(frozen=True, slots=True)
class Settle:
    """Record the results of instances of the running batch. `skipped`: no longer to be replaced, or their machine is gone."""

    succeeded: tuple[int, ...]
    failed: tuple[int, ...]
    skipped: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RollBack:
    """Put the old OS disks of these failed instances back. `breach`: what stopped the upgrade, which ends when all disks are back."""

    instances: tuple[int, ...]
    breach: Breach | None = None


@dataclass(frozen=True, slots=True)
class FinishBatch:
    """End the batch: all its instances have a result."""

    number: int


@dataclass(frozen=True, slots=True)
class Fault:
    """End the upgrade as failed. `breach` says what stopped it."""

    breach: Breach


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the upgrade as cancelled. `reason`: why, in a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Complete:
    """End the upgrade as completed."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing now. Reconcile again at `until`, or when something changes."""

    until: datetime
    why: Why
    text: str


RecordedStep = (
    AddInstances
    | RecreateMachines
    | RemoveInstances
    | StartUpgrade
    | StartBatch
    | Settle
    | RollBack
    | FinishBatch
    | Fault
    | Cancel
    | Complete
)
Step = RecordedStep | Wait
