"""Which node types of Service Fabric may be upgraded automatically (S-41, A-34)."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.stories import document
from upgrades.core.json_fields import BadDocument
from upgrades.core.service_fabric import FabricExtension, NodeType, check_automatic, node_types, read_extension


def fabric(version: Any = "1.1", **settings: Any) -> FabricExtension:
    """The extension of a scale set, as read."""
    properties = {
        "publisher": "Microsoft.Azure.ServiceFabric",
        "type": "ServiceFabricNode",
        "typeHandlerVersion": version,
    }
    found = read_extension(
        document(extensions=[{"name": "fabric", "properties": {**properties, "settings": settings}}])
    )
    assert found is not None
    return found


def check(
    extension: FabricExtension, *cluster: NodeType, is_current: bool = False, has_health_extension: bool = False
) -> str:
    """The refusal; "" where there is none."""
    try:
        check_automatic(extension, cluster, is_current=is_current, has_health_extension=has_health_extension)
    except BadDocument as error:
        return f"{error.code}: {error}"
    return ""


def test_a_scale_set_without_the_extension() -> None:
    assert read_extension(document(probe="/health")) is None


@pytest.mark.parametrize(
    ("version", "is_taken"),
    [
        ("1.1", True),
        ("1.10", True),
        ("2.0", True),
        (1.1, True),
        ("1.0", False),
        ("0.9.9", False),
        ("", False),
        ("x", False),
    ],
)
def test_the_version_of_the_extension(version: Any, is_taken: bool) -> None:
    """A-34"""
    said = check(fabric(version, durabilityLevel="Silver"))
    azures = (
        "OperationNotAllowed: Service Fabric VM Extension version should be 1.1 or above for Auto OS Upgrade support"
    )
    assert said == ("" if is_taken else azures)


@pytest.mark.parametrize("is_current", [False, True])
@pytest.mark.parametrize("settings", [{"durabilityLevel": "Bronze"}, {"durabilityLevel": "bronze"}, {}])
def test_bronze_is_refused(settings: Mapping[str, Any], is_current: bool) -> None:
    """S-41: Silver or higher; Azure's default is Bronze."""
    said = check(fabric(**settings), is_current=is_current)
    assert said.startswith("OperationNotAllowed: ") and "durability Silver or higher" in said
    assert ("stateless" in said) is is_current


@pytest.mark.parametrize("durability", ["Silver", "silver", "Gold", "Platinum"])
def test_silver_and_more_is_taken(durability: str) -> None:
    assert check(fabric(durabilityLevel=durability)) == ""


def test_an_unknown_durability_is_refused() -> None:
    assert "is not a durability level, which is one of Bronze, Silver, Gold" in check(fabric(durabilityLevel="Sliver"))


def test_the_durability_of_model_and_cluster_must_be_the_same() -> None:
    """A-34, in Azure's words."""
    said = check(fabric(durabilityLevel="Silver", nodeTypeRef="NT0"), NodeType("nt0", "Bronze", False))
    assert said == (
        "OperationNotAllowed: Durability Mismatch Detected for NodeType nt0. VMSS Durability Silver does not match the current SFRP "
        "NodeType durability level Bronze"
    )
    others = NodeType("nt1", "Bronze", False), NodeType("nt0", "silver", False)
    assert check(fabric(durabilityLevel="Silver", nodeTypeRef=["nt0"]), *others) == ""


@pytest.mark.parametrize("is_current", [False, True])
@pytest.mark.parametrize("is_stateless", [False, True])
@pytest.mark.parametrize("has_health_extension", [False, True])
def test_stateless_bronze_by_todays_rules(is_current: bool, is_stateless: bool, has_health_extension: bool) -> None:
    """A-34: only with the Application Health extension."""
    said = check(
        fabric(durabilityLevel="Bronze", nodeTypeRef="nt0"),
        NodeType("nt0", "Bronze", is_stateless),
        is_current=is_current,
        has_health_extension=has_health_extension,
    )
    assert (said == "") is (is_current and is_stateless and has_health_extension)


def test_the_cluster_of_an_extension() -> None:
    assert (
        fabric(clusterEndpoint="https://westeurope.servicefabric.azure.com/runtime/clusters/AB-12").cluster_id
        == "ab-12"
    )
    assert fabric(clusterEndpoint="https://somewhere").cluster_id == fabric(clusterEndpoint=7).cluster_id == ""


def test_the_node_types_of_a_cluster() -> None:
    listed = [{"name": "nt0", "durabilityLevel": "Gold"}, {"name": "nt1", "isStateless": True}, "strange"]
    assert node_types({"properties": {"nodeTypes": listed}}) == [
        NodeType("nt0", "Gold", False),
        NodeType("nt1", "Bronze", True),
    ]
    assert node_types({"properties": {"nodeTypes": None}}) == []
