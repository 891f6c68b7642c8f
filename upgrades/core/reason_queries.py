"""What the functions that find reasons ask of the facts: which instances a reason is about, and which policy applies."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from upgrades.core import advice, backoff, batches, health, versions
from upgrades.core.facts import Hold, InstanceFacts, InstanceUpgradeFacts, Upgrade
from upgrades.core.in_flight import members_in_flight
from upgrades.core.policy import Policy
from upgrades.core.reason_context import ReasonContext
from upgrades.core.states import InstanceUpgradeState, UpgradeKind
from upgrades.core.steps import Why


def policy_at_the_gate(context: ReasonContext) -> Policy:
    """The policy of the running upgrade, or of the next one: a person's where the platform will start none."""
    is_by_hand = context.upgrade is None and not context.wants_upgrade
    return advice.policy_of(context.facts, by_hand=True) if is_by_hand else context.policy


def initializing(context: ReasonContext) -> list[InstanceFacts]:
    """The instances whose first health result is awaited outside any batch."""
    in_flight = {member.instance for member in members_in_flight(context.facts)}
    return [instance for instance in health.initializing(context.facts, context.now) if instance.id not in in_flight]


def ids_and_since(lacking: Sequence[InstanceFacts]) -> tuple[tuple[int, ...], datetime]:
    """(the ids of these instances without a machine, since when the first of them has none)."""
    return tuple(sorted(health.ids(lacking))), min(instance.missing.since for instance in lacking if instance.missing)


def pause_ends_at(context: ReasonContext) -> datetime | None:
    """When the policy's pause after the last batch ends, or ended; None where it holds nothing."""
    upgrade = context.upgrade
    last = upgrade.batches[-1].finished_at if upgrade and upgrade.batches else None
    if not upgrade or not last or upgrade.pause_is_skipped or context.is_ending:
        return None
    unapproved = batches.unapproved(context.facts, upgrade)
    is_held_by_approval = unapproved and not batches.takeable_and_approved(context.facts, upgrade)
    if is_held_by_approval or not batches.not_taken_yet(context.facts, upgrade):
        return None
    return last + upgrade.policy.pause_between_batches


def unapproved(context: ReasonContext) -> tuple[int, ...]:
    """The ids of instances that lack nothing but a person's approval. Where no upgrade runs, they can be approved in advance."""
    if context.upgrade:
        return health.ids(batches.unapproved(context.facts, context.upgrade))
    return health.ids(
        instance
        for instance in next_outdated(context)
        if not batches.is_approved(instance, context.policy, context.target)
    )


def next_outdated(context: ReasonContext) -> list[InstanceFacts]:
    """The outdated instances that the platform's next upgrade would take."""
    outdated_ids = {instance.id for instance in context.outdated}
    taken = batches.next_candidates(
        context.facts, context.target, takes_failed=backoff.would_take_failed(context.facts)
    )
    return [instance for instance in taken if instance.id in outdated_ids]


def by_hold(context: ReasonContext) -> Mapping[Hold, list[InstanceFacts]]:
    """The opted-out instances among the outdated ones, grouped by their hold."""
    groups: dict[Hold, list[InstanceFacts]] = defaultdict(list)
    for instance in context.outdated:
        if instance.opt_out:
            groups[instance.opt_out].append(instance)
    return groups


def by_withdrawn_version(context: ReasonContext) -> Mapping[str, list[InstanceFacts]]:
    """The instances that run a withdrawn version, grouped by that version."""
    groups: dict[str, list[InstanceFacts]] = defaultdict(list)
    for instance in context.facts.staying:
        if instance.runs_withdrawn_version and not instance.missing and instance.version in context.facts.withdrawn:
            groups[instance.version].append(instance)
    return groups


def replacement_of_withdrawn(
    context: ReasonContext, version: str, instances: list[InstanceFacts]
) -> tuple[str, str, dict[str, int]]:
    """How these instances get away from `version`, which was withdrawn: (variant of the sentence, the version they get, counts).

    The counts: `moving` get it without anybody's action. `takes` would get it if a person started an upgrade; 0 where none could begin.
    `others`: the rest."""
    moving = _count_moving(context, instances)
    takes = 0
    if not moving and advice.could_begin(context):
        startable_ids = set(health.ids(advice.startable_instances(context)))
        takes = sum(instance.id in startable_ids for instance in instances)
    counts = {"moving": moving, "takes": takes, "others": len(instances) - (moving or takes)}
    if moving:
        return "moving", context.target, counts
    # The latest version, not the context's target: an upgrade of extensions has no target version.
    latest = context.facts.latest_image.version if context.facts.latest_image else ""
    if not latest:
        return "no_other", "", counts
    return "newer" if versions.is_older(version, latest) else "older", latest, counts


def _count_moving(context: ReasonContext, instances: list[InstanceFacts]) -> int:
    """How many of these instances get another version without anybody's action.

    While an upgrade runs: those that it takes, even to an older version. Otherwise all or none: all if the platform's next upgrade takes
    every one of them."""
    ids, upgrade = set(health.ids(instances)), context.upgrade
    if upgrade is None:
        will_start = context.is_automatic and not backoff.was_cancelled(context.facts)
        return len(ids) if will_start and ids <= set(health.ids(next_outdated(context))) else 0
    if context.is_ending or upgrade.kind is UpgradeKind.EXTENSIONS:
        return 0
    taken = {member.instance for member in upgrade.members if member.state in _BEING_UPGRADED}
    return len(ids & taken.union(health.ids(batches.not_taken_yet(context.facts, upgrade))))


_BEING_UPGRADED = (InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING, InstanceUpgradeState.VERIFYING)


def failed_before(context: ReasonContext) -> tuple[int, ...]:
    """The ids of instances that failed on the wanted version, now or before, and that will not be tried again by themselves."""
    upgrade = context.upgrade
    if not context.wants_upgrade or (upgrade is None and backoff.would_take_failed(context.facts)):
        return ()
    return _failed_and_not_retried(context, upgrade) if upgrade else health.ids(_failed_on(context, context.outdated))


def _failed_and_not_retried(context: ReasonContext, upgrade: Upgrade) -> tuple[int, ...]:
    """The ids of failed instances that the running upgrade does not try again.

    It tries each instance once, and those that failed before it only where it `takes_failed`."""
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


def skipped(context: ReasonContext) -> tuple[int, ...]:
    """The ids of instances that a batch skipped: they lack what the running upgrade brings, and it does not take them again.

    Instances that are still opted out, or have no machine, are left out: other reasons name them."""
    upgrade = context.upgrade
    if upgrade is None or context.is_ending:
        return ()
    skipped_ids = {member.instance for member in upgrade.members if member.state is InstanceUpgradeState.SKIPPED}
    with_machine = [instance for instance in context.facts.staying if instance.has_machine and not instance.is_busy]
    found = [instance for instance in with_machine if instance.id in skipped_ids and not instance.is_opted_out]
    return health.ids(instance for instance in found if batches.would_be_taken(instance, upgrade))


def _failed_on(context: ReasonContext, instances: Iterable[InstanceFacts]) -> list[InstanceFacts]:
    return [
        instance for instance in instances if instance.failed_version == context.target and not instance.is_opted_out
    ]


# --- the batch that runs ----------------------------------------------------------------------------------------------

_WHY_BY_STATE = {InstanceUpgradeState.VERIFYING: Why.VERIFYING, InstanceUpgradeState.ROLLING_BACK: Why.ROLLING_BACK}
_WHY_OF_UPGRADING = {UpgradeKind.IMAGE: Why.REPLACING, UpgradeKind.EXTENSIONS: Why.RUNNING_EXTENSIONS}


def under_way(context: ReasonContext) -> Mapping[Why, list[InstanceUpgradeFacts]]:
    """The members in flight, grouped by what is awaited of them."""
    groups: dict[Why, list[InstanceUpgradeFacts]] = defaultdict(list)
    if context.upgrade is None:
        return groups
    for member in members_in_flight(context.facts):
        upgrading = Why.SURGING if member.replacement is not None else _WHY_OF_UPGRADING[context.upgrade.kind]
        groups[_WHY_BY_STATE.get(member.state, upgrading)].append(member)
    return groups


def verification_ends_at(context: ReasonContext) -> datetime:
    """When the first wait for the health of an upgraded instance ends; now where there is none."""
    members = context.upgrade.members if context.upgrade else ()
    swaps = [
        member.swapped_at for member in members if member.state is InstanceUpgradeState.VERIFYING and member.swapped_at
    ]
    return min((health.wait_ends_at(context.facts, at, context.now) for at in swaps), default=context.now)


def busy_ids(context: ReasonContext) -> tuple[int, ...]:
    """The ids of busy instances, without those that are deleted during a surge, which have a reason of their own."""
    surges = context.upgrade is not None and context.upgrade.surges
    return tuple(
        instance.id
        for instance in context.facts.instances
        if instance.is_busy and not (surges and instance.is_being_deleted)
    )
