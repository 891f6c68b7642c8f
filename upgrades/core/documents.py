"""Reads a scale set's ARM document. Columns of the database are derived from the result of `read` alone.

Names of fields are found in any case (Azure's clients differ). Numbers and switches may be strings (templates send them so).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from upgrades.core.facts import ImageReference
from upgrades.core.json_fields import (
    BadDocument,
    Json,
    check_json,
    check_tags,
    dotted_path,
    get_field,
    read_bool,
    read_duration,
    read_int,
    read_list,
    read_object,
    read_objects,
    read_str,
    show_value,
    wrong_value,
)
from upgrades.core.policy import AUTOMATIC_POLICY, FIELDS, MAX_PAUSE, UPGRADE_POLICY, FieldKind, Policy, PolicyField
from upgrades.core.service_fabric import FabricExtension, read_extension
from upgrades.core.versions import LATEST
from upgrades.core.zones import zones_of

MAX_INSTANCES = 1000  # Azure's own limit for one scale set
MAX_PATH_LENGTH = 2048  # characters of a probe's requestPath, with its leading slash
MAX_PROBE_ID_LENGTH = 500
DEFAULT_PORTS = {"http": 80, "https": 443, "tcp": None}  # the default port by a probe's protocol
MAX_GRACE_SECONDS = 14_400
HEALTH_EXTENSIONS = frozenset({"applicationhealthlinux", "applicationhealthwindows"})
ENCRYPTION_EXTENSIONS = frozenset({"azurediskencryption", "azurediskencryptionforlinux"})
USE_PLATFORM_IMAGE = "give imageReference.publisher, offer, sku and version of a platform image"
CUSTOM_IMAGE = f"custom images are not supported: {USE_PLATFORM_IMAGE}"


@dataclass(frozen=True, slots=True)
class ProbeModel:
    """How instances are asked for their health. `protocol`: "http", "https" or "tcp". `path`: "" for tcp.

    `is_rich`: with the four states of version 2 of the Application Health extension, which gives applications `grace_seconds` to start."""

    protocol: str
    port: int
    path: str
    interval_seconds: int
    threshold: int
    is_rich: bool = False
    grace_seconds: int = 0


@dataclass(frozen=True, slots=True)
class ExtensionModel:
    """An extension of the scale set's model. `after`: names of extensions to provision before it. `version`: typeHandlerVersion or "".

    `settings`: its public ones, as JSON; "" for none.
    """

    name: str
    publisher: str
    type: str
    after: tuple[str, ...]
    version: str
    settings: str = ""


@dataclass(frozen=True, slots=True)
class MachineModel:
    """What each machine of the scale set is made of. `data_disks`: (lun, size in GB) of each."""

    size: str
    os_type: str
    computer_name_prefix: str
    custom_data: str
    data_disks: tuple[tuple[int, int], ...]
    extensions: tuple[ExtensionModel, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """What a scale set's document says.

    `policy`: the policy of upgrades that the platform starts; `policy_by_hand`: of those that people start. `probe_id`: the id of a load
    balancer's probe, "" for none; `extension_probe`: the probe of the Application Health extension. `is_of_gallery`: the image is in a
    gallery, and `image` has its resource group, gallery and definition as publisher, offer and sku. `fabric`: the Service Fabric extension.
    `encrypted_by`: the path of the field that encrypts its disks, "" for none. `has_placement_groups`: whether machines may be in several
    placement groups.
    """

    location: str
    capacity: int
    image: ImageReference
    automatic_upgrade: bool
    policy: Policy
    policy_by_hand: Policy
    probe_id: str
    extension_probe: ProbeModel | None
    machine: MachineModel
    is_of_gallery: bool = False
    fabric: FabricExtension | None = None
    is_rolling: bool = False  # upgradePolicy.mode is Rolling
    encrypted_by: str = ""
    has_placement_groups: bool = False


def read(document: object) -> Model:
    """Read a whole document. Raises BadDocument, which names the wrong field."""
    if not isinstance(document, Mapping):
        raise BadDocument(f"a scale set's document is a JSON object, not {show_value(document)}")
    check_json(document)
    check_tags(document)
    zones_of(document)
    location = read_str(document, "location", required=True)
    _check_profile(document)
    return Model(
        location=location.replace(" ", "").lower(),
        capacity=read_int(document, "sku", "capacity", default=None, minimum=0, maximum=MAX_INSTANCES),
        image=_image(document),
        automatic_upgrade=read_bool(document, *AUTOMATIC_POLICY, "enableAutomaticOSUpgrade"),
        policy=_policy(document, by_hand=False),
        policy_by_hand=_policy(document, by_hand=True),
        probe_id=read_str(document, *_PROFILE, "networkProfile", "healthProbe", "id", max_length=MAX_PROBE_ID_LENGTH),
        extension_probe=_extension_probe(document),
        machine=_machine(document),
        is_of_gallery=bool(get_field(document, *_IMAGE, "id")),
        fabric=read_extension(document),
        is_rolling=read_str(document, *UPGRADE_POLICY, "mode").lower() == "rolling",
        encrypted_by=_encrypted_by(document),
        has_placement_groups=get_field(document, *_PLACEMENT) is not None and not read_bool(document, *_PLACEMENT),
    )


_PLACEMENT = ("properties", "singlePlacementGroup")
_PROFILE = ("properties", "virtualMachineProfile")
_IMAGE = (*_PROFILE, "storageProfile", "imageReference")
_EXTENSIONS = (*_PROFILE, "extensionProfile", "extensions")
EXTENSIONS = ".".join(_EXTENSIONS)
IMAGE_ID = ".".join((*_IMAGE, "id"))
_OS_DISK = (*_PROFILE, "storageProfile", "osDisk")
_DISKS = (*_PROFILE, "storageProfile", "dataDisks")


def _check_profile(document: Json) -> None:
    if not read_object(document, *_PROFILE):
        target = ".".join(_PROFILE)
        message = (
            f"{target} is missing: a scale set without a virtualMachineProfile, to which machines are attached one by one, is not "
            "supported here"
        )
        raise BadDocument(message, target=target)


# Other fields that name an image, and why each is refused.
_OTHER_IMAGES = (
    ((*_IMAGE, "sharedGalleryImageId"), "images of shared galleries are not supported"),
    ((*_IMAGE, "communityGalleryImageId"), "images of community galleries are not supported"),
    ((*_OS_DISK, "image", "uri"), "custom images are not supported"),
)


def check_other_images(document: Json) -> None:
    """Raises BadDocument where the document names a kind of image that the catalogue does not have."""
    for path, what in _OTHER_IMAGES:
        if get_field(document, *path):
            raise BadDocument(f"{what}: {USE_PLATFORM_IMAGE}", target=".".join(path))


def _image(document: Json) -> ImageReference:
    gallery_image = read_str(document, *_IMAGE, "id")
    if not gallery_image and not read_str(document, *_IMAGE, "publisher"):
        check_other_images(document)
    if gallery_image:
        return _image_of_gallery(gallery_image)
    publisher, offer, sku, version = (
        read_str(document, *_IMAGE, name, required=True) for name in ("publisher", "offer", "sku", "version")
    )
    return ImageReference(publisher, offer, sku, LATEST if version.lower() == LATEST else version)


_GALLERY_IMAGE = re.compile(
    r"/subscriptions/[^/\s]+/resourcegroups/([^/\s]+)/providers/microsoft\.compute/galleries/([^/\s]+)/images/([^/\s]+)"
    r"(?:/versions/([^/\s]+))?/?",
    re.IGNORECASE,
)


def _image_of_gallery(id: str) -> ImageReference:
    match = _GALLERY_IMAGE.fullmatch(id)
    if match is None:
        raise BadDocument(CUSTOM_IMAGE, target=IMAGE_ID)
    group, gallery, image, version = match.groups()
    return ImageReference(group, gallery, image, version or LATEST)


def _policy(document: Json, *, by_hand: bool) -> Policy:
    """The policy in force (A-13, A-39), for upgrades that people start (`by_hand`) or that the platform starts.

    The set's own limits always apply to people's upgrades (Z-1.2), to the platform's only with useRollingUpgradePolicy (Z-2.2). They are
    checked in any case."""
    own = {name: read_policy_field(document, field) for name, field in FIELDS.items()}
    if not (by_hand or read_bool(document, *AUTOMATIC_POLICY, "useRollingUpgradePolicy")):
        own = {name: value for name, value in own.items() if FIELDS[name].is_platform_only}
    of_platform = {name: False for name, field in FIELDS.items() if by_hand and field.is_platform_only}
    return Policy(**{**own, **of_platform})


def read_policy_field(document: Json, field: PolicyField) -> Any:
    """The value of a policy field as `Policy` has it, whether it is in force or not; its default where the document has none."""
    if field.kind is FieldKind.PERCENT:
        return read_int(document, *field.path, default=field.default, minimum=field.min_percent, maximum=100)
    if field.kind is FieldKind.DURATION:
        return read_duration(document, *field.path, maximum=MAX_PAUSE)
    return read_bool(document, *field.path) != field.is_inverted


def _extension_probe(document: Json) -> ProbeModel | None:
    """The probe that the Application Health extension's settings describe (Z-3.3); None without that extension."""
    for parent, extension in read_objects(document, *_EXTENSIONS):
        if read_str(extension, "properties", "type", parent=parent).lower() in HEALTH_EXTENSIONS:
            settings = read_object(extension, "properties", "settings", parent=parent)
            place = f"{parent}.properties.settings"
            probe = read_probe(settings, interval=(5, 5, 60), threshold=(1, 24), parent=place)
            return _as_rich(probe, settings, place) if _is_rich(extension, parent) else probe
    return None


_HANDLER_VERSION = re.compile(r"([12])(?:\.[0-9]+)*")


def _is_rich(extension: Json, parent: str) -> bool:
    """Is it version 2 of the Application Health extension? Version 1 has only healthy and unhealthy, 2 also unknown and initializing."""
    version = read_str(extension, "properties", "typeHandlerVersion", parent=parent) or "1.0"
    match = _HANDLER_VERSION.fullmatch(version)
    if match is None:
        raise wrong_value(
            f"{parent}.properties.typeHandlerVersion", "1.0 or 2.0 for the Application Health extension", version
        )
    return match.group(1) == "2"


def _as_rich(probe: ProbeModel, settings: Json, parent: str) -> ProbeModel:
    default_grace = probe.interval_seconds * probe.threshold
    grace = read_int(
        settings, "gracePeriod", default=default_grace, minimum=5, maximum=MAX_GRACE_SECONDS, parent=parent
    )
    return replace(probe, is_rich=True, grace_seconds=grace)


def _extension_types(document: Json) -> Iterator[tuple[str, str]]:
    for parent, extension in read_objects(document, *_EXTENSIONS):
        yield parent, read_str(extension, "properties", "type", parent=parent).lower()


def _encrypted_by(document: Json) -> str:
    """The place of what turns Azure Disk Encryption on (S-10), an extension or the settings of a disk; "" for none.

    Encryption of the storage itself is something else, and does not count."""
    disks = [(".".join(_OS_DISK), read_object(document, *_OS_DISK)), *read_objects(document, *_DISKS)]
    for parent, disk in disks:
        if read_bool(disk, "encryptionSettings", "enabled"):
            return f"{parent}.encryptionSettings"
    return next((parent for parent, kind in _extension_types(document) if kind in ENCRYPTION_EXTENSIONS), "")


def read_probe(
    settings: object, *, interval: tuple[int, int, int], threshold: tuple[int, int], parent: str = ""
) -> ProbeModel:
    """Read a probe's settings. Raises BadDocument.

    `interval`: (default, minimum, maximum) in seconds. `threshold`: (default, maximum). `parent`: where the settings are in the document.
    """
    protocol = read_str(settings, "protocol", required=True, parent=parent).lower()
    if protocol not in DEFAULT_PORTS:
        target = dotted_path(parent, "protocol")
        raise BadDocument(
            f"{target}: a probe's protocol is http, https or tcp, not {show_value(protocol)}", target=target
        )
    path = read_str(settings, "requestPath", required=protocol != "tcp", parent=parent, max_length=MAX_PATH_LENGTH - 1)
    if protocol == "tcp" and path:
        target = dotted_path(parent, "requestPath")
        raise BadDocument(f"{target}: a tcp probe has no requestPath", target=target)
    default, minimum, maximum = interval
    count = "probeThreshold" if get_field(settings, "probeThreshold") is not None else "numberOfProbes"
    return ProbeModel(
        protocol=protocol,
        port=read_int(settings, "port", default=DEFAULT_PORTS[protocol], minimum=1, maximum=65535, parent=parent),
        path="/" + path.lstrip("/") if path else "",
        interval_seconds=read_int(
            settings, "intervalInSeconds", default=default, minimum=minimum, maximum=maximum, parent=parent
        ),
        threshold=read_int(settings, count, default=threshold[0], minimum=1, maximum=threshold[1], parent=parent),
    )


def _machine(document: Json) -> MachineModel:
    windows = get_field(document, *_PROFILE, "osProfile", "windowsConfiguration")
    read_str(document, *_PROFILE, "osProfile", "adminPassword")  # its value is not used, but it must be a text
    return MachineModel(
        size=read_str(document, "sku", "name"),
        os_type="Windows" if windows is not None else "",
        computer_name_prefix=read_str(document, *_PROFILE, "osProfile", "computerNamePrefix"),
        custom_data=read_str(document, *_PROFILE, "osProfile", "customData"),
        data_disks=_data_disks(document),
        extensions=extensions_of(document),
    )


def _data_disks(document: Json) -> tuple[tuple[int, int], ...]:
    disks = {}
    for parent, disk in read_objects(document, *_DISKS):
        lun = read_int(disk, "lun", default=0, minimum=0, maximum=63, parent=parent)
        if lun in disks:
            raise BadDocument(f"{parent}.lun: another data disk has lun {lun} already", target=f"{parent}.lun")
        disks[lun] = read_int(disk, "diskSizeGB", default=0, minimum=0, maximum=65536, parent=parent)
    return tuple(disks.items())


def extensions_of(document: Json) -> tuple[ExtensionModel, ...]:
    """The extensions of the scale set's model. Raises BadDocument. A part of `read`."""
    extensions = [_extension(extension, parent) for parent, extension in read_objects(document, *_EXTENSIONS)]
    spelled: dict[str, str] = {}
    for model in extensions:
        if model.name.lower() in spelled:
            raise BadDocument(
                f"{EXTENSIONS}: two extensions have the name {show_value(model.name.lower())}", target=EXTENSIONS
            )
        spelled[model.name.lower()] = model.name
    return tuple(
        replace(extension, after=tuple(spelled.get(name.lower(), name) for name in extension.after))
        for extension in extensions
    )


def _extension(document: Json, parent: str) -> ExtensionModel:
    after = read_list(document, "properties", "provisionAfterExtensions", parent=parent)
    strange = [name for name in after if not isinstance(name, str)]
    if strange:
        raise wrong_value(f"{parent}.properties.provisionAfterExtensions", "a list of extensions' names", strange[0])
    return ExtensionModel(
        name=read_str(document, "name", required=True, parent=parent),
        publisher=read_str(document, "properties", "publisher", parent=parent),
        type=read_str(document, "properties", "type", parent=parent),
        after=tuple(after),
        version=_version(document),
        settings=_settings(document),
    )


def _settings(extension: Json) -> str:
    """The extension's public settings as JSON. Anything that is no object counts as none."""
    settings = get_field(extension, "properties", "settings")
    return json.dumps(settings) if settings and isinstance(settings, dict) else ""


def _version(extension: Json) -> str:
    """The typeHandlerVersion as text. A number is accepted too; anything else counts as none."""
    version = get_field(extension, "properties", "typeHandlerVersion")
    return str(version) if isinstance(version, str | int | float) else ""
