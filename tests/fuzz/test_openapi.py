"""Requests that Schemathesis makes of the OpenAPI document: none is a 500, errors have one shape, and what is refused stores nothing.

`make fuzz` sends 5,000, and says what was answered. ROLLGRID_SEED repeats a run.
"""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from jsonschema import Draft202012Validator

from tests.arm.client import Api, scale_set
from tests.arm.deployments.templates import DEPLOYMENT_TYPE, balancer, deployment, template
from tests.fuzz.asking import connection_stays_open
from tests.fuzz.bases import Names, scale_sets, store_all_kinds
from tests.fuzz.making import Guest
from tests.fuzz.openapi import CHECKS, cases, operations
from tests.fuzz.test_fuzz import LONG_AGO, SEED, a_guest
from upgrades.arm.openapi import document
from upgrades.arm.urls import Route, urlpatterns
from upgrades.commands.upgrades import start
from upgrades.models import AuditEntry, Instance, TokenKey

WEIGHTS = {
    "PUT": 4,
    "PATCH": 4,
    "POST": 3,
    "DELETE": 2,
    "GET": 1,
    "HEAD": 1,
}  # what changes something has more to go wrong
SAMPLE = int(os.environ.get("ROLLGRID_FUZZ", "160")) // 2
# Each operation costs a sixth of a second before its first request: a sample is of some only.
MIN_EACH = 3
SCOPE = "https://management.azure.com/.default"
SCRIPT = {"properties": {"publisher": "p", "type": "t", "typeHandlerVersion": "1.0"}}
# Of these a refusal leaves a trace: who asked for what, and how often somebody tried to sign in.
LEFT_OUT = {AuditEntry, TokenKey, *(model for model in apps.get_models() if "signin" in model.__name__.lower())}
MODELS = [model for model in apps.get_app_config("upgrades").get_models() if model not in LEFT_OUT]

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(3600)]


def stored() -> list[Any]:
    """All rows of all tables."""
    return [list(model._default_manager.order_by("pk").values_list()) for model in MODELS]


@dataclass
class Tally:
    """How the requests to one operation were answered."""

    operation: Any
    statuses: Counter[int] = field(default_factory=Counter)
    error: Exception | None = None

    @property
    def good(self) -> int:
        return sum(count for status, count in self.statuses.items() if status < 400)

    def __str__(self) -> str:
        return f"{self.operation.method.upper()} {self.operation.path}: {dict(sorted(self.statuses.items()))}"


def send(operation: Any, count: int, guest: Guest, names: Names) -> Tally:
    """So many requests, to a fleet of their own, until an answer is wrong: `error` is what Schemathesis says, with the request."""
    tally = Tally(operation)

    @seed(SEED)
    @hypothesis_settings(
        max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=cases(operation, names))
    def story(case: Any) -> None:
        with transaction.atomic():
            before = stored()
            said = case.call(headers={"Authorization": guest.bearer.decode()})
            tally.statuses[said.status_code] += 1
            case.validate_response(said, checks=CHECKS)
            assert said.status_code < 400 or stored() == before, (
                f"{said.status_code}, and stored: {case.as_curl_command()}"
            )
            transaction.set_rollback(case.method in ("DELETE", "POST"))  # its next request finds the same

    with connection_stays_open(), transaction.atomic():
        try:
            story()
        except Exception as error:
            tally.error = error
        transaction.set_rollback(True)
    return tally


def an_equipped_guest() -> tuple[Guest, Names]:
    """One who finds something at each address: a resource of each kind, an extension, a deployment, a rolling upgrade."""
    guest = a_guest()
    store_all_kinds()
    api = Api(name="equipper")
    for name in ("web", "api"):
        assert api.put(scale_set(name), scale_sets(api.subscription)[-1]).status < 300
        assert api.put(f"{scale_set(name)}/extensions/script", SCRIPT).status < 300
    deployed = {"properties": {"mode": "Incremental", "template": template(balancer())}}
    polled = api.put(deployment(), deployed).headers["Azure-AsyncOperation"]
    of_all = {"location": "westeurope", "properties": {"mode": "Incremental", "template": template()}}
    for place in (deployment(), f"/providers/{DEPLOYMENT_TYPE}/first"):
        assert place == deployment() or api.put(place, of_all).status < 300
        assert api.get(place).status == 200, "asked for once, it is over"
    begun = api.post(f"{scale_set()}/virtualMachines/2/restart").headers["Azure-AsyncOperation"]
    start("fleet/api", "ada", LONG_AGO)
    operations = {
        "/operations/": id_in(begun),
        "deployments/{name}/operations/": api.get(f"{deployment()}/operations")["value"][0]["operationId"],
        "operationstatuses/": id_in(polled),
    }
    form = {
        "grant_type": "client_credentials",
        "client_id": str(api.client.pk),
        "client_secret": api.secret,
        "scope": SCOPE,
    }
    return guest, Names(api.subscription, api.tenant, operations, form)


def id_in(address: str) -> str:
    return address.partition("?")[0].rpartition("/")[2]


def test_no_request_of_the_document_makes_the_server_fail(capsys: pytest.CaptureFixture[str]) -> None:
    guest, names = an_equipped_guest()
    found = operations(names)
    chosen = found if MIN_EACH * len(found) < SAMPLE else Random(SEED).sample(found, SAMPLE // MIN_EACH)
    weights = [WEIGHTS[operation.method.upper()] for operation in chosen]
    each = SAMPLE / sum(weights)
    tallies = [
        send(operation, max(1, round(each * weight)), guest, names)
        for operation, weight in zip(chosen, weights, strict=True)
    ]
    statuses: Counter[int] = sum((tally.statuses for tally in tallies), Counter())
    with capsys.disabled():
        if SAMPLE > 500:
            sys.stdout.write(report(tallies, statuses))
    if wrong := [tally.error for tally in tallies if tally.error]:
        raise ExceptionGroup("wrong answers", wrong)
    assert statuses.total() >= 0.8 * SAMPLE, "as many as were asked for, but for those that are all alike"
    assert {200, 400} <= set(statuses)


def report(tallies: Sequence[Tally], statuses: Counter[int]) -> str:
    """What was answered; and the operations that nothing got through to, which a fuzz says little about."""
    good = sum(tally.good for tally in tallies)
    shut = "\n".join(f"  {tally}" for tally in tallies if not tally.good)
    counts = f"{statuses.total()} requests, {connection.vendor}: {dict(sorted(statuses.items()))}"
    return f"\n{counts}; {good / statuses.total():.0%} succeeded. None did of these:\n{shut}\n"


def test_a_refusal_that_stored_something_would_be_found() -> None:
    """Were the comparison blind, the fuzz would find nothing for ever."""
    a_guest()
    before = stored()
    assert stored() == before
    Instance.objects.filter(number=0).update(health_detail="x")
    assert stored() != before


def test_the_document_has_all_that_is_served() -> None:
    made = document("https://localhost:8443")
    paths = {path.lower().strip("/") for path in made["paths"]}
    not_done = {path for path in paths if "{what}" in path}
    routes = {pattern.path for pattern in urlpatterns if isinstance(pattern, Route) and "{what}" not in pattern.path}
    assert paths == routes and not not_done
    operations_ids = [
        operation["operationId"]
        for path in made["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(operations_ids) == len(set(operations_ids)) > 60
    for schema in made["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    whole = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
    assert made["paths"][whole]["put"]["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/VirtualMachineScaleSet"
    }
