"""Networks and their kin: stored, listed, referred to, and deleted only when nothing refers to them any more."""

import json
from typing import Any

import pytest

from tests.arm.client import VERSION, Api, Json, group, is_error, load_balancer, scale_set
from tests.arm.networks import HERE, PROPERTIES, RULE, body_of, id_of, path
from tests.stories import document, edited, everything_stored, nothing_changes
from upgrades.core.resource_kinds import KINDS, ResourceKind
from upgrades.models import ScaleSet, StoredResource
from upgrades.models.access import ApiClient

pytestmark = pytest.mark.django_db
ALL = [pytest.param(kind, id=kind.type.rpartition("/")[2]) for kind in KINDS]
CARDS = "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations"


def last(kind: ResourceKind) -> str:
    return kind.type.rpartition("/")[2]


def contains(shown: Any, given: Any) -> bool:
    """Is all that was given there? Elements of lists have their order."""
    if isinstance(given, dict):
        return isinstance(shown, dict) and all(contains(shown.get(name), value) for name, value in given.items())
    if isinstance(given, list):
        return len(shown) == len(given) and all(map(contains, shown, given))
    return bool(shown == given)


@pytest.mark.parametrize("kind", ALL)
def test_a_document_that_is_put_comes_back(api: Api, kind: ResourceKind) -> None:
    its = path(last(kind))
    made = api.put(its, body_of(kind))
    assert made.status == (201 if kind.says_created else 200) and contains(made.body, body_of(kind))
    assert (made["id"], made["name"], made["type"]) == (id_of(api, last(kind)), "mine", kind.type)
    assert api.get(its).body == made.body and api("HEAD", its).status == 204
    for place in (group(), ""):
        assert api.get(f"{place}/providers/{kind.type}")["value"] == [made.body]
    listed = api.get(f"/resources?$filter=resourceType eq '{kind.type}' and tagName eq 'team'")["value"]
    assert [entry["id"] for entry in listed] == [made["id"]]
    with nothing_changes():
        assert api.put(its, made.body).status == 200, "a GET and a PUT of its answer change nothing"
    patched = api.patch(its, {"tags": {"a": "b"}}, if_match=made.headers["ETag"])
    assert patched["tags"] == {"a": "b"} and patched["properties"] == made["properties"]
    is_error(api.delete(its, if_match=made.headers["ETag"]), 412, "PreconditionFailed")
    assert [api.delete(its).status for _ in range(2)] == [200, 204]
    is_error(api.get(its), 404, "ResourceNotFound")
    assert api.get(f"{group()}/providers/{kind.type}")["value"] == []


@pytest.mark.parametrize("kind", ALL)
def test_roles_and_locations(db: None, kind: ResourceKind) -> None:
    operator, its = Api(ApiClient.Role.OPERATOR), path(last(kind))
    is_error(operator.put(its, body_of(kind)), 403, "AuthorizationFailed")
    admin = Api()
    is_error(admin.put(its, {"location": "atlantis"}), 400, "LocationNotAvailableForResourceType")
    admin.put(its, body_of(kind))
    assert operator.patch(its, {"tags": {}}).status == 200
    is_error(operator.delete(its), 403, "AuthorizationFailed")
    is_error(admin.put(its, {**body_of(kind), "location": "westus"}), 400, "PropertyChangeNotAllowed", "westeurope")


@pytest.mark.parametrize("version", ["2018-11-01", "2021-02-01", "2026-03-01", "2027-01-01-preview"])
def test_every_api_version_is_taken(api: Api, version: str) -> None:
    its = f"{path('virtualNetworks')}?api-version={version}"
    assert api.put(its, {**HERE, "properties": PROPERTIES["virtualNetworks"]}).status == 201
    assert api.get(its)["properties"]["subnets"][0]["name"] == "machines"


def test_a_virtual_network_is_put_without_its_subnets_which_stay(api: Api) -> None:
    """They are resources of their own: only a list that names others takes one away."""
    its, space = path("virtualNetworks"), {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}
    api.put(its, {**HERE, "properties": PROPERTIES["virtualNetworks"]})
    shown = api.put(its, {**HERE, "properties": space})["properties"]
    assert shown["addressSpace"] == space["addressSpace"] and len(shown["subnets"]) == 1
    assert api.put(its, {**HERE, "properties": {**space, "subnets": []}})["properties"]["subnets"] == []


# --- parts ------------------------------------------------------------------------------------------------------------

PARTS = [
    ("virtualNetworks", "subnets", {"properties": {"addressPrefix": "10.0.1.0/24"}}),
    ("networkSecurityGroups", "securityRules", {"properties": RULE["properties"]}),
    ("loadBalancers", "backendAddressPools", {"properties": {"drainPeriodInSeconds": 10}}),
    ("loadBalancers", "inboundNatRules", {"properties": {"protocol": "Tcp", "frontendPort": 80, "backendPort": 80}}),
]


@pytest.mark.parametrize(("type", "part", "body"), PARTS)
def test_a_part_is_a_resource_of_its_own(api: Api, type: str, part: str, body: Json) -> None:
    whole, its = path(type), f"{path(type)}/{part}/new"
    is_error(api.put(its, body), 404, "ResourceGroupNotFound")
    api.put(whole, {**HERE, "properties": PROPERTIES[type]})
    before = api.get(f"{whole}/{part}")["value"]
    is_error(api.get(its), 404, "ResourceNotFound")
    made = api.put(its, body)
    assert made.status == 201 and contains(made.body, body) and made["id"] == f"{id_of(api, type)}/{part}/new"
    assert made["type"].endswith(f"/{type}/{part}")
    assert api.get(its).body == made.body and api("HEAD", its).status == 204
    with nothing_changes():
        assert api.put(its, made.body).status == 200
    names = [entry["name"] for entry in api.get(f"{whole}/{part}")["value"]]
    assert names == [*(entry["name"] for entry in before), "new"]
    assert [api.delete(its).status for _ in range(2)] == [200, 204]
    assert [entry["name"] for entry in api.get(f"{whole}/{part}")["value"]] == names[:-1]


def test_a_part_that_is_changed_keeps_its_neighbours(api: Api) -> None:
    whole = path("virtualNetworks")
    api.put(whole, {**HERE, "properties": PROPERTIES["virtualNetworks"]})
    api.put(f"{whole}/subnets/other", {"properties": {"addressPrefix": "10.0.1.0/24"}})
    api.put(f"{whole}/subnets/OTHER", {"properties": {"addressPrefix": "10.0.2.0/24"}})
    shown = {entry["name"]: entry["properties"]["addressPrefix"] for entry in api.get(f"{whole}/subnets")["value"]}
    assert shown == {"machines": "10.0.0.0/24", "other": "10.0.2.0/24"}
    stored = StoredResource.objects.get().document["properties"]["subnets"]
    assert all(set(subnet) == {"name", "properties"} for subnet in stored), "nothing that is filled in is stored"


# --- what refers to them ----------------------------------------------------------------------------------------------


def networked(api: Api, **changes: Any) -> Json:
    """A scale set's document as `az vmss create` sends it."""
    addresses = {
        "subnet": {"id": f"{id_of(api, 'virtualNetworks')}/subnets/machines"},
        "loadBalancerBackendAddressPools": [{"id": f"{id_of(api, 'loadBalancers')}/backendAddressPools/pool"}],
        "loadBalancerInboundNatPools": [{"id": f"{id_of(api, 'loadBalancers')}/inboundNatPools/ssh"}],
        "applicationSecurityGroups": [{"id": id_of(api, "applicationSecurityGroups")}],
        **changes,
    }
    card = {
        "name": "nic",
        "properties": {
            "primary": True,
            "networkSecurityGroup": {"id": id_of(api, "networkSecurityGroups")},
            "ipConfigurations": [{"name": "ip", "properties": addresses}],
        },
    }
    body = edited(document(), CARDS, [card])
    return edited(body, "properties.proximityPlacementGroup", {"id": id_of(api, "proximityPlacementGroups")})


REFERRED = (
    ("virtualNetworks", "subnets/machines"),
    ("loadBalancers", "backendAddressPools/pool"),
    ("loadBalancers", "inboundNatPools/ssh"),
    ("applicationSecurityGroups", ""),
    ("networkSecurityGroups", ""),
    ("proximityPlacementGroups", ""),
)


def put_all(api: Api) -> None:
    for kind in KINDS:
        assert api.put(path(last(kind)), body_of(kind)).status in (200, 201)


def test_a_scale_sets_references_must_lead_somewhere(api: Api) -> None:
    body = networked(api)
    for type in dict.fromkeys(type for type, _ in REFERRED):
        with nothing_changes():
            is_error(api.put(scale_set(), body), 400, "InvalidResourceReference", "was not found")
        api.put(path(type), {**HERE, "properties": PROPERTIES[type]})
    assert api.put(scale_set(), body).status == 201
    assert api.get(scale_set())["properties"]["proximityPlacementGroup"]["id"] == id_of(api, "proximityPlacementGroups")
    wrong_part = networked(api, subnet={"id": f"{id_of(api, 'virtualNetworks')}/subnets/none"})
    with nothing_changes():
        is_error(api.put(scale_set("b"), wrong_part), 400, "InvalidResourceReference", "subnets/none")
    wrong_type = networked(api, subnet={"id": id_of(api, "networkSecurityGroups")})
    with nothing_changes():
        is_error(api.put(scale_set("b"), wrong_type), 400, "InvalidResourceReference", "virtualNetworks/subnets")


@pytest.mark.parametrize(("type", "part"), REFERRED)
def test_a_resource_in_use_stays(api: Api, type: str, part: str) -> None:
    put_all(api)
    api.put(scale_set(), networked(api))
    with nothing_changes():
        is_error(api.delete(path(type)), 409, "InUse", "fleet/web refers to it")
        if part:
            without = {
                name: [] if name == part.partition("/")[0] else value for name, value in PROPERTIES[type].items()
            }
            is_error(api.put(path(type), {**HERE, "properties": without}), 409, "InUse", "fleet/web")
        if part and "inboundNatPools" not in part:
            is_error(api.delete(f"{path(type)}/{part}"), 409, "InUse", "fleet/web")
    api.delete(scale_set())
    assert api.delete(path(type)).status == 200, "it is being deleted, and refers to nothing any more"


def test_resources_refer_to_each_other(api: Api) -> None:
    put_all(api)
    front = {"name": "front", "properties": {"publicIPAddress": {"id": id_of(api, "publicIPAddresses")}}}
    rule = {
        "name": "rule",
        "properties": {
            "frontendIPConfiguration": {"id": f"{id_of(api, 'loadBalancers')}/frontendIPConfigurations/front"},
            "backendAddressPool": {"id": f"{id_of(api, 'loadBalancers')}/backendAddressPools/pool"},
        },
    }
    lists = {
        "frontendIPConfigurations": [front],
        "loadBalancingRules": [rule],
        "backendAddressPools": [{"name": "pool"}],
    }
    assert api.put(load_balancer("mine"), {**HERE, "properties": lists}).status == 200
    is_error(api.delete(path("publicIPAddresses")), 409, "InUse", "load balancer fleet/mine")
    with nothing_changes():
        broken = {**lists, "frontendIPConfigurations": []}
        said = api.put(
            load_balancer("other"), {**HERE, "properties": json.loads(json.dumps(broken).replace("mine", "other"))}
        )
        is_error(said, 400, "InvalidResourceReference", "frontendIPConfigurations/front")
    guarded = {"addressPrefix": "10.0.3.0/24", "networkSecurityGroup": {"id": id_of(api, "networkSecurityGroups")}}
    assert api.put(f"{path('virtualNetworks')}/subnets/guarded", {"properties": guarded}).status == 201
    is_error(api.delete(path("networkSecurityGroups")), 409, "InUse", "virtual network fleet/mine")
    assert api.delete(load_balancer("mine")).status == 200, "what it says of itself does not hold it"


def test_a_reference_that_never_led_anywhere_does_not_make_a_scale_set_unchangeable(api: Api) -> None:
    api.put(scale_set(), document())
    row = ScaleSet.objects.get()
    row.document = {**networked(api), "tags": {}}
    row.save()
    shown = api.get(scale_set()).body
    assert api.put(scale_set(), edited(shown, "tags", {"a": "b"})).status == 200
    assert api.patch(scale_set(), {"sku": {"capacity": 5}}).status == 200
    assert api.put(path("virtualNetworks"), {**HERE, "properties": {}}).status == 201
    failed = {check["message"] for check in api.get(f"{scale_set()}/preflight")["value"] if check["result"] == "failed"}
    assert "there is no security group fleet/mine" in failed
    assert "virtual network fleet/mine has no machines among its subnets" in failed


# --- a group with all that is in it -----------------------------------------------------------------------------------


def test_a_group_takes_its_networks_along(api: Api) -> None:
    put_all(api)
    api.put(scale_set(), networked(api))
    outside = networked(api)
    api.put(scale_set("web", of="other"), outside)
    with nothing_changes():
        is_error(api.delete(group()), 409, "InUse", "other/web refers to it")
    api.delete(group("other"))
    assert api.delete(group()).status == 202
    assert not StoredResource.objects.exists()


def test_acts_on_them_are_in_the_activity_log(api: Api) -> None:
    its = path("virtualNetworks")
    api.put(its, {**HERE, "properties": {}})
    api.put(f"{its}/subnets/a", {"properties": {"addressPrefix": "10.0.0.0/24"}})
    api.delete(its)
    begin = (
        "/providers/Microsoft.Insights/eventtypes/management/values?$filter=eventTimestamp ge '2018-01-01T00:00:00Z'"
    )
    found = api.get(f"{begin} and resourceUri eq '{id_of(api, 'virtualNetworks')}'")["value"]
    type = "Microsoft.Network/virtualNetworks"
    names = [event["operationName"]["value"] for event in found]
    assert names == [f"{type}/delete", f"{type}/write", f"{type}/write"]
    assert {event["resourceId"] for event in found} == {id_of(api, "virtualNetworks")}
    assert len(api.get(f"{begin} and resourceProvider eq 'Microsoft.Network'")["value"]) == 3
    assert len(api.get(f"{begin} and resourceGroupName eq 'FLEET'")["value"]) == 3


# --- by reference -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "body", "place"),
    [
        ("applicationGateways", {"properties": {"probes": [{"name": "p", "properties": {"port": {}}}]}}, "probes[0]"),
        ("applicationGateways", {"properties": {"sku": "Standard_v2"}}, "properties.sku"),
        ("userAssignedIdentities", {"properties": []}, "properties"),
        ("userAssignedIdentities", {"properties": {"isolationScope": {}}}, "properties.isolationScope"),
        ("storageAccounts", {"sku": {"name": []}}, "sku.name"),
        ("storageAccounts", {"kind": {}}, "kind"),
        ("storageAccounts", {"properties": {"supportsHttpsTrafficOnly": "perhaps"}}, "supportsHttpsTrafficOnly"),
        ("vaults", {"properties": {"sku": "standard"}}, "properties.sku"),
        ("vaults", {"properties": {"accessPolicies": [{"permissions": {"keys": "get"}}]}}, "permissions.keys"),
        ("clusters", {"properties": {"nodeTypes": {}}}, "properties.nodeTypes"),
        ("clusters", {"properties": {"nodeTypes": [{"vmInstanceCount": "many"}]}}, "vmInstanceCount"),
    ],
)
def test_values_of_another_shape_are_refused(api: Api, type: str, body: Json, place: str) -> None:
    """A value that other documents or clients read must be of its type in Azure's models."""
    with nothing_changes():
        is_error(api.put(path(type), {**HERE, **body}), 400, "InvalidParameter", place)


def test_values_are_given_back_in_the_types_of_the_models(api: Api) -> None:
    """Templates send switches and numbers as text."""
    given = {"enabledForDeployment": "true", "softDeleteRetentionInDays": "90", "SKU": {"Name": "standard"}}
    shown = api.put(path("vaults"), {**HERE, "properties": given})["properties"]
    assert shown["enabledForDeployment"] is True and shown["softDeleteRetentionInDays"] == 90
    assert shown["sku"] == {"name": "standard"}


def test_no_secret_is_inside_and_no_keys_are_listed(api: Api) -> None:
    certificate = {"name": "c", "properties": {"data": "hunter2", "password": "hunter2"}}
    api.put(path("applicationGateways"), {**HERE, "properties": {"sslCertificates": [certificate]}})
    assert "hunter2" not in json.dumps(everything_stored(), default=str)
    assert api.get(path("applicationGateways"))["properties"]["sslCertificates"] == [{"name": "c", "properties": {}}]
    api.put(path("storageAccounts"), body_of(next(kind for kind in KINDS if last(kind) == "storageAccounts")))
    is_error(api.post(f"{path('storageAccounts')}/listKeys"), 400, "ActionNotSupported", "listKeys")
    is_error(api.get(f"{path('vaults')}/secrets/s"), 400, "ResourceTypeNotSupported", "secrets")


def test_the_provider_says_their_types(api: Api) -> None:
    for namespace in {kind.namespace for kind in KINDS}:
        types = {entry["resourceType"]: entry for entry in api.get(f"/providers/{namespace}")["resourceTypes"]}
        for kind in KINDS:
            if kind.namespace == namespace:
                assert set(kind.type_names) <= set(types)
    assert VERSION in types[kind.type.partition("/")[2]]["apiVersions"] if kind.namespace == namespace else True


# --- whatever comes ---------------------------------------------------------------------------------------------------

WORDS: list[Any] = [
    "",
    "x",
    None,
    7,
    -1.5,
    True,
    [],
    {},
    [None],
    {"id": "x"},
    {"id": 7},
    [{"name": "a"}, {"name": "A"}],
]


@pytest.mark.parametrize("kind", ALL)
def test_strange_documents_never_break_it(api: Api, kind: ResourceKind) -> None:
    """Each known field with each strange value: a change or a refusal, and everything can still be read."""
    its, fields = path(last(kind)), PROPERTIES[last(kind)]
    names = [*fields, *kind.parts, "subnet", "publicIPAddress", "securityRules"]
    for number, name in enumerate(dict.fromkeys(names)):
        for value in WORDS[number % 3 :: 3]:
            said = api.put(its, {**HERE, "properties": {**fields, name: value}})
            assert said.status in (200, 201, 400, 409), (name, value, said)
            assert api.get(f"{group()}/providers/{kind.type}").status in (200, 404)
    for top in ("tags", "sku", "zones", "properties", "identity"):
        for value in WORDS[::2]:
            assert api.put(its, {**HERE, "properties": fields, top: value}).status in (200, 201, 400, 409), (top, value)
    assert api.get("/resources").status == 200
