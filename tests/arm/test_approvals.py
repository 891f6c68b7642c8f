"""POST approveRollingUpgrade, of a scale set and of a single instance (Z-1.13, Z-4.2, Z-4.3)."""

from typing import Any

import pytest

from tests.arm.client import Api, is_error, scale_set
from tests.commands.test_approvals import DEFERRAL, NEW, approved, waiting
from tests.stories import a_scale_set, document, edited, nothing_changes, snapshot_equals_events
from upgrades.models import Transition

pytestmark = pytest.mark.django_db
APPROVE = f"{scale_set()}/approveRollingUpgrade"
ONE = f"{scale_set()}/virtualMachines/3/approveRollingUpgrade"


def test_a_24_all_that_wait_are_approved_and_the_call_is_over_at_once(api: Api) -> None:
    waiting(4)
    with snapshot_equals_events():
        said = api.post(APPROVE)
    assert (said.status, said.body) == (202, None)
    assert {"Azure-AsyncOperation", "Location", "Retry-After"} <= set(said.headers)
    assert api.get(said.headers["Azure-AsyncOperation"])["status"] == "Succeeded"
    assert api.get(said.headers["Location"]).status == 200
    assert approved() == dict.fromkeys(range(4), NEW)
    assert Transition.objects.latest("pk").note == f"Approved for {NEW} by {api.name}."
    assert api.post(APPROVE).status == 202, "again"


@pytest.mark.parametrize("body", [{"instanceIds": ["1", "3"]}, {"INSTANCEIDS": ["3", "1", "1"]}])
def test_a_24_only_the_named_instances_are_approved(api: Api, body: dict[str, Any]) -> None:
    waiting()
    assert api.post(APPROVE, body).status == 202
    assert approved() == {1: NEW, 3: NEW}


def test_a_24_a_single_instance(api: Api) -> None:
    waiting()
    said = api.post(ONE)
    assert said.status == 202 and {"Azure-AsyncOperation", "Location"} <= set(said.headers)
    assert approved() == {3: NEW}
    is_error(api.post(f"{scale_set()}/virtualMachines/99/approveRollingUpgrade"), 404, "ResourceNotFound")


def test_a_24_instances_waiting_for_approval_say_so(api: Api) -> None:
    waiting(4)
    latest = api.get(f"{scale_set()}/rollingUpgrades/latest")["properties"]
    (reason,) = latest["reasons"]
    assert (reason["code"], reason["act"], reason["liftedBy"]) == ("WaitsForApproval", "approve", "operator")
    assert reason["instanceIds"] == ["0", "1", "2", "3"]
    assert (latest["runningStatus"]["code"], latest["progress"]["pendingInstanceCount"]) == ("RollingForward", 4)
    view = api.get(f"{scale_set()}/virtualMachines/3/instanceView")
    assert [held_by["code"] for held_by in view["reasons"]] == ["WaitsForApproval"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"instanceIds": ["1", "77"]}, "instanceId 77 is not an active Virtual Machine Scale Set VM instanceId"),
        ({"instanceIds": [1]}, "instanceId 1 is not an active"),
        ({"instanceIds": []}, "names no instance"),
        ({"instanceIds": None}, "names no instance"),
        ({"instanceIds": "1"}, "instanceIds must be a list"),
    ],
)
def test_a_24_a_request_without_instances_is_refused(api: Api, body: dict[str, Any], words: str) -> None:
    waiting()
    with nothing_changes():
        is_error(api.post(APPROVE, body), 400, "InvalidParameter", words)
        is_error(api.post(APPROVE, b"[]"), 400, "InvalidRequestContent")


def test_a_24_where_nothing_waits_for_approval(api: Api) -> None:
    a_scale_set()
    is_error(api.post(APPROVE), 409, "OperationNotAllowed", "its policy has no osRollingUpgradeDeferral")
    is_error(api.post(ONE), 409, "OperationNotAllowed", "its policy has no osRollingUpgradeDeferral")


def test_a_24_the_document_keeps_the_switch_without_a_warning(api: Api) -> None:
    body = edited(document(probe="/health"), DEFERRAL, True)
    said = api.put(scale_set(), body)
    assert said.status == 201 and "Warning" not in said.headers
    policy = api.get(scale_set())["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]
    assert policy["osRollingUpgradeDeferral"] is True
