"""Reading a scale set's document: what it means, and how it is refused."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stories import document, edited, without
from upgrades.core import documents
from upgrades.core.documents import ExtensionModel, ProbeModel
from upgrades.core.facts import ImageReference
from upgrades.core.json_fields import BadDocument
from upgrades.core.policy import Policy

EXAMPLE = Path(__file__).parent.parent / "vectors" / "ScaleSet_Create_WithAzureLoadBalancer.2018-10-01.json"
POLICY = "properties.upgradePolicy"
ROLLING = f"{POLICY}.rollingUpgradePolicy"
AUTOMATIC = f"{POLICY}.automaticOSUpgradePolicy"
PROFILE = "properties.virtualMachineProfile"
IMAGE = f"{PROFILE}.storageProfile.imageReference"
OWN_LIMITS = document(
    rolling={
        "maxBatchInstancePercent": 30,
        "maxUnhealthyInstancePercent": 40,
        "maxUnhealthyUpgradedInstancePercent": 50,
        "pauseTimeBetweenBatches": "PT1M30S",
    }
)


def refusal(body: object) -> BadDocument:
    with pytest.raises(BadDocument) as caught:
        documents.read(body)
    assert "\n" not in caught.value.message
    return caught.value


def in_other_case(value: Any) -> Any:
    if isinstance(value, dict):
        return {name[0].upper() + name[1:]: in_other_case(inner) for name, inner in value.items()}
    return [in_other_case(inner) for inner in value] if isinstance(value, list) else value


# --- what it means ----------------------------------------------------------------------------------------------------


def test_every_field_is_read() -> None:
    body = document(
        rolling={
            "maxBatchInstancePercent": 30,
            "maxUnhealthyInstancePercent": 40,
            "maxUnhealthyUpgradedInstancePercent": 0,
            "pauseTimeBetweenBatches": "PT1M30S",
        },
        location="West Europe",
        capacity=7,
        probe="healthz",
        probe_id="/subscriptions/s/...",
        os_profile={"computerNamePrefix": "vm", "customData": "IyEvYmluL3No", "windowsConfiguration": {}},
        extensions=[
            {
                "name": "script",
                "properties": {
                    "publisher": "Microsoft.Azure.Extensions",
                    "type": "CustomScript",
                    "provisionAfterExtensions": ["health"],
                    "typeHandlerVersion": "2.1",
                },
            }
        ],
    )
    disks = [{"lun": 1, "diskSizeGB": "64"}, {"lun": "0", "diskSizeGB": 32}]
    model = documents.read(edited(body, f"{PROFILE}.storageProfile.dataDisks", disks))
    assert model.location == "westeurope"
    assert model.capacity == 7
    assert model.image == ImageReference("Canonical", "UbuntuServer", "16.04-LTS", "latest")
    assert model.automatic_upgrade
    assert model.policy == Policy(30, 40, 0, timedelta(seconds=90))
    assert model.probe_id == "/subscriptions/s/..."
    assert model.extension_probe == ProbeModel("http", 80, "/healthz", interval_seconds=5, threshold=1)
    assert (model.machine.size, model.machine.os_type) == ("Standard_D2s_v3", "Windows")
    assert (model.machine.computer_name_prefix, model.machine.custom_data) == ("vm", "IyEvYmluL3No")
    assert model.machine.data_disks == ((1, 64), (0, 32))
    assert model.machine.extensions[1] == ExtensionModel(
        "script", "Microsoft.Azure.Extensions", "CustomScript", after=("health",), version="2.1"
    )


def test_the_smallest_document() -> None:
    model = documents.read(without(without(document(automatic=False), POLICY), "tags"))
    assert not model.automatic_upgrade
    assert model.policy == Policy()
    assert (model.probe_id, model.extension_probe) == ("", None)
    assert (model.machine.data_disks, model.machine.extensions) == ((), ())


def test_names_in_any_case() -> None:
    body = document(rolling={"maxBatchInstancePercent": 30}, probe="/health", os_profile={"customData": "eA=="})
    read, other = documents.read(body), documents.read(in_other_case(body))
    (health,), (other_health,) = read.machine.extensions, other.machine.extensions
    assert health.settings.lower() == other_health.settings.lower(), "the names in them are the extension's own"
    extensions = (replace(other_health, settings=health.settings),)
    assert replace(other, machine=replace(other.machine, extensions=extensions)) == read


def test_the_spelling_of_the_documents_command_line() -> None:
    """az vmss update --set UpgradePolicy.AutomaticOSUpgradePolicy.EnableAutomaticOSUpgrade=true"""
    body = without(document(automatic=False), POLICY)
    spelled = edited(body, "properties.UpgradePolicy.AutomaticOSUpgradePolicy.EnableAutomaticOSUpgrade", "true")
    assert documents.read(spelled).automatic_upgrade


def test_latest_in_any_case() -> None:
    assert documents.read(document(version="Latest")).image.version == "latest"


def test_the_official_example_as_it_is() -> None:
    body = json.loads(EXAMPLE.read_text())["parameters"]["parameters"]
    model = documents.read(body)
    assert model.image == ImageReference("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter", "latest")
    assert (model.location, model.capacity, model.automatic_upgrade) == ("westus", 3, False)


@pytest.mark.parametrize("given", ["True", "TRUE", True])
def test_switches_as_texts(given: object) -> None:
    assert documents.read(edited(document(), f"{AUTOMATIC}.enableAutomaticOSUpgrade", given)).automatic_upgrade


@pytest.mark.parametrize("given", ["false", False, None])
def test_the_switch_is_off_in_every_spelling(given: object) -> None:
    assert not documents.read(edited(document(), f"{AUTOMATIC}.enableAutomaticOSUpgrade", given)).automatic_upgrade


@pytest.mark.parametrize("given", ["12", " 12 ", 12])
def test_numbers_as_texts(given: object) -> None:
    assert documents.read(edited(document(), "sku.capacity", given)).capacity == 12


def test_own_limits_count_only_where_the_document_says_so() -> None:
    for off in (False, "false", None):
        body = edited(OWN_LIMITS, f"{AUTOMATIC}.useRollingUpgradePolicy", off)
        assert documents.read(body).policy == Policy()
    assert documents.read(OWN_LIMITS).policy == Policy(30, 40, 50, timedelta(seconds=90))


def test_own_limits_are_checked_even_where_they_do_not_count() -> None:
    body = edited(OWN_LIMITS, f"{AUTOMATIC}.useRollingUpgradePolicy", False)
    assert refusal(edited(body, f"{ROLLING}.maxBatchInstancePercent", 0)).target == f"{ROLLING}.maxBatchInstancePercent"


LIMITS = [
    ("sku.capacity", 0, 1000),
    (f"{ROLLING}.maxBatchInstancePercent", 5, 100),
    (f"{ROLLING}.maxUnhealthyInstancePercent", 5, 100),
    (f"{ROLLING}.maxUnhealthyUpgradedInstancePercent", 0, 100),
]


@pytest.mark.parametrize(("path", "least", "most"), LIMITS)
def test_limits_at_their_edges(path: str, least: int, most: int) -> None:
    for fits in (least, most, str(least)):
        documents.read(edited(OWN_LIMITS, path, fits))
    outside: list[object] = [least - 1, most + 1, str(least - 1), str(most + 1), -(10**30)]
    for wrong in [*outside, 20.0, 20.5, True, "", "many", [], {}]:
        error = refusal(edited(OWN_LIMITS, path, wrong))
        assert error.target == path
        assert f"{path} must be an integer from {least} to {most}, got " in error.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0S", 0),
        ("PT30S", 30),
        ("PT0.5S", 0.5),
        ("PT2M", 120),
        ("PT1H1M1S", 3661),
        ("P1D", 86400),
        ("P1DT12H", 129600),
        ("pt5m", 300),
        ("", 0),
        (None, 0),
    ],
)
def test_pauses(text: str | None, seconds: float) -> None:
    body = edited(OWN_LIMITS, f"{ROLLING}.pauseTimeBetweenBatches", text)
    assert documents.read(body).policy.pause_between_batches == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "wrong",
    ["P", "PT", "P1DT", "30", "30S", "P1M", "P1Y", "P2W", "PT-5S", "-PT5S", "PT5S ", "PT٣S", "five", 30, True, [], {}]
    + ["P999999999D", "PT9999999999H", "P366D", f"PT{'9' * 5000}S"],
)
def test_invalid_pauses_are_refused(wrong: object) -> None:
    assert refusal(edited(OWN_LIMITS, f"{ROLLING}.pauseTimeBetweenBatches", wrong)).target == (
        f"{ROLLING}.pauseTimeBetweenBatches"
    )


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["location", "sku.capacity", *(f"{IMAGE}.{name}" for name in ("publisher", "offer", "sku", "version"))]
)
def test_missing_fields_are_refused(path: str) -> None:
    for body in (without(document(), path), edited(document(), path, None)):
        error = refusal(body)
        assert (error.message, error.target) == (f"{path} is missing", path)


@pytest.mark.parametrize(
    "path",
    ["location", "sku.name", f"{IMAGE}.publisher", f"{IMAGE}.version", f"{PROFILE}.osProfile.computerNamePrefix"]
    + [f"{PROFILE}.networkProfile.healthProbe.id"],
)
@pytest.mark.parametrize("wrong", [5, 0, True, False, 1.5, [], ["a"], {}, {"a": 1}])
def test_values_in_place_of_a_string_are_refused(path: str, wrong: object) -> None:
    error = refusal(edited(document(), path, wrong))
    assert error.target == path
    assert error.message.startswith(f"{path} must be a string, got ")


@pytest.mark.parametrize(
    "path",
    ["sku", "properties", "tags", POLICY, ROLLING, AUTOMATIC, PROFILE, IMAGE, f"{PROFILE}.osProfile"]
    + [f"{PROFILE}.networkProfile", f"{PROFILE}.networkProfile.healthProbe", f"{PROFILE}.extensionProfile"],
)
@pytest.mark.parametrize("wrong", [[], ["a"], 5, "text", True])
def test_values_in_place_of_an_object_are_refused(path: str, wrong: object) -> None:
    error = refusal(edited(document(), path, wrong))
    assert error.target == path
    assert error.message.startswith(f"{path} must be an object, got ")


@pytest.mark.parametrize(
    "path",
    [f"{PROFILE}.storageProfile.dataDisks", f"{PROFILE}.extensionProfile.extensions"],
)
@pytest.mark.parametrize("wrong", [{}, {"name": "x"}, 5, "text", True])
def test_values_in_place_of_a_list_are_refused(path: str, wrong: object) -> None:
    error = refusal(edited(document(), path, wrong))
    assert error.target == path
    assert error.message.startswith(f"{path} must be a list, got ")
    element = refusal(edited(document(), path, [[wrong]]))
    assert element.message == f"{path}[0] must be an object, got a list"


def test_duplicate_elements_are_refused() -> None:
    disks = edited(document(), f"{PROFILE}.storageProfile.dataDisks", [{"lun": 1}, {"lun": "1"}])
    assert "another data disk has lun 1" in refusal(disks).message
    twins = document(extensions=[{"name": "One"}, {"name": "one"}])
    assert "two extensions have the name 'one'" in refusal(twins).message


@pytest.mark.parametrize(
    ("extension", "word"),
    [
        ({}, "extensions[0].name is missing"),
        ({"name": 5}, "extensions[0].name must be a string, got 5"),
        ({"name": "x", "properties": []}, "extensions[0].properties must be an object, got a list"),
        ({"name": "x", "properties": {"type": ["y"]}}, "extensions[0].properties.type must be a string, got a list"),
        ({"name": "x", "properties": {"provisionAfterExtensions": "y"}}, "provisionAfterExtensions must be a list"),
        ({"name": "x", "properties": {"provisionAfterExtensions": [5]}}, "must be a list of extensions' names, got 5"),
    ],
)
def test_invalid_extensions_are_refused(extension: dict[str, Any], word: str) -> None:
    assert word in refusal(document(extensions=[extension])).message


@pytest.mark.parametrize("wrong", [None, [], {}])
def test_invalid_tags_are_refused(wrong: object) -> None:
    error = refusal({**document(), "tags": {"owner": wrong}})
    assert error.message.startswith("tags.owner must be a string, got ")


def test_a_tag_with_a_strange_name_is_refused_in_one_line() -> None:
    """Found by documents with anything anywhere."""
    assert refusal({**document(), "tags": {"\n": None}}).message == "tags are printable text, in one line; not '\\n'"


def test_custom_images() -> None:
    body = edited(document(), IMAGE, {"id": "/subscriptions/s/images/mine"})
    assert "custom images are not supported" in refusal(body).message


@pytest.mark.parametrize("body", [None, [], "text", 5, 5.5, True, [document()]])
def test_documents_that_are_no_object_are_refused(body: object) -> None:
    assert "a scale set's document is a JSON object, not " in refusal(body).message


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (f"{PROFILE}.osProfile.customData", 271828),
        (f"{PROFILE}.osProfile.customData", ["hunter2"]),
        (f"{PROFILE}.osProfile.customData", {"key": "hunter2"}),
        (f"{PROFILE}.osProfile", [{"adminPassword": "hunter2"}]),
        (f"{PROFILE}.osProfile.computerNamePrefix", {"adminPassword": "hunter2"}),
        (f"{PROFILE}.extensionProfile.extensions", {"protectedSettings": "hunter2"}),
        (f"{PROFILE}.extensionProfile.extensions", [["hunter2"]]),
    ],
)
def test_secrets_are_not_shown_in_messages(path: str, wrong: object) -> None:
    message = refusal(edited(document(), path, wrong)).message
    assert "hunter2" not in message and "271828" not in message


def test_long_values_are_cut_in_messages() -> None:
    assert len(refusal(edited(document(), "sku.capacity", "x" * 100_000)).message) < 250
    assert len(refusal(edited(document(), "sku.capacity", 10**4000)).message) < 250
    assert len(refusal(document(probe_id="x" * 501)).message) < 250
