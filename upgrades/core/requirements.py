"""What Azure requires of a scale set's document beyond the types of its fields.

A value that the stored document has already, and that comes back unchanged, may stay.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from upgrades.core.azure_types import fields_of
from upgrades.core.documents import HEALTH_EXTENSIONS, Model, check_other_images
from upgrades.core.equality import same
from upgrades.core.json_fields import (
    BadDocument,
    get_field,
    printable,
    read_bool,
    read_duration,
    read_object,
    read_objects,
    read_str,
    show_value,
)
from upgrades.core.nearest import nearest_of

_PROFILE = ("properties", "virtualMachineProfile")
_IMAGE = (*_PROFILE, "storageProfile", "imageReference")
_UNMANAGED = (*_PROFILE, "storageProfile", "osDisk", "image")
_EXTENSIONS = (*_PROFILE, "extensionProfile")
_REPAIRS = ("properties", "automaticRepairsPolicy")
_PROBE = (*_PROFILE, "networkProfile", "healthProbe")
_PAUSE = ("properties", "upgradePolicy", "rollingUpgradePolicy", "pauseTimeBetweenBatches")
_GRACE = (*_REPAIRS, "gracePeriod")
_DURATIONS = (_PAUSE, _GRACE)
GRACE = (timedelta(minutes=10), timedelta(minutes=90))
HEALTH_SETTINGS = (
    "protocol",
    "port",
    "requestPath",
    "intervalInSeconds",
    "numberOfProbes",
    "gracePeriod",
    "vmWatchSettings",
)
HEALTH_TYPES = ("ApplicationHealthLinux", "ApplicationHealthWindows")
HEALTH_PUBLISHER = "microsoft.managedservices"  # it publishes these two types and no others
NO_SOURCE_OF_REPAIRS = (
    "Automatic repairs are not supported for this Virtual Machine Scale Set "
    "because a health probe or health extension was not specified."
)
NO_REPAIRS = "repairs are not done here yet: an instance that is not healthy stays as it is until people or an upgrade replace it"


def check_requirements(document: Mapping[str, Any], model: Model, before: Mapping[str, Any] | None) -> None:
    """Raises BadDocument for a document that breaks a requirement. `model`: the document as read; `before`: the stored document."""
    for path in _DURATIONS:
        if get_field(document, *path) == "" and _differs(document, before, path):
            message = f"{'.'.join(path)} must be an ISO 8601 duration such as PT30S, got ''; leave it out for none"
            raise BadDocument(message, target=".".join(path))
    if _differs(document, before, _IMAGE, _UNMANAGED):
        _check_image(document)
    if _differs(document, before, _EXTENSIONS):
        _check_extensions(document)
    if _differs(document, before, _PROBE):
        _check_probe(document)
    if _differs(document, before, _REPAIRS, _PROBE, _EXTENSIONS):
        _check_repairs(document, model)


def warnings(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(place, text) of a stored document's repairs policy, which is kept and does nothing; [] where it has none."""
    return [(".".join(_REPAIRS), f"automaticRepairsPolicy: {NO_REPAIRS}")] if _wants_repairs(document) else []


def _differs(document: Mapping[str, Any], before: Mapping[str, Any] | None, *paths: tuple[str, ...]) -> bool:
    return any(not same(get_field(document, *path), get_field(before, *path)) for path in paths)


def _check_image(document: Mapping[str, Any]) -> None:
    check_other_images(document)
    image, parent = read_object(document, *_IMAGE), ".".join(_IMAGE)
    named = next((name for name in ("publisher", "offer", "sku", "version") if get_field(image, name)), None)
    if get_field(image, "id") and named:
        message = (
            f"The property 'imageReference.id' cannot be used together with property 'imageReference.{named}': "
            "give the id of an image of a gallery, or publisher, offer, sku and version of a platform image"
        )
        raise BadDocument(message, target=f"{parent}.{named}")


def _check_probe(document: Mapping[str, Any]) -> None:
    """Raises BadDocument for a probe without an id: no instance would be probed, although the client thinks so."""
    if read_object(document, *_PROBE):
        read_str(document, *_PROBE, "id", required=True)


def _check_extensions(document: Mapping[str, Any]) -> None:
    for parent, extension in read_objects(document, *_EXTENSIONS, "extensions"):
        _check_not_flattened(extension, parent)
        properties = read_object(extension, "properties", parent=parent)
        if get_field(properties, "protectedSettings") and get_field(properties, "protectedSettingsFromKeyVault"):
            message = "give protectedSettings, or protectedSettingsFromKeyVault, not both"
            raise BadDocument(
                f"{parent}.properties: {message}", target=f"{parent}.properties.protectedSettingsFromKeyVault"
            )
        if read_str(properties, "type", parent=f"{parent}.properties").lower() in HEALTH_EXTENSIONS:
            _check_health(properties, f"{parent}.properties")
        else:
            _check_misspelt_health_type(properties, f"{parent}.properties")


def _check_not_flattened(extension: Mapping[str, Any], parent: str) -> None:
    """Raises BadDocument for an extension without `properties`, as SDK models show it.

    It would count as no extension at all, so that a source of health would never be asked."""
    own, inner = fields_of("VirtualMachineScaleSetExtension"), fields_of("VirtualMachineScaleSetExtension.properties")
    flat = next((name for name in extension if name.lower() in inner and name.lower() not in own), None)
    if flat is not None:
        message = f"{parent}.{flat} belongs at '{parent}.properties.{inner[flat.lower()].name}'"
        raise BadDocument(message, target=f"{parent}.{flat}", code="BadRequest")


def _check_misspelt_health_type(properties: Mapping[str, Any], parent: str) -> None:
    """Raises BadDocument for a type that looks like a misspelt health extension.

    It would be run like any other extension, and no instance would be asked for its health."""
    kind, publisher = read_str(properties, "type", parent=parent), read_str(properties, "publisher", parent=parent)
    meant = nearest_of(kind, HEALTH_TYPES)
    if meant is None and publisher.lower() != HEALTH_PUBLISHER:
        return
    which = " or ".join(map(repr, [meant] if meant else HEALTH_TYPES))
    message = f"{parent}.type: {show_value(kind)} is not a type of the Application Health extension, which is {which}"
    raise BadDocument(message, target=f"{parent}.type", code="BadRequest")


def _check_health(properties: Mapping[str, Any], parent: str) -> None:
    """Raises BadDocument for unknown settings of a health extension, which Azure refuses too.

    With a misspelt setting, instances would be asked for their health in another way than was meant."""
    settings, place = read_object(properties, "settings", parent=parent), f"{parent}.settings"
    known = {name.lower() for name in HEALTH_SETTINGS}
    for name in settings:
        if name.lower() not in known:
            nearest = nearest_of(name, HEALTH_SETTINGS)
            suggestion = f"did you mean '{nearest}'?" if nearest else f"what there is: {', '.join(HEALTH_SETTINGS)}"
            message = f"{place}.{printable(name)} is not a setting of the Application Health extension; {suggestion}"
            raise BadDocument(message, target=f"{place}.{printable(name)}", code="BadRequest")
    is_binary = not str(get_field(properties, "typeHandlerVersion") or "1.0").startswith("2")
    if is_binary and get_field(settings, "gracePeriod") is not None:
        message = (
            f"{place}.gracePeriod: version 1 of the Application Health extension has no gracePeriod; "
            "set typeHandlerVersion to 2.0, or leave it out"
        )
        raise BadDocument(message, target=f"{place}.gracePeriod")


def _wants_repairs(document: Mapping[str, Any]) -> bool:
    value = get_field(document, *_REPAIRS, "enabled")
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _check_repairs(document: Mapping[str, Any], model: Model) -> None:
    is_on = read_bool(document, *_REPAIRS, "enabled")
    if read_str(document, *_GRACE):
        grace, (minimum, maximum) = read_duration(document, *_GRACE, maximum=timedelta(days=365)), GRACE
        if not minimum <= grace <= maximum:
            target = ".".join(_GRACE)
            raise BadDocument(
                f"{target} is from PT10M to PT90M, not {read_str(document, *_GRACE)[:20]!r}", target=target
            )
    if is_on and not (model.probe_id or model.extension_probe):
        raise BadDocument(NO_SOURCE_OF_REPAIRS, target=".".join(_REPAIRS), code="BadRequest")
