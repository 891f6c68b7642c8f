"""Microsoft.Resources/resourceGroups, and the list of what is in them."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from upgrades.arm import ids, operations
from upgrades.arm.answers import Answer, everything, page
from upgrades.arm.errors import Failed, group_not_found
from upgrades.arm.merge import merged, without_read_only
from upgrades.arm.requests import ADMIN, OPERATOR, Call, needs, resource
from upgrades.arm.scale_sets import find_location
from upgrades.arm.spelling import canonical
from upgrades.commands import async_operations
from upgrades.commands.resource_groups import change_resource_group, delete_resource_group
from upgrades.core.members import check_tags, member, object_at, text
from upgrades.models import LoadBalancer, ResourceGroup, ScaleSet
from upgrades.models.async_operation import Kind
from upgrades.models.resource_group import existing

RESOURCE_GROUPS = "Microsoft.Resources/resourceGroups"


def render(call: Call, row: ResourceGroup) -> dict[str, Any]:
    document = canonical(row.document)
    properties = {"provisioningState": "Deleting" if row.deleting else "Succeeded"}
    own = {
        "id": ids.of_resource_group(call.subscription, row),
        "name": row.name,
        "type": RESOURCE_GROUPS,
        "location": row.location.name,
        "tags": document.get("tags") or {},
        "properties": {**(document.get("properties") or {}), **properties},
    }
    return {**document, **own}


def _find(group: str) -> ResourceGroup:
    """Raises Failed."""
    row = existing().filter(key=group.lower()).first()
    if row is None:
        raise group_not_found(group)
    return row


def _render_all(call: Call, rows: Sequence[ResourceGroup]) -> list[dict[str, Any]]:
    return [render(call, row) for row in rows]


def every(call: Call) -> Answer:
    return page(call, existing(), partial(_render_all, call))


def show(call: Call, group: str) -> Answer:
    return Answer(render(call, _find(group)))


def head(call: Call, group: str) -> Answer:
    is_there = existing().filter(key=group.lower()).exists()
    return Answer(status=204 if is_there else 404)


@needs(ADMIN)
def put(call: Call, group: str) -> Answer:
    body = without_read_only(call.object_body())
    location = find_location(text(body, "location", required=True))
    check_tags(body)
    object_at(body, "properties")  # says so where it is none

    def edit(row: ResourceGroup | None) -> Mapping[str, Any]:
        return merged(row.document, body, without_read_only(render(call, row)), removes=False) if row else body

    row, is_new = change_resource_group(group, location, edit)
    return Answer(render(call, row), 201 if is_new else 200)


@needs(OPERATOR)
def patch(call: Call, group: str) -> Answer:
    found = _find(group)
    tags = {name: value for name, value in call.object_body().items() if name.lower() == "tags"}
    check_tags(tags)

    def edit(row: ResourceGroup | None) -> Mapping[str, Any]:
        row = row or _find(group)  # which says that it is gone
        return merged(row.document, tags, render(call, row), removes=True)

    row, _ = change_resource_group(group, found.location, edit)
    return Answer(render(call, row))


@needs(ADMIN)
def delete(call: Call, group: str) -> Answer:
    row = _find(group)
    delete_resource_group(group, call.now)
    operation = async_operations.begin(Kind.DELETE_GROUP, row.key, call.now)
    return Answer(status=202, headers=operations.headers(call, operation, row.location))


# --- what is in them ---------------------------------------------------------------------------------------------------

_CONDITION = re.compile(r"\s*(resourceGroup|resourceType|name|location)\s+eq\s+'([^']*)'\s*", re.IGNORECASE)


def resources(call: Call) -> Answer:
    """GET .../resources?$filter=resourceGroup eq 'a' and resourceType eq 'b': all of them, in two queries."""
    conditions = _conditions(call)
    return everything([one for one in _resources(call) if _fits(one, conditions)])


def resources_of_group(call: Call, group: str) -> Answer:
    row = _find(group)
    conditions = [*_conditions(call), ("resourcegroup", row.key)]
    return everything([one for one in _resources(call) if _fits(one, conditions)])


def _resources(call: Call) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in ScaleSet.objects.select_related("location"):
        body = {
            "id": ids.of_scale_set(call.subscription, row),
            "name": row.name,
            "type": ids.SCALE_SETS,
            "tags": row.tags,
        }
        sku = {"sku": member(row.document, "sku")} if member(row.document, "sku") else {}
        found.append({**body, **sku, "location": row.location.name})
    for balancer in LoadBalancer.objects.select_related("location"):
        id, tags = ids.of_load_balancer(call.subscription, balancer), member(balancer.document, "tags") or {}
        body = {"id": id, "name": balancer.name, "type": ids.LOAD_BALANCERS, "tags": tags}
        found.append({**body, "location": balancer.location.name})
    return found


def _conditions(call: Call) -> list[tuple[str, str]]:
    given = call.query.get("$filter", "").strip()
    if not given:
        return []
    parts = [_CONDITION.fullmatch(part) for part in re.split(r"\s+and\s+", given, flags=re.IGNORECASE)]
    if not all(parts):
        message = f"$filter is made of resourceGroup, resourceType, name or location eq '...', joined by and, not {given[:200]!r}"
        raise Failed("InvalidParameter", message, target="$filter")
    return [(part[1].lower(), part[2].lower()) for part in parts if part]


def _fits(one: Mapping[str, Any], conditions: Sequence[tuple[str, str]]) -> bool:
    values = {
        "resourcegroup": one["id"].split("/")[4],
        "resourcetype": one["type"],
        "name": one["name"],
        "location": one["location"],
    }
    return all(values[name].lower() == wanted for name, wanted in conditions)


ONE = resource(GET=show, HEAD=head, PUT=put, PATCH=patch, DELETE=delete)
ALL = resource(GET=every)
RESOURCES = resource(GET=resources)
RESOURCES_OF_GROUP = resource(GET=resources_of_group)
