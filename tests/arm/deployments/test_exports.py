"""Templates that are given back: of deployments, of resource groups; and their hashes."""

import pytest

from tests.arm.client import Api, group, is_error, load_balancer, scale_set
from tests.arm.deployments.templates import balancer, deployed, deployment, probed, state, template, web
from upgrades.models import LoadBalancer, ScaleSet

pytestmark = pytest.mark.django_db


def test_a_deployment_gives_its_template_back(fleet: Api) -> None:
    given = template(balancer("[variables('name')]"), variables={"name": "lb"})
    deployed(fleet, given)
    assert fleet.post(f"{deployment()}/exportTemplate").body == {"template": given}
    is_error(fleet.post(f"{deployment('none')}/exportTemplate"), 404, "DeploymentNotFound")


def test_a_group_is_exported_as_a_template_that_makes_it_again(fleet: Api) -> None:
    deployed(fleet, template(probed(), balancer()))
    shown = [fleet.get(path).body for path in (load_balancer(), scale_set())]
    exported = fleet.post(f"{group()}/exportTemplate", {"resources": ["*"]})
    assert exported.status == 200
    by_name = {each["name"]: each for each in exported["template"]["resources"]}
    assert by_name["web"]["dependsOn"] == ["[resourceId('Microsoft.Network/loadBalancers', 'lb')]"]
    assert "etag" not in str(exported.body) and fleet.subscription not in str(exported.body)
    assert state(deployed(fleet, exported["template"], name="again")) == "Succeeded"
    assert [fleet.get(path).body for path in (load_balancer(), scale_set())] == shown
    ScaleSet.objects.all().delete()
    LoadBalancer.objects.all().delete()
    assert state(deployed(fleet, exported["template"], name="anew")) == "Succeeded"
    again = [fleet.get(path).body for path in (load_balancer(), scale_set())]
    assert [each["properties"].get("probes") for each in again] == [each["properties"].get("probes") for each in shown]


def test_parts_of_a_group_are_exported(fleet: Api) -> None:
    deployed(fleet, template(web(), balancer()))
    own_id = f"/subscriptions/{fleet.subscription}{load_balancer()}"
    exported = fleet.post(f"{group()}/exportTemplate", {"resources": [own_id.upper()]})
    assert [each["name"] for each in exported["template"]["resources"]] == ["lb"]
    is_error(fleet.post(f"{group()}/exportTemplate", {"resources": [own_id + "x"]}), 404, "ResourceNotFound")
    is_error(fleet.post(f"{group()}/exportTemplate", {"options": "Banana"}), 400, "InvalidParameter", "Banana")
    is_error(fleet.post(f"{group('none')}/exportTemplate", {"resources": ["*"]}), 404, "ResourceGroupNotFound")


def test_the_hash_is_that_of_the_deployment(fleet: Api) -> None:
    given = template(balancer())
    address = "http://testserver/providers/Microsoft.Resources/calculateTemplateHash?api-version=2025-04-01"
    said = fleet.post(address, given)
    assert said["templateHash"] == deployed(fleet, given)["properties"]["templateHash"]
    assert said["minifiedTemplate"].startswith('{"$schema":"https://')
    assert fleet.post(address, template(balancer("other")))["templateHash"] != said["templateHash"]
