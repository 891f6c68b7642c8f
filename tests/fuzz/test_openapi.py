"""Requests that Schemathesis makes of the OpenAPI document: none is a 500, errors have one shape, and what is refused stores nothing.

`make fuzz` sends 5,000. ROLLGRID_SEED repeats a run.
"""

import os
import sys
from collections import Counter
from random import Random
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from jsonschema import Draft202012Validator

from tests.fuzz.asking import connection_stays_open
from tests.fuzz.making import Guest
from tests.fuzz.openapi import CHECKS, cases, operations
from tests.fuzz.test_fuzz import SEED, a_guest
from upgrades.arm.openapi import document
from upgrades.arm.urls import Route, urlpatterns
from upgrades.models import AuditEntry, TokenKey

SAMPLE = int(os.environ.get("ROLLGRID_FUZZ", "160")) // 2
# Each operation costs a sixth of a second before its first request: a sample is of some only.
MIN_EACH = 3
# Of these a refusal leaves a trace: who asked for what, and how often somebody tried to sign in.
LEFT_OUT = {AuditEntry, TokenKey, *(model for model in apps.get_models() if "signin" in model.__name__.lower())}
MODELS = [model for model in apps.get_app_config("upgrades").get_models() if model not in LEFT_OUT]

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(3600)]


def stored() -> list[Any]:
    """All rows of all tables."""
    return [list(model._default_manager.order_by("pk").values_list()) for model in MODELS]


def send(operation: Any, count: int, guest: Guest, statuses: Counter[int]) -> None:
    """So many requests, to a fleet of their own. Raises what Schemathesis raises, with the request, where an answer is wrong."""

    @seed(SEED)
    @hypothesis_settings(
        max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=cases(operation))
    def story(case: Any) -> None:
        with transaction.atomic():
            before = stored()
            said = case.call(headers={"Authorization": guest.bearer.decode()})
            statuses[said.status_code] += 1
            case.validate_response(said, checks=CHECKS)
            assert said.status_code < 400 or stored() == before, (
                f"{said.status_code}, and stored: {case.as_curl_command()}"
            )
            transaction.set_rollback(case.method == "DELETE")

    with connection_stays_open(), transaction.atomic():
        story()
        transaction.set_rollback(True)


def test_no_request_of_the_document_makes_the_server_fail(capsys: pytest.CaptureFixture[str]) -> None:
    guest, statuses = a_guest(), Counter[int]()
    found = operations(guest.subscription, guest.tenant)
    chosen = found if MIN_EACH * len(found) < SAMPLE else Random(SEED).sample(found, SAMPLE // MIN_EACH)
    each = round(SAMPLE / len(chosen))
    for operation in chosen:
        send(operation, each, guest, statuses)
    with capsys.disabled():
        if SAMPLE > 500:
            sys.stdout.write(f"\n{statuses.total()} requests, {connection.vendor}: {dict(sorted(statuses.items()))}\n")
    assert statuses.total() >= 0.8 * SAMPLE, "as many as were asked for, but for those that are all alike"
    assert {200, 400} <= set(statuses)


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
