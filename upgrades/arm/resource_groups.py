"""Microsoft.Resources/resourceGroups, and the list of what is in them."""

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import partial
from typing import Any

from upgrades import provisioning_status
from upgrades.arm import filters, ids, operations
from upgrades.arm.answers import Answer, everything, page, time
from upgrades.arm.errors import group_not_found
from upgrades.arm.filters import TAG_FIELDS, Shown
from upgrades.arm.merge import merged, tags_alone, without_read_only
from upgrades.arm.options import EXPAND, FILTER, SKIP_TOKEN, TOP, takes, top, words
from upgrades.arm.requests import ADMIN, OPERATOR, Call, needs, resource
from upgrades.arm.scale_sets import find_location
from upgrades.commands import async_operations
from upgrades.commands.resource_groups import change_resource_group, delete_resource_group
from upgrades.core import azure_types, limits, unknown_fields
from upgrades.core.json_fields import check_tags, get_field, read_object, read_str
from upgrades.core.resource_kinds import LOAD_BALANCER
from upgrades.core.typed import converted, tags_of
from upgrades.models import LoadBalancer, ResourceGroup, ScaleSet, StoredResource
from upgrades.models.async_operation import RequestKind
from upgrades.models.resource_group import existing

PAGE = 100
RESOURCE_GROUPS = "Microsoft.Resources/resourceGroups"


def render(call: Call, row: ResourceGroup) -> dict[str, Any]:
    document = converted(row.document, azure_types.RESOURCE_GROUP)
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
    """Raises ArmError."""
    row = existing().filter(key=group.lower()).first()
    if row is None:
        raise group_not_found(group)
    return row


def _render_all(call: Call, rows: Sequence[ResourceGroup]) -> list[dict[str, Any]]:
    return [render(call, row) for row in rows]


@takes(FILTER, TOP, SKIP_TOKEN)
def every(call: Call) -> Answer:
    """`az group list --tag a=b` is $filter=tagName eq 'a' and tagValue eq 'b'."""
    given = call.query.get(FILTER, "").strip()
    meant = filters.read(given, ("name", "location", *TAG_FIELDS)) if given else None
    fits = (lambda row: meant(_group_as_shown(row))) if meant else None
    return page(call, existing(), partial(_render_all, call), size=PAGE, fits=fits)


def _group_as_shown(row: ResourceGroup) -> Shown:
    tags = tags_of(row.document)
    values = {"name": (row.name,), "location": (row.location.name,)}
    return Shown(values, tags)


def show(call: Call, group: str) -> Answer:
    return Answer(render(call, _find(group)))


def head(call: Call, group: str) -> Answer:
    is_there = existing().filter(key=group.lower()).exists()
    return Answer(status=204 if is_there else 404)


@needs(ADMIN)
def put(call: Call, group: str) -> Answer:
    body = without_read_only(call.object_body())
    location = find_location(read_str(body, "location", required=True))
    check_tags(body)
    read_object(body, "properties")  # says so where it is none

    def edit(row: ResourceGroup | None) -> Mapping[str, Any]:
        before = row.document if row else None
        unknown_fields.check(body, azure_types.RESOURCE_GROUP, before)
        limits.check_tags(body, before)
        return merged(row.document, body, without_read_only(render(call, row)), removes=False) if row else body

    row, is_new = change_resource_group(group, location, edit)
    return Answer(render(call, row), 201 if is_new else 200)


@needs(OPERATOR)
def patch(call: Call, group: str) -> Answer:
    found = _find(group)
    tags = tags_alone(call.object_body(), azure_types.RESOURCE_GROUP, render(call, found))
    check_tags(tags)

    def edit(row: ResourceGroup | None) -> Mapping[str, Any]:
        row = row or _find(group)  # which says that it is gone
        limits.check_tags(tags, row.document)
        return merged(row.document, tags, render(call, row), removes=True)

    row, _ = change_resource_group(group, found.location, edit)
    return Answer(render(call, row))


@needs(ADMIN)
def delete(call: Call, group: str) -> Answer:
    row = _find(group)
    delete_resource_group(group, call.now)
    operation = async_operations.begin(RequestKind.DELETE_GROUP, row.key, call.now)
    return Answer(status=202, headers=operations.headers(call, operation, row.location))


# --- what is in them ---------------------------------------------------------------------------------------------------

FIELDS = ("resourceGroup", "resourceType", "name", "location", *TAG_FIELDS)
EXPANDED = ("createdTime", "changedTime", "provisioningState")


@takes(FILTER, TOP, EXPAND)
def resources(call: Call) -> Answer:
    """GET .../resources?$filter=resourceGroup eq 'a' and resourceType eq 'b'"""
    return _listed(call, None)


@takes(FILTER, TOP, EXPAND)
def resources_of_group(call: Call, group: str) -> Answer:
    return _listed(call, _find(group).key)


def _listed(call: Call, group: str | None) -> Answer:
    """Those of the group, or all of them, in a number of queries that does not grow."""
    fits = filters.read(call.query[FILTER], FIELDS) if call.query.get(FILTER, "").strip() else None
    expanded, limit = words(call.query, EXPAND, EXPANDED), top(call.query)
    of_group = {"key__startswith": ScaleSet.keys_in(group)} if group else {}
    found = [*_scale_sets(call, expanded, of_group), *_stored(call, expanded, of_group)]
    return everything([resource for resource in found if fits is None or fits(_as_shown(resource))][:limit])


def _scale_sets(call: Call, expanded: Set[str], of_group: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    rows = list(ScaleSet.objects.select_related("location").filter(**of_group))
    found = provisioning_status.provisioning_status(rows, call.now) if "provisioningstate" in expanded else {}
    for row in rows:
        sku = converted(get_field(row.document, "sku"), "Sku")
        more: dict[str, Any] = {"sku": sku} if sku else {}
        if "createdtime" in expanded:
            more["createdTime"] = time(row.created_at)
        if row.pk in found:
            more["provisioningState"] = found[row.pk].state.value.capitalize()
        id = ids.of_scale_set(call.subscription, row)
        body = {"id": id, "name": row.name, "type": ids.SCALE_SETS, "tags": row.tags}
        yield {**body, **more, "location": row.location.name}


def _stored(call: Call, expanded: Set[str], of_group: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    more = {"provisioningState": "Succeeded"} if "provisioningstate" in expanded else {}
    balancers = LoadBalancer.objects.select_related("location").filter(**of_group)
    others = StoredResource.objects.select_related("location").filter(**of_group)
    for kind, row in (*((LOAD_BALANCER, row) for row in balancers), *((row.kind, row) for row in others)):
        id, tags = ids.of_resource(call.subscription, kind, row), tags_of(row.document)
        sku = converted(get_field(row.document, "sku"), "Sku")
        its = {"sku": sku} if sku else {}
        yield {
            "id": id,
            "name": row.name,
            "type": kind.type,
            "tags": tags,
            **its,
            **more,
            "location": row.location.name,
        }


def _as_shown(resource: Mapping[str, Any]) -> Shown:
    values = {
        "resourcegroup": (resource["id"].split("/")[4],),
        "resourcetype": (resource["type"],),
        "name": (resource["name"],),
        "location": (resource["location"],),
    }
    return Shown(values, resource["tags"])


ONE = resource(GET=show, HEAD=head, PUT=put, PATCH=patch, DELETE=delete)
ALL = resource(GET=every)
RESOURCES = resource(GET=resources)
RESOURCES_OF_GROUP = resource(GET=resources_of_group)
