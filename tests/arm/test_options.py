"""Query options are honoured or refused: one that is passed over gives all there is, and a script then deletes all there is."""

import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.arm.client import Api, group, is_error, load_balancer, scale_set
from tests.arm.test_queries import LISTS, SKUS
from tests.stories import a_scale_set, document, nothing_changes
from upgrades.arm.errors import ArmError
from upgrades.arm.filters import MAX_LENGTH, Shown, read
from upgrades.models import Instance

pytestmark = pytest.mark.django_db
GROUPS = {"web": {"team": "a", "cost": "42"}, "db": {"Team": "b"}, "bare": {}}
VERSIONS = f"{SKUS}/16.04-LTS/versions"


def with_filter(path: str, condition: str, more: str = "") -> str:
    return f"{path}?$filter={quote(condition)}{more}"


def names(api: Api, path: str) -> list[str]:
    said = api.get(path)
    assert said.status == 200, said
    return [resource["name"] for resource in said["value"]]


# --- the language -----------------------------------------------------------------------------------------------------

ONE = Shown({"name": ("web-1",), "location": ("westeurope",)}, {"Team": "Web", "cost": "42"})


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ("name eq 'WEB-1'", True),
        ("NAME EQ 'web-1'", True),
        ("name ne 'web-1'", False),
        ("name eq 'web'", False),
        ("name eq 'x' or location eq 'westeurope'", True),
        ("name eq 'x' or name eq 'y' and location eq 'westeurope'", False),
        ("name eq 'web-1' or name eq 'y' and location eq 'x'", True),
        ("(name eq 'web-1' or name eq 'y') and location eq 'x'", False),
        ("((name eq 'web-1'))", True),
        ("startswith(name, 'WEB')", True),
        ("startswith(name,'eb')", False),
        ("startswith(name,'eb') eq false", True),
        ("endswith(name,'-1') eq true", True),
        ("contains(name,'b-')", True),
        ("substringof('b-', name)", True),
        ("substringof('x', name)", False),
        ("tagName eq 'team'", True),
        ("tagName eq 'team' and tagValue eq 'Web'", True),
        ("tagname eq 'team' and tagvalue eq '42'", False),  # of two tags, not of one
        ("tagName eq 'team' and tagValue eq 'web'", False),  # values have a case
        ("startswith(tagName, 'te') and name eq 'web-1'", True),
        ("tagName eq 'x' or name eq 'web-1'", True),
        ("name eq 'it''s'", False),
    ],
)
def test_conditions(condition: str, fits: bool) -> None:
    assert read(condition, ("name", "location", "tagName", "tagValue"))(ONE) is fits


def test_quotes_within_a_text() -> None:
    assert read("name eq 'it''s'", ("name",))(Shown({"name": ("it's",)}))
    assert not read("tagName eq 'a'", ("name", "tagName"))(Shown({"name": ("x",)}))


@pytest.mark.parametrize(
    "condition",
    [
        "name",
        "name eq",
        "name eq web",
        "name eq 'web",
        "name eq 'a' and",
        "and name eq 'a'",
        "name eq 'a' name eq 'b'",
        "(name eq 'a'",
        "name eq 'a')",
        "name gt 'a'",
        "colour eq 'red'",
        "name eq 'a' xor name eq 'b'",
        "startswith(name)",
        "startswith('a', name)",
        "substringof(name, 'a')",
        "startswith(name,'a') eq 'true'",
        "tagName ne 'a'",
        "name eq 1",
        "name eq 'a';",
        "not name eq 'a'",
        "(" * 50 + "name eq 'a'" + ")" * 50,
        "+" * 1000,
        "name eq '" + "a" * MAX_LENGTH + "'",
    ],
)
def test_unreadable_parameters_are_refused(condition: str) -> None:
    with pytest.raises(ArmError) as caught:
        read(condition, ("name", "tagName"))
    assert (caught.value.status, caught.value.target) == (400, "$filter")
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("piece", ["+", " ", "'", "(", "a ", "name eq 'a' and ", "''"])
def test_reading_takes_time_in_proportion(piece: str) -> None:
    """A filter of 15,000 characters once took a second of everybody."""
    began = time.process_time()
    for length in (MAX_LENGTH // len(piece), 1_000_000):
        with pytest.raises(ArmError):
            read(piece * length, ("name",))
    assert time.process_time() - began < 0.5


# --- groups and resources ---------------------------------------------------------------------------------------------


@pytest.fixture
def groups(api: Api) -> Api:
    for name, tags in GROUPS.items():
        assert api.put(group(name), {"location": "westeurope", "tags": tags}).status == 201
    return api


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("tagName eq 'team' and tagValue eq 'a'", ["web"]),
        ("tagname eq 'TEAM' and tagvalue eq 'b'", ["db"]),
        ("tagName eq 'team'", ["db", "web"]),
        ("tagName eq 'team' and tagValue eq 'nobody'", []),
        ("tagName eq 'cost' and tagValue eq '42'", ["web"]),
        ("startswith(name, 'b') or name eq 'db'", ["bare", "db"]),
    ],
)
def test_groups_by_tag(groups: Api, condition: str, found: list[str]) -> None:
    """`az group list --tag team=a`, whose answer scripts hand to `az group delete`."""
    assert names(groups, with_filter("/resourceGroups", condition)) == found


def test_groups_by_tag_go_on_over_pages(groups: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upgrades.arm.resource_groups.PAGE", 1)
    first = groups.get(with_filter("/resourceGroups", "tagName eq 'team'"))
    assert [resource["name"] for resource in first["value"]] == ["db"]
    second = groups.get(first["nextLink"])
    assert [resource["name"] for resource in second["value"]] == ["web"] and "nextLink" not in second.body


def test_top_limits_the_number_of_groups(groups: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(groups, "/resourceGroups?$top=2") == ["bare", "db"]
    assert names(groups, "/resourceGroups?$top=0") == []
    monkeypatch.setattr("upgrades.arm.resource_groups.PAGE", 1)
    first = groups.get("/resourceGroups?$top=2")
    second = groups.get(first["nextLink"])
    assert [resource["name"] for said in (first, second) for resource in said["value"]] == ["bare", "db"]
    assert "nextLink" not in second.body


def test_resources_by_tag_and_name(api: Api) -> None:
    for name, tags in (("web", {"team": "a"}), ("web2", {"team": "b"}), ("db", {"team": "a"})):
        assert api.put(scale_set(name), document(tags=tags)).status == 201
    api.put(load_balancer(), {"location": "westeurope", "tags": {"team": "a"}})
    for path in ("/resources", f"{group()}/resources"):
        assert names(api, with_filter(path, "tagName eq 'team' and tagValue eq 'a'")) == ["db", "web", "lb"]
        assert names(api, with_filter(path, "substringof('web', name) and tagValue eq 'b'")) == ["web2"]
        assert names(api, with_filter(path, "name eq 'db' or resourceType eq 'Microsoft.Network/loadBalancers'")) == [
            "db",
            "lb",
        ]
        assert names(api, with_filter(path, "tagName eq 'team'", "&$top=1")) == ["db"]
        (found,) = api.get(with_filter(path, "name eq 'web'", "&$expand=createdTime,provisioningState"))["value"]
        assert found["provisioningState"] == "Creating" and found["createdTime"]
        assert "createdTime" not in api.get(path)["value"][0]


# --- instances --------------------------------------------------------------------------------------------------------


def test_instances_by_their_power(api: Api) -> None:
    a_scale_set(instances=3)
    Instance.objects.filter(number=1).update(power="stopped")

    def found(condition: str) -> list[str]:
        said = api.get(with_filter(f"{scale_set()}/virtualMachines", condition))
        assert said.status == 200, said
        return [instance["instanceId"] for instance in said["value"]]

    assert found("startswith(instanceView/statuses/code, 'PowerState/running') eq true") == ["0", "2"]
    assert found("startswith(instanceView/statuses/code, 'PowerState/stopped')") == ["1"]
    assert found("startswith(instanceView/statuses/code, 'PowerState') eq true") == ["0", "1", "2"]
    assert found("startswith(instanceView/statuses/code, 'PowerState/running') eq false") == ["1"]


def test_instances_by_whether_they_have_the_latest_model(api: Api) -> None:
    a_scale_set(instances=3)
    Instance.objects.filter(number=1).update(model_parts={})

    def found(condition: str) -> list[str]:
        path = with_filter(f"{scale_set()}/virtualMachines", f"properties/latestModelApplied {condition}")
        return [instance["instanceId"] for instance in api.get(path)["value"]]

    assert found("eq true") == found("ne false") == ["0", "2"]
    assert found("eq false") == ["1"]
    path = with_filter(f"{scale_set()}/virtualMachines", "properties/latestModelApplied eq 'maybe'")
    is_error(api.get(path), 400, "InvalidParameter", "true or false")


def test_unknown_filters_of_instances_are_refused(api: Api) -> None:
    a_scale_set(instances=1)
    path = with_filter(f"{scale_set()}/virtualMachines", "properties/vmId eq 'a'")
    is_error(api.get(path), 400, "InvalidParameter", "$filter", "instanceView/statuses/code")


def test_select_can_ask_for_the_instance_view_alone(api: Api) -> None:
    a_scale_set(instances=1)
    (instance,) = api.get(f"{scale_set()}/virtualMachines?$select=instanceView")["value"]
    assert set(instance["properties"]) == {"instanceView"} and instance["instanceId"] == "0"
    (same,) = api.get(f"{scale_set()}/virtualMachines?$expand=instanceView&$select=instanceView")["value"]
    assert same == instance


@pytest.mark.parametrize(
    "path", [scale_set(), f"{scale_set()}/virtualMachines", f"{scale_set()}/virtualMachines/0", VERSIONS]
)
@pytest.mark.parametrize("value", ["banana", "instanceView,banana", "userdatas"])
def test_expanding_an_unknown_field_is_refused(api: Api, path: str, value: str) -> None:
    a_scale_set(instances=1)
    is_error(api.get(f"{path}?$expand={value}"), 400, "InvalidParameter", "$expand")


# --- every call -------------------------------------------------------------------------------------------------------

HONOURED = {
    "/resourceGroups": {"$filter", "$top", "$skiptoken"},
    "/resources": {"$filter", "$top", "$expand"},
    f"{group()}/resources": {"$filter", "$top", "$expand"},
    "/providers": {"$expand"},
    "virtualMachines": {"$filter", "$expand", "$select", "$skiptoken"},
    "versions": {"$top", "$orderby", "$expand"},
    "deployments": {"$filter", "$top", "$skiptoken"},
}


def honoured(path: str) -> set[str]:
    found = HONOURED.get(path) or HONOURED.get(path.rpartition("/")[2], set())
    is_paged = path.endswith(("virtualMachineScaleSets", "loadBalancers", "virtualNetworks"))
    return found | ({"$skiptoken"} if is_paged else set())


@pytest.mark.parametrize("path", [path for path in LISTS if "?" not in path])
@pytest.mark.parametrize(
    "option", ["$filter", "$top", "$skip", "$select", "$expand", "$orderby", "$skiptoken", "$count", "$x"]
)
def test_every_list_refuses_parameters_that_it_does_not_honour(api: Api, path: str, option: str) -> None:
    """The table of docs/arm-api.md."""
    path = path.replace("/scaleSets/web0", "/scaleSets/web")
    if option in honoured(path):
        return
    said = api.get(f"{path}?{option}=1&api-version=2022-12-01")
    is_error(said, 400, "InvalidParameter", option, "not honoured")


@pytest.mark.parametrize("option", ["filter", "top", "Expand", "tagname", "tagValue"])
def test_slips_that_would_narrow_are_refused(groups: Api, option: str) -> None:
    is_error(groups.get(f"/resourceGroups?{option}=x"), 400, "InvalidParameter", option)


def test_unknown_parameters_are_ignored_as_azure_does(api: Api) -> None:
    a_scale_set()
    assert api.get(f"{scale_set()}?forceDeletion=true&x-ms-foo=1&api-version=2024-11-01").status == 200


@pytest.mark.parametrize("query", ["$filter=a&$filter=b", "$FILTER=a&$filter=b", "$top=1&$top=2"])
def test_an_option_that_comes_twice_is_refused(api: Api, query: str) -> None:
    is_error(api.get(f"/resourceGroups?{query}"), 400, "InvalidParameter", "more than once")
    said = api.get("/resourceGroups?api-version=2022-12-01&api-version=2021-04-01")
    is_error(said, 400, "InvalidParameter", "more than once")


def test_the_same_words_may_come_twice_in_any_case(api: Api) -> None:
    """`virtualMachineImages.listWithProperties` of the SDK for JavaScript."""
    a_scale_set()
    instances = f"{scale_set()}/virtualMachines"
    assert api.get(f"{instances}?$expand=InstanceView&$expand=instanceview").status == 200
    is_error(api.get(f"{instances}?$expand=instanceView&$expand=userData"), 400, "InvalidParameter", "more than once")


@pytest.mark.parametrize(("method", "body"), [("PUT", {}), ("PATCH", {}), ("DELETE", None)])
def test_bad_parameters_of_writes_are_refused_before_anything_happens(api: Api, method: str, body: Any) -> None:
    a_scale_set()
    is_error(api(method, f"{scale_set()}?$filter=x", body), 400, "InvalidParameter", "$filter")
    assert api.get(scale_set()).status == 200


@pytest.mark.parametrize("name", ["dryRun", "whatIf", "validateOnly", "instanceIds", "force"])
def test_a_write_refuses_unknown_parameters(api: Api, name: str) -> None:
    """Whoever sends it may expect that nothing happens, or that less does."""
    a_scale_set()
    calls = (
        ("DELETE", scale_set(), None),
        ("DELETE", group(), None),
        ("PUT", scale_set("new"), document()),
        ("PATCH", scale_set(), {"tags": {"a": "b"}}),
        ("POST", f"{scale_set()}/osRollingUpgrade", None),
        ("POST", f"{scale_set()}/rollingUpgrades/cancel", None),
        ("PUT", load_balancer(), {"location": "westus"}),
    )
    for method, path, body in calls:
        with nothing_changes():
            is_error(api(method, f"{path}?{name}=true", body), 400, "InvalidParameter", name.lower(), "not honoured")


def test_a_changing_call_ignores_parameters_that_azure_knows(api: Api) -> None:
    a_scale_set()
    assert api.delete(f"{scale_set()}?forceDeletion=true&x-ms-foo=1").status == 202
