"""A process that takes a deployment further may die at any line: another one goes on, and the outcome is the same."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from tests.arm.client import Api
from tests.arm.deployments.templates import balancer, deploy, deployment, later, nested, probed, state, template
from upgrades.arm.deployments.running import advance
from upgrades.commands.deployments import HELD
from upgrades.models import Deployment, DeploymentOperation, LoadBalancer, ScaleSet

pytestmark = pytest.mark.django_db
WHOLE = template(
    balancer(),
    probed(),
    nested("inside", template(balancer("last")), dependsOn=["web"]),
    outputs={"probes": {"type": "int", "value": "[length(reference('lb').probes)]"}},
)
STEP = 7  # of the writes at which it dies: each would take seven times as long, and says no more
WRITES = ("INSERT", "UPDATE", "DELETE")


class Killed(BaseException):
    """Nothing that the process does after this reaches the database."""


def dying_at(number: int, writes: list[str]) -> Callable[..., Any]:
    """For `connection.execute_wrapper`: dies instead of this write, and notes those before."""

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(WRITES):
            writes.append(sql)
        if len(writes) >= number and not sql.startswith(("ROLLBACK", "RELEASE")):
            raise Killed
        return run(sql, params, many, context)

    return execute


def dies(number: int) -> bool:
    """Whether the process that looks at the deployment has died, rather than ended, before this write."""
    try:
        with connection.execute_wrapper(dying_at(number, [])):
            advance(Deployment.objects.get(name="first").pk)
    except Killed:
        return True
    return False


def test_a_deployment_survives_a_kill_at_each_write(fleet: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    number, after = 1, timedelta(0)
    while True:
        later(monkeypatch, after)
        assert deploy(fleet, WHOLE).status in (200, 201)
        has_died = dies(number)
        after += HELD + timedelta(seconds=1)
        later(monkeypatch, after)
        said = fleet.get(deployment())
        assert state(said) == "Succeeded", (number, said.body)
        assert said["properties"]["outputs"] == {"probes": {"type": "Int", "value": 1}}
        assert {row.name for row in LoadBalancer.objects.all()} == {"lb", "last"}
        assert ScaleSet.objects.get().probe_path == "/health"
        assert set(DeploymentOperation.objects.values_list("state", flat=True)) == {"Succeeded"}
        if not has_died:
            break
        ScaleSet.objects.all().delete()
        LoadBalancer.objects.all().delete()
        Deployment.objects.filter(name="inside").delete()
        number += STEP
    assert number > 3 * STEP  # it has died often
