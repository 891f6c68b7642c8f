"""Microsoft.Compute/virtualMachineScaleSets"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from upgrades import catalog, provisioning_status
from upgrades.arm import ids, operations, versions
from upgrades.arm.answers import Answer, page, time
from upgrades.arm.conditions import check_conditions
from upgrades.arm.errors import ArmError, group_not_found, not_found
from upgrades.arm.leaving_out import is_whole_scale_set, without_left_out, without_other_identities
from upgrades.arm.merge import differences, merged, without_read_only
from upgrades.arm.options import EXPAND, SKIP_TOKEN, takes, words
from upgrades.arm.requests import ADMIN, OPERATOR, Call, is_there, needs, resource
from upgrades.commands.model_update import change_model
from upgrades.commands.scale_sets import delete_scale_set
from upgrades.core import azure_types, secrets, typed, unknown_fields
from upgrades.core.filling import filled
from upgrades.core.identities import without_excluded_identities
from upgrades.core.json_fields import get_field
from upgrades.core.spellings import without_field
from upgrades.core.unchangeable import check_not_removed
from upgrades.models import ScaleSet
from upgrades.models.async_operation import RequestKind
from upgrades.models.resource_group import existing
from upgrades.provisioning_status import ProvisioningStatus

EXPANDED = ("userData",)
MAX_WARNINGS = 10
# What those who may only steer upgrades may change of a document.
STEERED = (("tags",), ("properties", "upgradepolicy"))


def find(group: str, name: str) -> ScaleSet:
    """Raises ArmError."""
    rows = ScaleSet.objects.select_related("location", "sku")
    row = rows.filter(key=ScaleSet.key_of(group, name)).first()
    if row is None:
        check_group(group)
        raise not_found(ids.SCALE_SETS, group, name)
    return row


def check_group(group: str) -> None:
    """Raises ArmError."""
    if not existing().filter(key=group.lower()).exists():
        raise group_not_found(group)


# --- what is shown ----------------------------------------------------------------------------------------------------


def render(call: Call, row: ScaleSet, status: ProvisioningStatus) -> dict[str, Any]:
    body = shown(row, with_user_data="userdata" in words(call.query, EXPAND, EXPANDED))
    properties = {
        **body["properties"],
        "provisioningState": status.state.value.capitalize(),
        "uniqueId": str(uuid.uuid5(call.subscription.pk, f"{row.key} {row.created_at.isoformat()}")),
        "timeCreated": time(row.created_at),
    }
    own = {
        "id": ids.of_scale_set(call.subscription, row),
        "name": row.name,
        "type": ids.SCALE_SETS,
        "location": row.location.name,
        "etag": etag(row),
        "properties": properties,
    }
    identity = {"identity": _identity(call, row, body["identity"])} if "identity" in body else {}
    return versions.outgoing({**body, **own, **identity}, call.version)


def _identity(call: Call, row: ScaleSet, identity: Mapping[str, Any]) -> dict[str, Any]:
    """With the ids that Azure gives to the identities; nobody can sign in with ours."""
    kinds, tenant = str(identity.get("type", "")).lower(), str(call.subscription.tenant_id)
    own = {"principalId": _id_of(call, row.key), "tenantId": tenant} if "systemassigned" in kinds else {}
    given = identity.get("userAssignedIdentities")
    if not isinstance(given, Mapping):
        return {**identity, **own}
    known = {id: {"principalId": _id_of(call, id), "clientId": _id_of(call, f"client {id}")} for id in given}
    return {**identity, **own, "userAssignedIdentities": known}


def _id_of(call: Call, name: str) -> str:
    return str(uuid.uuid5(call.subscription.pk, name.lower()))


def shown(row: ScaleSet, *, with_user_data: bool = False) -> dict[str, Any]:
    """Its document as clients see it."""
    return filled(row.document, row.sku.os_type, with_user_data=with_user_data)


def etag(row: ScaleSet) -> str:
    """Of the document, its secrets included: not of what the engine does with it."""
    text = json.dumps(row.document, sort_keys=True) + row.sealed_secrets
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _render_all(call: Call, rows: Sequence[ScaleSet]) -> list[dict[str, Any]]:
    found = provisioning_status.provisioning_status(rows, call.now)
    return [render(call, row, found[row.pk]) for row in rows]


@takes(EXPAND)
def show(call: Call, group: str, name: str) -> Answer:
    row = find(group, name)
    return Answer(_render_all(call, [row])[0], headers={"ETag": etag(row)})


@takes(SKIP_TOKEN)
def of_subscription(call: Call) -> Answer:
    return page(call, ScaleSet.objects.select_related("location", "sku"), partial(_render_all, call))


@takes(SKIP_TOKEN)
def of_group(call: Call, group: str) -> Answer:
    check_group(group)
    rows = ScaleSet.objects.select_related("location", "sku").filter(key__startswith=ScaleSet.keys_in(group))
    return page(call, rows, partial(_render_all, call))


@takes(SKIP_TOKEN)
def of_location(call: Call, location: str) -> Answer:
    rows = ScaleSet.objects.select_related("location", "sku").filter(location=find_location(location))
    return page(call, rows, partial(_render_all, call))


def find_location(name: str) -> Any:
    """Raises ArmError."""
    row = catalog.find_location(name)
    if row is None:
        message = f"The provided location '{name[:80]}' is not available. GET /subscriptions/ID/locations lists them."
        raise ArmError("LocationNotAvailableForResourceType", message, target="location")
    return row


# --- what is changed --------------------------------------------------------------------------------------------------


@needs(OPERATOR)
def put(call: Call, group: str, name: str) -> Answer:
    """Makes it, or changes what the body speaks of."""
    return _change(call, group, name, removes=False)


@needs(OPERATOR)
def patch(call: Call, group: str, name: str) -> Answer:
    """JSON merge patch."""
    find(group, name)
    return _change(call, group, name, removes=True)


def _change(call: Call, group: str, name: str, *, removes: bool) -> Answer:
    body = typed.without_read_only(without_read_only(call.object_body()), azure_types.SCALE_SET)
    given = versions.incoming(body, call.version)
    removed_secrets = secrets.removed_places(given) if removes else frozenset()
    if removed_secrets:
        call.require(ADMIN)  # what they were does not show in the document
    edit = partial(_edited, call, given, removes=removes)
    done = change_model(f"{group}/{name}", edit, call.now, removed_secrets=removed_secrets)
    row = done.scale_set
    headers = {"ETag": etag(row), "Retry-After": "1"}
    if done.changed:
        headers |= operations.begun(call, RequestKind.PUT, row)
    if done.warnings:
        headers["Warning"] = warning(done.warnings)
    return Answer(_render_all(call, [row])[0], 201 if done.created else 200, headers)


def warning(warnings: Sequence[str]) -> str:
    """As a header, which is one line of a few kilobytes."""
    shown = [text.replace('"', "'") for text in warnings[:MAX_WARNINGS]]
    left = len(warnings) - len(shown)
    more = [f"{left} more; GET .../preflight lists them all"] if left else []
    return ", ".join(f'299 rollgrid "{text}"' for text in (*shown, *more))


def _edited(call: Call, given: Mapping[str, Any], row: ScaleSet | None, *, removes: bool) -> Mapping[str, Any]:
    """The document that the request makes of what is there."""
    check_conditions(call, etag(row) if row else None)
    unknown_fields.check_request(given, azure_types.SCALE_SET, row.document if row else None)
    if row is None:
        call.require(ADMIN)
        return without_excluded_identities(given)
    if removes:
        check_not_removed(given, row.document)
    changed: Mapping[str, Any] = merged(row.document, _without_same_place(given, row), shown(row), removes=removes)
    if not removes:
        changed = without_other_identities(changed, given)
        if is_whole_scale_set(given):
            changed = without_left_out(changed, given, shown(row), azure_types.SCALE_SET, call.version)
    document = without_excluded_identities(changed)
    if not all(_is_steering(place) for place in differences(row.document, document)):
        call.require(ADMIN)
    return document


def _is_steering(place: tuple[str, ...]) -> bool:
    return any(place[: len(steered)] == steered for steered in STEERED)


def _without_same_place(given: Mapping[str, Any], row: ScaleSet) -> dict[str, Any]:
    """ "West Europe" and "westeurope" are the same."""
    location = get_field(given, "location")
    is_same = isinstance(location, str) and location.replace(" ", "").lower() == row.location.name
    return without_field(given, "location") if is_same else dict(given)


@needs(ADMIN)
def delete(call: Call, group: str, name: str) -> Answer:
    row = ScaleSet.objects.select_related("location").filter(key=ScaleSet.key_of(group, name)).first()
    if row is None:
        return Answer(status=204)
    check_conditions(call, etag(row))
    if not row.deleting:
        delete_scale_set(str(row), call.now)
    return Answer(status=202, headers=operations.begun(call, RequestKind.DELETE, row))


ONE = resource(ids.COMPUTE, GET=show, HEAD=is_there(show), PUT=put, PATCH=patch, DELETE=delete)
OF_GROUP = resource(ids.COMPUTE, GET=of_group)
OF_SUBSCRIPTION = resource(ids.COMPUTE, GET=of_subscription)
OF_LOCATION = resource(ids.COMPUTE, GET=of_location)
