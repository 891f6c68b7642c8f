"""The prober process: one event loop that probes, one thread that reads and writes the database.

Nothing is lost by a crash: leases lapse, counts restart, and health stays as stored until there is a new verdict.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.db import DatabaseError

from upgrades import heartbeats
from upgrades.core.machines import InstanceView
from upgrades.core.states import Health
from upgrades.feed.hints import listen
from upgrades.heartbeats import Part
from upgrades.models import ScaleSet
from upgrades.models.thread import DatabaseThread
from upgrades.prober import leases, probe_targets, write_back
from upgrades.prober.absence import Absences
from upgrades.prober.contacts import write_contacts
from upgrades.prober.counts import ProbeCounts
from upgrades.prober.machines import Machines
from upgrades.prober.probe_targets import Probed, ProbedSet
from upgrades.prober.write_back import Verdict
from upgrades.probes.engine import Engine
from upgrades.probes.targets import Target

CLAIM_SECONDS = 0.5  # a dead prober's leases lapse after three seconds: its scale sets are taken over soon after
POLL_HEADS_SECONDS = 0.5  # how often each scale set's seq is read where no hint comes
WRITE_SECONDS = 0.04  # shorter than the wait from an outcome to reconciling, so that the verdict is there by then
PROBED_AT_SECONDS = 2.0
VIEW_SECONDS = 2.0  # how often providers are asked where health is the machines' own state (new machines: at once) ...
SLOW_VIEW_SECONDS = 10.0  # ... and where a probe gives the health: for extensions, and for what people see
MAX_IN_ONE_MESSAGE = 10  # scale sets in one message, so that the first of them need not wait long
NOT_WRITTEN = -1  # a seq that no rows have
REWRITE_SECONDS = 60.0  # how often views are written again although neither they nor the rows have changed
GATHER_SECONDS = 0.03  # hints that come within this time cause one read
LOOPS_OF_A_ROUND = {"_claim", "_write_changes", "_write_probed_at", "_ask_providers", "_follow_changes"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderSnapshot:
    """A provider's views of a scale set's machines, requested at `at` and written at `written_at` (both monotonic), to the rows of `seq`.

    While neither the views nor the seq change, there is nothing to write.
    `complete_at`: the last request whose answer had every machine that is believed to exist. Only such an answer tells the health of all.
    """

    at: float
    written_at: float
    seq: int
    complete_at: float | None
    views: Mapping[str, InstanceView]


class Prober:
    """The prober. `now` is the wall clock; `on_change(*scale set ids)` is called (in the database's thread) after health has changed."""

    def __init__(self, home: Path, now: Callable[[], datetime], on_change: Callable[..., None]) -> None:
        self.name = uuid.uuid4().hex
        self._now = now
        self._on_change = on_change
        self._database = DatabaseThread()
        self._machines = Machines(home)
        self._counts = ProbeCounts()
        self._engine = Engine(self._counts.take_result)
        self._sets: dict[int, ProbedSet] = {}
        self._leased: dict[int, int] = {}
        self._snapshots: dict[int, ProviderSnapshot] = {}
        self._absences = Absences()
        # Instances of each scale set that have an address, but not for the port of the probe.
        self._unprobed: dict[int, set[int]] = {}
        # Of each scale set: what else its targets are made of, and {pk: (the instance, its target)}.
        self._last_targets: dict[int, tuple[Any, dict[int, tuple[Probed, Target]]]] = {}
        self._locations_with_errors: set[int] = set()  # that this process has found
        # Scale sets with a failed probe: does the machine still exist at the provider?
        self._failing: set[int] = set()
        # Scale sets whose `probed_at` was written since this process took them over.
        self._with_probed_at: set[int] = set()
        self._changed = asyncio.Event()
        # Scale sets without a probe that have new machines, about which the provider was not asked yet.
        self._with_new_machines: set[int] = set()
        self._new_machines_came = asyncio.Event()
        self._writing = asyncio.Lock()
        self._unreported: list[int] = []  # scale sets with written changes, for the next call of `on_change`
        self._finished_loops: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Probe until `stop` is set, then give the scale sets back. Raises the error of a loop that ends by one."""
        loops = (
            self._engine.run(),
            self._every(CLAIM_SECONDS, self._claim),
            self._every(WRITE_SECONDS, self._write_changes),
            self._every(PROBED_AT_SECONDS, self._write_probed_at),
            self._every(VIEW_SECONDS, self._ask_providers),
            self._every(0, self._ask_about_new_machines),
            self._every(GATHER_SECONDS, self._follow_changes),
            listen(self._hear),
        )
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(loop) for loop in loops]
                await stop.wait()
                for task in tasks:
                    task.cancel()
        finally:
            await self._end()

    async def _end(self) -> None:
        await self._machines.close()
        try:
            await self._database(leases.give_back, self.name)
        except DatabaseError:
            log.warning("the scale sets could not be given back; they are taken over in a few seconds")
        self._database.close()

    async def _every(self, seconds: float, run_once: Callable[[], Awaitable[None]]) -> None:
        """Call `run_once` for ever, with pauses of `seconds`. Where the database is away, try again each second."""
        while True:
            try:
                await run_once()
                self._note_round(run_once.__name__, heartbeats.worked)
                await asyncio.sleep(seconds)
            except DatabaseError as error:
                log.error("the database is not working (%s); tried again and again", error)
                self._note_round(run_once.__name__, heartbeats.tried)
                await asyncio.sleep(1)

    def _note_round(self, loop: str, leave_heartbeat: Callable[[Part], None]) -> None:
        """Note that a loop has come round. Each time all of LOOPS_OF_A_ROUND have, leave a heartbeat: if one loop hangs, there is none."""
        self._finished_loops.add(loop)
        if self._finished_loops >= LOOPS_OF_A_ROUND:
            self._finished_loops.clear()
            leave_heartbeat(Part.PROBER)

    # --- which scale sets, which instances ---

    async def _claim(self) -> None:
        self._leased = await self._database(leases.claim, self.name)
        for lost in self._sets.keys() - self._leased.keys():
            self._forget(lost)
        if self._is_behind():
            self._changed.set()

    def _hear(self, scale_set_id: int, seq: int) -> None:
        """Take a hint: this scale set has news up to `seq`."""
        if scale_set_id in self._leased and seq > self._leased[scale_set_id]:
            self._leased[scale_set_id] = seq
            self._changed.set()

    async def _follow_changes(self) -> None:
        """Read the scale sets again whose seq has moved: at once after a hint, every half second without one."""
        try:
            # Not wait_for: in Python 3.11 it loses a cancellation that comes at the moment the event is set.
            async with asyncio.timeout(POLL_HEADS_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            self._leased.update(await self._database(leases.heads, self.name))
        self._changed.clear()
        for scale_set_id, seq in list(self._leased.items()):
            known = self._sets.get(scale_set_id)
            if known is None or known.seq < seq:
                again = partial(probe_targets.refresh, known) if known else partial(probe_targets.read, scale_set_id)
                self._know(scale_set_id, await self._database(again))

    def _is_behind(self) -> bool:
        return any(pk not in self._sets or self._sets[pk].seq < seq for pk, seq in self._leased.items())

    def _know(self, scale_set_id: int, probed: ProbedSet | None) -> None:
        if probed is None:
            self._forget(scale_set_id)
            return
        before = self._sets.get(scale_set_id)
        self._sets[scale_set_id] = probed
        if before is not None and probed.has_same_targets(before):
            self._counts.know_health(probed)
            if probed.probe is not None:
                self._counts.take_unreachable(probed, self._unprobed.get(probed.pk, ()))
            return
        has_new_machines = _has_new_machines(probed, before)
        self._counts.know(probed)
        if probed.probe is None:
            self._engine.forget(scale_set_id)
            if has_new_machines:
                self._with_new_machines.add(scale_set_id)
                self._new_machines_came.set()
        else:
            self._engine.set_targets(scale_set_id, self._targets(probed))
            self._counts.take_unreachable(probed, self._unprobed[scale_set_id])

    def _targets(self, probed: ProbedSet) -> list[Target]:
        """What is to be probed. Of instances that are the same as the last time it is the same."""
        assert probed.probe is not None
        source = (probed.probe, probed.probe_port, probed.provider, probed.provider_settings)
        last_source, last = self._last_targets.get(probed.pk, (None, {}))
        kept = last if last_source == source else {}
        found: dict[int, tuple[Probed, Target]] = {}
        for pk, instance in probed.instances.items():
            known = kept.get(pk)
            if known is not None and known[0] is instance:
                found[pk] = known
            elif (end := self._machines.endpoint(probed, instance)) is not None:
                found[pk] = instance, Target(pk, *end, instance.generation, probed.probe)
        self._last_targets[probed.pk] = source, found
        self._unprobed[probed.pk] = {
            pk for pk, instance in probed.instances.items() if instance.address and pk not in found
        }
        return [target for _, target in found.values()]

    def _forget(self, scale_set_id: int) -> None:
        self._sets.pop(scale_set_id, None)
        self._leased.pop(scale_set_id, None)
        self._counts.forget(scale_set_id)
        self._engine.forget(scale_set_id)
        self._snapshots.pop(scale_set_id, None)
        self._unprobed.pop(scale_set_id, None)
        self._last_targets.pop(scale_set_id, None)
        self._machines.forget(scale_set_id)
        self._absences.forget(scale_set_id)
        self._failing.discard(scale_set_id)
        self._with_probed_at.discard(scale_set_id)

    # --- what was found ---

    async def _write_changes(self) -> None:
        """Write verdicts. Where the health of a scale set that was taken over is known now, write `probed_at` too: upgrades wait for it."""
        await self._write_verdicts(may_wait=True)
        new = [probed for pk, probed in self._sets.items() if pk not in self._with_probed_at]
        if any(self._known_as_of(probed) is not None for probed in new):
            await self._write_probed_at()

    async def _write_verdicts(self, *, may_wait: bool = False) -> None:
        """Write all verdicts, with `may_wait` without those that may wait for others; those that cannot be written are kept.

        Only one call runs at a time, so after a call without `may_wait` no verdict that was found before it is unwritten.
        """
        async with self._writing:
            waiting = self._counts.take_unwritten(may_wait=may_wait)
            try:
                for scale_set_id in list(waiting):
                    await self._write_verdicts_of(scale_set_id, waiting[scale_set_id])
                    del waiting[scale_set_id]
                    if len(self._unreported) >= MAX_IN_ONE_MESSAGE:
                        await self._report()
                await self._report()
            finally:
                for scale_set_id, verdicts in waiting.items():
                    self._counts.put_back(scale_set_id, verdicts)

    async def _write_verdicts_of(self, scale_set_id: int, verdicts: Sequence[Verdict]) -> None:
        written: dict[int, tuple[Health, str]] = {}
        try:
            seq = await self._database(write_back.write_verdicts, scale_set_id, verdicts, self._now(), written)
        except ScaleSet.DoesNotExist:
            self._forget(scale_set_id)
            return
        known = self._sets.get(scale_set_id)
        if seq is not None and known is not None and (after := known.with_health(seq, written)):
            self._know(scale_set_id, after)
        if any(verdict.health is not Health.HEALTHY for verdict in verdicts):
            self._failing.add(scale_set_id)
        await self._note_written(scale_set_id, seq)

    async def _note_written(self, scale_set_id: int, seq: int | None) -> None:
        """Note that something of the scale set was written, with the event `seq` (None: nothing was)."""
        if seq is not None:
            self._leased[scale_set_id] = max(seq, self._leased.get(scale_set_id, 0))
            self._changed.set()
            self._unreported.append(scale_set_id)

    async def _report(self) -> None:
        """Report the written scale sets by `on_change`, several at once. If that message is lost, the tick finds them."""
        written, self._unreported = self._unreported, []
        if written:
            await self._database(self._on_change, *written)

    async def _write_probed_at(self) -> None:
        """Write as of when the health of each scale set is known. It must be known of all its instances: the oldest result counts."""
        wall, monotonic = self._now(), time.monotonic()
        oldest = {pk: self._known_as_of(probed) for pk, probed in self._sets.items()}
        times = {pk: wall - timedelta(seconds=monotonic - at) for pk, at in oldest.items() if at is not None}
        await self._write_verdicts()  # before the time, which says that the verdicts until then are written
        if times:
            with suppress(ScaleSet.DoesNotExist):  # one was deleted just now: the others are written the next time
                await self._database(write_back.write_probed_at, times, wall)
            self._with_probed_at |= times.keys()

    def _known_as_of(self, probed: ProbedSet) -> float | None:
        if probed.probe is not None:
            return self._engine.oldest(probed.pk) if self._counts.is_settled(probed.pk) else None
        snapshot = self._snapshots.get(probed.pk)
        return snapshot.complete_at if snapshot else None

    # --- what providers say of machines ---

    async def _ask_providers(self) -> None:
        now = time.monotonic()
        due = [probed for probed in self._sets.values() if self._is_view_due(probed, now)]
        await asyncio.gather(*(self._ask_provider(probed, now) for probed in due))
        await self._write_contacts()

    async def _write_contacts(self) -> None:
        """Write what providers answered, where that differs from what is known of their locations."""
        found = self._machines.contacts.found(time.monotonic())
        if not found:
            return
        with suppress(ScaleSet.DoesNotExist):  # one was deleted just now: it is written the next time
            changed = await self._database(write_contacts, found, self._locations_with_errors, self._now())
            self._unreported += [scale_set_id for scale_set_id in changed if scale_set_id in self._leased]
            self._locations_with_errors -= {id for id, contact in found.items() if not contact.error}
            self._locations_with_errors |= {id for id, contact in found.items() if contact.error}
            await self._report()

    async def _ask_about_new_machines(self) -> None:
        """Ask providers at once about new machines and new OS disks, since their batches wait for it."""
        await self._new_machines_came.wait()
        self._new_machines_came.clear()
        with_new_machines, self._with_new_machines = self._with_new_machines, set()
        now = time.monotonic()
        await asyncio.gather(*(self._ask_provider(self._sets[pk], now) for pk in with_new_machines if pk in self._sets))

    def _is_view_due(self, probed: ProbedSet, now: float) -> bool:
        """Whether the provider is to be asked about this scale set's machines now.

        SLOW_VIEW_SECONDS count from the last request, but from the last write where rows have changed since: some may have been busy then.
        """
        snapshot, pk = self._snapshots.get(probed.pk), probed.pk
        is_soon = probed.probe is None or probed.is_settling or pk in self._failing or self._absences.is_doubtful(pk)
        if snapshot is None or is_soon:
            return True
        return now - (snapshot.at if snapshot.seq == probed.seq else snapshot.written_at) >= SLOW_VIEW_SECONDS

    async def _ask_provider(self, probed: ProbedSet, at: float) -> None:
        views = await self._machines.views(probed)
        current = self._sets.get(probed.pk)
        if views is None or current is None:
            return
        self._failing.discard(probed.pk)
        await self._take_absences(probed, views, at)
        if current.probe is None:
            self._counts.take_views(probed, views)
        before = self._snapshots.get(probed.pk)
        if before and before.at > at:
            return
        is_doubtful = self._absences.is_doubtful(probed.pk)
        complete_at = (before.complete_at if before else None) if is_doubtful else at
        if before and before.views == views and at - before.written_at < self._seconds_until_rewritten(before, current):
            self._snapshots[probed.pk] = ProviderSnapshot(at, before.written_at, before.seq, complete_at, views)
            return
        snapshot = self._snapshots[probed.pk] = ProviderSnapshot(at, at, NOT_WRITTEN, complete_at, views)
        with suppress(ScaleSet.DoesNotExist):
            await self._database(
                write_back.write_views, probed.pk, _by_row(probed, views), probed.instances, self._now()
            )
            if self._snapshots.get(probed.pk) is snapshot:
                self._snapshots[probed.pk] = replace(snapshot, seq=probed.seq)

    def _seconds_until_rewritten(self, before: ProviderSnapshot, current: ProbedSet) -> float:
        """Seconds until the same views are written again: sooner where rows have changed since, for they may have been busy before."""
        return REWRITE_SECONDS if before.seq == current.seq else SLOW_VIEW_SECONDS

    async def _take_absences(self, probed: ProbedSet, views: Mapping[str, InstanceView], at: float) -> None:
        """Write which machines are gone by now, judged by the answers so far."""
        gone = self._absences.note(probed, views, at)
        if gone:
            with suppress(ScaleSet.DoesNotExist):
                seq = await self._database(write_back.write_gone, probed.pk, gone, self._now())
                await self._note_written(probed.pk, seq)
                await self._report()


def _has_new_machines(probed: ProbedSet, known: ProbedSet | None) -> bool:
    old = {instance.generation for instance in known.instances.values()} if known else set()
    return any(instance.os_disk and instance.generation not in old for instance in probed.instances.values())


def _by_row(probed: ProbedSet, views: Mapping[str, InstanceView]) -> dict[int, InstanceView]:
    return {
        instance.pk: views[str(instance.number)]
        for instance in probed.instances.values()
        if str(instance.number) in views
    }
