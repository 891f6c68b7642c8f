"""Answers are Azure's types and carry what Azure fills in: typed clients read nothing else, and fall over what is missing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from tests.arm.attempts import ended
from tests.arm.bodies import PROFILE, UPGRADE, VECTORS
from tests.arm.client import Api, Json, load_balancer, scale_set
from tests.arm.networks import store, store_what_it_refers_to
from tests.arm.test_get_then_put import KINDS, QUICK, changed
from tests.stories import NOW, UBUNTU, WINDOWS, a_scale_set, document, edited, nothing_changes
from upgrades.core import azure_types
from upgrades.core.azure_types import element, enum_values, fields_of
from upgrades.models import Instance

pytestmark = pytest.mark.django_db
ONE = f"{scale_set()}/virtualMachines/1"
DISK = f"{PROFILE}.storageProfile.osDisk"


# --- the model's types ------------------------------------------------------------------------------------------------


def strange(value: Any, type: str, at: str = "") -> Iterator[str]:
    """Where a value is not of the type that Azure's models have there."""
    if value is None or type == "any":
        return
    if type.startswith("["):
        yield from _strange_list(value, type, at)
    elif type.startswith("{") or fields_of(type):
        yield from _strange_object(value, type, at)
    elif enum_values(type):
        if value not in enum_values(type).values():
            yield f"{at}: {value!r} is no word of {type}"
    else:
        kinds: Any = {"switch": (bool,), "whole": (int,), "number": (int, float)}
        is_one = isinstance(value, kinds.get(type, (str,))) and (type == "switch") == isinstance(value, bool)
        if not is_one:
            yield f"{at}: {value!r} is no {type}"


def _strange_list(value: Any, type: str, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at}: {value!r} is no list"
        return
    for index, item in enumerate(value):
        yield from strange(item, element(type), f"{at}[{index}]")


def _strange_object(value: Any, type: str, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: {value!r} is no object"
        return
    for name, inner in value.items():
        known = fields_of(type).get(name.lower())
        if type.startswith("{"):
            yield from strange(inner, element(type), f"{at}.{name}")
        elif known is not None:
            if name != known.name:
                yield f"{at}.{name} is spelled {known.name}"
            yield from strange(inner, known.type, f"{at}.{name}")


TYPES = {
    "scale set": azure_types.SCALE_SET,
    "load balancer": azure_types.LOAD_BALANCER,
    "group": azure_types.RESOURCE_GROUP,
}


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(random=st.randoms(use_true_random=False))
def test_accepted_values_come_back_in_the_models_types(api: Api, kind: str, random: Random) -> None:
    path, make = KINDS[kind]
    with transaction.atomic():
        said = api.put(path, changed(make(), random))
        if said.status == 201:
            assert not list(strange(api.get(path).body, TYPES[kind]))
        else:
            assert said.status == 400, said
        transaction.set_rollback(True)


def examples() -> list[Path]:
    return sorted(VECTORS.glob("ScaleSet_Create*.json"))


@pytest.mark.parametrize("file", examples(), ids=lambda file: str(file.name))
def test_official_examples_come_back_in_the_models_types(api: Api, file: Path) -> None:
    with_names = re.sub(r"\{([\w-]+)\}", r"\1", file.read_text())  # "{existing-load-balancer-name}"
    body = json.loads(with_names)["parameters"]["parameters"]
    store_what_it_refers_to(body)
    assert api.put(scale_set(), body).status == 201
    assert not list(strange(api.get(scale_set()).body, azure_types.SCALE_SET))


def test_everything_shown_of_a_fleet_has_the_models_types(api: Api) -> None:
    body = {**document(capacity=2, probe="/health", tags={"a": "b"}), "zones": ["1"]}
    row = a_scale_set(instances=2, model=body)
    ended(row, NOW)
    for path, type in (
        (scale_set(), azure_types.SCALE_SET),
        (f"{ONE}?$expand=instanceView,userData&api-version=2024-11-01", azure_types.INSTANCE),
        (f"{ONE}/instanceView", "VirtualMachineScaleSetVMInstanceView"),
        (f"{scale_set()}/instanceView", "VirtualMachineScaleSetInstanceView"),
        (f"{scale_set()}/rollingUpgrades/latest", "RollingUpgradeStatusInfo"),
    ):
        said = api.get(path)
        assert said.status == 200 and not list(strange(said.body, type)), path
    for upgrade in api.get(f"{scale_set()}/osUpgradeHistory")["value"]:
        assert not list(strange(upgrade, "UpgradeOperationHistoricalStatusInfo"))


# --- what clients send ------------------------------------------------------------------------------------------------

SETTINGS = {"n": "5", "on": "true"}
SENT = {"typeHandlerVersion": 2.1, "autoUpgradeMinorVersion": "True", "settings": SETTINGS}
EXTENSION = {"name": "x", "properties": {"publisher": "P", "type": "T", **SENT}}
EXTENSIONS = f"{PROFILE}.extensionProfile.extensions"


@pytest.mark.parametrize(
    ("path", "came", "shown"),
    [
        ("zones", [1, 2, 3], ["1", "2", "3"]),
        ("tags", {"cost": 42, "on": True, "f": 1.5}, {"cost": "42", "on": "true", "f": "1.5"}),
        ("sku.capacity", "3", 3),
        (f"{UPGRADE}.mode", "MANUAL", "Manual"),
        (f"{UPGRADE}.rollingUpgradePolicy", {"maxBatchInstancePercent": "20"}, {"maxBatchInstancePercent": 20}),
        ("properties.overprovision", "TRUE", True),
        ("identity.type", "systemassigned", "SystemAssigned"),
        ("properties.platformFaultDomainCount", "1", 1),
        (f"{PROFILE}.licenseType", 7, "7"),
        (f"{DISK}.caching", "readwrite", "ReadWrite"),
        (f"{DISK}.diskSizeGB", "64", 64),
        (f"{DISK}.managedDisk", {"storageAccountType": "premium_lrs"}, {"storageAccountType": "Premium_LRS"}),
    ],
)
def test_values_come_back_in_azures_types_and_spelling(api: Api, path: str, came: Any, shown: Any) -> None:
    body = {**document(automatic=False)}
    said = api.put(scale_set(), edited(body, path, came))
    assert said.status == 201, said
    found: Any = api.get(scale_set()).body
    for name in path.split("."):
        found = found[name]
    assert found == shown and json.dumps(found, sort_keys=True) == json.dumps(shown, sort_keys=True)


def test_an_extension_is_answered_with_azures_types(api: Api) -> None:
    api.put(scale_set(), edited(document(automatic=False), EXTENSIONS, [EXTENSION]))
    (found,) = api.get(scale_set())["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    assert (found["properties"]["typeHandlerVersion"], found["properties"]["autoUpgradeMinorVersion"]) == ("2.1", True)
    assert found["properties"]["settings"] == SETTINGS, "which are the extension's own"


def test_unknown_fields_stay_as_they_came(api: Api) -> None:
    api.put(scale_set(), edited(document(), f"{DISK}.fromTheFuture", {"Size": "3", "on": "true"}))
    disk = api.get(scale_set())["properties"]["virtualMachineProfile"]["storageProfile"]["osDisk"]
    assert disk["fromTheFuture"] == {"Size": "3", "on": "true"}


@pytest.mark.parametrize(
    ("path", "nonsense"),
    [
        ("zones", ["eastus-1", None, {"a": 1}, [["1"]]]),
        ("zones", ["1", None]),
        ("zones", [{"a": 1}]),
        ("zones", [True]),
        ("zones", "1"),
        ("zones", ["eastus-1"]),
        ("tags", {"a": {"b": "c"}}),
        ("tags", {"a": None}),
        ("tags", ["a"]),
        (f"{PROFILE}.licenseType", {"a": 1}),
        (f"{PROFILE}.licenseType", ["x"]),
        ("properties.overprovision", "yes"),
        ("properties.overprovision", 3),
        ("properties.platformFaultDomainCount", "many"),
        (f"{DISK}.diskSizeGB", [64]),
        (f"{DISK}.managedDisk", "Premium_LRS"),
        (f"{PROFILE}.networkProfile.networkInterfaceConfigurations", {"name": "nic"}),
        (f"{PROFILE}.networkProfile.networkInterfaceConfigurations", ["nic"]),
        (f"{PROFILE}.networkProfile.networkInterfaceConfigurations", [None]),
        (EXTENSIONS, [{"name": "x", "properties": {"publisher": "P", "type": "T", "typeHandlerVersion": {"a": 1}}}]),
    ],
)
def test_nonsense_is_refused(api: Api, path: str, nonsense: Any) -> None:
    with nothing_changes():
        said = api.put(scale_set(), edited(document(automatic=False), path, nonsense))
        assert said.status == 400 and path.rpartition(".")[2] in said.message, said
    a_scale_set()
    with nothing_changes():
        assert api.patch(scale_set(), edited({}, path, nonsense)).status == 400


# --- what Azure fills in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ["Linux", "Windows"])
def test_a_bare_scale_set_is_shown_as_azure_fills_it_in(api: Api, image: str) -> None:
    body = document(automatic=False, image=WINDOWS if image == "Windows" else UBUNTU)
    properties = api.put(scale_set(), body)["properties"]
    machine = properties["virtualMachineProfile"]
    assert (properties["orchestrationMode"], properties["singlePlacementGroup"]) == ("Uniform", True)
    assert machine["storageProfile"]["osDisk"]["osType"] == image
    assert machine["storageProfile"]["osDisk"]["managedDisk"] == {"storageAccountType": "Standard_LRS"}
    assert machine["osProfile"]["secrets"] == []
    assert ("windowsConfiguration" in machine["osProfile"]) is (image == "Windows")
    assert ("linuxConfiguration" in machine["osProfile"]) is (image == "Linux")


def test_empty_fields_are_left_out(api: Api) -> None:
    """`terraform plan` was never clean: it takes an empty object for a change."""
    api.put(scale_set(), edited(document(), "properties.additionalCapabilities", {}))
    assert "additionalCapabilities" not in api.get(scale_set())["properties"]


def test_a_load_balancer_has_all_its_lists(api: Api) -> None:
    said = api.put(load_balancer(), {"location": "westeurope"})
    lists = {name: value for name, value in said["properties"].items() if isinstance(value, list)}
    assert lists == dict.fromkeys(
        [
            "frontendIPConfigurations",
            "backendAddressPools",
            "loadBalancingRules",
            "probes",
            "inboundNatRules",
            "inboundNatPools",
            "outboundRules",
        ],
        [],
    )
    assert said["tags"] == {}


def test_zones_of_instances(api: Api) -> None:
    a_scale_set(instances=3, model={"zones": [1, 2]})
    for path in (f"{scale_set()}/virtualMachines", f"{scale_set()}/virtualMachines?$expand=instanceView"):
        assert [resource["zones"] for resource in api.get(path)["value"]] == [["1"], ["2"], ["1"]]
    a_scale_set("regional", instances=1)
    assert "zones" not in api.get(f"{scale_set('regional')}/virtualMachines/0").body


def test_latest_has_an_id_and_a_name(api: Api) -> None:
    ended(a_scale_set(), NOW)
    said = api.get(f"{scale_set()}/rollingUpgrades/latest")
    assert (said["id"], said["name"]) == (
        f"/subscriptions/{api.subscription}{scale_set()}/rollingUpgrades/latest",
        "latest",
    )


def test_user_data_is_shown_only_on_request(api: Api) -> None:
    a_scale_set(instances=2, model=edited(document(capacity=2), f"{PROFILE}.userData", "c2VjcmV0"))
    sets = "/resourceGroups/fleet/providers/Microsoft.Compute/virtualMachineScaleSets"
    for path in (scale_set(), sets, f"{scale_set()}/virtualMachines", ONE, f"{ONE}?$expand=instanceView"):
        assert "c2VjcmV0" not in json.dumps(api.get(path).body), path
    assert api.get(f"{scale_set()}?$expand=userData")["properties"]["virtualMachineProfile"]["userData"] == "c2VjcmV0"
    assert api.get(f"{ONE}?$expand=userData,instanceView")["properties"]["userData"] == "c2VjcmV0"
    shown = api.get(scale_set()).body
    assert api.put(scale_set(), edited(shown, "tags", {"a": "b"})).status == 200
    assert api.get(f"{scale_set()}?$expand=userData")["properties"]["virtualMachineProfile"]["userData"] == "c2VjcmV0"


IDENTITY = "/subscriptions/S/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a"
BY_USER: Json = {"identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_no_identity_keeps_none(api: Api, method: str) -> None:
    store("g/Microsoft.ManagedIdentity/userAssignedIdentities/a")
    assert api.put(scale_set(), {**document(), **BY_USER}).status == 201
    assert list(api.get(scale_set())["identity"]["userAssignedIdentities"]) == [IDENTITY]
    assert api(method, scale_set(), {"identity": {"type": "None"}}).status == 200
    assert "identity" not in api.get(scale_set()).body
    assert api(method, scale_set(), {"identity": {"type": "UserAssigned"}}).status == 200
    assert "userAssignedIdentities" not in api.get(scale_set())["identity"], "it is gone for good"


def test_identities_that_the_type_does_not_speak_of_go(api: Api) -> None:
    store("g/Microsoft.ManagedIdentity/userAssignedIdentities/a")
    api.put(scale_set(), {**document(), **BY_USER})
    api.patch(scale_set(), {"identity": {"type": "SystemAssigned"}})
    assert set(api.get(scale_set())["identity"]) == {"type", "principalId", "tenantId"}
    assert api.get(scale_set())["identity"]["tenantId"] == api.tenant


def test_a_new_scale_set_without_an_identity_has_none(api: Api) -> None:
    body = {**document(), "identity": {"type": "none", "userAssignedIdentities": {IDENTITY: {}}}}
    assert "identity" not in api.put(scale_set(), body).body
    assert Instance.objects.count() == 0
