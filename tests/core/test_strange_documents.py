"""Whatever comes as a document, it is read or refused in one clear line."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.test_documents import OWN_LIMITS, PROFILE, refusal
from tests.stories import document, edited, health_extension
from upgrades.core import documents
from upgrades.core.json_fields import BadDocument

# --- what is JSON for Python only -------------------------------------------------------------------------------------


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("strange", "word"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("nul \0", "NUL"),
        ("half \ud83d", "half a surrogate pair"),
        ({"\0": 1}, "NUL"),
        (nested(5000), "nested more than 100 levels"),
        (b"bytes", "bytes"),
    ],
)
def test_unstorable_documents_are_refused(strange: object, word: str) -> None:
    assert word in refusal(edited(document(), "properties.unknown", strange)).message


def test_strange_but_valid_values_are_read() -> None:
    for good in ("😀 \x01 ü", nested(90), 10**100, -0.0, 1e300):
        documents.read(edited(document(), "properties.unknown", good))


NAMES = st.sampled_from(
    sorted(
        set(re.findall(r'"([a-zA-Z]+)"', Path(documents.__file__).read_text())) | {"adminPassword", "protectedSettings"}
    )
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["latest", "ApplicationHealthLinux", "http", "https", "tcp", "true", "5", "PT5S", "P9999999999D"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(NAMES, st.text()), inner, max_size=6)
    ),
    max_leaves=25,
)


def never_another_exception(body: object) -> None:
    try:
        documents.read(body)
    except BadDocument as error:
        assert error.message and "\n" not in error.message


@given(JSON)
def test_any_json_is_read_or_refused(body: object) -> None:
    never_another_exception(body)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_good_document_with_anything_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    disks = edited(OWN_LIMITS, f"{PROFILE}.storageProfile.dataDisks", [{"lun": 0}])
    body = edited(disks, f"{PROFILE}.extensionProfile.extensions", [health_extension()])
    holder: Any = body
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(st.sampled_from(keys))
        inner = holder[key]
        if not inner or not isinstance(inner, dict | list) or data.draw(st.booleans()):
            holder[key] = data.draw(JSON)
            break
        holder = inner
    never_another_exception(body)
