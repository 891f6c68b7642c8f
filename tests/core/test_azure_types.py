"""What is known of Azure's types."""

import json
from pathlib import Path

import pytest

from upgrades.core import azure_types
from upgrades.core.azure_types import PLAIN, element, enum_values, fields_of

DATA = json.loads((Path(azure_types.__file__).with_name("types.json")).read_text("utf-8"))


def test_fields_of_all_versions_are_known_with_the_versions_that_have_them() -> None:
    policy = fields_of("UpgradePolicy")
    assert policy["automaticosupgrade"].last == "2018-06-01"  # the preview's name
    assert policy["automaticosupgradepolicy"].first == "2018-10-01"
    assert fields_of("AutomaticOSUpgradePolicy")["osrollingupgradedeferral"].type == "switch"
    assert fields_of("VirtualMachineScaleSet.properties")["lifecyclehooksprofile"].first == "2026-04-01"
    assert fields_of("VirtualMachineScaleSet")["etag"].is_read_only


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("UpgradeMode", ["Automatic", "Manual", "Rolling"]),
        ("ProbeProtocol", ["Http", "Tcp", "Https"]),
        ("OrchestrationMode", ["Uniform", "Flexible"]),
        ("VirtualMachinePriorityTypes", ["Regular", "Low", "Spot", "SpotPlus"]),
        ("LoadBalancerSkuName", ["Basic", "Standard", "Gateway", "Service"]),
    ],
)
def test_words_of_enumerations_are_as_azure_spells_them(name: str, known: list[str]) -> None:
    assert list(enum_values(name).values()) == known


def test_every_type_of_a_field_is_defined() -> None:
    named = {element(entry[0]) for fields in DATA["types"].values() for entry in fields.values()}
    assert named <= PLAIN | set(DATA["types"]) | set(DATA["enums"])
    assert not set(DATA["types"]) & set(DATA["enums"])


def test_both_styles_of_packages_give_the_same_shape() -> None:
    """What is `properties.publisher` in older ones is a type of its own in newer ones."""
    extension = fields_of("VirtualMachineScaleSetExtension")["properties"].type
    assert extension == "VirtualMachineScaleSetExtension.properties"
    assert (fields_of(extension)["publisher"].first, fields_of(extension)["publisher"].last) == (
        "2015-06-15",
        "2026-04-01",
    )
