"""Rules of automatic OS upgrades for node types of a Service Fabric cluster (S-41, A-34, Z-1.9)."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upgrades.core.json_fields import BadDocument, get_field, read_object, read_objects, read_str, show_value

EXTENSIONS = frozenset({"servicefabricnode", "servicefabriclinuxnode"})
CLUSTERS = "Microsoft.ServiceFabric/clusters"
MIN_VERSION = (1, 1)
DURABLE = ("silver", "gold", "platinum")
DEFAULT_DURABILITY = "Bronze"  # as Azure has it where nothing is said
LEVELS = (DEFAULT_DURABILITY, "Silver", "Gold")
_EXTENSIONS = ("properties", "virtualMachineProfile", "extensionProfile", "extensions")
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*")
_CLUSTER_ID = re.compile(r".*/clusters/([^/?#\s]+)/?", re.IGNORECASE)
TOO_OLD = "Service Fabric VM Extension version should be 1.1 or above for Auto OS Upgrade support"
MISMATCH = (
    "Durability Mismatch Detected for NodeType {node_type}. VMSS Durability {of_scale_set} does not match the current SFRP NodeType "
    "durability level {of_cluster}"
)
TOO_LOW = (
    "Automatic OS Upgrade needs a Service Fabric node type of durability Silver or higher, this one has {durability}: with less, a node "
    "does not wait until its services have moved. Set {place} and the cluster's node type to Silver"
)
STATELESS = ", or make the node type stateless in the cluster's document (isStateless) and give it the Application Health extension"
NO_PROBE = (
    "a load balancer's probe is not supported as the source of health of a Service Fabric node type: remove networkProfile.healthProbe; "
    "Service Fabric itself, or the Application Health extension, tells the health of its nodes"
)


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node type as its cluster's document describes it."""

    name: str
    durability: str
    is_stateless: bool


@dataclass(frozen=True, slots=True)
class FabricExtension:
    """The Service Fabric extension of a scale set. `place`: where it stands in the document.

    `version`: its typeHandlerVersion, "" for none. `node_types`: the names in nodeTypeRef. `cluster_id`: the last part of its
    clusterEndpoint, "" for none.
    """

    place: str
    version: str
    durability: str
    node_types: tuple[str, ...]
    cluster_id: str


def read_extension(document: Mapping[str, Any]) -> FabricExtension | None:
    """The scale set's Service Fabric extension; None where it has none. Raises BadDocument."""
    for place, extension in read_objects(document, *_EXTENSIONS):
        if read_str(extension, "properties", "type", parent=place).lower() in EXTENSIONS:
            settings = read_object(extension, "properties", "settings", parent=place)
            version = get_field(extension, "properties", "typeHandlerVersion")
            named = get_field(settings, "nodeTypeRef")
            endpoint = _CLUSTER_ID.fullmatch(str(get_field(settings, "clusterEndpoint") or ""))
            return FabricExtension(
                f"{place}.properties",
                str(version) if isinstance(version, str | int | float) else "",
                str(get_field(settings, "durabilityLevel") or DEFAULT_DURABILITY),
                tuple(str(name) for name in (named if isinstance(named, list) else [named]) if name),
                endpoint[1].lower() if endpoint else "",
            )
    return None


def cluster_id(key: str) -> str:
    """The id of the cluster with this key ("group/name" in lower case), by which its nodes' extensions name it."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{CLUSTERS}/{key}"))


def node_types(cluster: Mapping[str, Any]) -> Sequence[NodeType]:
    """The node types of a cluster's document; what cannot be read is left out."""
    listed = get_field(cluster, "properties", "nodeTypes")
    return [_node_type(each) for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []


def _node_type(body: Mapping[str, Any]) -> NodeType:
    durability = str(get_field(body, "durabilityLevel") or DEFAULT_DURABILITY)
    is_stateless = str(get_field(body, "isStateless")).lower() == "true"
    return NodeType(str(get_field(body, "name") or ""), durability, is_stateless)


def check_automatic(
    extension: FabricExtension, cluster: Sequence[NodeType], *, is_current: bool, has_health_extension: bool
) -> None:
    """Raises BadDocument where automatic OS upgrades are not supported for this node type.

    `cluster`: the node types of its cluster, [] where the cluster is not known here. `is_current`: whether the rules of today's Azure
    hold, by which stateless node types may have Bronze durability, if the Application Health extension tells their health.
    """
    place = f"{extension.place}.settings.durabilityLevel"
    if not _is_new_enough(extension.version):
        raise BadDocument(TOO_OLD, target=f"{extension.place}.typeHandlerVersion", code="OperationNotAllowed")
    if extension.durability.lower() not in (level.lower() for level in (*LEVELS, "Platinum")):
        expected = ", ".join(LEVELS)
        message = f"{place}: {show_value(extension.durability)} is not a durability level, which is one of {expected}"
        raise BadDocument(message, target=place)
    own = [of_cluster for of_cluster in cluster if _is_among(of_cluster.name, extension.node_types)]
    for of_cluster in own:
        if of_cluster.durability.lower() != extension.durability.lower():
            message = MISMATCH.format(
                node_type=of_cluster.name, of_scale_set=extension.durability, of_cluster=of_cluster.durability
            )
            raise BadDocument(message, target=place, code="OperationNotAllowed")
    if extension.durability.lower() in DURABLE:
        return
    is_stateless = bool(own) and all(of_cluster.is_stateless for of_cluster in own)
    if not (is_current and is_stateless and has_health_extension):
        message = TOO_LOW.format(durability=extension.durability, place=place) + (STATELESS if is_current else "")
        raise BadDocument(message, target=place, code="OperationNotAllowed")


def _is_among(name: str, names: Sequence[str]) -> bool:
    return name.lower() in (each.lower() for each in names)


def _is_new_enough(version: str) -> bool:
    return bool(_VERSION.fullmatch(version)) and tuple(map(int, version.split("."))) >= MIN_VERSION
