"""Tenants, the subscription, its locations, and what the providers offer."""

from typing import Any

from upgrades.arm import ids
from upgrades.arm.answers import Answer, everything
from upgrades.arm.errors import ArmError
from upgrades.arm.options import EXPAND, takes, words
from upgrades.arm.requests import OPERATOR, Call, is_there, needs, resource
from upgrades.core.resource_kinds import KINDS
from upgrades.models import Location

# The newest first: clients take the first. Every other date is taken too.
VERSIONS = ["2026-04-01", "2025-04-01", "2024-11-01", "2024-07-01", "2023-09-01", "2018-10-01"]
RESOURCES_VERSIONS = ["2025-04-01", "2022-12-01", "2021-04-01"]
TYPES: dict[str, dict[str, list[str]]] = {
    "Microsoft.Compute": {
        "virtualMachineScaleSets": VERSIONS,
        "virtualMachineScaleSets/extensions": VERSIONS,
        "virtualMachineScaleSets/virtualMachines": VERSIONS,
        "virtualMachineScaleSets/virtualMachines/extensions": VERSIONS,
        "virtualMachineScaleSets/rollingUpgrades": VERSIONS,
        "virtualMachineScaleSets/networkInterfaces": VERSIONS,
        "virtualMachineScaleSets/publicIPAddresses": VERSIONS,
        "virtualMachineScaleSets/virtualMachines/networkInterfaces": VERSIONS,
        "virtualMachineScaleSets/skus": VERSIONS,
        "skus": ["2021-07-01"],
        "locations/publishers": VERSIONS,
        "locations/usages": VERSIONS,
        "locations/vmSizes": VERSIONS,
        "locations/operations": VERSIONS,
        "locations/runCommands": VERSIONS,
        "operations": VERSIONS,
    },
    "Microsoft.Insights": {"eventTypes": ["2015-04-01"]},
    "Microsoft.Resources": {
        "deployments": RESOURCES_VERSIONS,
        "deployments/operations": RESOURCES_VERSIONS,
        "resourceGroups": RESOURCES_VERSIONS,
        "subscriptions": RESOURCES_VERSIONS,
        "subscriptions/tagNames": RESOURCES_VERSIONS,
        "tags": RESOURCES_VERSIONS,
    },
    "Microsoft.Network": {"locations/usages": VERSIONS},
    "Microsoft.Authorization": {"locks": ["2020-05-01"], "roleAssignments": ["2022-04-01"]},
}
for _kind in KINDS:
    TYPES.setdefault(_kind.namespace, {}).update(dict.fromkeys(_kind.type_names, VERSIONS))
# Of providers; of neither is there anything to tell.
EXPANDED = ("resourceTypes/aliases", "metadata")
OPERATIONS = (
    ("virtualMachineScaleSets/read", "Get Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/write", "Create or Update Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/delete", "Delete Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/osRollingUpgrade/action", "Start OS Upgrade Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/extensionRollingUpgrade/action", "Start Extension Upgrade Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/approveRollingUpgrade/action", "Approve Rolling Upgrade of Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/rollingUpgrades/action", "Cancel Upgrade Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/rollingUpgrades/read", "Get Rolling Upgrade status"),
    ("virtualMachineScaleSets/osUpgradeHistory/read", "Get OS Upgrade History"),
    ("virtualMachineScaleSets/manualUpgrade/action", "Manual Upgrade Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/reimage/action", "Reimage Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/reimageAll/action", "Reimage all Disks Of Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/delete/action", "Delete Virtual Machines in a Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/start/action", "Start Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/restart/action", "Restart Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/powerOff/action", "Power Off Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/deallocate/action", "Deallocate Virtual Machine Scale Set"),
    ("virtualMachineScaleSets/virtualMachines/read", "Get Virtual Machine in a Scale Set"),
    ("virtualMachineScaleSets/virtualMachines/write", "Protect Virtual Machine in a Scale Set"),
    ("virtualMachineScaleSets/virtualMachines/delete", "Delete Virtual Machine in a Scale Set"),
    ("virtualMachineScaleSets/virtualMachines/reimage/action", "Reimage Virtual Machine in a Scale Set"),
    (
        "virtualMachineScaleSets/virtualMachines/reimageAll/action",
        "Reimage all Disks Of Virtual Machine in a Scale Set",
    ),
    ("virtualMachineScaleSets/virtualMachines/start/action", "Start Virtual Machine in a Scale Set"),
    ("virtualMachineScaleSets/virtualMachines/restart/action", "Restart Virtual Machine in a Scale Set"),
    ("virtualMachineScaleSets/virtualMachines/powerOff/action", "Power off Virtual Machine in a Scale Set"),
    ("virtualMachineScaleSets/virtualMachines/deallocate/action", "Deallocate Virtual Machine in a Scale Set"),
    ("virtualMachineScaleSets/virtualMachines/approveRollingUpgrade/action", "Approve Rolling Upgrade of one instance"),
    ("virtualMachineScaleSets/extensions/read", "Get Virtual Machine Scale Set Extension"),
    ("virtualMachineScaleSets/extensions/write", "Create or Update Virtual Machine Scale Set Extension"),
    ("virtualMachineScaleSets/extensions/delete", "Delete Virtual Machine Scale Set Extension"),
    ("virtualMachineScaleSets/virtualMachines/extensions/read", "Get Extension of Virtual Machine in a Scale Set"),
    ("locations/publishers/read", "Get Publishers, Offers, Skus and Versions"),
)


def operations(call: Call) -> Answer:
    """GET /providers/Microsoft.Compute/operations"""
    return everything(
        [
            {
                "name": f"{ids.COMPUTE}/{name}",
                "isDataAction": False,
                "display": {
                    "provider": "Microsoft Compute",
                    "resource": "Virtual Machine Scale Sets" if name.startswith("virtual") else "Images",
                    "operation": says,
                    "description": says,
                },
            }
            for name, says in OPERATIONS
        ]
    )


def tenants(call: Call) -> Answer:
    tenant = str(call.subscription.tenant_id)
    body = {"id": f"/tenants/{tenant}", "tenantId": tenant, "displayName": call.subscription.display_name}
    return everything([{**body, "tenantCategory": "Home", "defaultDomain": "", "domains": []}])


def _subscription(call: Call) -> dict[str, Any]:
    row = call.subscription
    return {
        "id": ids.of_subscription(row),
        "subscriptionId": str(row.pk),
        "tenantId": str(row.tenant_id),
        "displayName": row.display_name,
        "state": "Enabled",
        "subscriptionPolicies": {"locationPlacementId": "Public_2014-09-01", "quotaId": "None", "spendingLimit": "Off"},
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        **({"tags": row.tags} if row.tags else {}),
    }


def every(call: Call) -> Answer:
    return everything([_subscription(call)])


def show(call: Call) -> Answer:
    return Answer(_subscription(call))


def locations(call: Call) -> Answer:
    return everything([_location(call, row) for row in Location.objects.all()])


def _location(call: Call, row: Location) -> dict[str, Any]:
    return {
        "id": ids.of_location(call.subscription, row.name),
        "name": row.name,
        "displayName": row.display_name,
        "regionalDisplayName": row.display_name,
        "type": "Region",
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
    }


@takes(EXPAND)
def providers(call: Call) -> Answer:
    words(call.query, EXPAND, EXPANDED)
    places = _places()
    return everything([_provider(call, namespace, places) for namespace in TYPES])


@needs(OPERATOR)
def register(call: Call, namespace: str) -> Answer:
    """POST .../register: all are registered already. An act all the same, which Azure refuses those who may only read."""
    return provider(call, namespace)


@takes(EXPAND)
def provider(call: Call, namespace: str) -> Answer:
    words(call.query, EXPAND, EXPANDED)
    found = next((name for name in TYPES if name.lower() == namespace.lower()), None)
    if found is None:
        message = f"The resource namespace '{namespace[:80]}' is invalid; there are: {', '.join(TYPES)}."
        raise ArmError("InvalidResourceNamespace", message, status=404)
    return Answer(_provider(call, found, _places()))


def _places() -> list[str]:
    return list(Location.objects.values_list("display_name", flat=True))


def _provider(call: Call, namespace: str, places: list[str]) -> dict[str, Any]:
    types = [
        {"resourceType": name, "locations": places, "apiVersions": dates, "defaultApiVersion": dates[0]}
        for name, dates in TYPES[namespace].items()
    ]
    id = f"{ids.of_subscription(call.subscription)}/providers/{namespace}"
    return {"id": id, "namespace": namespace, "registrationState": "Registered", "resourceTypes": types}


OPERATIONS_OF_COMPUTE = resource(ids.COMPUTE, GET=operations)
TENANTS = resource(GET=tenants)
ONE = resource(GET=show, HEAD=is_there(show))
ALL = resource(GET=every)
LOCATIONS = resource(GET=locations)
PROVIDERS = resource(GET=providers)
PROVIDER = resource(GET=provider, HEAD=is_there(provider))
REGISTER = resource(POST=register)
