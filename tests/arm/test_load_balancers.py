"""Load balancers over the API, and scale sets that are probed through them."""

import json
from typing import Any

import pytest

from tests.arm.client import Api, Json, is_error, load_balancer, scale_set
from tests.arm.networks import store
from tests.stories import a_scale_set, document, edited, everything_stored, nothing_changes, snapshot_equals_events
from upgrades.models import LoadBalancer, ScaleSet

pytestmark = pytest.mark.django_db
HTTP = {"protocol": "Http", "port": 80, "requestPath": "/health", "intervalInSeconds": 5, "numberOfProbes": 2}
HTTPS = {**HTTP, "protocol": "Https", "port": 443}
TCP = {"protocol": "Tcp", "port": 22, "intervalInSeconds": 15, "numberOfProbes": 2}
PUBLIC = {
    "publicIPAddress": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/p"}
}
INTERNAL = {
    "privateIPAddress": "10.0.0.4",
    "privateIPAllocationMethod": "Static",
    "subnet": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s"},
}


@pytest.fixture(autouse=True)
def networks(db: None) -> None:
    """What frontends refer to."""
    store("g/Microsoft.Network/publicIPAddresses/p")
    store("g/Microsoft.Network/virtualNetworks/v", {"subnets": [{"name": "s"}]})


def balancer(frontend: Json = PUBLIC, **probes: Json) -> Json:
    return {
        "location": "West Europe",
        "sku": {"name": "Standard"},
        "properties": {
            "frontendIPConfigurations": [{"name": "front", "properties": frontend}],
            "probes": [{"name": name, "properties": settings} for name, settings in (probes or {"http": HTTP}).items()],
        },
    }


def probe_id(api: Api, probe: str, name: str = "lb") -> str:
    return f"/subscriptions/{api.subscription}{load_balancer(name)}/probes/{probe}"


def test_create_get_list_delete(api: Api) -> None:
    made = api.put(load_balancer(), balancer())
    assert made.status == 201 and made["properties"]["provisioningState"] == "Succeeded"
    assert made["id"] == f"/subscriptions/{api.subscription}{load_balancer()}"
    assert (made["name"], made["type"], made["location"]) == ("lb", "Microsoft.Network/loadBalancers", "westeurope")
    (front,), (http,) = made["properties"]["frontendIPConfigurations"], made["properties"]["probes"]
    assert front["id"] == f"{made['id']}/frontendIPConfigurations/front"
    assert (http["id"], http["type"]) == (probe_id(api, "http"), "Microsoft.Network/loadBalancers/probes")
    assert {**http["properties"], **HTTP} == http["properties"]
    assert api.get(load_balancer()).body == made.body
    for place in ("/resourceGroups/fleet", ""):
        assert api.get(f"{place}/providers/Microsoft.Network/loadBalancers")["value"] == [made.body]
    assert api.get(f"{load_balancer()}/probes")["value"] == [http]
    assert api.get(f"{load_balancer()}/probes/HTTP").body == http
    is_error(api.get(f"{load_balancer()}/probes/none"), 404, "ResourceNotFound")
    assert [api.delete(load_balancer()).status for _ in range(2)] == [200, 204]
    assert not LoadBalancer.objects.exists()


def test_get_then_put_changes_nothing(api: Api) -> None:
    rule = {"name": "r", "properties": {"fromTheFuture": [1]}}
    api.put(load_balancer(), edited(balancer(), "properties.loadBalancingRules", [rule]))
    before = everything_stored()
    said = api.put(load_balancer(), api.get(load_balancer()).body)
    assert said.status == 200 and said.body == api.get(load_balancer()).body
    assert everything_stored() == before
    assert "id" not in before["upgrades.LoadBalancer"][0]["document"]["properties"]["probes"][0]


def test_a_changed_probe_reaches_its_users(api: Api) -> None:
    api.put(load_balancer(), balancer())
    a_scale_set(probe_id=probe_id(api, "http"))
    shown = api.get(load_balancer()).body
    shown["properties"]["probes"][0]["properties"]["port"] = 8080
    with snapshot_equals_events():
        assert api.put(load_balancer(), shown).status == 200
    assert ScaleSet.objects.get().probe_port == 8080
    assert set(LoadBalancer.objects.get().document["properties"]["probes"][0]) == {"name", "properties"}


def test_moving_a_load_balancer_is_refused(api: Api) -> None:
    """As of a scale set."""
    api.put(load_balancer(), balancer())
    with nothing_changes():
        said = api.put(load_balancer(), {**balancer(), "location": "westus"})
        is_error(said, 400, "PropertyChangeNotAllowed", "the location of fleet/lb is westeurope and cannot")


def test_a_patch_is_for_tags(api: Api) -> None:
    api.put(load_balancer(), balancer())
    said = api.patch(load_balancer(), {"tags": {"a": "b"}, "properties": {"probes": []}})
    assert said["tags"] == {"a": "b"} and len(said["properties"]["probes"]) == 1


@pytest.mark.parametrize("frontend", [PUBLIC, INTERNAL], ids=["public", "internal"])
def test_s39_a_probe_of_an_internal_or_a_public_load_balancer(api: Api, frontend: Json) -> None:
    api.put(load_balancer(), balancer(frontend))
    id = probe_id(api, "http").replace("resourceGroups", "resourcegroups")
    assert api.put(scale_set(), document(probe_id=id)).status == 201
    row = ScaleSet.objects.get()
    assert (row.probe_protocol, row.probe_port, row.probe_path, row.probe_threshold) == ("http", 80, "/health", 2)
    shown = api.get(scale_set())["properties"]["virtualMachineProfile"]["networkProfile"]
    assert shown == {"healthProbe": {"id": id}}


@pytest.mark.parametrize("probe", ["none", "http/x"])
def test_s39_a_dangling_id_is_refused(api: Api, probe: str) -> None:
    api.put(load_balancer(), balancer())
    for id in (probe_id(api, probe), probe_id(api, "http", "other"), "lb/http"):
        with nothing_changes():
            is_error(api.put(scale_set(), document(probe_id=id)), 400, "InvalidResourceReference")


@pytest.mark.parametrize(("settings", "protocol"), [(HTTP, "http"), (HTTPS, "https"), (TCP, "tcp")])
def test_s33_http_https_and_tcp_probes(api: Api, settings: Json, protocol: str) -> None:
    """That they drive health is for the tests of the prober: tests/probes."""
    api.put(load_balancer(), balancer(mine=settings))
    assert api.put(scale_set(), document(probe_id=probe_id(api, "mine"))).status == 201
    row = ScaleSet.objects.get()
    assert (row.probe_protocol, row.probe_port) == (protocol, settings["port"])
    assert (row.probe_path, row.probe_interval_seconds) == (
        settings.get("requestPath", ""),
        settings["intervalInSeconds"],
    )
    assert api.get(f"{load_balancer()}/probes/mine")["properties"]["protocol"] == settings["protocol"]


def test_a_probe_in_use_stays_and_so_does_its_load_balancer(api: Api) -> None:
    api.put(load_balancer(), balancer())
    a_scale_set(probe_id=probe_id(api, "http"))
    with nothing_changes():
        said = api.put(load_balancer(), {"properties": {"probes": []}})
        is_error(said, 400, "InvalidResourceReference", "must keep the probe")
        said = api.delete(load_balancer())
        is_error(said, 400, "LoadBalancerInUseByVirtualMachineScaleSet", "fleet/web")
    api.delete(scale_set())
    assert api.delete(load_balancer()).status == 200


def test_fields_in_another_case_are_understood(api: Api) -> None:
    """As the document's template sends them: "http" in small letters, numbers as texts, `Id`."""
    settings = {"Protocol": "http", "port": "80", "requestPath": "/", "intervalInSeconds": "5", "numberOfProbes": "2"}
    api.put(load_balancer(), balancer(mine=settings))
    body = document()
    body["properties"]["virtualMachineProfile"]["networkProfile"] = {"healthProbe": {"Id": probe_id(api, "mine")}}
    assert api.put(scale_set(), body).status == 201
    assert api.get(f"{load_balancer()}/probes/mine")["properties"]["intervalInSeconds"] == 5
    network = api.get(scale_set())["properties"]["virtualMachineProfile"]["networkProfile"]
    assert network == {"healthProbe": {"id": probe_id(api, "mine")}}


BAD: list[Any] = [
    ({"protocol": "smoke"}, "Allowed values are: Http, Tcp, Https"),
    ({"port": 0}, "1 to 65535"),
    ({"port": None}, ""),
    ({"intervalInSeconds": 4}, "5 to"),
    ({"numberOfProbes": 0}, "1 to"),
    ({"requestPath": ""}, "requestPath is missing"),
]


@pytest.mark.parametrize(("change", "words"), BAD[:2] + BAD[3:])
def test_invalid_probes_are_refused(api: Api, change: Json, words: str) -> None:
    with nothing_changes():
        said = api.put(load_balancer(), balancer(http={**HTTP, **change}))
    is_error(said, 400, "InvalidParameter", words)


@pytest.mark.parametrize("name", ["a/b", "a b", "/a", "-a", "a-", "ä"])
def test_names_that_do_not_fit_into_an_id_are_refused(api: Api, name: str) -> None:
    with nothing_changes():
        is_error(api.put(load_balancer(), balancer(**{name: HTTP})), 400, "InvalidResourceName", "80 letters, digits")
    assert api.put(load_balancer(), balancer(**{"a.b-c_": HTTP, "7": HTTP})).status == 201


def test_a_null_in_a_new_load_balancer_is_as_good_as_left_out(api: Api) -> None:
    body = balancer(http={**HTTP, "probeThreshold": None})
    api.put(load_balancer(), {**body, "sku": None})
    assert "null" not in json.dumps(LoadBalancer.objects.get().document)
    with nothing_changes():
        assert api.put(load_balancer(), {**body, "sku": None}).status == 200


@pytest.mark.parametrize(
    ("sku", "probe", "shown"),
    [
        (None, HTTP, {"name": "Basic", "tier": "Regional"}),
        ({}, TCP, {"name": "Basic", "tier": "Regional"}),
        (None, HTTPS, {"name": "Standard", "tier": "Regional"}),
        ({"name": "Standard"}, HTTP, {"name": "Standard", "tier": "Regional"}),
        ({"name": "gateway", "tier": "Global"}, HTTP, {"name": "Gateway", "tier": "Global"}),
    ],
)
def test_a_sku_is_always_shown_and_can_be_sent_back(api: Api, sku: Json | None, probe: Json, shown: Json) -> None:
    """Azure fills Basic in. Nothing of what is filled in is stored: one that gets an https probe later is not refused for it."""
    made = api.put(load_balancer(), {**balancer(p=probe), "sku": sku})
    assert made["sku"] == shown
    with nothing_changes():
        assert api.put(load_balancer(), made.body)["sku"] == shown
    changed = edited(made.body, "properties.probes", [{"name": "p", "properties": HTTPS}])
    assert api.put(load_balancer(), changed).status == 200


@pytest.mark.parametrize("location", ["atlantis", "", 7])
def test_invalid_locations_are_refused(api: Api, location: Any) -> None:
    with nothing_changes():
        assert api.put(load_balancer(), {**balancer(), "location": location}).status == 400


def test_a_request_with_an_outdated_etag_is_refused(api: Api) -> None:
    etag = api.put(load_balancer(), balancer()).headers["ETag"]
    api.patch(load_balancer(), {"tags": {"a": "b"}}, if_match=etag)
    with nothing_changes():
        for said in (
            api.put(load_balancer(), balancer(), if_match=etag),
            api.patch(load_balancer(), {"tags": {}}, if_match=etag),
            api.delete(load_balancer(), if_match=etag),
            api.put(load_balancer(), balancer(), if_none_match="*"),
        ):
            is_error(said, 412, "PreconditionFailed")
