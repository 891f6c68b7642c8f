"""Microsoft.Compute/virtualMachineScaleSets/virtualMachines"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from upgrades.arm import filters, ids, instance_views, machine_extensions, operations
from upgrades.arm.answers import Answer, page, time
from upgrades.arm.conditions import check_conditions
from upgrades.arm.errors import ArmError, not_found
from upgrades.arm.filters import LATEST_MODEL, Shown
from upgrades.arm.options import EXPAND, FILTER, SELECT, SKIP_TOKEN, takes, words
from upgrades.arm.requests import ADMIN, OPERATOR, Call, is_there, needs, resource
from upgrades.arm.scale_sets import find
from upgrades.arm.shown_model import ShownModel
from upgrades.commands.instance_operations import delete_instances
from upgrades.commands.protection import protect
from upgrades.core import azure_types, unknown_fields
from upgrades.core.json_fields import get_field, read_bool, read_object
from upgrades.core.model_parts import ModelPart, WantedModel, lacking
from upgrades.core.zones import zone_of, zones_of
from upgrades.models import Instance, OptOut, ScaleSet
from upgrades.models.instance import in_force

PAGE = 250
STATES = {
    "create": "Creating",
    "reimage": "Updating",
    "restore": "Updating",
    "extensions": "Updating",
    "delete": "Deleting",
    **dict.fromkeys(instance_views.POWER_MEANWHILE, "Updating"),
}
POLICY = ("properties", "protectionPolicy")
EXPANDED = ("instanceView", "userData")
# What the model says of all machines alike.
AS_IN_THE_MODEL = ("diagnosticsProfile", "licenseType", "securityProfile", "userData")
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
    """Protection is all that a client decides of a single instance; what else the body says is passed over."""
    body, scale_set = call.object_body(), find(group, name)
    unknown_fields.check(body, azure_types.INSTANCE)
    row = find_instance(scale_set, instance)
    check_conditions(call, _etag(row, _opt_outs(call, [row]).get(row.pk)))
    if scale_set.deleting:
        raise ArmError("Conflict", f"{scale_set} is being deleted")
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
    check_conditions(call, _etag(row, _opt_outs(call, [row]).get(row.pk)))
    done = delete_instances(str(scale_set), [str(row.number)], by=call.client.name, now=call.now)
    return Answer(status=202, headers=operations.begun_on_instances(call, scale_set, done.request))


# --- what is shown ----------------------------------------------------------------------------------------------------


def _opt_outs(call: Call, rows: Sequence[Instance]) -> dict[int, OptOut]:
    return {opt_out.instance_id: opt_out for opt_out in in_force(call.now).filter(instance__in=rows)}


def _render_all(call: Call, scale_set: ScaleSet, rows: Sequence[Instance]) -> list[dict[str, Any]]:
    opt_outs = _opt_outs(call, rows)
    asked = words(call.query, EXPAND, EXPANDED)
    model = ShownModel.of(scale_set, with_user_data="userdata" in asked)
    with_view = "instanceview" in asked or bool(words(call.query, SELECT, SELECTED))
    return [_render(call, scale_set, model, row, opt_outs.get(row.pk), with_view=with_view) for row in rows]


def _render(
    call: Call, scale_set: ScaleSet, model: ShownModel, row: Instance, opt_out: OptOut | None, *, with_view: bool
) -> dict[str, Any]:
    id = ids.of_instance(call.subscription, scale_set, row.number)
    properties = {
        "latestModelApplied": not lacking(model.wanted, row.applied_model),
        "provisioningState": STATES.get(row.operation_kind) or row.provisioning.capitalize(),
        "modelDefinitionApplied": "VirtualMachineScaleSet",
        "vmId": str(uuid.uuid5(scale_set.stream, f"{row.number} {row.created_at.isoformat()}")),
        "timeCreated": time(row.created_at),
        "hardwareProfile": {},
        "storageProfile": _storage(call, scale_set, model.document, row),
        "osProfile": _os_profile(model, row),
        **_network(model, id),
        **{name: model.profile[name] for name in AS_IN_THE_MODEL if name in model.profile},
        **_protection(row, opt_out),
        **({"instanceView": instance_views.of_instance(scale_set, model, row)} if with_view else {}),
    }
    extensions = machine_extensions.resources(call, scale_set, model, row)
    zone = zone_of(zones_of(scale_set.document), row.number)
    return {
        "id": id,
        "name": row.name,
        "type": ids.INSTANCES,
        "location": scale_set.location.name,
        "instanceId": str(row.number),
        **({"zones": [zone]} if zone else {}),
        "sku": _sku(model, row),
        "tags": scale_set.tags,
        "etag": _etag(row, opt_out),
        "properties": properties,
        **({"resources": extensions} if extensions else {}),
    }


def _sku(model: ShownModel, row: Instance) -> dict[str, Any]:
    """Its size is the one that it was last made with."""
    sku = {name: value for name, value in (model.document.get("sku") or {}).items() if name != "capacity"}
    size = row.model_parts.get(ModelPart.SIZE)
    return {**sku, "name": size} if size and "name" in sku else sku


def _network(model: ShownModel, id: str) -> dict[str, Any]:
    """The interfaces of the model, and which resources they are for this instance. `id`: the instance's."""
    configured = get_field(model.profile, "networkProfile", "networkInterfaceConfigurations") or []
    named = [str(each["name"]) for each in configured if isinstance(each, Mapping) and each.get("name")]
    interfaces = [{"id": f"{id}/networkInterfaces/{name}"} for name in named]
    return {
        "networkProfileConfiguration": {"networkInterfaceConfigurations": configured},
        "networkProfile": {"networkInterfaces": interfaces},
    }


def _protection(row: Instance, opt_out: OptOut | None) -> dict[str, Any]:
    """Whoever opted it out, and however: to Azure's clients that is this. Once a client has turned it off, that is told."""
    from_actions = opt_out is not None
    from_scale_in = from_actions or row.protected_from_scale_in
    if not (from_scale_in or row.protection_asked):
        return {}
    return {"protectionPolicy": {"protectFromScaleIn": from_scale_in, "protectFromScaleSetActions": from_actions}}


def _etag(row: Instance, opt_out: OptOut | None) -> str:
    text = f"{row.pk} {row.os_disk} {row.protected_from_scale_in} {opt_out and opt_out.pk}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _storage(call: Call, scale_set: ScaleSet, document: Any, row: Instance) -> dict[str, Any]:
    """`version` is what the model says, `exactVersion` what runs."""
    sku = scale_set.sku
    names = {"publisher": sku.publisher, "offer": sku.offer, "sku": sku.sku, "version": scale_set.image_version}
    gallery_image = {"id": ids.of_gallery_image(call.subscription, sku.publisher, sku.offer, sku.sku)}
    image = {**(gallery_image if sku.gallery else names), **({"exactVersion": row.version} if row.version else {})}
    disks = f"{ids.of_group(call.subscription, scale_set.resource_group)}/providers/{ids.COMPUTE}/disks"
    sizes = {int(disk.get("lun") or 0): disk for disk in get_field(document, *_DISKS) or []}
    os_disk = {**_model_disk(document), "osType": sku.os_type, "name": row.os_disk, "createOption": "FromImage"}
    if row.os_disk:
        os_disk["managedDisk"] = {**os_disk.get("managedDisk", {}), "id": f"{disks}/{row.os_disk}"}
    return {
        "imageReference": image,
        "osDisk": os_disk,
        "dataDisks": [
            {
                "createOption": "Empty",
                **sizes.get(disk["lun"], {}),
                "lun": disk["lun"],
                "name": disk["id"],
                "toBeDetached": False,
                "managedDisk": {
                    **(sizes.get(disk["lun"], {}).get("managedDisk") or {}),
                    "id": f"{disks}/{disk['id']}",
                },
            }
            for disk in row.data_disks
        ],
    }


def _model_disk(document: Any) -> dict[str, Any]:
    """What the model says of OS disks, as far as it holds for that of a single instance."""
    disk = get_field(document, *_PROFILE, "storageProfile", "osDisk") or {}
    return {name: disk[name] for name in ("caching", "diskSizeGB", "managedDisk") if name in disk}


_PROFILE = ("properties", "virtualMachineProfile")
_DISKS = (*_PROFILE, "storageProfile", "dataDisks")


def _os_profile(model: ShownModel, row: Instance) -> dict[str, Any]:
    profile = model.profile.get("osProfile") or {}
    kept = {name: value for name, value in profile.items() if name != "computerNamePrefix"}
    usual = {"allowExtensionOperations": True, "requireGuestProvisionSignal": True}
    return {**usual, **kept, "computerName": model.computer_name(row)}


ONE = resource(ids.COMPUTE, GET=show, HEAD=is_there(show), PUT=put, DELETE=delete)
VIEW = resource(ids.COMPUTE, GET=instance_view)
ALL = resource(ids.COMPUTE, GET=of_scale_set)
