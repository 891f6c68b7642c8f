"""Documents that were stored before today's rules: they can be read, put as they are, and changed elsewhere; and they are told of."""

from typing import Any

import pytest

from tests.arm.bodies import OFF, PROFILE
from tests.arm.client import Api, is_error, scale_set
from tests.stories import a_scale_set, document, edited, nothing_changes
from upgrades.models import ScaleSet

pytestmark = pytest.mark.django_db
HOOK = {"type": "UpgradeAutoOSScheduling", "waitDuration": "PT8H", "defaultAction": "Reject"}
ON = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}}
OLD: list[tuple[str, Any]] = [
    ("properties.automaticOSUpgradePolicy", {"enableAutomaticOSUpgrade": False}),
    ("properties.upgradePolicy.rollingUpgradePolicy", {"maxBatchInstancePercentage": 5}),
    ("fromTheFuture", [1, {"a": None}]),
    ("properties.upgradePolicy.mode", "Banana"),
    ("properties.lifecycleHooksProfile", {"lifecycleHooks": [HOOK]}),
    (
        f"{PROFILE}.extensionProfile.extensions",
        [{"name": n, "properties": {"publisher": "p", "type": "t"}} for n in "ab"],
    ),
    ("tags", {f"t{number}": "x" for number in range(60)}),
]


def stored(path: str, value: Any, *, automatic: bool = True) -> None:
    a_scale_set(instances=3, automatic=automatic)
    ScaleSet.objects.update(document=edited(document(automatic=automatic), path, value))


@pytest.mark.parametrize(("path", "value"), OLD)
def test_a_document_of_before_can_be_read_and_put_unchanged(api: Api, path: str, value: Any) -> None:
    stored(path, value)
    shown = api.get(scale_set())
    assert shown.status == 200
    with nothing_changes():
        assert api.put(scale_set(), shown.body).status == 200
    assert api.get(f"{scale_set()}/instanceView").status == api.get(f"{scale_set()}/preflight").status == 200


@pytest.mark.parametrize(("path", "value"), OLD)
def test_a_document_of_before_can_be_changed_elsewhere(api: Api, path: str, value: Any) -> None:
    stored(path, value)
    assert api.patch(scale_set(), {"sku": {"capacity": 5}}).status == 200
    assert api.patch(scale_set(), OFF).status == 200
    assert not ScaleSet.objects.get().automatic_upgrade


@pytest.mark.parametrize(("path", "value"), OLD[:5])
def test_a_document_of_before_gets_a_warning(api: Api, path: str, value: Any) -> None:
    stored(path, value)
    said = api.patch(scale_set(), {"tags": {"a": "b"}})
    assert "299 rollgrid" in said.headers["Warning"]
    lines = [check for check in api.get(f"{scale_set()}/preflight")["value"] if check["kind"] == "member"]
    assert [line["result"] for line in lines] == ["failed"] and lines[0]["target"].startswith(path)


def test_a_new_value_of_a_refused_field_is_refused(api: Api) -> None:
    stored(*OLD[0])
    with nothing_changes():
        given = {"properties": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}
        is_error(api.patch(scale_set(), given), 400, "BadRequest", "automaticOSUpgradePolicy")


def test_a_refused_field_can_be_removed(api: Api) -> None:
    stored(*OLD[0])
    assert api.patch(scale_set(), {"properties": {"automaticOSUpgradePolicy": None}}).status == 200
    assert "automaticOSUpgradePolicy" not in ScaleSet.objects.get().document["properties"]


def test_automatic_upgrades_are_not_turned_on_over_a_wish_to_be_asked(api: Api) -> None:
    stored(*OLD[4], automatic=False)
    with nothing_changes():
        is_error(api.patch(scale_set(), ON), 400, "BadRequest", "lifecycleHooks")


def test_a_signature_is_not_repeated_in_a_refusal(api: Api) -> None:
    path = "https://a.blob.core.windows.net/c?sig=hunter2&se=2020-01-01"
    body = edited(document(), f"{PROFILE}.networkProfile", {"healthProbe": {"id": path}})
    said = api.put(scale_set(), body)
    assert said.status == 400 and "hunter2" not in str(said.body)
