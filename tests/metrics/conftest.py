from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard import health
from dashboard.shared_check import SharedCheck
from upgrades import measuring, outages


@pytest.fixture(autouse=True)
def fresh_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is believed of what an earlier test found. The database is checked in this thread's transaction."""
    checks = {name: SharedCheck(lambda: None, outages.why) for name in ("database", "broker")}
    monkeypatch.setattr(health, "CHECKS", checks)


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A state folder in which `up` has just begun."""
    settings.ROLLGRID_HOME = tmp_path
    measuring.make_folder(tmp_path)
    yield tmp_path
