"""The tags API at all scopes, the names of tags, and what there is none of: locks and role assignments."""

import pytest

from tests.arm.client import Api, Json, group, is_error, scale_set
from tests.arm.networks import HERE, path
from tests.stories import document, nothing_changes
from upgrades.models.access import ApiClient

pytestmark = pytest.mark.django_db
TAGS = "providers/Microsoft.Resources/tags/default"
SCOPES = ["", group(), scale_set(), path("virtualNetworks"), path("loadBalancers")]


def put_everything(api: Api) -> None:
    api.put(group(), {**HERE, "tags": {}})
    api.put(scale_set(), {**document(), "tags": {}})
    for type in ("virtualNetworks", "loadBalancers"):
        api.put(path(type), HERE)


def body(**tags: str) -> Json:
    return {"properties": {"tags": tags}}


@pytest.mark.parametrize("scope", SCOPES)
def test_tags_of_every_scope(api: Api, scope: str) -> None:
    put_everything(api)
    address = f"{scope}/{TAGS}"
    shown = api.get(address)
    assert shown["id"] == f"/subscriptions/{api.subscription}{address}"
    assert (shown["type"], shown["properties"]) == ("Microsoft.Resources/tags", {"tags": {}})
    assert api.put(address, body(team="web", Cost="1"))["properties"]["tags"] == {"team": "web", "Cost": "1"}
    merged = api.patch(address, {"operation": "Merge", **body(cost="2", new="x")})
    assert merged["properties"]["tags"] == {"team": "web", "Cost": "2", "new": "x"}
    left = api.patch(address, {"operation": "delete", **body(team="web", new="other value")})
    assert left["properties"]["tags"] == {"Cost": "2", "new": "x"} == api.get(address)["properties"]["tags"]
    assert api.patch(address, {"operation": "Replace", **body(a="b")})["properties"]["tags"] == {"a": "b"}
    assert api.get(scope).body["tags"] == {"a": "b"}
    assert api.delete(address).status == 200 and api.get(address)["properties"]["tags"] == {}


@pytest.mark.parametrize("scope", SCOPES)
def test_tags_have_their_rules_here_too(api: Api, scope: str) -> None:
    put_everything(api)
    address = f"{scope}/{TAGS}"
    with nothing_changes():
        is_error(api.patch(address, {"operation": "Rename", **body(a="b")}), 400, "InvalidParameter", "Merge")
        is_error(api.patch(address, body(a="b")), 400, "InvalidParameter", "operation")
        is_error(api.put(address, {"tags": {"a": "b"}}), 400, "InvalidRequestContent", "properties.tags")
        is_error(api.put(address, body(a="x" * 257)), 400, "InvalidParameter", "256")
        is_error(api.put(address, body(**{f"t{n}": "" for n in range(51)})), 400, "InvalidParameter", "50")
    viewer = Api(ApiClient.Role.VIEWER)
    assert viewer.get(address).status == 200
    is_error(viewer.put(address, body(a="b")), 403, "AuthorizationFailed")
    assert Api(ApiClient.Role.OPERATOR).put(address, body(a="b")).status == 200


@pytest.mark.parametrize(
    ("scope", "status", "code"),
    [
        (group("nowhere"), 404, "ResourceGroupNotFound"),
        (scale_set("none"), 404, "ResourceNotFound"),
        (path("virtualNetworks", "none"), 404, "ResourceNotFound"),
        (f"{group()}/providers/Microsoft.Sql/servers/s", 400, "InvalidResourceType"),
    ],
)
def test_tags_of_a_missing_resource(api: Api, scope: str, status: int, code: str) -> None:
    put_everything(api)
    for said in (api.get(f"{scope}/{TAGS}"), api.put(f"{scope}/{TAGS}", body(a="b")), api.delete(f"{scope}/{TAGS}")):
        is_error(said, status, code)


def test_the_names_of_all_tags_are_counted(api: Api) -> None:
    put_everything(api)
    for scope, value in zip(SCOPES, ("a", "b", "b", "b", "c"), strict=True):
        api.put(f"{scope}/{TAGS}", body(**{"Team" if scope else "team": value}))
    (team,) = api.get("/tagNames")["value"]
    assert (team["tagName"], team["count"]["value"]) == ("team", 5)
    assert {found["tagValue"]: found["count"]["value"] for found in team["values"]} == {"a": 1, "b": 3, "c": 1}


@pytest.mark.parametrize("type", ["locks", "roleAssignments"])
@pytest.mark.parametrize("scope", ["", group(), scale_set()])
def test_locks_and_role_assignments_are_refused_by_name(api: Api, scope: str, type: str) -> None:
    base = f"{scope}/providers/Microsoft.Authorization/{type}"
    assert api.get(f"{base}?$filter=atScope()").body == {"value": []}
    with nothing_changes():
        is_error(api.put(f"{base}/mine", {"properties": {}}), 400, "ResourceTypeNotSupported", type, "Nothing was done")
    is_error(api.get(f"{base}/mine"), 404, "ResourceNotFound")
    assert api.delete(f"{base}/mine").status == 204


@pytest.mark.parametrize("action", ["moveResources", "validateMoveResources"])
def test_moving_resources_is_refused_by_name(api: Api, action: str) -> None:
    is_error(api.post(f"{group()}/{action}", {"resources": []}), 400, "ActionNotSupported", action)
