"""The states that machines, instances, upgrades and batches go through."""

from enum import StrEnum


class Power(StrEnum):
    """Azure's PowerState codes that a machine of a scale set can be in."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    DEALLOCATED = "deallocated"  # it is off, because a person asked for that; providers call it stopped
    UNKNOWN = "unknown"  # the instance has no machine


OFF = (Power.STOPPED, Power.DEALLOCATED)


class Provisioning(StrEnum):
    """Azure's ProvisioningState codes of an instance, and of each of its extensions."""

    CREATING = "creating"
    UPDATING = "updating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DELETING = "deleting"


class KeptOSDisk(StrEnum):
    """What a provider puts back in a rollback. Only EXACT and COPY bring the machine back as it was."""

    EXACT = "exact"  # the very disk that was replaced
    COPY = "copy"  # a copy that was made of it before: costs time and space
    VERSION = "version"  # a new disk from the image of the version before: what was written on the old one is lost
    NONE = "none"  # nothing: there is no rollback


class ImageObstacle(StrEnum):
    """Why no OS disk of an image can be made at a location now, although its provider answers."""

    IMAGE_MISSING = "ImageMissing"
    STORAGE_MISSING = "StorageMissing"
    HOST_FULL = "HostFull"


class OperationKind(StrEnum):
    """What a provider can be asked to do to a machine."""

    CREATE = "create"
    REIMAGE = "reimage"
    RESTORE = "restore"
    EXTENSIONS = "extensions"
    DELETE = "delete"
    START = "start"
    RESTART = "restart"
    POWER_OFF = "power_off"
    DEALLOCATE = "deallocate"  # for a provider a POWER_OFF


POWER_KINDS = (OperationKind.START, OperationKind.RESTART, OperationKind.POWER_OFF)  # as providers know them


class Health(StrEnum):
    """Health of an instance's application: four values, never a boolean (Z-3.3)."""

    INITIALIZING = "initializing"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


# No answer counts as a bad answer (Z-3.3).
UNHEALTHY_STATES = (Health.UNHEALTHY, Health.UNKNOWN)


class UpgradeStatus(StrEnum):
    """Azure's RollingUpgradeStatusCode (Z-4.5)."""

    ROLLING_FORWARD = "RollingForward"
    ROLLING_BACK = "RollingBack"
    CANCELLED = "Cancelled"
    COMPLETED = "Completed"
    FAULTED = "Faulted"


class UpgradeKind(StrEnum):
    """What a rolling upgrade changes on its instances."""

    IMAGE = "image"  # their OS disks: new ones, with another version of the image
    EXTENSIONS = "extensions"  # their extensions: those of the scale set's model are run on the present OS disks


class StartedBy(StrEnum):
    """Azure's UpgradeOperationInvoker: who asked for an upgrade (Z-4.5)."""

    PLATFORM = "Platform"
    USER = "User"


class InstanceUpgradeState(StrEnum):
    """How far one instance is in one upgrade."""

    QUEUED = "queued"  # recorded in a batch, nothing done yet
    UPGRADING = "upgrading"  # its OS disk is being replaced
    VERIFYING = "verifying"  # its OS disk is replaced, and it has to become healthy now
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLING_BACK = "rolling_back"  # it failed; its old OS disk is being put back
    ROLLED_BACK = "rolled_back"  # it failed, and runs on its old OS disk again
    SKIPPED = "skipped"  # opted out before anything was done to it, or its machine is gone


IN_FLIGHT = frozenset(
    {
        InstanceUpgradeState.QUEUED,
        InstanceUpgradeState.UPGRADING,
        InstanceUpgradeState.VERIFYING,
        InstanceUpgradeState.ROLLING_BACK,
    }
)
HAS_FAILED = frozenset(
    {InstanceUpgradeState.FAILED, InstanceUpgradeState.ROLLING_BACK, InstanceUpgradeState.ROLLED_BACK}
)
# {state: the states that can follow it}. A result is final, with two exceptions: a failed instance may be rolled back, and a replaced
# instance that is opted out before its deletion begins stays, so its success becomes SKIPPED.
NEXT_INSTANCE_UPGRADE_STATES: dict[InstanceUpgradeState, frozenset[InstanceUpgradeState]] = {
    InstanceUpgradeState.QUEUED: frozenset({InstanceUpgradeState.UPGRADING, InstanceUpgradeState.SKIPPED}),
    InstanceUpgradeState.UPGRADING: frozenset(
        {InstanceUpgradeState.VERIFYING, InstanceUpgradeState.FAILED, InstanceUpgradeState.SKIPPED}
    ),
    InstanceUpgradeState.VERIFYING: frozenset(
        {InstanceUpgradeState.SUCCEEDED, InstanceUpgradeState.FAILED, InstanceUpgradeState.SKIPPED}
    ),
    InstanceUpgradeState.SUCCEEDED: frozenset({InstanceUpgradeState.SKIPPED}),
    InstanceUpgradeState.FAILED: frozenset({InstanceUpgradeState.ROLLING_BACK}),
    InstanceUpgradeState.ROLLING_BACK: frozenset({InstanceUpgradeState.ROLLED_BACK, InstanceUpgradeState.FAILED}),
    InstanceUpgradeState.ROLLED_BACK: frozenset(),
    InstanceUpgradeState.SKIPPED: frozenset(),
}


class FaultCode(StrEnum):
    """Why an upgrade was stopped: Azure's codes (Z-1.6), and WITHDRAWN, which is ours because Azure has no code for it."""

    UNHEALTHY_BEFORE = "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    UNHEALTHY_DURING = "MaxUnhealthyInstancePercentExceededInRollingUpgrade"
    TOO_MANY_FAILED = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    TIMEOUT = "RollingUpgradeTimeoutError"
    INTERNAL = "InternalExecutionError"
    WITHDRAWN = "ImageVersionWithdrawn"


# Azure's code for an upgrade that goes on although some instances failed (Z-1.6).
INSTANCE_FAILED = "RollingUpgradeInProgressWithFailedUpgradedVMs"
