"""The mode Complete: what the template does not name is deleted from the group, when all of the template is there."""

import pytest

from tests.arm.client import Api, Json, is_error, load_balancer, scale_set
from tests.arm.deployments.templates import (
    all_are_up,
    balancer,
    body,
    deployed,
    deployment,
    nested,
    probed,
    state,
    template,
    web,
)
from upgrades.models import ApiClient, LoadBalancer, ScaleSet

pytestmark = pytest.mark.django_db


def complete(what: Json) -> Json:
    whole = body(what)
    return {"properties": {**whole["properties"], "mode": "Complete"}}


def names() -> list[str]:
    rows = LoadBalancer.objects.values_list("name", flat=True)
    return sorted([*rows, *ScaleSet.objects.exclude(deleting=True).values_list("name", flat=True)])


def test_unnamed_resources_go_in_the_order_of_their_references(fleet: Api) -> None:
    """The scale set refers to a load balancer that goes too, and so goes first."""
    deployed(fleet, template(balancer(), probed(), balancer("kept")))
    begun = fleet.put(deployment("second"), complete(template(balancer("kept"), balancer("new"))))
    assert begun.status == 201 and begun["properties"]["mode"] == "Complete"
    said = fleet.get(deployment("second"))
    if state(said) == "Running":  # the set's deletion is not over
        ScaleSet.objects.all().delete()
        said = fleet.get(deployment("second"))
    assert state(said) == "Succeeded", said
    assert names() == ["kept", "new"]
    kinds = {
        each["properties"]["targetResource"]["resourceName"]: each["properties"]["provisioningOperation"]
        for each in fleet.get(f"{deployment('second')}/operations")["value"]
    }
    assert kinds == {"kept": "Create", "new": "Create", "web": "Delete", "lb": "Delete"}
    assert len(said["properties"]["outputResources"]) == 2


def test_a_deletion_waits_until_all_is_there(fleet: Api) -> None:
    deployed(fleet, template(balancer("old")))
    assert fleet.put(deployment("second"), complete(template(web(capacity=1)))).status == 201
    assert state(fleet.get(deployment("second"))) == "Running" and names() == ["old", "web"]
    assert fleet.post(f"{deployment('second')}/cancel").status == 204
    all_are_up()
    assert state(fleet.get(deployment("second"))) == "Canceled" and names() == ["old", "web"]


def test_resources_of_a_nested_deployment_stay(fleet: Api) -> None:
    deployed(fleet, template(balancer("inner"), balancer("old")))
    assert (
        fleet.put(deployment("second"), complete(template(nested("inside", template(balancer("inner")))))).status == 201
    )
    assert state(fleet.get(deployment("second"))) == "Succeeded" and names() == ["inner"]


def test_a_resource_of_which_the_template_names_a_part_stays(fleet: Api) -> None:
    network = "Microsoft.Network/virtualNetworks"
    whole = {"type": network, "apiVersion": "2023-09-01", "name": "net", "location": "westeurope", "properties": {}}
    part = {
        "type": f"{network}/subnets",
        "apiVersion": "2023-09-01",
        "name": "net/s",
        "properties": {"addressPrefix": "10.0.0.0/24"},
    }
    deployed(fleet, template({**whole, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}))
    said = fleet.put(deployment("second"), complete(template(part)))
    assert said.status == 201, said
    assert state(fleet.get(deployment("second"))) == "Succeeded"
    assert fleet.get(f"/resourceGroups/fleet/providers/{network}/net").status == 200


def test_only_a_deployment_of_a_group_is_complete(fleet: Api) -> None:
    given = {**complete(template()), "location": "westeurope"}
    is_error(fleet.put("/providers/Microsoft.Resources/deployments/a", given), 400, "DeploymentModeNotSupported")
    for scope in ("outer", "inner"):
        inner = nested("inside", template(), properties={"mode": "Complete"}, scope=scope)
        is_error(fleet.put(deployment(), body(template(inner))), 400, "InvalidTemplateDeployment", "Complete")


def test_a_client_without_the_role_to_delete_deploys_nothing(fleet: Api) -> None:
    deployed(fleet, template(web(), balancer()))
    given = complete(template(web(tags={"a": "b"})))
    is_error(Api(ApiClient.Role.OPERATOR).put(deployment("second"), given), 403, "AuthorizationFailed", "delete")
    assert fleet.get(load_balancer()).status == fleet.get(scale_set()).status == 200
