"""Microsoft.Insights/eventtypes/management/values: the audit trail in the shape of Azure's activity log, the newest first.

What is no act on the subscription (signing in, people and their groups) is on the page /audit/ only.
"""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from upgrades.arm import activity_filter, ids
from upgrades.arm.answers import Answer, newest_first, time
from upgrades.arm.deployments.shapes import id_of as deployment_id
from upgrades.arm.options import FILTER, SELECT, SKIP_TOKEN, TOP, takes, words
from upgrades.arm.requests import ADMIN, Call, needs, resource
from upgrades.core.auditing import AuditOutcome, ObjectKind, Who
from upgrades.models import AuditEntry

INSIGHTS = "Microsoft.Insights"
NOT_SHOWN = (ObjectKind.USER, ObjectKind.USER_GROUP)
SETS, BALANCERS, GROUPS = ids.SCALE_SETS, ids.LOAD_BALANCERS, "Microsoft.Resources/subscriptions/resourceGroups"
DEPLOYMENTS = "Microsoft.Resources/deployments"
TYPES = {
    ObjectKind.SCALE_SET: SETS,
    ObjectKind.LOAD_BALANCER: BALANCERS,
    ObjectKind.RESOURCE_GROUP: GROUPS,
    ObjectKind.DEPLOYMENT: DEPLOYMENTS,
}
OURS = "Rollgrid"  # the provider of what Azure has no name for
OPERATIONS = {
    "ScaleSetCreated": f"{SETS}/write",
    "ScaleSetChanged": f"{SETS}/write",
    "ScaleSetDeleted": f"{SETS}/delete",
    "UpgradeStarted": f"{SETS}/osRollingUpgrade/action",
    "ExtensionUpgradeStarted": f"{SETS}/extensionRollingUpgrade/action",
    "UpgradeCancelled": f"{SETS}/rollingUpgrades/action",
    "InstancesApproved": f"{SETS}/approveRollingUpgrade/action",
    "InstancesUpgraded": f"{SETS}/manualUpgrade/action",
    "InstancesReimaged": f"{SETS}/reimage/action",
    "InstancesStarted": f"{SETS}/start/action",
    "InstancesRestarted": f"{SETS}/restart/action",
    "InstancesPoweredOff": f"{SETS}/powerOff/action",
    "InstancesDeallocated": f"{SETS}/deallocate/action",
    "InstancesDeleted": f"{SETS}/delete/action",
    "InstanceProtectionChanged": f"{SETS}/virtualMachines/write",
    "LoadBalancerCreated": f"{BALANCERS}/write",
    "LoadBalancerChanged": f"{BALANCERS}/write",
    "LoadBalancerDeleted": f"{BALANCERS}/delete",
    "ResourceGroupCreated": f"{GROUPS}/write",
    "ResourceGroupChanged": f"{GROUPS}/write",
    "ResourceGroupDeleted": f"{GROUPS}/delete",
    "DeploymentStarted": f"{DEPLOYMENTS}/write",
    "DeploymentEnded": f"{DEPLOYMENTS}/write",
    "DeploymentCancelled": f"{DEPLOYMENTS}/cancel/action",
    "DeploymentDeleted": f"{DEPLOYMENTS}/delete",
}
OF_RESOURCES = {"ResourceCreated": "write", "ResourceChanged": "write", "ResourceDeleted": "delete"}
FIELDS = (
    "authorization",
    "caller",
    "category",
    "channels",
    "claims",
    "correlationId",
    "description",
    "eventDataId",
    "eventName",
    "eventTimestamp",
    "httpRequest",
    "id",
    "level",
    "operationId",
    "operationName",
    "properties",
    "resourceGroupName",
    "resourceId",
    "resourceProviderName",
    "resourceType",
    "status",
    "subStatus",
    "submissionTimestamp",
    "subscriptionId",
    "tenantId",
)
YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)


@needs(ADMIN)
@takes(FILTER, SELECT, SKIP_TOKEN, TOP)
def values(call: Call) -> Answer:
    selected = words(call.query, SELECT, FIELDS)
    wanted = activity_filter.read(call.query.get(FILTER, "").strip())
    rows = AuditEntry.objects.filter(wanted).exclude(kind__in=NOT_SHOWN)

    def render(found: Sequence[AuditEntry]) -> list[dict[str, Any]]:
        events = [_event(call, row) for row in found]
        return [
            {name: value for name, value in event.items() if not selected or name.lower() in selected}
            for event in events
        ]

    return newest_first(call, rows, render)


def _event(call: Call, row: AuditEntry) -> dict[str, Any]:
    uri, event_id = _uri(call, row), str(uuid.uuid5(call.subscription.pk, f"audit entry {row.pk}"))
    operation, is_done = _operation(row), row.outcome == AuditOutcome.DONE
    provider, its_type = operation.split("/")[0], _type(row) or f"{OURS}/{row.kind.replace(' ', '')}"
    ticks = (row.at - YEAR_ONE) // timedelta(microseconds=1) * 10
    return {
        "authorization": {"action": operation, "scope": uri},
        "caller": row.name,
        "category": _value("Administrative"),
        "channels": "Operation",
        "claims": {"appid": row.who_id} if row.who == Who.API_CLIENT else {},
        "correlationId": row.request_id,
        "description": row.says,
        "eventDataId": event_id,
        "eventName": _value("EndRequest", "End request"),
        "eventTimestamp": time(row.at),
        "httpRequest": {"clientRequestId": row.request_id, "clientIpAddress": row.came_from},
        "id": f"{uri}/events/{event_id}/ticks/{ticks}",
        "level": "Informational" if is_done else "Error",
        "operationId": row.request_id,
        "operationName": _value(operation, row.code),
        "properties": _properties(row),
        **({"resourceGroupName": group} if (group := _group(row)) else {}),
        "resourceId": uri,
        "resourceProviderName": _value(provider),
        "resourceType": _value(its_type),
        "status": _value("Succeeded" if is_done else "Failed"),
        "subStatus": _value(row.error_code),
        "submissionTimestamp": time(row.at),
        "subscriptionId": str(call.subscription.pk),
        "tenantId": str(call.subscription.tenant_id),
    }


def _type(row: AuditEntry) -> str | None:
    """Azure's type of what the act was on; of a stored resource its path says it."""
    if row.kind == ObjectKind.RESOURCE:
        return row.path.partition("/")[2].rpartition("/")[0]
    return TYPES.get(ObjectKind(row.kind))


def _operation(row: AuditEntry) -> str:
    if row.code in OF_RESOURCES:
        return f"{_type(row)}/{OF_RESOURCES[row.code]}"
    return OPERATIONS.get(row.code, f"{_type(row) or OURS}/{row.code}/action")


def _value(value: str, says: str = "") -> dict[str, str]:
    return {"value": value, "localizedValue": says or value}


def _properties(row: AuditEntry) -> dict[str, Any]:
    """Azure's are texts by name; before and after are JSON, as Azure writes bodies there."""
    said = {"code": row.code, "entryPoint": row.entry_point, "before": row.before, "after": row.after}
    error = {"statusMessage": row.error_message} if row.error_message else {}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in {**said, **error}.items()
        if value
    }


def _uri(call: Call, row: AuditEntry) -> str:
    """The resource, under the name that the act was on; the subscription for what is in no group."""
    group, _, name = row.path.partition("/")
    if row.kind in (ObjectKind.SCALE_SET, ObjectKind.LOAD_BALANCER):
        return f"{ids.of_group(call.subscription, group)}/providers/{TYPES[ObjectKind(row.kind)]}/{name}"
    if row.kind == ObjectKind.RESOURCE:
        return f"{ids.of_group(call.subscription, group)}/providers/{name}"
    if row.kind == ObjectKind.RESOURCE_GROUP:
        return ids.of_group(call.subscription, row.path)
    if row.kind == ObjectKind.DEPLOYMENT:
        return deployment_id(call.subscription, group if name else "", name or group)
    return ids.of_subscription(call.subscription)


def _group(row: AuditEntry) -> str:
    """Empty for what is in no group, as a deployment of the subscription."""
    group, _, name = row.path.partition("/")
    is_in_one = row.kind in TYPES or row.kind == ObjectKind.RESOURCE
    return group if is_in_one and (name or row.kind != ObjectKind.DEPLOYMENT) else ""


VALUES = resource(INSIGHTS, GET=values)
