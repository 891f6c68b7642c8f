"""What the functions of core/reasons.py ask of the facts: which instances a reason is about, and by which policy."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from upgrades.core import advice, backoff, batches, health, versions
from upgrades.core.facts import Hold, InstanceFacts, InstanceUpgradeFacts, Upgrade
from upgrades.core.policy import Policy
from upgrades.core.states import IN_FLIGHT, InstanceUpgradeState, UpgradeKind
from upgrades.core.steps import Why
from upgrades.core.waiting import ReasonContext


def policy_at_the_gate(context: ReasonContext) -> Policy:
    is_by_hand = context.upgrade is None and not context.wants_upgrade
    return advice.policy_of(context.facts, by_hand=True) if is_by_hand else context.policy


def initializing(context: ReasonContext) -> list[InstanceFacts]:
    """The instances whose first health result is awaited outside any batch."""
    in_flight = (
        {member.instance for member in context.upgrade.members if member.state in IN_FLIGHT}
        if context.upgrade
        else set()
    )
    return [instance for instance in health.initializing(context.facts, context.now) if instance.id not in in_flight]


def since_when(lacking: Sequence[InstanceFacts]) -> tuple[tuple[int, ...], datetime]:
    """The ids of those without a machine, and since when the first of them has none."""
    return tuple(sorted(health.ids(lacking))), min(instance.missing.since for instance in lacking if instance.missing)


def pause_ends(context: ReasonContext) -> datetime | None:
    """The end of the policy's pause after the last batch, which may be past; None where nothing is left that it holds."""
    upgrade = context.upgrade
    last = upgrade.batches[-1].finished_at if upgrade and upgrade.batches else None
    if not upgrade or not last or upgrade.pause_is_skipped or context.is_ending:
        return None
    left, waiting = batches.not_taken_yet(context.facts, upgrade), batches.unapproved(context.facts, upgrade)
    if not left or (waiting and not batches.takeable_and_approved(context.facts, upgrade)):
        return None
    return last + upgrade.policy.pause_between_batches


def unapproved(context: ReasonContext) -> tuple[int, ...]:
    """The ids of instances that only lack a person's approval. Where no upgrade runs, they can be approved in advance."""
    if context.upgrade:
        return health.ids(batches.unapproved(context.facts, context.upgrade))
    return health.ids(
        instance for instance in free(context) if not batches.is_approved(instance, context.policy, context.target)
    )


def free(context: ReasonContext) -> list[InstanceFacts]:
    """The outdated instances that the platform's next upgrade would take."""
    there = {instance.id for instance in context.outdated}
    taken = batches.next_to_be_taken(
        context.facts, context.target, takes_failed=backoff.would_take_failed(context.facts)
    )
    return [instance for instance in taken if instance.id in there]


def by_hold(context: ReasonContext) -> Mapping[Hold, list[InstanceFacts]]:
    groups: dict[Hold, list[InstanceFacts]] = defaultdict(list)
    for instance in context.outdated:
        if instance.opt_out:
            groups[instance.opt_out].append(instance)
    return groups


def by_withdrawn_version(context: ReasonContext) -> Mapping[str, list[InstanceFacts]]:
    groups: dict[str, list[InstanceFacts]] = defaultdict(list)
    for instance in context.facts.staying:
        if instance.withdrawn and not instance.missing and instance.version in context.facts.withdrawn:
            groups[instance.version].append(instance)
    return groups


def way_out(context: ReasonContext, version: str, waiting: list[InstanceFacts]) -> tuple[str, str, dict[str, int]]:
    """How the `waiting` instances, which run a withdrawn version, get another one: (variant of the sentence, that version, its counts).

    `moving`: how many are moved to it without anybody's action. `takes`: how many a manual start would move, 0 where no upgrade could
    begin. `others`: the rest."""
    moving, free_ids = _moving(context, waiting), set(health.ids(advice.startable_instances(context)))
    takes = sum(instance.id in free_ids for instance in waiting) if not moving and advice.could_begin(context) else 0
    latest = context.facts.latest.version if context.facts.latest else ""
    # Not the target if none moves: an upgrade of extensions has no version.
    target = context.target if moving else latest
    is_newer = bool(target) and versions.is_older(version, target)
    variant = "moving" if moving else "newer" if is_newer else "older" if target else "no_other"
    return variant, target, {"moving": moving, "takes": takes, "others": len(waiting) - (moving or takes)}


def _moving(context: ReasonContext, waiting: list[InstanceFacts]) -> int:
    """How many of the held instances get another version without anybody's action.

    While an upgrade runs, those that it takes, even to an older version; otherwise all of them, if the platform's next upgrade takes every
    single one."""
    ids, upgrade = set(health.ids(waiting)), context.upgrade
    if upgrade is None:
        is_coming = (
            context.is_automatic and not backoff.was_cancelled(context.facts) and ids <= set(health.ids(free(context)))
        )
        return len(ids) if is_coming and ids <= set(health.ids(context.outdated)) else 0
    if context.is_ending or upgrade.kind is UpgradeKind.EXTENSIONS:
        return 0
    taken = {member.instance for member in upgrade.members if member.state in _ON_THE_WAY}
    return len(ids & taken.union(health.ids(batches.not_taken_yet(context.facts, upgrade))))


_ON_THE_WAY = (InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING, InstanceUpgradeState.VERIFYING)


def failed_before(context: ReasonContext) -> tuple[int, ...]:
    """The ids of those that failed on the wanted version, in the running upgrade or before, and that no coming attempt tries again."""
    upgrade = context.upgrade
    if not context.wants_upgrade or (upgrade is None and backoff.would_take_failed(context.facts)):
        return ()
    return _left_alone(context, upgrade) if upgrade else health.ids(_failed_on(context, context.outdated))


def _left_alone(context: ReasonContext, upgrade: Upgrade) -> tuple[int, ...]:
    """The ids of failed instances that the running upgrade does not take (again).

    It takes each instance once, and those that failed before it only where it `takes_failed`."""
    if upgrade.kind is UpgradeKind.EXTENSIONS:
        return ()
    failed = {
        member.instance
        for member in upgrade.members
        if member.state in (InstanceUpgradeState.FAILED, InstanceUpgradeState.ROLLED_BACK)
    }
    before = set() if upgrade.takes_failed else {instance.id for instance in _failed_on(context, context.facts.staying)}
    return tuple(
        instance.id
        for instance in context.facts.staying
        if instance.id in failed | before and not instance.is_opted_out
    )


def taken_out(context: ReasonContext) -> tuple[int, ...]:
    """The ids of instances that a batch let go: they lack what the running upgrade brings, and it does not take them any more.

    Instances that are still opted out, or have no machine, are left out: other reasons name them."""
    upgrade = context.upgrade
    if upgrade is None or context.is_ending:
        return ()
    let_go = {member.instance for member in upgrade.members if member.state is InstanceUpgradeState.SKIPPED}
    there = [instance for instance in context.facts.staying if instance.id in let_go and instance.has_machine]
    free = [instance for instance in there if not instance.is_opted_out and not instance.busy]
    return health.ids(instance for instance in free if batches.would_be_taken(instance, upgrade))


def _failed_on(context: ReasonContext, instances: Iterable[InstanceFacts]) -> list[InstanceFacts]:
    return [
        instance for instance in instances if instance.failed_version == context.target and not instance.is_opted_out
    ]


# --- the batch that runs ----------------------------------------------------------------------------------------------

_AWAITED = {InstanceUpgradeState.VERIFYING: Why.VERIFYING, InstanceUpgradeState.ROLLING_BACK: Why.ROLLING_BACK}
_UPGRADING_BY_KIND = {UpgradeKind.IMAGE: Why.REPLACING, UpgradeKind.EXTENSIONS: Why.RUNNING_EXTENSIONS}


def under_way(context: ReasonContext) -> Mapping[Why, list[InstanceUpgradeFacts]]:
    """The members of the running batch by what is awaited of them."""
    groups: dict[Why, list[InstanceUpgradeFacts]] = defaultdict(list)
    upgrading = _UPGRADING_BY_KIND[context.upgrade.kind if context.upgrade else UpgradeKind.IMAGE]
    for member in context.upgrade.members if context.upgrade else ():
        if member.state in IN_FLIGHT:
            code = upgrading if member.replacement is None else Why.SURGING
            groups[_AWAITED.get(member.state, code)].append(member)
    return groups


def verified_by(context: ReasonContext) -> datetime:
    members = context.upgrade.members if context.upgrade else ()
    swaps = [
        member.swapped_at for member in members if member.state is InstanceUpgradeState.VERIFYING and member.swapped_at
    ]
    return min((health.wait_ends(context.facts, at, context.now) for at in swaps), default=context.now)


def busy(context: ReasonContext) -> tuple[int, ...]:
    """The ids of busy instances, without those that leave during a surge: they have a reason of their own."""
    surges = context.upgrade is not None and context.upgrade.surges
    return tuple(
        instance.id
        for instance in context.facts.instances
        if instance.busy and not (surges and instance.is_being_deleted)
    )
