"""exportTemplate of a resource group: what is in it, as a template that makes it again. Secrets are not in it: no answer shows them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from upgrades.arm import ids, subscriptions
from upgrades.arm.answers import Answer
from upgrades.arm.deployments.inner_calls import Caller
from upgrades.arm.deployments.plans import RESOURCES_VERSION
from upgrades.arm.errors import ArmError
from upgrades.arm.options import takes
from upgrades.arm.requests import Call, resource
from upgrades.core.json_fields import read_list

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
# What only the server says, at any depth.
READ_ONLY = frozenset(
    {"etag", "provisioningstate", "uniqueid", "timecreated", "resourceguid", "principalid", "tenantid", "clientid"}
)
# Azure's, which say how names become parameters: here they never do.
OPTIONS = (
    *("IncludeParameterDefaultValue", "IncludeComments", "SkipResourceNameParameterization"),
    *("SkipAllParameterization", "None"),
)
_ID = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/(?P<group>[^/]+)/providers/(?P<namespace>[^/]+)/(?P<rest>[^/]+/[^/]+(?:/[^/]+/[^/]+)*)",
    re.IGNORECASE,
)


@takes()
def export(call: Call, group: str) -> Answer:
    """POST .../exportTemplate {"resources": ["*"]}"""
    caller = Caller.of_call(call)
    found = caller.ask("GET", ids.of_group(call.subscription, group), RESOURCES_VERSION).body
    listed = caller.ask("GET", f"{found['id']}/resources", RESOURCES_VERSION).body["value"]
    wanted = _wanted(call.object_body(), [each["id"] for each in listed])
    resources = [_exported(caller, each, found["name"], wanted) for each in listed if each["id"].lower() in wanted]
    return Answer(
        {
            "template": {
                "$schema": SCHEMA,
                "contentVersion": "1.0.0.0",
                "parameters": {},
                "variables": {},
                "resources": resources,
            }
        }
    )


def _wanted(body: Mapping[str, Any], there: Sequence[str]) -> set[str]:
    """The ids that are exported, in lower case. Raises ArmError."""
    options = str(body.get("options") or "None").split(",")
    strange = next((each for each in options if each.strip().lower() not in {name.lower() for name in OPTIONS}), None)
    if strange is not None:
        raise ArmError("InvalidParameter", f"options are {', '.join(OPTIONS)}, not {strange[:80]!r}", target="options")
    asked = {str(each).lower() for each in read_list(body, "resources")} or {"*"}
    known = {id.lower() for id in there}
    missing = sorted(asked - known - {"*"})
    if missing:
        raise ArmError("ResourceNotFound", f"The resource '{missing[0][:300]}' is not in the resource group.")
    return known if "*" in asked else asked


def _exported(caller: Caller, listed: Mapping[str, Any], group: str, all_ids: set[str]) -> dict[str, Any]:
    version = _version(listed["type"])
    body = caller.ask("GET", listed["id"], version).body
    own_id = listed["id"].lower()
    named = {id.lower(): id for id in _ids(body) if id.lower() in all_ids and id.lower() != own_id}
    rest = {name: value for name, value in body.items() if name not in ("id", "name", "type")}
    made = {
        "type": listed["type"],
        "apiVersion": version,
        "name": listed["name"],
        **_plain(rest, group, own_id),
    }
    if named:
        made["dependsOn"] = [_expression(named[id], group) for id in sorted(named)]
    return made


def _version(type_: str) -> str:
    namespace, _, kind = type_.partition("/")
    return subscriptions.TYPES.get(namespace, {}).get(kind, [RESOURCES_VERSION])[0]


def _ids(value: Any) -> Iterator[str]:
    """The ids of resources that something in it names; of a part of a resource the resource's own."""
    if isinstance(value, str):
        if match := _ID.fullmatch(value):
            kind, name = match["rest"].split("/")[:2]
            yield f"{value[: match.start('rest')]}{kind}/{name}"
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner)


def _plain(value: Any, group: str, own_id: str) -> Any:
    """Without what only the server says, and with ids in the group as expressions, so that it can be deployed elsewhere."""
    if isinstance(value, dict):
        left_out = {*READ_ONLY, "id", "type"} if _is_part(value, own_id) else READ_ONLY
        return {name: _plain(inner, group, own_id) for name, inner in value.items() if name.lower() not in left_out}
    if isinstance(value, list):
        return [_plain(inner, group, own_id) for inner in value]
    if isinstance(value, str):
        return _expression(value, group) if _ID.fullmatch(value) else _escaped(value)
    return value


def _is_part(value: Mapping[str, Any], own_id: str) -> bool:
    """Whether it is a part of the resource, to which the server gives an id and a type; what refers to a part has no name."""
    return "name" in value and str(value.get("id", "")).lower().startswith(f"{own_id}/")


def _escaped(text: str) -> str:
    return f"[{text}" if text.startswith("[") and text.endswith("]") else text


def _expression(id: str, group: str) -> str:
    """[resourceId('Microsoft.Network/loadBalancers', 'lb')] of what is in the group; other ids stay."""
    match = _ID.fullmatch(id)
    if match is None or match["group"].lower() != group.lower():
        return id
    parts = match["rest"].split("/")
    kind = "/".join([match["namespace"], *parts[::2]])
    names = "".join(f", '{name}'" for name in (each.replace("'", "''") for each in parts[1::2]))
    return f"[resourceId('{kind}'{names})]"


OF_GROUP = resource(POST=export)
