"""The states that machines, instances, upgrades and batches go through."""

from enum import StrEnum


class Power(StrEnum):
    """Azure's PowerState codes that a machine of a scale set can be in."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"


class Provisioning(StrEnum):
    """Azure's ProvisioningState codes of an instance, and of each of its extensions."""

    CREATING = "creating"
    UPDATING = "updating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DELETING = "deleting"


class OperationKind(StrEnum):
    """What can be done to a machine."""

    CREATE = "create"
    REIMAGE = "reimage"
    DELETE = "delete"


class Health(StrEnum):
    """What is known of an instance's application; never a boolean (facts 3.3)."""

    INITIALIZING = "initializing"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class UpgradeStatus(StrEnum):
    """Azure's RollingUpgradeStatusCode (facts 4.5)."""

    ROLLING_FORWARD = "RollingForward"
    CANCELLED = "Cancelled"
    COMPLETED = "Completed"
    FAULTED = "Faulted"


class StartedBy(StrEnum):
    """Azure's UpgradeOperationInvoker: who asked for an upgrade (facts 4.5)."""

    PLATFORM = "Platform"
    USER = "User"


class MemberState(StrEnum):
    """Where one instance is within one upgrade."""

    QUEUED = "queued"  # recorded in a batch, nothing done yet
    UPGRADING = "upgrading"  # its OS disk is being replaced
    VERIFYING = "verifying"  # replaced; its health is awaited
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"  # opted out after it was queued and before anything was done


IN_FLIGHT = frozenset({MemberState.QUEUED, MemberState.UPGRADING, MemberState.VERIFYING})
NEXT_MEMBER_STATES: dict[MemberState, frozenset[MemberState]] = {
    MemberState.QUEUED: frozenset({MemberState.UPGRADING, MemberState.SKIPPED}),
    MemberState.UPGRADING: frozenset({MemberState.VERIFYING, MemberState.FAILED}),
    MemberState.VERIFYING: frozenset({MemberState.SUCCEEDED, MemberState.FAILED}),
    MemberState.SUCCEEDED: frozenset(),
    MemberState.FAILED: frozenset(),
    MemberState.SKIPPED: frozenset(),
}
