"""Templates and parameters at an address: fetched from allowed hosts, and from no others."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.arm.client import Api, Json, is_error
from tests.arm.deployments.served import served
from tests.arm.deployments.templates import DEPLOYMENT_TYPE, balancer, deployment, state, template
from upgrades.arm.deployments.fetching import MAX_BYTES, fetched, shown
from upgrades.arm.errors import ArmError
from upgrades.models import Deployment, LoadBalancer

pytestmark = pytest.mark.django_db
NAMED = template(balancer("[parameters('name')]"), parameters={"name": {"type": "string"}})
VALUES = {"contentVersion": "1.0.0.0", "parameters": {"name": {"value": "linked"}}}


def linked(uri: str, **properties: Any) -> Json:
    return {"properties": {"mode": "Incremental", "templateLink": {"uri": uri}, **properties}}


def test_a_template_and_its_parameters_are_fetched_once(fleet: Api, settings: Settings) -> None:
    with served({"/t.json": NAMED, "/p.json": VALUES}) as origin:
        settings.TEMPLATE_HOSTS = [origin]
        given = linked(f"{origin}/t.json?sig=secret", parametersLink={"uri": f"{origin}/p.json"})
        assert fleet.put(deployment(), given).status == 201
    assert state(fleet.get(deployment())) == "Succeeded", "its server is gone"
    assert LoadBalancer.objects.get().name == "linked"
    assert "secret" not in str(Deployment.objects.values())


def test_a_relative_path_is_that_of_the_template(fleet: Api, settings: Settings) -> None:
    inner: Json = {
        "type": DEPLOYMENT_TYPE,
        "apiVersion": "2022-09-01",
        "name": "inside",
        "properties": {
            "mode": "Incremental",
            "templateLink": {"relativePath": "parts/t.json"},
            "parameters": {"name": {"value": "[last(split(deployment().properties.templateLink.uri, '/'))]"}},
        },
    }
    with served({"/main": template(inner), "/parts/t.json": NAMED}) as origin:
        settings.TEMPLATE_HOSTS = [origin]
        assert fleet.put(deployment(), linked(f"{origin}/main")).status == 201
        assert state(fleet.get(deployment())) == "Succeeded"
    assert LoadBalancer.objects.get().name == "main"
    inner["properties"]["parameters"] = {"name": {"value": "x"}}
    sent = {"properties": {"mode": "Incremental", "template": template(inner)}}
    is_error(fleet.put(deployment("second"), sent), 400, "InvalidTemplateDeployment", "relativePath")


def test_other_hosts_are_not_asked(settings: Settings) -> None:
    big = b" " * (MAX_BYTES + 1)
    redirects = {"/away": "http://localhost:1/x", "/round": "/round", "/big": big, "/odd": b"\xff\xfe"}
    with served(redirects) as origin:
        settings.TEMPLATE_HOSTS = [origin, "localhost", "127.0.0.1", "no-such-host.invalid"]
        for url, said in (
            ("https://example.com/t.json", "not allowed"),
            ("http://localhost/t.json", "not allowed"),
            ("https://localhost/t.json", "private or local"),
            ("https://127.0.0.1/t.json", "private or local"),
            ("https://no-such-host.invalid/t.json", "not known"),
            (f"{origin.replace('http://', 'http://user:word@')}/t.json", "without a user"),
            ("file:///etc/passwd", "https address"),
            ("http://[::1", "no address"),
            (f"{origin}/none", "answers 404"),
            (f"{origin}/away", "not allowed"),
            (f"{origin}/round", "redirected more than"),
            (f"{origin}/big", "more than"),
            (f"{origin}/odd", "UTF-8"),
        ):
            with pytest.raises(ArmError, match=said):
                fetched(url, "template")


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown("https://user:word@example.com:444/a?sig=x") == "https://example.com:444/a"
    assert shown("nothing?sig=x") == "nothing" and shown("http://[") == "an address that cannot be read"


@pytest.mark.parametrize(
    "properties, said",
    [
        ({"template": template()}, "not both"),
        ({"templateLink": {"id": "/subscriptions/x"}}, "template specs"),
        ({"templateLink": {"uri": "https://example.com", "banana": 1}}, "banana"),
        ({"templateLink": None, "template": template(), "parameters": {"a": 1}, "parametersLink": {"uri": "x"}}, "not both"),
    ],
)  # fmt: skip
def test_a_wrong_link_is_refused(fleet: Api, properties: Json, said: str) -> None:
    assert said in str(fleet.put(deployment(), linked("https://example.com/t.json", **properties)).body)
