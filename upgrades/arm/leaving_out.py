"""What a PUT takes away by leaving it out, as `az vmss update --remove` and every client that edits what it got does.

Azure's PUT replaces. So a field that the same api-version has shown, and that a whole document leaves out, goes; what that version does
not know stays, and so does what is never shown: secrets, `userData`, fields of no model. Some fields stay though they are left out:
a scale set cannot be without them, or Azure's own command line leaves them out where it means no change, or they hold upgrades back, and a
client that does not know of them must not let upgrades go on.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from upgrades.arm.spelling import Names
from upgrades.core.azure_types import EXTENSION, Field, element, fields_of
from upgrades.core.json_edit import edited
from upgrades.core.json_fields import get_field
from upgrades.core.secrets import name_of

STAY = {
    "VirtualMachineScaleSet.properties": {"virtualmachineprofile"},
    "VirtualMachineScaleSetVMProfile": {"storageprofile", "osprofile", "networkprofile"},
    "VirtualMachineScaleSetStorageProfile": {"imagereference", "osdisk"},
    # `az vmss update --set virtualMachineProfile.storageProfile.imageReference.version=...` sends the version alone.
    "ImageReference": {"publisher", "offer", "sku", "version"},
    "VirtualMachineScaleSetOSProfile": {
        "computernameprefix",
        "adminusername",
        "linuxconfiguration",
        "windowsconfiguration",
    },
    "VirtualMachineScaleSetNetworkProfile": {"networkinterfaceconfigurations"},
    "AutomaticOSUpgradePolicy": {"osrollingupgradedeferral"},
    # Subnets are resources of their own, and machines may be in them.
    "VirtualNetwork.properties": {"subnets", "virtualnetworkpeerings"},
}
NAMES = frozenset({"id", "name"})
# At the top only these: the others are required, cannot be changed, or are taken away by saying so (an identity of type None).
TOP = ("properties", "tags")


def is_whole_scale_set(given: Mapping[str, Any]) -> bool:
    """A document that leaves out its machines, as `az vmss scale` sends it, speaks of parts alone."""
    machine = get_field(given, "properties", "virtualMachineProfile")
    return isinstance(get_field(given, "location"), str) and isinstance(machine, Mapping)


def is_whole_resource(given: Mapping[str, Any]) -> bool:
    return isinstance(get_field(given, "location"), str) and isinstance(get_field(given, "properties"), Mapping)


def without_left_out(
    after: Mapping[str, Any], given: Mapping[str, Any], shown: Mapping[str, Any], type: str, version: date
) -> dict[str, Any]:
    """`after`, without what `given`, a whole document of that api-version, leaves out of what was `shown`."""
    known = min(version.isoformat(), fields_of(type)["location"].last)
    kept, found = dict(after), Names(given)
    for name in [name for name in after if name.lower() in TOP]:
        value = given.get(found.find(name))
        if value is not None:
            kept[name] = _value(kept[name], value, get_field(shown, name), fields_of(type)[name.lower()].type, known)
        elif name.lower() == "tags":
            del kept[name]
    return kept


def without_left_out_of_extension(
    after: Mapping[str, Any], given: Mapping[str, Any], shown: Mapping[str, Any], version: date
) -> dict[str, Any]:
    """The same of one extension, which a PUT of it names whole."""
    known = min(version.isoformat(), fields_of(EXTENSION)["properties"].last)
    return _object(after, given, shown, EXTENSION, known)


def part_without_left_out(
    after: Mapping[str, Any], given: Mapping[str, Any], shown: Mapping[str, Any], type: str, version: date
) -> dict[str, Any]:
    """The same of a part of a resource, which is always put whole."""
    return _object(after, given, shown, type, min(version.isoformat(), fields_of(type)["name"].last))


def without_other_identities(after: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of identities that users assign a PUT names all, where it names any."""
    named = get_field(given, "identity", "userAssignedIdentities")
    if not isinstance(named, Mapping):
        return after
    names, its = {name.lower() for name in named}, ("identity", "userAssignedIdentities")
    return edited(after, its, {name: value for name, value in get_field(after, *its).items() if name.lower() in names})


def _value(after: Any, given: Any, shown: Any, type: str, version: str) -> Any:
    if isinstance(after, list) and isinstance(given, list) and type.startswith("["):
        return _list(after, given, shown, element(type), version)
    if isinstance(after, Mapping) and isinstance(given, Mapping) and isinstance(shown, Mapping) and fields_of(type):
        return _object(after, given, shown, type, version)
    return after


def _list(after: list[Any], given: list[Any], shown: Any, type: str, version: str) -> list[Any]:
    """What became of the elements that were given stands in their order."""
    seen = (
        {name: element for element in shown if (name := name_of(element)) is not None}
        if isinstance(shown, list)
        else {}
    )
    return [
        _value(element, sent, seen.get(name_of(sent) or ""), type, version)
        for element, sent in zip(after, given, strict=False)
    ]


def _object(
    after: Mapping[str, Any], given: Mapping[str, Any], shown: Mapping[str, Any], type: str, version: str
) -> dict[str, Any]:
    found, seen, kept = Names(given), Names(shown), {}
    for name, value in after.items():
        sent, field = given.get(found.find(name)), fields_of(type).get(name.lower())
        if sent is not None and field is not None:
            kept[name] = _value(value, sent, shown.get(seen.find(name)), field.type, version)
        elif field is None or not (
            _is_left_out(value, sent) and seen.find(name) in shown and _goes(field, type, version)
        ):
            kept[name] = value
    return kept


def _is_left_out(value: Any, sent: Any) -> bool:
    """A null that is stored is not there already."""
    return sent is None and value is not None


def _goes(field: Field, type: str, version: str) -> bool:
    """Whether a document of that version that leaves the field out means to be without it."""
    stays = field.name.lower() in STAY.get(type, ()) or field.name.lower() in NAMES or field.is_read_only
    return not stays and field.first <= version <= field.last
