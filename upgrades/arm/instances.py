"""Microsoft.Compute/virtualMachineScaleSets/virtualMachines"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from upgrades.arm import filters, ids, instance_changes, instance_views, operations
from upgrades.arm.answers import Answer, page
from upgrades.arm.conditions import check_conditions
from upgrades.arm.errors import ArmError, not_found
from upgrades.arm.filters import LATEST_MODEL, Shown
from upgrades.arm.instance_bodies import InstanceBodies, etag
from upgrades.arm.options import EXPAND, FILTER, SELECT, SKIP_TOKEN, takes, words
from upgrades.arm.requests import ADMIN, OPERATOR, Call, is_there, needs, resource
from upgrades.arm.scale_sets import find
from upgrades.arm.shown_model import ShownModel
from upgrades.commands.instance_operations import delete_instances
from upgrades.commands.protection import protect
from upgrades.core import azure_types, unknown_fields
from upgrades.core.json_fields import get_field, read_bool, read_object
from upgrades.core.model_parts import WantedModel, lacking
from upgrades.models import Instance, OptOut, ScaleSet
from upgrades.models.instance import in_force

PAGE = 500
POLICY = ("properties", "protectionPolicy")
EXPANDED = ("instanceView", "userData")
SELECTED = ("instanceView", "instanceView/statuses")
STATUS_CODE = "instanceView/statuses/code"


@takes(EXPAND)
def show(call: Call, group: str, name: str, instance: str) -> Answer:
    scale_set = find(group, name)
    row = find_instance(scale_set, instance)
    return _shown(call, scale_set, row)


def _shown(call: Call, scale_set: ScaleSet, row: Instance) -> Answer:
    (body,) = _render_all(call, scale_set, [row])
    return Answer(body, headers={"ETag": body["etag"]})


def instance_view(call: Call, group: str, name: str, instance: str) -> Answer:
    scale_set = find(group, name)
    row = find_instance(scale_set, instance)
    return Answer(instance_views.of_instance(scale_set, ShownModel.of(scale_set), row))


@takes(EXPAND, FILTER, SELECT, SKIP_TOKEN)
def of_scale_set(call: Call, group: str, name: str) -> Answer:
    """$filter=startswith(instanceView/statuses/code, 'PowerState/running'), with or without "eq true"."""
    scale_set, given = find(group, name), call.query.get(FILTER, "").strip()
    meant = filters.read(given, (STATUS_CODE, LATEST_MODEL)) if given else None
    wanted = scale_set.wanted_model()
    fits = (lambda row: meant(_as_asked_for(wanted, row))) if meant else None
    rows = Instance.objects.filter(scale_set=scale_set)
    return page(call, rows, partial(_selected, call, scale_set), by="number", size=PAGE, fits=fits)


def _as_asked_for(wanted: WantedModel, row: Instance) -> Shown:
    is_latest = "false" if lacking(wanted, row.applied_model) else "true"
    return Shown({STATUS_CODE.lower(): instance_views.codes(row), LATEST_MODEL.lower(): [is_latest]})


def _selected(call: Call, scale_set: ScaleSet, rows: Sequence[Instance]) -> list[dict[str, Any]]:
    """$select=instanceView gives the views alone, and of which instances they are."""
    found = _render_all(call, scale_set, rows)
    if not words(call.query, SELECT, SELECTED):
        return found
    return [{**instance, "properties": {"instanceView": instance["properties"]["instanceView"]}} for instance in found]


def find_instance(scale_set: ScaleSet, instance: str) -> Instance:
    """Raises ArmError."""
    is_number = instance.isascii() and instance.isdecimal() and len(instance) < 10
    row = Instance.objects.filter(scale_set=scale_set, number=int(instance)).first() if is_number else None
    if row is None:
        kind = f"{ids.SCALE_SETS}/{scale_set.name}/virtualMachines"
        raise not_found(kind, scale_set.resource_group, instance[:80])
    return row


@needs(OPERATOR)
def put(call: Call, group: str, name: str, instance: str) -> Answer:
    """Protection is all that a client decides of a single instance; what else the body says must be as it is."""
    body, scale_set = call.object_body(), find(group, name)
    unknown_fields.check(body, azure_types.INSTANCE)
    row = find_instance(scale_set, instance)
    check_conditions(call, etag(row, _opt_outs(call, [row]).get(row.pk)))
    if scale_set.deleting:
        raise ArmError("Conflict", f"{scale_set} is being deleted")
    (shown,) = _bodies(call, scale_set, [row], {"userdata"})
    instance_changes.check(body, shown)
    wanted = {}
    for key, name_of_it in (("from_actions", "protectFromScaleSetActions"), ("from_scale_in", "protectFromScaleIn")):
        is_given = get_field(read_object(body, *POLICY), name_of_it) is not None
        wanted[key] = read_bool(body, *POLICY, name_of_it) if is_given else None
    protect(scale_set, row.number, **wanted, owner=call.client.name, now=call.now)
    row.refresh_from_db()
    return _shown(call, scale_set, row)


@needs(ADMIN)
def delete(call: Call, group: str, name: str, instance: str) -> Answer:
    """Deletes the instance, and lowers the capacity by one. One that is not there is deleted already: 204."""
    scale_set = find(group, name)
    try:
        row = find_instance(scale_set, instance)
    except ArmError:
        return Answer(status=204)
    check_conditions(call, etag(row, _opt_outs(call, [row]).get(row.pk)))
    done = delete_instances(str(scale_set), [str(row.number)], by=call.client.name, now=call.now)
    return Answer(status=202, headers=operations.begun_on_instances(call, scale_set, done.request))


# --- what is shown ----------------------------------------------------------------------------------------------------


def _opt_outs(call: Call, rows: Sequence[Instance]) -> dict[int, OptOut]:
    return {opt_out.instance_id: opt_out for opt_out in in_force(call.now).filter(instance__in=rows)}


def _render_all(call: Call, scale_set: ScaleSet, rows: Sequence[Instance]) -> list[dict[str, Any]]:
    asked = words(call.query, EXPAND, EXPANDED)
    return _bodies(call, scale_set, rows, asked | ({"instanceview"} if words(call.query, SELECT, SELECTED) else set()))


def _bodies(call: Call, scale_set: ScaleSet, rows: Sequence[Instance], asked: set[str]) -> list[dict[str, Any]]:
    """`asked`: what is shown on demand only, in lower case."""
    opt_outs = _opt_outs(call, rows)
    model = ShownModel.of(scale_set, with_user_data="userdata" in asked)
    bodies = InstanceBodies(call, scale_set, model, with_view="instanceview" in asked)
    return [bodies.of(row, opt_outs.get(row.pk)) for row in rows]


ONE = resource(ids.COMPUTE, GET=show, HEAD=is_there(show), PUT=put, DELETE=delete)
VIEW = resource(ids.COMPUTE, GET=instance_view)
ALL = resource(ids.COMPUTE, GET=of_scale_set)
