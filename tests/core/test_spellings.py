"""One rule for which spelling of a field counts, whoever reads or edits it."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from upgrades.arm.spelling import Names
from upgrades.core.json_edit import edited
from upgrades.core.json_fields import get_field, read_str
from upgrades.core.spellings import spelling_in, without_field

SPELLINGS = ("tags", "TAGS", "tAgS")
OBJECTS = [
    dict(zip(names, values, strict=True))
    for count in range(len(SPELLINGS) + 1)
    for names in itertools.permutations(SPELLINGS, count)
    for values in itertools.product((None, "a", "b"), repeat=count)
]


@pytest.mark.parametrize("document", OBJECTS, ids=str)
def test_readers_and_editors_agree_on_the_spelling(document: Mapping[str, Any]) -> None:
    spelling = spelling_in(document, "tags")
    value = document[spelling] if spelling else None
    assert get_field(document, "tags") == value
    assert read_str(document, "tags") == (value or "")
    assert Names(document).find("tags") == (spelling or "tags")
    assert get_field(edited(document, ["tags"], "new"), "tags") == "new"
    assert without_field(document, "tags") == {}


@pytest.mark.parametrize("document", OBJECTS, ids=str)
def test_the_order_of_fields_does_not_count(document: Mapping[str, Any]) -> None:
    assert spelling_in(document, "tags") == spelling_in(dict(reversed(list(document.items()))), "tags")


def test_only_present_fields_are_removed() -> None:
    document = {"Properties": {"A": 1, "b": 2}, "properties": None}
    assert without_field(document, "properties", "a") == {"Properties": {"b": 2}, "properties": None}
    assert without_field({"properties": "text"}, "properties", "a") == {"properties": "text"}
    assert without_field({}, "properties", "a") == {}
