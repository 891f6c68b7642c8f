"""What a whole document leaves out is taken away; what its api-version does not know, and what is never shown, stays."""

import copy
from typing import Any

import pytest

from tests.arm.bodies import PROFILE, UPGRADE
from tests.arm.client import Api, Json, is_error, load_balancer, scale_set
from tests.stories import document, edited, health_extension, nothing_changes, without
from upgrades.core.json_fields import get_field
from upgrades.models import ApiClient, ScaleSet, sealing

pytestmark = pytest.mark.django_db
NOW_KNOWN = "2024-11-01"
SCRIPT = {
    "name": "script",
    "properties": {
        "publisher": "P",
        "type": "T",
        "typeHandlerVersion": "1.0",
        "forceUpdateTag": "1",
        "protectedSettings": {"key": "hunter2"},
    },
}


def everything() -> Json:
    body = document(
        rolling={"maxBatchInstancePercent": 30, "pauseTimeBetweenBatches": "PT5S"},
        tags={"a": "b", "c": "d"},
        extensions=[health_extension(), SCRIPT],
        os_profile={"adminUsername": "ada", "adminPassword": "hunter2", "customData": "IyE="},
    )
    for path, value in {
        "properties.overprovision": False,
        "properties.doNotRunExtensionsOnOverprovisionedVMs": True,
        "properties.scaleInPolicy": {"rules": ["OldestVM"]},
        "properties.additionalCapabilities": {"ultraSSDEnabled": True},
        f"{UPGRADE}.mode": "Manual",
        f"{UPGRADE}.automaticOSUpgradePolicy.disableAutomaticRollback": True,
        f"{UPGRADE}.automaticOSUpgradePolicy.osRollingUpgradeDeferral": True,
        f"{PROFILE}.licenseType": "RHEL_BYOS",
        f"{PROFILE}.userData": "aHVudGVy",
        f"{PROFILE}.diagnosticsProfile": {"bootDiagnostics": {"enabled": True, "storageUri": "https://a.example/"}},
        f"{PROFILE}.fromTheFuture": {"a": 1},
        f"{PROFILE}.storageProfile.osDisk": {"caching": "ReadWrite", "createOption": "FromImage", "diskSizeGB": 64},
    }.items():
        body = edited(body, path, value)
    return body


@pytest.fixture
def made(api: Api) -> Api:
    api.version = NOW_KNOWN
    assert api.put(scale_set(), everything()).status == 201
    return api


def stored(path: str) -> Any:
    return get_field(ScaleSet.objects.get().document, *path.split("."))


def put_without(api: Api, *paths: str, version: str = NOW_KNOWN) -> None:
    """What a client does that gets, edits and puts."""
    api.version = version
    shown = api.get(scale_set()).body
    for path in paths:
        shown = without(shown, path)
    said = api.put(scale_set(), shown)
    assert said.status == 200, said


@pytest.mark.parametrize(
    "path",
    [
        "tags",
        "tags.a",
        "properties.overprovision",
        "properties.scaleInPolicy",
        "properties.scaleInPolicy.rules",
        "properties.additionalCapabilities",
        f"{UPGRADE}.rollingUpgradePolicy",
        f"{UPGRADE}.rollingUpgradePolicy.pauseTimeBetweenBatches",
        f"{UPGRADE}.automaticOSUpgradePolicy.disableAutomaticRollback",
        f"{PROFILE}.licenseType",
        f"{PROFILE}.diagnosticsProfile",
        f"{PROFILE}.diagnosticsProfile.bootDiagnostics.storageUri",
        f"{PROFILE}.storageProfile.osDisk.diskSizeGB",
    ],
)
def test_omitted_fields_are_removed(made: Api, path: str) -> None:
    """`az vmss update --remove X` exited with success, and removed nothing."""
    before = copy.deepcopy(ScaleSet.objects.get().document)
    assert stored(path) is not None
    put_without(made, path)
    assert stored(path) is None
    assert ScaleSet.objects.get().document == without(before, path), "and nothing else"
    assert get_field(made.get(scale_set()).body, *path.split(".")) in (None, {})


def test_the_switch_left_out_is_off(made: Api) -> None:
    """Less is done by itself, never more."""
    put_without(made, f"{UPGRADE}.automaticOSUpgradePolicy.enableAutomaticOSUpgrade")
    assert not ScaleSet.objects.get().automatic_upgrade
    assert (
        made.get(scale_set())["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"]
        is False
    )


@pytest.mark.parametrize(
    "path",
    [
        f"{UPGRADE}.automaticOSUpgradePolicy.osRollingUpgradeDeferral",
        f"{PROFILE}.storageProfile.imageReference",
        f"{PROFILE}.storageProfile.imageReference.publisher",
        f"{PROFILE}.storageProfile.osDisk",
        f"{PROFILE}.storageProfile",
        f"{PROFILE}.osProfile",
        f"{PROFILE}.osProfile.adminUsername",
        f"{PROFILE}.osProfile.linuxConfiguration",
        "sku",
        "sku.capacity",
        "properties",
        "properties.virtualMachineProfile",
    ],
)
def test_some_omitted_fields_stay(made: Api, path: str) -> None:
    """Azure's tools leave it out, a scale set cannot be without it, or it holds upgrades back."""
    before = ScaleSet.objects.get().document
    put_without(made, path)
    assert ScaleSet.objects.get().document == before


def test_fields_that_are_never_shown_stay(made: Api) -> None:
    before = ScaleSet.objects.get()
    put_without(made, "properties.overprovision")
    after = ScaleSet.objects.get()
    assert stored(f"{PROFILE}.userData") == "aHVudGVy" and stored(f"{PROFILE}.fromTheFuture") == {"a": 1}
    assert sealing.unseal(after.sealed_secrets) == sealing.unseal(before.sealed_secrets)


def test_fields_of_no_model_stay_since_clients_with_types_drop_them(made: Api) -> None:
    put_without(made, f"{PROFILE}.fromTheFuture")
    assert stored(f"{PROFILE}.fromTheFuture") == {"a": 1}


def test_fields_unknown_to_an_older_api_version_stay(made: Api) -> None:
    """A client of 2018 cannot send what has come since then."""
    unknown = ["properties.scaleInPolicy", "properties.additionalCapabilities"]
    put_without(made, *unknown, f"{PROFILE}.licenseType", version="2018-10-01")
    assert stored("properties.scaleInPolicy") == {"rules": ["OldestVM"]}
    assert stored("properties.additionalCapabilities") == {"ultraSSDEnabled": True}
    assert stored(f"{PROFILE}.licenseType") is None, "which is of 2017"


def test_an_api_version_of_the_future_counts_as_the_newest_known(made: Api) -> None:
    put_without(made, "properties.scaleInPolicy", version="2031-01-01")
    assert stored("properties.scaleInPolicy") is None


def test_a_null_is_as_good_as_left_out(made: Api) -> None:
    shown = made.get(scale_set()).body
    assert made.put(scale_set(), edited(shown, "properties.scaleInPolicy", None)).status == 200
    assert stored("properties.scaleInPolicy") is None


def test_an_omitted_extension_is_removed_with_its_secrets(made: Api) -> None:
    shown = made.get(scale_set()).body
    extensions = shown["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    kept = [extension for extension in extensions if extension["name"] != "script"]
    assert made.put(scale_set(), edited(shown, f"{PROFILE}.extensionProfile.extensions", kept)).status == 200
    assert "hunter2" not in str(
        [v for k, v in sealing.unseal(ScaleSet.objects.get().sealed_secrets).items() if "script" in k]
    )


def test_omitted_fields_of_a_lists_element_are_removed_too(made: Api) -> None:
    shown = made.get(scale_set()).body
    extensions = shown["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    (script,) = [extension for extension in extensions if extension["name"] == "script"]
    del script["properties"]["forceUpdateTag"]
    assert made.put(scale_set(), shown).status == 200
    (after,) = [
        extension for extension in stored(f"{PROFILE}.extensionProfile.extensions") if extension["name"] == "script"
    ]
    assert "forceUpdateTag" not in after["properties"]
    assert any("hunter2" in str(value) for value in sealing.unseal(ScaleSet.objects.get().sealed_secrets).values())


@pytest.mark.parametrize(
    "part",
    [
        {"location": "westeurope", "sku": {"name": "Standard_D2s_v3", "tier": "Standard", "capacity": 5}},
        {"location": "westeurope", "properties": {"upgradePolicy": {"mode": "Manual"}}},
        {"properties": {"overprovision": False}},
        {"tags": {"a": "b", "c": "d"}},
    ],
)
def test_a_document_without_its_machines_speaks_of_parts(made: Api, part: Json) -> None:
    """As `az vmss scale` sends it."""
    before = ScaleSet.objects.get().document
    assert made.put(scale_set(), part).status == 200
    after = ScaleSet.objects.get().document
    assert {**after, "sku": None} == {**before, "sku": None}


def test_removing_a_field_needs_the_right_to_change_it(made: Api) -> None:
    operator = Api(ApiClient.Role.OPERATOR, version=NOW_KNOWN)
    shown = made.get(scale_set()).body
    with nothing_changes():
        is_error(operator.put(scale_set(), without(shown, f"{PROFILE}.licenseType")), 403, "AuthorizationFailed")
    assert operator.put(scale_set(), without(shown, f"{UPGRADE}.rollingUpgradePolicy")).status == 200


def test_identities_missing_in_a_put_are_removed(api: Api) -> None:
    def named(*names: str) -> Json:
        return {"identity": {"type": "UserAssigned", "userAssignedIdentities": {f"/ids/{name}": {} for name in names}}}

    api.put(scale_set(), {**document(), **named("a", "b")})
    api.put(scale_set(), named("b", "c"))
    assert set(api.get(scale_set())["identity"]["userAssignedIdentities"]) == {"/ids/b", "/ids/c"}
    api.patch(scale_set(), named("d"))
    assert set(api.get(scale_set())["identity"]["userAssignedIdentities"]) == {"/ids/b", "/ids/c", "/ids/d"}


def test_omitted_fields_of_a_load_balancer_are_removed_too(api: Api) -> None:
    api.version = NOW_KNOWN
    probe = {"name": "p", "properties": {"protocol": "Http", "port": 80, "requestPath": "/", "numberOfProbes": 3}}
    lists = {"probes": [probe], "backendAddressPools": [{"name": "pool"}]}
    body = {"location": "westeurope", "tags": {"a": "b"}, "sku": {"name": "Standard"}, "properties": lists}
    assert api.put(load_balancer(), body).status == 201
    shown = api.get(load_balancer()).body
    assert api.put(load_balancer(), without(shown, "properties.backendAddressPools")).status == 200
    after = api.get(load_balancer())
    assert after["properties"]["backendAddressPools"] == [] and len(after["properties"]["probes"]) == 1
    assert after["tags"] == {"a": "b"} and after["sku"]["name"] == "Standard"
    shown = after.body
    del shown["properties"]["probes"][0]["properties"]["numberOfProbes"]
    assert api.put(load_balancer(), shown).status == 200
    assert "numberOfProbes" not in api.get(load_balancer())["properties"]["probes"][0]["properties"]
