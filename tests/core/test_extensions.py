"""The order of extensions: provisionAfterExtensions (A-29)."""

from typing import Any

import pytest

from tests.stories import document
from upgrades.core import documents
from upgrades.core.documents import ExtensionModel
from upgrades.core.extensions import check_order
from upgrades.core.json_fields import BadDocument

AFTER = "properties.virtualMachineProfile.extensionProfile.extensions[{}].properties.provisionAfterExtensions"


def read(**after: Any) -> tuple[ExtensionModel, ...]:
    """Extensions, each with the names that it waits for."""
    bodies = [{"name": name, "properties": {"provisionAfterExtensions": names}} for name, names in after.items()]
    return documents.read(document(extensions=bodies)).machine.extensions


@pytest.mark.parametrize(
    "after", [{}, {"a": None}, {"a": ["b"], "b": []}, {"a": ["b", "c"], "b": ["c"], "c": []}, {"a": ["B"], "b": []}]
)
def test_possible_orders_are_accepted(after: dict[str, Any]) -> None:
    check_order(read(**after))


def test_names_are_found_in_any_case_and_handed_on_as_they_are_spelled() -> None:
    first, _ = read(a=["SCRIPT"], Script=[])
    assert first.after == ("Script",)


@pytest.mark.parametrize(
    ("after", "index", "words"),
    [
        ({"a": [], "b": ["a", "c"]}, 1, "names 'c', which is not an extension of this scale set"),
        ({"a": ["A"]}, 0, "is a cycle: 'a' after 'a'"),
        ({"x": [], "a": ["b"], "b": ["c"], "c": ["a"]}, 1, "is a cycle: 'a' after 'b' after 'c' after 'a'"),
    ],
)
def test_impossible_orders_are_refused(after: dict[str, Any], index: int, words: str) -> None:
    with pytest.raises(BadDocument) as caught:
        check_order(read(**after))
    assert caught.value.target == AFTER.format(index)
    assert caught.value.message == f"{AFTER.format(index)} {words}"
