"""The API's OpenAPI document as Schemathesis reads it here: with names of things that there are, so that requests get somewhere."""

import copy
from typing import Any

import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis.strategies import SearchStrategy, one_of
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err, Ok
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.making import POLICY, PROTECTION, bodies
from upgrades.arm.openapi import document

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
HOST = "http://localhost"
NAMES = {
    "group": ["fleet"],
    "name": ["web", "api", "balancer"],
    "location": ["westeurope"],
    "instance": ["0", "1"],
    "publisher": ["Canonical"],
    "offer": ["UbuntuServer"],
    "sku": ["16.04-LTS"],
    "version": ["16.04.1"],
    "namespace": ["Microsoft.Compute"],
    "part": ["probe"],
}
# Of these there are other names too; of what stands before them only in requests that the document does not allow.
LAST = {"name", "instance", "version", "part", "namespace"}
METHODS = ("get", "head", "put", "patch", "post", "delete")


def known(subscription: str, tenant: str) -> dict[str, Any]:
    """The document; names in addresses are mostly, and bodies now and then, such that a request succeeds."""
    made = copy.deepcopy(document(HOST))
    names = {**NAMES, "subscription": [subscription], "tenant": [tenant, "common"]}
    for path in made["paths"].values():
        for parameter in path.pop("parameters"):
            usual = names.get(parameter["name"])
            if usual:
                is_last = parameter["name"] in LAST
                parameter["schema"] = {"anyOf": [{"enum": usual}, parameter["schema"]]} if is_last else {"enum": usual}
            for method in METHODS:
                if method in path:
                    path[method]["parameters"] = [*path[method].get("parameters", []), parameter]
        for method in METHODS:
            _with_known_bodies(path.get(method, {}).get("requestBody", {}))
    return made


def _with_known_bodies(body: dict[str, Any]) -> None:
    if content := body.get("content", {}).get("application/json"):
        content["schema"] = {"anyOf": [{"enum": [*bodies(), {"properties": PROTECTION}, POLICY]}, content["schema"]]}


def operations(subscription: str, tenant: str) -> "list[schemathesis.schemas.APIOperation[Any, Any, Any, Any]]":
    """All of the document. Raises the error of one that cannot be read."""
    schema = from_dict(known(subscription, tenant))
    schema.app = get_wsgi_application()
    found = list(schema.get_all_operations())
    for unreadable in found:
        if isinstance(unreadable, Err):
            raise unreadable.err()
    return [operation.ok() for operation in found if isinstance(operation, Ok)]


def cases(operation: Any) -> SearchStrategy[Case[Any]]:
    """Requests that the document allows, and others."""
    return one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
