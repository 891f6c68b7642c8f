"""Does outside work: begins the operations of a work item at the provider and polls them, for a few seconds at a time.

The event loop uses no ORM, and every await has a time-out. The work item's lease is renewed between polls. If the worker dies, the lease
expires, and `reconcile` claims the work item again with the same operation ids. Beginning an operation twice is harmless.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import F

from upgrades import providers
from upgrades.core.states import OperationKind
from upgrades.models import WorkItem, clock
from upgrades.models.prepared import Prepared, PreparedUpdate
from upgrades.orchestrator.beginnings import mark_begun
from upgrades.orchestrator.operations import operations_of
from upgrades.orchestrator.outcomes import capacity_creations, record_outcomes
from upgrades.provider_calls import measured
from upgrades.providers.base import (
    BEGIN_SECONDS,
    FENCE_SECONDS,
    GathersOutcomes,
    Operation,
    OperationMemory,
    Outcome,
    Progress,
    Provider,
    ProviderError,
    boot_time,
)

WORK_LEASE = timedelta(seconds=3)
FENCE = timedelta(seconds=FENCE_SECONDS)
ATTEMPT_SECONDS = 3.0  # then other work items have their turn where they wait for a thread
MAX_ATTEMPTS_AT_ONCE = 20  # by one task: what it has read, such as the location's settings, is a minute old at most
ROUND_SECONDS = 0.8  # of one poll; below a second, since the lease is renewed between polls
# How long the first outcome of a poll waits for others to be written with it. A step may be 0.1 s late.
GATHER_SECONDS = 0.09
# The same of new OS disks and extensions that succeeded. No step is late by it: a batch goes on when the last of its operations has ended,
# and with that, or with a failure, all that waits is written.
GOOD_NEWS_SECONDS = 1.0
IN_BATCHES = (OperationKind.REIMAGE, OperationKind.EXTENSIONS)
RENEW_SECONDS = 0.4  # between renewals of the lease; plus ANSWER_TIMEOUT_SECONDS it is below the length of the lease
ANSWER_TIMEOUT_SECONDS = 2.5  # for an answer of the provider; below the length of the lease
TIMEOUT_CODE, EXTENSIONS_TIMEOUT_CODE = "OSProvisioningTimedOut", "VMExtensionProvisioningTimeout"  # Z-4.10

log = logging.getLogger(__name__)
Clock = Callable[[], datetime]
OnChange = Callable[[int, bool], None]
MayGoOn = Callable[[], bool]
Answer = TypeVar("Answer")


class Unanswered(Exception):
    """The provider did not answer, or its answer means: try again later."""


@dataclass(frozen=True, slots=True)
class WorkResult:
    """How one attempt at a work item ended. `claim_number`: the right to go on at once; None if it is done, or is to be claimed again."""

    scale_set_id: int
    claim_number: int | None


def work(
    work_item_id: int, claim_number: int, now: Clock, on_change: OnChange, may_go_on: MayGoOn = lambda: False
) -> WorkResult | None:
    """Work on a work item for one attempt. Returns None where another task has taken the work item, or it is done.

    `on_change(scale set id, awaits verdicts)`: called after each commit. It must have the scale set reconciled soon; where verdicts are
    awaited, when these come.
    `may_go_on()`: whether nobody waits for this thread. Then the next attempts follow here, which is cheaper than by another task.
    """
    work_item = _take_up(work_item_id, claim_number)
    if work_item is None:
        return None
    location = work_item.scale_set.location
    try:
        provider = providers.load(location.provider, settings.ROLLGRID_HOME, location.settings)
    except ProviderError as error:
        log.warning("%s: location %s: %s", work_item.scale_set, location.name, error.message)
        _TAKE_BACK_ATTEMPT(work_item.pk, work_item.claim_number)
        return WorkResult(work_item.scale_set_id, None)
    if mark_begun(work_item, now()):
        on_change(work_item.scale_set_id, False)
    with asyncio.Runner() as runner:
        attempt = _Attempt(work_item, runner, provider, now, on_change, may_go_on)
        try:
            return attempt.run()
        finally:
            runner.run(provider.close())


def _take_up(work_item_id: int, claim_number: int) -> WorkItem | None:
    """Take the work item by giving it the next claim number. None where it has another number, as for a message that is delivered twice."""
    with transaction.atomic():
        return _ITEM.first(work_item_id) if _TAKE_UP(work_item_id, claim_number) else None


_TAKE_UP = PreparedUpdate(
    lambda pk, claim_number: (
        WorkItem.objects.filter(pk=pk, claim_number=claim_number),
        {
            "worked_until": clock.in_time(WORK_LEASE),
            "claim_number": clock.next_number("claim_number"),
            "attempts": clock.next_number("attempts"),
        },
    )
)
# Takes back an attempt in which nothing was tried, because attempts are the clock of OPERATION_TIMEOUT_SECONDS.
_TAKE_BACK_ATTEMPT = PreparedUpdate(
    lambda pk, claim_number: (
        WorkItem.objects.filter(pk=pk, claim_number=claim_number),
        {"attempts": F("attempts") - 1},
    )
)
_RENEW = PreparedUpdate(
    lambda pk, claim_number: (
        WorkItem.objects.filter(pk=pk, claim_number=claim_number),
        {"worked_until": clock.in_time(WORK_LEASE)},
    )
)
_GO_ON = PreparedUpdate(
    lambda pk, claim_number: (
        WorkItem.objects.filter(pk=pk, claim_number=claim_number),
        {"worked_until": clock.in_time(WORK_LEASE), "attempts": clock.next_number("attempts")},
    )
)
_WAS_BEGUN = Prepared(lambda pk: WorkItem.objects.filter(pk=pk).exclude(begun_until=None))
# Notes that the operations are begun now, and sets the fence (`begun_until`). Updates no row while the fence of the last time lasts.
_NOTE_BEGUN = PreparedUpdate(
    lambda pk, claim_number: (
        WorkItem.objects.filter(clock.is_over("begun_until", FENCE), pk=pk, claim_number=claim_number),
        {"begun_until": clock.in_time(FENCE)},
    )
)
_ITEM = Prepared(lambda pk: WorkItem.objects.select_related("scale_set__location", "scale_set__sku").filter(pk=pk))


def _timeout_code(kind: OperationKind) -> str:
    return EXTENSIONS_TIMEOUT_CODE if kind is OperationKind.EXTENSIONS else TIMEOUT_CODE


@dataclass(slots=True)
class _Attempt:
    """One attempt at one work item, by one task; or several, where nobody waits for its thread.

    `is_begun`: whether the provider has taken all operations. What it has refused for now is begun again by another task.
    """

    work_item: WorkItem
    runner: asyncio.Runner
    provider: Provider
    now: Clock
    on_change: OnChange
    may_go_on: MayGoOn
    is_begun: bool = True
    renewed_at: float = float("-inf")  # by time.monotonic

    def run(self) -> WorkResult:
        operations = operations_of(self.work_item)
        # Checked last, right before anything is begun: if this task was delayed, another may have taken the work item.
        if not self._renew():
            return WorkResult(self.work_item.scale_set_id, None)
        try:
            left = self._poll_for_one_attempt(self._begin(operations))
            for _ in range(1, MAX_ATTEMPTS_AT_ONCE):
                if not (left and self.is_begun and self.may_go_on() and self._begin_next_attempt()):
                    break
                left = self._poll_for_one_attempt(left)
        except Unanswered as error:
            log.warning(
                "%s: the provider gives no answer (%s); tried again in a moment", self.work_item.scale_set, error
            )
            self._fail_overdue(operations)
            return WorkResult(self.work_item.scale_set_id, None)
        return self._report(left)

    def _poll_for_one_attempt(self, left: dict[str, Operation]) -> dict[str, Operation]:
        """Poll until the attempt is over. Returns the operations that go on. Raises Unanswered."""
        end = time.monotonic() + ATTEMPT_SECONDS
        while left and time.monotonic() < end and self._is_held():
            left = self._poll(left)
        return self._fail_overdue(left)

    def _begin_next_attempt(self) -> bool:
        """Begin the next attempt. False where another task has the work item now."""
        if not _GO_ON(self.work_item.pk, self.work_item.claim_number):
            return False
        self.work_item.attempts += 1
        self.renewed_at = time.monotonic()
        return True

    def _report(self, left: Mapping[str, Operation]) -> WorkResult:
        """The result where these operations are left. A work item with none left is deleted."""
        if left:
            held = self.work_item.claim_number if self._renew() else None
            return WorkResult(self.work_item.scale_set_id, held)
        WorkItem.objects.filter(pk=self.work_item.pk, claim_number=self.work_item.claim_number, instances=None).delete()
        return WorkResult(self.work_item.scale_set_id, None)

    def _fail_overdue(self, operations: dict[str, Operation]) -> dict[str, Operation]:
        """Fail operations that have taken OPERATION_TIMEOUT_SECONDS, except deletions. Returns the operations that are left.

        The time is counted in attempts, not by a clock, because clocks jump.
        """
        if self.work_item.attempts * ATTEMPT_SECONDS < settings.OPERATION_TIMEOUT_SECONDS:
            return operations
        message = f"The operation did not end within {settings.OPERATION_TIMEOUT_SECONDS} s."
        failed = {
            id: Outcome(Progress.FAILED, code=_timeout_code(operation.kind), message=message)
            for id, operation in operations.items()
            if operation.kind is not OperationKind.DELETE
        }
        return self._record_ended(operations, failed)

    def _begin(self, operations: dict[str, Operation]) -> dict[str, Operation]:
        """Begin the operations. Returns those that have not failed.

        An operation that the provider refuses has failed, unless it refuses it only for now: then it is polled, and begun again by a later
        attempt. A creation for the capacity has failed in both cases (`capacity_creations`).
        """
        # Read before the fence is set: a process that is held up after this line is past `begin_by` when the fence ends, and sends nothing.
        asked_at = boot_time()
        to_begin = self._beginnable(operations)
        begun = [replace(operation, begin_by=asked_at + BEGIN_SECONDS) for operation in to_begin.values()]
        refused = self._ask("begin", self.provider.begin(begun)) if begun else {}
        for_capacity = capacity_creations(refused) if refused else set()
        self.is_begun = not any(not error.permanent and id not in for_capacity for id, error in refused.items())
        failed = {
            id: Outcome(Progress.FAILED, code=error.code, message=error.message)
            for id, error in refused.items()
            if error.permanent or id in for_capacity
        }
        return self._record_ended(operations, failed)

    def _beginnable(self, operations: dict[str, Operation]) -> dict[str, Operation]:
        """The operations that may be begun now: all, except at a provider for which beginning one twice is not harmless.

        Such a provider (OperationMemory.NEITHER) remembers no operation ids, and cannot see from a machine which operation was done to it.
        It is asked for operations that were begun before; those that it does not know are begun again once FENCE_SECONDS have passed.
        """
        if self.provider.capabilities.memory is not OperationMemory.NEITHER or not operations:
            return operations
        if _WAS_BEGUN.first(self.work_item.pk):
            outcomes = self._ask("poll", self.provider.poll(list(operations), wait_seconds=0))
            operations = {
                id: operation for id, operation in operations.items() if outcomes[id].progress is Progress.UNKNOWN
            }
        may_begin = bool(operations) and bool(_NOTE_BEGUN(self.work_item.pk, self.work_item.claim_number))
        return operations if may_begin else {}

    def _poll(self, operations: dict[str, Operation]) -> dict[str, Operation]:
        """Poll once, and record the outcomes. Returns the operations that go on."""
        pause = self.provider.capabilities.poll_seconds
        ended = self._ended(operations, ROUND_SECONDS)
        if pause and not ended:
            self.runner.run(asyncio.sleep(min(pause, ROUND_SECONDS)))
        if ended and not pause:
            ended |= self._gather(operations, ended)
        return self._record_ended(operations, ended)

    def _gather(self, operations: dict[str, Operation], ended: dict[str, Outcome]) -> dict[str, Outcome]:
        """Wait a little for more outcomes, so that those that come close together are written together.

        Each write costs a transaction, an event and a reconcile. Where no operation is left, nothing is waited for.
        """
        found = dict(ended)
        until = time.monotonic() + self._patience(operations, ended)
        try:
            while (
                left := {id: operation for id, operation in operations.items() if id not in found}
            ) and self._is_held():
                seconds = until - time.monotonic()
                if seconds <= 0:
                    break
                more = self._ended(left, min(seconds, ROUND_SECONDS), is_gathering=True)
                found |= more
                until = min(until, time.monotonic() + self._patience(operations, more)) if more else until
        except Unanswered:
            # The outcomes that are known already are written all the same; the next poll meets the same error.
            pass
        return found

    def _patience(self, operations: Mapping[str, Operation], ended: Mapping[str, Outcome]) -> float:
        """How many seconds these outcomes may wait for others."""
        are_good = all(outcome.progress is Progress.SUCCEEDED for outcome in ended.values())
        are_of_batches = all(operations[id].kind in IN_BATCHES for id in ended)
        return GOOD_NEWS_SECONDS if are_good and are_of_batches else GATHER_SECONDS

    def _ended(
        self, operations: dict[str, Operation], wait_seconds: float, *, is_gathering: bool = False
    ) -> dict[str, Outcome]:
        """Poll the operations: the outcomes of those that have ended. Raises Unanswered.

        `is_gathering`: the first outcome need not be told at once, but a failure, and the last.
        """
        provider = self.provider
        poll = provider.gather if is_gathering and isinstance(provider, GathersOutcomes) else provider.poll
        outcomes = self._ask("poll", poll(list(operations), wait_seconds=wait_seconds))
        if any(outcome.progress is Progress.UNKNOWN for outcome in outcomes.values()):
            raise Unanswered("it does not know an operation yet")
        return {
            id: outcome for id, outcome in outcomes.items() if outcome.progress in (Progress.SUCCEEDED, Progress.FAILED)
        }

    def _record_ended(self, operations: dict[str, Operation], ended: Mapping[str, Outcome]) -> dict[str, Operation]:
        """Record these outcomes. Returns the operations that go on."""
        if ended:
            awaits_verdicts = record_outcomes(self.work_item.scale_set_id, ended, self.now())
            self.on_change(self.work_item.scale_set_id, awaits_verdicts)
        return {id: operation for id, operation in operations.items() if id not in ended}

    def _ask(self, call: str, question: Coroutine[Any, Any, Answer]) -> Answer:
        """Await the provider's answer for ANSWER_TIMEOUT_SECONDS. Raises Unanswered."""
        try:
            with measured(self.work_item.scale_set.location.provider, call):
                return self.runner.run(asyncio.wait_for(question, ANSWER_TIMEOUT_SECONDS))
        except TimeoutError:
            raise Unanswered(f"no answer in {ANSWER_TIMEOUT_SECONDS:g} s") from None
        except ProviderError as error:
            raise Unanswered(f"{error.code}: {error.message}") from error
        except Exception as error:
            log.exception("%s: the provider %s is faulty", self.work_item.scale_set, type(self.provider).__name__)
            raise Unanswered(f"an error of the provider: {error}") from error

    def _is_held(self) -> bool:
        """Will the lease hold until the next answer? Renews it unless that was done just before."""
        return time.monotonic() - self.renewed_at < RENEW_SECONDS or self._renew()

    def _renew(self) -> bool:
        """Renew the lease. False where it was lost: another task has the work item now."""
        self.renewed_at = time.monotonic()
        return bool(_RENEW(self.work_item.pk, self.work_item.claim_number))
