"""Secrets are taken out of a document and come back to their places."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.stories import document
from upgrades.core import secrets
from upgrades.core.secrets import join, secrets_to_store, split

BODY = document(
    os_profile={"adminUsername": "me", "adminPassword": "hunter2", "customData": "IyEvYmluL3No"},
    extensions=[
        {"name": "one", "properties": {"type": "A", "protectedSettings": {"key": "first secret"}}},
        {"name": "two", "properties": {"type": "B", "protectedSettings": {"key": "second secret"}}},
    ],
)
ALL = ("hunter2", "IyEvYmluL3No", "first secret", "second secret")


def extensions(body: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    return found


def by_name(body: dict[str, Any]) -> dict[str, Any]:
    return {extension["name"]: extension["properties"].get("protectedSettings") for extension in extensions(body)}


def test_no_secret_is_left_in_the_document() -> None:
    public, found = split(BODY)
    text = json.dumps(public)
    assert not [secret for secret in ALL if secret in text]
    assert len(found) == 4
    assert join(public, found) == BODY


def test_fields_that_are_no_secrets_stay() -> None:
    public, _ = split(BODY)
    assert public["properties"]["virtualMachineProfile"]["osProfile"]["adminUsername"] == "me"
    assert [extension["properties"]["type"] for extension in extensions(public)] == ["A", "B"]


def test_names_of_secrets_in_any_case() -> None:
    public, found = split({"OSProfile": {"ADMINPASSWORD": "hunter2"}})
    assert public == {"OSProfile": {}}
    assert join(public, found) == {"OSProfile": {"ADMINPASSWORD": "hunter2"}}


def test_the_document_itself_is_left_alone() -> None:
    before = copy.deepcopy(BODY)
    public, found = split(BODY)
    join(public, found)
    assert before == BODY
    assert public == split(BODY)[0]


def test_reordered_extensions_keep_their_own_secrets() -> None:
    public, found = split(BODY)
    extensions(public).reverse()
    assert by_name(join(public, found)) == {"two": {"key": "second secret"}, "one": {"key": "first secret"}}


def test_an_extension_more_or_less_keeps_them_apart() -> None:
    public, found = split(BODY)
    extensions(public)[:1] = [{"name": "zero", "properties": {}}]
    assert by_name(join(public, found)) == {"zero": None, "two": {"key": "second secret"}}


def test_numeric_names_are_not_indexes() -> None:
    body = {"list": [{"customData": "a"}, {"name": "0", "customData": "b"}, {"name": 0, "customData": "c"}]}
    assert join(*split(body)) == body


def test_elements_of_one_name_are_told_apart_by_their_place() -> None:
    body = {"list": [{"name": "same", "customData": "a"}, {"name": "SAME", "customData": "b"}]}
    assert join(*split(body)) == body


# --- keeping ----------------------------------------------------------------------------------------------------------


def test_a_put_without_the_secrets_keeps_them() -> None:
    public, found = split(BODY)
    assert join(public, secrets_to_store(public, found, {})) == BODY


def test_a_null_is_no_secret() -> None:
    public, found = split({"osProfile": {"adminPassword": None}})
    assert (public, found) == ({"osProfile": {"adminPassword": None}}, {})
    _, before = split({"osProfile": {"adminPassword": "hunter2"}})
    assert join(public, secrets_to_store(public, before, found)) == {"osProfile": {"adminPassword": "hunter2"}}


def test_a_put_with_another_secret_replaces_it_in_any_case() -> None:
    _, before = split({"osProfile": {"adminPassword": "old", "customData": "kept"}})
    public, given_now = split({"OsProfile": {"AdminPassword": "new"}})
    after = secrets_to_store(public, before, given_now)
    assert join(public, after) == {"OsProfile": {"AdminPassword": "new", "customData": "kept"}}


def test_a_secret_without_its_field_is_forgotten() -> None:
    public, found = split(BODY)
    del extensions(public)[0]
    kept = secrets_to_store(public, found, {})
    assert "first secret" not in json.dumps(kept) and "second secret" in json.dumps(kept)


# --- anything ---------------------------------------------------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(["adminPassword", "ADMINPASSWORD", "customData", "protectedSettings", "name", "Name", "a", "A"]),
    st.text(max_size=4),
)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.sampled_from(["0", "1", "a"]))
JSON = st.recursive(
    VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(NAMES, inner, max_size=6)),
    max_leaves=30,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=6)


@given(OBJECTS)
def test_splitting_and_joining_changes_nothing(body: dict[str, Any]) -> None:
    public, found = split(body)
    assert join(public, found) == body
    assert split(public) == (public, {})
    assert join(public, secrets_to_store(public, found, {})) == body


@given(OBJECTS, OBJECTS)
def test_secrets_of_any_other_document_do_no_harm(body: dict[str, Any], other: dict[str, Any]) -> None:
    public, found = split(body)
    stranger, _ = split(other)
    kept = secrets_to_store(stranger, found, {})
    assert secrets.join(stranger, kept) == secrets.join(stranger, found)
