"""Answers are in the types of Azure's models: fields that typed clients know, with values as they read them, and what they look for."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.arm.bodies import VECTORS
from tests.arm.client import Api, Json, scale_set
from tests.arm.networks import store
from tests.arm.test_answers import strange
from tests.stories import a_scale_set, document, health_extension
from upgrades.core import azure_types
from upgrades.core.azure_types import element, fields_of
from upgrades.models import Instance

pytestmark = pytest.mark.django_db
OURS = frozenset({"reasons"})
INSTANCE = f"{scale_set()}/virtualMachines/1"
VERSION = "2024-11-01"
NETWORK = "Microsoft.Network/virtualNetworks/v"


def a_rich_one(api: Api) -> None:
    """With texts for numbers and switches, as templates send them."""
    api.version = VERSION
    store(f"g/{NETWORK}", {"subnets": [{"name": "s"}]})
    address = {
        "name": "a",
        "properties": {"subnet": {"id": f"/subscriptions/s/resourceGroups/g/providers/{NETWORK}/subnets/s"}},
    }
    card = {"name": "nic", "properties": {"primary": "true", "ipConfigurations": [address]}}
    body = document(
        capacity=2, extensions=[health_extension(port="80")], os_profile={"adminUsername": "ada"}, tags={"myTag1": "b"}
    )
    profile = body["properties"]["virtualMachineProfile"]
    profile["networkProfile"] = {"networkInterfaceConfigurations": [card]}
    profile["storageProfile"]["osDisk"] = {"caching": "readwrite", "diskSizeGB": "30"}
    profile["storageProfile"]["dataDisks"] = [{"lun": "0", "diskSizeGB": "128", "caching": "none"}]
    profile["diagnosticsProfile"] = {"bootDiagnostics": {"enabled": "true"}}
    profile["userData"] = "RXhhbXBsZQ=="
    a_scale_set(model={**body, "zones": ["1"]}, instances=2, version="0.0.1")
    on_it = [{"name": "health", "state": "succeeded", "message": "", "version": "1.0"}]
    Instance.objects.update(extensions=on_it, extensions_key="health 1.0")


def unknown(value: Any, type: str, path: str = "") -> Iterator[str]:
    """The fields that the type does not have."""
    if isinstance(value, list):
        for item in value:
            yield from unknown(item, element(type), f"{path}[]")
    elif isinstance(value, Mapping) and fields_of(type):
        for name, inner in value.items():
            field = fields_of(type).get(name.lower())
            if field is not None:
                yield from unknown(inner, field.type, f"{path}.{name}")
            elif name not in OURS:
                yield f"{path}.{name}"


@pytest.mark.parametrize(
    ("path", "type"),
    [
        (f"{scale_set()}?$expand=userData", azure_types.SCALE_SET),
        (f"{scale_set()}/instanceView", "VirtualMachineScaleSetInstanceView"),
        (f"{scale_set()}/extensions/health", azure_types.EXTENSION),
        (f"{INSTANCE}?$expand=instanceView,userData", azure_types.INSTANCE),
        (f"{INSTANCE}/instanceView", "VirtualMachineScaleSetVMInstanceView"),
        (f"{INSTANCE}/extensions/health?$expand=instanceView", "VirtualMachineExtension"),
    ],
)
def test_every_field_is_of_its_type(api: Api, path: str, type: str) -> None:
    a_rich_one(api)
    said = api.get(path)
    assert said.status == 200 and [*strange(said.body, type), *unknown(said.body, type)] == []


def fields_in(value: Any, path: str = "") -> Iterator[str]:
    """All that are not null."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from [] if inner is None else [f"{path}.{name}", *fields_in(inner, f"{path}.{name}")]
    elif isinstance(value, list):
        for inner in value:
            yield from fields_in(inner, f"{path}[]")


def example(name: str) -> Json:
    body: Json = json.loads((VECTORS / f"{name}.2024-11-01.json").read_text())["responses"]["200"]["body"]
    return body


# What only a machine of the other OS has, hosts of its own, and tags of an extension, which the model's extensions have not.
NOT_HERE = (".windowsConfiguration", ".assignedHost", ".resources[].tags")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ScaleSetVM_Get_WithUserData", f"{INSTANCE}?$expand=userData"),
        ("ScaleSetVM_GetInstanceView", f"{INSTANCE}/instanceView"),
    ],
)
def test_an_instance_has_all_fields_of_azures_example(api: Api, name: str, path: str) -> None:
    a_rich_one(api)
    missing = set(fields_in(example(name))) - set(fields_in(api.get(path).body))
    assert {field for field in missing if not any(part in field for part in NOT_HERE)} == set()


def test_an_interface_of_an_instance_is_named(api: Api) -> None:
    a_rich_one(api)
    shown = api.get(INSTANCE)["properties"]
    (card,) = shown["networkProfile"]["networkInterfaces"]
    assert card["id"] == f"/subscriptions/{api.subscription}{INSTANCE}/networkInterfaces/nic"
    (configured,) = shown["networkProfileConfiguration"]["networkInterfaceConfigurations"]
    assert configured["properties"]["primary"] is True and configured["properties"]["enableIPForwarding"] is False


def test_the_latest_model(api: Api) -> None:
    """Also where the size changes, which the instance shows as it was made with."""
    a_rich_one(api)
    assert api.get(INSTANCE)["properties"]["latestModelApplied"] is True
    api.patch(scale_set(), {"sku": {"name": "Standard_D4s_v3"}})
    shown = api.get(INSTANCE).body
    assert shown["properties"]["latestModelApplied"] is False
    assert shown["sku"]["name"] == "Standard_D2s_v3"
    api.patch(scale_set(), {"sku": {"name": "Standard_D2s_v3"}})
    assert api.get(INSTANCE)["properties"]["latestModelApplied"] is True


def test_filled_in_fields_are_no_change_when_they_come_back(api: Api) -> None:
    a_rich_one(api)
    shown = api.get(f"{scale_set()}?$expand=userData").body
    assert api.put(scale_set(), shown).status == 200
    assert api.get(f"{scale_set()}?$expand=userData").body == shown
    assert api.get(INSTANCE)["properties"]["latestModelApplied"] is True
