"""It cannot be broken: fleets, people, deaths and bad luck in any order, and what must hold after every act (tests/orchestrator/model).

`ROLLGRID_SOAK=30 pytest tests/orchestrator/test_model.py` goes on for thirty minutes, with other examples each time.
"""

import logging
import os
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.orchestrator.cloud import Cloud, CloudProvider
from tests.orchestrator.model.clocks import Clocks, DatabaseNow
from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.world import CLOUD, World
from upgrades import providers
from upgrades.models import clock
from upgrades.orchestrator import work

MINUTES = float(os.environ.get("ROLLGRID_SOAK", "0"))
TIMEOUT_SECONDS = 30
EXAMPLES = {"sqlite": 32, "postgresql": 12}  # in `make test`: the same ones each time
COMMON = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False)
CI = settings(COMMON, stateful_step_count=40, derandomize=True)
SOAK = settings(COMMON, max_examples=5, stateful_step_count=80)

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.timeout(300 + 120 * MINUTES),
    pytest.mark.slow,
]


class Bench:
    """Makes a new world for every example."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clocks = Clocks()
        monkeypatch.setitem(providers.PROVIDERS, CLOUD, f"{CloudProvider.__module__}.{CloudProvider.__name__}")
        monkeypatch.setattr(clock, "Now", lambda: DatabaseNow(self.clocks.database()))
        monkeypatch.setattr(work, "time", self)
        self._clouds = CloudProvider.clouds

    def monotonic(self) -> float:
        return self.clocks.monotonic()

    def __call__(self) -> Fleets:
        self.clocks = Clocks()
        self._clouds[CLOUD] = Cloud(self.clocks)
        return Fleets(World(self.clocks, self._clouds[CLOUD], TIMEOUT_SECONDS))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Bench]:
    request.getfixturevalue("settings").OPERATION_TIMEOUT_SECONDS = TIMEOUT_SECONDS
    logging.disable(logging.ERROR)
    yield Bench(monkeypatch)
    logging.disable(logging.NOTSET)
    CloudProvider.clouds.pop(CLOUD, None)


def test_it_cannot_be_broken(bench: Bench) -> None:
    if not MINUTES:
        run_state_machine_as_test(cast(Any, bench), settings=settings(CI, max_examples=EXAMPLES[connection.vendor]))
        return
    end = time.monotonic() + 60 * MINUTES
    while time.monotonic() < end:
        run_state_machine_as_test(cast(Any, bench), settings=SOAK)
