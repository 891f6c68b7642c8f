"""The extensions that are on machines, in the shapes of Azure: as resources, and as parts of an instance view."""

from collections.abc import Mapping, Sequence
from typing import Any

from upgrades.arm import ids
from upgrades.arm.instance_statuses import provisioning
from upgrades.arm.requests import Call
from upgrades.arm.shown_model import ShownModel
from upgrades.models import Instance, ScaleSet

# What the model says of an extension that holds for each machine too.
OF_MODEL = ("publisher", "type", "autoUpgradeMinorVersion", "enableAutomaticUpgrade", "forceUpdateTag", "settings")


def resources(
    call: Call, scale_set: ScaleSet, model: ShownModel, row: Instance, *, with_view: bool = False
) -> list[dict[str, Any]]:
    """`with_view`: with the instance view of each extension."""
    parent = f"{ids.of_instance(call.subscription, scale_set, row.number)}/extensions"
    found = []
    shown_views = views(model, row) if with_view else [None] * len(row.extensions)
    for extension, view in zip(row.extensions, shown_views, strict=True):
        said = model.extensions.get(extension["name"].lower(), {})
        properties = {
            **{name: said[name] for name in OF_MODEL if name in said},
            **({"typeHandlerVersion": extension["version"]} if extension.get("version") else {}),
            "provisioningState": extension["state"].capitalize(),
            **({"instanceView": view} if view else {}),
        }
        place = {"id": f"{parent}/{extension['name']}", "name": extension["name"], "type": ids.INSTANCE_EXTENSIONS}
        found.append({**place, "location": scale_set.location.name, "properties": properties})
    return found


def views(model: ShownModel, row: Instance) -> list[dict[str, Any]]:
    """The instance views of the extensions, in the order of the machine's."""
    return [
        {
            "name": extension["name"],
            **_type(model.extensions.get(extension["name"].lower(), {})),
            **({"typeHandlerVersion": extension["version"]} if extension.get("version") else {}),
            "statuses": [provisioning(extension["state"], message=extension.get("message"))],
        }
        for extension in row.extensions
    ]


def handlers(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What runs these extensions, of which the views are given: in Azure a program of each type, here the machine's own agent."""
    return [
        {
            **{name: view[name] for name in ("type", "typeHandlerVersion") if name in view},
            "status": {**view["statuses"][0], "displayStatus": _says(view["statuses"][0]["code"])},
        }
        for view in found
        if "type" in view
    ]


def _says(code: str) -> str:
    return "Ready" if code == "ProvisioningState/succeeded" else "Not Ready"


def _type(said: Mapping[str, Any]) -> dict[str, str]:
    """Azure writes both together: Microsoft.ManagedServices.ApplicationHealthLinux."""
    publisher, type = said.get("publisher"), said.get("type")
    return {"type": f"{publisher}.{type}"} if publisher and type else {}
