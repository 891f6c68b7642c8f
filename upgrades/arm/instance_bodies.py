"""Instances in the shape of Azure's. What the model says of all of them alike is worked out once for a list."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from upgrades.arm import ids, instance_views, machine_extensions
from upgrades.arm.answers import time
from upgrades.arm.requests import Call
from upgrades.arm.shown_model import ShownModel
from upgrades.core.json_fields import get_field
from upgrades.core.model_parts import ModelPart, lacking
from upgrades.core.zones import zone_of, zones_of
from upgrades.models import Instance, OptOut, ScaleSet

STATES = {
    "create": "Creating",
    "reimage": "Updating",
    "restore": "Updating",
    "extensions": "Updating",
    "delete": "Deleting",
    **dict.fromkeys(instance_views.POWER_MEANWHILE, "Updating"),
}
# What the model says of all machines alike.
AS_IN_THE_MODEL = ("diagnosticsProfile", "licenseType", "securityProfile", "userData")
USUAL_OS_PROFILE = {"allowExtensionOperations": True, "requireGuestProvisionSignal": True}


def etag(row: Instance, opt_out: OptOut | None) -> str:
    text = f"{row.pk} {row.os_disk} {row.protected_from_scale_in} {opt_out and opt_out.pk}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


class InstanceBodies:
    """Renders instances of one scale set. `with_view`: with the instance view of each."""

    def __init__(self, call: Call, scale_set: ScaleSet, model: ShownModel, *, with_view: bool) -> None:
        self._call, self._scale_set, self._model, self._with_view = call, scale_set, model, with_view
        self._parent = ids.of_scale_set(call.subscription, scale_set)
        self._zones = zones_of(scale_set.document)
        self._tags = scale_set.tags
        self._sku = {name: value for name, value in (model.document.get("sku") or {}).items() if name != "capacity"}
        self._alike = {name: model.profile[name] for name in AS_IN_THE_MODEL if name in model.profile}
        self._cards = get_field(model.profile, "networkProfile", "networkInterfaceConfigurations") or []
        self._disks = f"{ids.of_group(call.subscription, scale_set.resource_group)}/providers/{ids.COMPUTE}/disks"
        self._image = _image(call, scale_set)
        self._os_disk = _model_disk(model)
        data_disks = get_field(model.profile, "storageProfile", "dataDisks") or []
        self._data_disks = {int(disk.get("lun") or 0): disk for disk in data_disks}
        os_profile = model.profile.get("osProfile") or {}
        kept = {name: value for name, value in os_profile.items() if name != "computerNamePrefix"}
        self._os_profile = {**USUAL_OS_PROFILE, **kept}

    def of(self, row: Instance, opt_out: OptOut | None) -> dict[str, Any]:
        """The whole body. `opt_out`: the one in force."""
        extensions = machine_extensions.resources(self._call, self._scale_set, self._model, row)
        zone, id = zone_of(self._zones, row.number), f"{self._parent}/virtualMachines/{row.number}"
        return {
            "id": id,
            "name": row.name,
            "type": ids.INSTANCES,
            "location": self._scale_set.location.name,
            "instanceId": str(row.number),
            **({"zones": [zone]} if zone else {}),
            "sku": self._sku_of(row),
            "tags": self._tags,
            "etag": etag(row, opt_out),
            "properties": self._properties(row, opt_out, id),
            **({"resources": extensions} if extensions else {}),
        }

    def _properties(self, row: Instance, opt_out: OptOut | None, id: str) -> dict[str, Any]:
        view = instance_views.of_instance(self._scale_set, self._model, row) if self._with_view else None
        return {
            "latestModelApplied": not lacking(self._model.wanted, row.applied_model),
            "provisioningState": STATES.get(row.operation_kind) or row.provisioning.capitalize(),
            "modelDefinitionApplied": "VirtualMachineScaleSet",
            "vmId": str(uuid.uuid5(self._scale_set.stream, f"{row.number} {row.created_at.isoformat()}")),
            "timeCreated": time(row.created_at),
            "hardwareProfile": {},
            "storageProfile": self._storage(row),
            "osProfile": {**self._os_profile, "computerName": self._model.computer_name(row)},
            "networkProfileConfiguration": {"networkInterfaceConfigurations": self._cards},
            "networkProfile": {"networkInterfaces": self._interfaces(id)},
            **self._alike,
            **_protection(row, opt_out),
            **({"instanceView": view} if view is not None else {}),
        }

    def _sku_of(self, row: Instance) -> dict[str, Any]:
        """Its size is the one that it was last made with."""
        size = row.model_parts.get(ModelPart.SIZE)
        return {**self._sku, "name": size} if size and "name" in self._sku else self._sku

    def _interfaces(self, id: str) -> list[dict[str, Any]]:
        """Which resources the model's interfaces are for the instance of this id."""
        named = [str(each["name"]) for each in self._cards if isinstance(each, Mapping) and each.get("name")]
        return [{"id": f"{id}/networkInterfaces/{name}"} for name in named]

    def _storage(self, row: Instance) -> dict[str, Any]:
        """`version` is what the model says, `exactVersion` what runs."""
        os_disk = {
            **self._os_disk,
            "osType": self._scale_set.sku.os_type,
            "name": row.os_disk,
            "createOption": "FromImage",
        }
        if row.os_disk:
            os_disk["managedDisk"] = {**os_disk.get("managedDisk", {}), "id": f"{self._disks}/{row.os_disk}"}
        return {
            "imageReference": {**self._image, **({"exactVersion": row.version} if row.version else {})},
            "osDisk": os_disk,
            "dataDisks": [self._data_disk(disk) for disk in row.data_disks],
        }

    def _data_disk(self, disk: Mapping[str, Any]) -> dict[str, Any]:
        said = self._data_disks.get(disk["lun"], {})
        return {
            "createOption": "Empty",
            **said,
            "lun": disk["lun"],
            "name": disk["id"],
            "toBeDetached": False,
            "managedDisk": {**(said.get("managedDisk") or {}), "id": f"{self._disks}/{disk['id']}"},
        }


def _image(call: Call, scale_set: ScaleSet) -> dict[str, Any]:
    sku = scale_set.sku
    if sku.gallery:
        return {"id": ids.of_gallery_image(call.subscription, sku.publisher, sku.offer, sku.sku)}
    return {"publisher": sku.publisher, "offer": sku.offer, "sku": sku.sku, "version": scale_set.image_version}


def _model_disk(model: ShownModel) -> dict[str, Any]:
    """What the model says of OS disks, as far as it holds for that of a single instance."""
    disk = get_field(model.profile, "storageProfile", "osDisk") or {}
    return {name: disk[name] for name in ("caching", "diskSizeGB", "managedDisk") if name in disk}


def _protection(row: Instance, opt_out: OptOut | None) -> dict[str, Any]:
    """Whoever opted it out, and however: to Azure's clients that is this. Once a client has turned it off, that is told."""
    from_actions = opt_out is not None
    from_scale_in = from_actions or row.protected_from_scale_in
    if not (from_scale_in or row.protection_asked):
        return {}
    return {"protectionPolicy": {"protectFromScaleIn": from_scale_in, "protectFromScaleSetActions": from_actions}}
