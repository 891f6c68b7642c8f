"""Valid bodies for each address of the OpenAPI document. The fuzz changes one or two places, to get past the first check."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.arm.deployments.templates import balancer, probed, template, web
from tests.arm.networks import HERE, PROPERTIES, RULE, body_of, store
from tests.fuzz.making import ACCOUNT, POLICY, PROTECTION
from tests.fuzz.values import mutated
from tests.stories import document, edited, health_extension
from upgrades.core.resource_kinds import KINDS

Json = dict[str, Any]


@dataclass(frozen=True)
class Names:
    """What addresses and bodies name, and nobody can guess. `operations`: their ids, by what stands before them; `form`: for a token."""

    subscription: str
    tenant: str
    operations: Mapping[str, str]
    form: Json


MAX_FAULTS = 2
SCALE_SET = "/virtualMachineScaleSets/{name}"
NEW = "16.04.1"
PROFILE = "properties.virtualMachineProfile"
PARTS: dict[str, tuple[Json, ...]] = {
    "backendAddressPools": ({"properties": {}}, {"properties": {"loadBalancerBackendAddresses": []}}),
    "inboundNatRules": ({"properties": {"protocol": "Tcp", "frontendPort": 2200, "backendPort": 22}},),
    "subnets": ({"properties": {"addressPrefix": "10.0.1.0/24"}}, {"properties": {"addressPrefixes": ["10.0.2.0/24"]}}),
    "virtualNetworkPeerings": ({"properties": {"allowForwardedTraffic": True, "allowVirtualNetworkAccess": True}},),
    "securityRules": ({"properties": RULE["properties"]},),
}
IDS: tuple[Json, ...] = ({}, {"instanceIds": ["0"]}, {"instanceIds": ["0", "1"]}, {"instanceIds": ["*"]})
ACTS: dict[str, tuple[Json, ...]] = {
    "reimage": (*IDS, {"instanceIds": ["0"], "exactVersion": NEW}, {"tempDisk": False}),
    "approveRollingUpgrade": IDS[1:],
    **dict.fromkeys(("osRollingUpgrade", "extensionRollingUpgrade", "cancel"), ({},)),
    "register": ({},),
    "calculatetemplatehash": (template(), template(balancer())),
    "exporttemplate": ({}, {"resources": ["*"]}, {"resources": ["*"], "options": "IncludeParameterDefaultValue"}),
}
TAGS: tuple[Json, ...] = (
    {"properties": {"tags": {"team": "web", "cost": "1"}}},
    {"operation": "Merge", "properties": {"tags": {"team": "api"}}},
    {"operation": "Delete", "properties": {"tags": {"team": "web"}}},
)
LOCK: Json = {"properties": {"level": "CanNotDelete", "notes": "x"}}


def scale_sets(subscription: str) -> tuple[Json, ...]:
    """The last one refers to what `store_all_kinds` stores."""
    network = f"/subscriptions/{subscription}/resourceGroups/fleet/providers/Microsoft.Network"
    addresses = {
        "subnet": {"id": f"{network}/virtualNetworks/mine/subnets/part"},
        "publicIPAddressConfiguration": {"name": "public"},
    }
    card = {
        "name": "nic",
        "properties": {"primary": True, "ipConfigurations": [{"name": "ip", "properties": addresses}]},
    }
    cards = f"{PROFILE}.networkProfile.networkInterfaceConfigurations"
    return (
        document(capacity=3),
        document(capacity=3, probe="/health", rolling=POLICY["rollingUpgradePolicy"]),
        document(capacity=2, version=NEW, extensions=[health_extension(), _extension("script")]),
        {**document(capacity=4), "zones": ["1", "2"]},
        edited(document(), "properties.upgradePolicy", POLICY),
        edited(document(), f"{PROFILE}.osProfile", {"computerNamePrefix": "web", **ACCOUNT}),
        edited(
            document(), f"{PROFILE}.storageProfile.dataDisks", [{"lun": 0, "diskSizeGB": 4, "createOption": "Empty"}]
        ),
        edited(document(probe_id=f"{network}/loadBalancers/mine/probes/part"), cards, [card]),
    )


def _extension(name: str = "") -> Json:
    properties = {"publisher": "p", "type": "t", "typeHandlerVersion": "1.0", "settings": {"commandToExecute": "x"}}
    return {**({"name": name} if name else {}), "properties": properties}


CHANGES: tuple[Json, ...] = (
    {"sku": {"capacity": 4}},
    {"tags": {"a": "b"}},
    {"properties": {"upgradePolicy": POLICY}},
    {"properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": {"version": NEW}}}}},
)


def _deployments() -> tuple[Json, ...]:
    prefix = {"type": "string", "defaultValue": "web", "maxLength": 9}
    outputs = {"id": {"type": "string", "value": "[resourceId('Microsoft.Network/loadBalancers', variables('name'))]"}}
    whole = template(
        balancer("[variables('name')]"),
        parameters={"prefix": prefix, "count": {"type": "int"}},
        variables={"name": "[concat(parameters('prefix'), '-', parameters('count'))]"},
        outputs=outputs,
    )
    copied = balancer("[concat('lb', copyIndex())]", copy={"name": "several", "count": 2}, condition="[equals(1, 1)]")
    templates = (
        template(),
        template(balancer()),
        template(balancer(), probed()),
        template(web("new")),
        template(copied),
    )
    given = {"prefix": {"value": "a"}, "count": {"value": 2}}
    return (
        *({"properties": {"mode": "Incremental", "template": each}} for each in templates),
        {"properties": {"mode": "Incremental", "template": whole, "parameters": given}},
    )


def bases(path: str, method: str, names: Names) -> tuple[Json, ...]:
    """Bodies that are right for this address and method; {} where it takes none."""
    *_, before, last = path.rstrip("/").split("/")
    if method == "PATCH" and "/tags/" not in path and "/extensions/" not in path:
        return (*CHANGES, {"tags": {"a": "b"}}) if path.endswith(SCALE_SET) else CHANGES[1:2]
    if last == "token":
        return (names.form,)
    if method == "POST":
        return _of_act(path, last)
    return _of_put(path, before, names.subscription) if method in ("PUT", "PATCH") else ()


def _of_act(path: str, act: str) -> tuple[Json, ...]:
    if act in ("validate", "whatif"):
        return _with_places(_deployments(), path)
    if "{instance}" in path:
        return ({}, {"exactVersion": NEW}) if act == "reimage" else ({},)
    return ACTS.get(act, IDS)


def _of_put(path: str, list_of_it: str, subscription: str) -> tuple[Json, ...]:
    kind = next((kind for kind in KINDS if path.endswith(f"{kind.type}/{{name}}")), None)
    if kind is not None:
        return (body_of(kind), {**HERE, "properties": PROPERTIES[kind.type.rpartition("/")[2]]}, HERE)
    if path.endswith(SCALE_SET):
        return scale_sets(subscription)
    if list_of_it == "deployments":
        return _with_places(_deployments(), path)
    if list_of_it == "extensions":
        return (_extension(), _extension("script"))
    others = {"tags": TAGS, "virtualMachines": ({"properties": PROTECTION},), "locks": (LOCK,), **PARTS}
    return others.get(list_of_it, ({**HERE, "tags": {"a": "b"}},))


def _with_places(bodies: tuple[Json, ...], path: str) -> tuple[Json, ...]:
    """Of a subscription, a deployment says where, and has resources of a group in one within it."""
    if "{group}" in path:
        return bodies
    within = [
        {
            "type": "Microsoft.Resources/deployments",
            "apiVersion": "2022-09-01",
            "name": "inner",
            "resourceGroup": "fleet",
            **body,
        }
        for body in bodies[1:3]
    ]
    group = {"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2022-09-01", "name": "other", **HERE}
    templates = (template(), template(group), *map(template, within))
    return tuple({**HERE, "properties": {"mode": "Incremental", "template": each}} for each in templates)


def faulty(bodies: tuple[Json, ...], random: Random) -> Any:
    """One of these, mostly with one or two faults that JSON can say; sometimes as it is."""
    body = random.choice(bodies)
    if random.random() < 0.4:
        return body
    made = mutated(body, random, faults=random.randint(1, MAX_FAULTS))
    return made if _can_be_sent(made) else body


def _can_be_sent(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def store_all_kinds() -> None:
    """Two resources of each stored kind, of the same names, and with a part of each sort, which have the same name too."""
    probe = {"protocol": "Tcp", "port": 22}
    peer = {"allowVirtualNetworkAccess": True}
    own: dict[str, Json] = {
        "probes": probe,
        "subnets": {"addressPrefix": "10.0.0.0/24"},
        "virtualNetworkPeerings": peer,
    }
    own["securityRules"] = RULE["properties"]
    for kind in KINDS:
        parts = {part: [{"name": "part", "properties": own.get(part, {})}] for part in kind.parts}
        for name in ("mine", "spare"):
            store(f"fleet/{kind.type}/{name}", {**PROPERTIES[kind.type.rpartition("/")[2]], **parts})
