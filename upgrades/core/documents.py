"""What a scale set's ARM document says. The one place outside `arm` that reads camelCase; columns are derived from `read` alone.

Member names are found in any case (Azure's clients differ), numbers and switches may come as strings (templates send them so).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from upgrades.core.facts import ImageReference, Policy

SECRET_MEMBERS = frozenset({"adminpassword", "protectedsettings", "customdata"})
MOST_INSTANCES = 1000  # Azure's own limit for one scale set
HEALTH_EXTENSIONS = frozenset({"applicationhealthlinux", "applicationhealthwindows"})

Json = Mapping[str, Any]


class BadDocument(ValueError):
    """The document cannot be used. `code` is Azure's word for it, `target` the member that is wrong."""

    def __init__(self, message: str, *, target: str = "", code: str = "InvalidParameter") -> None:
        super().__init__(message)
        self.message = message
        self.target = target
        self.code = code


@dataclass(frozen=True, slots=True)
class ProbeModel:
    """How health is asked for: protocol "http" or "tcp", `path` for http only."""

    protocol: str
    port: int
    path: str
    interval_seconds: int
    threshold: int


@dataclass(frozen=True, slots=True)
class ExtensionModel:
    name: str
    publisher: str
    type: str
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MachineModel:
    """What each machine of the set is made of. `data_disks` holds (lun, size in GB)."""

    size: str
    os_type: str
    computer_name_prefix: str
    custom_data: str
    data_disks: tuple[tuple[int, int], ...]
    extensions: tuple[ExtensionModel, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A scale set's document, read. `probe_id` points at a load balancer's probe; `extension_probe` is the health extension's own."""

    location: str
    capacity: int
    image: ImageReference
    automatic_upgrade: bool
    policy: Policy
    probe_id: str
    extension_probe: ProbeModel | None
    machine: MachineModel


def member(document: object, *path: str) -> Any:
    """The value at that path, names in any case; None where it is absent."""
    value = document
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value[name] if name in value else _in_any_case(value, name)
    return value


def _in_any_case(document: Json, name: str) -> Any:
    wanted = name.lower()
    return next((value for key, value in document.items() if key.lower() == wanted), None)


def read(document: object) -> Model:
    """The model. Raises BadDocument, naming the member."""
    if not isinstance(document, Mapping):
        raise BadDocument(f"a scale set's document is a JSON object, not {type(document).__name__}")
    profile = member(document, "properties", "virtualMachineProfile")
    return Model(
        location=text(document, "location", required=True).replace(" ", "").lower(),
        capacity=whole(document, "sku", "capacity", default=None, least=0, most=MOST_INSTANCES),
        image=_image(document),
        automatic_upgrade=switch(document, *_AUTOMATIC, "enableAutomaticOSUpgrade"),
        policy=_policy(document),
        probe_id=text(profile, "networkProfile", "healthProbe", "id"),
        extension_probe=_extension_probe(profile),
        machine=_machine(document, profile),
    )


_UPGRADE = ("properties", "upgradePolicy")
_AUTOMATIC = (*_UPGRADE, "automaticOSUpgradePolicy")
_ROLLING = (*_UPGRADE, "rollingUpgradePolicy")
_IMAGE = ("properties", "virtualMachineProfile", "storageProfile", "imageReference")


def _image(document: Json) -> ImageReference:
    if member(document, *_IMAGE, "id"):
        raise BadDocument(
            "custom images are not supported: give imageReference.publisher, offer, sku and version of a platform image",
            target=".".join((*_IMAGE, "id")),
        )
    parts = [text(document, *_IMAGE, name, required=True) for name in ("publisher", "offer", "sku", "version")]
    return ImageReference(*parts)


def _policy(document: Json) -> Policy:
    """The set's own limits count only where it says so (facts 2.2: useRollingUpgradePolicy); they are checked in any case."""
    own = Policy(
        max_batch_percent=whole(document, *_ROLLING, "maxBatchInstancePercent", default=20, least=5, most=100),
        max_unhealthy_percent=whole(document, *_ROLLING, "maxUnhealthyInstancePercent", default=20, least=5, most=100),
        max_unhealthy_upgraded_percent=whole(
            document, *_ROLLING, "maxUnhealthyUpgradedInstancePercent", default=20, least=0, most=100
        ),
        pause_between_batches=duration(document, *_ROLLING, "pauseTimeBetweenBatches"),
    )
    return own if switch(document, *_AUTOMATIC, "useRollingUpgradePolicy") else Policy()


def _extension_probe(profile: object) -> ProbeModel | None:
    """The Application Health extension's settings (facts 3.3)."""
    for extension in _list(profile, "extensionProfile", "extensions"):
        properties = member(extension, "properties")
        if str(member(properties, "type") or "").lower() not in HEALTH_EXTENSIONS:
            continue
        return read_probe(member(properties, "settings"), interval=(5, 5, 60), threshold=(1, 24))
    return None


def read_probe(settings: object, *, interval: tuple[int, int, int], threshold: tuple[int, int]) -> ProbeModel:
    """A probe's settings; `interval` is (default, least, most) in seconds, `threshold` (default, most). Raises BadDocument."""
    protocol = text(settings, "protocol", required=True).lower()
    if protocol not in ("http", "tcp"):
        raise BadDocument(f"a probe's protocol is http or tcp, not {protocol!r}", target="protocol")
    path = text(settings, "requestPath", required=protocol == "http")
    if protocol == "tcp" and path:
        raise BadDocument("a tcp probe has no requestPath", target="requestPath")
    default, least, most = interval
    count = "probeThreshold" if member(settings, "probeThreshold") is not None else "numberOfProbes"
    return ProbeModel(
        protocol=protocol,
        port=whole(settings, "port", default=80 if protocol == "http" else None, least=1, most=65535),
        path="/" + path.lstrip("/") if path else "",
        interval_seconds=whole(settings, "intervalInSeconds", default=default, least=least, most=most),
        threshold=whole(settings, count, default=threshold[0], least=1, most=threshold[1]),
    )


def _machine(document: Json, profile: object) -> MachineModel:
    return MachineModel(
        size=text(document, "sku", "name"),
        os_type="Windows" if member(profile, "osProfile", "windowsConfiguration") is not None else "",
        computer_name_prefix=text(profile, "osProfile", "computerNamePrefix"),
        custom_data=text(profile, "osProfile", "customData"),
        data_disks=tuple(
            (whole(disk, "lun", default=0, least=0, most=63), whole(disk, "diskSizeGB", default=0, least=0, most=65536))
            for disk in _list(profile, "storageProfile", "dataDisks")
        ),
        extensions=tuple(_extension(one) for one in _list(profile, "extensionProfile", "extensions")),
    )


def _extension(document: object) -> ExtensionModel:
    properties = member(document, "properties")
    return ExtensionModel(
        name=text(document, "name", required=True),
        publisher=text(properties, "publisher"),
        type=text(properties, "type"),
        after=tuple(str(name) for name in _list(properties, "provisionAfterExtensions")),
    )


# --- single values ----------------------------------------------------------------------------------------------------


def text(document: object, *path: str, required: bool = False) -> str:
    value = member(document, *path)
    if value in (None, ""):
        if required:
            raise BadDocument(f"{'.'.join(path)} is missing", target=".".join(path))
        return ""
    if not isinstance(value, str):
        raise BadDocument(f"{'.'.join(path)} is a text, not {value!r}", target=".".join(path))
    return value


def whole(document: object, *path: str, default: int | None, least: int, most: int) -> int:
    value, target = member(document, *path), ".".join(path)
    if value is None:
        if default is None:
            raise BadDocument(f"{target} is missing", target=target)
        return default
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadDocument(f"{target} is a whole number from {least} to {most}, not {value!r}", target=target)
    return value


def switch(document: object, *path: str) -> bool:
    value, target = member(document, *path), ".".join(path)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return bool(value)
    raise BadDocument(f"{target} is true or false, not {value!r}", target=target)


_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.IGNORECASE)


def duration(document: object, *path: str) -> timedelta:
    """An ISO 8601 duration of days, hours, minutes and seconds, such as PT30S; absent: none."""
    value = text(document, *path)
    match = _DURATION.fullmatch(value) if value else None
    if value and (not match or not any(match.groups())):
        raise BadDocument(
            f"{'.'.join(path)} is an ISO 8601 duration such as PT30S, not {value!r}", target=".".join(path)
        )
    days, hours, minutes, seconds = match.groups() if match else (0, 0, 0, 0)
    return timedelta(days=int(days or 0), hours=int(hours or 0), minutes=int(minutes or 0), seconds=float(seconds or 0))


def _list(document: object, *path: str) -> list[Any]:
    value = member(document, *path)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadDocument(f"{'.'.join(path)} is a list, not {value!r}", target=".".join(path))
    return value
