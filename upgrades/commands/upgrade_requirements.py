"""What upgrades require of a scale set: a source of health, disks that can be replaced, a suitable Service Fabric node type.

What a stored document has already, and what comes back unchanged, may stay; turning automatic upgrades on is checked whole.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from upgrades.commands.errors import Refused, refusing
from upgrades.core import documents, load_balancers, service_fabric
from upgrades.core.documents import Model
from upgrades.core.equality import same
from upgrades.core.json_fields import BadDocument, get_field
from upgrades.core.resource_kinds import read_id
from upgrades.core.service_fabric import FabricExtension, NodeType
from upgrades.models import LoadBalancer, Location, StoredResource

Document = Mapping[str, Any]
NO_HEALTH_SOURCE = (
    "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because a health probe or health extension "
    "was not specified."
)
ENCRYPTED = (
    "Automatic OS Upgrade is not supported for a Virtual Machine Scale Set with Azure Disk Encryption, because a replaced OS disk "
    "would not be encrypted: remove {what}, or set enableAutomaticOSUpgrade to false"
)
TWO_HEALTH_SOURCES = (
    "a scale set has one source of health, this one has two: the load balancer's probe (networkProfile.healthProbe) and the Application "
    "Health extension. {what}"
)
NEEDS_STANDARD = (
    "the load balancer {name} has the SKU Basic, whose probes reach only one placement group, and this scale set may have several: use a "
    "probe of a load balancer with sku.name Standard, or set properties.singlePlacementGroup to true"
)
PATCHED_BY_PLATFORM = (
    "{place}: AutomaticByPlatform cannot be used together with enableAutomaticOSUpgrade, since both would restart instances at times of "
    "their own; use AutomaticByOS or Manual, or turn automatic OS upgrades off"
)
HEALTH_PROBE = "properties.virtualMachineProfile.networkProfile.healthProbe"
_PROFILE = ("properties", "virtualMachineProfile")
PATCH_MODES = tuple(
    (*_PROFILE, "osProfile", configuration, "patchSettings", "patchMode")
    for configuration in ("windowsConfiguration", "linuxConfiguration")
)


def check(document: Document, model: Model, location: Location, before: Document | None) -> None:
    """Raises Refused where upgrades of this scale set could not keep their promises. `before`: the stored document; None for a new one."""
    old = _read(before)
    _check_sources(model)
    if (
        model.probe_id
        and model.has_placement_groups
        and (old is None or (old.probe_id, old.has_placement_groups) != (model.probe_id, True))
    ):
        _check_load_balancer(model.probe_id)
    if not model.automatic_upgrade:
        return
    if model.encrypted_by:
        raise Refused("BadRequest", ENCRYPTED.format(what=model.encrypted_by), target=model.encrypted_by)
    is_current = location.rules == Location.Rules.CURRENT
    if is_current and not (model.probe_id or model.extension_probe or model.fabric):
        raise Refused("BadRequest", NO_HEALTH_SOURCE, target=HEALTH_PROBE)
    is_new = old is None or not old.automatic_upgrade
    if is_current:
        _check_patch_mode(document, None if is_new else before)
    if model.fabric and (is_new or old is None or (old.fabric, old.probe_id) != (model.fabric, model.probe_id)):
        _check_service_fabric(model, model.fabric, is_current=is_current)


def _read(before: Document | None) -> Model | None:
    """The stored document as read; None where it cannot be read any more."""
    try:
        return documents.read(before) if before is not None else None
    except BadDocument:
        return None


def _check_sources(model: Model) -> None:
    """Refuse a second source of health where upgrades rely on one: "one source per set" (A-6, Z-3.1)."""
    if model.probe_id and model.extension_probe and (model.automatic_upgrade or model.is_rolling):
        message = TWO_HEALTH_SOURCES.format(what="Remove one of them.")
        raise Refused("BadRequest", message, target=HEALTH_PROBE)


def _check_load_balancer(probe_id: str) -> None:
    """Refuse a probe of a Basic load balancer for several placement groups (S-35)."""
    target = read_id(probe_id)
    row = LoadBalancer.objects.filter(key=target.key).first() if target else None
    if row is not None and load_balancers.sku_name(row.document).lower() == load_balancers.BASIC.lower():
        raise Refused("BadRequest", NEEDS_STANDARD.format(name=row), target=HEALTH_PROBE)


def _check_patch_mode(document: Document, before: Document | None) -> None:
    """Refuse that the platform patches instances at times of its own (A-28)."""
    for path in PATCH_MODES:
        mode, was = get_field(document, *path), get_field(before, *path)
        if str(mode).lower() == "automaticbyplatform" and not (before is not None and same(mode, was)):
            place = ".".join(path)
            raise Refused("InvalidParameter", PATCHED_BY_PLATFORM.format(place=place), target=place)


def _check_service_fabric(model: Model, fabric: FabricExtension, *, is_current: bool) -> None:
    if is_current and model.probe_id:
        raise Refused("BadRequest", service_fabric.NO_PROBE, target=HEALTH_PROBE)
    with refusing():
        service_fabric.check_automatic(
            fabric,
            node_types_of(fabric),
            is_current=is_current,
            has_health_extension=model.extension_probe is not None,
        )


def node_types_of(fabric: FabricExtension) -> Sequence[NodeType]:
    """The node types of the extension's cluster; [] where the cluster's document is not stored here."""
    if not fabric.cluster_id:
        return []
    clusters = StoredResource.objects.filter(type=service_fabric.CLUSTERS)
    own = next((row for row in clusters if service_fabric.cluster_id(row.key) == fabric.cluster_id), None)
    return service_fabric.node_types(own.document) if own else []
