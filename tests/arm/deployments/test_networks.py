"""A scale set with its networks in one template, as `az vmss create` sends it."""

import pytest

from tests.arm.client import Api, Json, load_balancer, scale_set
from tests.arm.deployments.templates import deploy, deployed, state, template, web
from tests.arm.networks import path
from tests.stories import edited
from upgrades.models import ScaleSet, StoredResource

pytestmark = pytest.mark.django_db
NETWORK = "Microsoft.Network"
CARDS = "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations"


def network(kind: str, name: str, properties: Json, *depends_on: str, **members: Json) -> Json:
    return {
        "type": f"{NETWORK}/{kind}",
        "apiVersion": "2022-11-01",
        "name": name,
        "location": "[resourceGroup().location]",
        "dependsOn": [f"{NETWORK}/{needed}" for needed in depends_on],
        "properties": properties,
        **members,
    }


def id_of(kind: str, *names: str) -> Json:
    return {"id": f"[resourceId('{NETWORK}/{kind}', {', '.join(repr(name) for name in names)})]"}


def as_az_sends_it() -> Json:
    front, pool = id_of("loadBalancers/frontendIPConfigurations", "webLB", "front"), "webLBBEPool"
    lists = {
        "frontendIPConfigurations": [
            {"name": "front", "properties": {"publicIPAddress": id_of("publicIPAddresses", "webPublicIP")}}
        ],
        "backendAddressPools": [{"name": pool}],
        "inboundNatRules": [
            {
                "name": "NatRule",
                "properties": {
                    "frontendIPConfiguration": front,
                    "backendAddressPool": id_of("loadBalancers/backendAddressPools", "webLB", pool),
                    "backendPort": 22,
                    "frontendPortRangeStart": "50000",
                    "frontendPortRangeEnd": "50119",
                    "protocol": "tcp",
                    "idleTimeoutInMinutes": 5,
                },
            }
        ],
        "outboundRules": [
            {
                "name": "OutboundRule",
                "properties": {
                    "frontendIPConfigurations": [front],
                    "backendAddressPool": id_of("loadBalancers/backendAddressPools", "webLB", pool),
                    "protocol": "All",
                },
            }
        ],
    }
    addresses = {
        "subnet": id_of("virtualNetworks/subnets", "webVNET", "webSubnet"),
        "loadBalancerBackendAddressPools": [id_of("loadBalancers/backendAddressPools", "webLB", pool)],
    }
    card = {
        "name": "webNic",
        "properties": {
            "primary": "true",
            "ipConfigurations": [{"name": "webIPConfig", "properties": addresses}],
            "networkSecurityGroup": id_of("networkSecurityGroups", "webNSG"),
        },
    }
    subnets = [{"name": "webSubnet", "properties": {"addressPrefix": "10.0.0.0/24"}}]
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets}
    needs = ["virtualNetworks/webVNET", "loadBalancers/webLB", "networkSecurityGroups/webNSG"]
    return template(
        edited(web(dependsOn=[f"{NETWORK}/{needed}" for needed in needs]), CARDS, [card]),
        network("loadBalancers", "webLB", lists, "publicIPAddresses/webPublicIP", sku={"name": "Standard"}),
        network("virtualNetworks", "webVNET", space),
        network("publicIPAddresses", "webPublicIP", {"publicIPAllocationMethod": "Static"}, sku={"name": "Standard"}),
        network("networkSecurityGroups", "webNSG", {}),
        outputs={
            "VMSS": {
                "type": "object",
                "value": "[reference(resourceId('Microsoft.Compute/virtualMachineScaleSets', 'web'))]",
            }
        },
    )


def test_a_scale_set_comes_with_its_networks(fleet: Api) -> None:
    said = deployed(fleet, as_az_sends_it())
    assert state(said) == "Succeeded", said
    assert ScaleSet.objects.count() == 1 and StoredResource.objects.count() == 3
    (rule,) = fleet.get(f"{load_balancer('webLB')}/inboundNatRules")["value"]
    assert rule["properties"]["frontendPortRangeStart"] == 50000
    assert fleet.get(path("publicIPAddresses", "webPublicIP"))["sku"]["name"] == "Standard"
    assert fleet.get(scale_set())["properties"]["virtualMachineProfile"]["networkProfile"]
    again = deployed(fleet, as_az_sends_it(), name="second")
    assert state(again) == "Succeeded", "a template can be deployed again"


def test_a_template_that_forgets_a_network_is_refused_before_anything_is_put(fleet: Api) -> None:
    whole = as_az_sends_it()
    less = {**whole, "resources": [each for each in whole["resources"] if not each["type"].endswith("SecurityGroups")]}
    for resource in less["resources"]:
        resource["dependsOn"] = [each for each in resource.get("dependsOn", []) if "SecurityGroups" not in each]
    said = deploy(fleet, less)
    assert (said.status, said.code) == (400, "InvalidTemplateDeployment")
    assert "networkSecurityGroups/webNSG" in str(said.body)
    assert not StoredResource.objects.exists()
