"""A fleet in memory that does what `decide` says, on a virtual clock: what scenario transcripts are written against."""

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from upgrades.core.decide import decide
from upgrades.core.facts import (
    Attempt,
    Batch,
    Facts,
    ImageReference,
    InstanceFacts,
    Member,
    Missing,
    Policy,
    Trial,
    Upgrade,
    Withdrawal,
)
from upgrades.core.ranges import ranges
from upgrades.core.states import Health, MemberState, StartedBy, UpgradeKind, UpgradeStatus
from upgrades.core.steps import (
    AddInstances,
    Cancel,
    Complete,
    Fault,
    FinishBatch,
    MakeAgain,
    RemoveInstances,
    RollBack,
    Settle,
    StartBatch,
    StartUpgrade,
    Step,
    Wait,
    Why,
)
from upgrades.core.suspicion import is_suspected, is_the_machine, newest_good
from upgrades.core.versions import newest

START = datetime(2018, 9, 25, 12, 0, tzinfo=UTC)
IDLE = {
    Why.NOTHING_TO_DO,
    Why.STOPPED,
    Why.NO_IMAGE,
    Why.BACKING_OFF,
    Why.GATE,
    Why.PAUSED,
    Why.FLEET_STOPPED,
    Why.WAITING_FOR_APPROVAL,
    Why.NOT_MADE,
}


def image(version: str) -> ImageReference:
    return ImageReference("Canonical", "UbuntuServer", "16.04-LTS", version)


@dataclass
class World:
    """Machines boot in `boot` seconds and have their first verdict `probe` seconds later, unless something is wrong with them."""

    facts: Facts
    now: datetime = START
    policy_by_hand: Policy | None = None  # where it is another than the platform's
    boot: int = 20
    probe: int = 5
    # Versions, and extensions, with which the application never answers well.
    bad: set[str] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)  # instances whose OS disk cannot be replaced, nor extensions be run
    lost_disks: set[int] = field(default_factory=set)  # instances whose old OS disk is gone
    failures: dict[int, Counter[str]] = field(default_factory=dict)  # by instance: how often on which version
    said: dict[str, dict[int, bool]] = field(default_factory=dict)  # of each version: is the instance well on it?
    published: list[str] = field(default_factory=list)
    old_versions: dict[int, str] = field(default_factory=dict)
    quota: int = 1000  # so many machines there can be
    probing: bool = True
    known_from: datetime = START  # a prober that comes back speaks when every instance has had its verdict
    happenings: list[tuple[datetime, str, int]] = field(default_factory=list)
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
        for happening in [one for one in self.happenings if one[0] <= self.now]:
            self.happenings.remove(happening)
            self._happen(*happening)
        return True

    def hear_probes(self) -> None:
        if self.probing and self.now >= self.known_from:
            self.facts = replace(self.facts, health_as_of=self.now)

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
            case MakeAgain(instances, new):
                self._create(instances, new.version)
            case RemoveInstances(instances):
                self._set_instances(tuple(one for one in self.facts.instances if one.id not in instances))
            case _ if self.facts.upgrade:
                self._go_on(self.facts.upgrade, step)

    def _go_on(self, upgrade: Upgrade, step: Step) -> None:
        match step:
            case StartBatch(number, instances):
                begin = self._start_surge if step.surge else self._start_batch
                begin(upgrade, number, instances)
            case Settle(succeeded, failed, let_go):
                self._settle(succeeded, failed)
                self._settle_surge(succeeded, let_go)
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
            self._member(id, MemberState.SUCCEEDED)
            if self.facts.upgrade and self.facts.upgrade.kind is UpgradeKind.IMAGE:
                self.failures.pop(id, None)
                self._say(id, self.facts.upgrade.target.version, is_well=True)
        for id in failed:
            self._fail(id)

    def _fail(self, id: int) -> None:
        assert self.facts.upgrade
        self._member(id, MemberState.FAILED)
        if self.facts.upgrade.kind is UpgradeKind.EXTENSIONS:
            return
        version = self.facts.upgrade.target.version
        self.failures.setdefault(id, Counter())[version] += 1
        self._say(id, version, is_well=False)
        self._instance(id, failed_version=version, quarantined=is_the_machine(self.failures[id], self._trials()))

    def _say(self, id: int, version: str, *, is_well: bool) -> None:
        self.said.setdefault(version, {})[id] = is_well
        self.tell_suspicion()

    def _trials(self) -> dict[str, Trial]:
        counts = {version: Counter(said.values()) for version, said in self.said.items()}
        return {version: Trial(count[False], count[True]) for version, count in counts.items()}

    def withdraw(self, version: str, by: str, reason: str) -> None:
        self.published.remove(version)
        withdrawn = {**self.facts.withdrawn, version: Withdrawal(by, reason, self.now)}
        left = newest(self.published)
        self.facts = replace(self.facts, withdrawn=withdrawn, latest=image(left) if left else None)
        for one in self.facts.instances:
            self._instance(one.id, withdrawn=one.version in withdrawn)
        self.tell_suspicion()

    def tell_suspicion(self) -> None:
        """What `observe` would say of the version that is the target, or the latest."""
        trials, latest = self._trials(), self.facts.latest
        target = self.facts.upgrade.target if self.facts.upgrade else latest
        good = newest_good(self.published, trials)
        is_bad = latest is not None and is_suspected(trials.get(latest.version, Trial()))
        self.facts = replace(
            self.facts,
            trial=trials.get(target.version, Trial()) if target else Trial(),
            newest_good=image(good) if good and is_bad else None,
        )

    def publish(self, version: str) -> None:
        """A quarantine for an older version ends then."""
        self.published.append(version)
        self.facts = replace(self.facts, latest=image(version))
        for one in self.facts.instances:
            self._instance(one.id, quarantined=one.quarantined and one.failed_version == version)
        self.tell_suspicion()

    def _roll_back(self, instances: tuple[int, ...]) -> None:
        for id in instances:
            self._member(id, MemberState.ROLLING_BACK)
            self._instance(id, busy=True, health=Health.INITIALIZING, health_since=self.now)
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
        upgrade = Upgrade(image(""), StartedBy.USER, policy, kind=kind, extensions=extensions)
        self.facts = replace(self.facts, upgrade=upgrade)

    def _start_batch(self, upgrade: Upgrade, number: int, instances: tuple[int, ...]) -> None:
        members = tuple(Member(id, MemberState.UPGRADING) for id in instances)
        self.facts = replace(self.facts, upgrade=replace(upgrade, batches=(*upgrade.batches, Batch(number, members))))
        for id in instances:
            self.old_versions[id] = self._version_of(id)
            self._instance(id, busy=True, health=Health.INITIALIZING, health_since=self.now)
            if upgrade.kind is UpgradeKind.IMAGE:
                self._instance(id, failed_version="")
            self._later(self.boot, "swapped", id)

    def _start_surge(self, upgrade: Upgrade, number: int, instances: tuple[int, ...]) -> None:
        first = 1 + max([one.id for one in self.facts.instances] + [one.upgraded for one in upgrade.members])
        pairs = list(zip(instances, range(first, first + len(instances)), strict=True))
        members = tuple(Member(id, MemberState.UPGRADING, replacement=other) for id, other in pairs)
        new = tuple(
            InstanceFacts(id, "", Health.INITIALIZING, self.now, busy=True, spare=True, zone=self._get(old).zone)
            for old, id in pairs
        )
        upgrade = replace(upgrade, batches=(*upgrade.batches, Batch(number, members)))
        self.facts = replace(self.facts, upgrade=upgrade, instances=(*self.facts.instances, *new))
        for one in new:
            self._later(self.boot, f"created {upgrade.target.version}", one.id)

    def _settle_surge(self, succeeded: tuple[int, ...], let_go: tuple[int, ...]) -> None:
        """The old ones go, which takes a while; those that failed, or were let go, leave their replacements over."""
        for id in let_go:
            self._member(id, MemberState.SKIPPED)
        for member in self.facts.upgrade.members if self.facts.upgrade else ():
            if member.instance in succeeded and member.replacement is not None:
                self._instance(member.replacement, spare=False)
                self._remove(member.instance)

    def _remove(self, id: int) -> None:
        self._instance(id, busy=True, leaving=True)
        self._later(self.boot // 2, "gone", id)

    def _get(self, id: int) -> InstanceFacts:
        return next(one for one in self.facts.instances if one.id == id)

    def _version_of(self, id: int) -> str:
        return self._get(id).version

    def _end(self, upgrade: Upgrade, step: Complete | Fault | Cancel) -> None:
        status = {Complete: UpgradeStatus.COMPLETED, Fault: UpgradeStatus.FAULTED, Cancel: UpgradeStatus.CANCELLED}
        if upgrade.kind is UpgradeKind.EXTENSIONS:
            self.facts = replace(self.facts, upgrade=None)
            return
        last, version, ended = self.facts.last_attempt, upgrade.target.version, status[type(step)]
        is_stopped = ended is UpgradeStatus.FAULTED and bool(upgrade.members)
        before = last.stopped_in_a_row if last and last.target_version == version else 0
        attempt = Attempt(
            version,
            ended,
            bool(upgrade.members),
            ended_at=self.now,
            cancelled_by=upgrade.cancel_requested_by if ended is UpgradeStatus.CANCELLED else "",
            stopped_in_a_row=before + is_stopped,
        )
        self.facts = replace(self.facts, upgrade=None, last_attempt=attempt)

    def _add(self, count: int, version: str) -> None:
        first = max((one.id for one in self.facts.instances), default=-1) + 1
        new = tuple(InstanceFacts(id, "", Health.INITIALIZING, self.now) for id in range(first, first + count))
        self._set_instances((*self.facts.instances, *new))
        self._create(tuple(one.id for one in new), version)

    def _create(self, ids: tuple[int, ...], version: str) -> None:
        """Those that are beyond the quota are refused at once."""
        for id in ids:
            made = sum(1 for one in self.facts.instances if one.version or one.making)
            if made >= self.quota:
                self._refuse(id)
            else:
                self._instance(id, busy=True, making=True)
                self._later(self.boot, f"created {version}", id)

    def _refuse(self, id: int) -> None:
        before = self._get(id).missing or Missing(self.now)
        said = f"instance {id} is beyond the quota, which is {self.quota}"
        self._instance(id, missing=replace(before, tries=before.tries + 1, tried_at=self.now, said=said))

    def vanish(self, ids: list[int]) -> None:
        """Their machines are gone, and that is known."""
        self.happenings = [one for one in self.happenings if one[2] not in ids]
        self.set(ids, version="", busy=False, health=Health.UNKNOWN, missing=Missing(self.now, was_made=True))

    # --- what happens by itself ---

    def _later(self, seconds: int, what: str, id: int) -> None:
        self.happenings.append((self.now + timedelta(seconds=seconds), what, id))

    def _happen(self, at: datetime, what: str, id: int) -> None:
        word, _, version = what.partition(" ")
        if word == "verdict" and not self.probing:
            self._later(self.probe, what, id)
        elif word == "verdict":
            self._verdict(id)
        elif word == "swapped" and id in self.broken:
            self._instance(id, busy=False)
            self._fail(id)
            self._verdict(id)
        elif word == "restored":
            self._restored(id)
        elif word == "gone":
            self._set_instances(tuple(one for one in self.facts.instances if one.id != id))
        else:
            self._arrive(id, version)

    def _arrive(self, id: int, version: str) -> None:
        """On `version` where it was created; else with what the upgrade brings."""
        upgrade, is_for_the_capacity = self.facts.upgrade, bool(version) and not self._get(id).spare
        if upgrade and upgrade.kind is UpgradeKind.EXTENSIONS:
            self._instance(id, extensions=upgrade.extensions)
        elif upgrade:
            version = version or upgrade.target.version
        version = version or self._version_of(id)
        withdrawn = version in self.facts.withdrawn
        self._instance(
            id, busy=False, version=version, withdrawn=withdrawn, health=Health.INITIALIZING, health_since=self.now
        )
        self._instance(id, making=False, missing=None)
        if not is_for_the_capacity:
            self._member(id, MemberState.VERIFYING)
        self._later(self.probe, "verdict", id)

    def _restored(self, id: int) -> None:
        is_lost = id in self.lost_disks
        version = self._version_of(id) if is_lost else self.old_versions[id]
        withdrawn = version in self.facts.withdrawn
        self._instance(
            id, busy=False, version=version, withdrawn=withdrawn, health=Health.INITIALIZING, health_since=self.now
        )
        self._member(id, MemberState.FAILED if is_lost else MemberState.ROLLED_BACK, may_roll_back=False)
        self._later(self.probe, "verdict", id)

    def _verdict(self, id: int) -> None:
        one = self.facts.instance(id)
        is_bad = one is not None and not self.bad.isdisjoint((one.version, one.extensions))
        self._instance(id, health=Health.UNHEALTHY if is_bad else Health.HEALTHY)

    def _member(self, id: int, state: MemberState, **changes: Any) -> None:
        """The member of the last batch that holds this instance, or the one that is to replace it."""
        upgrade = self.facts.upgrade
        if upgrade is None:
            return
        if state is MemberState.VERIFYING:
            changes["swapped_at"] = self.now
        batches = tuple(
            replace(
                batch,
                members=tuple(
                    replace(one, state=state, **changes) if id in (one.instance, one.upgraded) else one
                    for one in batch.members
                ),
            )
            for batch in upgrade.batches
        )
        self.facts = replace(self.facts, upgrade=replace(upgrade, batches=batches))

    def _instance(self, id: int, **changes: Any) -> None:
        self._set_instances(tuple(replace(one, **changes) if one.id == id else one for one in self.facts.instances))

    def _set_instances(self, instances: tuple[InstanceFacts, ...]) -> None:
        self.facts = replace(self.facts, instances=instances)

    # --- what people and bad luck do ---

    def set(self, ids: range | list[int], **changes: Any) -> None:
        for id in ids:
            self._instance(id, **changes)


def tell(step: Step) -> str:
    """A step as one short line of a transcript: the time to look again at is left out, a fault's message has its own line."""
    if isinstance(step, Wait):
        return f"Wait({step.why}) {step.text}"
    if isinstance(step, Fault):
        return f"Fault({step.breach.code}, {tell_ids(step.breach.instances)})\n         {step.breach.message}"
    if isinstance(step, RollBack):
        because = f"; {step.breach.code}" if step.breach else ""
        return f"RollBack({tell_ids(step.instances)}{because})"
    if isinstance(step, Settle):
        let_go = f"; let go {tell_ids(step.let_go)}" if step.let_go else ""
        return f"Settle(succeeded {tell_ids(step.succeeded)}; failed {tell_ids(step.failed)}{let_go})"
    if isinstance(step, StartBatch):
        return f"StartBatch({step.number}, {tell_ids(step.instances)}{', surge' if step.surge else ''})"
    words = [_word(getattr(step, field.name)) for field in fields(step) if field.compare]
    return f"{type(step).__name__}({', '.join(filter(None, words))})"


def _word(value: object) -> str:
    if isinstance(value, ImageReference):
        return value.version
    if isinstance(value, bool):  # StartUpgrade.takes_failed
        return "those that failed too" if value else ""
    return tell_ids(value) if isinstance(value, tuple) else str(value)


def tell_ids(ids: tuple[int, ...]) -> str:
    return ranges(ids, most=len(ids)) or "-"
