"""Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades, osUpgradeHistory, osRollingUpgrade and extensionRollingUpgrade"""

from typing import Any

from upgrades import attempts
from upgrades.arm import ids, operations, reasons
from upgrades.arm.answers import Answer, everything, time
from upgrades.arm.errors import ArmError
from upgrades.arm.requests import OPERATOR, Call, is_there, needs, resource
from upgrades.arm.scale_sets import find
from upgrades.commands.upgrades import cancel as cancel_upgrade
from upgrades.commands.upgrades import start as start_upgrade
from upgrades.commands.upgrades import start_extensions as start_extension_upgrade
from upgrades.core.policy import policy_from_json, rolling_policy
from upgrades.core.progress import Progress
from upgrades.core.states import UpgradeStatus
from upgrades.models import RollingUpgrade, ScaleSet
from upgrades.models.async_operation import RequestKind

ROLLING_BACK_SINCE = "2026"  # api-versions of that year are the first to know it (Z-0.11)


def history(call: Call, group: str, name: str) -> Answer:
    """S-49: the last five attempts within two months."""
    row = find(group, name)
    upgrades = attempts.attempts(row, call.now)
    progress, rollbacks = attempts.progress_of(upgrades), attempts.rollbacks_of(upgrades)
    return everything(
        [_attempt(call, row, upgrade, progress[upgrade.pk], rollbacks[upgrade.pk]) for upgrade in upgrades]
    )


def _attempt(
    call: Call, row: ScaleSet, upgrade: RollingUpgrade, progress: Progress, rollback: attempts.Rollback
) -> dict[str, Any]:
    """`completedTime` is what the 2018 document calls endTime."""
    ended = time(upgrade.ended_at)
    status = {"code": _code(call, upgrade), "startTime": time(upgrade.started_at)}
    properties: dict[str, Any] = {
        "runningStatus": {**status, **({"endTime": ended, "completedTime": ended} if ended else {})},
        "progress": _progress(progress),
        "startedBy": upgrade.started_by,
        "targetImageReference": _target(call, row, upgrade),
        "rollbackInfo": _rollback(rollback),
    }
    if error := attempts.error_of(upgrade, row.name):
        properties["error"] = error
    return {"properties": properties, "type": ids.ROLLING_UPGRADES, "location": row.location.name}


def _code(call: Call, upgrade: RollingUpgrade) -> str:
    """A-37: clients of before 2026 know of no rolling back."""
    is_unknown = upgrade.status == UpgradeStatus.ROLLING_BACK and call.query["api-version"] < ROLLING_BACK_SINCE
    return UpgradeStatus.ROLLING_FORWARD if is_unknown else upgrade.status


def _rollback(rollback: attempts.Rollback) -> dict[str, Any]:
    """S-54: both counts, also when zero."""
    counts = {
        "successfullyRolledbackInstanceCount": rollback.succeeded,
        "failedRolledbackInstanceCount": rollback.failed,
    }
    if not rollback.error:
        return counts
    code, _, message = rollback.error.partition(": ")
    return {**counts, "rollbackError": {"code": code, "message": message}}


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
        raise ArmError("ResourceNotFound", message)
    return Answer(_latest(call, row, upgrade))


def _latest(call: Call, row: ScaleSet, upgrade: RollingUpgrade) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "policy": rolling_policy(policy_from_json(upgrade.policy)),  # the one really used
        "runningStatus": {
            "code": _code(call, upgrade),
            "startTime": time(upgrade.started_at),
            "lastAction": "Cancel" if upgrade.cancel_requested_by else "Start",
            "lastActionTime": time(upgrade.cancel_requested_at or upgrade.started_at),
        },
        "progress": _progress(upgrade.progress()),
        "reasons": reasons.of_scale_set(row),
    }
    if error := attempts.error_of(upgrade, row.name):
        properties["error"] = error
    own = {"id": f"{ids.of_scale_set(call.subscription, row)}/rollingUpgrades/latest", "name": "latest"}
    place = {"type": ids.ROLLING_UPGRADES, "location": row.location.name, "tags": row.tags}
    return {**own, **place, "properties": properties}


@needs(OPERATOR)
def start(call: Call, group: str, name: str) -> Answer:
    """S-6: by hand, whether automatic upgrades are on or off; Azure's is to the latest image only."""
    call.no_body()
    row = find(group, name)
    upgrade = start_upgrade(str(row), call.client.name, call.now, only_latest=True)
    return Answer(status=202, headers=operations.begun(call, RequestKind.UPGRADE, row, upgrade))


@needs(OPERATOR)
def start_extensions(call: Call, group: str, name: str) -> Answer:
    """A-21: the extensions of the model for all instances, on the OS disks that they have."""
    call.no_body()
    row = find(group, name)
    upgrade = start_extension_upgrade(str(row), call.client.name, call.now)
    return Answer(status=202, headers=operations.begun(call, RequestKind.UPGRADE, row, upgrade))


@needs(OPERATOR)
def cancel(call: Call, group: str, name: str) -> Answer:
    call.no_body()
    row = find(group, name)
    upgrade = cancel_upgrade(str(row), call.client.name, call.now)
    return Answer(status=202, headers=operations.begun(call, RequestKind.CANCEL, row, upgrade))


HISTORY = resource(ids.COMPUTE, GET=history)
LATEST = resource(ids.COMPUTE, GET=latest, HEAD=is_there(latest))
START = resource(ids.COMPUTE, POST=start)
START_EXTENSIONS = resource(ids.COMPUTE, POST=start_extensions)
CANCEL = resource(ids.COMPUTE, POST=cancel)
