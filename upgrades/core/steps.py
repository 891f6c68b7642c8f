"""What `decide` can answer: one of these, and nothing else. Each says what to do; none does it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from upgrades.core.facts import Breach, ImageReference
from upgrades.core.states import StartedBy

# How soon a scale set is looked at again.
RESYNC_INTERVAL = timedelta(minutes=2)  # a lost wake is healed by then
WORK_POLL_INTERVAL = timedelta(seconds=3)  # as long as a lease of work: what lapsed is handed out again
HEALTH_POLL_INTERVAL = timedelta(seconds=2)  # as often as the prober says how fresh its news is


class Why(StrEnum):
    """Why nothing is done now: a code for programs, beside the sentence for people."""

    NOTHING_TO_DO = "NothingToDo"
    NO_IMAGE = "NoImagePublished"
    REPLACING = "ReplacingOSDisks"
    RUNNING_EXTENSIONS = "RunningExtensions"
    SURGING = "CreatingReplacements"
    VERIFYING = "WaitingForHealth"
    ROLLING_BACK = "RollingBack"
    STALE_HEALTH = "HealthIsStale"
    INITIALIZING = "InstancesInitializing"
    PAUSE = "PauseBetweenBatches"
    CLEARING = "RemovingReplaced"
    ROOM = "QuotaUnknown"
    PAUSED = "Paused"
    FLEET_STOPPED = "FleetStopped"
    WAITING_FOR_APPROVAL = "WaitsForApproval"
    CREATING = "CreatingInstances"
    STOPPED = "LastAttemptStopped"
    GATE = "TooManyUnhealthy"
    BACKING_OFF = "WaitingToTryAgain"
    NOT_MADE = "MachinesNotMade"
    GONE = "MachinesGone"


@dataclass(frozen=True, slots=True)
class AddInstances:
    """Create this many new instances, on the newest image."""

    count: int
    image: ImageReference


@dataclass(frozen=True, slots=True)
class MakeAgain:
    """Create the machines of these instances, which have none, on the newest image."""

    instances: tuple[int, ...]
    image: ImageReference


@dataclass(frozen=True, slots=True)
class RemoveInstances:
    instances: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StartUpgrade:
    """`takes_failed`: those too that failed on this very version."""

    target: ImageReference
    started_by: StartedBy
    takes_failed: bool = False


@dataclass(frozen=True, slots=True)
class StartBatch:
    """`why` says how these were chosen, for the decision log. `surge`: new instances are made in their places."""

    number: int
    instances: tuple[int, ...]
    why: str = field(default="", compare=False)
    surge: bool = False


@dataclass(frozen=True, slots=True)
class Settle:
    """The wait for health is over for these members of the running batch. `let_go`: they were to be replaced, and are not any more."""

    succeeded: tuple[int, ...]
    failed: tuple[int, ...]
    let_go: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RollBack:
    """Put the old OS disk back on these, which failed. `breach`: the upgrade has been stopped by it, and ends when they are back."""

    instances: tuple[int, ...]
    breach: Breach | None = None


@dataclass(frozen=True, slots=True)
class FinishBatch:
    number: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Stop the upgrade: a limit is passed."""

    breach: Breach


@dataclass(frozen=True, slots=True)
class Cancel:
    reason: str


@dataclass(frozen=True, slots=True)
class Complete:
    pass


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing now: look again at `until`, or when something changes."""

    until: datetime
    why: Why
    text: str


Action = (
    AddInstances
    | MakeAgain
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
Step = Action | Wait
