"""Templates that are deployed over the API, and what is asked of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.arm.client import Api, Json, Said
from tests.stories import NOW, document
from upgrades.arm import clock
from upgrades.core.states import Provisioning
from upgrades.models import Instance, ScaleSet

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
SET_TYPE, BALANCER_TYPE = "Microsoft.Compute/virtualMachineScaleSets", "Microsoft.Network/loadBalancers"
DEPLOYMENT_TYPE = "Microsoft.Resources/deployments"
PASSWORD = "hunter2-Secret!"


def deployments(of: str = "fleet") -> str:
    return f"/resourceGroups/{of}/providers/{DEPLOYMENT_TYPE}"


def deployment(name: str = "first", of: str = "fleet") -> str:
    return f"{deployments(of)}/{name}"


def template(*resources: Json, **members: Any) -> Json:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources), **members}


def balancer(name: str = "lb", **members: Any) -> Json:
    probes = [{"name": "http", "properties": {"protocol": "Http", "port": 80, "requestPath": "/health"}}]
    return {
        "type": BALANCER_TYPE,
        "apiVersion": "2023-09-01",
        "name": name,
        "location": "[resourceGroup().location]",
        "properties": {"probes": probes},
        **members,
    }


def web(name: str = "web", *, capacity: Any = 0, **members: Any) -> Json:
    """A scale set; without instances it is provisioned at once."""
    return {
        "type": SET_TYPE,
        "apiVersion": "2023-09-01",
        "name": name,
        **document(capacity=capacity, **members.pop("document", {})),
        "location": "[resourceGroup().location]",
        **members,
    }


def probed(name: str = "web", **members: Any) -> Json:
    """A scale set that is asked by the load balancer's probe."""
    probe = f"[resourceId('{BALANCER_TYPE}/probes', 'lb', 'http')]"
    return web(name, document={"probe_id": probe}, dependsOn=[f"{BALANCER_TYPE}/lb"], **members)


def nested(
    name: str, inner: Json, *, scope: str = "inner", properties: Mapping[str, Any] | None = None, **members: Any
) -> Json:
    options = {"expressionEvaluationOptions": {"scope": scope}}
    return {
        "type": DEPLOYMENT_TYPE,
        "apiVersion": "2022-09-01",
        "name": name,
        "properties": {"mode": "Incremental", "template": inner, **options, **(properties or {})},
        **members,
    }


def body(template: Any, /, **parameters: Any) -> Json:
    given = {name: {"value": value} for name, value in parameters.items()}
    return {"properties": {"mode": "Incremental", "template": template, "parameters": given}}


def deploy(api: Api, template: Any, /, *, name: str = "first", of: str = "fleet", **parameters: Any) -> Said:
    return api.put(deployment(name, of), body(template, **parameters))


def deployed(api: Api, template: Any, /, *, name: str = "first", **parameters: Any) -> Said:
    """The deployment after it was begun and looked at once."""
    begun = deploy(api, template, name=name, **parameters)
    assert begun.status in (200, 201), begun
    return api.get(deployment(name))


def unchecked(template: Any, /, **parameters: Any) -> Json:
    """A body that has only its template checked beforehand."""
    whole = body(template, **parameters)
    return {"properties": {**whole["properties"], "validationLevel": "Template"}}


def failing(api: Api, template: Any, /, *, name: str = "first", **parameters: Any) -> Said:
    """A deployment whose resources are refused when they are put."""
    begun = api.put(deployment(name), unchecked(template, **parameters))
    assert begun.status in (200, 201), begun
    return api.get(deployment(name))


def state(said: Said) -> str:
    return str(said["properties"]["provisioningState"])


def all_are_up(name: str = "web") -> None:
    """All machines of the scale set run."""
    row = ScaleSet.objects.get(name=name)
    there = row.instances.count()
    Instance.objects.bulk_create(
        Instance(scale_set=row, number=number, name=f"{name}_{number}", created_at=NOW, health_since=NOW)
        for number in range(there, row.capacity)
    )
    row.instances.update(provisioning=Provisioning.SUCCEEDED, operation_id=None, operation_kind="")


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW + by)
