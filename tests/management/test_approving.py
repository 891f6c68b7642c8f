"""approve and withdraw_approval, and what status and plan say of what waits for approval."""

import pytest

from tests.commands.test_approvals import NEW, approved, deferred_set, waiting
from tests.management.terminal import complains, run
from upgrades.management.base import user_name
from upgrades.models import Transition

pytestmark = pytest.mark.django_db


def test_approving_some_and_all() -> None:
    waiting(4)
    assert run("approve", "fleet/web", "--instances", "1", "3").out == f"approved for {NEW}: web_1, web_3"
    assert Transition.objects.latest("pk").note == f"Approved for {NEW} by {user_name()}."
    assert run("approve", "FLEET/web").out == f"approved for {NEW}: web_0, web_2"
    assert run("approve", "fleet/web").out == f"approved for {NEW}: none, because none of them waited for it"


def test_withdrawing_an_approval() -> None:
    waiting(4)
    run("approve", "fleet/web")
    assert run("withdraw_approval", "fleet/web", "--instances", "2").out == "approval withdrawn: web_2"
    assert run("withdraw_approval", "fleet/web").out == "approval withdrawn: web_0, web_1, web_3"
    assert approved() == {}
    nothing = "approval withdrawn: none, because none of them was approved and not yet taken"
    assert run("withdraw_approval", "fleet/web").out == nothing


@pytest.mark.parametrize("command", ["approve", "withdraw_approval"])
def test_unknown_instances_are_refused(command: str) -> None:
    with complains("ResourceNotFound: there is no scale set 'fleet/web'; there are: none yet"):
        run(command, "fleet/web")
    deferred_set()
    with complains("ResourceNotFound: fleet/web: no instance 10; its instances: 0 to 9"):
        run(command, "fleet/web", "--instances", "10")


def test_status_shows_waiting_instances_and_the_command_that_approves_them() -> None:
    waiting(4)
    said = run("status", "fleet/web").out
    assert f"now        4 instances are waiting for approval of the upgrade to {NEW}." in said
    assert "lifted by an operator: manage.py approve fleet/web\n" in said


def test_the_plan_goes_on_behind_the_approval() -> None:
    waiting(4)
    said = run("status", "fleet/web", "--plan").out
    assert "held now   WaitsForApproval: 4 instances are waiting for approval" in said
    assert "batch 4" in said
