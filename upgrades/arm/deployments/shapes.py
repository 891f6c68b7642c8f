"""Deployments and their operations as Azure shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from upgrades.arm import ids
from upgrades.arm.answers import time
from upgrades.models import Deployment, DeploymentOperation, Subscription

DEPLOYMENTS = "Microsoft.Resources/deployments"
State = DeploymentOperation.State
REASONS = {200: "OK", 201: "Created", 400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}


def id_of(subscription: Subscription, group: str, name: str) -> str:
    base = ids.of_group(subscription, group) if group else ids.of_subscription(subscription)
    return f"{base}/providers/{DEPLOYMENTS}/{name}"


def deployment(subscription: Subscription, row: Deployment) -> dict[str, Any]:
    """A resource. `row.operations` may be fetched already."""
    operations = list(row.operations.all())
    properties = {
        "templateHash": row.template_hash,
        "parameters": row.parameters,
        "mode": row.mode,
        "provisioningState": row.state,
        "timestamp": time(row.changed_at),
        "duration": _duration(row.changed_at - row.started_at),
        "correlationId": row.correlation_id,
        "providers": providers([each.resource_type for each in operations], row.location),
        "dependencies": _dependencies(operations),
    }
    if row.state == Deployment.State.SUCCEEDED:
        properties |= {"outputs": row.outputs, "outputResources": [{"id": id} for id in row.deployed]}
    if row.error:
        properties["error"] = row.error
    return {**_named(subscription, row.resource_group, row.name, row.location, row.tags), "properties": properties}


def _named(subscription: Subscription, group: str, name: str, location: str, tags: Mapping[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {"id": id_of(subscription, group, name), "name": name, "type": DEPLOYMENTS}
    if not group:
        own["location"] = location
    return {**own, "tags": dict(tags)} if tags else own


def validated(
    subscription: Subscription,
    group: str,
    name: str,
    location: str,
    now: datetime,
    properties: Mapping[str, Any],
    mode: str = "Incremental",
) -> dict[str, Any]:
    """What validation answers where nothing is wrong."""
    said = {
        "mode": mode,
        "provisioningState": "Succeeded",
        "timestamp": time(now),
        "duration": "PT0S",
        **properties,
    }
    return {**_named(subscription, group, name, location, {}), "properties": said}


def providers(types: Sequence[str], location: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each in types:
        namespace, _, kind = each.partition("/")
        described = {"resourceType": kind, "locations": [location or None]}
        found.setdefault(namespace, {})[kind.lower()] = described
    return [{"namespace": namespace, "resourceTypes": list(kinds.values())} for namespace, kinds in found.items()]


def _dependencies(operations: Sequence[DeploymentOperation]) -> list[dict[str, Any]]:
    by_id = {each.resource_id: each for each in operations}
    return [
        {"dependsOn": [_target(by_id[other]) for other in each.depends_on if other in by_id], **_target(each)}
        for each in operations
        if each.depends_on and not each.is_deletion
    ]


def _target(operation: DeploymentOperation) -> dict[str, str]:
    return {
        "id": operation.resource_id,
        "resourceType": operation.resource_type,
        "resourceName": operation.resource_name,
    }


def operation(subscription: Subscription, row: Deployment, each: DeploymentOperation) -> dict[str, Any]:
    started, changed = each.started_at or row.started_at, each.changed_at or row.started_at
    properties: dict[str, Any] = {
        "provisioningOperation": "Delete" if each.is_deletion else "Create",
        "provisioningState": each.state,
        "timestamp": time(changed),
        "duration": _duration(changed - started),
        "trackingId": row.correlation_id,
        "statusCode": REASONS.get(each.status_code, str(each.status_code)) if each.status_code else None,
        "targetResource": _target(each),
    }
    if each.error:
        properties["statusMessage"] = {"status": "Failed", "error": each.error}
    own_id = operation_id(each)
    return {
        "id": f"{id_of(subscription, row.resource_group, row.name)}/operations/{own_id}",
        "operationId": own_id,
        "properties": properties,
    }


def operation_id(each: DeploymentOperation) -> str:
    return f"{each.pk:016X}"


TYPES = {"string", "securestring", "int", "bool", "object", "secureobject", "array"}


def as_shown(outputs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Outputs with names and types as Azure spells them: `az vmss create` asks its output VMSS as vmss."""
    return {camel_case(name): {**each, "type": _type(str(each["type"]))} for name, each in outputs.items()}


def camel_case(name: str) -> str:
    """VMSS -> vmss, VMName -> vmName, Name -> name."""
    capitals = len(name) - len(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    lowered = capitals if capitals in (1, len(name)) else capitals - 1
    return name[:lowered].lower() + name[lowered:] if capitals else name


def _type(written: str) -> str:
    kind = written.lower()
    if kind not in TYPES:
        return written
    secure = kind.startswith("secure")
    return f"Secure{kind.removeprefix('secure').title()}" if secure else kind.title()


def _duration(length: timedelta) -> str:
    """As ISO 8601 has it: PT1M2.5S."""
    seconds = max(length, timedelta(0)).total_seconds()
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    said = f"{f'{hours}H' if hours else ''}{f'{minutes}M' if minutes else ''}"
    left = f"{rest:.6f}".rstrip("0").rstrip(".")
    return f"PT{said}{left}S" if left != "0" or not said else f"PT{said}"
