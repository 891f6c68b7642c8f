"""Deployments over the API: begun, taken further, shown, listed, cancelled, deleted."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.arm.client import Api, Json, group, is_error, load_balancer, scale_set
from tests.arm.deployments.templates import (
    BALANCER_TYPE,
    DEPLOYMENT_TYPE,
    PASSWORD,
    SET_TYPE,
    all_are_up,
    balancer,
    body,
    deploy,
    deployed,
    deployment,
    deployments,
    failing,
    later,
    probed,
    state,
    template,
    web,
)
from tests.stories import NOW
from upgrades.arm.deployments.running import advance
from upgrades.arm.deployments.shapes import as_shown, camel_case
from upgrades.arm.deployments.tasks import advance_deployments
from upgrades.commands.deployments import HELD, MAX_KEPT, claim_deployment, record_operation
from upgrades.models import ApiClient, Deployment, DeploymentOperation, LoadBalancer, ScaleSet

pytestmark = pytest.mark.django_db
BOTH = template(
    probed(),
    balancer(),
    outputs={
        "probes": {"type": "array", "value": "[reference('lb').probes]"},
        "capacity": {
            "type": "int",
            "value": f"[reference(resourceId('{SET_TYPE}', 'web'), '2023-09-01', 'Full').sku.capacity]",
        },
    },
)


def test_a_template_is_deployed_in_the_order_of_its_dependencies(fleet: Api) -> None:
    begun = deploy(fleet, BOTH)
    assert (begun.status, state(begun), begun["type"], begun["name"]) == (201, "Accepted", DEPLOYMENT_TYPE, "first")
    assert begun["id"] == f"/subscriptions/{fleet.subscription}{deployment()}"
    assert begun.headers["Retry-After"] == "1" and "location" not in begun.body
    watched = fleet.get(begun.headers["Azure-AsyncOperation"])
    assert watched.body == {"status": "Succeeded"}
    said = fleet.get(deployment())
    properties = said["properties"]
    assert state(said) == "Succeeded" and properties["mode"] == "Incremental"
    assert properties["outputs"]["capacity"] == {"type": "Int", "value": 0}
    assert properties["outputs"]["probes"]["value"][0]["name"] == "http"
    ids = [f"/subscriptions/{fleet.subscription}{path}" for path in (load_balancer(), scale_set())]
    assert [each["id"] for each in properties["outputResources"]] == ids
    (dependency,) = properties["dependencies"]
    assert (dependency["id"], [each["id"] for each in dependency["dependsOn"]]) == (ids[1], ids[:1])
    assert {each["namespace"] for each in properties["providers"]} == {"Microsoft.Compute", "Microsoft.Network"}
    assert properties["templateHash"].isdecimal() and properties["correlationId"] and properties["duration"] == "PT0S"
    assert ScaleSet.objects.get().probe_path == "/health"


def test_operations_say_the_outcome_of_each_resource(fleet: Api) -> None:
    deployed(fleet, BOTH)
    places = (f"{deployment()}/operations", f"{group()}/deployments/first/operations")
    lists = [fleet.get(place)["value"] for place in places]
    assert lists[0] == lists[1]
    first, second = lists[0]
    assert first["properties"]["targetResource"] == {
        "id": f"/subscriptions/{fleet.subscription}{load_balancer()}",
        "resourceType": BALANCER_TYPE,
        "resourceName": "lb",
    }
    assert first["properties"]["provisioningState"] == "Succeeded" and first["properties"]["statusCode"] == "Created"
    assert fleet.get(f"{places[1]}/{second['operationId']}").body == second
    is_error(fleet.get(f"{places[0]}/0"), 404, "DeploymentOperationNotFound")
    is_error(fleet.get(f"{deployment('none')}/operations"), 404, "DeploymentNotFound")


def test_the_body_of_the_command_line_is_read(fleet: Api) -> None:
    written = json.dumps(template(balancer())).replace('"contentVersion"', "// a comment\n contentVersion")
    given = b'{"properties": {"parameters": {}, "mode": "incremental", template:' + written.encode() + b"}}"
    address = fleet.address(deployment())
    assert fleet.raw("POST", fleet.address(f"{deployment()}/validate"), given).status == 200
    assert fleet.raw("PUT", address, given).status == 201
    assert state(fleet.get(deployment())) == "Succeeded"
    broken = fleet.raw("PUT", address, b'{"properties": {"mode": "incremental", template:{"a": [}}}')
    is_error(broken, 400, "InvalidRequestContent", "line 1, column")


def test_a_long_change_is_followed_to_its_end(fleet: Api) -> None:
    waits = balancer("after", dependsOn=[f"{SET_TYPE}/web"])
    said = deployed(fleet, template(web(capacity=2), waits, balancer("besides")))
    assert state(said) == "Running" and "outputs" not in said["properties"]
    assert {row.name for row in LoadBalancer.objects.all()} == {"besides"}
    (running,) = [
        each
        for each in fleet.get(f"{deployment()}/operations")["value"]
        if each["properties"]["provisioningState"] == "Running"
    ]
    assert running["properties"]["targetResource"]["resourceName"] == "web"
    all_are_up()
    assert state(fleet.get(deployment())) == "Succeeded"
    assert LoadBalancer.objects.filter(name="after").exists()


def test_a_failed_resource_ends_the_deployment_with_its_own_error(fleet: Api) -> None:
    wrong = web("wrong", location="atlantis")
    after = balancer("after", dependsOn=["wrong"])
    said = failing(fleet, template(wrong, after, balancer("besides")))
    error = said["properties"]["error"]
    assert state(said) == "Failed" and error["code"] == "DeploymentFailed"
    (detail,) = error["details"]
    assert detail["code"] == "LocationNotAvailableForResourceType" and "atlantis" in detail["message"]
    (failed,) = [
        each["properties"]
        for each in fleet.get(f"{deployment()}/operations")["value"]
        if each["properties"]["provisioningState"] == "Failed"
    ]
    assert failed["statusCode"] == "BadRequest" and failed["statusMessage"]["error"] == detail
    assert [row.name for row in LoadBalancer.objects.all()] == ["besides"]
    assert fleet.get(f"{deployment()}/operationStatuses/{Deployment.objects.get().pk}")["error"] == error


def test_instances_that_cannot_be_made_fail_the_deployment(fleet: Api) -> None:
    deployed(fleet, template(web(capacity=1)))
    all_are_up()
    ScaleSet.objects.get().instances.update(provisioning="failed", missing_since=NOW, creation_error="no room")
    (detail,) = fleet.get(deployment())["properties"]["error"]["details"]
    assert detail["code"] == "ResourceDeploymentFailure"
    assert "no room" in detail["details"][0]["message"]


def test_a_template_deployed_twice_changes_nothing(fleet: Api) -> None:
    deployed(fleet, BOTH)
    before = [list(model.objects.values()) for model in (ScaleSet, LoadBalancer)]
    again = deploy(fleet, BOTH)
    assert again.status == 200
    assert state(fleet.get(deployment())) == "Succeeded" and Deployment.objects.count() == 1
    assert [list(model.objects.values()) for model in (ScaleSet, LoadBalancer)] == before


def test_a_worker_takes_deployments_further(fleet: Api) -> None:
    """A worker takes it further."""
    deploy(fleet, BOTH)
    advance_deployments()
    assert Deployment.objects.get().state == "Succeeded"


def test_outputs_are_spelled_as_azure_does() -> None:
    names = {"VMSS": "vmss", "VMName": "vmName", "Name": "name", "name": "name", "A": "a", "A1": "a1", "_A": "_A"}
    assert {name: camel_case(name) for name in names} == names
    given = {"VMSS": {"type": "secureObject"}, "b": {"type": "string", "value": "x"}}
    assert as_shown(given) == {"vmss": {"type": "SecureObject"}, "b": {"type": "String", "value": "x"}}


def test_values_that_no_database_takes_are_shown_without_them(fleet: Api) -> None:
    made = {"type": "string", "defaultValue": "[concat('a', base64ToString('AA=='), json('\"\\ud800\"'))]"}
    outputs = {"it": {"type": "string", "value": "[parameters('it')]"}}
    properties = deployed(fleet, template(parameters={"it": made}, outputs=outputs))["properties"]
    assert properties["parameters"]["it"]["value"] == properties["outputs"]["it"]["value"] == "a\ufffd?"


# --- one that is under way --------------------------------------------------------------------------------------------


def test_a_deployment_under_way_is_neither_replaced_nor_deleted(fleet: Api) -> None:
    deploy(fleet, template(web(capacity=1)))
    is_error(deploy(fleet, BOTH), 409, "DeploymentActive", "still active")
    is_error(fleet.delete(deployment()), 409, "DeploymentActive")


def test_a_cancelled_deployment_begins_nothing_more(fleet: Api) -> None:
    deployed(fleet, template(web(capacity=1), balancer("after", dependsOn=["web"])))
    assert fleet.post(f"{deployment()}/cancel").status == 204
    all_are_up()
    said = fleet.get(deployment())
    assert state(said) == "Canceled" and not LoadBalancer.objects.exists()
    assert Deployment.objects.get().sealed_parameters == ""
    is_error(fleet.post(f"{deployment()}/cancel"), 409, "DeploymentCannotBeCancelled", "Canceled")
    assert fleet.delete(deployment()).status == 204
    assert ScaleSet.objects.exists()


def test_a_deployment_goes_on_after_a_process_died(fleet: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after it was recorded that the load balancer is put next: it was put or not, nobody knows."""
    deploy(fleet, BOTH)
    row = claim_deployment(Deployment.objects.get().pk, NOW)
    assert row is not None
    first = row.operations.get(number=0)
    assert record_operation(row, first, NOW, state=DeploymentOperation.State.RUNNING, started_at=NOW)
    assert (
        fleet.put(
            load_balancer(), {key: balancer()[key] for key in ("properties",)} | {"location": "westeurope"}
        ).status
        == 201
    )
    assert state(fleet.get(deployment())) == "Running"  # whoever holds it may be at work
    later(monkeypatch, HELD + timedelta(seconds=1))
    assert state(fleet.get(deployment())) == "Succeeded"
    assert LoadBalancer.objects.count() == 1


def test_a_process_that_lost_a_deployment_writes_nothing_more(fleet: Api) -> None:
    deploy(fleet, BOTH)
    pk = Deployment.objects.get().pk
    slow = claim_deployment(pk, NOW)
    assert slow is not None and claim_deployment(pk, NOW) is None
    assert claim_deployment(pk, NOW + HELD + timedelta(seconds=1)) is not None
    assert not record_operation(slow, slow.operations.get(number=0), NOW, state=DeploymentOperation.State.FAILED)
    assert not DeploymentOperation.objects.filter(state="Failed").exists()


def test_a_client_that_was_revoked_deploys_nothing_more(fleet: Api) -> None:
    deploy(fleet, BOTH)
    ApiClient.objects.update(revoked_at=NOW)
    advance(Deployment.objects.get().pk)
    row = Deployment.objects.get()
    assert row.state == "Failed" and row.error and row.error["code"] == "AuthorizationFailed"
    assert not LoadBalancer.objects.exists()


def test_a_deleted_group_takes_its_deployments_along(fleet: Api) -> None:
    deployed(fleet, template(balancer()))
    assert fleet.delete(group()).status == 202
    assert not Deployment.objects.exists()


# --- lists ------------------------------------------------------------------------------------------------------------


def test_deployments_are_listed_and_filtered(fleet: Api) -> None:
    deployed(fleet, template(balancer()), name="a")
    failing(fleet, template(web("w", location="atlantis")), name="b")
    assert [each["name"] for each in fleet.get(f"{deployments()}/")["value"]] == ["a", "b"]
    failed = fleet.get(f"{deployments()}?$filter=provisioningState eq 'Failed'")["value"]
    assert [each["name"] for each in failed] == ["b"]
    assert [each["name"] for each in fleet.get(f"{deployments()}?$top=1")["value"]] == ["a"]
    is_error(fleet.get(f"{deployments()}?$filter=name eq 'a'"), 400, "InvalidParameter")
    is_error(fleet.get(deployments("none")), 404, "ResourceGroupNotFound")


def test_head_says_if_a_deployment_is_there(fleet: Api) -> None:
    deployed(fleet, template(balancer()))
    assert fleet("HEAD", deployment()).status == 204 and fleet("HEAD", deployment("none")).status == 404
    is_error(fleet.get(deployment("none")), 404, "DeploymentNotFound", "'none'")
    assert fleet.delete(deployment("none")).status == 204


def test_the_oldest_deployment_makes_room(fleet: Api) -> None:
    deployed(fleet, template(balancer()), name="oldest")
    row = Deployment.objects.get()
    Deployment.objects.filter(pk=row.pk).update(started_at=NOW - timedelta(days=1))
    fields = {each.name: getattr(row, each.name) for each in Deployment._meta.fields if each.name != "id"}
    Deployment.objects.bulk_create(
        Deployment(**{**fields, "name": f"d{number}", "key": f"fleet/d{number}"}) for number in range(MAX_KEPT - 1)
    )
    deploy(fleet, template(balancer()), name="newest")
    assert Deployment.objects.count() == MAX_KEPT and not Deployment.objects.filter(name="oldest").exists()


# --- what is refused --------------------------------------------------------------------------------------------------


def changed(**properties: Any) -> Json:
    whole = body(template(balancer()))
    return {"properties": {**whole["properties"], **properties}}


REFUSED = [
    (changed(mode="Sometimes"), "InvalidRequestContent", "Incremental"),
    (
        changed(template=None, templateLink={"uri": "https://example.com/t"}),
        "InvalidContentLink",
        "host is not allowed",
    ),
    (changed(parameters=None, parametersLink={"uri": "https://example.com/p"}), "InvalidContentLink", "not allowed"),
    (changed(onErrorDeployment={"type": "LastSuccessful"}), "OnErrorDeploymentNotSupported", "onErrorDeployment"),
    (changed(debugSetting={"detailLevel": "requestContent"}), "DebugSettingNotSupported", "secrets"),
    (changed(template=None), "InvalidTemplate", "missing"),
    (changed(parameters=[]), "InvalidTemplate", "must be an object"),
    (changed(banana=1), "InvalidRequestContent", "'banana'"),
    ({**body(template()), "banana": 1}, "InvalidRequestContent", "'banana'"),
    ({}, "InvalidRequestContent", "properties"),
    (changed(template={"resources": []}), "InvalidTemplate", "contentVersion"),
    (body(template(balancer("[nonsense(]"))), "InvalidTemplate", "column"),
    (body(template(balancer("[variables('none')]"))), "InvalidTemplate", "no variable 'none'"),
    (body(template(parameters={"a": {"type": "string"}})), "InvalidTemplate", "a value is needed for 'a'"),
    (body(template(), b=1), "InvalidTemplate", "no parameter 'b'"),
    (body(template(parameters={"a": {"type": "int"}}), a="x"), "InvalidTemplate", "must be int"),
    (body(template(balancer(dependsOn=["none"]))), "InvalidTemplate", "'none' is not in the template"),
    (
        body(template(balancer(dependsOn=["b"]), balancer("b", dependsOn=["lb"]))),
        "InvalidTemplate",
        "depend on each other",
    ),
    (body(template(balancer(), balancer())), "InvalidTemplate", "is there already"),
    (body(template(balancer(tags={"a": "[listKeys('x', 'y')]"}))), "InvalidTemplate", "listKeys is not offered"),
    (body(template(balancer(scope="/subscriptions/x"))), "InvalidTemplate", "scope"),
    (body(template(balancer("x" * 1_001))), "InvalidTemplate", "too long"),
    (body(template(balancer(apiVersion="2" * 41))), "InvalidTemplate", "too long"),
    (body(template(balancer("[base64ToString('AA==')]"))), "InvalidTemplate", "NUL"),
    (
        body(template(balancer(type="Microsoft.Sql/servers"))),
        "InvalidTemplateDeployment",
        "No registered resource provider found for the namespace 'Microsoft.Sql'",
    ),
    (
        body(template(balancer(type="Microsoft.Compute/galleries"))),
        "InvalidTemplateDeployment",
        "'galleries' could not be found in the namespace 'Microsoft.Compute'",
    ),
]


@pytest.mark.parametrize("given, code, said", REFUSED, ids=[f"{each[1]} {each[2][:20]}" for each in REFUSED])
def test_a_wrong_request_is_refused_before_anything_is_done(fleet: Api, given: Json, code: str, said: str) -> None:
    for answer in (fleet.put(deployment(), given), fleet.post(f"{deployment()}/validate", given)):
        is_error(answer, 400, code, said)
    what_if = fleet.post(f"{deployment()}/whatIf", given)
    assert (what_if.status, what_if["status"], what_if.code) == (200, "Failed", code)
    assert not Deployment.objects.exists() and not LoadBalancer.objects.exists()


def test_a_wrong_place_is_refused(fleet: Api) -> None:
    is_error(deploy(fleet, template(), of="none"), 404, "ResourceGroupNotFound")
    is_error(deploy(fleet, template(), name="a name with blanks"), 400, "InvalidDeploymentName")
    is_error(deploy(fleet, template(), name="x" * 65), 400, "InvalidDeploymentName")


def test_validation_lists_the_resources_that_would_be_put(fleet: Api) -> None:
    said = fleet.post(f"{deployment()}/validate", body(BOTH))
    assert said.status == 200 and state(said) == "Succeeded"
    assert [each["id"].rpartition("/")[2] for each in said["properties"]["validatedResources"]] == ["lb", "web"]
    assert not Deployment.objects.exists() and not LoadBalancer.objects.exists()


def test_refusals_of_resources_are_known_before_anything_is_done(fleet: Api) -> None:
    """All of it is put, and taken back."""
    given = body(template(balancer(), web("a", location="atlantis"), web("b", document={"version": "1.2.3"})))
    for said in (fleet.put(deployment(), given), fleet.post(f"{deployment()}/validate", given)):
        is_error(said, 400, "InvalidTemplateDeployment", "atlantis")
        first, second = said.body["error"]["details"]
        assert first["code"] == "LocationNotAvailableForResourceType"
        assert second["target"] and "latest" in second["message"]
    assert not LoadBalancer.objects.exists() and not ScaleSet.objects.exists() and not Deployment.objects.exists()


def test_the_refusal_of_a_forecast_has_the_form_of_a_templates_error(fleet: Api) -> None:
    said = fleet.post(f"{deployment()}/whatIf", body(BOTH))
    assert (said.status, said["status"], said.code) == (200, "Failed", "WhatIfNotSupported")


# --- who may ----------------------------------------------------------------------------------------------------------


def test_a_deployment_needs_the_roles_of_its_changes(fleet: Api) -> None:
    viewer, operator = Api(ApiClient.Role.VIEWER), Api(ApiClient.Role.OPERATOR)
    is_error(deploy(viewer, BOTH), 403, "AuthorizationFailed")
    is_error(deploy(operator, BOTH), 403, "AuthorizationFailed", "Microsoft.Network/loadBalancers/write", "admin")
    is_error(deploy(operator, template(web())), 403, "AuthorizationFailed")  # it would be a new one
    assert not Deployment.objects.exists()
    said = failing(operator, template(web()))
    (detail,) = said["properties"]["error"]["details"]
    assert detail["code"] == "AuthorizationFailed" and not ScaleSet.objects.exists()
    deployed(fleet, template(web()), name="second")
    assert state(viewer.get(deployment("second"))) == "Succeeded"
    assert state(deployed(operator, template(web(tags={"a": "b"})), name="third")) == "Succeeded"
    assert ScaleSet.objects.get().tags == {"a": "b"}


def test_the_activity_log_has_deployments_and_their_changes(fleet: Api) -> None:
    deployed(fleet, template(balancer()))
    events = fleet.get(
        "/providers/Microsoft.Insights/eventtypes/management/values"
        "?api-version=2015-04-01&$filter=eventTimestamp ge '2000-01-01T00:00:00Z' and resourceGroupName eq 'fleet'"
    )["value"]
    done = [(each["operationName"]["localizedValue"], each["caller"]) for each in events]
    assert done == [
        (code, "admin-1")
        for code in ("DeploymentEnded", "LoadBalancerCreated", "DeploymentStarted", "ResourceGroupCreated")
    ]
    ended, made, started, _ = events
    assert ended["resourceId"] == f"/subscriptions/{fleet.subscription}{deployment()}"
    assert started["correlationId"] == made["correlationId"] == ended["correlationId"]
    assert PASSWORD not in str(events)
