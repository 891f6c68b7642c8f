"""What a resource group does not know, and what a PATCH of tags does not change, is refused: it was passed over."""

import pytest

from tests.arm.client import Api, Json, group, is_error, load_balancer
from tests.stories import nothing_changes

WEST = {"location": "westus", "tags": {"kept": "yes"}}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"tag": {"a": "b"}}, "'tags'"),
        ({"enableAutomaticOSUpgrade": False}, "enableAutomaticOSUpgrade"),
        ({"properties": {"upgradePolicy": {}}}, "upgradePolicy"),
        ({"TAGS": {"a": "b"}}, "twice"),
        ({"tags": {"a": "1", "A": "2"}}, "names of tags are case-insensitive"),
        ({"tags": {f"t{number}": "" for number in range(51)}}, "at most 50"),
        ({"tags": {"a": "y" * 257}}, "256"),
    ],
)
def test_a_group_knows_its_fields_and_its_tags_have_limits(api: Api, body: Json, word: str) -> None:
    for name in ("new", "fleet"):
        api.put(group(), WEST)
        with nothing_changes():
            said = api.put(group(name), {**WEST, **body})
        assert (said.status, word in said.message) == (400, True), said


@pytest.mark.parametrize("path", [group(), load_balancer()])
@pytest.mark.parametrize(
    "body",
    [
        {"tag": {"a": "b"}},
        {"location": "eastus"},
        {"properties": {"x": []}},
        {"tags": {}, "tag": {}},
        {"tags": {"a": "b"}, "TAGS": {}},
    ],
)
def test_a_patch_of_tags_passes_nothing_over(api: Api, path: str, body: Json) -> None:
    api.put(group(), WEST)
    api.put(load_balancer(), {**WEST, "properties": {"probes": []}})
    with nothing_changes():
        said = api.patch(path, body)
    assert said.status == 400, said


@pytest.mark.parametrize("path", [group(), load_balancer()])
def test_a_patch_with_the_body_of_a_get_changes_the_tags(api: Api, path: str) -> None:
    api.put(group(), WEST)
    api.put(load_balancer(), {**WEST, "properties": {"probes": []}})
    assert api.patch(path, {**api.get(path).body, "tags": {"a": "b"}})["tags"] == {"a": "b"}


def test_a_patch_of_a_load_balancer_cannot_take_its_probes(api: Api) -> None:
    probe = {"name": "p", "properties": {"protocol": "Tcp", "port": 22}}
    api.put(load_balancer(), {**WEST, "properties": {"probes": [probe]}})
    said = api.patch(load_balancer(), {"properties": {"probes": []}})
    is_error(said, 400, "InvalidRequestContent", "changes its tags only")
