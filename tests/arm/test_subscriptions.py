"""Tenants, the subscription, locations, providers, resource groups and what is in them."""

import pytest
from django.conf import settings

from tests.arm.bodies import PROFILE
from tests.arm.client import Api, group, is_error, load_balancer, scale_set
from tests.stories import a_scale_set, document, edited, everything_stored, nothing_changes
from upgrades.models import LoadBalancer, Location, ResourceGroup, ScaleSet

pytestmark = pytest.mark.django_db


def test_az_login_finds_its_subscription(api: Api) -> None:
    (subscription,) = api.raw("GET", "/subscriptions?api-version=2022-12-01")["value"]
    assert (subscription["subscriptionId"], subscription["state"], subscription["tenantId"]) == (
        api.subscription,
        "Enabled",
        api.tenant,
    )
    assert subscription["displayName"] and api.get("?api-version=2022-12-01").body == subscription
    (tenant,) = api.raw("GET", "/tenants?api-version=2022-12-01")["value"]
    assert tenant["tenantId"] == api.tenant


def test_locations(api: Api) -> None:
    found = {location["name"]: location for location in api.get("/locations")["value"]}
    assert len(found) == Location.objects.count()
    assert found["westeurope"]["displayName"] == "West Europe"
    assert found["westeurope"]["id"] == f"/subscriptions/{api.subscription}/locations/westeurope"


def test_providers(api: Api) -> None:
    found = {provider["namespace"]: provider for provider in api.get("/providers")["value"]}
    assert {"Microsoft.Compute", "Microsoft.Insights", "Microsoft.Network", "Microsoft.Resources"} <= set(found)
    compute = api.get("/providers/microsoft.compute").body
    assert compute == found["Microsoft.Compute"] == api.post("/providers/Microsoft.Compute/register").body
    types = {resource_type["resourceType"]: resource_type["apiVersions"] for resource_type in compute["resourceTypes"]}
    assert "2018-10-01" in types["virtualMachineScaleSets"] and compute["registrationState"] == "Registered"
    named = api.raw("GET", "/providers/Microsoft.Compute/operations?api-version=2018-10-01")["value"]
    assert "Microsoft.Compute/virtualMachineScaleSets/osUpgradeHistory/read" in {
        operation["name"] for operation in named
    }
    assert all(set(operation["display"]) == {"provider", "resource", "operation", "description"} for operation in named)


def test_resource_groups(api: Api) -> None:
    assert api("HEAD", group()).status == 404
    made = api.put(group(), {"location": "West Europe", "tags": {"a": "b"}, "managedBy": "me"})
    assert (made.status, made["location"], made["tags"]) == (201, "westeurope", {"a": "b"})
    assert made["id"] == f"/subscriptions/{api.subscription}/resourceGroups/fleet"
    assert made["properties"] == {"provisioningState": "Succeeded"}
    before = everything_stored()
    assert api.put(group("FLEET"), api.get("/resourcegroups/Fleet").body).status == 200
    assert everything_stored() == before
    assert api.get(group()).body == made.body
    assert api("HEAD", group()).status == 204
    assert api.patch(group(), {"tags": {"c": "d"}})["tags"] == {"c": "d"}
    assert api.put(group(), {"location": "westeurope"})["tags"] == {"c": "d"}
    assert [group["name"] for group in api.get("/resourceGroups")["value"]] == ["fleet"]
    is_error(api.put(group(), {"location": "westus"}), 409, "InvalidResourceGroupLocation")
    gone = api.delete(group())
    assert gone.status == 202 and api.get(gone.headers["Location"]).status == 204
    is_error(api.get(group()), 404, "ResourceGroupNotFound")
    assert api.put(group(), {"location": "westus"}).status == 201
    assert api.get(group())["tags"] == {}


@pytest.mark.parametrize("body", [{}, {"location": "atlantis"}, {"location": 7}, {"location": "westus", "tags": []}])
def test_invalid_resource_groups_are_refused(api: Api, body: object) -> None:
    with nothing_changes():
        assert api.put(group(), body).status == 400


def test_the_first_resource_creates_its_group(api: Api) -> None:
    """Azure wants it made before; here the terminal and the admin know no groups."""
    api.put(scale_set(of="One"), document())
    a_scale_set(group="Two")
    api.put(load_balancer(of="Three"), {"location": "westus"})
    found = {group["name"]: group["location"] for group in api.get("/resourceGroups")["value"]}
    assert found == {"One": "westeurope", "Two": "westeurope", "Three": "westus"}


def test_a_group_is_deleted_with_all_its_resources(api: Api) -> None:
    probes = [{"name": "p", "properties": {"protocol": "Tcp", "port": 22}}]
    api.put(load_balancer(), {"location": "westeurope", "properties": {"probes": probes}})
    a_scale_set(probe_id=f"/subscriptions/{api.subscription}{load_balancer()}/probes/p")
    a_scale_set("other", group="fleet-2")
    gone = api.delete(group())
    assert gone.status == 202 and not LoadBalancer.objects.exists()
    assert list(ScaleSet.objects.filter(deleting=True).values_list("name", flat=True)) == ["web"]
    assert api.get(group())["properties"]["provisioningState"] == "Deleting"
    is_error(api.put(scale_set("new"), document()), 409, "Conflict", "being deleted")
    assert api.get(gone.headers["Azure-AsyncOperation"])["status"] == "InProgress"
    ScaleSet.objects.filter(deleting=True).delete()
    assert api.get(gone.headers["Azure-AsyncOperation"])["status"] == "Succeeded"
    is_error(api.get(group()), 404, "ResourceGroupNotFound")
    assert api.put(scale_set("new"), document()).status == 201
    assert ResourceGroup.objects.count() == 2


def test_a_group_with_a_probe_in_use_is_not_deleted(api: Api) -> None:
    probes = [{"name": "p", "properties": {"protocol": "Tcp", "port": 22}}]
    api.put(load_balancer(), {"location": "westeurope", "properties": {"probes": probes}})
    a_scale_set(group="other", probe_id=f"/subscriptions/{api.subscription}{load_balancer()}/probes/p")
    with nothing_changes():
        is_error(api.delete(group()), 400, "LoadBalancerInUseByVirtualMachineScaleSet", "other/web")


def test_resources(api: Api) -> None:
    a_scale_set()
    a_scale_set("other", group="elsewhere")
    api.put(load_balancer(), {"location": "westus"})

    def found(query: str, of: str = "") -> list[str]:
        return sorted(resource["name"] for resource in api.get(f"{of}/resources{query}")["value"])

    assert found("") == ["lb", "other", "web"]
    assert found("", group()) == ["lb", "web"]
    both = (
        "?$filter=resourceGroup%20eq%20'FLEET'%20and%20resourceType%20eq%20'microsoft.compute/virtualmachinescalesets'"
    )
    assert found(both) == ["web"]
    assert found("?$filter=name%20eq%20'other'") == ["other"]
    assert found("?$filter=location%20eq%20'westus'") == ["lb"]
    assert settings.ROOT_URLCONF == "dashboard.urls"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("names", [("TAGS",), ("tags", "TAGS"), ("TAGS", "tags"), ("Tags", "tAGS")])
def test_tags_are_checked_in_whatever_case(api: Api, method: str, names: tuple[str, ...]) -> None:
    """Of two spellings one was checked, and the other one kept: a text in the place of all tags."""
    group = "/resourceGroups/fleet"
    api.put(group, {"location": "westeurope", "tags": {"kept": "yes"}})
    for given in ("text", ["a"], 5, {"a": ["b"]}, {"a": "b\x1b[2J"}, {"a\nb": "c"}):
        body = {"location": "westeurope", **{name: {"kept": "yes"} for name in names[:-1]}, names[-1]: given}
        said = api(method, group, body)
        assert said.status in (200, 400)
        assert api.get(group)["tags"] == {"kept": "yes"}, (method, body, said.status)
    two = {names[-1]: {"kept": "no"}, "location": "westeurope"}
    assert api(method, group, two).status == 200
    assert api.get(group)["tags"] == {"kept": "no"}


@pytest.mark.parametrize("value", [["a", "b"], 17, True, {"a": "b"}])
@pytest.mark.parametrize("name", ["adminPassword", "ADMINPASSWORD"])
def test_a_password_is_a_text(api: Api, name: str, value: object) -> None:
    body = edited(document(), f"{PROFILE}.osProfile.{name}", value)
    said = api.put(scale_set("new"), body)
    is_error(said, 400, "InvalidParameter", "adminPassword must be a string, got ")
