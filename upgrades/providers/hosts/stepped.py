"""Makes a provider of a driver: keeps the journal of operations, and drives those that are polled, step by step.

Whoever polls an operation goes on with it. A worker that dies leaves it as it is, and the next poll, from any process, goes on.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from upgrades.core.facts import ImageReference
from upgrades.core.states import OperationKind, Power, Provisioning
from upgrades.providers.base import (
    Capabilities,
    InstanceView,
    Operation,
    Outcome,
    Progress,
    ProviderError,
    ScaleSetReference,
)
from upgrades.providers.hosts.driver import HOST_UNAVAILABLE, Driver, Ended, Waiting
from upgrades.providers.hosts.journal import Busy, Journal, OpenOperation, Record

ANSWER_SECONDS = 4.0  # for one question to the host; `begin` promises to return in under five
LOCK_SECONDS = 1.0  # how long `begin` waits while somebody makes a step on the machine
RETRY_SECONDS = 1.0  # after a step that the host did not answer
LOCK_RETRY_SECONDS = 0.05
# For steps that are being made, with their lock on the machine. Then they are cut off, which they must bear; what they do in threads may
# go on without the lock.
CLOSE_SECONDS = 10.0
# An operation that nobody went on with for so long is abandoned: another one may begin on its machine.
ABANDONED_SECONDS = 10.0
SAVE_SECONDS = 3.0  # how often it is noted that somebody still goes on with an operation
SWAPS = (OperationKind.CREATE, OperationKind.REIMAGE, OperationKind.RESTORE)
SHOWN_AS = {OperationKind.CREATE: Provisioning.CREATING, OperationKind.DELETE: Provisioning.DELETING}

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


def unix_time() -> float:
    return datetime.now(UTC).timestamp()  # noqa: TID251 - the journal is read by other processes, also after a restart of the host


class SteppedProvider:
    """A provider of the machines that `driver` drives, with its journal in `folder`.

    All workers that do operations on these machines must see the same folder: they run on one host.
    """

    def __init__(self, folder: Path, driver: Driver, clock: Callable[[], float] = unix_time) -> None:
        self.capabilities: Capabilities = driver.capabilities
        self._driver, self._journal, self._clock = driver, Journal(folder), clock
        self._driven: dict[str, asyncio.Task[None]] = {}
        self._is_closing = False

    async def begin(self, operations: Sequence[Operation]) -> Mapping[str, ProviderError]:
        """All of them side by side, but those on one machine in their order."""
        by_machine: dict[tuple[str, str], list[Operation]] = {}
        for operation in operations:
            by_machine.setdefault((operation.scale_set.key, operation.instance), []).append(operation)
        groups = await asyncio.gather(*(self._begin_in_order(group) for group in by_machine.values()))
        refused = {id: error for group in groups for id, error in group.items()}
        if refused and len(refused) == len(operations) and {e.code for e in refused.values()} == {HOST_UNAVAILABLE}:
            raise next(iter(refused.values()))
        return refused

    async def poll(self, operation_ids: Sequence[str], *, wait_seconds: float = 0) -> Mapping[str, Outcome]:
        """Goes on with them, until the first one ends."""
        end = time.monotonic() + wait_seconds
        outcomes = {id: await asyncio.to_thread(self._outcome, id) for id in operation_ids}
        driven = {self._drive(id) for id, outcome in outcomes.items() if outcome.progress is Progress.RUNNING}
        if not driven or len(driven) < len(outcomes):  # an outcome is known already: others wait for the next poll
            await asyncio.sleep(0)
        else:
            await asyncio.wait(driven, timeout=max(0.0, end - time.monotonic()), return_when=asyncio.FIRST_COMPLETED)
        return {id: await asyncio.to_thread(self._outcome, id) for id in operation_ids}

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        """As the driver sees them. A machine with an open operation is not called well; one that was abandoned is half made."""
        seen = await _answered(self._driver.views(scale_set))
        return await asyncio.to_thread(
            lambda: {
                instance: self._with_operation(view, self._journal.read(scale_set.key, instance))
                for instance, view in seen.items()
            }
        )

    async def check_image(self, scale_set: ScaleSetReference, image: ImageReference) -> None:
        await _answered(self._driver.check_image(image))

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        return await _answered(self._driver.available_quota(scale_set))

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        return self._driver.endpoint(address, port)

    async def close(self) -> None:
        self._is_closing = True
        if self._driven:
            _, cut_off = await asyncio.wait(self._driven.values(), timeout=CLOSE_SECONDS)
            for task in cut_off:
                task.cancel()
            await asyncio.gather(*cut_off, return_exceptions=True)
        await self._driver.close()

    async def _begin_in_order(self, operations: Sequence[Operation]) -> dict[str, ProviderError]:
        refused = {}
        for operation in operations:
            try:
                await self._begin(operation)
            except ProviderError as error:
                refused[operation.id] = error
        return refused

    async def _begin(self, operation: Operation) -> None:
        """Raises ProviderError where it cannot begin."""
        key, instance = operation.scale_set.key, operation.instance
        if (await asyncio.to_thread(self._outcome, operation.id)).progress is not Progress.UNKNOWN:
            return
        end = time.monotonic() + LOCK_SECONDS
        while True:
            with suppress(Busy), self._journal.locked(key, instance):
                await self._begin_locked(operation)
                return
            if time.monotonic() > end:
                raise _in_progress(operation)
            await asyncio.sleep(LOCK_RETRY_SECONDS)

    async def _begin_locked(self, operation: Operation) -> None:
        key, instance = operation.scale_set.key, operation.instance
        record = self._journal.read(key, instance)
        if operation.id in record.ended or (record.open and record.open.operation.id == operation.id):
            return
        if record.open and not self._is_abandoned(record.open):
            raise _in_progress(operation)
        await _answered(self._driver.check(operation))
        if record.open:
            record.is_half_made |= record.open.operation.kind in SWAPS
            record.end(Outcome(Progress.FAILED, code="Abandoned", message="Another operation took its place."))
        record.open = OpenOperation(operation, stepped_at=self._clock())
        # Not in a thread: it would go on after a cancellation has given the lock away.
        self._journal.write(key, instance, record)

    def _outcome(self, id: str) -> Outcome:
        machine = self._journal.find(id)
        record = self._journal.read(*machine) if machine else Record()
        if record.open and record.open.operation.id == id:
            return Outcome(Progress.RUNNING, message=record.open.why)
        return record.ended.get(id, Outcome(Progress.UNKNOWN))

    def _drive(self, id: str) -> "asyncio.Task[None]":
        """The task that goes on with an operation. It outlives the poll: the next one of this object finds it."""
        task = self._driven.get(id)
        if task is None or task.done():
            task = self._driven[id] = asyncio.create_task(self._step_until_ended(id))
        return task

    async def _step_until_ended(self, id: str) -> None:
        machine = self._journal.find(id)
        while machine and not self._is_closing:
            try:
                with self._journal.locked(*machine):
                    pause = await self._step(id, *machine)
            except Busy:
                pause = LOCK_RETRY_SECONDS
            if pause is None:
                return
            await asyncio.sleep(pause)

    async def _step(self, id: str, key: str, instance: str) -> float | None:
        """Make one step, within the lock. Returns how long to wait before the next one; None where the operation has ended."""
        record = await asyncio.to_thread(self._journal.read, key, instance)
        opened = record.open
        if opened is None or opened.operation.id != id:
            return None
        before = (dict(opened.memory), opened.why)
        try:
            result = await self._driver.step(opened.operation, opened.memory)
        except ProviderError as error:
            log.warning("%s/%s: %s: %s: %s", key, instance, opened.operation.kind, error.code, error.message)
            result = _after(error)
        except Exception:
            log.exception("%s/%s: %s: the step failed and is repeated", key, instance, opened.operation.kind)
            result = Waiting(RETRY_SECONDS, "an error of the driver, see the worker's log")
        if isinstance(result, Ended):
            if opened.operation.kind in (*SWAPS, OperationKind.DELETE) and not result.code:
                record.is_half_made = False
            record.end(_outcome_of(result))
        else:
            opened.why = result.why
            if (opened.memory, opened.why) == before and self._clock() - opened.stepped_at < SAVE_SECONDS:
                return result.seconds
            opened.stepped_at = self._clock()
        self._journal.write(key, instance, record)
        return result.seconds if isinstance(result, Waiting) else None

    def _is_abandoned(self, opened: OpenOperation) -> bool:
        # By the distance: after a jump of the clock, an operation that is driven notes the new time soon.
        return abs(self._clock() - opened.stepped_at) > ABANDONED_SECONDS

    def _with_operation(self, view: InstanceView, record: Record) -> InstanceView:
        if record.open is None:
            view = replace(view, half_made=True, version="") if record.is_half_made else view
            return replace(view, provisioning=Provisioning.FAILED) if record.has_failed else view
        kind = record.open.operation.kind
        key, instance = record.open.operation.scale_set.key, view.instance
        # A step can take longer than that; whoever makes it has the lock.
        if self._is_abandoned(record.open) and not self._journal.is_locked(key, instance):
            is_half_made = kind in SWAPS or view.half_made
            version = "" if is_half_made else view.version
            return replace(view, provisioning=Provisioning.FAILED, version=version, half_made=is_half_made)
        is_down = kind in SWAPS and view.power is Power.RUNNING
        power = Power.STARTING if is_down else view.power
        return replace(view, provisioning=SHOWN_AS.get(kind, Provisioning.UPDATING), power=power, half_made=False)


async def _answered(question: Coroutine[Any, Any, Answer]) -> Answer:
    """The host's answer. Raises ProviderError where it takes longer than ANSWER_SECONDS."""
    try:
        return await asyncio.wait_for(question, ANSWER_SECONDS)
    except TimeoutError:
        message = f"The host gave no answer in {ANSWER_SECONDS:g} s."
        raise ProviderError(HOST_UNAVAILABLE, message, permanent=False) from None


def _in_progress(operation: Operation) -> ProviderError:
    message = f"Another operation runs on instance {operation.instance}."
    return ProviderError("OperationInProgress", message, permanent=False)


def _after(error: ProviderError) -> Waiting | Ended:
    if error.permanent:
        return Ended(code=error.code, message=error.message)
    return Waiting(RETRY_SECONDS, error.message)


def _outcome_of(ended: Ended) -> Outcome:
    if ended.code:
        return Outcome(Progress.FAILED, code=ended.code, message=ended.message)
    return Outcome(Progress.SUCCEEDED, ended.view)
