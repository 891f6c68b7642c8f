"""How long a task stays with its work item, and which outcomes it writes together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_recovery import lapse
from upgrades.models import Instance
from upgrades.orchestrator import work as working
from upgrades.orchestrator.reconcile import WorkClaim
from upgrades.orchestrator.thread_use import ThreadUse
from upgrades.orchestrator.work import WorkResult, work
from upgrades.providers.base import Operation, Outcome, Progress, ProviderError
from upgrades.providers.simulated.client import SimulatedProvider


def test_outcomes_that_come_one_after_the_other_are_written_together(
    upgrading: tuple[Fleet, list[WorkClaim]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction, an event and a reconcile for each that ended a few milliseconds after the one before cost more than they said."""
    fleet, handed = upgrading
    all_at_once = SimulatedProvider.poll

    async def one_at_a_time(self: SimulatedProvider, ids: Sequence[str], *, wait_seconds: float = 0) -> Any:
        found = await all_at_once(self, ids, wait_seconds=wait_seconds)
        ended = [id for id, outcome in found.items() if outcome.progress is Progress.SUCCEEDED]
        return {id: outcome for id, outcome in found.items() if id not in ended[1:]}

    for question in ("poll", "gather"):
        monkeypatch.setattr(SimulatedProvider, question, one_at_a_time)
    written = list[bool]()
    (claim,) = handed
    work(claim.work_item_id, claim.claim_number, lambda: fleet.now, lambda _, awaits: written.append(awaits))
    assert not Instance.objects.exclude(operation_id=None)
    assert written == [False, True]  # that they are begun, and how they ended


@pytest.mark.parametrize(
    ("first", "waits"),
    [(Progress.SUCCEEDED, working.GOOD_NEWS_SECONDS), (Progress.FAILED, working.GATHER_SECONDS)],
)
def test_good_news_of_a_batch_waits_longer_for_more_than_a_failure(
    upgrading: tuple[Fleet, list[WorkClaim]], monkeypatch: pytest.MonkeyPatch, first: Progress, waits: float
) -> None:
    fleet, (claim,) = upgrading
    all_at_once = SimulatedProvider.poll
    asked = list[float]()

    async def first_alone(self: SimulatedProvider, ids: Sequence[str], *, wait_seconds: float = 0) -> Any:
        asked.append(wait_seconds)
        found = await all_at_once(self, ids, wait_seconds=wait_seconds)
        if len(asked) > 1:
            return found
        told = min(found)
        return {
            id: replace(outcome, progress=first if id == told else Progress.RUNNING) for id, outcome in found.items()
        }

    for question in ("poll", "gather"):
        monkeypatch.setattr(SimulatedProvider, question, first_alone)
    work(claim.work_item_id, claim.claim_number, lambda: fleet.now, lambda *_: None)
    assert waits / 2 < asked[1] <= waits


def test_outcomes_are_written_although_the_provider_says_no_more(
    upgrading: tuple[Fleet, list[WorkClaim]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, (claim,) = upgrading
    all_at_once = SimulatedProvider.poll
    there = Instance.objects.exclude(operation_id=None).count()

    async def only_once(self: SimulatedProvider, ids: Sequence[str], *, wait_seconds: float = 0) -> Any:
        if len(ids) < there:
            raise ProviderError("Down", "it went away", permanent=False)
        found = await all_at_once(self, ids, wait_seconds=wait_seconds)
        ended = [id for id, outcome in found.items() if outcome.progress is Progress.SUCCEEDED]
        return {id: outcome for id, outcome in found.items() if id not in ended[1:]}

    for question in ("poll", "gather"):
        monkeypatch.setattr(SimulatedProvider, question, only_once)
    work(claim.work_item_id, claim.claim_number, lambda: fleet.now, lambda *_: None)
    assert Instance.objects.exclude(operation_id=None).count() == there - 1


@pytest.fixture
def slow_swaps(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Attempts are over at once, and only the third poll tells any outcome. What was begun, by call."""
    monkeypatch.setattr(working, "ATTEMPT_SECONDS", 0.001)
    begin, poll = SimulatedProvider.begin, SimulatedProvider.poll
    begun, polls = list[list[str]](), list[int]()

    async def noted(self: SimulatedProvider, operations: Sequence[Operation]) -> Any:
        begun.append([operation.id for operation in operations])
        return await begin(self, operations)

    async def late(self: SimulatedProvider, ids: Sequence[str], *, wait_seconds: float = 0) -> Any:
        polls.append(1)
        found = await poll(self, ids, wait_seconds=wait_seconds)
        return found if len(polls) > 2 else dict.fromkeys(found, Outcome(Progress.RUNNING))

    monkeypatch.setattr(SimulatedProvider, "begin", noted)
    monkeypatch.setattr(SimulatedProvider, "poll", late)
    return begun


def test_a_task_stays_with_its_work_while_threads_are_free(
    upgrading: tuple[Fleet, list[WorkClaim]], slow_swaps: list[list[str]]
) -> None:
    fleet, (claim,) = upgrading
    result = work(claim.work_item_id, claim.claim_number, lambda: fleet.now, lambda *_: None, lambda: True)
    assert result == WorkResult(fleet.id, None)
    assert fleet.work_items == [] and len(slow_swaps) == 1


def test_a_task_leaves_its_thread_to_others_after_one_attempt(
    upgrading: tuple[Fleet, list[WorkClaim]], slow_swaps: list[list[str]]
) -> None:
    fleet, (claim,) = upgrading
    first = work(claim.work_item_id, claim.claim_number, lambda: fleet.now, lambda *_: None)
    assert first and first.claim_number is not None
    work(claim.work_item_id, first.claim_number, lambda: fleet.now, lambda *_: None, lambda: True)
    assert fleet.work_items == [] and slow_swaps[0] == slow_swaps[1]


def test_a_task_does_not_go_on_with_work_that_another_has_taken(
    upgrading: tuple[Fleet, list[WorkClaim]], slow_swaps: list[list[str]]
) -> None:
    fleet, (claim,) = upgrading

    def take() -> bool:
        lapse(fleet)
        return bool(fleet.reconcile())

    result = work(claim.work_item_id, claim.claim_number, lambda: fleet.now, lambda *_: None, take)
    assert result == WorkResult(fleet.id, None)
    (left,) = fleet.work_items
    assert left.attempts == 1


def test_operations_refused_for_now_are_begun_again_by_another_task(
    upgrading: tuple[Fleet, list[WorkClaim]], slow_swaps: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, (claim,) = upgrading
    begin = SimulatedProvider.begin

    async def refuse_one(self: SimulatedProvider, operations: Sequence[Operation]) -> Any:
        first, *others = operations
        await begin(self, others)
        return {first.id: ProviderError("Busy", "not now", permanent=False)}

    async def running(self: SimulatedProvider, ids: Sequence[str], *, wait_seconds: float = 0) -> Any:
        return dict.fromkeys(ids, Outcome(Progress.RUNNING))

    monkeypatch.setattr(SimulatedProvider, "begin", refuse_one)
    monkeypatch.setattr(SimulatedProvider, "poll", running)
    result = work(claim.work_item_id, claim.claim_number, lambda: fleet.now, lambda *_: None, lambda: True)
    assert result and result.claim_number is not None
    assert fleet.work_items[0].attempts == 1


def test_threads_go_on_only_while_some_are_free() -> None:
    use = ThreadUse()
    with use:
        assert not use.may_go_on()
        use.allow(1)
        assert use.may_go_on()
        with use:
            assert not use.may_go_on()
        assert use.may_go_on()
        use.allow(0)
        assert not use.may_go_on()
