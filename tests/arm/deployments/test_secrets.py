"""Secure parameters are in no row, no answer, no event and no line of the log; but in the scale set, sealed."""

import json
import logging

import pytest
from django.db import connection

from tests.arm.client import Api
from tests.arm.deployments.templates import (
    PASSWORD,
    all_are_up,
    balancer,
    body,
    deploy,
    deployed,
    deployment,
    failing,
    nested,
    state,
    template,
    web,
)
from upgrades.models import Deployment, ScaleSet, sealing

pytestmark = pytest.mark.django_db
SECURE = {"adminPassword": {"type": "securestring"}}
PROFILE = {"os_profile": {"adminUsername": "ada", "adminPassword": "[parameters('adminPassword')]"}}


def is_nowhere(*, but: str = "") -> None:
    """Not in any row of any table."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            assert PASSWORD not in str(cursor.fetchall()), table


def test_a_secret_reaches_the_scale_set_and_nothing_else(fleet: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    given = template(
        web(document=PROFILE),
        parameters=SECURE,
        outputs={
            "plain": {"type": "string", "value": "[concat('it is ', parameters('adminPassword'))]"},
            "secure": {"type": "securestring", "value": "[parameters('adminPassword')]"},
        },
    )
    said = deployed(fleet, given, adminPassword=PASSWORD)
    assert state(said) == "Succeeded", said
    properties = said["properties"]
    assert properties["parameters"] == {"adminPassword": {"type": "SecureString"}}
    assert properties["outputs"] == {
        "plain": {"type": "String", "value": "it is ***"},
        "secure": {"type": "SecureString"},
    }
    assert PASSWORD in str(sealing.unseal(ScaleSet.objects.get().sealed_secrets))
    is_nowhere()
    assert PASSWORD not in caplog.text
    for path in (deployment(), f"{deployment()}/operations"):
        assert PASSWORD not in str(fleet.get(path).body)


def test_a_secret_is_kept_sealed_and_erased_at_the_end(fleet: Api) -> None:
    after = web("after", document=PROFILE, dependsOn=["web"])
    deployed(fleet, template(web(capacity=1), after, parameters=SECURE), adminPassword=PASSWORD)
    is_nowhere()
    assert PASSWORD in str(sealing.unseal(Deployment.objects.get().sealed_parameters))
    all_are_up()
    assert state(fleet.get(deployment())) == "Succeeded"
    assert Deployment.objects.get().sealed_parameters == ""
    assert PASSWORD in str(sealing.unseal(ScaleSet.objects.get(name="after").sealed_secrets))


def test_no_error_says_a_secret_parameter(fleet: Api) -> None:
    wrong = template(balancer(location="[parameters('adminPassword')]"), parameters=SECURE)
    said = failing(fleet, wrong, adminPassword=PASSWORD)
    assert state(said) == "Failed" and PASSWORD not in str(said.body)
    computed = template(balancer(tags={"a": "[string(int(parameters('adminPassword')))]"}), parameters=SECURE)
    refused = deploy(fleet, computed, name="b", adminPassword=PASSWORD)
    invalid = fleet.post(f"{deployment('b')}/validate", body(computed, adminPassword=PASSWORD))
    for answer in (refused, invalid):
        assert answer.status == 400 and PASSWORD not in str(answer.body)
    is_nowhere()


@pytest.mark.parametrize("scope", ["inner", "outer"])
def test_a_nested_deployment_hides_secrets_too(fleet: Api, scope: str) -> None:
    inner = template(web(document=PROFILE), **({"parameters": SECURE} if scope == "inner" else {}))
    given = {"parameters": {"adminPassword": {"value": "[parameters('adminPassword')]"}}} if scope == "inner" else {}
    outer = template(nested("inside", inner, scope=scope, properties=given), parameters=SECURE)
    said = deployed(fleet, outer, adminPassword=PASSWORD)
    assert state(said) == "Succeeded", said
    assert PASSWORD in str(sealing.unseal(ScaleSet.objects.get().sealed_secrets))
    is_nowhere()
    for name in ("first", "inside"):
        for path in (deployment(name), f"{deployment(name)}/operations"):
            assert PASSWORD not in str(fleet.get(path).body)
        assert PASSWORD not in str(fleet.post(f"{deployment(name)}/exportTemplate").body)


def test_an_exported_template_shows_no_secret_that_was_written_into_it(fleet: Api) -> None:
    literal = {"os_profile": {"adminUsername": "ada", "adminPassword": PASSWORD}}
    given = template(
        web(document=literal), parameters={"p": {"type": "securestring", "defaultValue": PASSWORD}, **SECURE}
    )
    deployed(fleet, given, adminPassword=PASSWORD)
    is_nowhere()
    shown = fleet.post(f"{deployment()}/exportTemplate")["template"]
    assert PASSWORD not in json.dumps(shown)
    assert shown["parameters"]["p"]["type"] == "securestring" and shown["resources"][0]["name"] == "web"
