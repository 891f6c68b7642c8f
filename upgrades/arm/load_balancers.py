"""Microsoft.Network/loadBalancers, for the sake of their health probes; internal and public ones alike."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from upgrades.arm import filling, ids
from upgrades.arm.answers import Answer, everything, page
from upgrades.arm.conditions import check_conditions
from upgrades.arm.errors import not_found
from upgrades.arm.leaving_out import is_whole_load_balancer, without_left_out
from upgrades.arm.merge import merged, tags_alone, without_read_only
from upgrades.arm.options import SKIP_TOKEN, takes
from upgrades.arm.requests import ADMIN, OPERATOR, Call, is_there, needs, resource
from upgrades.arm.scale_sets import MAX_WARNINGS, check_group, warning
from upgrades.arm.spelling import Names
from upgrades.commands.load_balancers import PARTS, change_load_balancer, delete_load_balancer
from upgrades.core import azure_types, unknown_fields
from upgrades.models import LoadBalancer, ScaleSet


def find(group: str, name: str) -> LoadBalancer:
    """Raises ArmError."""
    row = LoadBalancer.objects.select_related("location").filter(key=ScaleSet.key_of(group, name)).first()
    if row is None:
        check_group(group)
        raise not_found(ids.LOAD_BALANCERS, group, name)
    return row


# --- what is shown ----------------------------------------------------------------------------------------------------


def render(call: Call, row: LoadBalancer) -> dict[str, Any]:
    body, id = filling.load_balancer(row.document), ids.of_load_balancer(call.subscription, row)
    properties = {**body["properties"], "provisioningState": "Succeeded"}
    for kind in PARTS:
        if isinstance(properties.get(kind), list):
            properties[kind] = [_part(id, kind, part) for part in properties[kind]]
    own = {"id": id, "name": row.name, "type": ids.LOAD_BALANCERS, "location": row.location.name, "etag": _etag(row)}
    return {**body, **own, "properties": properties}


def _part(id: str, kind: str, part: Any) -> Any:
    if not isinstance(part, Mapping) or not isinstance(part.get("name"), str):
        return part
    properties = {**(part.get("properties") or {}), "provisioningState": "Succeeded"}
    own = {"id": f"{id}/{kind}/{part['name']}", "type": f"{ids.LOAD_BALANCERS}/{kind}"}
    return {**part, **own, "properties": properties}


def _etag(row: LoadBalancer) -> str:
    text = json.dumps(row.document, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _render_all(call: Call, rows: Sequence[LoadBalancer]) -> list[dict[str, Any]]:
    return [render(call, row) for row in rows]


def show(call: Call, group: str, name: str) -> Answer:
    row = find(group, name)
    return Answer(render(call, row), headers={"ETag": _etag(row)})


@takes(SKIP_TOKEN)
def of_subscription(call: Call) -> Answer:
    return page(call, LoadBalancer.objects.select_related("location"), partial(_render_all, call))


@takes(SKIP_TOKEN)
def of_group(call: Call, group: str) -> Answer:
    check_group(group)
    rows = LoadBalancer.objects.select_related("location").filter(key__startswith=ScaleSet.keys_in(group))
    return page(call, rows, partial(_render_all, call))


def probes(call: Call, group: str, name: str) -> Answer:
    return everything(_probes(call, group, name))


def probe(call: Call, group: str, name: str, probe: str) -> Answer:
    found = [
        candidate for candidate in _probes(call, group, name) if str(candidate.get("name", "")).lower() == probe.lower()
    ]
    if not found:
        raise not_found(f"{ids.LOAD_BALANCERS}/{name}/probes", group, probe)
    return Answer(found[0])


def _probes(call: Call, group: str, name: str) -> list[dict[str, Any]]:
    return list(render(call, find(group, name))["properties"].get("probes") or [])


# --- what is changed --------------------------------------------------------------------------------------------------


@needs(ADMIN)
def put(call: Call, group: str, name: str) -> Answer:
    return _change(call, f"{group}/{name}", call.object_body(), removes=False)


@needs(OPERATOR)
def patch(call: Call, group: str, name: str) -> Answer:
    """Tags, as Azure has it."""
    row = find(group, name)
    tags = tags_alone(call.object_body(), azure_types.LOAD_BALANCER, render(call, row))
    return _change(call, str(row), tags, removes=True)


def _change(call: Call, path: str, given: Mapping[str, Any], *, removes: bool) -> Answer:
    def edit(row: LoadBalancer | None) -> Mapping[str, Any]:
        check_conditions(call, _etag(row) if row else None)
        unknown_fields.check_request(given, azure_types.LOAD_BALANCER, row.document if row else None)
        if row is None:
            return _plain(given)
        sent, shown = _plain(given), _plain(render(call, row))
        document = merged(row.document, sent, shown, removes=removes)
        if removes or not is_whole_load_balancer(given):
            return document
        return without_left_out(document, sent, shown, azure_types.LOAD_BALANCER, call.version)

    row, is_new = change_load_balancer(path, edit, call.now)
    headers = {"ETag": _etag(row)}
    strange = islice(unknown_fields.find_unknown(row.document, azure_types.LOAD_BALANCER), MAX_WARNINGS + 1)
    if says := [field.message for field in strange]:
        headers["Warning"] = warning(says)
    return Answer(render(call, row), 201 if is_new else 200, headers)


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only the server says, of it and of its parts."""
    kept = without_read_only(body)
    name = Names(kept).find("properties")
    if isinstance(kept.get(name), Mapping):
        kinds = {kind.lower() for kind in PARTS}
        kept[name] = {key: _plain_parts(value) if key.lower() in kinds else value for key, value in kept[name].items()}
    return kept


def _plain_parts(parts: Any) -> Any:
    if not isinstance(parts, list):
        return parts
    return [_plain_part(part) if isinstance(part, Mapping) else part for part in parts]


def _plain_part(part: Mapping[str, Any]) -> dict[str, Any]:
    name = Names(part).find("name")
    return {**({name: part[name]} if name in part else {}), **without_read_only(part)}


@needs(ADMIN)
def delete(call: Call, group: str, name: str) -> Answer:
    row = LoadBalancer.objects.filter(key=ScaleSet.key_of(group, name)).first()
    if row is None:
        return Answer(status=204)
    check_conditions(call, _etag(row))
    delete_load_balancer(str(row))
    return Answer(status=200)


ONE = resource(ids.NETWORK, GET=show, HEAD=is_there(show), PUT=put, PATCH=patch, DELETE=delete)
OF_GROUP = resource(ids.NETWORK, GET=of_group)
OF_SUBSCRIPTION = resource(ids.NETWORK, GET=of_subscription)
PROBES = resource(ids.NETWORK, GET=probes)
PROBE = resource(ids.NETWORK, GET=probe, HEAD=is_there(probe))
