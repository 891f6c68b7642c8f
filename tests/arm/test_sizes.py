"""Sizes of machines, SKUs, and how much is used."""

import pytest

from tests.arm.client import Api, is_error, scale_set
from tests.arm.networks import HERE, path
from tests.stories import a_scale_set, document

pytestmark = pytest.mark.django_db
COMPUTE = "/providers/Microsoft.Compute"
L = f"{COMPUTE}/locations/westeurope"


def used(api: Api, path: str) -> dict[str, int]:
    return {found["name"]["value"]: found["currentValue"] for found in api.get(path)["value"]}


def test_sizes_of_machines(api: Api) -> None:
    found = {size["name"]: size for size in api.get(f"{L}/vmSizes")["value"]}
    assert found["Standard_D4s_v3"]["numberOfCores"] == 4 and found["Standard_D4s_v3"]["memoryInMB"] == 16 * 1024
    assert {"Standard_DS1_v2", "Standard_A1", "Standard_B1s"} <= set(found)
    is_error(api.get(f"{COMPUTE}/locations/atlantis/vmSizes"), 400, "LocationNotAvailableForResourceType")


def test_skus_of_a_subscription_by_location(api: Api) -> None:
    rows = api.get(f"{COMPUTE}/skus?$filter=location eq 'westeurope'")["value"]
    assert {row["locations"][0] for row in rows} == {"westeurope"}
    (row,) = [row for row in rows if row["name"] == "Standard_DS1_v2"]
    assert {"name": "vCPUs", "value": "1"} in row["capabilities"] and row["restrictions"] == []
    assert len(api.get(f"{COMPUTE}/skus")["value"]) > len(rows)


def test_skus_of_a_scale_set(api: Api) -> None:
    api.put(scale_set(), {**document(), "sku": {"name": "Mine", "capacity": 2}})
    first, *others = api.get(f"{scale_set()}/skus")["value"]
    assert first["sku"]["name"] == "Mine" and first["capacity"]["defaultCapacity"] == 2 and others


def test_usages_are_counted(api: Api) -> None:
    a_scale_set("web", model={**document(), "sku": {"name": "Standard_D2s_v3", "capacity": 3}}, instances=3)
    a_scale_set("odd", model={**document(), "sku": {"name": "Mine", "capacity": 2}}, instances=2)
    api.put(path("availabilitySets"), HERE)
    api.put(path("virtualNetworks"), HERE)
    api.put(path("loadBalancers"), HERE)
    counted = {"availabilitySets": 1, "cores": 6, "virtualMachines": 5, "virtualMachineScaleSets": 2}
    assert used(api, f"{L}/usages") == counted
    networks = used(api, "/providers/Microsoft.Network/locations/westeurope/usages")
    assert (networks["VirtualNetworks"], networks["LoadBalancers"], networks["NatGateways"]) == (1, 1, 0)
    assert used(api, f"{COMPUTE}/locations/westus/usages")["virtualMachines"] == 0
