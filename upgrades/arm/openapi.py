"""The API as an OpenAPI document, made of the routes, of what each view takes, and of Azure's types: `manage.py openapi` prints it."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from upgrades.arm import token_service
from upgrades.arm.options import FILTER, TAKES, TOP
from upgrades.arm.requests import WITHOUT_TOKEN, methods_of
from upgrades.arm.subscriptions import OPERATIONS, TYPES, VERSIONS
from upgrades.arm.urls import GROUP, SCALE_SET, Route, urlpatterns
from upgrades.core import azure_types
from upgrades.core.resource_kinds import KINDS

Json = dict[str, Any]
# The types of bodies; of all others only is known that they are objects.
BODIES = {
    SCALE_SET: azure_types.SCALE_SET,
    f"{SCALE_SET}/virtualmachines/{{instance}}": azure_types.INSTANCE,
    **{f"{GROUP}/providers/{kind.type.lower()}/{{name}}": kind.model for kind in KINDS},
    GROUP: azure_types.RESOURCE_GROUP,
}
STATUSES = {
    "GET": {"200": "what was asked for"},
    "HEAD": {"204": "it is there"},
    "PUT": {
        "200": "changed, or as it was",
        "201": "created",
        "202": "begun; the headers say where to ask how it goes on",
    },
    "PATCH": {"200": "changed, or as it was"},
    "DELETE": {"200": "deleted", "202": "begun", "204": "there is none"},
    "POST": {"200": "done", "202": "begun; the headers say where to ask how it goes on", "204": "done"},
}
PLAIN: dict[str, Json] = {
    "text": {"type": "string"},
    "duration": {"type": "string", "description": "ISO 8601, such as PT5M"},
    "time": {"type": "string", "format": "date-time"},
    "whole": {"type": "integer"},
    "number": {"type": "number"},
    "switch": {"type": "boolean"},
    "any": {},
}
ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "additionalProperties": False,
            "properties": {
                "code": {"type": "string", "minLength": 1},
                "message": {"type": "string", "minLength": 1},
                "target": {"type": "string"},
                "details": {"type": "array", "items": {"type": "object"}},
            },
        }
    },
}
TOKEN_ERROR: Json = {
    "type": "object",
    "required": ["error", "error_description"],
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
}
OF_A_TOKEN = ("grant_type", "client_id", "client_secret", "scope", "resource")


def document(address: str) -> Json:
    """`address`: of this server, such as "https://localhost:8443"."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "Rollgrid, in the shape of Azure Resource Manager", "version": VERSIONS[0]},
        "servers": [{"url": address}],
        "security": [{"bearer": []}],
        "paths": dict(_paths()),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "responses": {"Error": _answer("an error", ERROR), "TokenError": _answer("an error", TOKEN_ERROR)},
            "schemas": _schemas(),
        },
    }


def _paths() -> Iterator[tuple[str, Json]]:
    for pattern in urlpatterns:
        if not isinstance(pattern, Route):
            continue
        if pattern.callback is token_service.token:
            yield f"/{pattern.path}", {"post": _token(pattern.path), "parameters": _in_path(pattern.path)}
        elif methods := methods_of(pattern.callback) or getattr(pattern.callback, WITHOUT_TOKEN, {}):
            operations = {method.lower(): _operation(pattern, method, view) for method, view in methods.items()}
            yield f"/{_spelled(pattern.path)}", {**operations, "parameters": _in_path(pattern.path)}


def _operation(pattern: Route, method: str, view: Callable[..., Any]) -> Json:
    is_open = hasattr(pattern.callback, WITHOUT_TOKEN)
    # What belongs to the token service says errors as OAuth has it.
    error = "TokenError" if pattern.path.startswith("{tenant}") else "Error"
    made: Json = {
        "operationId": f"{method.lower()}-{re.sub(r'[^a-z0-9.]+', '-', pattern.path).strip('-')}",
        "summary": (inspect.getdoc(view) or "").partition("\n")[0],
        "parameters": _in_query(view, is_required=not is_open),
        "responses": {**_successes(method), "default": {"$ref": f"#/components/responses/{error}"}},
    }
    if is_open:
        made["security"] = []
    if method in ("PUT", "PATCH", "POST"):
        known = BODIES.get(pattern.path)
        schema = {"$ref": f"#/components/schemas/{known}"} if known else {"type": "object"}
        made["requestBody"] = {"content": {"application/json": {"schema": schema}}, "required": method != "POST"}
    return made


def _in_query(view: Callable[..., Any], *, is_required: bool) -> list[Json]:
    version: Json = {"type": "string", "pattern": r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$", "example": VERSIONS[0]}
    first = {"name": "api-version", "in": "query", "required": is_required, "schema": version}
    options = [name for name in getattr(view, TAKES, ()) if name.startswith("$")]
    return [first, *({"name": name, "in": "query", "schema": _option(name)} for name in options)]


def _option(name: str) -> Json:
    if name == TOP:
        return {"type": "integer", "minimum": 0}
    return {"type": "string", "maxLength": 2000} if name == FILTER else {"type": "string"}


def _in_path(path: str) -> list[Json]:
    schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in re.findall(r"\{(\w+)\}", path)]


def _successes(method: str) -> Json:
    """What an act answers is often nothing at all."""
    has_body = method in ("GET", "PUT", "PATCH")
    return {
        status: _answer(says, {}) if has_body and status in ("200", "201") else {"description": says}
        for status, says in STATUSES[method].items()
    }


def _answer(says: str, schema: Json) -> Json:
    return {"description": says, "content": {"application/json": {"schema": schema}}}


def _token(path: str) -> Json:
    fields = {name: {"type": "string"} for name in OF_A_TOKEN}
    form = {"type": "object", "properties": fields, "required": list(OF_A_TOKEN[:3])}
    return {
        "operationId": f"post-{path.replace('{', '').replace('}', '').replace('/', '-')}",
        "summary": (inspect.getdoc(token_service.token) or "").partition("\n")[0],
        "security": [],
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": form}}, "required": True},
        "responses": {"200": _answer("a token", {}), "default": {"$ref": "#/components/responses/TokenError"}},
    }


# --- Azure's types ----------------------------------------------------------------------------------------------------


def _schemas() -> Json:
    """All types that a body may hold, by name."""
    found: Json = {}
    wanted = list(BODIES.values())
    while wanted:
        type = wanted.pop()
        if type in found:
            continue
        found[type] = _schema(type)
        wanted += [azure_types.element(field.type) for field in azure_types.fields_of(type).values()]
    return {name: schema for name, schema in sorted(found.items()) if name not in PLAIN}


def _schema(type: str) -> Json:
    if words := azure_types.enum_values(type):
        return {"type": "string", "enum": list(words.values())}
    fields = azure_types.fields_of(type).values()
    return {"type": "object", "properties": {field.name: _field(field) for field in fields}}


def _field(field: azure_types.Field) -> Json:
    inner = azure_types.element(field.type)
    schema = PLAIN.get(inner, {"$ref": f"#/components/schemas/{inner}"})
    if field.type.startswith("["):
        schema = {"type": "array", "items": schema}
    elif field.type.startswith("{"):
        schema = {"type": "object", "additionalProperties": schema}
    # Beside a reference OpenAPI 3.0 reads nothing.
    return {**schema, "readOnly": True} if field.is_read_only and "$ref" not in schema else schema


# --- spelling ---------------------------------------------------------------------------------------------------------

WORDS = {
    word.lower(): word
    for name in (*TYPES, *(type for types in TYPES.values() for type in types), *(name for name, _ in OPERATIONS))
    for word in name.split("/")
} | {
    word.lower(): word
    for word in [
        "resourceGroups",
        "instanceView",
        "eventTypes",
        "osUpgradeHistory",
        "instanceView",
        "artifactTypes",
        "vmImage",
    ]
}


def _spelled(path: str) -> str:
    """As Azure writes it: "virtualMachineScaleSets". Addresses are found in any case."""
    return "/".join(WORDS.get(part, part) for part in path.split("/"))
