"""Azure's own sentences (Z-1.6, with its double spaces). They stay as they are, in English; all others are in core/catalogue."""

from upgrades.core.message_format import ParamType
from upgrades.core.sentences import Param, Sentence

# These two are stored with an instance; they are no reasons for waiting.
GONE = "the machine is gone at the provider"
UNHEALTHY = "Instance found to be unhealthy or unreachable"


def unhealthy_before(percent: float, limit: float) -> Sentence:
    return _sentence(
        "Rolling Upgrade failed due to exceeding the MaxUnhealthyInstancePercent value (defined in the RollingUpgradePolicy) "
        f"before any batch was attempted. {_share(percent)}% of instances are in an unhealthy state, more than the threshold of "
        f"{limit}% configured in the RollingUpgradePolicy. The most impactful error is:  Instance found to be unhealthy or "
        "unreachable. For details on rolling upgrades, use http://aka.ms/AzureVMSSRollingUpgrade",
        percent,
        limit,
    )


def unhealthy_within(percent: float, limit: float) -> Sentence:
    return _sentence(
        "Rolling Upgrade failed after exceeding the MaxUnhealthyInstancePercent value defined in the RollingUpgradePolicy. "
        f"{_share(percent)}% of instances are in an unhealthy state - more than the threshold of {limit}%. To apply upgrades, "
        "consider increasing the MaxUnhealthyInstancePercent value.",
        percent,
        limit,
    )


def too_many_failed(percent: float, limit: float, first_failed: int, error: str) -> Sentence:
    """`first_failed`: the id of the first failed instance. `error`: what went wrong with it, "" if it is merely not healthy."""
    return _sentence(
        "Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value defined in the "
        f"RollingUpgradePolicy. {_share(percent)}% of instances are in an unhealthy state after being upgraded - more than the "
        f"threshold of {limit}%. The most impactful error is: {error.rstrip('.') or UNHEALTHY}. First failed "
        f"instance ID is: {first_failed}.",
        percent,
        limit,
        first_failed=Param(type=ParamType.COUNT.value, value=first_failed),
        **({"error": Param(type=ParamType.TEXT.value, value=error)} if error else {}),
    )


def _sentence(text: str, percent: float, limit: float, **others: Param) -> Sentence:
    shares = {"percent": percent, "limit": limit}
    params = {name: Param(type=ParamType.PERCENT.value, value=value) for name, value in shares.items()}
    return Sentence(text, params={**params, **others})


def _share(percent: float) -> str:
    return f"{percent:g}" if percent == int(percent) else f"{percent:.1f}"
