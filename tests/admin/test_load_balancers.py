"""Load balancers in the admin."""

import json
from typing import Any

import pytest
from django.test import Client

from tests.admin.people import errors, page, post, saved
from tests.stories import a_scale_set, nothing_changes, snapshot_equals_events
from upgrades.models import LoadBalancer, ScaleSet

PROBE_ID = "/subscriptions/s/resourceGroups/fleet/providers/Microsoft.Network/loadBalancers/lb/probes/Health"

pytestmark = pytest.mark.django_db


def body(**probe: Any) -> str:
    settings = {"protocol": "Http", "port": 8080, "requestPath": "/", **probe}
    probes = [{"name": "Health", "properties": settings}]
    rule = {"name": "rule", "fromTheFuture": 1}
    lists = {"probes": probes, "loadBalancingRules": [rule]}
    return json.dumps({"location": "westeurope", "properties": lists})


def put(client: Client, document: str, name: str = "lb") -> Any:
    return post(client, "loadbalancer/add/", resource_group="fleet", name=name, document=document)


def test_a_change_of_a_load_balancer_reaches_its_scale_sets(ada: Client) -> None:
    assert saved(put(ada, body()))
    row = LoadBalancer.objects.get()
    assert (row.key, row.location.name) == ("fleet/lb", "westeurope")
    assert row.document["properties"]["loadBalancingRules"] == [{"name": "rule", "fromTheFuture": 1}]
    a_scale_set(probe_id=PROBE_ID)
    assert "8080" in page(ada, f"loadbalancer/{row.pk}/change/")
    with snapshot_equals_events():
        assert saved(post(ada, f"loadbalancer/{row.pk}/change/", document=body(port=9090)))
    assert ScaleSet.objects.get().probe_port == 9090


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "This is not JSON"),
        ("[1]", "JSON object"),
        ('{"location": "atlantis"}', "there is no location"),
        ('{"location": "westeurope", "fromTheFuture": 1}', "Could not find member"),
        ('{"tags": {}}', "location is missing"),
        (body(protocol="smoke"), "Allowed values are: Http, Tcp, Https"),
        (body(intervalInSeconds=1), "an integer from 5 to 3600"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_an_invalid_document_is_refused(ada: Client, document: str, words: str) -> None:
    with nothing_changes():
        found = errors(put(ada, document))
    assert words.lower() in str(found).lower(), found
    assert list(found) in (["document"], ["__all__"])


def test_a_probe_that_is_used_stays(ada: Client) -> None:
    put(ada, body())
    a_scale_set(probe_id=PROBE_ID)
    with nothing_changes():
        found = errors(
            post(ada, f"loadbalancer/{LoadBalancer.objects.get().pk}/change/", document='{"location": "westeurope"}')
        )
    assert "must keep the probe" in found["document"][0]


def test_names_are_checked(ada: Client) -> None:
    with nothing_changes():
        assert "RESOURCE_GROUP/NAME" in str(errors(put(ada, body(), name="a b")))
    put(ada, body())
    with nothing_changes():
        assert "already" in errors(put(ada, body(port=1), name="LB"))["__all__"][0]
