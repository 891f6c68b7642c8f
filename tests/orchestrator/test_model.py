"""It cannot be broken: fleets, people, deaths and bad luck in any order, and what must hold after every act (tests/orchestrator/model).

Each history begins with a story (model/stories.py), goes on at random (model/machine.py) and ends at rest. A failure prints the
shortest history that was found to lead to it within a minute, as a program.

`ROLLGRID_SOAK=30 pytest tests/orchestrator/test_model.py` goes on for thirty minutes, with other histories each time;
`ROLLGRID_STORY=zones_take_turns` tells this story only.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any, cast

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import engine as hypothesis_engine
from hypothesis.stateful import run_state_machine_as_test

from tests.orchestrator.cloud import Cloud
from tests.orchestrator.cloud_provider import CloudProvider
from tests.orchestrator.model import approvals, extensions, handiwork, missing, replacing, rollbacks, steering, stories
from tests.orchestrator.model import prober as doubles
from tests.orchestrator.model.clocks import Clocks, DatabaseNow, Moment
from tests.orchestrator.model.evidence import HEALTH_WAIT
from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.stories import Anything
from tests.orchestrator.model.telling import STORIES, Story
from tests.orchestrator.model.world import CLOUD, World
from upgrades import providers
from upgrades.feed import writing
from upgrades.models import clock, operations, prepared
from upgrades.orchestrator import work
from upgrades.prober import process
from upgrades.probes import engine, reactor, schedule

MINUTES = float(os.environ.get("ROLLGRID_SOAK", "0"))
ONLY = os.environ.get("ROLLGRID_STORY", "")
TOLD_IN = (stories, rollbacks, steering, extensions, approvals, replacing, missing, handiwork)
TIMEOUT_SECONDS = 30
RETRY_SECONDS = 120
UPGRADE_TIMEOUT_SECONDS = 3 * 3600
SHRINKING_SECONDS = 60
EXAMPLES = {"sqlite": 2, "postgresql": 1}  # of each story, in `make test`: the same ones each time
COMMON = settings(database=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False)
CI = settings(COMMON, stateful_step_count=4, derandomize=True)
SOAK = settings(COMMON, max_examples=5, stateful_step_count=40)

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.timeout(1800 + 120 * MINUTES),
    pytest.mark.slow,
]


class Bench:
    """Makes a new world for every example."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clocks = Clocks()
        self.world: World | None = None
        self.machine: type[Fleets] = Fleets
        monkeypatch.setitem(providers.PROVIDERS, CLOUD, f"{CloudProvider.__module__}:{CloudProvider.__name__}")
        monkeypatch.setattr(clock, "Now", lambda: DatabaseNow(Moment(lambda: self.clocks.database())))
        monkeypatch.setattr(prepared, "_compiled", {})  # with this clock
        monkeypatch.setattr(operations, "MAX_OPERATIONS", 2)
        monkeypatch.setattr(writing, "HINTS", self)
        # Its clock stands still while somebody works.
        monkeypatch.setattr(work, "GATHER_SECONDS", 0.0)
        monkeypatch.setattr(work, "GOOD_NEWS_SECONDS", 0.0)
        for module in (work, process, engine):
            monkeypatch.setattr(module, "time", self)
        monkeypatch.setattr(process, "listen", doubles.no_hints)
        monkeypatch.setattr(schedule, "Attempt", doubles.Attempt)
        monkeypatch.setattr(reactor, "best_poller", lambda: doubles.Prober.current_wire)

    def monotonic(self) -> float:
        return self.clocks.monotonic()

    def publish(self, heads: Mapping[int, int]) -> None:
        if self.world is not None:
            self.world.publish(heads)

    def __call__(self) -> Fleets:
        self.clocks = Clocks()
        CloudProvider.clouds[CLOUD] = Cloud(self.clocks)
        self.world = World(self.clocks, CloudProvider.clouds[CLOUD], timeout=TIMEOUT_SECONDS, retry=RETRY_SECONDS)
        return self.machine(self.world)

    def run(self, machine: type[Fleets], how: settings) -> None:
        self.machine = machine
        run_state_machine_as_test(cast(Any, self), settings=how)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Bench]:
    product = request.getfixturevalue("settings")
    product.OPERATION_TIMEOUT_SECONDS, product.HEALTH_WAIT_SECONDS = TIMEOUT_SECONDS, int(HEALTH_WAIT)
    product.RETRY_SECONDS, product.UPGRADE_TIMEOUT_SECONDS = RETRY_SECONDS, UPGRADE_TIMEOUT_SECONDS
    monkeypatch.setattr(hypothesis_engine, "MAX_SHRINKING_SECONDS", SHRINKING_SECONDS)
    logging.disable(logging.ERROR)
    yield Bench(monkeypatch)
    logging.disable(logging.NOTSET)
    CloudProvider.clouds.pop(CLOUD, None)


def _stories() -> list[Story]:
    return [story for story in STORIES if ONLY in ("", story.name)]


def test_no_limit_is_passed_whatever_happens(bench: Bench) -> None:
    if not MINUTES:
        for story in _stories():
            examples = 1 if story.once else EXAMPLES[connection.vendor]
            bench.run(story.machine(), settings(CI, max_examples=examples))
        if not ONLY:
            bench.run(Anything, settings(CI, stateful_step_count=25, max_examples=2 * EXAMPLES[connection.vendor]))
        return
    end = time.monotonic() + 60 * MINUTES
    machines: list[type[Fleets]] = [*(story.machine() for story in _stories()), *([] if ONLY else [Anything])]
    for machine in cycle(machines):
        if time.monotonic() > end:
            break
        bench.run(machine, SOAK)
