"""Machines in memory, on a virtual clock: they boot, answer probes, fail and vanish. What is decided about them is world.py's."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from upgrades.core.facts import (
    Facts,
    ImageReference,
    InstanceFacts,
    VersionResults,
    Withdrawal,
)
from upgrades.core.states import Health, InstanceUpgradeState, UpgradeKind
from upgrades.core.suspicion import is_suspected, is_to_be_quarantined, newest_good
from upgrades.core.versions import newest

START = datetime(2018, 9, 25, 12, 0, tzinfo=UTC)


def image(version: str) -> ImageReference:
    return ImageReference("Canonical", "UbuntuServer", "16.04-LTS", version)


@dataclass
class Machines:
    """Machines boot in `boot` seconds and have their first verdict `probe` seconds later, unless something is wrong with them."""

    facts: Facts
    now: datetime = START
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
            self._instance(id, is_busy=False)
            self._fail(id)
            self._verdict(id)
        elif word == "restored":
            self._restored(id)
        elif word == "gone":
            self._set_instances(tuple(instance for instance in self.facts.instances if instance.id != id))
        else:
            self._arrive(id, version)

    def _arrive(self, id: int, version: str) -> None:
        """On `version` where it was created; else with what the upgrade brings."""
        upgrade, is_for_the_capacity = self.facts.upgrade, bool(version) and not self._get(id).is_unused_surge
        if upgrade and upgrade.kind is UpgradeKind.EXTENSIONS:
            self._instance(id, extensions_key=upgrade.extensions_key)
        elif upgrade:
            version = version or upgrade.target.version
        version = version or self._version_of(id)
        withdrawn = version in self.facts.withdrawn
        self._instance(
            id,
            is_busy=False,
            version=version,
            runs_withdrawn_version=withdrawn,
            health=Health.INITIALIZING,
            health_since=self.now,
        )
        self._instance(id, is_being_created=False, missing=None)
        if not is_for_the_capacity:
            self._member(id, InstanceUpgradeState.VERIFYING)
        self._later(self.probe, "verdict", id)

    def _restored(self, id: int) -> None:
        is_lost = id in self.lost_disks
        version = self._version_of(id) if is_lost else self.old_versions[id]
        withdrawn = version in self.facts.withdrawn
        self._instance(
            id,
            is_busy=False,
            version=version,
            runs_withdrawn_version=withdrawn,
            health=Health.INITIALIZING,
            health_since=self.now,
        )
        self._member(
            id, InstanceUpgradeState.FAILED if is_lost else InstanceUpgradeState.ROLLED_BACK, may_roll_back=False
        )
        self._later(self.probe, "verdict", id)

    def _verdict(self, id: int) -> None:
        instance = self.facts.instance(id)
        is_bad = instance is not None and not self.bad.isdisjoint((instance.version, instance.extensions_key))
        self._instance(id, health=Health.UNHEALTHY if is_bad else Health.HEALTHY)

    def _member(self, id: int, state: InstanceUpgradeState, **changes: Any) -> None:
        """The member of the last batch that holds this instance, or the one that is to replace it."""
        upgrade = self.facts.upgrade
        if upgrade is None:
            return
        if state is InstanceUpgradeState.VERIFYING:
            changes["swapped_at"] = self.now
        batches = tuple(
            replace(
                batch,
                members=tuple(
                    replace(member, state=state, **changes) if id in (member.instance, member.upgraded_id) else member
                    for member in batch.members
                ),
            )
            for batch in upgrade.batches
        )
        self.facts = replace(self.facts, upgrade=replace(upgrade, batches=batches))

    def _instance(self, id: int, **changes: Any) -> None:
        self._set_instances(
            tuple(replace(instance, **changes) if instance.id == id else instance for instance in self.facts.instances)
        )

    def _set_instances(self, instances: tuple[InstanceFacts, ...]) -> None:
        self.facts = replace(self.facts, instances=instances)

    # --- what people and bad luck do ---

    def set(self, ids: range | list[int], **changes: Any) -> None:
        for id in ids:
            self._instance(id, **changes)

    # --- what their failures say of versions ---

    def _fail(self, id: int) -> None:
        assert self.facts.upgrade
        self._member(id, InstanceUpgradeState.FAILED)
        if self.facts.upgrade.kind is UpgradeKind.EXTENSIONS:
            return
        version = self.facts.upgrade.target.version
        self.failures.setdefault(id, Counter())[version] += 1
        self._say(id, version, is_well=False)
        self._instance(
            id, failed_version=version, is_quarantined=is_to_be_quarantined(self.failures[id], self._trials())
        )

    def _say(self, id: int, version: str, *, is_well: bool) -> None:
        self.said.setdefault(version, {})[id] = is_well
        self.tell_suspicion()

    def _trials(self) -> dict[str, VersionResults]:
        counts = {version: Counter(said.values()) for version, said in self.said.items()}
        return {version: VersionResults(count[False], count[True]) for version, count in counts.items()}

    def withdraw(self, version: str, by: str, reason: str) -> None:
        self.published.remove(version)
        withdrawn = {**self.facts.withdrawn, version: Withdrawal(by, reason, self.now)}
        left = newest(self.published)
        self.facts = replace(self.facts, withdrawn=withdrawn, latest_image=image(left) if left else None)
        for instance in self.facts.instances:
            self._instance(instance.id, runs_withdrawn_version=instance.version in withdrawn)
        self.tell_suspicion()

    def tell_suspicion(self) -> None:
        """What `observe` would say of the version that is the target, or the latest."""
        trials, latest = self._trials(), self.facts.latest_image
        target = self.facts.upgrade.target if self.facts.upgrade else latest
        good = newest_good(self.published, trials)
        is_bad = latest is not None and is_suspected(trials.get(latest.version, VersionResults()))
        self.facts = replace(
            self.facts,
            target_results=trials.get(target.version, VersionResults()) if target else VersionResults(),
            newest_good=image(good) if good and is_bad else None,
        )

    def publish(self, version: str) -> None:
        """A quarantine for an older version ends then."""
        self.published.append(version)
        self.facts = replace(self.facts, latest_image=image(version))
        for instance in self.facts.instances:
            self._instance(instance.id, is_quarantined=instance.is_quarantined and instance.failed_version == version)
        self.tell_suspicion()

    # --- looking one up ---

    def _get(self, id: int) -> InstanceFacts:
        return next(instance for instance in self.facts.instances if instance.id == id)

    def _version_of(self, id: int) -> str:
        return self._get(id).version
