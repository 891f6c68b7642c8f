"""What we do not have never answers like a resource that is not there: clients take a 404 for "gone already", and exit with success."""

from typing import Any

import pytest
from django.test import Client

from tests.arm.client import Api, group, is_error, load_balancer, scale_set
from tests.stories import a_scale_set, nothing_changes
from upgrades.models import ScaleSet

pytestmark = pytest.mark.django_db
METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE")
COMPUTE = "/providers/Microsoft.Compute"


@pytest.mark.parametrize(
    "action",
    ["redeploy", "nonsense"],
)
@pytest.mark.parametrize("of", ["", "/virtualMachines/0", "/rollingUpgrades/latest"])
def test_an_action_that_we_do_not_have_is_named(api: Api, of: str, action: str) -> None:
    a_scale_set()
    with nothing_changes():
        for body in (None, {"instanceIds": ["0"]}):
            said = api.post(f"{scale_set()}{of}/{action}?forceDeletion=true&api-version=2024-11-01", body)
            is_error(said, 400, "ActionNotSupported", f"'{action}'", "nothing was done")


def test_an_unknown_action_is_refused_even_without_its_resource(api: Api) -> None:
    is_error(api.post(f"{scale_set('nobody')}/nonsense"), 400, "ActionNotSupported", "'nonsense'")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("path", "word"),
    [
        (f"{scale_set()}/redeployments", "redeployments"),
        (f"{scale_set()}/lifecycleHookEvents/x", "lifecycleHookEvents"),
        (f"{scale_set()}/virtualMachines/0/runCommands/x", "runCommands"),
        (f"{load_balancer()}/ipConfigurations/p", "ipConfigurations"),
        (f"{load_balancer()}/probes/p/what", "what"),
    ],
)
def test_a_kind_of_child_that_we_do_not_have(api: Api, path: str, word: str, method: str) -> None:
    a_scale_set()
    with nothing_changes():
        said = api(method, path, {} if method in ("PUT", "PATCH") else None)
    if method == "HEAD":
        assert said.status == 400
    else:
        is_error(said, 400, "ResourceTypeNotSupported", f"'{word}'", "nothing was done")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{group()}/providers/Microsoft.Network/virtualWans/v", "InvalidResourceType"),
        (f"{group()}/providers/Microsoft.Network/virtualWans/v/hubs/s", "InvalidResourceType"),
        (f"{group()}{COMPUTE}/virtualMachines/v", "InvalidResourceType"),
        (f"{COMPUTE}/locations/westeurope/diskSizes", "InvalidResourceType"),
        (f"{group()}/providers/Microsoft.Sql/servers/s", "NoRegisteredProviderFound"),
        (f"{scale_set()}/providers/Microsoft.Insights/diagnosticSettings/d", "InvalidResourceType"),
        (f"{scale_set()}/providers/Microsoft.Monitor/accounts/a", "NoRegisteredProviderFound"),
        (f"{group()}/deployments", "InvalidResourceType"),
        ("/tagNames/a", "InvalidResourceType"),
        ("/nowhere", "InvalidResourceType"),
        ("http://testserver/providers?api-version=2022-12-01", "InvalidResourceType"),
        ("http://testserver/providers/Microsoft.Compute?api-version=2022-12-01", "InvalidResourceType"),
    ],
)
def test_a_kind_of_resource_that_we_do_not_have(api: Api, path: str, code: str, method: str) -> None:
    said = api(method, path, {} if method in ("PUT", "PATCH") else None)
    assert said.status == 400 and (method == "HEAD" or said.code == code), said


@pytest.mark.parametrize(
    "path",
    [f"{group()}/moveResources", f"{group()}/nowhere", "/nowhere", "/providers/Microsoft.Compute/unregister"],
)
def test_an_action_of_a_group_or_a_provider_that_we_do_not_have(api: Api, path: str) -> None:
    is_error(api.post(path), 400, "ActionNotSupported", path.rpartition("/")[2])


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (f"{scale_set()}/virtualMachines/0/runCommands/x", "customData"),
        (f"{scale_set()}/lifecycleHookEvents/x", "osRollingUpgradeDeferral"),
        (f"{COMPUTE}/locations/westeurope/publishers/p/artifacttypes/vmextension/types", "vmimage"),
    ],
)
def test_an_unknown_kind_of_child_is_refused_with_a_reason(api: Api, path: str, why: str) -> None:
    is_error(api.get(path), 400, "ResourceTypeNotSupported", why, "nothing was done")


def test_an_address_is_refused_before_its_body_is_read(api: Api) -> None:
    """The command line sends templates that are no JSON."""
    address = "http://testserver/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Resources/deployments/d?api-version=2024-11-01"
    said = api.raw("PUT", address, b'{"properties": {template: {}}}')
    is_error(said, 400, "ResourceTypeNotSupported", "Microsoft.Resources/deployments is not there in this place")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", f"{scale_set()}/virtualMachines/0"),
        ("POST", scale_set()),
        ("DELETE", f"{scale_set()}/rollingUpgrades/latest"),
        ("GET", f"{scale_set()}/osRollingUpgrade"),
        ("POST", f"{scale_set()}/virtualMachines"),
        ("PUT", f"{load_balancer()}/probes/p"),
    ],
)
def test_an_unknown_method_of_a_known_resource_is_refused(api: Api, method: str, path: str) -> None:
    a_scale_set()
    with nothing_changes():
        is_error(api(method, path), 405, "MethodNotAllowed")


# --- HEAD -------------------------------------------------------------------------------------------------------------


def test_head_says_whether_a_resource_is_there(api: Api) -> None:
    a_scale_set()
    api.put(load_balancer(), {"location": "westeurope"})
    there = [scale_set(), f"{scale_set()}/virtualMachines/0", load_balancer(), group(), "", COMPUTE]
    for path in there:
        said = api("HEAD", path)
        assert (said.status, said.body) == (204, None), path
    missing = [scale_set("nobody"), f"{scale_set()}/virtualMachines/99", load_balancer("x"), group("x")]
    for path in [*missing, f"{scale_set()}/rollingUpgrades/latest", f"{load_balancer()}/probes/p"]:
        said = api("HEAD", path)
        assert (said.status, said.body) == (404, None), path
    assert ScaleSet.objects.count() == 1


# --- whatever path ----------------------------------------------------------------------------------------------------

PROGRAMS: list[dict[str, str]] = [{}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Authorization": "Bearer x"}]
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("headers", PROGRAMS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/nowhere", "/batch/x/y", "/subscription/x", "/api/v1", "/%00", "/a//b/"])
def test_programs_never_get_a_page(db: None, path: str, method: str, headers: dict[str, str]) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer["Content-Type"] == "application/json" and set(answer.json()["error"]) >= {"code", "message"}


@pytest.mark.parametrize(
    "path", ["/", "/images/", "/feed/heads", "/scale-sets/a/b/", "/scale-sets/a/b/pause/", "/admin/x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("headers", PROGRAMS[2:])
def test_programs_get_no_page_at_addresses_of_pages(db: None, path: str, method: str, headers: dict[str, str]) -> None:
    """Nor are they led to the page for signing in, which answers 200."""
    answer: Any = Client(enforce_csrf_checks=True).generic(method, path, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer["Content-Type"] == "application/json" and answer.json()["error"]["code"]


def test_browsers_get_pages(db: None) -> None:
    answer = Client().get("/nowhere", headers=BROWSER)
    assert answer.status_code == 404 and answer["Content-Type"].startswith("text/html")
    assert Client().get("/", headers=BROWSER).status_code == 302


def test_a_batch_is_refused_as_the_rest(api: Api) -> None:
    is_error(api.raw("POST", "/batch?api-version=2020-06-01", {"requests": []}), 400, "ActionNotSupported", "'batch'")
    is_error(api.raw("POST", "/batch?api-version=2020-06-01", token=""), 401, "AuthenticationFailed")
