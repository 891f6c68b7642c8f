"""Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades, osUpgradeHistory and osRollingUpgrade"""

from typing import Any

from upgrades import attempts
from upgrades.arm import ids, operations
from upgrades.arm.answers import Answer, everything, time
from upgrades.arm.errors import Failed
from upgrades.arm.requests import OPERATOR, Call, needs, resource
from upgrades.arm.scale_sets import find
from upgrades.commands.upgrades import cancel as cancel_upgrade
from upgrades.commands.upgrades import start as start_upgrade
from upgrades.core.editing import iso_duration
from upgrades.models import RollingUpgrade, ScaleSet
from upgrades.models.async_operation import Kind
from upgrades.models.rolling_upgrade import Progress


def history(call: Call, group: str, name: str) -> Answer:
    """S-49: the last five attempts within two months."""
    row = find(group, name)
    upgrades = attempts.attempts(row, call.now)
    progress = attempts.progress_of(upgrades)
    return everything([_attempt(call, row, one, progress[one.pk]) for one in upgrades])


def _attempt(call: Call, row: ScaleSet, upgrade: RollingUpgrade, progress: Progress) -> dict[str, Any]:
    """`completedTime` is what the 2018 document calls endTime."""
    ended = time(upgrade.ended_at)
    status = {"code": upgrade.status, "startTime": time(upgrade.started_at)}
    properties: dict[str, Any] = {
        "runningStatus": {**status, **({"endTime": ended, "completedTime": ended} if ended else {})},
        "progress": _progress(progress),
        "startedBy": upgrade.started_by,
        "targetImageReference": _target(call, row, upgrade),
        "rollbackInfo": {"successfullyRolledbackInstanceCount": 0, "failedRolledbackInstanceCount": 0},
    }
    if upgrade.error:
        properties["error"] = upgrade.error
    return {"properties": properties, "type": ids.ROLLING_UPGRADES, "location": row.location.name}


def _progress(progress: Progress) -> dict[str, int]:
    return {
        "successfulInstanceCount": progress.successful,
        "failedInstanceCount": progress.failed,
        "inProgressInstanceCount": progress.in_progress,
        "pendingInstanceCount": progress.pending,
    }


def _target(call: Call, row: ScaleSet, upgrade: RollingUpgrade) -> dict[str, str]:
    names = (upgrade.target_publisher, upgrade.target_offer, upgrade.target_sku)
    version = {"version": upgrade.target_version, "exactVersion": upgrade.target_version}
    if row.sku.gallery:
        return {"id": ids.of_gallery_image(call.subscription, *names), **version}
    return {**dict(zip(("publisher", "offer", "sku"), names, strict=True)), **version}


def latest(call: Call, group: str, name: str) -> Answer:
    row = find(group, name)
    upgrade = row.upgrades.first()
    if upgrade is None:
        message = f"No rolling upgrade of the scale set '{row.name}' was ever started."
        raise Failed("ResourceNotFound", message)
    return Answer(_latest(row, upgrade))


def _latest(row: ScaleSet, upgrade: RollingUpgrade) -> dict[str, Any]:
    cancelling = bool(upgrade.cancel_requested_by)
    properties: dict[str, Any] = {
        "policy": _policy(upgrade),
        "runningStatus": {
            "code": upgrade.status,
            "startTime": time(upgrade.started_at),
            "lastAction": "Cancel" if cancelling else "Start",
            "lastActionTime": time(upgrade.ended_at if cancelling and upgrade.ended_at else upgrade.started_at),
        },
        "progress": _progress(upgrade.progress()),
    }
    if upgrade.error:
        properties["error"] = upgrade.error
    return {"properties": properties, "type": ids.ROLLING_UPGRADES, "location": row.location.name, "tags": row.tags}


def _policy(upgrade: RollingUpgrade) -> dict[str, Any]:
    """A-39: the one really used."""
    return {
        "maxBatchInstancePercent": upgrade.policy["max_batch_percent"],
        "maxUnhealthyInstancePercent": upgrade.policy["max_unhealthy_percent"],
        "maxUnhealthyUpgradedInstancePercent": upgrade.policy["max_unhealthy_upgraded_percent"],
        "pauseTimeBetweenBatches": iso_duration(upgrade.policy["pause_seconds"]),
        "rollbackFailedInstancesOnPolicyBreach": False,
        "maxSurge": False,
    }


@needs(OPERATOR)
def start(call: Call, group: str, name: str) -> Answer:
    """S-6: by hand, whether automatic upgrades are on or off."""
    row = find(group, name)
    upgrade = start_upgrade(str(row), call.client.name, call.now)
    return Answer(status=202, headers=operations.begun(call, Kind.UPGRADE, row, upgrade))


@needs(OPERATOR)
def cancel(call: Call, group: str, name: str) -> Answer:
    row = find(group, name)
    upgrade = cancel_upgrade(str(row), call.client.name, call.now)
    return Answer(status=202, headers=operations.begun(call, Kind.CANCEL, row, upgrade))


HISTORY = resource(ids.COMPUTE, GET=history)
LATEST = resource(ids.COMPUTE, GET=latest)
START = resource(ids.COMPUTE, POST=start)
CANCEL = resource(ids.COMPUTE, POST=cancel)
