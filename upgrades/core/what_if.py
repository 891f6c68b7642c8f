"""The facts as they would be after a person's action or a step: for plans, and to see what `decide` would do then.

Each function returns changed facts. Where there is nothing to change, it returns them as they are.
"""

from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import datetime

from upgrades.core import backoff
from upgrades.core.facts import Batch, Facts, ImageReference, InstanceFacts, InstanceUpgradeFacts, Upgrade
from upgrades.core.states import UNHEALTHY_STATES, InstanceUpgradeState, StartedBy, UpgradeKind
from upgrades.core.steps import FinishBatch, Settle, Step


def with_upgrade_started(facts: Facts, *, only_failed: bool = False, unhealthy_first: bool = False) -> Facts:
    """The facts after a person started an upgrade to the latest version.

    `only_failed`, `unhealthy_first`: as in `commands/upgrades.py:start`.
    """
    if facts.latest_image is None:
        return facts
    unhealthy = (instance.id for instance in facts.instances if instance.health in UNHEALTHY_STATES)
    upgrade = Upgrade(
        facts.latest_image,
        StartedBy.USER,
        facts.policy_by_hand or facts.policy,
        paused_by=backoff.paused_by(facts),  # a pause of the last attempt holds for this one until it is resumed
        only_failed=only_failed,
        upgraded_first=frozenset(unhealthy) if unhealthy_first else frozenset(),
        takes_newer=bool(facts.pinned_to),
    )
    return replace(
        facts,
        upgrade=upgrade,
        instances=tuple(
            with_other_version_opt_out_ended(instance, facts.latest_image.version) for instance in facts.instances
        ),
    )


def with_extension_upgrade_started(facts: Facts, extensions: str) -> Facts:
    """The facts after a person started an upgrade of extensions. `extensions`: the key of those that its instances are to have."""
    policy = facts.policy_by_hand or facts.policy
    target = ImageReference("", "", "", "")
    upgrade = Upgrade(target, StartedBy.USER, policy, kind=UpgradeKind.EXTENSIONS, extensions_key=extensions)
    return replace(facts, upgrade=upgrade)


def with_other_version_opt_out_ended(instance: InstanceFacts, version: str) -> InstanceFacts:
    """The instance after an upgrade to `version` began, which ends an opt-out that is for another version only."""
    is_kept = instance.opt_out is None or instance.is_opted_out_of(version)
    return instance if is_kept else replace(instance, opt_out=None)


def with_pause_ended(facts: Facts) -> Facts:
    """The facts after a person resumed the running upgrade, or else the last attempt."""
    last = facts.last_attempt
    if facts.upgrade:
        return replace(facts, upgrade=replace(facts.upgrade, paused_by=""))
    return replace(facts, last_attempt=replace(last, paused_by="")) if last else facts


def with_pause_skipped(facts: Facts) -> Facts:
    """The facts after a person asked for the next batch now."""
    return replace(facts, upgrade=replace(facts.upgrade, pause_is_skipped=True)) if facts.upgrade else facts


def with_wait_skipped(facts: Facts) -> Facts:
    """The facts after a person asked for the next attempt at once."""
    last = facts.last_attempt
    return replace(facts, last_attempt=replace(last, wait_is_skipped=True)) if last else facts


def with_opt_outs_ended(facts: Facts, ids: Container[int]) -> Facts:
    return _changed(facts, ids, opt_out=None)


def with_quarantine_ended(facts: Facts, ids: Container[int]) -> Facts:
    return _changed(facts, ids, is_quarantined=False, failed_version="")


def with_approval(facts: Facts, ids: Container[int], version: str) -> Facts:
    return _changed(facts, ids, approved_version=version)


def with_automatic_upgrades(facts: Facts, *, on: bool) -> Facts:
    return replace(facts, automatic=on)


def _changed(facts: Facts, ids: Container[int], **changes: object) -> Facts:
    """The facts with these changes of the instances with these ids."""
    instances = (replace(instance, **changes) if instance.id in ids else instance for instance in facts.instances)  # type: ignore[arg-type]
    return replace(facts, instances=tuple(instances))


def with_step(facts: Facts, step: Step, now: datetime) -> Facts | None:
    """The facts after this step was recorded; None where what it changes cannot be told from the facts alone."""
    if isinstance(step, Settle):
        return with_results(facts, step)
    return _with_batch_finished(facts, now) if isinstance(step, FinishBatch) else None


def _with_batch_finished(facts: Facts, now: datetime) -> Facts | None:
    """The facts after the running batch, which is the last one, was finished. For all batches pauses count from the same time."""
    upgrade = facts.upgrade
    if upgrade is None:
        return None
    *before, last = (replace(batch, finished_at=now) for batch in upgrade.batches)
    return replace(facts, upgrade=replace(upgrade, batches=(*before, replace(last, ended_at=now))))


def with_results(facts: Facts, step: Settle) -> Facts | None:
    """The facts after these results were recorded; None where what else changes cannot be told from the facts.

    That is so for failures, for surge instances, which replace others, and for versions that failed on some instance before.
    """
    upgrade, succeeded = facts.upgrade, set(step.succeeded)
    if upgrade is None or step.failed or step.skipped or facts.target_results.failed:
        return None
    found = {member.instance: member for member in upgrade.members if member.instance in succeeded}
    if any(member.replacement is not None for member in found.values()):
        return None
    members_after = {id: replace(member, state=InstanceUpgradeState.SUCCEEDED) for id, member in found.items()}
    batches = tuple(_with_members(batch, members_after) for batch in upgrade.batches)
    is_image = upgrade.kind is UpgradeKind.IMAGE
    instances = tuple(
        _without_failures(instance) if is_image and instance.id in succeeded else instance
        for instance in facts.instances
    )
    return replace(facts, instances=instances, upgrade=replace(upgrade, batches=batches))


def _with_members(batch: Batch, after: Mapping[int, InstanceUpgradeFacts]) -> Batch:
    return replace(batch, members=tuple(after.get(member.instance, member) for member in batch.members))


def _without_failures(instance: InstanceFacts) -> InstanceFacts:
    """The instance after a successful upgrade, which ends its quarantine and forgets its failures."""
    return replace(instance, failed_version="", is_quarantined=False)
