"""Operations, outcomes and views as JSON objects: the bodies of the `remote` protocol, and what a journal keeps.

Fields that are unknown are ignored, and those that are absent have the defaults of `upgrades.providers.base`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from upgrades.core.facts import ImageReference
from upgrades.core.states import OperationKind, Power, Provisioning
from upgrades.providers.base import (
    DataDisk,
    DataDiskView,
    Extension,
    ExtensionView,
    InstanceView,
    MachineProfile,
    Operation,
    Outcome,
    Progress,
    Run,
    ScaleSetReference,
)

Json = Mapping[str, Any]
IMAGE_FIELDS = ("publisher", "offer", "sku", "version")


def operation_to_json(operation: Operation) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": operation.id,
        "kind": operation.kind,
        "scaleSet": scale_set_to_json(operation.scale_set),
        "instance": operation.instance,
    }
    if operation.image:
        body["image"] = image_to_json(operation.image)
    if operation.profile:
        body["profile"] = profile_to_json(operation.profile)
    if operation.os_disk:
        body["osDisk"] = operation.os_disk
    if operation.skip_shutdown:
        body["skipShutdown"] = True
    return body


def operation_from_json(body: Json) -> Operation:
    """Raises KeyError, TypeError or ValueError for what is not an operation."""
    image, profile = body.get("image"), body.get("profile")
    return Operation(
        str(body["id"]),
        OperationKind(body["kind"]),
        scale_set_from_json(body["scaleSet"]),
        str(body["instance"]),
        image_from_json(image) if image else None,
        profile_from_json(profile) if profile is not None else None,
        str(body.get("osDisk", "")),
        skip_shutdown=bool(body.get("skipShutdown", False)),
    )


def image_to_json(image: ImageReference) -> dict[str, str]:
    return {field: getattr(image, field) for field in IMAGE_FIELDS}


def image_from_json(body: Json) -> ImageReference:
    """Raises KeyError or TypeError for what is not an image."""
    return ImageReference(*(str(body[field]) for field in IMAGE_FIELDS))


def profile_to_json(profile: MachineProfile) -> dict[str, Any]:
    return {
        "computerName": profile.computer_name,
        "osType": profile.os_type,
        "size": profile.size,
        "zone": profile.zone,
        "dataDisks": [{"lun": disk.lun, "sizeGB": disk.size_gb} for disk in profile.data_disks],
        "customData": profile.custom_data,
        "extensions": [
            {
                "name": extension.name,
                "publisher": extension.publisher,
                "type": extension.type,
                "after": list(extension.after),
                "version": extension.version,
                **({"settings": json.loads(extension.settings)} if extension.settings else {}),
            }
            for extension in profile.extensions
        ],
    }


def profile_from_json(body: Json) -> MachineProfile:
    return MachineProfile(
        computer_name=str(body.get("computerName", "")),
        os_type=str(body.get("osType", "Linux")),
        size=str(body.get("size", "")),
        zone=str(body.get("zone", "")),
        data_disks=tuple(DataDisk(int(disk["lun"]), int(disk["sizeGB"])) for disk in body.get("dataDisks", ())),
        custom_data=str(body.get("customData", "")),
        extensions=tuple(
            Extension(
                str(extension["name"]),
                str(extension.get("publisher", "")),
                str(extension.get("type", "")),
                tuple(map(str, extension.get("after", ()))),
                str(extension.get("version", "")),
                json.dumps(extension["settings"]) if extension.get("settings") else "",
            )
            for extension in body.get("extensions", ())
        ),
    )


def view_to_json(view: InstanceView) -> dict[str, Any]:
    return {
        "instance": view.instance,
        "osDisk": view.os_disk,
        "version": view.version,
        "power": view.power,
        "provisioning": view.provisioning,
        "address": view.address,
        "dataDisks": [{"lun": disk.lun, "id": disk.id, "marker": disk.marker} for disk in view.data_disks],
        "extensions": [
            {
                "name": extension.name,
                "state": extension.state,
                "message": extension.message,
                "version": extension.version,
            }
            for extension in view.extensions
        ],
        "runs": [{"what": run.what, "osDisk": run.os_disk, "at": run.at} for run in view.runs],
        "halfMade": view.half_made,
        "reportedVersion": view.reported_version,
    }


def view_from_json(body: Json) -> InstanceView:
    """Raises KeyError, TypeError or ValueError for what is not a view."""
    return InstanceView(
        str(body["instance"]),
        str(body.get("osDisk", "")),
        str(body.get("version", "")),
        Power(body["power"]),
        Provisioning(body["provisioning"]),
        str(body.get("address", "")),
        tuple(
            DataDiskView(int(disk["lun"]), str(disk["id"]), str(disk.get("marker", "")))
            for disk in body.get("dataDisks", ())
        ),
        tuple(
            ExtensionView(
                str(extension["name"]),
                Provisioning(extension["state"]),
                str(extension.get("message", "")),
                str(extension.get("version", "")),
            )
            for extension in body.get("extensions", ())
        ),
        tuple(Run(str(run["what"]), str(run["osDisk"]), str(run["at"])) for run in body.get("runs", ())),
        bool(body.get("halfMade", False)),
        str(body.get("reportedVersion", "")),
    )


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    body: dict[str, Any] = {"progress": outcome.progress}
    if outcome.view:
        body["view"] = view_to_json(outcome.view)
    if outcome.code or outcome.message:
        body |= {"code": outcome.code, "message": outcome.message}
    return body


def outcome_from_json(body: Json) -> Outcome:
    """Raises KeyError, TypeError or ValueError for what is not an outcome."""
    view = body.get("view")
    return Outcome(
        Progress(body["progress"]),
        view_from_json(view) if view is not None else None,
        str(body.get("code", "")),
        str(body.get("message", "")),
    )


def _texts(body: Json) -> dict[str, str]:
    return {str(name): str(value) for name, value in body.items()}


def scale_set_to_json(scale_set: ScaleSetReference) -> dict[str, Any]:
    return {"key": scale_set.key, "tags": dict(scale_set.tags)}


def scale_set_from_json(body: Json) -> ScaleSetReference:
    return ScaleSetReference(str(body["key"]), _texts(body.get("tags", {})))


def batch_to_json(operations: Sequence[Operation]) -> dict[str, Any]:
    """{"profiles": [...], "operations": [...]}: equal profiles go once, and an operation has the place of its own in them."""
    places: dict[MachineProfile, int] = {}
    bodies = []
    for operation in operations:
        body = operation_to_json(replace(operation, profile=None))
        if operation.profile:
            body["profile"] = places.setdefault(operation.profile, len(places))
        bodies.append(body)
    return {"profiles": [profile_to_json(profile) for profile in places], "operations": bodies}


def batch_from_json(body: Json) -> list[Operation]:
    """Raises KeyError, TypeError, ValueError or IndexError for what is not a batch."""
    profiles = [profile_from_json(profile) for profile in body.get("profiles", ())]
    operations = []
    for found in body["operations"]:
        operation = operation_from_json({**found, "profile": None})
        place = found.get("profile")
        operations.append(operation if place is None else replace(operation, profile=profiles[int(place)]))
    return operations
