"""POST reimage, reimageall and delete, of a scale set and of single instances (Z-4.2, Z-4.3)."""

from typing import Any

import pytest

from tests.arm.client import Api, Said, is_error, scale_set
from tests.stories import (
    FIRST_VERSION,
    NOW,
    UBUNTU,
    a_batch,
    a_scale_set,
    document,
    nothing_changes,
    publish,
    snapshot_equals_events,
)
from upgrades.commands.images import withdraw_image
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.upgrades import start
from upgrades.core.facts import ImageReference
from upgrades.core.states import InstanceUpgradeState, OperationKind
from upgrades.models import ApiClient, AuditEntry, Instance, RequestedOperation, RollingUpgrade, ScaleSet, WorkItem

pytestmark = pytest.mark.django_db
NEW = "16.04.1"
ONE = f"{scale_set()}/virtualMachines/1"


def operations(kind: str) -> dict[int, str]:
    """{number of an instance with such an operation: its version}"""
    return dict(Instance.objects.filter(operation_kind=kind).values_list("number", "operation_version"))


def begun(said: Said) -> str:
    """Where the client asks how far it is."""
    assert (said.status, said.body) == (202, None), said
    assert {"Azure-AsyncOperation", "Location", "Retry-After"} <= set(said.headers)
    return said.headers["Azure-AsyncOperation"]


def all_done() -> None:
    """As a worker would write it."""
    Instance.objects.filter(operation_kind=OperationKind.DELETE).delete()
    Instance.objects.update(operation_id=None, operation_kind="", operation_version="", work_item=None)


def without_data_disks(**changes: Any) -> ScaleSet:
    row = a_scale_set(**changes)
    Instance.objects.update(data_disks=[])
    return row


# --- reimage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["reimage", "reimageall", "REIMAGE", "reimageAll"])
@pytest.mark.parametrize("body", [None, {}, {"instanceIds": ["*"]}])
def test_all_are_reimaged(api: Api, action: str, body: Any) -> None:
    without_data_disks(instances=3)
    with snapshot_equals_events():
        operation = begun(api.post(f"{scale_set()}/{action}", body))
    assert operations("reimage") == dict.fromkeys(range(3), FIRST_VERSION)
    assert WorkItem.objects.count() == 1
    assert api.get(operation)["status"] == "InProgress"
    view = api.get(f"{ONE}/instanceView")
    assert [status["code"] for status in view["statuses"]] == ["ProvisioningState/updating", "PowerState/running"]
    assert view["vmHealth"]["status"]["code"] == "HealthState/initializing", "it counts as one that is down"
    all_done()
    assert api.get(operation)["status"] == "Succeeded"


def test_the_named_instances_are_reimaged(api: Api) -> None:
    """What `az vmss reimage --instance-ids` sends is reimageall."""
    without_data_disks()
    begun(api.post(f"{scale_set()}/reimageall", {"instanceIds": ["3", "1", "1"]}))
    assert set(operations("reimage")) == {1, 3}
    entry = AuditEntry.objects.latest("pk")
    assert (entry.code, entry.says) == ("InstancesReimaged", "Began to reimage instances 1 3.")


@pytest.mark.parametrize("action", ["reimage", "reimageall"])
def test_a_single_instance_is_reimaged(api: Api, action: str) -> None:
    without_data_disks()
    begun(api.post(f"{ONE}/{action}"))
    assert set(operations("reimage")) == {1}
    is_error(api.post(f"{scale_set()}/virtualMachines/99/{action}"), 404, "ResourceNotFound")
    is_error(api.post(f"{scale_set('nobody')}/virtualMachines/1/{action}"), 404, "ResourceNotFound")
    is_error(api.post(f"{ONE}/{action}", {"instanceIds": ["2"]}), 400, "InvalidRequestContent", "instanceIds")


def test_data_disks_are_never_made_anew(api: Api) -> None:
    a_scale_set()
    with nothing_changes():
        for path, body in ((scale_set(), {"instanceIds": ["0", "2"]}), (scale_set(), None), (ONE, None)):
            is_error(api.post(f"{path}/reimageall", body), 409, "OperationNotAllowed", "data disks of instances")
    begun(api.post(f"{scale_set()}/reimage", {"instanceIds": ["0", "2"]}))


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (
            {"instanceIds": ["1", "77"]},
            "InvalidParameter",
            "instanceId 77 is not an active Virtual Machine Scale Set VM",
        ),
        ({"instanceIds": []}, "InvalidParameter", "names no instance"),
        ({"instanceIds": None}, "InvalidParameter", "names no instance"),
        ({"instanceIds": "1"}, "InvalidParameter", "must be a list"),
        ({"instanceIDs": ["1"], "instanceIds": ["2"]}, "InvalidRequestContent", "twice"),
        ({"instances": ["1"]}, "InvalidRequestContent", "'instances'"),
        ({"tempDisk": True}, "InvalidParameter", "tempDisk is not done here"),
        ({"forceUpdateOSDiskForEphemeral": True}, "InvalidParameter", "ephemeral"),
        ({"osProfile": {"adminPassword": "x"}}, "InvalidParameter", "scale set's model"),
        ({"exactVersion": "9.9.9"}, "InvalidParameter", "9.9.9 is not published"),
        ({"exactVersion": 1}, "InvalidParameter", "exactVersion must be a string"),
    ],
)
def test_a_slip_or_an_unknown_wish_is_refused(api: Api, body: dict[str, Any], code: str, words: str) -> None:
    a_scale_set()
    with nothing_changes():
        is_error(api.post(f"{scale_set()}/reimage", body), 400, code, words)
        is_error(api.post(f"{scale_set()}/reimage", b"[]"), 400, "InvalidRequestContent")


def test_a_wish_that_is_false_is_taken(api: Api) -> None:
    a_scale_set()
    begun(api.post(f"{ONE}/reimage", {"tempDisk": False, "forceUpdateOSDiskForEphemeral": None}))


# --- the version of the new disk --------------------------------------------------------------------------------------


def test_a_reimage_is_no_upgrade(api: Api) -> None:
    """Whatever holds the newer version back holds: here that nobody has approved or started it."""
    a_scale_set(automatic=False)
    publish(NEW)
    begun(api.post(f"{ONE}/reimage"))
    begun(api.post(f"{scale_set()}/reimage", {"instanceIds": ["2"], "exactVersion": NEW}))
    assert operations("reimage") == {1: FIRST_VERSION, 2: NEW}


def test_a_withdrawn_or_unknown_version_is_left(api: Api) -> None:
    a_scale_set(instances=3, automatic=False)
    publish(NEW)
    withdraw_image(ImageReference(*UBUNTU, NEW), NOW, by="ada", reason="bad")
    Instance.objects.filter(number=0).update(version=NEW)
    Instance.objects.filter(number=1).update(version="", half_made=True)
    begun(api.post(f"{scale_set()}/reimage"))
    assert operations("reimage") == dict.fromkeys(range(3), FIRST_VERSION)
    all_done()
    is_error(api.post(f"{ONE}/reimage", {"exactVersion": NEW}), 400, "InvalidParameter", "was withdrawn")


def test_a_pinned_set_is_reimaged_to_its_version(api: Api) -> None:
    publish(NEW)
    a_scale_set(model=document(automatic=False, version=NEW, capacity=10))
    begun(api.post(f"{ONE}/reimage"))
    assert operations("reimage") == {1: NEW}
    said = api.post(f"{scale_set()}/virtualMachines/2/reimage", {"exactVersion": FIRST_VERSION})
    is_error(said, 409, "OperationNotAllowed", f"pinned to {NEW}")


# --- who is touched ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["reimage", "delete"])
def test_an_instance_in_a_batch_is_not_touched(api: Api, action: str) -> None:
    without_data_disks()
    publish(NEW)
    start("fleet/web", "ada", NOW)
    a_batch(RollingUpgrade.objects.get(), {0: InstanceUpgradeState.UPGRADING, 1: InstanceUpgradeState.SUCCEEDED})
    with nothing_changes():
        for body in ({"instanceIds": ["1", "5"]}, {"instanceIds": ["*"]}):
            said = api.post(f"{scale_set()}/{action}", body)
            is_error(said, 409, "OperationNotAllowed", "in the running batch of the upgrade", NEW)
    begun(api.post(f"{scale_set()}/{action}", {"instanceIds": ["5"]}))


def test_opted_out_instances_are_left_out_and_refused_by_name(api: Api) -> None:
    a_scale_set(instances=3)
    opt_out("fleet/web", ["1"], reason="the demo", owner="ada", now=NOW)
    with nothing_changes():
        for path, body in ((f"{scale_set()}/reimage", {"instanceIds": ["0", "1"]}), (f"{ONE}/reimage", None)):
            is_error(api.post(path, body), 409, "OperationNotAllowed", "opted out by ada", "the demo")
    begun(api.post(f"{scale_set()}/reimage"))
    assert set(operations("reimage")) == {0, 2}


def test_instances_that_are_off_or_missing_are_left_out(api: Api) -> None:
    a_scale_set(instances=4)
    Instance.objects.filter(number=0).update(power="stopped")
    Instance.objects.filter(number=1).update(missing_since=NOW)
    begun(api.post(f"{scale_set()}/reimage"))
    assert set(operations("reimage")) == {2, 3}
    is_error(api.post(f"{ONE}/reimage"), 409, "OperationNotAllowed", "have no machine")
    begun(api.post(f"{scale_set()}/virtualMachines/0/reimage"))


def test_an_instance_that_is_being_changed_is_refused(api: Api) -> None:
    a_scale_set()
    begun(api.post(f"{ONE}/reimage"))
    with nothing_changes():
        is_error(api.post(f"{ONE}/reimage"), 409, "OperationNotAllowed", "being changed already (reimage)")
        is_error(api.delete(ONE), 409, "OperationNotAllowed", "being changed already (reimage)")


def test_a_request_with_nothing_to_do_is_over_at_once(api: Api) -> None:
    a_scale_set(instances=1)
    opt_out("fleet/web", ["0"], reason="the demo", owner="ada", now=NOW)
    assert api.get(begun(api.post(f"{scale_set()}/reimage")))["status"] == "Succeeded"


def test_viewers_may_not_and_only_admins_delete(api: Api) -> None:
    a_scale_set()
    viewer, operator = Api(ApiClient.Role.VIEWER), Api(ApiClient.Role.OPERATOR)
    is_error(viewer.post(f"{ONE}/reimage"), 403, "AuthorizationFailed")
    is_error(operator.post(f"{scale_set()}/delete", {"instanceIds": ["1"]}), 403, "AuthorizationFailed")
    is_error(operator.delete(ONE), 403, "AuthorizationFailed")
    begun(operator.post(f"{ONE}/reimage"))


# --- what becomes of it -----------------------------------------------------------------------------------------------


def test_a_failure_is_told(api: Api) -> None:
    a_scale_set()
    said = api.post(f"{scale_set()}/reimage", {"instanceIds": ["1", "2"]})
    operation = begun(said)
    RequestedOperation.objects.filter(number=2).update(error_code="OSProvisioningTimedOut", error_message="Too late.")
    all_done()
    answer = api.get(operation)
    assert answer["status"] == "Failed"
    assert answer["error"]["code"] == "OSProvisioningTimedOut"
    assert answer["error"]["message"] == "reimage failed on instances 2. Too late."
    assert [detail["target"] for detail in answer["error"]["details"]] == ["2"]
    is_error(api.get(said.headers["Location"]), 409, "OSProvisioningTimedOut")


def test_a_scale_set_that_goes_takes_the_operation_with_it(api: Api) -> None:
    a_scale_set()
    operation = begun(api.post(f"{scale_set()}/reimage"))
    ScaleSet.objects.all().delete()
    assert api.get(operation)["status"] == "Canceled"


# --- delete -----------------------------------------------------------------------------------------------------------


def test_the_capacity_follows_deleted_instances(api: Api) -> None:
    a_scale_set(instances=5)
    with snapshot_equals_events():
        operation = begun(api.post(f"{scale_set()}/delete?forceDeletion=true", {"instanceIds": ["1", "3"]}))
    assert set(operations("delete")) == {1, 3}
    row = ScaleSet.objects.get()
    assert (row.capacity, row.document["sku"]["capacity"]) == (3, 3)
    assert api.get(scale_set())["sku"]["capacity"] == 3
    assert api.get(ONE)["properties"]["provisioningState"] == "Deleting"
    assert api.get(operation)["status"] == "InProgress"
    entry = AuditEntry.objects.latest("pk")
    assert (entry.code, entry.before, entry.after["capacity"]) == ("InstancesDeleted", {"capacity": 5}, 3)
    begun(api.post(f"{scale_set()}/delete", {"instanceIds": ["1"]})), "again"
    assert ScaleSet.objects.get().capacity == 3
    all_done()
    assert api.get(operation)["status"] == "Succeeded"
    is_error(api.get(ONE), 404, "ResourceNotFound")


def test_a_single_instance_is_deleted(api: Api) -> None:
    a_scale_set(instances=5)
    begun(api.delete(f"{ONE}?forceDeletion=true&api-version=2024-11-01"))
    assert set(operations("delete")) == {1} and ScaleSet.objects.get().capacity == 4
    assert api.delete(f"{scale_set()}/virtualMachines/99").status == 204
    is_error(api.delete(f"{scale_set('nobody')}/virtualMachines/1"), 404, "ResourceNotFound")


def test_all_are_deleted(api: Api) -> None:
    a_scale_set(instances=3)
    begun(api.post(f"{scale_set()}/delete", {"instanceIds": ["*"]}))
    assert len(operations("delete")) == 3 and ScaleSet.objects.get().capacity == 0


def test_surplus_instances_are_deleted_without_lowering_the_capacity(api: Api) -> None:
    a_scale_set(instances=5)
    ScaleSet.objects.update(capacity=4)
    begun(api.post(f"{scale_set()}/delete", {"instanceIds": ["1", "3"]}))
    assert ScaleSet.objects.get().capacity == 3


def test_protected_instances_are_not_deleted(api: Api) -> None:
    a_scale_set(instances=5)
    opt_out("fleet/web", ["2"], reason="the demo", owner="ada", now=NOW)
    Instance.objects.filter(number=3).update(protected_from_scale_in=True)
    with nothing_changes():
        for ids, words in ((["1", "2"], "opted out by ada"), (["3"], "protected from scale-in"), (["*"], "opted out")):
            is_error(api.post(f"{scale_set()}/delete", {"instanceIds": ids}), 409, "OperationNotAllowed", words)
        is_error(api.delete(f"{scale_set()}/virtualMachines/3"), 409, "OperationNotAllowed", "protected from scale-in")
        is_error(
            api.post(f"{scale_set()}/delete", {"instanceIds": ["1", "77"]}), 400, "InvalidParameter", "instanceId 77"
        )
        nothing: tuple[Any, ...] = (None, {})
        for body in nothing:
            is_error(api.post(f"{scale_set()}/delete", body), 400, "InvalidParameter", "instanceIds is required")


# --- by name ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/forceRecoveryServiceFabricPlatformUpdateDomainWalk?platformUpdateDomain=0&", "Service Fabric"),
        ("/convertToSinglePlacementGroup?", "placement groups"),
        ("/setOrchestrationServiceState?", "automatic repairs"),
        ("/redeploy?", "hosts"),
        ("/reapply?", "reimage"),
        ("/performMaintenance?", "maintenance"),
        ("/migrateVMAvailabilityZone?", "zone"),
        ("/virtualMachines/1/runCommand?", "nothing is run on machines"),
        ("/virtualMachines/1/redeploy?", "hosts"),
        ("/virtualMachines/1/performMaintenance?", "maintenance"),
        ("/virtualMachines/1/simulateEviction?", "Spot"),
    ],
)
def test_actions_are_refused_by_name(api: Api, path: str, why: str) -> None:
    a_scale_set()
    with nothing_changes():
        said = api.post(f"{scale_set()}{path}api-version=2026-04-01", {})
        is_error(said, 400, "ActionNotSupported", why, "Nothing was done")


def test_run_commands_are_listed(api: Api) -> None:
    a_scale_set()
    at = "/providers/Microsoft.Compute/locations/westeurope/runCommands"
    assert [each["id"] for each in api.get(at)["value"]] == ["RunShellScript", "RunPowerShellScript"]
    assert api.get(f"{at}/runshellscript")["osType"] == "Linux"
    is_error(api.get(f"{at}/nonsense"), 404, "NotFound", "RunShellScript")
    assert api.get(f"{ONE}/runCommands?$expand=instanceView")["value"] == []
