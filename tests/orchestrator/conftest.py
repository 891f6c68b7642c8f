from collections.abc import Callable
from datetime import datetime

import pytest
from pytest_django import Settings

from tests.orchestrator.fleet import Fleet
from tests.providers.conftest import shared_simulator as shared_simulator
from tests.providers.simulator import Simulator
from upgrades.core.steps import Settle
from upgrades.core.what_if import with_results
from upgrades.models import ScaleSet
from upgrades.orchestrator import reconcile
from upgrades.orchestrator.leases import Lease
from upgrades.orchestrator.observe import Observation, observe
from upgrades.orchestrator.reconcile import WorkClaim

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
def results_lead_where_was_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever results and what is waited for after them are written at once, reading all rows says what was decided on."""
    really = reconcile._settle_and_wait

    def checked(lease: Lease, observation: Observation, step: Settle, now: datetime) -> bool:
        is_done = really(lease, observation, step, now)
        foreseen = with_results(observation.facts, step)
        if is_done and foreseen and ScaleSet.objects.filter(pk=lease.scale_set_id, seq=observation.seq + 1).exists():
            found = observe(lease.scale_set_id, now).facts
            assert (found.instances, found.upgrade) == (foreseen.instances, foreseen.upgrade)
            assert (found.target_results, found.newest_good) == (foreseen.target_results, foreseen.newest_good)
        return is_done

    monkeypatch.setattr(reconcile, "_settle_and_wait", checked)
