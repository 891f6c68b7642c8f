import pytest

from tests.arm.client import Api
from tests.stories import NOW
from upgrades.arm import clock


@pytest.fixture(autouse=True)
def clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the time of the stories."""
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def api(db: None) -> Api:
    """A client that may do everything."""
    return Api()
