"""Lists cost a constant number of queries, however long they are."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.arm.client import Api, group, load_balancer, scale_set
from tests.arm.test_rolling_upgrades import ended
from tests.stories import NOW, a_scale_set
from upgrades.commands.opt_outs import opt_out

pytestmark = pytest.mark.django_db
LISTS = [
    "/providers/Microsoft.Compute/virtualMachineScaleSets",
    f"{group()}/providers/Microsoft.Compute/virtualMachineScaleSets",
    "/providers/Microsoft.Compute/locations/westeurope/virtualMachineScaleSets",
    f"{scale_set('web0')}/virtualMachines",
    f"{scale_set('web0')}/virtualMachines?$expand=instanceView",
    f"{scale_set('web0')}/instanceView",
    f"{scale_set('web0')}/osUpgradeHistory",
    "/providers/Microsoft.Network/loadBalancers",
    f"{group()}/providers/Microsoft.Network/loadBalancers",
    "/resourceGroups",
    "/resources",
    "/locations",
    "/providers",
    "/providers/Microsoft.Compute/locations/westeurope/publishers",
]
MOST = 9


def queries(api: Api, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as caught:
        assert api.get(path).status == 200
    return len(caught)


def more(api: Api, numbers: range) -> None:
    for number in numbers:
        row = a_scale_set(f"web{number}", instances=0 if number else numbers.stop * 10)
        a_scale_set(f"web{number}", group=f"group{number}", instances=0)
        api.put(load_balancer(f"lb{number}"), {"location": "westeurope"})
        ended(row, NOW - timedelta(days=1))


def test_lists_cost_a_constant_number_of_queries(api: Api) -> None:
    more(api, range(0, 1))
    few = {path: queries(api, path) for path in LISTS}
    row = a_scale_set("web0b", instances=1)
    more(api, range(1, 12))
    for days in range(2, 9):
        ended(row, NOW - timedelta(days=days))
    opt_out("fleet/web0", [str(number) for number in range(5)], reason="r", owner="ada", now=NOW)
    assert {path: queries(api, path) for path in LISTS} == few
    assert max(few.values()) <= MOST, few
