from collections.abc import Callable

import pytest
from pytest_django import Settings

from tests.orchestrator.fleet import Fleet
from tests.providers.conftest import shared_simulator as shared_simulator
from tests.providers.simulator import Simulator

MakeFleet = Callable[..., Fleet]


@pytest.fixture
def make_fleet(db: None, shared_simulator: Simulator, settings: Settings) -> MakeFleet:
    """Makes scale sets on a real simulator: make_fleet(instances, **tags)."""
    settings.ROLLGRID_HOME = shared_simulator.home
    return lambda instances, **tags: Fleet(shared_simulator.home, instances, **tags)
