"""The parts of a model: what changes them, what an instance lacks, and what an operation brings."""

from typing import Any

import pytest

from tests.stories import document, edited, health_extension, without
from upgrades.core.model_parts import (
    AppliedModel,
    ModelPart,
    WantedModel,
    lacking,
    parts_after,
    parts_brought,
    steady,
    with_parts_without_work,
    work_to_bring,
)
from upgrades.core.states import OperationKind

PROFILE = "properties.virtualMachineProfile"
IMAGE = f"{PROFILE}.storageProfile.imageReference"
EXTENSIONS = f"{PROFILE}.extensionProfile.extensions"
CREATE, REIMAGE, RUN = OperationKind.CREATE, OperationKind.REIMAGE, OperationKind.EXTENSIONS


def script(**settings: Any) -> dict[str, Any]:
    properties = {"publisher": "p", "type": "t", "typeHandlerVersion": "2.1", "settings": settings}
    return {"name": "Script", "properties": properties}


BEFORE = document(extensions=[script(a=1)], os_profile={"adminUsername": "ada", "customData": "YQ=="})
KEY = "script 2.1"


def model(body: Any, before: Any = None, stored: Any = None) -> dict[str, Any]:
    return parts_after(stored or {}, before, body, "Linux", "token of " + str(hash(str(body))))


def changed(body: Any) -> dict[str, Any]:
    """The parts of a scale set whose model was BEFORE and is this now."""
    return model(body, BEFORE, model(BEFORE))


def made_from(parts: Any, version: str = "1", key: str = KEY) -> AppliedModel:
    return AppliedModel(parts, version, key)


# --- what changes them ------------------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[Any, ModelPart]] = {
    f"{IMAGE}.sku": ("18.04-LTS", ModelPart.IMAGE),
    "sku.name": ("Standard_D4s_v3", ModelPart.SIZE),
    f"{PROFILE}.osProfile.computerNamePrefix": ("other", ModelPart.COMPUTER_NAME),
    f"{PROFILE}.osProfile.customData": ("Yg==", ModelPart.CUSTOM_DATA),
    f"{PROFILE}.storageProfile.dataDisks": ([{"lun": 1, "diskSizeGB": 10}], ModelPart.DATA_DISKS),
    EXTENSIONS: ([script(a=2)], ModelPart.EXTENSIONS),
    f"{PROFILE}.osProfile.adminPassword": ("hunter2", ModelPart.SECRETS),
    f"{PROFILE}.osProfile.adminUsername": ("grace", ModelPart.OTHER),
    f"{PROFILE}.licenseType": ("RHEL_BYOS", ModelPart.OTHER),
}


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_is_one_of_its_part(path: str) -> None:
    value, part = CHANGES[path]
    stored = model(BEFORE)
    after = model(edited(BEFORE, path, value), BEFORE, stored)
    changed = {name for name in after if after[name] != stored.get(name)}
    assert changed - {"other"} == {part.value} - {"other"}
    assert lacking(WantedModel(after), made_from(stored)) >= {part}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tags", {"a": "b"}),
        ("sku.capacity", 4),
        ("properties.upgradePolicy.mode", "Rolling"),
        ("properties.overprovision", False),
        (f"{IMAGE}.version", "16.04.1"),  # which is compared with what the instance runs
    ],
)
def test_tags_capacity_and_policies_are_no_part_of_machines(path: str, value: Any) -> None:
    assert changed(edited(BEFORE, path, value)) == model(BEFORE)


def test_names_in_another_case_and_fields_that_say_nothing_are_no_change() -> None:
    stored, body = model(BEFORE), edited(BEFORE, f"{PROFILE}.osProfile.windowsConfiguration", None)
    profile = body["properties"].pop("virtualMachineProfile")
    body["properties"]["VirtualMachineProfile"] = {**profile, "NetworkProfile": {}, "licenseType": None}
    assert model(body, BEFORE, stored) == stored


def test_a_value_that_is_filled_in_anyway_is_no_change() -> None:
    """Clients send back what they were shown, and in other spellings."""
    linux = {"provisionVMAgent": "True", "disablePasswordAuthentication": False}
    assert changed(edited(BEFORE, f"{PROFILE}.osProfile.linuxConfiguration", linux)) == model(BEFORE)


def test_settings_of_the_health_extension_are_no_part_of_machines() -> None:
    """They say how instances are probed, and hold at once."""
    first, other = document(extensions=[health_extension("/a")]), document(extensions=[health_extension("/b")])
    assert model(first)["extensions"] == model(other)["extensions"]


def test_no_part_tells_a_secret() -> None:
    body = edited(BEFORE, f"{PROFILE}.osProfile.adminPassword", "hunter2")
    first, again = (parts_after({}, None, body, "Linux", token) for token in ("one", "two"))
    assert {name for name in first if first[name] != again[name]} == {"custom data", "secrets"}
    assert (first["custom data"], first["secrets"]) == ("one", "one")
    assert model(without(BEFORE, f"{PROFILE}.osProfile.customData"))["custom data"] == ""


def test_a_part_that_did_not_change_keeps_its_text_whatever_the_code_would_write_now() -> None:
    stored = {**model(BEFORE), "other": "of an older version of this code"}
    after = model(edited(BEFORE, "sku.name", "Standard_D4s_v3"), BEFORE, stored)
    assert {**after, "size": stored["size"]} == stored


def test_a_document_that_cannot_be_read_any_more_counts_as_changed() -> None:
    assert model(BEFORE, {"location": 5}).keys() == {part.value for part in ModelPart}


def test_an_unrecorded_part_has_not_changed() -> None:
    """Scale sets and instances of before these records were kept."""
    assert not lacking(WantedModel({}), made_from({}))
    after = model(edited(BEFORE, "sku.name", "Standard_D4s_v3"), BEFORE, {})
    assert lacking(WantedModel(after), made_from({})) == {ModelPart.SIZE}


# --- what an instance lacks -------------------------------------------------------------------------------------------


def test_an_instance_on_an_older_version_of_the_latest_lacks_nothing() -> None:
    parts = model(BEFORE)
    assert not lacking(WantedModel(parts), made_from(parts, version="0.1"))


def test_an_instance_on_another_version_than_the_pinned_one_lacks_the_image() -> None:
    parts = model(BEFORE)
    wanted = WantedModel(parts, frozenset({"1", "2"}))
    assert lacking(wanted, made_from(parts, version="3")) == {ModelPart.IMAGE}
    assert not lacking(wanted, made_from(parts, version="2"))


def test_an_extension_that_is_not_on_the_machine_is_lacking() -> None:
    """Also where it failed there: then it is not in the key."""
    parts = model(BEFORE)
    assert lacking(WantedModel(parts), made_from(parts, key="")) == {ModelPart.EXTENSIONS}


def test_an_instance_without_a_machine_lacks_nothing() -> None:
    assert not lacking(WantedModel(model(BEFORE)), AppliedModel({}, "", "", has_machine=False))


# --- what brings it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "work"),
    [
        ({}, None),
        ({"sku.name": "Standard_D4s_v3"}, REIMAGE),
        ({f"{PROFILE}.osProfile.customData": "Yg=="}, REIMAGE),
        ({f"{IMAGE}.sku": "18.04-LTS"}, REIMAGE),
        ({EXTENSIONS: [script(a=1), {"name": "more"}]}, RUN),
        ({EXTENSIONS: []}, RUN),
        ({EXTENSIONS: [script(a=2)]}, REIMAGE),
        ({EXTENSIONS: [], "sku.name": "Standard_D4s_v3"}, REIMAGE),
        ({f"{PROFILE}.licenseType": "RHEL_BYOS"}, None),
        ({f"{PROFILE}.osProfile.adminPassword": "hunter2"}, None),
        ({f"{PROFILE}.storageProfile.dataDisks": [{"lun": 3, "diskSizeGB": 10}]}, None),
    ],
)
def test_the_least_work_that_brings_it(changes: dict[str, Any], work: OperationKind | None) -> None:
    """Of data disks none does: machines get them when they are made."""
    body, stored = BEFORE, model(BEFORE)
    for path, value in changes.items():
        body = edited(body, path, value)
    assert work_to_bring(WantedModel(model(body, BEFORE, stored)), made_from(stored)) is work


def test_work_leaves_nothing_lacking_that_it_brings() -> None:
    new = changed(edited(edited(BEFORE, EXTENSIONS, [script(a=2)]), "sku.name", "Standard_D4s_v3"))
    old = made_from(model(BEFORE))
    for kind in (CREATE, REIMAGE):
        assert not lacking(WantedModel(new), made_from(parts_brought(kind, new, old)))
    disks = changed(edited(BEFORE, f"{PROFILE}.storageProfile.dataDisks", [{"lun": 3, "diskSizeGB": 10}]))
    assert lacking(WantedModel(disks), made_from(parts_brought(REIMAGE, disks, old))) == {ModelPart.DATA_DISKS}
    assert not lacking(WantedModel(disks), made_from(parts_brought(CREATE, disks, old)))


def test_an_extension_that_is_there_in_that_version_is_not_run_again_with_other_settings() -> None:
    more = {"name": "more", "properties": {"publisher": "p", "type": "u"}}
    new, old = changed(edited(BEFORE, EXTENSIONS, [script(a=2), more])), made_from(model(BEFORE))
    run = made_from(parts_brought(RUN, new, old), key="more\nscript 2.1")
    assert lacking(WantedModel(new), run) == {ModelPart.EXTENSIONS} and work_to_bring(WantedModel(new), run) is REIMAGE
    failed = made_from(model(BEFORE), key="")
    run = made_from(parts_brought(RUN, new, failed), key="more\nscript 2.1")
    assert not lacking(WantedModel(new), run), "one that had failed is run again"


def test_parts_that_change_nothing_on_a_machine_need_no_work() -> None:
    new, old = changed(edited(BEFORE, f"{PROFILE}.licenseType", "RHEL_BYOS")), model(BEFORE)
    assert not lacking(WantedModel(new), made_from(with_parts_without_work(new, old)))


def test_a_model_that_changed_during_the_work_counts_as_far_as_it_stayed() -> None:
    """It may have been done with the old one or with the new one."""
    body = edited(edited(BEFORE, EXTENSIONS, [script(a=1), {"name": "more"}]), "sku.name", "B1")
    new, old = changed(body), model(BEFORE)
    sure = parts_brought(CREATE, steady(old, new), AppliedModel({}, "", ""))
    assert lacking(WantedModel(new), made_from(sure, key="more\nscript 2.1")) == {ModelPart.SIZE, ModelPart.EXTENSIONS}
    assert sure["extensions"] == old["extensions"]
