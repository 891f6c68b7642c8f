"""The states that machines, instances, upgrades and batches go through."""

from enum import StrEnum


class Power(StrEnum):
    """Azure's PowerState codes that a machine of a scale set can be in."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    UNKNOWN = "unknown"  # there is no machine


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
    RESTORE = "restore"
    EXTENSIONS = "extensions"
    DELETE = "delete"


class Health(StrEnum):
    """What is known of an instance's application; never a boolean (Z-3.3)."""

    INITIALIZING = "initializing"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


# No news counts as bad news (Z-3.3).
ILL = (Health.UNHEALTHY, Health.UNKNOWN)


class UpgradeStatus(StrEnum):
    """Azure's RollingUpgradeStatusCode (Z-4.5)."""

    ROLLING_FORWARD = "RollingForward"
    ROLLING_BACK = "RollingBack"
    CANCELLED = "Cancelled"
    COMPLETED = "Completed"
    FAULTED = "Faulted"


class UpgradeKind(StrEnum):
    """What a rolling upgrade brings to its instances."""

    IMAGE = "image"  # a version of their image, on new OS disks
    EXTENSIONS = "extensions"  # the extensions of the scale set's model, on the OS disks that they have


class StartedBy(StrEnum):
    """Azure's UpgradeOperationInvoker: who asked for an upgrade (Z-4.5)."""

    PLATFORM = "Platform"
    USER = "User"


class MemberState(StrEnum):
    """Where one instance is within one upgrade."""

    QUEUED = "queued"  # recorded in a batch, nothing done yet
    UPGRADING = "upgrading"  # its OS disk is being replaced
    VERIFYING = "verifying"  # replaced; its health is awaited
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLING_BACK = "rolling_back"  # it failed; its old OS disk is being put back
    ROLLED_BACK = "rolled_back"  # it failed, and runs on its old OS disk again
    SKIPPED = "skipped"  # opted out after it was queued and before anything was done to it


IN_FLIGHT = frozenset({MemberState.QUEUED, MemberState.UPGRADING, MemberState.VERIFYING, MemberState.ROLLING_BACK})
HAS_FAILED = frozenset({MemberState.FAILED, MemberState.ROLLING_BACK, MemberState.ROLLED_BACK})
NEXT_MEMBER_STATES: dict[MemberState, frozenset[MemberState]] = {
    MemberState.QUEUED: frozenset({MemberState.UPGRADING, MemberState.SKIPPED}),
    MemberState.UPGRADING: frozenset({MemberState.VERIFYING, MemberState.FAILED, MemberState.SKIPPED}),
    MemberState.VERIFYING: frozenset({MemberState.SUCCEEDED, MemberState.FAILED, MemberState.SKIPPED}),
    MemberState.SUCCEEDED: frozenset({MemberState.SKIPPED}),
    MemberState.FAILED: frozenset({MemberState.ROLLING_BACK}),
    MemberState.ROLLING_BACK: frozenset({MemberState.ROLLED_BACK, MemberState.FAILED}),
    MemberState.ROLLED_BACK: frozenset(),
    MemberState.SKIPPED: frozenset(),
}


class FaultCode(StrEnum):
    """Azure's codes of a stopped upgrade (Z-1.6), and one of ours: Azure has no word for it."""

    BEFORE = "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    IN = "MaxUnhealthyInstancePercentExceededInRollingUpgrade"
    UPGRADED = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    TIMEOUT = "RollingUpgradeTimeoutError"
    INTERNAL = "InternalExecutionError"
    WITHDRAWN = "ImageVersionWithdrawn"


# Said of an upgrade that goes on with failed instances (Z-1.6).
INSTANCE_FAILED = "RollingUpgradeInProgressWithFailedUpgradedVMs"
