"""What Azure fills into its answers where the client said nothing, and what it leaves out: clients with types fall over its absence.

Nothing of it is stored: a client that sends it back as it was shown changes nothing.
"""

from collections.abc import Mapping
from typing import Any

from upgrades.commands.load_balancers import PARTS
from upgrades.core import azure_types
from upgrades.core.json_fields import get_field
from upgrades.core.typed import converted

Body = Mapping[str, Any]
CHEAPEST_DISK = "Standard_LRS"
NO_IDENTITY = "None"


def scale_set(document: Body, os_type: str, *, with_user_data: bool = False) -> dict[str, Any]:
    """A scale set's document as clients see it; `userData` only where it was asked for."""
    body = converted(document, azure_types.SCALE_SET)
    properties = _object(body, "properties")
    properties["upgradePolicy"] = _upgrade_policy(properties)
    is_flexible = properties.get("orchestrationMode") == "Flexible"
    properties = {"singlePlacementGroup": not is_flexible, "orchestrationMode": "Uniform", **_said(properties)}
    if properties.get("additionalCapabilities") == {}:
        del properties["additionalCapabilities"]
    if isinstance(properties.get("virtualMachineProfile"), Mapping):
        profile = _object(properties, "virtualMachineProfile")
        properties["virtualMachineProfile"] = _profile(profile, os_type, with_user_data=with_user_data)
    return {**_without_no_identity(body), "tags": _object(body, "tags"), "properties": properties}


def _object(body: Body, name: str) -> dict[str, Any]:
    """A field that is an object, for changing; empty where there is none."""
    value = body.get(name)
    return dict(value) if isinstance(value, Mapping) else {}


def _said(body: Body) -> dict[str, Any]:
    """A null says nothing."""
    return {name: value for name, value in body.items() if value is not None}


def _upgrade_policy(properties: Body) -> dict[str, Any]:
    """The switch is there in any case: `az vmss update --set` changes only what it finds."""
    policy = _object(properties, "upgradePolicy")
    switch = {"enableAutomaticOSUpgrade": False, **_said(_object(policy, "automaticOSUpgradePolicy"))}
    return {"mode": "Manual", **_said(policy), "automaticOSUpgradePolicy": switch}


def _without_no_identity(body: Body) -> dict[str, Any]:
    """An identity of type None is none."""
    identity = body.get("identity")
    is_none = isinstance(identity, Mapping) and identity.get("type") == NO_IDENTITY
    return {name: value for name, value in body.items() if not (is_none and name == "identity")}


def _profile(profile: dict[str, Any], os_type: str, *, with_user_data: bool) -> dict[str, Any]:
    if not with_user_data:
        profile.pop("userData", None)
    if isinstance(profile.get("storageProfile"), Mapping):
        profile["storageProfile"] = _storage(_object(profile, "storageProfile"), os_type)
    if isinstance(profile.get("osProfile"), Mapping):
        profile["osProfile"] = _os_profile(_object(profile, "osProfile"), os_type)
    return profile


def _storage(storage: dict[str, Any], os_type: str) -> dict[str, Any]:
    disk = {"osType": os_type, "createOption": "FromImage", **_said(_object(storage, "osDisk"))}
    storage["osDisk"] = disk if "vhdContainers" in disk else _managed(disk)
    if isinstance(storage.get("dataDisks"), list):
        storage["dataDisks"] = [
            _managed(data_disk) if isinstance(data_disk, Mapping) else data_disk for data_disk in storage["dataDisks"]
        ]
    return storage


def _managed(disk: Body) -> dict[str, Any]:
    return {**disk, "managedDisk": {"storageAccountType": CHEAPEST_DISK, **_said(_object(disk, "managedDisk"))}}


def _os_profile(profile: dict[str, Any], os_type: str) -> dict[str, Any]:
    name, usual = {
        "Windows": ("windowsConfiguration", {"provisionVMAgent": True, "enableAutomaticUpdates": True}),
    }.get(os_type, ("linuxConfiguration", {"disablePasswordAuthentication": False, "provisionVMAgent": True}))
    profile[name] = {**usual, **_said(_object(profile, name))}
    return {**profile, "secrets": profile.get("secrets") or []}


def load_balancer(document: Body) -> dict[str, Any]:
    """A load balancer's document as clients see it: with a SKU, and all its lists, which are empty where it has nothing of a kind."""
    body = converted(document, azure_types.LOAD_BALANCER)
    empty: dict[str, Any] = {name: [] for name in PARTS}
    properties = {**empty, **_said(_object(body, "properties"))}
    sku = {"name": _sku_needed(properties), "tier": "Regional", **_said(_object(body, "sku"))}
    return {**body, "sku": sku, "tags": _object(body, "tags"), "properties": properties}


def _sku_needed(properties: Body) -> str:
    """Azure's default is Basic; an https probe needs Standard (Z-3.2)."""
    probes = properties["probes"] if isinstance(properties["probes"], list) else []
    is_https = any(str(get_field(probe, "properties", "protocol")).lower() == "https" for probe in probes)
    return "Standard" if is_https else "Basic"
