"""A fleet in memory that does what `decide` says, on a virtual clock: what scenario transcripts are written against."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.core.machines import START, Machines, image
from tests.core.telling import tell, tell_ids
from upgrades.core.decide import decide
from upgrades.core.facts import Attempt, Batch, InstanceFacts, InstanceUpgradeFacts, MissingMachine, Upgrade
from upgrades.core.policy import Policy
from upgrades.core.states import Health, InstanceUpgradeState, StartedBy, UpgradeKind, UpgradeStatus
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

__all__ = ["START", "World", "image", "tell", "tell_ids"]
IDLE = {
    Why.NOTHING_TO_DO,
    Why.CANCELLED_BEFORE,
    Why.NO_IMAGE,
    Why.BACKING_OFF,
    Why.TOO_MANY_UNHEALTHY,
    Why.PAUSED,
    Why.FLEET_STOPPED,
    Why.WAITING_FOR_APPROVAL,
    Why.CREATION_FAILED,
}


@dataclass
class World(Machines):
    """Does what `decide` says with its machines."""

    policy_by_hand: Policy | None = None  # where it is another than the platform's
    lines: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    last_why: Why | None = None

    # --- running ---

    def run(self, *, steps: int = 1000, until: timedelta | None = None) -> None:
        """Decides and does, until there is nothing to do, so many steps were taken, or so much time has passed."""
        end = self.now + until if until else None
        while steps > 0 and (end is None or self.now < end):
            self.hear_probes()
            step = decide(self.facts, self.now)
            if isinstance(step, Wait):
                if not self._wait(step, end):
                    return
            else:
                self._note(step)
                self.steps.append(step)
                self._do(step)
                steps -= 1

    def _wait(self, step: Wait, end: datetime | None) -> bool:
        if step.why is not self.last_why and step.why is not Why.NOTHING_TO_DO:
            self._note(step)
        self.last_why = step.why
        if not self.happenings and end is None and step.why in IDLE:
            return False
        times = [step.until, *(at for at, _, _ in self.happenings), *([end] if end else [])]
        self.now = max(self.now, min(times))
        for happening in [due for due in self.happenings if due[0] <= self.now]:
            self.happenings.remove(happening)
            self._happen(*happening)
        return True

    def hear_probes(self) -> None:
        if self.probing and self.now >= self.known_from:
            self.facts = replace(self.facts, health_complete_at=self.now)

    def _note(self, step: Step) -> None:
        seconds = int((self.now - START).total_seconds())
        self.lines.append(f"{seconds // 60:3}m{seconds % 60:02}s {tell(step)}")

    # --- doing what was decided ---

    def _do(self, step: Step) -> None:
        self.last_why = None
        match step:
            case StartUpgrade(target, started_by, takes_failed):
                self.start(target.version, started_by, takes_failed=takes_failed)
            case AddInstances(count, new):
                self._add(count, new.version)
            case RecreateMachines(instances, new):
                self._create(instances, new.version)
            case RemoveInstances(instances):
                self._set_instances(
                    tuple(instance for instance in self.facts.instances if instance.id not in instances)
                )
            case _ if self.facts.upgrade:
                self._go_on(self.facts.upgrade, step)

    def _go_on(self, upgrade: Upgrade, step: Step) -> None:
        match step:
            case StartBatch(number, instances):
                begin = self._start_surge if step.surge else self._start_batch
                begin(upgrade, number, instances)
            case Settle(succeeded, failed, skipped):
                self._settle(succeeded, failed)
                self._settle_surge(succeeded, skipped)
            case RollBack(instances, breach):
                self.facts = replace(self.facts, upgrade=replace(upgrade, breach=breach))
                self._roll_back(instances)
            case FinishBatch():
                batches = (*upgrade.batches[:-1], replace(upgrade.batches[-1], finished_at=self.now))
                changed = replace(upgrade, batches=batches, pause_is_skipped=False)
                self.facts = replace(self.facts, upgrade=changed)
            case Complete() | Fault() | Cancel():
                self._end(upgrade, step)

    def _settle(self, succeeded: tuple[int, ...], failed: tuple[int, ...]) -> None:
        for id in succeeded:
            self._member(id, InstanceUpgradeState.SUCCEEDED)
            if self.facts.upgrade and self.facts.upgrade.kind is UpgradeKind.IMAGE:
                self.failures.pop(id, None)
                self._say(id, self.facts.upgrade.target.version, is_well=True)
        for id in failed:
            self._fail(id)

    def _roll_back(self, instances: tuple[int, ...]) -> None:
        for id in instances:
            self._member(id, InstanceUpgradeState.ROLLING_BACK)
            self._instance(id, is_busy=True, health=Health.INITIALIZING, health_since=self.now)
            self._later(self.boot, "restored", id)

    def start(
        self,
        version: str,
        started_by: StartedBy,
        *,
        only_failed: bool = False,
        takes_failed: bool = True,
        takes_newer: bool = False,
    ) -> None:
        by_hand = self.policy_by_hand if started_by is StartedBy.USER else None
        upgrade = Upgrade(image(version), started_by, by_hand or self.facts.policy, only_failed=only_failed)
        upgrade = replace(upgrade, takes_failed=takes_failed, takes_newer=takes_newer)
        self.facts = replace(self.facts, upgrade=upgrade)

    def start_extensions(self, extensions: str) -> None:
        kind, policy = UpgradeKind.EXTENSIONS, self.facts.policy
        upgrade = Upgrade(image(""), StartedBy.USER, policy, kind=kind, extensions_key=extensions)
        self.facts = replace(self.facts, upgrade=upgrade)

    def _start_batch(self, upgrade: Upgrade, number: int, instances: tuple[int, ...]) -> None:
        members = tuple(InstanceUpgradeFacts(id, InstanceUpgradeState.UPGRADING) for id in instances)
        self.facts = replace(self.facts, upgrade=replace(upgrade, batches=(*upgrade.batches, Batch(number, members))))
        for id in instances:
            self.old_versions[id] = self._version_of(id)
            self._instance(id, is_busy=True, health=Health.INITIALIZING, health_since=self.now)
            if upgrade.kind is UpgradeKind.IMAGE:
                self._instance(id, failed_version="")
            self._later(self.boot, "swapped", id)

    def _start_surge(self, upgrade: Upgrade, number: int, instances: tuple[int, ...]) -> None:
        first = 1 + max(
            [instance.id for instance in self.facts.instances] + [member.upgraded_id for member in upgrade.members]
        )
        pairs = list(zip(instances, range(first, first + len(instances)), strict=True))
        members = tuple(
            InstanceUpgradeFacts(id, InstanceUpgradeState.UPGRADING, replacement=other) for id, other in pairs
        )
        new = tuple(
            InstanceFacts(
                id, "", Health.INITIALIZING, self.now, is_busy=True, is_unused_surge=True, zone=self._get(old).zone
            )
            for old, id in pairs
        )
        upgrade = replace(upgrade, batches=(*upgrade.batches, Batch(number, members)))
        self.facts = replace(self.facts, upgrade=upgrade, instances=(*self.facts.instances, *new))
        for instance in new:
            self._later(self.boot, f"created {upgrade.target.version}", instance.id)

    def _settle_surge(self, succeeded: tuple[int, ...], skipped: tuple[int, ...]) -> None:
        """The old ones go, which takes a while; those that failed, or were let go, leave their replacements over."""
        for id in skipped:
            self._member(id, InstanceUpgradeState.SKIPPED)
        for member in self.facts.upgrade.members if self.facts.upgrade else ():
            if member.instance in succeeded and member.replacement is not None:
                self._instance(member.replacement, is_unused_surge=False)
                self._remove(member.instance)

    def _remove(self, id: int) -> None:
        self._instance(id, is_busy=True, is_being_deleted=True)
        self._later(self.boot // 2, "gone", id)

    def _end(self, upgrade: Upgrade, step: Complete | Fault | Cancel) -> None:
        status = {Complete: UpgradeStatus.COMPLETED, Fault: UpgradeStatus.FAULTED, Cancel: UpgradeStatus.CANCELLED}
        if upgrade.kind is UpgradeKind.EXTENSIONS:
            self.facts = replace(self.facts, upgrade=None)
            return
        last, version, ended = self.facts.last_attempt, upgrade.target.version, status[type(step)]
        is_stopped = ended is UpgradeStatus.FAULTED and bool(upgrade.members)
        before = last.attempts_stopped_in_a_row if last and last.target_version == version else 0
        attempt = Attempt(
            version,
            ended,
            bool(upgrade.members),
            ended_at=self.now,
            cancelled_by=upgrade.cancel_requested_by if ended is UpgradeStatus.CANCELLED else "",
            attempts_stopped_in_a_row=before + is_stopped,
        )
        self.facts = replace(self.facts, upgrade=None, last_attempt=attempt)

    def _add(self, count: int, version: str) -> None:
        first = max((instance.id for instance in self.facts.instances), default=-1) + 1
        new = tuple(InstanceFacts(id, "", Health.INITIALIZING, self.now) for id in range(first, first + count))
        self._set_instances((*self.facts.instances, *new))
        self._create(tuple(instance.id for instance in new), version)

    def _create(self, ids: tuple[int, ...], version: str) -> None:
        """Those that are beyond the quota are refused at once."""
        for id in ids:
            made = sum(1 for instance in self.facts.instances if instance.version or instance.is_being_created)
            if made >= self.quota:
                self._refuse(id)
            else:
                self._instance(id, is_busy=True, is_being_created=True)
                self._later(self.boot, f"created {version}", id)

    def _refuse(self, id: int) -> None:
        before = self._get(id).missing or MissingMachine(self.now)
        said = f"instance {id} is beyond the quota, which is {self.quota}"
        self._instance(id, missing=replace(before, tries=before.tries + 1, tried_at=self.now, error=said))

    def vanish(self, ids: list[int]) -> None:
        """Their machines are gone, and that is known."""
        self.happenings = [happening for happening in self.happenings if happening[2] not in ids]
        self.set(
            ids, version="", is_busy=False, health=Health.UNKNOWN, missing=MissingMachine(self.now, had_machine=True)
        )
