"""The kinds of resources that are stored as documents, and which fields of documents refer to them.

A table of data. Only the health probes of load balancers have an effect; everything else is kept so that clients find what they put, and
that ids lead somewhere. The kinds stand in the order in which their rows are locked: what refers, before what it refers to.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from upgrades.core.json_fields import dotted_path, get_field, printable


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind. `type`: Azure's; `noun`: what people call it; `model`: its type in azure_types.

    `parts`: lists under `properties` whose elements are resources of their own, with a name and an id; `put_alone`: those of them that
    clients also PUT and DELETE by themselves. `refers`: whether its documents are searched for ids; those of an application gateway mostly
    name parts of itself. `has_secrets`: its documents may have some, which are not stored. `says_created`: whether Azure answers the PUT
    that makes one with 201; clients take nothing but 200 for the others.
    """

    type: str
    noun: str
    model: str
    parts: tuple[str, ...] = ()
    put_alone: tuple[str, ...] = ()
    refers: bool = True
    has_secrets: bool = False
    says_created: bool = True

    @property
    def namespace(self) -> str:
        return self.type.partition("/")[0]

    @property
    def type_names(self) -> list[str]:
        """Its own and those of its parts, without the namespace."""
        name = self.type.partition("/")[2]
        return [name, *(f"{name}/{part}" for part in self.parts)]


LOAD_BALANCER = ResourceKind(
    "Microsoft.Network/loadBalancers",
    "load balancer",
    "LoadBalancer",
    (
        "frontendIPConfigurations",
        "backendAddressPools",
        "loadBalancingRules",
        "probes",
        "inboundNatRules",
        "inboundNatPools",
        "outboundRules",
    ),
    put_alone=("backendAddressPools", "inboundNatRules"),
)
KINDS = (
    LOAD_BALANCER,
    ResourceKind(
        "Microsoft.Network/applicationGateways",
        "application gateway",
        "ApplicationGateway",
        ("backendAddressPools", "probes"),
        refers=False,
        has_secrets=True,
    ),
    ResourceKind(
        "Microsoft.Network/virtualNetworks",
        "virtual network",
        "VirtualNetwork",
        ("subnets", "virtualNetworkPeerings"),
        put_alone=("subnets", "virtualNetworkPeerings"),
    ),
    ResourceKind("Microsoft.Network/natGateways", "NAT gateway", "NatGateway"),
    ResourceKind("Microsoft.Network/publicIPAddresses", "public address", "PublicIPAddress"),
    ResourceKind("Microsoft.Network/publicIPPrefixes", "public prefix", "PublicIPPrefix"),
    ResourceKind(
        "Microsoft.Network/networkSecurityGroups",
        "security group",
        "NetworkSecurityGroup",
        ("securityRules",),
        put_alone=("securityRules",),
    ),
    ResourceKind(
        "Microsoft.Network/applicationSecurityGroups", "application security group", "ApplicationSecurityGroup"
    ),
    ResourceKind("Microsoft.Compute/availabilitySets", "availability set", "AvailabilitySet", says_created=False),
    ResourceKind("Microsoft.Compute/proximityPlacementGroups", "proximity placement group", "ProximityPlacementGroup"),
    # Its node types name their durability, which that of scale sets must not differ from.
    ResourceKind(
        "Microsoft.ServiceFabric/clusters",
        "Service Fabric cluster",
        "Cluster",
        refers=False,
        has_secrets=True,
        says_created=False,
    ),
    ResourceKind("Microsoft.ManagedIdentity/userAssignedIdentities", "identity", "Identity"),
    ResourceKind(
        "Microsoft.Storage/storageAccounts",
        "storage account",
        "StorageAccount",
        refers=False,
        has_secrets=True,
        says_created=False,
    ),
    ResourceKind("Microsoft.KeyVault/vaults", "key vault", "Vault", refers=False, has_secrets=True),
)
# A document's field, in lower case, that is an object with an `id`, or a list of such objects: the type of what it refers to.
REFERRING_FIELDS = {
    "subnet": "Microsoft.Network/virtualNetworks/subnets",
    "virtualnetwork": "Microsoft.Network/virtualNetworks",
    "remotevirtualnetwork": "Microsoft.Network/virtualNetworks",
    "networksecuritygroup": "Microsoft.Network/networkSecurityGroups",
    "applicationsecuritygroups": "Microsoft.Network/applicationSecurityGroups",
    "sourceapplicationsecuritygroups": "Microsoft.Network/applicationSecurityGroups",
    "destinationapplicationsecuritygroups": "Microsoft.Network/applicationSecurityGroups",
    "natgateway": "Microsoft.Network/natGateways",
    "publicipaddress": "Microsoft.Network/publicIPAddresses",
    "publicipaddresses": "Microsoft.Network/publicIPAddresses",
    "publicipprefix": "Microsoft.Network/publicIPPrefixes",
    "publicipprefixes": "Microsoft.Network/publicIPPrefixes",
    "loadbalancerbackendaddresspools": "Microsoft.Network/loadBalancers/backendAddressPools",
    "loadbalancerinboundnatpools": "Microsoft.Network/loadBalancers/inboundNatPools",
    "applicationgatewaybackendaddresspools": "Microsoft.Network/applicationGateways/backendAddressPools",
    "frontendipconfiguration": "Microsoft.Network/loadBalancers/frontendIPConfigurations",
    "frontendipconfigurations": "Microsoft.Network/loadBalancers/frontendIPConfigurations",
    "backendaddresspool": "Microsoft.Network/loadBalancers/backendAddressPools",
    "backendaddresspools": "Microsoft.Network/loadBalancers/backendAddressPools",
    "probe": "Microsoft.Network/loadBalancers/probes",
    "proximityplacementgroup": "Microsoft.Compute/proximityPlacementGroups",
    "sourcevault": "Microsoft.KeyVault/vaults",
}
# The names of an object's fields are ids of this type.
REFERRING_NAMES = {"userassignedidentities": "Microsoft.ManagedIdentity/userAssignedIdentities"}
# What is in them is the client's own.
OPAQUE = frozenset({"tags", "settings", "protectedsettings"})
_ID = re.compile(
    r"/*subscriptions/[^/\s]+/resourcegroups/([^/\s]+)/providers/([^/\s]+/[^/\s]+)/([^/\s]+)(?:/([^/\s]+)/([^/\s]+))?/*",
    re.IGNORECASE,
)


@cache
def kinds() -> Mapping[str, ResourceKind]:
    """All kinds, by type in lower case."""
    return {kind.type.lower(): kind for kind in KINDS}


def kind_of(type: str) -> ResourceKind:
    return kinds()[type.lower()]


@dataclass(frozen=True, slots=True)
class Target:
    """What an id leads to: a stored resource, or one of its parts. All names are in lower case.

    `key`: "group/name" of the resource. `part`, `part_name`: "subnets" and the subnet's name; "" for the resource itself.
    """

    kind: ResourceKind
    key: str
    part: str = ""
    part_name: str = ""

    @property
    def whole(self) -> "Target":
        """The resource itself."""
        return Target(self.kind, self.key)


@dataclass(frozen=True, slots=True)
class Referral:
    """One place of a document that refers to a stored resource. `target`: None where its id is not one of that type."""

    place: str
    id: str
    type: str
    target: Target | None


def read_id(id: str) -> Target | None:
    """What an id leads to; None where it is not the id of a kind that is stored, or of one of its parts.

    There is one subscription, so its name in an id is not compared.
    """
    match = _ID.fullmatch(id)
    kind = kinds().get(match[2].lower()) if match else None
    if match is None or kind is None:
        return None
    part = (match[4] or "").lower()
    if part and part not in {name.lower() for name in kind.parts}:
        return None
    return Target(kind, f"{match[1]}/{match[3]}".lower(), part, (match[5] or "").lower())


def referrals(document: Mapping[str, Any], kind: ResourceKind | None = None) -> Iterator[Referral]:
    """All places of the document that refer to stored resources. `kind`: that of the document; None for a scale set's."""
    if kind is None or kind.refers:
        yield from _in_object(document, "", own=() if kind is None else kind.parts)


def targets(document: Mapping[str, Any], kind: ResourceKind | None = None) -> set[Target]:
    return {referral.target for referral in referrals(document, kind) if referral.target}


def _in_object(body: Mapping[str, Any], path: str, own: Sequence[str] = ()) -> Iterator[Referral]:
    """`own`: names under `properties` that are not references but parts of this resource."""
    for name, value in body.items():
        field, place = name.lower(), dotted_path(path, printable(name))
        if field in OPAQUE:
            continue
        is_own = path.lower() == "properties" and field in {part.lower() for part in own}
        if field in REFERRING_FIELDS and not is_own:
            yield from _of_field(value, place, REFERRING_FIELDS[field])
        if field in REFERRING_NAMES and isinstance(value, Mapping):
            yield from (_referral(id, place, REFERRING_NAMES[field]) for id in value if read_id(id))
        yield from _in_value(value, place, own)


def _in_value(value: Any, place: str, own: Sequence[str]) -> Iterator[Referral]:
    if isinstance(value, Mapping):
        yield from _in_object(value, place, own)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _in_value(element, f"{place}[{index}]", own)


def _of_field(value: Any, place: str, type: str) -> Iterator[Referral]:
    several = value if isinstance(value, list) else [value]
    for index, element in enumerate(several):
        id = get_field(element, "id")
        if isinstance(id, str) and id:
            yield _referral(id, f"{place}[{index}].id" if isinstance(value, list) else f"{place}.id", type)


def _referral(id: str, place: str, type: str) -> Referral:
    target = read_id(id)
    is_of_type = target is not None and f"{target.kind.type}/{target.part}".strip("/").lower() == type.lower()
    return Referral(place, id, type, target if is_of_type else None)


def part_of(document: Mapping[str, Any], part: str, name: str) -> Mapping[str, Any] | None:
    """The part of that name, in any case."""
    elements = get_field(document, "properties", part)
    for element in elements if isinstance(elements, list) else ():
        if str(get_field(element, "name")).lower() == name.lower():
            found: Mapping[str, Any] = element
            return found
    return None
