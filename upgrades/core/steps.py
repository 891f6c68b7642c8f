"""What `decide` can answer: one of these, and nothing else. Each says what to do; none does it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from upgrades.core.facts import ImageReference
from upgrades.core.states import StartedBy


class Why(StrEnum):
    """Why nothing is done now: a code for programs, beside the sentence for people."""

    NOTHING_TO_DO = "NothingToDo"
    NO_IMAGE = "NoImagePublished"
    REPLACING = "ReplacingOSDisks"
    VERIFYING = "WaitingForHealth"
    STALE_HEALTH = "HealthIsStale"
    INITIALIZING = "InstancesInitializing"
    PAUSE = "PauseBetweenBatches"
    CREATING = "CreatingInstances"
    STOPPED = "LastAttemptStopped"


class FaultCode(StrEnum):
    """Azure's codes of a stopped upgrade (facts 1.6)."""

    BEFORE = "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    IN = "MaxUnhealthyInstancePercentExceededInRollingUpgrade"
    UPGRADED = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"


@dataclass(frozen=True, slots=True)
class AddInstances:
    """Create this many new instances, on the newest image."""

    count: int
    image: ImageReference


@dataclass(frozen=True, slots=True)
class RemoveInstances:
    instances: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StartUpgrade:
    target: ImageReference
    started_by: StartedBy


@dataclass(frozen=True, slots=True)
class StartBatch:
    number: int
    instances: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Settle:
    """The wait for health is over for these members of the running batch."""

    succeeded: tuple[int, ...]
    failed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FinishBatch:
    number: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Stop the upgrade: a limit is passed. `instances` are those that passed it."""

    code: FaultCode
    message: str
    instances: tuple[int, ...]


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


Act = AddInstances | RemoveInstances | StartUpgrade | StartBatch | Settle | FinishBatch | Fault | Cancel | Complete
Step = Act | Wait
