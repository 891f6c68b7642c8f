"""The sentences: Azure's own where it has them (facts 1.6, spaces and all), ours elsewhere."""

from datetime import datetime


def _share(percent: float) -> str:
    return f"{percent:g}" if percent == int(percent) else f"{percent:.1f}"


def unhealthy_before(percent: float, limit: int) -> str:
    return (
        "Rolling Upgrade failed due to exceeding the MaxUnhealthyInstancePercent value (defined in the RollingUpgradePolicy) "
        f"before any batch was attempted. {_share(percent)}% of instances are in an unhealthy state, more than the threshold of "
        f"{limit}% configured in the RollingUpgradePolicy. The most impactful error is:  Instance found to be unhealthy or "
        "unreachable. For details on rolling upgrades, use http://aka.ms/AzureVMSSRollingUpgrade"
    )


def unhealthy_within(percent: float, limit: int) -> str:
    return (
        "Rolling Upgrade failed after exceeding the MaxUnhealthyInstancePercent value defined in the RollingUpgradePolicy. "
        f"{_share(percent)}% of instances are in an unhealthy state - more than the threshold of {limit}%. To apply upgrades, "
        "consider increasing the MaxUnhealthyInstancePercent value."
    )


def too_many_failed(percent: float, limit: int, first_failed: int) -> str:
    return (
        "Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value defined in the "
        f"RollingUpgradePolicy. {_share(percent)}% of instances are in an unhealthy state after being upgraded - more than the "
        f"threshold of {limit}%. The most impactful error is: Instance found to be unhealthy or unreachable. First failed "
        f"instance ID is: {first_failed}."
    )


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S} UTC"


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


def replacing(count: int) -> str:
    return f"Replacing the OS disk of {_instances(count)}."


def making(count: int) -> str:
    return f"Making or removing {_instances(count)}."


def verifying(count: int, until: datetime) -> str:
    return f"Waiting for {_instances(count)} to become healthy, until {_clock(until)} at the latest."


def stale(as_of: datetime | None) -> str:
    if as_of is None:
        return "No health has been reported yet; nothing starts before it is known."
    return f"The last complete news of its health is from {_clock(as_of)}; nothing starts on old news."


def initializing(count: int) -> str:
    return f"Waiting for the first health verdict of {_instances(count)}."


def pause(until: datetime) -> str:
    return f"Pausing between batches until {_clock(until)}."


def stopped(version: str) -> str:
    return f"The last upgrade to {version} was stopped; it starts again by hand, or with the next version."


def gate_still_shut(version: str) -> str:
    return f"Too many instances are unhealthy to start the upgrade to {version}; it starts when they have recovered."
