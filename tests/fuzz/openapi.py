"""The API's OpenAPI document as Schemathesis reads it here: with names of things that there are, so that requests get somewhere."""

import copy
from random import Random
from typing import Any

import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.core.result import Err, Ok
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.arm.client import VERSION
from tests.fuzz.bases import Names, bases, faulty
from upgrades.arm.openapi import document

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FORM = "application/x-www-form-urlencoded"
HOST = "http://localhost"
NAMES = {
    "group": ["fleet"],
    "location": ["westeurope"],
    "instance": ["0", "1"],
    "publisher": ["Canonical"],
    "offer": ["UbuntuServer"],
    "sku": ["16.04-LTS"],
    "version": ["16.04.1"],
    "namespace": ["Microsoft.Compute"],
    "type": ["virtualMachineScaleSets"],
    "part": ["part"],
    "extension": ["script"],
    "its": ["mine"],
    "card": ["nic"],
    "ip": ["ip"],
    "public": ["public"],
    "document": ["RunShellScript"],
}
# What an address names last, by the list before it.
NAMED = {"deployments": ["first"], "virtualMachineScaleSets": ["web", "api"], "{type}": ["web"]}
OTHERS = ["mine", "spare"]
NEW = {"name": "new", "part": "new", "extension": "new", "group": "other"}  # of these, PUT makes others too
FILTERS = [
    "resourceType eq 'Microsoft.Compute/virtualMachineScaleSets'",
    "tagName eq 'a' and tagValue eq 'b'",
    "name eq 'web' or substringof('e', name)",
    "properties/latestModelApplied eq true",
]
OF_EVENTS = "eventTimestamp ge '2018-09-25T00:00:00Z' and resourceGroupName eq 'fleet'"
QUERIES = {"api-version": [VERSION, "2024-11-01", "2023-09-01", "2021-04-01"], "$filter": FILTERS, "$top": [1, 5]}
METHODS = ("get", "head", "put", "patch", "post", "delete")


def known(names: Names) -> dict[str, Any]:
    """The document; names in addresses and queries are those of things that there are."""
    made = copy.deepcopy(document(HOST))
    for address, path in made["paths"].items():
        usual = {
            **NAMES,
            "subscription": [names.subscription],
            "tenant": [names.tenant, "common"],
            "operation": [id for before, id in names.operations.items() if before in address][-1:],
            "name": next((NAMED[part] for part in address.split("/") if part in NAMED), OTHERS),
        }
        shared, last = path.pop("parameters"), address.rpartition("/")[2].strip("{}")
        for method in METHODS:
            if operation := path.get(method):
                new = {last: [*usual[last], NEW[last]]} if method == "put" and last in NEW else {}
                given = [*operation.get("parameters", []), *shared]
                operation["parameters"] = [_with_usual_values(each, {**usual, **new}, address) for each in given]
    return made


def _with_usual_values(parameter: dict[str, Any], usual: dict[str, list[str]], address: str) -> dict[str, Any]:
    name, schema = parameter["name"], parameter["schema"]
    if parameter["in"] == "path":
        return {**parameter, "schema": {"enum": usual[name]} if name in usual else schema}
    if name == "$filter" and "eventTypes" in address:
        return {**parameter, "schema": {"enum": [OF_EVENTS]}, "required": True}
    known = {"enum": QUERIES[name]} if name in QUERIES else schema
    return {**parameter, "schema": known if name == "api-version" else {"anyOf": [known, schema]}}


def operations(names: Names) -> "list[schemathesis.schemas.APIOperation[Any, Any, Any, Any]]":
    """All of the document. Raises the error of one that cannot be read."""
    schema = from_dict(known(names))
    schema.app = get_wsgi_application()
    found = list(schema.get_all_operations())
    for unreadable in found:
        if isinstance(unreadable, Err):
            raise unreadable.err()
    return [operation.ok() for operation in found if isinstance(operation, Ok)]


@st.composite
def cases(draw: st.DrawFn, operation: Any, names: Names) -> Case[Any]:
    """A request that the document allows, or another one. Most bodies are valid documents, as they are or with one or two faults."""
    random = Random(f"{operation.label} {draw(st.integers(0, 2**32))}")  # so that no two operations get the same
    is_allowed = random.random() < 0.75
    mode = GenerationMode.POSITIVE if is_allowed else GenerationMode.NEGATIVE
    case: Case[Any] = draw(operation.as_strategy(generation_mode=mode))
    documents = bases(operation.path, operation.method.upper(), names)
    if documents and random.random() < 0.9:
        made = faulty(documents, random)
        case.body = NOT_SET if made == {} else made
        case.media_type = FORM if documents == (names.form,) else "application/json"
    return case
