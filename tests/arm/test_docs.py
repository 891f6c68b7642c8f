"""docs/arm-api.md speaks of the API as it is."""

import re

from tests.test_docs import ROOT
from upgrades.arm.errors import STATUS

TEXT = (ROOT / "docs" / "arm-api.md").read_text()
SOURCES = "".join(path.read_text() for path in (ROOT / "upgrades").rglob("*.py"))


def test_every_code_of_an_error_is_listed_and_used() -> None:
    table = TEXT[TEXT.index("| status | codes |") : TEXT.index("## What is checked")]
    listed = set(re.findall(r"`([A-Z]\w+)`", table)) - {"Retry"}
    assert set(STATUS) <= listed
    assert [code for code in listed if f'"{code}"' not in SOURCES] == []
