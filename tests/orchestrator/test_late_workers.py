"""A cloud that neither remembers operations nor compares: a worker that wakes up late begins nothing a second time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_recovery import lapse
from upgrades import providers
from upgrades.core.states import OperationKind, UpgradeStatus
from upgrades.models import Location, WorkItem, clock
from upgrades.orchestrator.reconcile import WorkClaim
from upgrades.orchestrator.work import work
from upgrades.providers.base import (
    BEGIN_SECONDS,
    FENCE_SECONDS,
    Operation,
    OperationMemory,
    Outcome,
    Progress,
    ProviderError,
    refuse_late,
)
from upgrades.providers.simulated.client import SimulatedProvider

pytestmark = pytest.mark.django_db(transaction=True)


class ForgetfulProvider(SimulatedProvider):
    """A cloud that does what it is told each time that it is told so, and may not have heard of it yet when it is asked."""

    capabilities = replace(SimulatedProvider.capabilities, memory=OperationMemory.NEITHER)
    reimages: ClassVar[list[str]] = []
    unheard: ClassVar[set[str]] = set()
    held_up: ClassVar[float] = 0.0  # seconds before each call

    async def begin(self, operations: Sequence[Operation]) -> Mapping[str, ProviderError]:
        late: dict[str, ProviderError] = {}
        for operation in operations:
            try:
                refuse_late(replace(operation, begin_by=operation.begin_by - self.held_up))
            except ProviderError as error:
                late[operation.id] = error
        sent = [operation for operation in operations if operation.id not in late]
        self.reimages.extend(operation.instance for operation in sent if operation.kind is OperationKind.REIMAGE)
        return {**late, **await super().begin(sent)}

    async def poll(self, operation_ids: Sequence[str], *, wait_seconds: float = 0) -> Mapping[str, Outcome]:
        known = [id for id in operation_ids if id not in self.unheard]
        unknown = {id: Outcome(Progress.UNKNOWN) for id in operation_ids if id in self.unheard}
        return {**unknown, **await super().poll(known, wait_seconds=0 if unknown else wait_seconds)}


@pytest.fixture
def forgetful(make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setitem(providers.PROVIDERS, "forgetful", f"{__name__}:ForgetfulProvider")
    fleet = make_fleet(10)
    fleet.go_on()
    Location.objects.update(provider="forgetful")
    yield fleet
    ForgetfulProvider.reimages.clear()
    ForgetfulProvider.unheard.clear()
    ForgetfulProvider.held_up = 0.0


def attempt(fleet: Fleet, claims: list[WorkClaim]) -> None:
    for claim in claims:
        work(claim.work_item_id, claim.claim_number, lambda: fleet.now, lambda *_: None)


def test_an_operation_on_its_way_is_not_begun_again_before_the_fence(forgetful: Fleet) -> None:
    fleet = forgetful
    fleet.publish("16.04.1")
    claims = fleet.reconcile()
    ForgetfulProvider.unheard.update(str(row.operation_id) for row in fleet.instances)
    for _ in range(2):
        attempt(fleet, claims)
        assert sorted(ForgetfulProvider.reimages) == ["0", "1"]
        lapse(fleet)
        claims = fleet.reconcile()
    WorkItem.objects.update(begun_until=clock.in_time(-timedelta(seconds=1)))
    attempt(fleet, claims)
    assert sorted(ForgetfulProvider.reimages) == ["0", "0", "1", "1"], "nobody heard of it after all"
    assert FENCE_SECONDS > BEGIN_SECONDS


def test_an_operation_that_is_known_is_not_begun_again(forgetful: Fleet) -> None:
    fleet = forgetful
    fleet.publish("16.04.1")
    claims = fleet.reconcile()
    attempt(fleet, claims)
    lapse(fleet)
    WorkItem.objects.update(begun_until=clock.in_time(-timedelta(seconds=1)))
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert len(ForgetfulProvider.reimages) == len(set(ForgetfulProvider.reimages)) == 10


def test_a_worker_that_was_held_up_begins_nothing(forgetful: Fleet) -> None:
    fleet = forgetful
    fleet.publish("16.04.1")
    ForgetfulProvider.held_up = BEGIN_SECONDS + 1
    attempt(fleet, fleet.reconcile())
    assert ForgetfulProvider.reimages == []
