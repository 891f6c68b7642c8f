from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from tests.orchestrator.fleet import Fleet
from tests.providers.conftest import shared_simulator as shared_simulator
from tests.providers.simulator import Simulator
from upgrades.core.facts import Facts
from upgrades.core.steps import RecordedStep, Step
from upgrades.core.what_if import with_step
from upgrades.orchestrator import reconcile
from upgrades.orchestrator.leases import Lease
from upgrades.orchestrator.observe import observe
from upgrades.orchestrator.reconcile import WorkClaim
from upgrades.orchestrator.record import record

MakeFleet = Callable[..., Fleet]


@pytest.fixture
def make_fleet(db: None, shared_simulator: Simulator, settings: Settings) -> MakeFleet:
    """Makes scale sets on a real simulator: make_fleet(instances, **tags)."""
    settings.ROLLGRID_HOME = shared_simulator.home
    return lambda instances, **tags: Fleet(shared_simulator.home, instances, **tags)


@pytest.fixture
def upgrading(make_fleet: MakeFleet) -> tuple[Fleet, list[WorkClaim]]:
    """Ten instances; the first batch is recorded and handed out, and nothing is begun."""
    fleet = make_fleet(10)
    fleet.go_on()
    fleet.publish("16.04.1")
    handed = fleet.reconcile()
    assert len(handed) == 1
    return fleet, handed


@pytest.fixture(autouse=True)
def steps_lead_where_was_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a step and what follows it are written at once, reading all rows after the step alone says what was decided on."""
    really = record

    def checked(lease: Lease, seq: int, steps: Sequence[RecordedStep], now: datetime, *more: Any) -> None:
        foreseen = observe(lease.scale_set_id, now).facts
        for step in steps[:-1]:
            foreseen = _after(foreseen, step, now)
        last = with_step(foreseen, steps[-1], now)
        really(lease, seq, steps, now, *more)
        found = observe(lease.scale_set_id, now)
        if last and found.seq == seq + 1:
            _assert_same(found.facts, last)

    monkeypatch.setattr(reconcile, record.__name__, checked)


def _after(facts: Facts, step: Step, now: datetime) -> Facts:
    found = with_step(facts, step, now)
    assert found
    return found


def _assert_same(found: Facts, foreseen: Facts) -> None:
    assert (found.instances, found.upgrade) == (foreseen.instances, foreseen.upgrade)
    assert (found.target_results, found.newest_good) == (foreseen.target_results, foreseen.newest_good)
