"""Networks for stories: a document of each kind of stored resource, and the ids by which others refer to them."""

from typing import Any

from tests.arm.client import Api, Json, group
from tests.stories import NOW
from upgrades.commands.resources import change_resource
from upgrades.core.resource_kinds import KINDS, ResourceKind, Target, targets

HERE = {"location": "westeurope"}
NETWORK = "Microsoft.Network"
RULE: dict[str, Any] = {
    "name": "ssh",
    "properties": {
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": "22",
        "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "*",
        "access": "Allow",
        "priority": 100,
        "direction": "Inbound",
    },
}
# By the last word of the type: what a client may send of `properties`.
PROPERTIES: dict[str, Json] = {
    "loadBalancers": {"backendAddressPools": [{"name": "pool"}], "inboundNatPools": [{"name": "ssh"}]},
    "applicationGateways": {"backendAddressPools": [{"name": "pool"}]},
    "virtualNetworks": {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"name": "machines", "properties": {"addressPrefix": "10.0.0.0/24"}}],
    },
    "natGateways": {"idleTimeoutInMinutes": 10},
    "publicIPAddresses": {"publicIPAllocationMethod": "Static", "dnsSettings": {"domainNameLabel": "web"}},
    "publicIPPrefixes": {"prefixLength": 28},
    "networkSecurityGroups": {"securityRules": [RULE]},
    "applicationSecurityGroups": {},
    "availabilitySets": {"platformFaultDomainCount": 3, "platformUpdateDomainCount": 20},
    "proximityPlacementGroups": {"proximityPlacementGroupType": "Standard"},
    "clusters": {"nodeTypes": [{"name": "nt0", "durabilityLevel": "Silver"}]},
    "userAssignedIdentities": {},
    "storageAccounts": {"supportsHttpsTrafficOnly": True},
    "vaults": {"enabledForDeployment": True, "sku": {"family": "A", "name": "standard"}},
}


def path(type: str, name: str = "mine", of: str = "fleet") -> str:
    """Below the subscription."""
    namespace = next(kind.namespace for kind in KINDS if kind.type.endswith(f"/{type}"))
    return f"{group(of)}/providers/{namespace}/{type}/{name}"


def id_of(api: Api, type: str, name: str = "mine", of: str = "fleet") -> str:
    return f"/subscriptions/{api.subscription}{path(type, name, of)}"


def body_of(kind: ResourceKind) -> Json:
    return {**HERE, "tags": {"team": "web"}, "properties": PROPERTIES[kind.type.rpartition("/")[2]]}


def store(path: str, properties: Any = None) -> None:
    """Without the API: "g/Microsoft.Network/virtualNetworks/v"."""
    change_resource(path, lambda row: {**HERE, "properties": properties or {}}, NOW)


def store_what_it_refers_to(document: Json) -> None:
    """Everything that a scale set's document refers to."""
    parts: dict[Target, dict[str, list[Json]]] = {}
    for target in sorted(targets(document), key=str):
        lists = parts.setdefault(target.whole, {})
        if target.part:
            lists.setdefault(target.part, []).append({"name": target.part_name})
    for whole, lists in parts.items():
        group, _, name = whole.key.partition("/")
        store(f"{group}/{whole.kind.type}/{name}", lists)
