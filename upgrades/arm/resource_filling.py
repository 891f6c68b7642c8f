"""What Azure fills into stored resources where the client said nothing. Nothing of it is stored, and what we do not know is left out:
no address is invented.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from upgrades.arm import filling
from upgrades.core import service_fabric
from upgrades.core.resource_kinds import LOAD_BALANCER, ResourceKind
from upgrades.core.typed import converted, tags_of
from upgrades.models import Subscription

Body = Mapping[str, Any]
SUCCEEDED = {"provisioningState": "Succeeded"}


@dataclass(frozen=True, slots=True)
class Defaults:
    """`top`: beside `properties`; `parts`: of the elements of a list; `state`: whether Azure shows a provisioning state."""

    properties: Body = field(default_factory=dict)
    top: Body = field(default_factory=dict)
    parts: Mapping[str, Body] = field(default_factory=dict)
    state: bool = True


NO_DEFAULTS = Defaults()
DEFAULTS: Mapping[str, Defaults] = {
    "Microsoft.Network/virtualNetworks": Defaults(
        {"enableDdosProtection": False},
        parts={
            "subnets": {
                "delegations": [],
                "privateEndpointNetworkPolicies": "Disabled",
                "privateLinkServiceNetworkPolicies": "Enabled",
            }
        },
    ),
    "Microsoft.Network/publicIPAddresses": Defaults(
        {
            "publicIPAddressVersion": "IPv4",
            "publicIPAllocationMethod": "Dynamic",
            "idleTimeoutInMinutes": 4,
            "ipTags": [],
        },
        {"sku": {"name": "Basic", "tier": "Regional"}},
    ),
    "Microsoft.Network/publicIPPrefixes": Defaults(
        {"publicIPAddressVersion": "IPv4", "ipTags": []}, {"sku": {"name": "Standard", "tier": "Regional"}}
    ),
    "Microsoft.Network/natGateways": Defaults({"idleTimeoutInMinutes": 4}, {"sku": {"name": "Standard"}}),
    "Microsoft.Compute/availabilitySets": Defaults(
        {"platformUpdateDomainCount": 5, "platformFaultDomainCount": 2, "virtualMachines": []},
        {"sku": {"name": "Classic"}},
        state=False,
    ),
    "Microsoft.Compute/proximityPlacementGroups": Defaults({"proximityPlacementGroupType": "Standard"}, state=False),
    "Microsoft.ManagedIdentity/userAssignedIdentities": Defaults(state=False),
}


def resource(document: Body, kind: ResourceKind) -> dict[str, Any]:
    """A stored resource's document as clients see it, with all its lists of parts."""
    if kind == LOAD_BALANCER:
        return filling.load_balancer(document)
    defaults, body = DEFAULTS.get(kind.type, NO_DEFAULTS), converted(document, kind.model)
    properties = {**{part: [] for part in kind.parts}, **defaults.properties, **_said(body.get("properties"))}
    for part, usual in defaults.parts.items():
        if isinstance(properties[part], list):
            properties[part] = [_filled(element, usual) for element in properties[part]]
    top = {name: {**usual, **_said(body.get(name))} for name, usual in defaults.top.items()}
    return {**body, **top, "tags": tags_of(document), "properties": properties}


def has_state(kind: ResourceKind) -> bool:
    return DEFAULTS.get(kind.type, NO_DEFAULTS).state


def _said(body: Any) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None} if isinstance(body, Mapping) else {}


def _filled(element: Any, usual: Body) -> Any:
    if not isinstance(element, Mapping):
        return element
    return {**element, "properties": {**usual, **_said(element.get("properties"))}}


# --- what only the server says ----------------------------------------------------------------------------------------


def added(subscription: Subscription, kind: ResourceKind, id: str) -> dict[str, Any]:
    """Properties that Azure makes up for a resource, the same for the same id."""
    make = ADDED.get(kind.type)
    return make(subscription, id) if make else {}


def _guid(subscription: Subscription, id: str) -> str:
    return str(uuid.uuid5(subscription.pk, id.lower()))


def _resource_guid(subscription: Subscription, id: str) -> dict[str, Any]:
    return {"resourceGuid": _guid(subscription, id)}


def _identity(subscription: Subscription, id: str) -> dict[str, Any]:
    """The same ids that a scale set shows for it; nobody can sign in with them."""
    return {
        "tenantId": str(subscription.tenant_id),
        "principalId": _guid(subscription, id),
        "clientId": _guid(subscription, f"client {id}"),
    }


def _cluster(subscription: Subscription, id: str) -> dict[str, Any]:
    """Templates pass the endpoint on to their nodes' extensions, which tells us whose nodes they are. Nothing listens there."""
    _, _, _, _, group, *_, name = id.split("/")
    own = service_fabric.cluster_id(f"{group}/{name}".lower())
    return {
        "clusterId": own,
        "clusterEndpoint": f"https://servicefabric.invalid/runtime/clusters/{own}",
        "clusterState": "Ready",
    }


def _security_group(subscription: Subscription, id: str) -> dict[str, Any]:
    return {**_resource_guid(subscription, id), "defaultSecurityRules": [_rule(id, *rule) for rule in USUAL_RULES]}


# name, priority, direction, access, source, destination, what it says
USUAL_RULES = (
    ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
    ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
)


def _rule(
    id: str, name: str, priority: int, direction: str, access: str, source: str, destination: str
) -> dict[str, Any]:
    properties = {
        **SUCCEEDED,
        "protocol": "*",
        "sourcePortRange": "*",
        "destinationPortRange": "*",
        "sourceAddressPrefix": source,
        "destinationAddressPrefix": destination,
        "access": access,
        "priority": priority,
        "direction": direction,
        "sourcePortRanges": [],
        "destinationPortRanges": [],
        "sourceAddressPrefixes": [],
        "destinationAddressPrefixes": [],
    }
    type = "Microsoft.Network/networkSecurityGroups/defaultSecurityRules"
    return {"id": f"{id}/defaultSecurityRules/{name}", "name": name, "type": type, "properties": properties}


ADDED: Mapping[str, Callable[[Subscription, str], dict[str, Any]]] = {
    "Microsoft.Network/virtualNetworks": _resource_guid,
    "Microsoft.Network/publicIPAddresses": _resource_guid,
    "Microsoft.Network/publicIPPrefixes": _resource_guid,
    "Microsoft.Network/natGateways": _resource_guid,
    "Microsoft.Network/networkSecurityGroups": _security_group,
    "Microsoft.Network/applicationSecurityGroups": _resource_guid,
    "Microsoft.ServiceFabric/clusters": _cluster,
    "Microsoft.ManagedIdentity/userAssignedIdentities": _identity,
}
