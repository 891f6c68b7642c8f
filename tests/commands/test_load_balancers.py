"""Load balancers, for the sake of their probes."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.stories import NOW, a_scale_set, at_once, document, refused, snapshot_equals_events
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.commands.scale_sets import set_model
from upgrades.models import LoadBalancer, ScaleSet

LATER = NOW + timedelta(minutes=1)
PROBE = {"protocol": "Http", "port": 80, "requestPath": "/health"}
ID = "/subscriptions/s/resourceGroups/Fleet/providers/Microsoft.Network/loadBalancers/{}/probes/http"

pytestmark = pytest.mark.django_db


def balancer(**settings: Any) -> dict[str, Any]:
    return {
        "location": "West Europe",
        "properties": {"probes": [{"name": "http", "properties": {**PROBE, **settings}}]},
    }


def test_a_put_replaces_a_load_balancer() -> None:
    put_load_balancer("Fleet/LB", balancer(), NOW)
    put_load_balancer("fleet/lb", {"location": "westeurope", "tags": {"a": "b"}}, LATER)
    row = LoadBalancer.objects.get()
    assert (row.key, str(row), row.location.name) == ("fleet/lb", "Fleet/LB", "westeurope")
    assert row.document == {"location": "westeurope", "tags": {"a": "b"}}


def test_scale_sets_follow_changes_of_their_probe() -> None:
    for name in ("lb", "lb2"):
        put_load_balancer(f"fleet/{name}", balancer(), NOW)
        set_model(f"fleet/uses-{name}", document(probe_id=ID.format(name.upper())), NOW)
    with snapshot_equals_events():
        put_load_balancer("fleet/lb", balancer(protocol="tcp", requestPath=None, port=22, intervalInSeconds=60), LATER)
    told, other = ScaleSet.objects.order_by("key")
    assert (told.probe_protocol, told.probe_port, told.probe_path, told.probe_interval_seconds) == ("tcp", 22, "", 60)
    assert (told.seq, other.seq, other.probe_protocol) == (2, 1, "http")


def test_an_https_probe() -> None:
    put_load_balancer("fleet/lb", balancer(protocol="Https", port=8443), NOW)
    a_scale_set(probe_id=ID.format("lb"))
    row = ScaleSet.objects.get()
    assert (row.probe_protocol, row.probe_port, row.probe_path) == ("https", 8443, "/health")
    put_load_balancer("fleet/lb", {**balancer(protocol="Https", port=None), "sku": {"name": "Standard"}}, LATER)
    row.refresh_from_db()
    assert row.probe_port == 443
    put_load_balancer("fleet/lb", {**balancer(), "sku": {"name": "Basic"}}, LATER)
    row.refresh_from_db()
    assert row.probe_protocol == "http"


def test_a_probe_in_use_cannot_go() -> None:
    put_load_balancer("fleet/lb", balancer(), NOW)
    a_scale_set(probe_id=ID.format("lb"))
    with refused("InvalidResourceReference", "fleet/lb must keep the probe 'http': the scale set fleet/web uses it"):
        put_load_balancer("fleet/lb", {"location": "westeurope"}, LATER)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (None, "a load balancer's document is a JSON object, not null"),
        ([], "not a list"),
        ({}, "location is missing"),
        ({"location": 5}, "location must be a string, got 5"),
        ({"location": "westeurope", "x": float("nan")}, "not JSON"),
        ({"location": "westeurope", "properties": {"probes": 5}}, "properties.probes must be a list, got 5"),
        ({"location": "westeurope", "properties": {"probes": {"name": "x"}}}, "properties.probes must be a list"),
        ({"location": "westeurope", "properties": {"probes": ["x"]}}, "properties.probes[0] must be an object"),
        ({"location": "westeurope", "properties": {"probes": [{"properties": PROBE}]}}, "probes[0].name is missing"),
        (
            {"location": "westeurope", "properties": {"probes": [{"name": "x"}]}},
            "probes[0].properties.protocol is missing",
        ),
        (
            balancer(protocol="gopher"),
            "probes[0].properties.protocol' is not allowed. Allowed values are: Http, Tcp, Https.",
        ),
        (balancer(protocol="Https", requestPath=None), "probes[0].properties.requestPath is missing"),
        (
            {**balancer(protocol="Https"), "sku": {"name": "basic"}},
            "https protocol is only supported on a load balancer with",
        ),
        (balancer(requestPath=None), "probes[0].properties.requestPath is missing"),
        (balancer(intervalInSeconds=4), "intervalInSeconds must be an integer from 5 to 3600, got 4"),
        (balancer(numberOfProbes=0), "numberOfProbes must be an integer from 1 to 100, got 0"),
        (balancer(port=70000), "port must be an integer from 1 to 65535, got 70000"),
    ],
)
def test_invalid_load_balancers_are_refused(body: object, word: str) -> None:
    put_load_balancer("fleet/lb", balancer(), NOW)
    with refused("InvalidParameter", word):
        put_load_balancer("fleet/lb", body, LATER)


def test_an_unknown_location() -> None:
    with refused("LocationNotAvailableForResourceType", "there is no location 'atlantis'"):
        put_load_balancer("fleet/lb", {"location": "atlantis"}, NOW)


def test_invalid_names_are_refused() -> None:
    with refused("InvalidParameter", "a resource is named"):
        put_load_balancer("lb", balancer(), NOW)


# --- at once ----------------------------------------------------------------------------------------------------------


def put_balancers(ports: list[int]) -> list[int]:
    for port in ports:
        put_load_balancer("fleet/lb", balancer(port=port), LATER)
    return ports


def put_sets(name: str) -> str:
    for _ in range(5):
        set_model(f"fleet/{name}", document(probe_id=ID.format("lb")), LATER)
    return name


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_probes_that_change_while_scale_sets_are_put() -> None:
    """Nobody waits for each other for ever, and in the end all are probed as the load balancer says."""
    put_load_balancer("fleet/lb", balancer(), NOW)
    names, ports = ["web", "web", "api", "db"], [[81, 82, 83, 84, 85], [91, 92, 93, 94, 95]]
    with snapshot_equals_events():
        done = at_once(*(partial(put_balancers, some) for some in ports), *(partial(put_sets, name) for name in names))
    assert done == [*ports, *names]
    last = LoadBalancer.objects.get().document["properties"]["probes"][0]["properties"]["port"]
    assert {row.probe_port for row in ScaleSet.objects.all()} == {last}
