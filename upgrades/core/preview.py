"""The plan of an upgrade: `decide` run forward on a virtual clock, on the assumption that every instance succeeds.

This module decides nothing itself. Whatever holds the upgrade is noted as a block and then assumed to be over, so that the plan shows
what comes after it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from upgrades.core import what_if
from upgrades.core.decide import decide
from upgrades.core.facts import Batch, Facts, InstanceFacts, InstanceUpgradeFacts, Upgrade
from upgrades.core.in_flight import running_batch
from upgrades.core.reason_kinds import WORK
from upgrades.core.states import IN_FLIGHT, FaultCode, Health, InstanceUpgradeState, UpgradeKind
from upgrades.core.steps import (
    AddInstances,
    Cancel,
    Complete,
    Fault,
    FinishBatch,
    RecreateMachines,
    RemoveInstances,
    RollBack,
    Settle,
    StartBatch,
    StartUpgrade,
    Step,
    Wait,
    Why,
)

MAX_STEPS = 10_000  # more than any plan has: a set has at most 1,000 instances, and a batch takes three steps
MOVING_FORWARD = IN_FLIGHT - {InstanceUpgradeState.ROLLING_BACK}
GATE_FAULTS = (FaultCode.UNHEALTHY_BEFORE, FaultCode.UNHEALTHY_DURING)
# Codes of blocks that only people end, so that their end cannot be planned.
LIFTED_BY_PEOPLE = frozenset(
    {Why.PAUSED, Why.FLEET_STOPPED, Why.WAITING_FOR_APPROVAL, Why.TOO_MANY_UNHEALTHY, *GATE_FAULTS}
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long past batches took: `quick` is the 10th percentile, `typical` the median, `slow` the 90th percentile."""

    quick: timedelta
    typical: timedelta
    slow: timedelta


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch to come. `why`: how it is chosen, with the rounding. `begins_in`: the typical time until it begins, None where unknown.

    `blocked_by`: the code of the block that people have to end before it can begin; "" for none.
    """

    number: int
    instances: tuple[int, ...]
    zones: tuple[str, ...]
    begins_in: timedelta | None
    why: str
    blocked_by: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Something that would hold the upgrade: the code of a Why or a FaultCode, and the sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What an upgrade will do. `target`: its version, "" in a plan of `kind` EXTENSIONS.

    `waits`: how long pauses and the wait for a retry take together. `earliest`, `latest`: how long the upgrade takes from now, with quick
    and with slow batches; None where the duration of batches is not known.
    """

    target: str
    batches: tuple[PlannedBatch, ...]
    blocks: tuple[Block, ...]
    waits: timedelta
    earliest: timedelta | None
    latest: timedelta | None
    kind: UpgradeKind = UpgradeKind.IMAGE

    @property
    def size(self) -> int:
        """The number of instances in its batches."""
        return sum(len(batch.instances) for batch in self.batches)

    @property
    def unblocked(self) -> tuple[PlannedBatch, ...]:
        """The batches that no person has to unblock first: where only some instances are approved, the batches of those."""
        return tuple(batch for batch in self.batches if not batch.blocked_by)


def pace_of(durations: Sequence[timedelta]) -> Pace | None:
    """The pace from the durations of past batches; None where there are none.

    >>> pace_of([timedelta(seconds=n) for n in range(1, 21)])
    Pace(quick=datetime.timedelta(seconds=2), typical=datetime.timedelta(seconds=10), slow=datetime.timedelta(seconds=18))
    """
    if not durations:
        return None
    ordered = sorted(durations)
    # Nearest-rank percentiles: -(-a // b) is a / b rounded up.
    quick, typical, slow = (ordered[max(0, -(-len(ordered) * share // 100) - 1)] for share in (10, 50, 90))
    return Pace(quick, typical, slow)


def preview(facts: Facts, now: datetime, pace: Pace | None = None, *, by_hand: bool = False) -> Plan:
    """Plan the running upgrade, or else the next one. `by_hand`: where none runs, one that a person starts now."""
    if by_hand and facts.upgrade is None:
        facts = what_if.with_upgrade_started(facts)
    return _VirtualRun(facts, now, pace).run()


@dataclass(slots=True)
class _VirtualRun:
    """One run of `decide` forward. `facts` and `now` are those after the steps so far.

    `blocked_by`: as in PlannedBatch, for the batches that follow. `running_for`: for how long the batch that runs at the start was running
    already. `counted_batches`: how many batches have run until `now`, that one included.
    """

    facts: Facts
    now: datetime
    pace: Pace | None
    batches: list[PlannedBatch] = field(default_factory=list)
    blocks: dict[str, Block] = field(default_factory=dict)
    waits: timedelta = timedelta(0)
    counted_batches: int = 0
    running_for: timedelta = timedelta(0)
    blocked_by: str = ""

    def run(self) -> Plan:
        target, kind = self._target(), self.facts.upgrade.kind if self.facts.upgrade else UpgradeKind.IMAGE
        self._note_running_time()
        for _ in range(MAX_STEPS):
            step = decide(self.facts, self.now)
            if self._note_end(step):
                break
            self._apply(step)
            target = self._target() or target
            self._end_opt_outs()
            self.facts = replace(self.facts, health_complete_at=self.now)
        earliest = self._time_left(self.pace.quick) if self.pace else None
        latest = self._time_left(self.pace.slow) if self.pace else None
        return Plan(target, tuple(self.batches), tuple(self.blocks.values()), self.waits, earliest, latest, kind)

    def _note_running_time(self) -> None:
        """Note how long the running batch has been running: that part of its time is over."""
        running = running_batch(self.facts)
        if running and running.started_at:
            self.running_for = max(timedelta(0), self.now - running.started_at)

    def _time_left(self, each: timedelta) -> timedelta:
        """The time from now until all batches so far are over, if each takes as long as `each`."""
        batches = each * self.counted_batches
        return self.waits + batches - min(self.running_for, each, batches)

    def _target(self) -> str:
        return self.facts.upgrade.target.version if self.facts.upgrade else ""

    def _note_end(self, step: Step) -> bool:
        """Note the block that this step is, if it is one. Returns whether the plan ends with it."""
        match step:
            case Complete() | Cancel():
                return True
            case Fault(breach):
                self._block(breach.code, breach.message)
                return breach.code not in GATE_FAULTS or bool(self.facts.upgrade and self.facts.upgrade.breach)
            case Wait(_, why, text) if why in (Why.CANCELLED_BEFORE, Why.NO_IMAGE):
                self._block(why, text)
                return True
            case Wait(_, why):
                return why in (Why.NOTHING_TO_DO, Why.CREATION_FAILED, Why.ELSEWHERE, Why.GONE)
        return False

    def _apply(self, step: Step) -> None:
        """Change the facts, the clock and the plan as the step would."""
        match step:
            case Wait():
                self._wait(step)
            case AddInstances() | RemoveInstances():
                self._scale(step)
            case RecreateMachines(instances, image):
                self._set_instances(
                    _with_machine(instance, image.version) if instance.id in instances else instance
                    for instance in self.facts.instances
                )
            case StartUpgrade(target, started_by, takes_failed):
                self._set_instances(
                    what_if.with_other_version_opt_out_ended(instance, target.version)
                    for instance in self.facts.instances
                )
                self._set_upgrade(Upgrade(target, started_by, self.facts.policy, takes_failed=takes_failed))
            case Fault():
                self._make_all_healthy()
            case _:
                self._apply_to_batch(step)

    def _apply_to_batch(self, step: Step) -> None:
        """The part of `_apply` for steps of batches."""
        match step:
            case StartBatch():
                self._start_batch(step)
            case Settle():
                self._finish_work()
            case RollBack(instances):
                self._change_members(lambda member: _rolled_back(member) if member.instance in instances else member)
            case FinishBatch():
                self._finish_batch()

    def _scale(self, step: AddInstances | RemoveInstances) -> None:
        """Add healthy instances, or remove some."""
        before = self.facts.instances
        if isinstance(step, RemoveInstances):
            self._set_instances(instance for instance in before if instance.id not in step.instances)
            return
        first = self._next_id()
        extensions_key = self.facts.upgrade.extensions_key if self.facts.upgrade else ""
        ids = range(first, first + step.count)
        new = (InstanceFacts(id, step.image.version, extensions_key=extensions_key) for id in ids)
        self._set_instances((*before, *new))

    def _next_id(self) -> int:
        return max((instance.id for instance in self.facts.instances), default=-1) + 1

    # --- waiting ---

    def _wait(self, wait: Wait) -> None:
        """Let the awaited work end, move the clock over a wait of known length, or assume that what is waited for has happened."""
        if wait.why in WORK:
            self._finish_work()
        elif wait.why in (Why.PAUSE_BETWEEN_BATCHES, Why.BACKING_OFF):
            self.waits += wait.until - self.now
            self.now = wait.until
        else:
            self._block(wait.why, wait.text)
            self._end_hold(wait.why)

    def _block(self, code: str, text: str) -> None:
        """Note a block, once for each code."""
        self.blocks.setdefault(code, Block(code, text))
        if code in LIFTED_BY_PEOPLE:
            self.blocked_by = code

    def _end_hold(self, why: Why) -> None:
        """Assume that the hold is over. Stale health needs nothing: `run` makes health fresh before each step."""
        if why is Why.FLEET_STOPPED:
            self.facts = replace(self.facts, fleet_stop=None)
            self._drop_time_limit()
        elif why is Why.PAUSED and self.facts.upgrade:
            self._set_upgrade(replace(self.facts.upgrade, paused_by=""))
            self._drop_time_limit()
        elif why is Why.WAITING_FOR_APPROVAL:
            self._approve()
        elif why in (Why.TOO_MANY_UNHEALTHY, Why.INITIALIZING):
            self._make_all_healthy()
        elif why is Why.PROVIDER_UNAVAILABLE:
            self.facts = replace(self.facts, provider_error="")
        elif why in (Why.IMAGE_MISSING, Why.STORAGE_MISSING, Why.HOST_FULL):
            self.facts = replace(self.facts, obstacle=None)
        elif why is Why.QUOTA_UNKNOWN:
            self.facts = replace(self.facts, available_quota_is_known=True)

    def _drop_time_limit(self) -> None:
        """Drop the time limit of the upgrade: its time stands still during a hold, and nobody knows for how long."""
        if self.facts.upgrade:
            self._set_upgrade(replace(self.facts.upgrade, ends_by=None))

    def _end_opt_outs(self) -> None:
        """End the opt-outs whose time is over on the virtual clock."""
        if any(
            instance.opt_out and instance.opt_out.until and instance.opt_out.until <= self.now
            for instance in self.facts.instances
        ):
            self._set_instances(_without_ended_opt_out(instance, self.now) for instance in self.facts.instances)

    def _approve(self) -> None:
        version = self._target()
        self._set_instances(replace(instance, approved_version=version) for instance in self.facts.instances)

    def _make_all_healthy(self) -> None:
        self._set_instances(replace(instance, health=Health.HEALTHY) for instance in self.facts.instances)

    # --- batches ---

    def _start_batch(self, step: StartBatch) -> None:
        assert self.facts.upgrade
        chosen = (self.facts.instance(id) for id in step.instances)
        zones = sorted({instance.zone for instance in chosen if instance and instance.zone})
        begins_in = self._time_left(self.pace.typical) if self.pace else None
        self.batches.append(
            PlannedBatch(step.number, step.instances, tuple(zones), begins_in, step.why, self.blocked_by)
        )
        members = tuple(InstanceUpgradeFacts(id, InstanceUpgradeState.UPGRADING) for id in step.instances)
        if step.surge:
            members = self._with_replacements(members)
        upgrade = self.facts.upgrade
        self._set_upgrade(replace(upgrade, batches=(*upgrade.batches, Batch(step.number, members))))

    def _with_replacements(self, members: Sequence[InstanceUpgradeFacts]) -> tuple[InstanceUpgradeFacts, ...]:
        """Add a new instance for each member, which is being created and is to replace it. Returns the members with their replacements."""
        first = self._next_id()
        zones = {instance.id: instance.zone for instance in self.facts.instances}
        pairs = tuple(replace(member, replacement=first + index) for index, member in enumerate(members))
        new = (
            InstanceFacts(member.upgraded_id, "", zone=zones[member.instance], is_busy=True, is_unused_surge=True)
            for member in pairs
        )
        self._set_instances((*self.facts.instances, *new))
        return pairs

    def _finish_work(self) -> None:
        """Let all work under way succeed, and delete the replaced instances. A batch takes its typical time."""
        upgrade = self.facts.upgrade
        moving = [member for member in upgrade.members if member.state in MOVING_FORWARD] if upgrade else []
        if moving:
            self.counted_batches += 1
            self.now += self.pace.typical if self.pace else timedelta(0)
        upgraded = {member.upgraded_id for member in moving}
        deleted = {self._deleted_id(member) for member in moving if member.replacement is not None}
        kept = (
            instance
            for instance in self.facts.instances
            if not instance.is_being_deleted and instance.id not in deleted
        )
        self._set_instances(
            _with_work_finished(instance, upgrade if instance.id in upgraded else None) for instance in kept
        )
        self._change_members(_finished_member)

    def _deleted_id(self, member: InstanceUpgradeFacts) -> int:
        """The id of the instance that is deleted: the old one, or the new one if the old one was opted out meanwhile."""
        old = self.facts.instance(member.instance)
        return member.upgraded_id if old and old.is_opted_out else member.instance

    def _finish_batch(self) -> None:
        assert self.facts.upgrade
        *before, last = self.facts.upgrade.batches
        finished = (*before, replace(last, finished_at=self.now))
        self._set_upgrade(replace(self.facts.upgrade, batches=finished, pause_is_skipped=False))

    def _change_members(self, change: Callable[[InstanceUpgradeFacts], InstanceUpgradeFacts]) -> None:
        if upgrade := self.facts.upgrade:
            changed = tuple(replace(batch, members=tuple(map(change, batch.members))) for batch in upgrade.batches)
            self._set_upgrade(replace(upgrade, batches=changed))

    def _set_upgrade(self, upgrade: Upgrade) -> None:
        self.facts = replace(self.facts, upgrade=upgrade)

    def _set_instances(self, instances: Iterable[InstanceFacts]) -> None:
        self.facts = replace(self.facts, instances=tuple(instances))


def _with_work_finished(instance: InstanceFacts, upgrade: Upgrade | None) -> InstanceFacts:
    """The instance after the work on it, healthy. `upgrade`: the upgrade that it has succeeded in; None for other work, or none."""
    if upgrade is None and not instance.is_busy:
        return instance
    is_image = upgrade is not None and upgrade.kind is UpgradeKind.IMAGE
    return replace(
        instance,
        is_busy=False,
        is_being_created=False,
        missing=None,
        health=Health.HEALTHY,
        is_unused_surge=instance.is_unused_surge and upgrade is None,
        version=upgrade.target.version if upgrade and is_image else instance.version,
        runs_withdrawn_version=instance.runs_withdrawn_version and not is_image,
        extensions_key=upgrade.extensions_key if upgrade and not is_image else instance.extensions_key,
    )


def _with_machine(instance: InstanceFacts, version: str) -> InstanceFacts:
    return replace(instance, version=version, health=Health.HEALTHY, missing=None)


def _without_ended_opt_out(instance: InstanceFacts, now: datetime) -> InstanceFacts:
    is_over = instance.opt_out and instance.opt_out.until and instance.opt_out.until <= now
    return replace(instance, opt_out=None) if is_over else instance


def _finished_member(member: InstanceUpgradeFacts) -> InstanceUpgradeFacts:
    if member.state in MOVING_FORWARD:
        return replace(member, state=InstanceUpgradeState.SUCCEEDED)
    return _rolled_back(member) if member.state is InstanceUpgradeState.ROLLING_BACK else member


def _rolled_back(member: InstanceUpgradeFacts) -> InstanceUpgradeFacts:
    return replace(member, state=InstanceUpgradeState.ROLLED_BACK)
