"""The facts as they would be after a person's action or a step: for plans, and to find out what `decide` would do then."""

from collections.abc import Container, Mapping
from dataclasses import replace

from upgrades.core import backoff
from upgrades.core.facts import Batch, Facts, ImageReference, InstanceFacts, InstanceUpgradeFacts, Upgrade
from upgrades.core.states import UNHEALTHY_STATES, InstanceUpgradeState, StartedBy, UpgradeKind
from upgrades.core.steps import Settle


def started(facts: Facts, *, only_failed: bool = False, unhealthy_first: bool = False) -> Facts:
    """After a person started an upgrade to the latest version; unchanged where there is none."""
    if facts.latest is None:
        return facts
    version = facts.latest.version
    upgrade = Upgrade(
        facts.latest,
        StartedBy.USER,
        facts.policy_by_hand or facts.policy,
        paused_by=backoff.paused_by(facts),  # a pause of the last attempt holds for this one until it is resumed
        only_failed=only_failed,
        upgraded_first=frozenset(instance.id for instance in facts.instances if instance.health in UNHEALTHY_STATES)
        if unhealthy_first
        else frozenset(),
        takes_newer=bool(facts.pinned_to),
    )
    return replace(
        facts,
        upgrade=upgrade,
        instances=tuple(with_other_version_opt_out_ended(instance, version) for instance in facts.instances),
    )


def extensions_started(facts: Facts, extensions: str) -> Facts:
    policy = facts.policy_by_hand or facts.policy
    target = ImageReference("", "", "", "")
    upgrade = Upgrade(target, StartedBy.USER, policy, kind=UpgradeKind.EXTENSIONS, extensions=extensions)
    return replace(facts, upgrade=upgrade)


def with_other_version_opt_out_ended(instance: InstanceFacts, version: str) -> InstanceFacts:
    """The instance when an upgrade to `version` begins: that ends an opt-out that is for another version only."""
    return (
        instance if instance.opt_out is None or instance.is_opted_out_of(version) else replace(instance, opt_out=None)
    )


def with_pause_ended(facts: Facts) -> Facts:
    last = facts.last_attempt
    if facts.upgrade:
        return replace(facts, upgrade=replace(facts.upgrade, paused_by=""))
    return replace(facts, last_attempt=replace(last, paused_by="")) if last else facts


def with_pause_skipped(facts: Facts) -> Facts:
    """After a person asked for the next batch now."""
    return replace(facts, upgrade=replace(facts.upgrade, pause_is_skipped=True)) if facts.upgrade else facts


def with_wait_skipped(facts: Facts) -> Facts:
    last = facts.last_attempt
    return replace(facts, last_attempt=replace(last, wait_is_skipped=True)) if last else facts


def with_opt_outs_ended(facts: Facts, ids: Container[int]) -> Facts:
    return _changed(facts, ids, opt_out=None)


def released(facts: Facts, ids: Container[int]) -> Facts:
    return _changed(facts, ids, quarantined=False, failed_version="")


def approved(facts: Facts, ids: Container[int], version: str) -> Facts:
    return _changed(facts, ids, approved_version=version)


def automatic(facts: Facts, on: bool) -> Facts:
    return replace(facts, automatic=on)


def _changed(facts: Facts, ids: Container[int], **changes: object) -> Facts:
    instances = (replace(instance, **changes) if instance.id in ids else instance for instance in facts.instances)  # type: ignore[arg-type]
    return replace(facts, instances=tuple(instances))


def settled(facts: Facts, step: Settle) -> Facts | None:
    """After these results were recorded. None where that cannot be computed from the facts alone.

    It cannot for failures, for surge instances, which replace others, and for versions that failed on some instance before.
    """
    upgrade, done = facts.upgrade, set(step.succeeded)
    if upgrade is None or step.failed or step.let_go or facts.trial.failed:
        return None
    found = {member.instance: member for member in upgrade.members if member.instance in done}
    if any(member.replacement is not None for member in found.values()):
        return None
    after = {id: replace(member, state=InstanceUpgradeState.SUCCEEDED) for id, member in found.items()}
    batches = tuple(_with_members(batch, after) for batch in upgrade.batches)
    is_image = upgrade.kind is UpgradeKind.IMAGE
    instances = tuple(_done(instance) if is_image and instance.id in done else instance for instance in facts.instances)
    return replace(facts, instances=instances, upgrade=replace(upgrade, batches=batches))


def _with_members(batch: Batch, after: Mapping[int, InstanceUpgradeFacts]) -> Batch:
    return replace(batch, members=tuple(after.get(member.instance, member) for member in batch.members))


def _done(instance: InstanceFacts) -> InstanceFacts:
    """An instance whose upgrade went well: its failures are forgotten."""
    return replace(instance, failed_version="", quarantined=False)
