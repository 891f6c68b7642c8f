"""Addresses of rolling upgrades, upgrades that have ended, and the shape of what is told of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.arm.client import scale_set
from upgrades.core.states import StartedBy, UpgradeStatus
from upgrades.models import RollingUpgrade, ScaleSet

START = f"{scale_set()}/osRollingUpgrade"
CANCEL = f"{scale_set()}/rollingUpgrades/cancel"
LATEST = f"{scale_set()}/rollingUpgrades/latest"
HISTORY = f"{scale_set()}/osUpgradeHistory"


def ended(
    row: ScaleSet, at: datetime, *, status: UpgradeStatus = UpgradeStatus.COMPLETED, **more: Any
) -> RollingUpgrade:
    """An attempt that began then and took an hour."""
    values = {"pending_at_end": 0, "started_by": StartedBy.PLATFORM, **more}
    return RollingUpgrade.objects.create(
        scale_set=row,
        target_publisher="Canonical",
        target_offer="UbuntuServer",
        target_sku="16.04-LTS",
        target_version="16.04.201809250",
        policy={
            "max_batch_percent": 20,
            "max_unhealthy_percent": 20,
            "max_unhealthy_upgraded_percent": 20,
            "pause_seconds": 0,
        },
        status=status,
        started_at=at,
        ended_at=at + timedelta(hours=1),
        **values,
    )


def shape(value: Any, path: str = "") -> dict[str, type]:
    """Each field with the type of its value."""
    if isinstance(value, Mapping):
        return {key: kind for name, inner in value.items() for key, kind in shape(inner, f"{path}.{name}").items()}
    if isinstance(value, list):
        return {key: kind for inner in value for key, kind in shape(inner, f"{path}[]").items()}
    return {path: type(value)}
