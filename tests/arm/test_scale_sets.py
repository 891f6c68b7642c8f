"""Scale sets over the API: made, shown, listed, deleted."""

import copy
import json
import re

import pytest

from tests.arm.bodies import VECTORS
from tests.arm.client import Api, Json, is_error, scale_set
from tests.arm.networks import store_what_it_refers_to
from tests.stories import (
    NOW,
    a_scale_set,
    document,
    everything_stored,
    snapshot_equals_events,
)
from upgrades.models import AsyncOperation, Instance, ScaleSet, sealing

EXAMPLE = VECTORS / "ScaleSet_Create_WithAzureLoadBalancer.2018-10-01.json"

pytestmark = pytest.mark.django_db


def test_create_get_list_delete(api: Api) -> None:
    with snapshot_equals_events():
        made = api.put(scale_set(), document(tags={"a": "b"}))
    assert made.status == 201
    assert made["properties"]["provisioningState"] == "Creating"
    assert made.headers["Azure-AsyncOperation"].startswith("http://testserver/subscriptions/")
    assert made.headers["Retry-After"] == "1" and "Location" not in made.headers
    assert made["id"] == f"/subscriptions/{api.subscription}{scale_set()}"
    assert (made["name"], made["type"], made["location"], made["tags"]) == (
        "web",
        "Microsoft.Compute/virtualMachineScaleSets",
        "westeurope",
        {"a": "b"},
    )
    assert api.get(scale_set()).body == made.body
    for place in (
        "/resourceGroups/FLEET/providers/Microsoft.Compute/virtualMachineScaleSets",
        "/providers/Microsoft.Compute/virtualMachineScaleSets",
        "/providers/Microsoft.Compute/locations/WestEurope/virtualMachineScaleSets",
    ):
        assert api.get(place).body == {"value": [made.body]}
    running = api.get(made.headers["Azure-AsyncOperation"])
    assert (running.status, running["status"], running.headers["Retry-After"]) == (200, "InProgress", "1")
    gone = api.delete(scale_set())
    assert (gone.status, gone.body) == (202, None)
    assert {"Azure-AsyncOperation", "Location", "Retry-After"} <= set(gone.headers)
    assert api.get(scale_set())["properties"]["provisioningState"] == "Deleting"
    assert api(("GET"), gone.headers["Location"]).status == 202
    assert api.get(made.headers["Azure-AsyncOperation"])["status"] == "Canceled"
    ScaleSet.objects.all().delete()
    assert api.get(gone.headers["Azure-AsyncOperation"])["status"] == "Succeeded"
    assert api.get(gone.headers["Location"]).status == 204
    assert api.delete(scale_set()).status == 204
    is_error(api.get(scale_set()), 404, "ResourceNotFound", "'Microsoft.Compute/virtualMachineScaleSets/web'")


def test_the_official_example(api: Api) -> None:
    with_names = re.sub(r"\{([\w-]+)\}", r"\1", EXAMPLE.read_text())  # "{existing-load-balancer-name}"
    body = json.loads(with_names)["parameters"]["parameters"]
    store_what_it_refers_to(body)
    made = api.put(scale_set(), body)
    assert made.status == 201
    profile = copy.deepcopy(body["properties"])
    profile["upgradePolicy"]["automaticOSUpgradePolicy"] = {"enableAutomaticOSUpgrade": False}
    machine = profile["virtualMachineProfile"]
    del machine["osProfile"]["adminPassword"]
    machine["osProfile"]["secrets"] = []  # what Azure fills in, as its own answer to the example shows
    machine["osProfile"]["windowsConfiguration"] = {"provisionVMAgent": True, "enableAutomaticUpdates": True}
    machine["storageProfile"]["osDisk"]["osType"] = "Windows"
    (card,) = machine["networkProfile"]["networkInterfaceConfigurations"]
    card["properties"] |= {"dnsSettings": {"dnsServers": []}, "enableAcceleratedNetworking": False}
    card["properties"]["ipConfigurations"][0]["properties"]["privateIPAddressVersion"] = "IPv4"
    shown = {name: made["properties"][name] for name in profile}
    assert shown == profile
    assert sealing.unseal(ScaleSet.objects.get().sealed_secrets)


def test_get_then_put_changes_nothing(api: Api) -> None:
    body = document(probe="/health", os_profile={"adminPassword": "hunter2", "customData": "IyE="})
    body["properties"]["UpgradePolicy"] = body["properties"].pop("upgradePolicy")
    body["properties"]["UpgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] = "true"
    body["sku"]["capacity"] = "3"
    body["properties"]["virtualMachineProfile"]["fromTheFuture"] = {"a": [1, None]}
    body["location"] = "West Europe"
    api.put(scale_set(), body)
    before = everything_stored()
    shown = api.get(scale_set())
    again = api.put(scale_set(), shown.body)
    assert (again.status, again.body) == (200, shown.body)
    assert everything_stored() == before


def test_scale_sets_by_pages(api: Api) -> None:
    first = a_scale_set("first", instances=0)
    others = [ScaleSet(**{**vars_of(first), "key": f"fleet/s{n:03}", "name": f"s{n:03}"}) for n in range(204)]
    ScaleSet.objects.bulk_create(others)
    found: list[str] = []
    link = "/resourcegroups/fleet/providers/Microsoft.Compute/virtualMachineScaleSets"
    while link:
        said = api.get(link)
        found += [scale_set["name"] for scale_set in said["value"]]
        link = said.body.get("nextLink")
    assert found == ["first", *(f"s{n:03}" for n in range(204))]


def vars_of(row: ScaleSet) -> Json:
    kept = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    del kept["id"]
    return kept


def test_failed_creations_are_reported(api: Api) -> None:
    made = api.put(scale_set(), document(capacity=2))
    row = ScaleSet.objects.get()
    for number in (0, 1):
        Instance.objects.create(
            scale_set=row,
            number=number,
            name=f"web_{number}",
            created_at=NOW,
            health_since=NOW,
            version="0.0.1" if number else "",
            provisioning="succeeded" if number else "failed",
            missing_since=None if number else NOW,
            creation_error="" if number else "instance 0 is beyond the quota",
        )
    assert api.get(scale_set())["properties"]["provisioningState"] == "Failed"
    over = api.get(made.headers["Azure-AsyncOperation"])
    assert over["status"] == "Failed"
    assert over["error"]["message"] == "These instances could not be created: 0. instance 0 is beyond the quota."


def test_an_operation_that_is_not_there(api: Api) -> None:
    begun = api.put(scale_set(), document()).headers["Azure-AsyncOperation"]
    AsyncOperation.objects.all().delete()
    is_error(api.get(begun), 404, "NotFound", "kept for 7 days")
