"""docs/arm-api.md speaks of the API as it is."""

import re

from tests.test_docs import ROOT, _tests
from upgrades.arm.errors import STATUS

TEXT = (ROOT / "docs" / "arm-api.md").read_text()
SOURCES = "".join(path.read_text() for path in (ROOT / "upgrades").rglob("*.py"))
ROWS = {5, 6, 10, *range(20, 31), 33, 34, 39, *range(48, 59), 60}


def test_every_point_of_the_document_has_a_test_that_exists() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("| S-")]
    told = {int(number) for line in lines for number in re.findall(r"S-(\d+)", line.split("|")[1])}
    assert told == ROWS
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert named <= _tests(), named - _tests()
    assert all("`test_" in line for line in lines)


def test_every_code_of_an_error_is_listed_and_used() -> None:
    table = TEXT[TEXT.index("| status | codes |") : TEXT.index("## What is checked")]
    listed = set(re.findall(r"`([A-Z]\w+)`", table)) - {"Retry"}
    assert set(STATUS) <= listed
    assert [code for code in listed if f'"{code}"' not in SOURCES] == []
