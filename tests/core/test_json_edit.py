"""Changing one field of a document: whoever reads it afterwards sees the change, however its name is spelled."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from upgrades.core.json_edit import edited
from upgrades.core.json_fields import get_field

SPELLINGS = st.sampled_from(["mode", "Mode", "mODE", "MODE", "tier"])
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    SPELLINGS, st.dictionaries(SPELLINGS, st.none() | st.integers(), max_size=4) | st.none(), max_size=4
)


@given(DOCUMENTS, st.lists(SPELLINGS, min_size=2, max_size=2))
def test_an_edit_changes_the_field_that_is_read(document: dict[str, Any], path: list[str]) -> None:
    assert get_field(edited(document, path, "changed"), *path) == "changed"
