"""A scale set's document as Azure shows it: with what it fills in where the client said nothing, and without what it leaves out.

Clients with types fall over its absence. Nothing of it is stored: a client that sends it back as it was shown changes nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from upgrades.core import azure_types
from upgrades.core.typed import converted

Body = Mapping[str, Any]
CHEAPEST_DISK = "Standard_LRS"
NO_IDENTITY = "None"


def filled(document: Body, os_type: str, *, with_user_data: bool = False) -> dict[str, Any]:
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
        if (
            os_type == "Windows"
            and properties["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
        ):
            _turn_windows_update_off(properties["virtualMachineProfile"])
    return {**_without_no_identity(body), "tags": _object(body, "tags"), "properties": properties, **_sku(body)}


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


def _sku(body: Body) -> dict[str, Any]:
    """The tier is the first word of a size's name: Standard_D2s_v3."""
    sku = _said(_object(body, "sku"))
    if not isinstance(sku.get("name"), str):
        return {}
    first, has_more, _ = sku["name"].partition("_")
    return {"sku": {"tier": first.capitalize() if has_more else "Standard", **sku}}


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
    if isinstance(profile.get("networkProfile"), Mapping):
        network = _object(profile, "networkProfile")
        profile["networkProfile"] = _with_each(network, "networkInterfaceConfigurations", _interface)
    if isinstance(profile.get("extensionProfile"), Mapping):
        extensions = _object(profile, "extensionProfile")
        profile["extensionProfile"] = _with_each(extensions, "extensions", _extension)
    return profile


def _with_each(body: dict[str, Any], name: str, fill: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The object with the properties of each element of this list filled, where they have any."""
    if isinstance(body.get(name), list):
        body[name] = [_with_properties(each, fill) for each in body[name]]
    return body


def _with_properties(element: Any, fill: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    has_some = isinstance(element, Mapping) and isinstance(element.get("properties"), Mapping)
    return {**element, "properties": fill(_object(element, "properties"))} if has_some else element


def _extension(properties: dict[str, Any]) -> dict[str, Any]:
    return {"autoUpgradeMinorVersion": False, **_said(properties)}


def _interface(properties: dict[str, Any]) -> dict[str, Any]:
    usual = {"enableAcceleratedNetworking": False, "enableIPForwarding": False}
    properties["dnsSettings"] = {"dnsServers": [], **_said(_object(properties, "dnsSettings"))}
    return {**usual, **_said(_with_each(properties, "ipConfigurations", _address))}


def _address(properties: dict[str, Any]) -> dict[str, Any]:
    return {"privateIPAddressVersion": "IPv4", **_said(properties)}


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


def _turn_windows_update_off(profile: dict[str, Any]) -> None:
    """As Azure does where whole images are upgraded automatically (A-28)."""
    if "osProfile" in profile:
        profile["osProfile"]["windowsConfiguration"]["enableAutomaticUpdates"] = False
