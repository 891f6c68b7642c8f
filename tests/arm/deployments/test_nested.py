"""Deployments within a template: whose expressions they have, where they go; and deployments of the subscription."""

import pytest

from tests.arm.client import Api, Json, is_error
from tests.arm.deployments.templates import (
    all_are_up,
    balancer,
    body,
    deployed,
    deployment,
    failing,
    nested,
    state,
    template,
    web,
)
from upgrades.models import Deployment, LoadBalancer, ResourceGroup, ScaleSet

pytestmark = pytest.mark.django_db
GROUP_TYPE = "Microsoft.Resources/resourceGroups"
NAMED = {"variables": {"name": "lb-outer"}}


def names() -> list[str]:
    return sorted(str(row) for row in LoadBalancer.objects.all())


def test_expressions_belong_to_the_outer_template_by_default(fleet: Api) -> None:
    inner = template(balancer("[variables('name')]"), variables={"name": "lb-inner"})
    whole = nested("inside", inner)
    del whole["properties"]["expressionEvaluationOptions"]
    assert state(deployed(fleet, template(whole, **NAMED))) == "Succeeded"
    assert names() == ["fleet/lb-outer"]


def test_expressions_of_the_inner_scope_see_their_own_template(fleet: Api) -> None:
    inner = template(
        balancer("[concat(variables('name'), parameters('suffix'))]"),
        variables={"name": "lb-inner"},
        parameters={"suffix": {"type": "string"}},
        outputs={"name": {"type": "string", "value": "[variables('name')]"}},
    )
    given = {"parameters": {"suffix": {"value": "[concat('-', variables('name'))]"}}}
    outer = template(
        nested("inside", inner, properties=given),
        **NAMED,
        outputs={"of": {"type": "string", "value": "[reference('inside').outputs.name.value]"}},
    )
    said = deployed(fleet, outer)
    assert state(said) == "Succeeded", said
    assert names() == ["fleet/lb-inner-lb-outer"]
    assert said["properties"]["outputs"]["of"]["value"] == "lb-inner"
    assert [each["id"].rpartition("/")[2] for each in said["properties"]["outputResources"]] == ["lb-inner-lb-outer"]
    assert {row.name for row in Deployment.objects.all()} == {"first", "inside"}


def test_loops_around_a_nested_template_reach_into_it(fleet: Api) -> None:
    inner = template(balancer("[concat('lb', copyIndex('each'))]"))
    loop = {"name": "each", "count": 2}
    whole = nested("[concat('inside', copyIndex())]", inner, scope="outer", copy=loop)
    assert state(deployed(fleet, template(whole))) == "Succeeded"
    assert names() == ["fleet/lb0", "fleet/lb1"]


def test_a_nested_deployment_goes_into_the_group_that_it_names(fleet: Api) -> None:
    """And its expressions of the outer scope are still computed in the outer group."""
    fleet.put("/resourceGroups/other", {"location": "northeurope"})
    tagged = balancer(tags={"outer": "[resourceGroup().name]", "by": "[deployment().name]"}, location="northeurope")
    outer = nested("inside", template(tagged), scope="outer", resourceGroup="other")
    assert state(deployed(fleet, template(outer))) == "Succeeded"
    assert names() == ["other/lb"]
    assert LoadBalancer.objects.get().document["tags"] == {"outer": "fleet", "by": "first"}
    assert fleet.get(deployment("inside", "other"))["properties"]["provisioningState"] == "Succeeded"


def test_a_fault_of_a_nested_template_is_found_before_anything_is_done(fleet: Api) -> None:
    inner = template(balancer("[variables('none')]"))
    said = fleet.put(deployment(), body(template(balancer(), nested("inside", inner))))
    is_error(said, 400, "InvalidTemplateDeployment", "none")
    assert said.body["error"]["details"][0]["code"] == "InvalidTemplate"
    assert not LoadBalancer.objects.exists() and not Deployment.objects.exists()


def test_a_failure_inside_fails_the_outer_deployment(fleet: Api) -> None:
    inner = template(web("wrong", location="atlantis"))
    unseen = {"validationLevel": "Template"}
    said = failing(fleet, template(nested("inside", inner, properties=unseen)))
    assert state(said) == "Failed"
    (outside,) = said["properties"]["error"]["details"]
    assert outside["code"] == "ResourceDeploymentFailure"
    (inside,) = outside["details"]
    assert inside["details"][0]["code"] == "LocationNotAvailableForResourceType"


def test_a_cancellation_cancels_nested_deployments(fleet: Api) -> None:
    inner = template(web(capacity=1), balancer(dependsOn=["web"]))
    deployed(fleet, template(nested("inside", inner)))
    assert fleet.post(f"{deployment()}/cancel").status == 204
    all_are_up()
    assert state(fleet.get(deployment("inside"))) == "Canceled" and not LoadBalancer.objects.exists()


# --- the subscription -------------------------------------------------------------------------------------------------

OF_SUBSCRIPTION = "/providers/Microsoft.Resources/deployments"


def made_group(name: str = "made") -> Json:
    return {"type": GROUP_TYPE, "apiVersion": "2021-04-01", "name": name, "location": "westeurope", "tags": {"a": "b"}}


def test_a_group_and_its_resources_are_deployed_at_once(api: Api) -> None:
    inner = nested(
        "inside", template(balancer()), resourceGroup="made", dependsOn=[f"[resourceId('{GROUP_TYPE}', 'made')]"]
    )
    given = {**body(template(inner, made_group())), "location": "West Europe"}
    path = f"{OF_SUBSCRIPTION}/whole"
    assert api.post(f"{path}/validate", given).status == 200
    begun = api.put(path, given)
    assert (begun.status, begun["location"]) == (201, "westeurope")
    assert begun["id"] == f"/subscriptions/{api.subscription}{path}"
    assert api.get(begun.headers["Azure-AsyncOperation"]).body == {"status": "Succeeded"}
    assert names() == ["made/lb"] and ResourceGroup.objects.get().document["tags"] == {"a": "b"}
    assert [each["name"] for each in api.get(OF_SUBSCRIPTION)["value"]] == ["whole"]
    operations = api.get("/providers/Microsoft.Resources/deployments/whole/operations")["value"]
    assert [each["properties"]["targetResource"]["resourceName"] for each in operations] == ["made", "inside"]
    is_error(api.put(path, {**given, "location": "northeurope"}), 409, "InvalidDeploymentLocation", "westeurope")


def test_a_deployment_of_the_subscription_needs_a_location(api: Api) -> None:
    path = f"{OF_SUBSCRIPTION}/whole"
    is_error(api.put(path, body(template(made_group()))), 400, "LocationRequired")
    is_error(api.put(path, {**body(template()), "location": "atlantis"}), 400, "LocationNotAvailableForResourceType")


def test_resources_of_groups_are_not_deployed_into_the_subscription(api: Api) -> None:
    given = {**body(template(balancer(location="westeurope"))), "location": "westeurope"}
    is_error(api.put(f"{OF_SUBSCRIPTION}/whole", given), 400, "InvalidTemplateDeployment", "into a resource group")
    outside = {**body(template({**made_group(), "location": "[resourceGroup().location]"})), "location": "westeurope"}
    is_error(api.put(f"{OF_SUBSCRIPTION}/whole", outside), 400, "InvalidTemplate", "resourceGroup has no meaning")
    assert not ScaleSet.objects.exists()
