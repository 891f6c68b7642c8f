"""Which instances are upgraded next, and how many at once; also which ones a scale-in removes (`choose_for_removal`).

An upgrade takes an instance when it puts it into a batch, and takes each instance only once. From the widest question to the narrowest:

- `would_be_taken`: does the instance lack what the upgrade brings?
- `not_taken_yet`: the instances that the upgrade is still to take, also those that cannot be taken now.
- `pending`: those of them that could be taken if no operation ran on them.
- `takeable_now`: those of them that can be taken now.
- `takeable_and_approved`: those of them that need no approval, or have it. The next batch is chosen from these.

`available` and `available_next` do not ask what an instance lacks, only whether the running or the next upgrade may touch it.
`next_candidates` are those of `available_next` that lack the version. Lists called `free` hold the instances that are still to be chosen
from.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from upgrades.core import versions
from upgrades.core.catalogue import say
from upgrades.core.facts import Facts, InstanceFacts, Upgrade
from upgrades.core.health import exceeds, ids, unhealthy
from upgrades.core.policy import Policy
from upgrades.core.sentences import Sentence
from upgrades.core.states import StartedBy, UpgradeKind


def size(total: int, policy: Policy) -> int:
    """How many instances a batch may hold.

    Azure's step 2: "a batch with at most 20 % of the total instance count"; never less than one (Z-1.3).

    >>> [size(total, Policy()) for total in (1, 4, 5, 9, 10, 14, 15, 99, 100, 400)]
    [1, 1, 1, 1, 2, 2, 3, 19, 20, 80]
    """
    return max(1, total * policy.max_batch_percent // 100)


def has_older_version(instance: InstanceFacts, target_version: str) -> bool:
    """Is the instance's version older than the target? False where either is unknown, but a half-made instance has none at all."""
    if instance.is_half_made:
        return bool(target_version)
    return versions.is_older_if_known(instance.version, target_version)


def takeable_now(facts: Facts, upgrade: Upgrade) -> list[InstanceFacts]:
    """The instances that the upgrade has not taken yet and could take now, in ascending order of their ids."""
    # Several rules ask this of the running upgrade.
    if upgrade is facts.upgrade:
        return list(facts.cached("takeable now", lambda: tuple(_takeable_now(facts, upgrade))))
    return _takeable_now(facts, upgrade)


def _takeable_now(facts: Facts, upgrade: Upgrade) -> list[InstanceFacts]:
    taken = {member.instance for member in upgrade.members}
    return [
        instance
        for instance in available(facts, upgrade.started_by)
        if instance.id not in taken and would_be_taken(instance, upgrade)
    ]


def pending(facts: Facts, upgrade: Upgrade) -> list[InstanceFacts]:
    """The instances that `takeable_now` would return if no operation ran on any. Progress counts them as pending."""
    taken = {member.instance for member in upgrade.members}
    free = [instance for instance in facts.instances if not instance.is_opted_out and not instance.is_being_deleted]
    return [
        instance
        for instance in _available(free, upgrade.started_by)
        if instance.id not in taken and would_be_taken(instance, upgrade)
    ]


def not_taken_yet(facts: Facts, upgrade: Upgrade) -> list[InstanceFacts]:
    """All instances that the upgrade has not taken yet, except opted-out and (for the platform) quarantined ones.

    Unlike `takeable_now`, it includes instances that are busy, switched off or without a machine."""
    taken = {member.instance for member in upgrade.members}
    by_platform = upgrade.started_by is StartedBy.PLATFORM
    free = [
        instance
        for instance in facts.staying
        if not instance.is_opted_out and not (by_platform and instance.is_quarantined)
    ]
    return [instance for instance in free if instance.id not in taken and would_be_taken(instance, upgrade)]


def would_be_taken(instance: InstanceFacts, upgrade: Upgrade) -> bool:
    """Does the instance lack what the upgrade brings, so that the upgrade is to take it?

    An upgrade of failed instances alone takes those that run its version already, and replaces their disk again. An instance without an
    image is never taken: it is still being created, with everything that it is to have."""
    if upgrade.kind is UpgradeKind.EXTENSIONS:
        return bool(instance.version) and instance.extensions_key != upgrade.extensions_key
    version = upgrade.target.version
    if upgrade.only_failed:
        return (bool(instance.version) or instance.is_half_made) and instance.failed_version == version
    return _must_leave_version(instance, upgrade) and (upgrade.takes_failed or instance.failed_version != version)


def _must_leave_version(instance: InstanceFacts, upgrade: Upgrade) -> bool:
    """Is the instance on a version that it is to leave for the target?

    It moves to an older version only in an upgrade that a person started: to the version that the set is pinned to, or away from a
    withdrawn one."""
    version = upgrade.target.version
    if upgrade.takes_newer or (instance.runs_withdrawn_version and upgrade.started_by is StartedBy.USER):
        return instance.is_half_made or (bool(instance.version) and instance.version != version)
    return has_older_version(instance, version)


def takeable_and_approved(facts: Facts, upgrade: Upgrade) -> list[InstanceFacts]:
    """The remaining instances that a batch may take: all of them, or in a deferred upgrade those that a person approved (A-24)."""
    version = upgrade.target.version
    return [instance for instance in takeable_now(facts, upgrade) if is_approved(instance, upgrade.policy, version)]


def unapproved(facts: Facts, upgrade: Upgrade) -> list[InstanceFacts]:
    """The instances that still need a person's approval. Switched-off ones are among them, because they can be approved too."""
    return [
        instance
        for instance in not_taken_yet(facts, upgrade)
        if not is_approved(instance, upgrade.policy, upgrade.target.version)
    ]


def requested_first(facts: Facts, upgrade: Upgrade) -> list[InstanceFacts]:
    """The unhealthy instances that a person asked to be upgraded first (`Upgrade.upgraded_first`) and that no batch has taken yet.

    The gate does not count them: the upgrade itself is to make them healthy, so they must not prevent it."""
    return [instance for instance in takeable_and_approved(facts, upgrade) if instance.id in upgrade.upgraded_first]


def unhealthy_at_the_gate(facts: Facts, now: datetime) -> list[InstanceFacts]:
    """The unhealthy instances that the gate counts: all, except those of `requested_first`."""
    not_counted = set(ids(requested_first(facts, facts.upgrade))) if facts.upgrade else set()
    return [instance for instance in unhealthy(facts, now) if instance.id not in not_counted]


def is_approved(instance: InstanceFacts, policy: Policy, version: str) -> bool:
    """May the instance be upgraded to `version`? In a deferred upgrade only if it was approved for exactly that version."""
    return not policy.deferral or instance.approved_version == version


def touchable(facts: Facts) -> list[InstanceFacts]:
    """The instances that may be touched: not opted out, and with no operation running on them."""
    return list(facts.cached("touchable", lambda: tuple(_touchable(facts))))


def _touchable(facts: Facts) -> list[InstanceFacts]:
    return [instance for instance in facts.instances if instance.opt_out is None and not instance.is_busy]


def available(facts: Facts, started_by: StartedBy) -> list[InstanceFacts]:
    """The instances that the running upgrade may take; not those switched off, without a machine, or (for the platform) quarantined.

    A switched-off instance waits until it is started, and one without a machine gets one on the newest image.
    """
    return _available(touchable(facts), started_by)


def available_next(facts: Facts, started_by: StartedBy, version: str) -> list[InstanceFacts]:
    """The instances that the next upgrade, to `version`, may take. An opt-out for another version does not count."""
    free = [instance for instance in facts.instances if not instance.is_busy and not instance.is_opted_out_of(version)]
    return _available(free, started_by)


def next_candidates(facts: Facts, version: str, *, takes_failed: bool) -> list[InstanceFacts]:
    """The instances that the platform's next upgrade, to `version`, would take. `takes_failed`: also those that failed on it before."""
    free = [
        instance
        for instance in available_next(facts, StartedBy.PLATFORM, version)
        if has_older_version(instance, version)
    ]
    return [instance for instance in free if takes_failed or instance.failed_version != version]


def _available(free: list[InstanceFacts], started_by: StartedBy) -> list[InstanceFacts]:
    """The instances of `free` with a machine that is switched on; no unused surge instances and, for the platform, no quarantined ones."""
    by_platform = started_by is StartedBy.PLATFORM
    running = [
        instance
        for instance in free
        if not instance.is_switched_off and not instance.is_unused_surge and instance.has_machine
    ]
    return [instance for instance in running if not (by_platform and instance.is_quarantined)]


def choose_for_removal(facts: Facts, free: Sequence[InstanceFacts], count: int) -> tuple[int, ...]:
    """Choose `count` instances of `free` to remove: first those without a machine. Returns their ids, ascending.

    Within each of these two groups they come from the zone with the most instances, and from each zone the highest ids.

    >>> of_zones = tuple(InstanceFacts(id, "1", zone=zone) for id, zone in [(1, "2"), (2, "1"), (3, "2"), (4, "1"), (6, "1")])
    >>> choose_for_removal(Facts(2, of_zones), of_zones, 3)
    (3, 4, 6)
    """
    sizes = Counter(instance.zone for instance in facts.staying)
    missing = _from_fullest_zone([instance for instance in free if instance.missing], count, sizes)
    others = _from_fullest_zone([instance for instance in free if not instance.missing], count - len(missing), sizes)
    return tuple(sorted(missing + others))


def _from_fullest_zone(free: Sequence[InstanceFacts], count: int, sizes: Counter[str]) -> list[int]:
    """Choose `count` ids, each from the zone with the most instances left. `sizes`: instances by zone; reduced as they are chosen."""
    left: dict[str, list[int]] = defaultdict(list)
    for instance in sorted(free, key=lambda instance: instance.id):
        left[instance.zone].append(instance.id)
    chosen: list[int] = []
    while len(chosen) < count and any(left.values()):
        fullest = max((zone for zone in left if left[zone]), key=lambda zone: (sizes[zone], left[zone][-1]))
        chosen.append(left[fullest].pop())
        sizes[fullest] -= 1
    return chosen


@dataclass(frozen=True, slots=True)
class Choice:
    """The next batch. `surge`: new instances are created to replace its instances.

    `values`: those of the message `batch.share`, which says how it was chosen."""

    instances: tuple[int, ...]
    values: Mapping[str, object]
    surge: bool = False

    @property
    def why(self) -> Sentence:
        """How it was chosen, in a sentence that is stored with the batch."""
        return say("batch.share", **self.values)


def choose(facts: Facts, todo: Sequence[InstanceFacts], policy: Policy, now: datetime) -> Choice:
    """Choose the next batch from `todo`, the instances that can be taken: of one zone and one update domain (Z-1.4), the lowest ids first.

    Instances that failed on the target version before come last, so that others show whether the version or the machine is at fault.
    The batch shrinks while its instances and the unhealthy ones outside it together exceed the limit, but never below one: "unhealthy
    instances in previous or future batches can cause the percentage in a batch to decrease" (Z-1.3).
    """
    unhealthy_ids = set(ids(unhealthy(facts, now)))
    version = facts.upgrade.target.version if facts.upgrade else ""
    pool = _pool(todo, policy, unhealthy_ids, version)
    max_size = size(len(facts.counted), policy)
    chosen = list(ids(pool[:max_size]))
    fitting = _within_limit(facts, chosen, policy, unhealthy_ids)
    return Choice(fitting, _message_values(facts, policy, pool, max_size, fitting, unhealthy_ids))


def as_surge_batch(facts: Facts, choice: Choice) -> Choice:
    """Make the batch a surge batch. It stays as it is where the available quota is too small for as many new instances (Z-1.10)."""
    if facts.available_quota is None or facts.available_quota >= len(choice.instances):
        return replace(choice, values={**choice.values, "with_new": True}, surge=True)
    return replace(choice, values={**choice.values, "room": max(0, facts.available_quota)})


def _pool(todo: Sequence[InstanceFacts], policy: Policy, unhealthy_ids: set[int], version: str) -> list[InstanceFacts]:
    """The instances that the next batch is taken from, in order: all of the same zone and update domain."""

    def place(instance: InstanceFacts) -> tuple[str, str]:
        return "" if policy.cross_zone else instance.zone, instance.update_domain

    if policy.unhealthy_first and (first := [instance for instance in todo if instance.id in unhealthy_ids]):
        todo = first  # all unhealthy instances before any healthy one (Z-1.4)
    if version and (not_failed := [instance for instance in todo if instance.failed_version != version]):
        todo = not_failed
    ordered = sorted(todo, key=lambda instance: (*place(instance), instance.id))
    return [instance for instance in ordered if place(instance) == place(ordered[0])]


def _within_limit(facts: Facts, chosen: list[int], policy: Policy, unhealthy_ids: set[int]) -> tuple[int, ...]:
    """Shrink the batch while its instances and the unhealthy ones outside it exceed the limit together, but never below one."""
    chosen, total = list(chosen), len(facts.counted)
    while len(chosen) > 1:
        unavailable = len(chosen) + len(unhealthy_ids.difference(chosen))
        if not exceeds(unavailable, total, max(policy.max_unhealthy_percent, policy.max_batch_percent)):
            break
        chosen.pop()
    return tuple(chosen)


def _message_values(
    facts: Facts,
    policy: Policy,
    pool: Sequence[InstanceFacts],
    max_size: int,
    chosen: tuple[int, ...],
    unhealthy_ids: set[int],
) -> dict[str, object]:
    """The values of `batch.share`: how large the batch is, where its instances come from, why it is not larger. None: left out."""
    total = len(facts.counted)
    is_short, is_smaller = len(pool) < max_size, len(chosen) < min(max_size, len(pool))
    return {
        "percent": policy.max_batch_percent,
        "total": total,
        "share": total * policy.max_batch_percent / 100,
        "most": max_size,
        "zone": None if policy.cross_zone else pool[0].zone,
        "domain": pool[0].update_domain,
        "unhealthy_first": policy.unhealthy_first and pool[0].id in unhealthy_ids,
        "left": len(pool) if is_short else None,
        "deferred": policy.deferral,
        "unhealthy": len(unhealthy_ids.difference(chosen)) if is_smaller else None,
        "with_new": False,
        "room": None,
    }
