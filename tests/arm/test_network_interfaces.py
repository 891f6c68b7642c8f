"""Network interfaces of instances, as the model has them; no address is invented."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.arm.client import Api, Json, is_error, scale_set
from tests.arm.networks import HERE, PROPERTIES, id_of, path
from tests.stories import a_scale_set, document, edited
from upgrades.models import Instance

pytestmark = pytest.mark.django_db
ONE = f"{scale_set()}/virtualMachines/1"
NIC = f"{ONE}/networkInterfaces/nic"
CARDS = "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations"


def networked(api: Api) -> Json:
    api.put(path("virtualNetworks"), {**HERE, "properties": PROPERTIES["virtualNetworks"]})
    configuration = {
        "name": "ip",
        "properties": {
            "subnet": {"id": f"{id_of(api, 'virtualNetworks')}/subnets/machines"},
            "publicIPAddressConfiguration": {"name": "public", "properties": {"idleTimeoutInMinutes": 15}},
        },
    }
    card = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [configuration]}}
    return edited(document(capacity=3), CARDS, [card])


@pytest.fixture
def web(api: Api) -> Api:
    a_scale_set(model=networked(api), instances=3)
    Instance.objects.update(address="127.0.0.1:4000")
    return api


def test_interfaces_of_an_instance(web: Api) -> None:
    shown = web.get(NIC)
    assert shown["id"] == f"/subscriptions/{web.subscription}{NIC}" and shown["name"] == "nic"
    assert shown["properties"]["virtualMachine"]["id"] == f"/subscriptions/{web.subscription}{ONE}"
    (its,) = shown["properties"]["ipConfigurations"]
    assert its["properties"]["subnet"]["id"].endswith("/subnets/machines") and its["properties"]["primary"]
    assert "privateIPAddress" not in json.dumps(shown.body).replace("privateIPAddressVersion", ""), "none is known"
    assert web.get(f"{ONE}/networkInterfaces")["value"] == [shown.body]
    assert web.get(f"{NIC}/ipConfigurations")["value"] == [its]
    assert web.get(f"{NIC}/ipConfigurations/IP").body == its
    (public,) = web.get(f"{NIC}/ipConfigurations/ip/publicIPAddresses")["value"]
    assert public["id"] == its["properties"]["publicIPAddress"]["id"] and "ipAddress" not in public["properties"]
    assert public["properties"]["idleTimeoutInMinutes"] == 15
    assert web.get(f"{NIC}/ipConfigurations/ip/publicIPAddresses/public").body == public
    for missing in (
        f"{ONE}/networkInterfaces/none",
        f"{NIC}/ipConfigurations/none",
        f"{scale_set()}/virtualMachines/9/networkInterfaces",
    ):
        is_error(web.get(missing), 404, "ResourceNotFound")


def test_an_address_that_is_known_is_shown(web: Api) -> None:
    Instance.objects.filter(number=1).update(address="10.0.0.7")
    (its,) = web.get(NIC)["properties"]["ipConfigurations"]
    assert its["properties"]["privateIPAddress"] == "10.0.0.7"


def test_lists_of_a_scale_set_cost_a_constant_number_of_queries(web: Api) -> None:
    counts = []
    for extra in (0, 30):
        row = Instance.objects.get(number=1)
        Instance.objects.bulk_create(
            Instance(
                scale_set=row.scale_set,
                number=100 + n,
                name=f"x{n}",
                created_at=row.created_at,
                health_since=row.health_since,
            )
            for n in range(extra)
        )
        for list_of in ("networkInterfaces", "publicIPAddresses"):
            with CaptureQueriesContext(connection) as caught:
                assert len(web.get(f"{scale_set()}/{list_of}")["value"]) == 3 + extra
            counts.append(len(caught))
    assert counts[:2] == counts[2:]


def test_a_model_without_interfaces_has_none(api: Api) -> None:
    a_scale_set(instances=2)
    assert api.get(f"{scale_set()}/networkInterfaces")["value"] == []
    assert api.get(f"{ONE}/networkInterfaces")["value"] == []
