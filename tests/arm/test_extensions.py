"""Extensions of scale sets as resources of their own, and those of instances."""

from typing import Any

import pytest

from tests.arm.client import Api, Json, is_error, scale_set
from tests.stories import a_scale_set, document, everything_stored, nothing_changes
from upgrades.models import ApiClient, Instance, ScaleSet, sealing

pytestmark = pytest.mark.django_db
ALL = f"{scale_set()}/extensions"
ONE = f"{ALL}/script"
OF_AN_INSTANCE = f"{scale_set()}/virtualMachines/1/extensions"


def script(version: str = "2.1", **more: Any) -> Json:
    return {
        "properties": {
            "publisher": "Microsoft.Azure.Extensions",
            "type": "CustomScript",
            "typeHandlerVersion": version,
            **more,
        }
    }


def of_model(api: Api) -> list[Json]:
    profile = api.get(scale_set())["properties"]["virtualMachineProfile"]
    found: list[Json] = profile.get("extensionProfile", {}).get("extensions", [])
    return found


def test_an_extension_is_the_same_as_in_the_scale_sets_document(api: Api) -> None:
    a_scale_set(probe="/health")
    said = api.put(ONE, script(settings={"commandToExecute": "x"}))
    assert said.status == 201 and "Azure-AsyncOperation" in said.headers
    shown = said.body
    assert shown["id"] == f"/subscriptions/{api.subscription}{ONE}"
    assert (shown["name"], shown["type"]) == ("script", "Microsoft.Compute/virtualMachineScaleSets/extensions")
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert api.get(ONE).body == shown
    assert [each["name"] for each in api.get(ALL)["value"]] == ["health", "script"]
    health, its = of_model(api)
    assert its == {"name": "script", **script(settings={"commandToExecute": "x"}, autoUpgradeMinorVersion=False)}
    assert api.get(f"{ALL}/HEALTH")["properties"]["type"] == health["properties"]["type"]
    assert api("HEAD", ONE).status == 204


def test_a_put_replaces_and_a_patch_merges(api: Api) -> None:
    a_scale_set()
    api.put(ONE, script(autoUpgradeMinorVersion=True, settings={"a": 1}))
    said = api.patch(ONE, {"properties": {"settings": {"b": 2}}})
    assert said.status == 200 and said["properties"]["autoUpgradeMinorVersion"] is True
    assert said["properties"]["settings"] == {"b": 2}
    said = api.put(ONE, script("2.2"))
    assert said.status == 200
    assert of_model(api) == [{"name": "script", **script("2.2", autoUpgradeMinorVersion=False)}]


def test_a_shown_extension_changes_nothing_when_put(api: Api) -> None:
    a_scale_set(probe="/health")
    api.put(ONE, script(autoUpgradeMinorVersion="true", typeHandlerVersion=2.1))
    shown, before = api.get(ONE).body, everything_stored()
    assert shown["properties"]["autoUpgradeMinorVersion"] is True and shown["properties"]["typeHandlerVersion"] == "2.1"
    said = api.put(ONE, shown)
    assert (said.status, said.body) == (200, shown) and "Azure-AsyncOperation" not in said.headers
    assert everything_stored() == before


def test_secrets_stay_and_are_never_shown(api: Api) -> None:
    a_scale_set()
    said = api.put(ONE, script(protectedSettings={"key": "hunter2"}))
    assert "hunter2" not in str(said.body) and "protectedSettings" not in said["properties"]

    def hidden() -> list[Any]:
        return list(sealing.unseal(ScaleSet.objects.get().sealed_secrets).values())

    api.put(ONE, script("2.2"))
    assert hidden() == [{"key": "hunter2"}]
    api.patch(ONE, {"properties": {"protectedSettings": None}})
    assert hidden() == []


def test_an_extension_is_taken_out_of_the_model(api: Api) -> None:
    a_scale_set(probe="/health")
    api.put(ONE, script())
    assert api.delete(ONE).status == 200
    assert [each["name"] for each in of_model(api)] == ["health"]
    with nothing_changes():
        assert api.delete(ONE).status == 204
        is_error(api.get(ONE), 404, "ResourceNotFound", "script")
        is_error(api.patch(ONE, script()), 404, "ResourceNotFound", "script")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"name": "other", **script()}, "InvalidParameter", "script"),
        ({}, "InvalidParameter", "properties"),
        (script()["properties"], "InvalidParameter", "properties"),
        (script(provisionAfterExtensions=["nobody"]), "InvalidParameter", "nobody"),
        (
            {"properties": {**script()["properties"], "autoUpgradeMinorVersion": "maybe"}},
            "InvalidParameter",
            "true or false",
        ),
    ],
)
def test_a_wrong_extension_is_refused(api: Api, body: Json, code: str, words: str) -> None:
    a_scale_set()
    with nothing_changes():
        is_error(api.put(ONE, body), 400, code, words)


def test_an_extension_that_another_waits_for_stays(api: Api) -> None:
    a_scale_set()
    api.put(ONE, script())
    api.put(f"{ALL}/more", {"properties": {"publisher": "p", "type": "t", "provisionAfterExtensions": ["script"]}})
    with nothing_changes():
        is_error(api.delete(ONE), 400, "InvalidParameter", "script", "provisionAfterExtensions")


def test_an_operator_changes_no_extension(api: Api) -> None:
    a_scale_set(probe="/health")
    operator = Api(ApiClient.Role.OPERATOR)
    for said in (operator.put(ONE, script()), operator.patch(f"{ALL}/health", {}), operator.delete(f"{ALL}/health")):
        is_error(said, 403, "AuthorizationFailed")
    assert operator.get(ALL).status == 200


def test_an_etag_is_that_of_the_scale_set(api: Api) -> None:
    a_scale_set()
    etag = api.put(ONE, script()).headers["ETag"]
    assert etag == api.get(scale_set()).headers["ETag"]
    api.patch(scale_set(), {"tags": {"a": "b"}})
    with nothing_changes():
        is_error(api.put(ONE, script("3"), if_match=etag), 412, "PreconditionFailed")
        is_error(api.delete(ONE, if_match=etag), 412, "PreconditionFailed")


def test_an_extension_of_no_scale_set(api: Api) -> None:
    a_scale_set()
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        path = f"{scale_set('other')}/extensions/script"
        is_error(api(method, path, script() if method in ("PUT", "PATCH") else None), 404, "ResourceNotFound", "other")


# --- of instances -----------------------------------------------------------------------------------------------------


def test_extensions_of_an_instance_come_from_its_machine(api: Api) -> None:
    a_scale_set(probe="/health", extensions=[{"name": "script", **script("2.2", settings={"a": 1})}])
    on_it = [{"name": "script", "state": "failed", "message": "no", "version": "2.1"}]
    Instance.objects.filter(number=1).update(extensions=on_it)
    (shown,) = api.get(OF_AN_INSTANCE)["value"]
    assert shown == {
        "id": f"/subscriptions/{api.subscription}{OF_AN_INSTANCE}/script",
        "name": "script",
        "type": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/extensions",
        "location": "westeurope",
        "properties": {
            "publisher": "Microsoft.Azure.Extensions",
            "type": "CustomScript",
            "autoUpgradeMinorVersion": False,
            "typeHandlerVersion": "2.1",
            "settings": {"a": 1},
            "provisioningState": "Failed",
        },
    }
    assert api.get(f"{OF_AN_INSTANCE}/SCRIPT").body == shown
    assert api.get(f"{scale_set()}/virtualMachines/1")["resources"] == [shown]
    expanded = api.get(f"{OF_AN_INSTANCE}/script?$expand=instanceView")["properties"]["instanceView"]
    assert expanded["type"] == "Microsoft.Azure.Extensions.CustomScript"
    assert expanded["statuses"][0]["message"] == "no"
    assert expanded in api.get(f"{scale_set()}/virtualMachines/1/instanceView")["extensions"]
    is_error(api.get(f"{OF_AN_INSTANCE}/health"), 404, "ResourceNotFound", "health")


def test_an_extension_of_one_instance_alone_is_refused_by_name(api: Api) -> None:
    """Not with 404, which clients take for "gone already"."""
    a_scale_set(model=document(capacity=10))
    with nothing_changes():
        for method in ("PUT", "PATCH", "DELETE"):
            said = api(method, f"{OF_AN_INSTANCE}/script", script() if method != "DELETE" else None)
            is_error(said, 400, "ActionNotSupported", "script", "manualupgrade")
