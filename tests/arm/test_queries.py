"""Lists cost a constant number of queries, however long they are."""

import uuid
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from tests.arm.attempts import ended
from tests.arm.client import Api, group, load_balancer, scale_set
from tests.arm.networks import store
from tests.stories import FIRST_VERSION, NOW, a_scale_set, publish
from upgrades.arm.urls import urlpatterns
from upgrades.commands.opt_outs import opt_out
from upgrades.core.resource_kinds import KINDS, LOAD_BALANCER
from upgrades.models import Deployment, DeploymentOperation, ImageSku, Location, ScaleSet

pytestmark = pytest.mark.django_db
SETS = "/providers/Microsoft.Compute/virtualMachineScaleSets"
BALANCERS = "/providers/Microsoft.Network/loadBalancers"
DEPLOYMENTS = "/providers/Microsoft.Resources/deployments"
NETWORKS = "/providers/Microsoft.Network/virtualNetworks"
L = "/providers/Microsoft.Compute/locations/westeurope"
SINCE = quote("eventTimestamp ge '2018-09-01T00:00:00Z'")
OFFERS = f"{L}/publishers/Canonical/artifacttypes/vmimage/offers"
SKUS = f"{OFFERS}/UbuntuServer/skus"
WEB = scale_set("web0")
ONE = f"{WEB}/virtualMachines/0"
LB = load_balancer("lb0")
ACTIONS = ("reimage", "reimageall", "start", "restart", "powerOff", "deallocate")  # of all instances, and of one
FIXED = [
    "http://testserver/providers/Microsoft.Compute/operations?api-version=2018-10-01",
    "http://testserver/tenants?api-version=2022-12-01",
    "http://testserver/subscriptions?api-version=2022-12-01",
]
LISTS = [
    *FIXED,
    "/locations",
    "/providers",
    "/resources",
    "/resourceGroups",
    f"{group()}/resources",
    SETS,
    f"{group()}{SETS}",
    f"{L}/virtualMachineScaleSets",
    f"{WEB}/virtualMachines",
    f"{WEB}/virtualMachines?$expand=instanceView",
    f"{WEB}/instanceView",
    f"{WEB}/preflight",
    f"{WEB}/osUpgradeHistory",
    BALANCERS,
    f"{group()}{BALANCERS}",
    f"{LB}/probes",
    DEPLOYMENTS,
    f"{group()}{DEPLOYMENTS}",
    f"{group()}{DEPLOYMENTS}/d0/operations",
    f"{group()}/deployments/d0/operations",
    f"{DEPLOYMENTS}/d0/operations",
    "/deployments/d0/operations",
    NETWORKS,
    f"{group()}{NETWORKS}",
    f"/providers/microsoft.insights/eventtypes/management/values?$filter={SINCE}",
    f"{L}/publishers",
    OFFERS,
    SKUS,
    f"{SKUS}/16.04-LTS/versions",
    f"{SKUS}/16.04-LTS/versions?$expand=properties",
]
# The same code answers for all kinds of stored resources, and for all their parts.
OF_OTHER_KINDS = [
    *(f"{place}/providers/{kind.type}" for kind in KINDS[1:] for place in ("", group())),
    *(f"{group()}/providers/{kind.type}/mine" for kind in KINDS[1:]),
    *(
        f"{group()}/providers/{kind.type}/mine/{part}"
        for kind in KINDS
        for part in kind.parts
        if not (kind == LOAD_BALANCER and part == "probes")
    ),
    *(f"{group()}/providers/{kind.type}/mine/{part}/its" for kind in KINDS for part in kind.parts),
]
# All other paths that the API has: what answers there is one thing.
OTHERS = [
    *(path for path in OF_OTHER_KINDS if NETWORKS not in path or "/mine" in path),
    "http://testserver/metadata/endpoints",
    "http://testserver/t/v2.0/.well-known/openid-configuration",
    "http://testserver/t/.well-known/openid-configuration",
    "http://testserver/discovery/v2.0/keys",
    "http://testserver/discovery/keys",
    "http://testserver/t/discovery/v2.0/keys",
    "http://testserver/t/discovery/keys",
    "http://testserver/t/discovery/instance",
    "http://testserver/t/oauth2/v2.0/token",
    "http://testserver/t/oauth2/token",
    "http://testserver/t/oauth2/v2.0/authorize",
    "http://testserver/t/oauth2/authorize",
    "",
    "/providers/Microsoft.Compute",
    "/providers/Microsoft.Compute/register",
    *(f"/providers/{namespace}/checkNameAvailability" for namespace in ("Microsoft.Storage", "Microsoft.KeyVault")),
    group(),
    f"{SKUS}/16.04-LTS/versions/{FIRST_VERSION}",
    f"{L}/operations/x",
    "/tagNames",
    *(f"{scope}/providers/Microsoft.Resources/tags/default" for scope in ("", group(), WEB)),
    *(
        f"{scope}/providers/Microsoft.Authorization/{path}"
        for scope in ("", group(), WEB)
        for path in ("locks", "locks/l", "roleAssignments", "roleAssignments/r")
    ),
    f"{L}/vmSizes",
    f"{L}/usages",
    "/providers/Microsoft.Compute/skus",
    "/providers/Microsoft.Network/locations/westeurope/usages",
    WEB,
    f"{L}/runCommands",
    f"{L}/runCommands/x",
    *(f"{WEB}/{action}" for action in ("manualupgrade", "delete", *ACTIONS)),
    *(f"{WEB}/virtualMachines/0/{action}" for action in (*ACTIONS, "runCommands")),
    f"{WEB}/extensions",
    f"{WEB}/extensions/x",
    f"{WEB}/virtualMachines/0/extensions",
    f"{WEB}/virtualMachines/0/extensions/x",
    f"{WEB}/skus",
    f"{ONE}/networkInterfaces",
    *(f"{ONE}/networkInterfaces/n{path}" for path in ("", "/ipConfigurations", "/ipConfigurations/i")),
    *(f"{ONE}/networkInterfaces/n/ipConfigurations/i/publicIPAddresses{path}" for path in ("", "/p")),
    f"{WEB}/networkInterfaces",
    f"{WEB}/publicIPAddresses",
    f"{WEB}/osRollingUpgrade",
    f"{WEB}/extensionRollingUpgrade",
    f"{WEB}/approveRollingUpgrade",
    f"{WEB}/virtualMachines/0/approveRollingUpgrade",
    f"{WEB}/rollingUpgrades/latest",
    f"{WEB}/rollingUpgrades/cancel",
    f"{WEB}/virtualMachines/0",
    f"{WEB}/virtualMachines/0/instanceView",
    LB,
    *(
        f"{scope}{DEPLOYMENTS}/d0{more}"
        for scope in ("", group())
        for more in (
            *("", "/validate", "/whatIf", "/cancel", "/exportTemplate", "/operationStatuses/1", "/operations/1"),
        )
    ),
    "/deployments/d0/operations/1",
    f"{group()}/deployments/d0/operations/1",
    f"{group()}/exportTemplate",
    "http://testserver/providers/Microsoft.Resources/calculateTemplateHash",
    "/nowhere",
    "http://testserver/providers/nowhere",
    "http://testserver/tenants/nowhere",
    "http://testserver/batch",
]
MOST = 9


def cost(api: Api, path: str) -> tuple[int, int]:
    """(queries, length of the answer)"""
    with CaptureQueriesContext(connection) as caught:
        said = api.get(path)
    assert said.status == 200, said
    return len(caught), len(str(said.body))


def more(api: Api, numbers: range) -> None:
    probes = [{"name": f"p{count}", "properties": {"protocol": "Tcp", "port": 22}} for count in range(numbers.stop)]
    for number in numbers:
        row = a_scale_set(f"web{number}", instances=0 if number else numbers.stop * 10)
        a_scale_set(f"web{number}", group=f"group{number}", instances=0)
        api.put(load_balancer(f"lb{number}"), {"location": "westeurope"})
        store(f"fleet/Microsoft.Network/virtualNetworks/net{number}")
        ended(row, NOW - timedelta(days=1))
        _more_images(number)
        Location.objects.create(name=f"place{number}", display_name=f"Place {number}", provider="simulated")
    for scope in ("", "fleet"):
        for number in numbers:
            _a_deployment(scope, f"d{number}")
        first = Deployment.objects.get(key=f"{scope}/d0")
        DeploymentOperation.objects.bulk_create(
            DeploymentOperation(deployment=first, number=number, resource_id=f"r{number}", state="Succeeded")
            for number in numbers
        )
    api.put(LB, {"properties": {"probes": probes}})
    balancers = {
        f"lb{balancer}": f"/subscriptions/{api.subscription}{load_balancer(f'lb{balancer}')}" for balancer in numbers
    }
    api.patch(WEB, {"properties": {"virtualMachineProfile": {"osProfile": balancers}}})


def _a_deployment(group: str, name: str) -> None:
    Deployment.objects.create(
        key=f"{group}/{name}",
        resource_group=group,
        name=name,
        state="Succeeded",
        client_id=uuid.uuid4(),
        is_https=True,
        started_at=NOW,
        changed_at=NOW,
        ended_at=NOW,
    )


def _more_images(number: int) -> None:
    """Of another publisher, of an offer and a SKU more, and a version more."""
    for names in (
        (f"P{number}", "o", "s"),
        ("Canonical", f"o{number}", "s"),
        ("Canonical", "UbuntuServer", f"s{number}"),
    ):
        publisher, offer, sku = names
        row = ImageSku.objects.create(
            key=ImageSku.key_of(*names), publisher=publisher, offer=offer, sku=sku, os_type="Linux"
        )
        row.limited_to.add(*Location.objects.all())
    publish(f"16.04.{number}")


def test_lists_cost_a_constant_number_of_queries(api: Api) -> None:
    more(api, range(0, 1))
    few = {path: cost(api, path) for path in LISTS}
    more(api, range(1, 12))
    row = ScaleSet.objects.get(key="fleet/web0")
    twenty = a_scale_set("web0b", instances=20).instances
    twenty.update(scale_set=row, number=F("number") + 10, extensions=[{"name": "e", "state": "failed", "message": ""}])
    for days in range(2, 9):
        ended(row, NOW - timedelta(days=days))
    opt_out("fleet/web0", [str(number) for number in range(5)], reason="r", owner="ada", now=NOW)
    many = {path: cost(api, path) for path in LISTS}
    for path in LISTS:
        assert few[path][0] == many[path][0] <= MOST, path
        assert many[path][1] > few[path][1] or path in FIXED, f"{path} is no longer than before"


def test_no_path_of_the_api_is_forgotten_here(api: Api) -> None:
    """Each belongs to one of the two."""

    def found(paths: list[str]) -> set[int]:
        places = [api.address(path).partition("?")[0].lstrip("/") for path in paths]
        return {next(n for n, pattern in enumerate(urlpatterns) if pattern.resolve(place)) for place in places}

    assert found(LISTS) | found(OTHERS) == set(range(len(urlpatterns)))
    assert not found(LISTS) & found(OTHERS)
