"""POST start, restart, powerOff and deallocate, of a scale set and of single instances (Z-4.2, Z-4.3)."""

import pytest

from tests.arm.client import Api, is_error, scale_set
from tests.arm.test_instance_operations import all_done, begun
from tests.stories import NOW, a_batch, a_scale_set, nothing_changes, publish, snapshot_equals_events
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.upgrades import start
from upgrades.core.states import InstanceUpgradeState
from upgrades.models import AuditEntry, Instance, Location, RequestedOperation, RollingUpgrade

pytestmark = pytest.mark.django_db
NEW = "16.04.1"
ONE = f"{scale_set()}/virtualMachines/1"
ACTIONS = {
    "start": ("start", "PowerState/starting", "InstancesStarted"),
    "restart": ("restart", "PowerState/starting", "InstancesRestarted"),
    "powerOff": ("power_off", "PowerState/stopping", "InstancesPoweredOff"),
    "poweroff": ("power_off", "PowerState/stopping", "InstancesPoweredOff"),
    "deallocate": ("deallocate", "PowerState/deallocating", "InstancesDeallocated"),
}
each_action = pytest.mark.parametrize("action", ACTIONS)


def busy() -> dict[int, str]:
    return dict(Instance.objects.exclude(operation_kind="").values_list("number", "operation_kind"))


@each_action
def test_all_some_and_one(api: Api, action: str) -> None:
    a_scale_set(instances=3)
    kind, power, code = ACTIONS[action]
    with snapshot_equals_events():
        operation = begun(api.post(f"{scale_set()}/{action}"))
    assert busy() == dict.fromkeys(range(3), kind)
    assert api.get(operation)["status"] == "InProgress"
    statuses = api.get(f"{ONE}/instanceView")["statuses"]
    assert [status["code"] for status in statuses] == ["ProvisioningState/updating", power]
    assert api.get(ONE)["properties"]["provisioningState"] == "Updating"
    assert AuditEntry.objects.latest("pk").code == code
    all_done()
    assert api.get(operation)["status"] == "Succeeded"
    begun(api.post(f"{scale_set()}/{action}", {"instanceIds": ["0", "2"]}))
    begun(api.post(f"{ONE}/{action}"))
    assert busy() == dict.fromkeys(range(3), kind)


@each_action
def test_a_slip_is_refused(api: Api, action: str) -> None:
    a_scale_set()
    with nothing_changes():
        is_error(api.post(f"{scale_set()}/{action}", {"instanceIds": ["77"]}), 400, "InvalidParameter", "instanceId 77")
        is_error(api.post(f"{scale_set()}/{action}", {"instanceIds": []}), 400, "InvalidParameter", "names no instance")
        is_error(api.post(f"{scale_set()}/{action}", {"instances": ["1"]}), 400, "InvalidRequestContent", "'instances'")
        is_error(api.post(f"{ONE}/{action}", {"instanceIds": ["2"]}), 400, "InvalidRequestContent")
        is_error(api.post(f"{scale_set()}/virtualMachines/99/{action}"), 404, "ResourceNotFound")
        is_error(api.post(f"{scale_set('nobody')}/{action}"), 404, "ResourceNotFound")
        is_error(api.post(f"{scale_set()}/{action}?dryRun=true&api-version=2024-11-01"), 400, "InvalidParameter")


@each_action
def test_an_instance_in_a_batch_is_not_switched(api: Api, action: str) -> None:
    a_scale_set()
    publish(NEW)
    start("fleet/web", "ada", NOW)
    a_batch(RollingUpgrade.objects.get(), {1: InstanceUpgradeState.VERIFYING})
    with nothing_changes():
        for path, body in ((ONE, None), (scale_set(), None), (scale_set(), {"instanceIds": ["1"]})):
            is_error(api.post(f"{path}/{action}", body), 409, "OperationNotAllowed", "in the running batch")
    begun(api.post(f"{scale_set()}/{action}", {"instanceIds": ["2"]}))


@each_action
def test_power_of_a_single_instance_is_not_held_by_an_opt_out(api: Api, action: str) -> None:
    """Acts on a scale set are: Azure's protectFromScaleSetActions (Z-1.11)."""
    a_scale_set(instances=3)
    opt_out("fleet/web", ["1"], reason="the demo", owner="ada", now=NOW)
    said = api.post(f"{scale_set()}/{action}", {"instanceIds": ["1"]})
    is_error(said, 409, "OperationNotAllowed", "opted out by ada")
    begun(api.post(f"{scale_set()}/{action}"))
    assert set(busy()) == {0, 2}
    begun(api.post(f"{ONE}/{action}"))


@each_action
def test_a_provider_that_does_not_switch_machines(api: Api, action: str) -> None:
    a_scale_set()
    Location.objects.update(switches_machines=False)
    with nothing_changes():
        is_error(api.post(f"{ONE}/{action}"), 409, "OperationNotAllowed", "does not switch machines on and off")


def test_machines_that_are_off_are_not_restarted(api: Api) -> None:
    """Who restarts a scale set does not start what a person has switched off."""
    a_scale_set(instances=3)
    Instance.objects.filter(number=1).update(power="deallocated")
    is_error(api.post(f"{ONE}/restart"), 409, "OperationNotAllowed", "are off")
    begun(api.post(f"{scale_set()}/restart"))
    assert set(busy()) == {0, 2}


def test_power_off_may_skip_the_shutdown(api: Api) -> None:
    a_scale_set(instances=3)
    begun(api.post(f"{ONE}/powerOff?skipShutdown=true&api-version=2024-11-01"))
    begun(api.post(f"{scale_set()}/virtualMachines/2/powerOff?skipShutdown=false&api-version=2024-11-01"))
    assert dict(RequestedOperation.objects.values_list("number", "skip_shutdown")) == {1: True, 2: False}
    said = api.post(f"{scale_set()}/virtualMachines/0/powerOff?skipShutdown=yes&api-version=2024-11-01")
    is_error(said, 400, "InvalidParameter", "skipshutdown is true or false")


def test_nothing_is_hibernated(api: Api) -> None:
    a_scale_set()
    said = api.post(f"{ONE}/deallocate?hibernate=true&api-version=2024-11-01")
    is_error(said, 400, "InvalidParameter", "not hibernated")
    begun(api.post(f"{ONE}/deallocate?hibernate=false&api-version=2024-11-01"))


def test_a_deallocated_machine_is_shown_so(api: Api) -> None:
    a_scale_set(instances=3)
    Instance.objects.filter(number=1).update(power="deallocated")
    (_, power) = api.get(f"{ONE}/instanceView")["statuses"]
    assert (power["code"], power["displayStatus"]) == ("PowerState/deallocated", "VM deallocated")
    summary = api.get(f"{scale_set()}/instanceView")["virtualMachine"]["statusesSummary"]
    assert {"code": "PowerState/deallocated", "count": 1} in summary
    wanted = "startswith(instanceView/statuses/code, 'PowerState/deallocated') eq true"
    found = api.get(f"{scale_set()}/virtualMachines?$filter={wanted}")["value"]
    assert [each["instanceId"] for each in found] == ["1"]
